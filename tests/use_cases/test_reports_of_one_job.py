"""Several reports of one job: joined by days or by a person, agreeing or not, in any order and however often told."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.change import Change
from shared.domain.errors import ActionNotAllowed, NotFound, RuleBroken
from shared.domain.jobs import RETENTION_DAYS_MAX, Job, job_of, jobs
from shared.domain.life_cycle import Role
from shared.domain.placement import NEVER_BEGAN
from shared.policy import employment, qualifying_job
from shared.reports.contributions import graduate_row
from shared.use_cases import confirmations, enrolments, placements
from shared.use_cases.deadlines import check_retention
from shared.use_cases.guarantee import judge
from tests.builders import PROGRAMME, TERMS, InMemory, at

SIGNED = date(2027, 11, 1)
JOB: dict[str, Any] = {
    "contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": SIGNED, "starts_on": date(2027, 11, 8),
}  # fmt: skip
DIPLOMA = date(2027, 10, 4)
TOLD_ON, LATER = "2027-12-20", "2028-04-20"


def tells(case: InMemory, partner: str, report: str = "J1", day: str = TOLD_ON, **facts: Any) -> None:
    """A partner reports a job."""
    case.do(
        day,
        Role.PARTNER,
        lambda c: placements.report_placement(c, placement_id=report, **{**JOB, **facts}),
        who=partner,
    )


def says(case: InMemory, **facts: Any) -> None:
    """The graduate reports a job."""
    case.do(TOLD_ON, Role.APPLICANT, lambda c: placements.report_placement(c, **{**JOB, **facts}))


def rules(case: InMemory, placement: str, outcome: str = "verified", day: str = TOLD_ON, **more: Any) -> None:
    """A careers officer settles a job by one of its reports."""
    case.do(
        day,
        Role.CAREERS,
        lambda c: placements.rule_placement(c, placement=placement, outcome=outcome, **more),
    )


def report_of(case: InMemory, source_id: str) -> str:
    return next(key for key, each in case.case.placements.items() if each.source_id == source_id)


def only_job(case: InMemory) -> Job:
    (job,) = jobs(case.case)
    return job


def decision(case: InMemory, day: str = LATER) -> str:
    judgement = judge(case.case, PROGRAMME, TERMS, at(day))
    assert judgement is not None
    return judgement.decision.decision


def test_employer_who_says_the_same_confirms_the_graduates_report_and_asks_nobody() -> None:
    case = InMemory().qualified()
    says(case)
    before = judge(case.case, PROGRAMME, TERMS, at(LATER))
    tells(case, "northwind")
    after = judge(case.case, PROGRAMME, TERMS, at(LATER))

    assert (only_job(case).state, only_job(case).id) == ("stated", "p1")
    assert before is not None
    assert after is not None
    assert after.facts_hash == before.facts_hash
    assert case.case.agenda.turn != "careers"


@pytest.mark.parametrize(
    ("said_otherwise", "field"),
    [
        ({"hours": 12}, "hours"),
        ({"field": "out"}, "field"),
        ({"contract": "internship"}, "contract"),
        ({"employer": "programme"}, "employer"),
        ({"starts_on": date(2027, 11, 9)}, "starts_on"),
    ],
)
def test_sources_that_contradict_each_other_are_a_task_for_careers(said_otherwise: dict[str, Any], field: str) -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind", **said_otherwise)

    assert (only_job(case).state, only_job(case).differs) == ("disagreement", (field,))
    assert decision(case) == "undetermined"
    assert (case.case.agenda.turn, case.case.agenda.what) == ("careers", "settle_disagreement")


def test_source_that_does_not_say_a_thing_contradicts_nobody_and_adds_nothing() -> None:
    case = InMemory().qualified()
    says(case, hours=None)
    tells(case, "northwind")

    assert only_job(case).state == "stated"
    assert only_job(case).known.hours is None


def test_end_that_only_the_employer_tells_is_a_disagreement_until_the_graduate_says_the_same() -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind")
    ended = {"ended_on": date(2027, 11, 20), "end_reason": "dismissed"}
    case.do(TOLD_ON, Role.PARTNER, lambda c: placements.end_placement(c, placement="J1", **ended), who="northwind")
    alone = only_job(case).state
    case.do(TOLD_ON, Role.APPLICANT, lambda c: placements.end_placement(c, placement="p1", **ended))

    assert (alone, only_job(case).state) == ("disagreement", "stated")


def test_careers_settle_a_disagreement_with_the_facts_as_the_evidence_shows_them() -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind", hours=12)
    rules(case, "p1", facts={"hours": 30})

    assert (only_job(case).state, only_job(case).known.hours) == ("verified", 30)
    assert decision(case) == "satisfied"
    assert case.case.agenda.turn != "careers"


def test_what_comes_up_after_it_was_settled_opens_the_question_again() -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind", hours=12)
    rules(case, "p1", facts={"hours": 30})
    tells(case, "contoso", report="C9", hours=8)
    third = only_job(case).state
    rules(case, "p1")
    case.do(
        TOLD_ON,
        Role.PARTNER,
        lambda c: placements.end_placement(c, placement="J1", ended_on=date(2027, 11, 12), end_reason="dismissed"),
        who="northwind",
    )

    assert (third, only_job(case).state) == ("disagreement", "disagreement")


def test_settled_reports_speak_again_once_what_was_verified_is_taken_back() -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind", hours=12)
    rules(case, "p1")
    rules(case, "p1", outcome="retracted")

    assert {job.id: job.state for job in jobs(case.case)} == {
        "p1": "retracted",
        report_of(case, "northwind"): "told",
    }


def test_careers_say_that_two_reports_are_two_jobs_or_one() -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind", hours=12)
    other = report_of(case, "northwind")
    case.do(TOLD_ON, Role.CAREERS, lambda c: placements.match_placement(c, placement=other))
    apart = [job.reports for job in jobs(case.case)]
    case.do(TOLD_ON, Role.CAREERS, lambda c: placements.match_placement(c, placement=other, same_as="p1"))

    assert sorted(apart) == sorted([("p1",), (other,)])
    assert set(only_job(case).reports) == {"p1", other}


def test_report_of_a_namesake_leaves_no_trace_in_the_guarantee_once_undone() -> None:
    case = InMemory().qualified()
    says(case)
    before = judge(case.case, PROGRAMME, TERMS, at(LATER))
    tells(case, "history", report="H1", hours=8)
    other = report_of(case, "history")
    rules(case, other)
    wrong = decision(case)
    rules(case, other, outcome="retracted", reason="wrong_person")
    after = judge(case.case, PROGRAMME, TERMS, at(LATER))

    assert wrong != "satisfied"
    assert before is not None
    assert after is not None
    assert (after.facts, after.decision) == (before.facts, before.decision)
    assert other not in {report for job in jobs(case.case) for report in job.reports}


def test_reason_of_a_retraction_is_refused_where_nothing_is_retracted() -> None:
    case = InMemory().qualified()
    says(case)

    with pytest.raises(Exception, match="reason"):
        rules(case, "p1", reason="wrong_person")


def test_partner_corrects_its_report_with_a_higher_revision() -> None:
    case = InMemory().qualified()
    tells(case, "northwind", hours=12)
    tells(case, "northwind", hours=37, revision=2)
    tells(case, "northwind", hours=20, revision=1)

    assert (only_job(case).known.hours, only_job(case).known.revision) == (37, 2)


def test_partner_that_tells_one_revision_in_two_ways_is_asked_by_a_person() -> None:
    case = InMemory().qualified()
    tells(case, "northwind", hours=12)
    tells(case, "northwind", hours=37)
    tells(case, "northwind", hours=37)

    assert only_job(case).state == "disputed"


def test_partner_that_corrects_what_a_person_verified_opens_the_question_again() -> None:
    case = InMemory().qualified()
    tells(case, "northwind")
    rules(case, report_of(case, "northwind"))
    tells(case, "northwind", hours=12, revision=1)

    assert only_job(case).state == "disputed"


def test_person_corrects_only_a_report_of_their_own_that_nobody_has_verified() -> None:
    case = InMemory().qualified()
    says(case)
    case.do(TOLD_ON, Role.APPLICANT, lambda c: placements.correct_placement(c, placement="p1", hours=20))
    corrected = case.case.placements["p1"].hours
    rules(case, "p1")

    assert corrected == 20
    with pytest.raises(RuleBroken):
        case.do(TOLD_ON, Role.APPLICANT, lambda c: placements.correct_placement(c, placement="p1", hours=37))


def test_job_known_by_several_reports_is_asked_after_once() -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind")
    for day in ("2027-12-21", "2027-12-22"):
        case.do(day, Role.SYSTEM, lambda c: check_retention(c, None))  # type: ignore[arg-type]

    assert case.letters.count("retention_check") == 1


def ends(case: InMemory, ended_on: str, day: str = TOLD_ON, **why: str) -> None:
    """A partner tells that its job ended."""
    ended = {"ended_on": date.fromisoformat(ended_on), **why}
    case.do(day, Role.PARTNER, lambda c: placements.end_placement(c, placement="J1", **ended), who="northwind")


@pytest.mark.parametrize("told", ["2027-11-20", "2027-11-25"])
@pytest.mark.parametrize("order", [("2027-11-20", "2027-11-25"), ("2027-11-25", "2027-11-20")])
def test_end_that_was_told_before_a_person_verified_the_job_says_nothing_new(order: tuple[str, str], told: str) -> None:
    case = InMemory().qualified()
    tells(case, "northwind")
    for ended_on in order:
        ends(case, ended_on)
    doubted = only_job(case).state
    rules(case, report_of(case, "northwind"), still_held=True)
    ends(case, told)

    assert doubted == "disputed"
    assert (only_job(case).state, only_job(case).known.ended_on) == ("verified", None)


def test_another_end_than_those_told_before_opens_the_question_again() -> None:
    case = InMemory().qualified()
    tells(case, "northwind")
    ends(case, "2027-11-20")
    rules(case, report_of(case, "northwind"))
    ends(case, "2027-11-20", end_reason="resigned")

    assert only_job(case).state == "disputed"


def told_the_end_of(case: InMemory, ended_on: str, day: str, **why: str) -> Job:
    """A job that graduate and employer reported and a person verified, once the employer alone tells that it ended."""
    says(case)
    tells(case, "northwind")
    rules(case, "p1")
    ends(case, ended_on, day, **why)
    return only_job(case)


@pytest.mark.parametrize("why", [{}, {"end_reason": "resigned"}, {"end_reason": "dismissed"}])
def test_ordinary_end_of_a_job_leaves_a_settled_case_as_it_was(why: dict[str, str]) -> None:
    case = InMemory().qualified()
    job = told_the_end_of(case, "2029-05-31", "2029-06-01", **why)
    row = graduate_row(case.case, [], PROGRAMME)

    assert (job.state, job.differs) == ("verified", ())
    assert job.known.ended_on == date(2029, 5, 31)
    assert decision(case, "2029-06-01") == "satisfied"
    assert case.case.agenda.turn != "careers"
    assert row is not None
    assert [each["status"] for each in row["jobs"]] == ["1A"]


@pytest.mark.parametrize(("ended_on", "state"), [("2027-12-11", "disagreement"), ("2027-12-12", "verified")])
def test_end_that_one_source_tells_is_asked_about_within_the_days_of_retention_only(ended_on: str, state: str) -> None:
    assert told_the_end_of(InMemory().qualified(), ended_on, TOLD_ON).state == state


def test_job_that_never_began_by_one_sources_word_is_asked_about_however_late() -> None:
    job = told_the_end_of(InMemory().qualified(), "2028-02-01", "2028-02-02", end_reason="rescinded")

    assert (job.state, job.differs) == ("disagreement", ("ended_on",))


def test_end_of_a_job_whose_first_day_nobody_knows_is_asked_about() -> None:
    case = InMemory().qualified()
    says(case, starts_on=None)
    tells(case, "northwind")
    ends(case, "2028-05-31", "2028-06-01")

    assert only_job(case).state == "disagreement"


@pytest.mark.parametrize(
    ("told_on", "ended_on", "state"),
    [
        ("2027-10-01", "2027-09-30", "disagreement"),
        ("2027-10-20", "2027-10-04", "disagreement"),
        ("2027-10-20", "2027-10-05", "stated"),
    ],
    ids=["before the diploma", "of the day of the diploma", "of the day after it"],
)
def test_end_of_an_earlier_job_is_asked_about_unless_it_was_held_after_the_diploma(
    told_on: str, ended_on: str, state: str
) -> None:
    earlier = {"contract_signed_on": date(2027, 6, 1), "starts_on": date(2027, 6, 7)}
    case = InMemory().studying()
    case.do("2027-06-08", Role.APPLICANT, lambda c: placements.report_placement(c, **{**JOB, **earlier}))
    tells(case, "northwind", day="2027-06-08", **earlier)
    told_early = told_on < "2027-10-04"
    if told_early:
        ends(case, ended_on, told_on)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=DIPLOMA))
    if not told_early:
        ends(case, ended_on, told_on)

    assert only_job(case).state == state


def test_ends_that_sources_tell_differently_are_asked_about_only_where_one_of_them_could_decide() -> None:
    late, early = InMemory().qualified(), InMemory().qualified()
    for case, ended_on in ((late, date(2028, 5, 31)), (early, date(2027, 11, 30))):
        says(case)
        tells(case, "northwind")
        case.do(
            "2028-06-01",
            Role.APPLICANT,
            lambda c, on=ended_on: placements.end_placement(c, placement="p1", ended_on=on),
        )
        ends(case, "2028-05-15", "2028-06-01", end_reason="resigned")

    assert (only_job(late).state, only_job(late).known.ended_on) == ("stated", date(2028, 5, 31))
    assert (only_job(early).state, only_job(early).differs) == ("disagreement", ("ended_on",))


def test_no_terms_ask_that_a_job_last_longer_than_the_days_after_which_its_end_is_not_asked_about() -> None:
    assert max(terms.retention_days or 0 for terms in TERMS.values()) <= RETENTION_DAYS_MAX


def test_reasons_for_which_a_job_never_began_are_the_policys_own() -> None:
    assert set(NEVER_BEGAN) == set(qualifying_job.BEFORE_IT_BEGAN) == set(employment.NEVER_BEGAN)


BEFORE_IT_BEGAN = date(2027, 11, 7)


def test_nobody_ends_a_job_before_its_first_day_but_for_a_reason_of_one_that_never_began() -> None:
    case = InMemory().qualified()
    says(case)
    for act in (
        lambda c: placements.end_placement(c, placement="p1", ended_on=BEFORE_IT_BEGAN, end_reason="dismissed"),
        lambda c: placements.end_placement(c, placement="p1", ended_on=BEFORE_IT_BEGAN),
    ):
        with pytest.raises(RuleBroken, match="first day"):
            case.do(TOLD_ON, Role.APPLICANT, act)
    case.do(
        TOLD_ON,
        Role.APPLICANT,
        lambda c: placements.end_placement(c, placement="p1", ended_on=BEFORE_IT_BEGAN, end_reason="rescinded"),
    )

    assert only_job(case).known.end_reason == "rescinded"


def test_job_may_end_on_its_first_day() -> None:
    case = InMemory().qualified()
    says(case)
    case.do(TOLD_ON, Role.APPLICANT, lambda c: placements.end_placement(c, placement="p1", ended_on=JOB["starts_on"]))

    assert only_job(case).state == "stated"


def test_person_moves_no_start_past_the_end_that_they_told() -> None:
    case = InMemory().qualified()
    says(case)
    case.do(TOLD_ON, Role.APPLICANT, lambda c: placements.end_placement(c, placement="p1", ended_on=date(2027, 11, 30)))

    with pytest.raises(RuleBroken, match="first day"):
        case.do(
            TOLD_ON,
            Role.APPLICANT,
            lambda c: placements.correct_placement(c, placement="p1", starts_on=date(2027, 12, 1)),
        )


def test_careers_verify_no_job_that_ended_before_its_first_day_until_the_facts_hold_together() -> None:
    case = InMemory().qualified()
    tells(case, "northwind")
    report = report_of(case, "northwind")
    with pytest.raises(RuleBroken, match="first day"):
        rules(case, report, facts={"ended_on": BEFORE_IT_BEGAN})
    ends(case, BEFORE_IT_BEGAN.isoformat())
    with pytest.raises(RuleBroken, match="first day"):
        rules(case, report)
    rules(case, report, facts={"ended_on": date(2027, 12, 17), "end_reason": "resigned"})

    assert only_job(case).state == "verified"


def test_end_before_the_first_day_that_a_partner_tells_is_disputed_until_the_first_day_is_corrected() -> None:
    case = InMemory().qualified()
    tells(case, "northwind", starts_on=date(2027, 12, 1))
    rules(case, report_of(case, "northwind"))
    before = decision(case)
    ends(case, "2027-11-20", end_reason="resigned")
    doubted = only_job(case).state, decision(case), case.case.agenda.what
    rules(case, report_of(case, "northwind"), facts={"starts_on": date(2027, 11, 8)})

    assert before == "satisfied"
    assert doubted == ("disputed", "undetermined", "verify_placement")
    assert (only_job(case).state, decision(case)) == ("verified", "satisfied")


def test_employer_confirms_no_job_that_ended_before_its_first_day() -> None:
    case = InMemory().qualified()
    says(case)
    version = confirmations._version(case.case.placements["p1"])
    answer = {"placement": "p1", "version": version, "answer": "differs"}
    facts = {"ended_on": BEFORE_IT_BEGAN.isoformat()}

    with pytest.raises(RuleBroken, match="first day"):
        case.do(TOLD_ON, Role.PARTNER, lambda c: confirmations.confirm(c, **answer, facts=facts))
    case.do(
        TOLD_ON, Role.PARTNER, lambda c: confirmations.confirm(c, **answer, facts=facts | {"end_reason": "rescinded"})
    )

    assert len(only_job(case).reports) == 2


def asks_whether_it_holds(case: InMemory, day: str) -> int:
    """The retention timer on a day; how often the graduate has been asked by then."""
    case.do(day, Role.SYSTEM, lambda c: check_retention(c, None))  # type: ignore[arg-type]
    return case.letters.count("retention_check")


def test_job_whose_start_moves_is_asked_after_again() -> None:
    case = InMemory().qualified()
    says(case)
    asked = asks_whether_it_holds(case, "2027-12-21")
    case.do(
        "2027-12-22",
        Role.APPLICANT,
        lambda c: placements.correct_placement(c, placement="p1", starts_on=date(2028, 1, 10)),
    )
    due = case.case.agenda.retention_at

    assert (asked, due) == (1, at("2028-02-13"))
    assert asks_whether_it_holds(case, "2028-02-13") == 2
    assert case.case.agenda.retention_at is None


def test_job_is_asked_after_again_where_a_person_verified_another_start() -> None:
    case = InMemory().qualified()
    says(case)
    tells(case, "northwind", starts_on=date(2028, 1, 10))
    asks_whether_it_holds(case, "2027-12-21")
    rules(case, report_of(case, "northwind"), day="2027-12-22")

    assert case.case.agenda.retention_at == at("2028-02-13")


def test_correction_that_leaves_the_start_alone_asks_nobody_again() -> None:
    case = InMemory().qualified()
    says(case)
    asks_whether_it_holds(case, "2027-12-21")
    case.do("2027-12-22", Role.APPLICANT, lambda c: placements.correct_placement(c, placement="p1", hours=30))

    assert case.case.agenda.retention_at is None


# Order and repetition.

Telling = Callable[[Change], object]

FACTS = st.fixed_dictionaries(
    {
        "contract": st.sampled_from(["permanent", "fixed_term"]),
        "field": st.sampled_from(["in", "out", "unknown"]),
        "hours": st.sampled_from([None, 12, 37]),
        "contract_signed_on": st.sampled_from([SIGNED, date(2027, 12, 1), None]),
        "starts_on": st.sampled_from([date(2027, 11, 8), date(2027, 12, 6), None]),
    }
)
ENDS = st.fixed_dictionaries(
    {
        "ended_on": st.sampled_from([date(2027, 11, 20), date(2027, 12, 19)]),
        "end_reason": st.sampled_from([None, "dismissed", "resigned"]),
    }
)
REPORTS = st.sampled_from(["J1", "J2"])
PARTNERS_TELL = st.tuples(
    st.sampled_from(["northwind", "history"]),
    st.one_of(
        st.tuples(st.just("report"), REPORTS, FACTS, st.integers(0, 2)),
        st.tuples(st.just("report"), REPORTS, FACTS, st.just(0)),
        st.tuples(st.just("end"), REPORTS, ENDS),
        st.tuples(st.just("retract"), REPORTS, st.sampled_from([None, "wrong_person"])),
    ),
)
GRADUATE_SAYS = st.one_of(
    st.tuples(st.just("report"), FACTS), st.tuples(st.just("end"), ENDS), st.tuples(st.just("retract"))
)
QUALIFIED = {signed_on: InMemory().qualified(signed_on=signed_on).case for signed_on in ("2027-02-22", "2027-03-15")}


def partners_act(told: tuple[Any, ...]) -> Telling:
    what, report, *rest = told
    if what == "report":
        return lambda c: placements.report_placement(c, placement_id=report, revision=rest[1], **rest[0])
    if what == "end":
        return lambda c: placements.end_placement(c, placement=report, **rest[0])
    return lambda c: placements.retract_placement(c, placement=report, reason=rest[0])


def graduates_act(said: tuple[Any, ...]) -> Telling:
    def own(c: Change) -> str:
        return next((key for key, each in c.case.placements.items() if each.source == Role.APPLICANT), "none")

    if said[0] == "report":
        return lambda c: placements.report_placement(c, **said[1])
    if said[0] == "end":
        return lambda c: placements.end_placement(c, placement=own(c), **said[1])
    return lambda c: placements.retract_placement(c, placement=own(c))


def heard(signed_on: str, tellings: list[tuple[str, Telling]]) -> InMemory:
    """What becomes of a case that is told these things in this order; what has no place yet waits, as in the inbox."""
    case = InMemory()
    case.case = QUALIFIED[signed_on].model_copy(deep=True)
    waiting = tellings
    while waiting:
        left = []
        for who, act in waiting:
            role = Role.APPLICANT if who == "graduate" else Role.PARTNER
            try:
                case.do(TOLD_ON, role, act, who=who)
            except (NotFound, ActionNotAllowed, RuleBroken):
                left.append((who, act))
        if len(left) == len(waiting):
            break
        waiting = left
    return case


def seen(case: InMemory) -> list[Any]:
    """What may not depend on the order: the outcome, decisions, criteria, each job's verdict, on days all through."""
    found: list[Any] = [sorted((job.state, len(job.reports)) for job in jobs(case.case))]
    found.append(graduate_row(case.case, [], PROGRAMME))
    for day in (TOLD_ON, "2028-04-03", "2028-06-20"):
        judgement = judge(case.case, PROGRAMME, TERMS, at(day))
        assert judgement is not None
        told = judgement.decision
        found += [told.decision, told.claim_deadline, {key: each.status for key, each in told.criteria.items()}]
        found.append(sorted((each.counts, each.reason) for each in told.jobs.values()))
    return found


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(QUALIFIED)),
    st.lists(PARTNERS_TELL, min_size=1, max_size=7),
    st.lists(GRADUATE_SAYS, max_size=3),
    st.integers(0, 10**6),
)
def test_order_and_repetition_of_reports_never_change_a_verdict(
    signed_on: str, told: list[tuple[str, tuple[Any, ...]]], said: list[tuple[Any, ...]], seed: int
) -> None:
    chance = random.Random(seed)
    partners = [(who, partners_act(what)) for who, what in told]
    graduate = [("graduate", graduates_act(what)) for what in said]
    once = heard(signed_on, [*graduate, *partners])

    shuffled = [*partners, *chance.sample(partners, k=len(partners) // 2)]
    chance.shuffle(shuffled)
    for act in reversed(graduate):  # One person says one thing after the other; only the partners' come as they may.
        latest = min((n for n, each in enumerate(shuffled) if each[0] == "graduate"), default=len(shuffled))
        shuffled.insert(chance.randint(0, latest), act)
    again = heard(signed_on, shuffled)

    assert seen(again) == seen(once)


def test_a_report_is_about_one_job() -> None:
    case = InMemory().qualified()
    says(case)

    assert job_of(case.case, "p1") == only_job(case)
    assert job_of(case.case, "p2") is None

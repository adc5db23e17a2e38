"""What the service feeds the policy: nothing left to a default, unknown said in each key's own word."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from local.testing import Stack
from shared.domain.errors import InvalidInput, RuleBroken
from shared.domain.life_cycle import Role
from shared.policy.facts import parse_facts
from shared.use_cases import job_search, placements, refunds
from shared.use_cases.guarantee import as_known, facts_of, judge
from tests.builders import PROGRAMME, SERVICES, TERMS, InMemory, at
from tests.people import Applicant

JOB: dict[str, Any] = {"contract": "permanent", "contract_signed_on": date(2027, 11, 1), "starts_on": date(2027, 11, 8)}


def facts(case: InMemory, day: str = "2027-12-01") -> dict[str, Any]:
    found = facts_of(case.case, PROGRAMME, TERMS["reference"], at(day))
    parse_facts(found, TERMS)  # What is fed is always acceptable to the policy.
    return found


def test_what_was_never_said_is_unknown_in_the_keys_own_word() -> None:
    case = InMemory().studying("2027-03-15")
    case.do("2027-10-04", Role.PARTNER, lambda c: c.record("diploma_awarded", "D", on=date(2027, 10, 4)))

    fed = facts(case)

    assert fed["right_to_work"] == "unknown"
    assert fed["search"]["default"] is None
    assert fed["notice_sent"] is False
    assert (fed["jobs"], fed["offers"], fed["claims"], fed["pauses"]) == ([], [], [], [])


@pytest.mark.parametrize(
    ("who", "verified"), [(Role.APPLICANT, True), (Role.PARTNER, "disputed"), (Role.CAREERS, "disputed")]
)
def test_report_counts_as_verified_only_from_the_graduate_until_a_person_vouches(who: Role, verified: object) -> None:
    case = InMemory().qualified()

    case.do("2027-11-02", who, lambda c: placements.report_placement(c, **JOB))

    assert facts(case)["jobs"][0]["verified"] == verified


@pytest.mark.parametrize(("outcome", "verified"), [("verified", True), ("disputed", "disputed")])
def test_a_persons_ruling_stands_whoever_reported(outcome: str, verified: object) -> None:
    case = InMemory().qualified()
    case.do("2027-11-02", Role.PARTNER, lambda c: placements.report_placement(c, placement_id="J1", **JOB))
    placement = next(iter(case.case.placements))

    case.do("2027-11-03", Role.CAREERS, lambda c: placements.rule_placement(c, placement=placement, outcome=outcome))

    assert facts(case)["jobs"][0]["verified"] == verified


def test_hours_that_nobody_stated_are_fed_as_not_known() -> None:
    case = InMemory().qualified()

    case.do("2027-11-02", Role.APPLICANT, lambda c: placements.report_placement(c, **JOB))

    assert facts(case)["jobs"][0]["hours"] is None


def test_retracted_report_is_retracted_and_no_longer_disputed() -> None:
    case = InMemory().qualified()
    case.do("2027-11-02", Role.PARTNER, lambda c: placements.report_placement(c, placement_id="J1", **JOB))
    case.do("2027-11-03", Role.PARTNER, lambda c: placements.retract_placement(c, placement="J1"))

    job = facts(case)["jobs"][0]

    assert (job["verified"], job["retracted"]) == (True, True)


def test_weeks_without_a_log_are_not_known() -> None:
    case = InMemory().qualified()
    case.do(
        "2027-10-18",
        Role.APPLICANT,
        lambda c: job_search.log_search_week(c, monday=date(2027, 10, 11), applications=6),
    )

    assert facts(case)["search"] == {"default": None, "weeks": {"2027-10-11": 6}, "exempt": []}


def test_leave_from_the_course_moves_its_limit_by_its_days() -> None:
    case = InMemory().studying("2027-03-15")
    case.case.enrolment.leave_days = 10

    assert facts(case)["started_on"] == "2027-04-15"


def test_search_week_that_is_still_to_come_or_long_past_is_closed() -> None:
    case = InMemory().qualified()

    for monday in (date(2027, 12, 6), date(2027, 10, 11)):
        with pytest.raises(Exception, match="week"):
            case.do(
                "2027-12-03",
                Role.APPLICANT,
                lambda c, monday=monday: job_search.log_search_week(c, monday=monday, applications=5),
            )


@pytest.mark.parametrize(("day", "is_open"), [("2027-04-07", True), ("2027-04-08", False)])
def test_survey_of_intent_closes_with_the_third_day_of_the_course(day: str, is_open: bool) -> None:
    case = InMemory().studying()
    case.do("2027-04-05", Role.APPLICANT, lambda c: job_search.declare(c, fact="intent", value="job"))

    if is_open:
        case.do(day, Role.APPLICANT, lambda c: job_search.declare(c, fact="intent", value="study"))
    else:
        with pytest.raises(RuleBroken, match="survey of intent closed"):
            case.do(day, Role.APPLICANT, lambda c: job_search.declare(c, fact="intent", value="study"))

    assert case.case.enrolment.intent == ("study" if is_open else "job")


def test_base_pay_is_kept_in_minor_units_and_a_persons_ruling_corrects_it() -> None:
    case = InMemory().qualified()
    pay = {"amount": "42000.50", "currency": "EUR"}
    case.do("2027-11-02", Role.APPLICANT, lambda c: placements.report_placement(c, base_pay=pay, **JOB))
    said = case.case.placements["p1"]
    seen = pay | {"amount": "41000"}
    case.do(
        "2027-11-03",
        Role.CAREERS,
        lambda c: placements.rule_placement(c, placement="p1", outcome="verified", facts={"base_pay": seen}),
    )

    ruled = case.case.placements["p1"]

    assert (said.base_minor, said.base_currency) == (4_200_050, "EUR")
    assert (ruled.base_minor, ruled.base_currency) == (4_100_000, "EUR")


def test_base_pay_with_more_decimals_than_its_currency_has_is_refused() -> None:
    case = InMemory().qualified()

    with pytest.raises(InvalidInput):
        case.do(
            "2027-11-02",
            Role.APPLICANT,
            lambda c: placements.report_placement(c, base_pay={"amount": "1.5", "currency": "JPY"}, **JOB),
        )


def test_what_was_known_on_any_day_comes_out_of_the_events_alone() -> None:
    case = InMemory().qualified("2027-10-04")
    acts: list[tuple[str, Role, Any]] = [
        (
            "2027-10-20",
            Role.APPLICANT,
            lambda c: job_search.log_search_week(c, monday=date(2027, 10, 11), applications=9),
        ),
        ("2027-11-02", Role.APPLICANT, lambda c: placements.report_placement(c, **JOB)),
        ("2027-11-20", Role.CAREERS, lambda c: placements.rule_placement(c, placement="p1", outcome="verified")),
        ("2028-03-01", Role.CAREERS, lambda c: placements.retract_placement(c, placement="p1", reason="never_true")),
        ("2028-04-20", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES)),
    ]
    seen = [(at("2027-10-05"), judge(case.case, PROGRAMME, TERMS, at("2027-10-05")))]
    for day, role, act in acts:
        case.do(day, role, act)
        seen.append((at(day), judge(case.case, PROGRAMME, TERMS, at(day))))

    assert len({judgement.facts_hash for _, judgement in seen if judgement}) == len(seen) - 1, "taken back: as before"
    for moment, judgement in seen:
        assert judge(as_known(case.events, case.case, moment), PROGRAMME, TERMS, moment) == judgement


def test_guarantee_is_told_as_it_was_known_on_a_day_and_never_of_a_day_to_come(stack: Stack) -> None:
    graduate = Applicant(stack).to_diploma()

    def told(**asked: str) -> tuple[int, Any]:
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        answer = graduate.sees(f"/guarantee?{query}")
        return answer.status_code, answer.json()

    assert told(known_on="2027-01-10")[1]["decision"] == "not_started"
    assert told(known_on="2027-01-11")[1]["decision"] == told(on="2027-01-11")[1]["decision"] == "open"
    for name in ("on", "known_on"):
        status, problem = told(**{name: "2027-01-12"})
        assert (status, problem["errors"]) == (422, [{"pointer": f"/{name}", "code": "in_the_future"}])

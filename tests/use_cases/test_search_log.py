"""The log of the search: warned before a right is at risk, weeks that stay open for the cure, a duty of contact."""

from __future__ import annotations

from datetime import date

import pytest

from shared.domain.errors import Forbidden, RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import enrolments, job_search, placements
from shared.use_cases.deadlines import _remind_of_window, _warn_of_search
from shared.use_cases.search_log import last_heard_on
from tests.builders import SERVICES, InMemory, at

REFERENCE, PUBLISHED = "2027-03-15", "2027-02-22"


def sweep(case: InMemory, day: str) -> None:
    """The deadlines timer on a day; what it does to a graduate."""
    case.do(day, Role.SYSTEM, lambda c: (_remind_of_window(c), _warn_of_search(c, SERVICES)))


def logs(
    case: InMemory, monday: str, day: str, applications: int = 6, role: Role = Role.APPLICANT, **more: str
) -> None:
    case.do(
        day,
        role,
        lambda c: job_search.log_search_week(
            c, monday=date.fromisoformat(monday), applications=applications, note=more.get("note")
        ),
    )


def due_on(case: InMemory) -> date | None:
    moment = case.case.agenda.deadlines_at
    return moment.date() if moment else None


def test_graduate_is_warned_once_the_allowed_weeks_are_missed_and_no_earlier() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    due = due_on(case)
    sweep(case, "2027-10-26")
    too_early = dict(case.case.enrolment.warned_weeks)
    sweep(case, "2027-10-27")

    assert due == date(2027, 10, 27)
    assert too_early == {}
    assert case.case.enrolment.warned_weeks == {
        "2027-10-11": date(2027, 10, 27),
        "2027-10-18": date(2027, 10, 27),
    }
    assert case.letters.count("search_warning") == 1


def test_warnings_come_a_cure_period_apart_and_name_each_week_once() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    for day in range(27, 32):
        sweep(case, f"2027-10-{day}")
    next_one = due_on(case)
    sweep(case, "2027-11-09")
    between = case.letters.count("search_warning")
    sweep(case, "2027-11-10")

    assert next_one == date(2027, 11, 10)
    assert (between, case.letters.count("search_warning")) == (1, 2)
    assert sorted(case.case.enrolment.warned_weeks) == ["2027-10-11", "2027-10-18", "2027-10-25", "2027-11-01"]


def test_log_in_time_puts_the_warning_off() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    logs(case, "2027-10-11", "2027-10-18")

    assert due_on(case) == date(2027, 11, 3)


def test_week_with_too_few_applications_is_missed_as_an_empty_one_is() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    logs(case, "2027-10-11", "2027-10-18", applications=1)

    assert due_on(case) == date(2027, 10, 27)


def test_nobody_is_warned_of_a_log_that_the_terms_do_not_ask_for() -> None:
    case = InMemory().qualified(signed_on=PUBLISHED)
    sweep(case, "2027-12-20")

    assert case.letters.count("search_warning") == 0


def test_warned_week_stays_open_for_the_cure_period_and_closes_after_it() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    with pytest.raises(RuleBroken, match="any more"):
        logs(case, "2027-10-11", "2027-12-19")
    sweep(case, "2027-12-20")
    logs(case, "2027-10-11", "2028-01-03")
    with pytest.raises(RuleBroken, match="any more"):
        logs(case, "2027-10-18", "2028-01-04")

    assert case.case.enrolment.weeks == {"2027-10-11": 6}


def test_careers_log_a_week_that_has_closed_and_say_what_it_rests_on() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    with pytest.raises(RuleBroken, match="rests on"):
        logs(case, "2027-10-11", "2028-02-01", role=Role.CAREERS)
    logs(case, "2027-10-11", "2028-02-01", role=Role.CAREERS, note="Mails of that week, seen.")
    with pytest.raises(RuleBroken, match="any more"):
        logs(case, "2028-02-07", "2028-02-01", role=Role.CAREERS, note="A week to come.")

    assert case.case.enrolment.weeks == {"2027-10-11": 6}


def test_proofs_of_a_week_are_documents_of_the_case() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)

    with pytest.raises(Exception, match="nothing"):
        case.do(
            "2027-10-18",
            Role.APPLICANT,
            lambda c: job_search.log_search_week(c, monday=date(2027, 10, 11), applications=6, documents=["nothing"]),
        )


def test_graduate_of_whom_nothing_is_heard_is_on_the_early_risk_list_sixty_days_before_the_end() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)

    assert case.case.guarantee.window_end == date(2028, 4, 4)
    assert case.case.agenda.risk_at == at("2028-02-04")


def test_log_of_the_search_and_a_contact_put_the_risk_off() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    logs(case, "2028-01-24", "2028-01-31")
    after_log = case.case.agenda.risk_at
    case.do("2028-02-10", Role.CAREERS, lambda c: enrolments.log_contact(c, contacted_on=date(2028, 2, 10)))

    assert (after_log, case.case.agenda.risk_at) == (at("2028-02-20"), at("2028-03-02"))


OUT_OF_FIELD = {"contract": "permanent", "field": "out", "hours": 37, "contract_signed_on": date(2028, 2, 10)}


def reports(case: InMemory, role: Role, **more: str) -> str:
    """A report of a job that does not count, in the risk's own weeks; its id."""
    change = case.do(
        "2028-02-10",
        role,
        lambda c: placements.report_placement(c, starts_on=date(2028, 2, 14), **OUT_OF_FIELD, **more),
    )
    return str(change.answer["placement_id"])


def test_report_of_somebody_else_is_no_word_of_the_graduate() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    report = reports(case, Role.PARTNER, placement_id="N1")
    case.do("2028-02-11", Role.PARTNER, lambda c: placements.retract_placement(c, placement="N1"))

    assert case.case.placements[report].status == "retracted"
    assert last_heard_on(case.case) == date(2027, 10, 4)
    assert case.case.agenda.risk_at == at("2028-02-04")


def test_report_of_the_graduate_puts_the_risk_off_until_it_is_taken_back() -> None:
    case = InMemory().qualified(signed_on=REFERENCE)
    report = reports(case, Role.APPLICANT)
    while_it_stood = case.case.agenda.risk_at
    case.do("2028-02-11", Role.APPLICANT, lambda c: placements.retract_placement(c, placement=report))

    assert (while_it_stood, case.case.agenda.risk_at) == (at("2028-03-02"), at("2028-02-04"))


def test_contact_that_is_overdue_becomes_the_careers_teams_turn_until_it_is_logged() -> None:
    case = InMemory().qualified(signed_on=PUBLISHED)
    sweep(case, "2028-02-10")
    before = case.case.agenda.what
    sweep(case, "2028-02-11")
    overdue = (case.case.agenda.turn, case.case.agenda.what)
    case.do("2028-02-12", Role.CAREERS, lambda c: enrolments.log_contact(c, contacted_on=date(2028, 2, 12)))

    assert before == "search"
    assert overdue == ("careers", "contact_graduate")
    assert case.case.agenda.turn == "applicant"


def test_graduate_with_a_job_is_not_at_risk() -> None:
    case = InMemory().qualified(signed_on=PUBLISHED)
    job = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2027, 11, 1)}
    case.do(
        "2027-11-02",
        Role.APPLICANT,
        lambda c: placements.report_placement(c, starts_on=date(2027, 11, 2), **job),
    )

    assert case.case.agenda.risk_at is None


def test_nobody_but_the_timer_says_that_a_contact_fell_due() -> None:
    case = InMemory().qualified(signed_on=PUBLISHED)

    with pytest.raises(Forbidden):
        case.do("2028-02-11", Role.CAREERS, lambda c: c.record("contact_fell_due"))

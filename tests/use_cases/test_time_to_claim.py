"""The time to claim: nobody's runs out before they were told, and nobody makes themselves a new one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.audit.case_checks import _waiting
from shared.domain.change import Change
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines, enrolments, job_search, placements, refunds
from tests.builders import PROGRAMME, SERVICES, TERMS, InMemory, at

ALL_WEEKS: dict[str, Any] = {"first_day": date(2027, 10, 1), "last_day": date(2028, 5, 1)}
A_JOB: dict[str, Any] = {"contract": "permanent", "hours": 37, "contract_signed_on": date(2027, 12, 1)}


def sweep(case: InMemory, day: str) -> Change:
    return case.do(day, Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))


def claims(case: InMemory, day: str) -> None:
    case.do(day, Role.APPLICANT, lambda change: refunds.file_claim(change, SERVICES))


def may_work(case: InMemory, day: str) -> None:
    case.do(day, Role.APPLICANT, lambda change: job_search.declare(change, fact="right_to_work", value="yes"))


def exempt(case: InMemory, day: str) -> None:
    case.do(
        day, Role.CAREERS, lambda change: job_search.exempt_weeks(change, **ALL_WEEKS, note="Ill."), who="careers-9"
    )


def graduate() -> InMemory:
    """Under the terms that ask for a claim; neither the right to work nor the search is known."""
    case = InMemory().studying("2027-03-15").paid("7200.00")
    day = date(2027, 10, 4)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=day))
    return case


def lapsed() -> InMemory:
    """The claim was never made, and the lapse is signed."""
    case = graduate()
    exempt(case, "2027-10-05")
    may_work(case, "2027-10-05")
    sweep(case, "2028-04-05")
    sweep(case, "2028-06-10")
    case.signs("2028-06-11", who="finance-1")
    assert case.refund().status == "lapsed"
    return case


@pytest.mark.parametrize("who", ["the graduate", "careers"])
def test_first_notice_after_the_deadline_gives_all_the_days_from_then(who: str) -> None:
    case = graduate()
    first, last = (exempt, may_work) if who == "the graduate" else (may_work, exempt)
    first(case, "2027-10-05")
    sweep(case, "2028-04-10")
    assert case.case.guarantee.decision == "undetermined"
    last(case, "2028-06-20")

    noticed = sweep(case, "2028-06-21")

    (letter,) = noticed.messages
    until = letter["parameters"]["claim_deadline"]
    assert until >= "2028-08-19"
    assert case.case.guarantee.claim_deadline == date.fromisoformat(until)
    sweep(case, until)
    assert case.case.guarantee.decision == "awaiting_claim"
    claims(case, until)
    sweep(case, until)
    assert case.refund().proposal.verdict == "approval"


def test_clock_of_a_late_notice_ends() -> None:
    case = graduate()
    exempt(case, "2027-10-05")
    may_work(case, "2028-06-20")
    sweep(case, "2028-06-21")

    sweep(case, "2028-08-25")

    assert case.refund().proposal.verdict == "lapse"


def test_new_clock_ends_on_a_working_day() -> None:
    case = graduate()
    exempt(case, "2027-10-05")
    may_work(case, "2027-10-05")
    facts = A_JOB | {"field": "in", "starts_on": date(2027, 12, 8)}
    case.do("2027-12-02", Role.APPLICANT, lambda c: placements.report_placement(c, **facts))
    case.do("2028-05-23", Role.APPLICANT, lambda c: placements.retract_placement(c, placement="p1"))
    sweep(case, "2028-05-24")

    claims(case, "2028-07-24")  # Sixty days from the 23rd of May end on a Saturday.

    sweep(case, "2028-07-25")
    assert case.refund().proposal.verdict == "approval"


def test_claim_is_stored_while_an_appeal_is_heard() -> None:
    case = lapsed()
    case.do("2028-06-12", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="I was never told."))

    claims(case, "2028-06-13")

    assert (case.refund().status, [claim.refund for claim in case.case.claims]) == ("appealed", ["r1"])


def test_claim_that_came_early_is_overdue_for_nobody_the_day_after_the_window() -> None:
    case = graduate()
    claims(case, "2027-10-20")
    sweep(case, "2028-04-05")

    assert case.case.agenda.due_at == at("2028-05-05")
    assert list(_waiting(case.case, PROGRAMME, TERMS, at("2028-04-06"))) == []


def test_nobody_revives_a_lapsed_right_by_a_doubt_that_staff_settle_as_it_was() -> None:
    case = graduate()
    exempt(case, "2027-10-05")
    may_work(case, "2027-10-05")
    facts = A_JOB | {"field": "out", "starts_on": date(2027, 12, 8)}
    case.do("2027-12-02", Role.PARTNER, lambda c: placements.report_placement(c, placement_id="J1", **facts))
    (placement,) = case.case.placements
    settle = {"placement": placement, "outcome": "verified"}
    case.do("2027-12-03", Role.CAREERS, lambda c: placements.rule_placement(c, **settle), who="careers-1")
    sweep(case, "2028-04-05")
    sweep(case, "2028-06-10")
    case.signs("2028-06-11", who="finance-1")
    ended = {"placement": placement, "ended_on": date(2028, 11, 1), "end_reason": "resigned"}
    case.do("2028-12-01", Role.APPLICANT, lambda c: placements.end_placement(c, **ended))
    claims(case, "2028-12-01")

    case.do("2028-12-02", Role.CAREERS, lambda c: placements.rule_placement(c, **settle), who="careers-1")

    assert case.case.guarantee.decision == "lapsed"

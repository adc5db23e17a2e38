"""Pauses and job offers: no word about them is lost, and what was ruled is not undone by saying something else."""

from __future__ import annotations

from datetime import date

from shared.domain.life_cycle import Role
from shared.use_cases import job_search
from tests.builders import InMemory

MADE = date(2027, 10, 11)


def reported(case: InMemory) -> str:
    """The graduate reports an offer; its id."""
    change = case.do("2027-10-12", Role.APPLICANT, lambda c: job_search.report_offer(c, offered_on=MADE))
    return str(change.answer["offer_id"])


def introduction_moved(case: InMemory, outcome: str) -> None:
    case.do("2027-10-12", Role.CAREERS, lambda c: c.record("introduction_moved", "i1", on=MADE, outcome=outcome))


def test_offer_reported_after_one_was_taken_back_is_an_offer_of_its_own() -> None:
    case = InMemory().qualified()
    case.do("2027-10-05", Role.CAREERS, lambda c: c.record("graduate_introduced", "i1", position="a" * 32))
    introduction_moved(case, "offered")

    first = reported(case)
    introduction_moved(case, "not_chosen")
    second = reported(case)

    assert first != second
    assert set(case.case.enrolment.job_offers) == {first, second}

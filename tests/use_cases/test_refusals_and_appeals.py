"""What is signed against the graduate says why, and another person can set it aside."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.domain.change import Change
from shared.domain.errors import ActionNotAllowed, Forbidden, RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import job_search, placements, refunds
from tests.builders import SERVICES, InMemory
from tests.use_cases.test_refund_rules import order, sweep


def claimed_without_searching() -> InMemory:
    """A claim beside a log of three short weeks, where two are allowed."""
    case = InMemory().qualified("2027-10-04", signed_on="2027-03-15")
    for monday in (date(2027, 10, 11), date(2027, 10, 18), date(2027, 10, 25)):
        case.do(
            monday.isoformat(),
            Role.APPLICANT,
            lambda c, monday=monday: job_search.log_search_week(c, monday=monday, applications=0),
        )
    case.do("2028-04-10", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))
    return case


def refused() -> InMemory:
    """A claim refused for want of a log of the search."""
    case = claimed_without_searching()
    sweep(case, "2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    return case


def decide(case: InMemory, outcome: str, who: str) -> Change:
    return case.do(
        "2028-05-01",
        Role.CAREERS,
        lambda c: refunds.decide_appeal(c, SERVICES, appeal="r1", outcome=outcome, reason="looked_again"),
        who=who,
    )


def test_refusal_names_its_clauses() -> None:
    case = refused()

    assert case.refund().status == "refused"
    assert case.refund().proposal.clauses == ["job_search"]


def test_refusal_says_who_signed_why_and_when_an_appeal_is_answered() -> None:
    case = claimed_without_searching()
    sweep(case, "2028-04-11")

    signed = case.signs("2028-04-12", who="finance-1")

    (letter,) = signed.messages
    assert letter["template"] == "refund_refused"
    assert letter["parameters"] == {"clauses": ["job_search"], "office": "finance", "days": 30}


def test_letter_about_an_upheld_refusal_says_on_what_it_rests_and_why_it_stands() -> None:
    case = refused()
    case.do("2028-04-20", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="I was ill."))

    upheld = decide(case, "uphold", who="careers-1")

    (letter,) = upheld.messages
    assert letter["parameters"] == {"clauses": ["job_search"], "office": "careers", "reason": "looked_again"}


def test_nobody_hears_again_of_an_answer_that_a_person_has_signed() -> None:
    case = refused()

    after_the_refusal = sweep(case, "2028-04-14")
    case.do("2028-04-20", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="I was ill."))
    during_the_appeal = sweep(case, "2028-04-21")
    decide(case, "uphold", who="careers-1")
    after_the_appeal = sweep(case, "2028-05-02")

    assert [*after_the_refusal.events, *during_the_appeal.events, *after_the_appeal.events] == []
    assert "outcome" not in case.letters


def test_another_answer_than_the_signed_one_is_told() -> None:
    case = refused()
    job: dict[str, Any] = {"contract": "permanent", "field": "in", "hours": 35, "contract_signed_on": date(2028, 3, 1)}
    case.do(
        "2028-04-15",
        Role.APPLICANT,
        lambda c: placements.report_placement(c, **job, starts_on=date(2028, 3, 6)),
    )

    assert [event.data for event in sweep(case, "2028-04-16").events] == [{"decision": "satisfied"}]


def test_appeal_is_decided_by_another_person_and_paid_by_yet_another() -> None:
    case = refused()
    case.do("2028-04-20", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="I was ill."))
    with pytest.raises(Forbidden, match="same-person"):
        decide(case, "overturn", who="finance-1")

    decide(case, "overturn", who="careers-1")
    case.has_payee("2028-05-02")
    with pytest.raises(Forbidden, match="same-person"):
        order(case, "2028-05-10", who="careers-1")


def test_overturned_refusal_is_approved_and_paid() -> None:
    case = refused().has_payee("2028-04-13")
    case.do("2028-04-20", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="I was ill."))

    decide(case, "overturn", who="careers-1")
    order(case, "2028-05-10")

    assert case.refund().status == "paying"


def test_overturned_appeal_survives_an_account_named_after_it() -> None:
    case = refused()
    case.do("2028-04-20", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="I was ill."))
    decide(case, "overturn", who="careers-1")
    case.has_payee("2028-05-02")

    change = order(case, "2028-05-10")
    proposal = case.refund().proposal

    assert [event.kind for event in change.events] == ["approval_voided"]
    assert (proposal.verdict, proposal.decision) == ("approval", "appeal_overturned")
    case.signs("2028-05-11", who="finance-3")
    order(case, "2028-05-12")
    assert case.refund().status == "paying"


def test_won_appeal_is_never_proposed_as_a_refusal_again_and_nobody_returns_it() -> None:
    case = refused()
    case.do("2028-04-20", Role.APPLICANT, lambda change: refunds.appeal(change, refund="r1", reason="I was ill."))
    decide(case, "overturn", "careers-1")
    case.has_payee("2028-05-02")
    assert [event.kind for event in order(case, "2028-05-10").events] == ["approval_voided"]

    sweep(case, "2028-05-11")

    assert (case.refund().proposal.verdict, case.refund().proposal.decision) == ("approval", "appeal_overturned")
    with pytest.raises(ActionNotAllowed):
        case.signs("2028-05-12", who="finance-3", outcome="return")


def test_refusal_names_the_clauses_that_hold_when_it_is_signed() -> None:
    case = claimed_without_searching()
    case.do("2028-04-11", Role.APPLICANT, lambda change: job_search.declare(change, fact="right_to_work", value="no"))
    sweep(case, "2028-04-11")
    assert case.refund().proposal.clauses == ["job_search", "right_to_work"]
    waiver = {"criterion": "job_search", "reason": "illness"}
    case.do("2028-04-11", Role.CAREERS, lambda change: job_search.waive(change, **waiver), who="careers-2")

    with pytest.raises(RuleBroken, match="new proposal"):
        case.signs("2028-04-11", who="finance-1")
    sweep(case, "2028-04-12")

    assert case.refund().proposal.clauses == ["right_to_work"]

"""Money on its way: what a refund leaves in the ledger, what comes in after it, and what stops it."""

from __future__ import annotations

from datetime import date

import pytest

from shared.domain.errors import RuleBroken
from shared.domain.ledger import balances, held
from shared.domain.life_cycle import Role
from shared.policy.facts import parse_facts
from shared.policy.refund import decide
from shared.use_cases import deadlines, enrolments, payments, refunds
from tests.builders import SERVICES, TERMS, InMemory

MONEY = {"amount": "3600.00", "currency": "EUR"}


def half_paid() -> InMemory:
    """A guarantee whose refund is on its way, of somebody who had paid half of the price."""
    case = InMemory().studying().paid("3600.00")
    awarded = date(2027, 10, 4)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=awarded))
    case.do("2028-04-10", Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))
    case.has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    return case


def order(case: InMemory, refund: str = "r1", day: str = "2028-04-20", who: str = "finance-2") -> None:
    case.do(day, Role.FINANCE, lambda change: payments.pay(change, SERVICES, refund=refund), who=who)


def arrive(case: InMemory, day: str = "2028-04-21") -> None:
    reference = next(iter(case.refund().payments))
    told = {"reference": reference, "refund_id": "R-1", "amount": MONEY, "refunded_on": day}
    case.do(day, Role.PARTNER, lambda change: payments.confirm(change, told))


def test_refund_cancels_the_instalments_that_were_not_paid() -> None:
    case = half_paid()
    order(case)
    arrive(case)

    assert balances(case.case.ledger) == {("self", "EUR"): {"bank": 0, "payer": -360_000, "cancelled": 360_000}}
    assert case.refund().status == "paid"


def test_instalment_that_comes_in_after_the_refund_goes_back_too() -> None:
    case = half_paid()
    order(case)
    arrive(case)

    case.paid("3600.00", day="2028-05-02", payment_id="P2")

    later = case.refund("r2")
    assert (later.ground, later.status) == ("overpayment", "proposed")
    assert [share.amount_minor for share in later.proposal.shares] == [360_000]
    assert held(case.case.ledger) == {("self", "EUR"): 360_000}


def test_stopped_refund_is_not_paid_until_a_named_person_released_it() -> None:
    case = half_paid()
    case.do("2028-04-19", Role.SYSTEM, lambda c: payments.freeze(c, refund="r1", reason="amount_differs"))

    with pytest.raises(RuleBroken) as refused:
        order(case)
    turn = (case.case.agenda.turn, case.case.agenda.what)
    case.do(
        "2028-04-20", Role.CAREERS, lambda c: payments.release(c, refund="r1", reason="partner_error"), who="careers-9"
    )
    order(case)

    assert (refused.value.code, turn) == ("refund-frozen", ("finance", "settle_difference"))
    assert case.refund().status == "paying"


def test_whoever_released_a_refund_may_not_pay_it() -> None:
    case = half_paid()
    case.do("2028-04-19", Role.SYSTEM, lambda c: payments.freeze(c, refund="r1", reason="amount_differs"))
    case.do("2028-04-20", Role.FINANCE, lambda c: payments.release(c, refund="r1", reason="mended"), who="finance-2")

    with pytest.raises(Exception, match="same-person"):
        order(case)


def test_claim_keeps_the_facts_as_seen_so_that_anybody_can_judge_again() -> None:
    case = InMemory().qualified(signed_on="2027-03-15")
    change = case.do("2028-04-20", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))

    judged = change.events[0].data["judged"]

    again = decide(parse_facts(judged["facts"], TERMS))
    assert judged["decision"] == again.decision
    assert judged["criteria"] == {key: finding.status for key, finding in again.criteria.items()}
    assert judged["facts"]["claims"] == [{"filed_at": "2028-04-20T12:00:00+00:00"}]
    assert judged["terms"] == "reference"


def test_money_that_comes_back_is_booked_even_if_its_person_was_forgotten_meanwhile() -> None:
    case = half_paid()
    order(case)
    arrive(case)
    case.do("2028-05-01", Role.SYSTEM, lambda c: c.record("erasure_begun"))
    reference = next(iter(case.refund().payments))

    change = case.do("2028-05-02", Role.PARTNER, lambda c: payments.fail(c, reference, "account_closed"))

    assert case.refund().status == "failed"
    assert [event.kind for event in change.events] == ["payment_failed", "money_recorded"]
    assert (case.case.agenda.turn, case.case.agenda.what) == ("finance", "approve_anew")
    assert change.messages == []

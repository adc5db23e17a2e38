"""Refunds of several payers, and money that moves beside one: each gets back what it paid, once, and all end."""

from __future__ import annotations

from datetime import date

import pytest

from shared.domain import ledger
from shared.domain.change import Change
from shared.domain.errors import RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines, enrolments, payments
from tests.builders import SERVICES, InMemory, ring_back_about_payee

EMPLOYER = "employer:acme"


def order(case: InMemory, day: str, refund: str = "r1") -> Change:
    return case.do(day, Role.FINANCE, lambda change: payments.pay(change, SERVICES, refund=refund), who="finance-2")


def sweep(case: InMemory, day: str) -> Change:
    return case.do(day, Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))


def reference(case: InMemory, payer: str, refund: str = "r1") -> str:
    """The order to this payer that is still open."""
    shares = case.refund(refund).payments.items()
    return next(key for key, share in shares if (share.payer, share.status) == (payer, "open"))


def arrives(case: InMemory, day: str, payer: str, amount: str, refund: str = "r1") -> None:
    told = {"reference": reference(case, payer, refund), "refund_id": f"R-{payer}", "refunded_on": day}
    money = {"amount": amount, "currency": "EUR"}
    case.do(day, Role.PARTNER, lambda change: payments.confirm(change, told | {"amount": money}))


def fails(case: InMemory, day: str, payer: str) -> None:
    known = reference(case, payer)
    case.do(day, Role.PARTNER, lambda change: payments.fail(change, known, "account_closed"))


def booked(case: InMemory, day: str, kind: str, payer: str, amount: str) -> None:
    money = {"amount": amount, "currency": "EUR"}
    case.do(
        day,
        Role.PARTNER,
        lambda change: enrolments.record_money(
            change, payment_id=f"{kind}-{day}", kind=kind, payer=payer, amount=money,
            received_on=date.fromisoformat(day),
        ),
    )  # fmt: skip


def awarded(case: InMemory) -> InMemory:
    day = date(2027, 10, 4)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=day))
    return case


def two_payers(own: str = "3600.00", employers: str = "3600.00") -> InMemory:
    """Two shares, ordered and on their way."""
    case = awarded(InMemory().studying().paid(own).paid(employers, payer=EMPLOYER, payment_id="P2"))
    sweep(case, "2028-04-10")
    case.has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    order(case, "2028-04-20")
    return case


def paid_too_much() -> InMemory:
    """500 euros more than the price, which are proposed to go back at once; then the guarantee gives back all."""
    case = awarded(InMemory().studying().paid("7700.00")).has_payee("2028-04-09")
    assert (case.refund().ground, case.refund().proposal.shares[0].amount_minor) == ("overpayment", 50_000)
    sweep(case, "2028-04-10")
    case.signs("2028-04-12", who="finance-1", refund_id="r2")
    return case


def test_share_under_way_keeps_an_approval_from_being_voided_and_is_heard_of() -> None:
    case = two_payers()
    fails(case, "2028-04-21", "self")
    case.do(
        "2028-04-22",
        Role.APPLICANT,
        lambda change: payments.name_payee(change, SERVICES, account_holder="A O", iban="DE89370400440532013000"),
    )
    case.do("2028-04-22", Role.CAREERS, ring_back_about_payee, who="caller")
    case.signs("2028-04-23", who="finance-1")

    with pytest.raises(RuleBroken, match="another part"):
        order(case, "2028-04-26")
    arrives(case, "2028-04-27", EMPLOYER, "3600.00")
    order(case, "2028-04-28")  # Another account than was approved: it is signed anew.
    case.signs("2028-04-28", who="finance-1")
    order(case, "2028-04-29")
    arrives(case, "2028-04-30", "self", "3600.00")

    assert case.refund().status == "paid"


def test_refund_of_which_nothing_is_left_to_pay_is_paid_by_its_signature() -> None:
    case = two_payers()
    arrives(case, "2028-04-21", "self", "3600.00")
    fails(case, "2028-04-21", EMPLOYER)
    booked(case, "2028-04-25", "chargeback", EMPLOYER, "3600.00")
    case.signs("2028-04-26", who="finance-1")
    order(case, "2028-04-27")
    case.signs("2028-04-28", who="finance-1")

    assert case.refund().status == "paid"
    assert case.letters[-1] == "refund_paid"


def test_instalment_that_came_in_between_goes_back_to_whoever_had_the_rest_before() -> None:
    case = two_payers("3000.00", "3000.00")
    arrives(case, "2028-04-21", "self", "3000.00")
    fails(case, "2028-04-21", EMPLOYER)
    case.paid("1200.00", day="2028-04-22", payment_id="P3")
    case.signs("2028-04-26", who="finance-1")
    order(case, "2028-04-27")
    case.signs("2028-04-28", who="finance-1")
    order(case, "2028-04-29")
    arrives(case, "2028-04-30", EMPLOYER, "3000.00")

    assert case.refund().status == "paying"
    arrives(case, "2028-04-30", "self", "1200.00")
    assert case.refund().status == "paid"
    assert set(ledger.held(case.case.ledger).values()) == {0}


def test_what_another_payer_owes_us_does_not_keep_the_graduates_money() -> None:
    case = awarded(InMemory().studying().paid("7200.00").paid("500.00", payer=EMPLOYER, payment_id="P2"))
    case.signs("2027-11-01", who="finance-1")
    order(case, "2027-11-02")
    arrives(case, "2027-11-03", EMPLOYER, "500.00")
    booked(case, "2027-11-10", "chargeback", EMPLOYER, "500.00")
    sweep(case, "2028-04-10")
    case.has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1", refund_id="r2")
    order(case, "2028-04-20", refund="r2")

    assert case.refund("r2").status == "paying"


def test_money_that_went_back_on_another_ground_is_proposed_no_more() -> None:
    case = paid_too_much()
    order(case, "2028-04-20", refund="r2")
    arrives(case, "2028-04-21", "self", "7700.00", refund="r2")

    assert case.refund("r1").status == "none"
    assert ledger.held(case.case.ledger)["self", "EUR"] == 0


def test_approval_of_money_that_went_back_on_another_ground_ends_at_its_payment() -> None:
    case = paid_too_much()
    case.signs("2028-04-13", who="finance-1")
    order(case, "2028-04-20", refund="r2")
    arrives(case, "2028-04-21", "self", "7700.00", refund="r2")

    assert [event.kind for event in order(case, "2028-04-25").events] == ["approval_voided", "proposal_dropped"]
    assert case.refund("r1").status == "none"


def test_discount_after_all_was_paid_back_proposes_nothing() -> None:
    case = awarded(InMemory().studying().paid("7200.00"))
    sweep(case, "2028-04-10")
    case.has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    order(case, "2028-04-20")
    arrives(case, "2028-04-21", "self", "7200.00")
    booked(case, "2028-05-01", "discount", "self", "500.00")

    assert list(case.case.refunds) == ["r1"]

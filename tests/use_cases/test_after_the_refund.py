"""After a refund was paid: a bounce, a job that was reported late, money that came back, and what people see of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.domain import ledger
from shared.domain.change import Change
from shared.domain.errors import RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines, job_search, payments, placements, refunds, views
from tests.builders import PROGRAMME, SERVICES, TERMS, InMemory, at

A_JOB: dict[str, Any] = {
    "contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2028, 2, 1),
    "starts_on": date(2028, 2, 7),
}  # fmt: skip


def sweep(case: InMemory, day: str) -> Change:
    return case.do(day, Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))


def pays(case: InMemory, order_on: str, arrives_on: str) -> None:
    """Finance order it, and it arrives."""
    case.do(order_on, Role.FINANCE, lambda change: payments.pay(change, SERVICES, refund="r1"), who="finance-2")
    told = {"reference": open_order(case), "refund_id": "R1", "refunded_on": arrives_on}
    money = {"amount": "7200.00", "currency": "EUR"}
    case.do(arrives_on, Role.PARTNER, lambda change: payments.confirm(change, told | {"amount": money}))


def open_order(case: InMemory) -> str:
    return next(key for key, share in case.refund().payments.items() if share.status == "open")


def paid() -> InMemory:
    """The whole price is back with the graduate, and no job was known."""
    case = InMemory().qualified("2027-10-04")
    sweep(case, "2028-04-10")
    case.has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    pays(case, "2028-04-20", "2028-04-21")
    return case


def told_of_a_job() -> InMemory:
    """A partner reports a job of the window, careers vouch for it, and the review is open."""
    case = paid()
    case.do("2028-05-14", Role.PARTNER, lambda c: placements.report_placement(c, placement_id="J1", **A_JOB))
    (placement,) = case.case.placements
    case.do("2028-05-15", Role.CAREERS, lambda c: placements.rule_placement(c, placement=placement, outcome="verified"))
    sweep(case, "2028-05-16")
    assert case.refund().status == "recovery_open"
    return case


def signs_recovery(case: InMemory, day: str) -> None:
    sign = {"proposal": "r1-recovery", "outcome": "sign"}
    case.do(day, Role.FINANCE, lambda change: refunds.sign(change, SERVICES, **sign), who="finance-3")


def comes_back(case: InMemory, day: str) -> None:
    closing = {"recovery": "r1", "outcome": "recovered", "reason": "paid_back"}
    case.do(day, Role.FINANCE, lambda change: refunds.close_recovery(change, **closing), who="finance-4")


def never_true(case: InMemory, day: str) -> None:
    (placement,) = case.case.placements
    retraction = {"placement": placement, "reason": "never_true"}
    case.do(day, Role.CAREERS, lambda change: placements.retract_placement(change, **retraction))


def test_money_that_never_arrived_is_booked_back_although_a_review_was_opened() -> None:
    case = told_of_a_job()
    (reference,) = case.refund().payments

    case.do("2028-05-17", Role.PARTNER, lambda change: payments.fail(change, reference, "account_closed"))

    assert case.refund().status == "failed"
    assert ledger.held(case.case.ledger)["self", "EUR"] == 720_000


def test_money_that_came_back_is_in_the_books_once_however_it_was_told() -> None:
    case = told_of_a_job()
    signs_recovery(case, "2028-05-17")
    case.paid("5000.00", day="2028-06-01", payment_id="BACK")

    comes_back(case, "2028-06-17")

    assert ledger.held(case.case.ledger)["self", "EUR"] == 720_000
    assert list(case.case.refunds) == ["r1"], "what was asked back is no overpayment"


def test_whoever_gave_the_money_back_has_it_again_when_the_job_was_never_true() -> None:
    case = told_of_a_job()
    signs_recovery(case, "2028-05-17")
    comes_back(case, "2028-06-17")
    never_true(case, "2028-07-01")

    sweep(case, "2028-07-02")

    assert (case.refund("r2").proposal.verdict, case.refund("r2").status) == ("approval", "proposed")


def test_review_ends_by_itself_when_the_job_counts_no_longer() -> None:
    case = told_of_a_job()
    signs_recovery(case, "2028-05-17")
    never_true(case, "2028-05-18")

    sweep(case, "2028-05-19")

    assert case.refund().status == "paid"
    assert case.letters[-1] == "recovery_dropped"


def test_nothing_is_asked_back_for_a_job_that_counts_no_longer() -> None:
    case = told_of_a_job()
    never_true(case, "2028-05-17")

    with pytest.raises(RuleBroken, match="counts no longer"):
        signs_recovery(case, "2028-05-18")


def test_stop_is_lifted_in_whatever_state_the_refund_is_by_then() -> None:
    case = paid()
    case.do("2028-04-23", Role.SYSTEM, lambda change: payments.freeze(change, refund="r1", reason="paid_twice"))
    case.do("2028-04-24", Role.APPLICANT, lambda change: placements.report_placement(change, **A_JOB))
    sweep(case, "2028-04-25")

    case.do("2028-04-26", Role.CAREERS, lambda change: payments.release(change, refund="r1", reason="ok"))

    assert (case.refund().status, case.refund().frozen) == ("recovery_open", None)


def test_page_speaks_of_what_was_paid_before_what_the_policy_says() -> None:
    case = paid()

    seen = views.guarantee(case.case, PROGRAMME, TERMS, at("2028-05-01"))
    mine = views.for_person(case.case, PROGRAMME, TERMS, at("2028-05-01"))

    assert seen["in_words"] == "The refund was paid."
    assert "file_claim" not in mine["actions"]
    assert mine["turn"]["who"] == "nobody"


def test_review_is_opened_although_a_later_claim_was_refused() -> None:
    case = InMemory().qualified("2027-10-04", signed_on="2027-03-15")
    for monday in (date(2027, 10, 11), date(2027, 10, 18), date(2027, 10, 25)):
        short = {"monday": monday, "applications": 0}
        case.do(monday.isoformat(), Role.APPLICANT, lambda c, short=short: job_search.log_search_week(c, **short))
    for refund, day in (("r1", "2028-04-10"), ("r2", "2028-04-13")):
        case.do(day, Role.APPLICANT, lambda change: refunds.file_claim(change, SERVICES))
        sweep(case, day)
        case.signs(day, who="finance-1", refund_id=refund)
    case.do("2028-04-23", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="I was ill."))
    case.has_payee("2028-04-24")
    ruling = {"appeal": "r1", "outcome": "overturn", "reason": "looked_again"}
    case.do("2028-05-01", Role.CAREERS, lambda c: refunds.decide_appeal(c, SERVICES, **ruling), who="careers-1")
    pays(case, "2028-05-10", "2028-05-11")
    case.do("2028-05-14", Role.APPLICANT, lambda change: placements.report_placement(change, **A_JOB))

    sweep(case, "2028-05-15")

    assert case.refund("r1").status == "recovery_open"


def paid_on_appeal() -> InMemory:
    """Refused because of a job, which another person set aside on appeal; then paid."""
    case = InMemory().qualified("2027-10-04")
    case.do("2028-02-08", Role.PARTNER, lambda c: placements.report_placement(c, placement_id="J1", **A_JOB))
    (placement,) = case.case.placements
    settle = {"placement": placement, "outcome": "verified"}
    case.do("2028-02-09", Role.CAREERS, lambda c: placements.rule_placement(c, **settle), who="careers-1")
    case.do("2028-04-06", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))
    sweep(case, "2028-04-10")
    case.signs("2028-04-12", who="finance-1")
    assert (case.refund().status, case.refund().proposal.decision) == ("refused", "satisfied")
    case.do("2028-04-20", Role.APPLICANT, lambda c: refunds.appeal(c, refund="r1", reason="It was no job."))
    overturn = {"appeal": "r1", "outcome": "overturn", "reason": "looked_again"}
    case.do("2028-05-01", Role.CAREERS, lambda c: refunds.decide_appeal(c, SERVICES, **overturn), who="careers-2")
    case.has_payee("2028-05-02")
    case.do("2028-05-10", Role.FINANCE, lambda c: payments.pay(c, SERVICES, refund="r1"), who="finance-2")
    case.signs("2028-05-11", who="finance-3")  # The account was named after the approval: it is signed anew.
    pays(case, "2028-05-14", "2028-05-15")
    return case


def test_job_that_an_appeal_set_aside_is_no_reason_to_ask_the_money_back() -> None:
    case = paid_on_appeal()

    assert sweep(case, "2028-05-16").events == []
    assert case.refund().status == "paid"


def test_job_that_was_reported_after_the_appeal_is_reviewed_like_any_other() -> None:
    case = paid_on_appeal()
    (known,) = case.case.placements
    another = A_JOB | {"contract_signed_on": date(2028, 3, 1), "starts_on": date(2028, 3, 6)}
    case.do("2028-05-20", Role.PARTNER, lambda c: placements.report_placement(c, placement_id="J2", **another))
    (placement,) = set(case.case.placements) - {known}
    settle = {"placement": placement, "outcome": "verified"}
    case.do("2028-05-21", Role.CAREERS, lambda c: placements.rule_placement(c, **settle), who="careers-1")

    assert [event.kind for event in sweep(case, "2028-05-22").events] == ["recovery_opened"]

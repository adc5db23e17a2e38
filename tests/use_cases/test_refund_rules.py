"""From a claim to money: who may do what, what an approval binds, and what never happens twice."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from shared.domain.change import Change
from shared.domain.errors import ActionNotAllowed, AlreadyExists, Forbidden, NotFound, RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import applications, deadlines, enrolments, job_search, payments, placements, proposals, refunds
from tests.builders import SERVICES, InMemory, ring_back_about_payee


def sweep(case: InMemory, day: str) -> Change:
    return case.do(day, Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))


def proposed(day: str = "2028-04-10") -> InMemory:
    """A published guarantee whose window has ended without a job: approval proposed."""
    case = InMemory().qualified("2027-10-04", signed_on="2027-02-22")
    sweep(case, day)
    return case


def approved() -> InMemory:
    case = proposed().has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    return case


def order(case: InMemory, day: str = "2028-04-20", who: str = "finance-2") -> Change:
    return case.do(day, Role.FINANCE, lambda change: payments.pay(change, SERVICES, refund="r1"), who=who)


def told(case: InMemory, **other: object) -> dict[str, object]:
    reference = next(iter(case.refund().payments))
    amount = {"amount": "7200.00", "currency": "EUR"}
    return {"reference": reference, "refund_id": "R-1", "amount": amount, "refunded_on": "2028-04-21"} | other


def test_sweep_proposes_without_a_claim_under_the_published_terms() -> None:
    case = proposed()

    assert (case.refund().status, case.refund().proposal.verdict) == ("proposed", "approval")
    assert [(share.payer, share.amount_minor) for share in case.refund().proposal.shares] == [("self", 720_000)]


def test_sweep_does_nothing_twice() -> None:
    case = proposed()

    again = sweep(case, "2028-04-11")

    assert again.events == []


def test_sweep_sends_the_notice_once_under_terms_that_ask_for_a_claim() -> None:
    case = InMemory().qualified("2027-10-04", signed_on="2027-03-15")
    case.do(
        "2027-10-05",
        Role.CAREERS,
        lambda c: job_search.exempt_weeks(
            c, first_day=date(2027, 10, 1), last_day=date(2028, 5, 1), note="Do something else."
        ),
    )

    first, second = sweep(case, "2028-04-10"), sweep(case, "2028-04-11")

    assert [event.kind for event in first.events] == ["claim_notice_sent"]
    assert second.events == []


def test_approver_may_not_pay() -> None:
    case = approved()

    with pytest.raises(Forbidden, match="same-person"):
        order(case, who="finance-1")


def test_who_rang_back_about_the_account_may_not_sign() -> None:
    case = proposed().has_payee("2028-04-11", checked_by="finance-1")

    with pytest.raises(Forbidden, match="same-person"):
        case.signs("2028-04-12", who="finance-1")


def test_payment_waits_for_the_hold_after_a_change_of_account() -> None:
    case = proposed()
    case.signs("2028-04-12", who="finance-1")
    case.has_payee("2028-04-18")

    with pytest.raises(RuleBroken) as refused:
        order(case, "2028-04-20")

    assert refused.value.code == "payee-hold"


def test_payment_needs_a_confirmed_account() -> None:
    case = proposed()
    case.signs("2028-04-12", who="finance-1")

    with pytest.raises(RuleBroken) as refused:
        order(case)

    assert refused.value.code == "payee-missing"


def test_approval_dies_when_the_account_changes_after_it() -> None:
    case = approved()
    case.do(
        "2028-04-13",
        Role.APPLICANT,
        lambda c: payments.name_payee(c, SERVICES, account_holder="A O", iban="DE89370400440532013000"),
    )
    case.do("2028-04-13", Role.CAREERS, ring_back_about_payee, who="x")

    change = order(case, "2028-04-20")

    assert [event.kind for event in change.events] == ["approval_voided"]
    assert case.refund().status == "proposed"


def test_approval_dies_when_a_job_that_counts_is_reported_after_it() -> None:
    case = approved()
    job = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2028, 2, 1)}
    case.do(
        "2028-04-14",
        Role.APPLICANT,
        lambda c: placements.report_placement(c, **job, starts_on=date(2028, 2, 7)),
    )

    change = order(case, "2028-04-20")

    assert [event.kind for event in change.events] == ["approval_voided"]


def test_approval_does_not_die_of_a_diary_entry() -> None:
    case = approved()
    case.do("2028-04-14", Role.CAREERS, lambda c: enrolments.log_contact(c, contacted_on=date(2028, 4, 14)), who="x")

    order(case, "2028-04-20")

    assert case.refund().status == "paying"


def test_partner_saying_twice_that_money_arrived_books_it_once() -> None:
    case = approved()
    order(case)

    case.do("2028-04-21", Role.PARTNER, lambda change: payments.confirm(change, told(case)))
    again = case.do("2028-04-21", Role.PARTNER, lambda change: payments.confirm(change, told(case)))

    assert again.events == []
    assert case.refund().status == "paid"
    assert proposals.received(case.case) == {"self": 0}


def test_partner_naming_another_amount_is_not_believed() -> None:
    case = approved()
    order(case)
    other = told(case, amount={"amount": "7200.01", "currency": "EUR"})

    with pytest.raises(RuleBroken) as refused:
        case.do("2028-04-21", Role.PARTNER, lambda change: payments.confirm(change, other))

    assert refused.value.code == "amount-differs"


def test_failed_payment_is_booked_back_and_needs_a_new_signature() -> None:
    case = approved()
    order(case)
    case.do("2028-04-21", Role.PARTNER, lambda change: payments.confirm(change, told(case)))
    reference = next(iter(case.refund().payments))

    case.do("2028-04-25", Role.PARTNER, lambda change: payments.fail(change, reference, "account_closed"))

    assert case.refund().status == "failed"
    assert proposals.received(case.case) == {"self": 720_000}
    case.signs("2028-04-26", who="finance-1")
    order(case, "2028-05-02")
    assert len(case.refund().payments) == 2


def test_refund_of_two_payers_is_paid_when_both_shares_arrived() -> None:
    case = InMemory().studying().paid("3600.00").paid("3600.00", payer="employer:acme", payment_id="P2")
    awarded = date(2027, 10, 4)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=awarded))
    sweep(case, "2028-04-10")
    case.has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    order(case)
    half = {"amount": "3600.00", "currency": "EUR"}

    statuses = []
    for number, reference in enumerate(case.refund().payments):
        body = {"reference": reference, "refund_id": f"R{number}", "amount": half, "refunded_on": "2028-04-21"}
        case.do("2028-04-21", Role.PARTNER, lambda change, body=body: payments.confirm(change, body))
        statuses.append(case.refund().status)

    assert statuses == ["paying", "paid"]


def test_claim_is_stored_out_of_time_and_whatever_job_is_on_record() -> None:
    case = InMemory().qualified(signed_on="2027-03-15")
    job = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2027, 11, 1)}
    case.do(
        "2027-11-08",
        Role.APPLICANT,
        lambda c: placements.report_placement(c, **job, starts_on=date(2027, 11, 8)),
    )

    case.do("2029-01-10", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))
    sweep(case, "2029-01-11")

    assert (case.refund().status, case.refund().proposal.verdict) == ("proposed", "refusal")


def test_second_claim_while_one_is_open_is_told_the_first_ones_id() -> None:
    case = InMemory().qualified(signed_on="2027-03-15")
    case.do("2028-04-10", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))

    with pytest.raises(AlreadyExists, match="k1"):
        case.do("2028-04-11", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))


def test_no_claim_before_qualifying() -> None:
    case = InMemory().studying()

    with pytest.raises(ActionNotAllowed):
        case.do("2027-06-01", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))


def test_late_job_opens_a_recovery_and_nothing_is_debited() -> None:
    case = approved()
    order(case)
    case.do("2028-04-21", Role.PARTNER, lambda change: payments.confirm(change, told(case)))
    job = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2028, 2, 1)}
    case.do(
        "2028-05-14",
        Role.APPLICANT,
        lambda c: placements.report_placement(c, **job, starts_on=date(2028, 2, 7)),
    )

    sweep(case, "2028-05-15")

    assert case.refund().status == "recovery_open"
    assert proposals.received(case.case) == {"self": 0}


def test_retracted_placement_starts_the_notice_anew() -> None:
    case = InMemory().qualified(signed_on="2027-03-15")
    exempt = {"first_day": date(2027, 10, 1), "last_day": date(2028, 5, 1), "note": "Build a portfolio."}
    case.do("2027-10-05", Role.CAREERS, lambda c: job_search.exempt_weeks(c, **exempt))
    facts = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2027, 12, 1)}
    case.do(
        "2027-12-02",
        Role.PARTNER,
        lambda c: placements.report_placement(c, placement_id="J1", **facts, starts_on=date(2027, 12, 8)),
    )
    placement = next(iter(case.case.placements))
    case.do(
        "2027-12-09",
        Role.CAREERS,
        lambda c: placements.rule_placement(c, placement=placement, outcome="verified"),
    )
    told_first = sweep(case, "2028-04-10")

    case.do("2028-05-22", Role.PARTNER, lambda c: placements.retract_placement(c, placement="J1"))
    noticed = sweep(case, "2028-05-23")

    assert [event.kind for event in told_first.events] == ["outcome_told"]
    assert [event.kind for event in noticed.events] == ["claim_notice_sent"]


def test_proposal_that_no_longer_fits_cannot_be_signed() -> None:
    case = proposed()
    job = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2028, 2, 1)}
    case.do(
        "2028-04-11",
        Role.APPLICANT,
        lambda c: placements.report_placement(c, **job, starts_on=date(2028, 2, 7)),
    )

    with pytest.raises(RuleBroken) as stale:
        case.signs("2028-04-12", who="finance-1")

    assert stale.value.code == "proposal-stale"


def test_refunds_never_exceed_payments() -> None:
    case = approved()
    line = {"payment_id": "C1", "kind": "chargeback", "payer": "self", "received_on": date(2028, 4, 13)}
    money = {"amount": "7200.00", "currency": "EUR"}
    case.do("2028-04-13", Role.PARTNER, lambda c: enrolments.record_money(c, amount=money, **line))
    record = case.refund()
    due = record.proposal.shares

    with pytest.raises(RuleBroken) as refusal:
        payments._check_ceiling(case.case, due)

    assert refusal.value.code == "more-than-paid"


def test_settings_of_the_test_are_enough_to_seal_an_account() -> None:
    sealed = payments._seal(SERVICES, "case", {"iban": "X"})

    assert payments._unseal(SimpleNamespace(settings=SERVICES.settings), "case", sealed) == {"iban": "X"}


@pytest.mark.parametrize(("filed", "verdict"), [("2028-07-21", "approval"), ("2028-07-22", "lapse")])
def test_placement_retracted_in_month_eight_gives_sixty_new_days_to_claim(filed: str, verdict: str) -> None:
    case = InMemory().qualified(signed_on="2027-03-15")
    exempt = {"first_day": date(2027, 10, 1), "last_day": date(2028, 5, 1), "note": "Build a portfolio."}
    case.do("2027-10-05", Role.CAREERS, lambda c: job_search.exempt_weeks(c, **exempt))
    facts = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2027, 12, 1)}
    case.do(
        "2027-12-02",
        Role.APPLICANT,
        lambda c: placements.report_placement(c, **facts, starts_on=date(2027, 12, 8)),
    )
    case.do("2028-05-22", Role.APPLICANT, lambda c: placements.retract_placement(c, placement="p1"))
    sweep(case, "2028-05-23")

    case.do(filed, Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))
    sweep(case, "2028-08-15")

    assert case.refund().proposal.verdict == verdict


def two_payers_paying() -> InMemory:
    """A refund of two payers, ordered; nothing has arrived yet."""
    case = InMemory().studying().paid("3600.00").paid("3600.00", payer="employer:acme", payment_id="P2")
    awarded = date(2027, 10, 4)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=awarded))
    sweep(case, "2028-04-10")
    case.has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    order(case)
    return case


def test_share_that_is_unsettled_is_never_ordered_again() -> None:
    case = two_payers_paying()
    first, second = case.refund().payments
    half = {"amount": "3600.00", "currency": "EUR"}
    case.do("2028-04-21", Role.PARTNER, lambda change: payments.fail(change, first, "account_closed"))
    case.signs("2028-04-22", who="finance-1")

    with pytest.raises(RuleBroken) as refusal:
        order(case, "2028-04-23")
    late = {"reference": second, "refund_id": "R2", "amount": half, "refunded_on": "2028-04-23"}
    case.do("2028-04-23", Role.PARTNER, lambda change: payments.confirm(change, late))
    order(case, "2028-04-24")

    assert refusal.value.code == "share-unsettled"
    assert len(case.refund().payments) == 3
    assert proposals.received(case.case) == {"self": 0, "employer:acme": 360_000}


def test_share_that_failed_is_not_believed_to_have_arrived_after_all() -> None:
    case = two_payers_paying()
    first = next(iter(case.refund().payments))
    case.do("2028-04-21", Role.PARTNER, lambda change: payments.fail(change, first, "account_closed"))
    late = {"reference": first, "refund_id": "R", "amount": {"amount": "3600.00", "currency": "EUR"}}

    with pytest.raises(RuleBroken) as refusal:
        case.do("2028-04-22", Role.PARTNER, lambda change: payments.confirm(change, late))

    assert refusal.value.code == "share-failed"


def test_account_cannot_change_while_a_payment_is_under_way() -> None:
    case = approved()
    order(case)

    with pytest.raises(RuleBroken) as refusal:
        case.do(
            "2028-04-20",
            Role.APPLICANT,
            lambda c: payments.name_payee(c, SERVICES, account_holder="B", iban="DE89370400440532013000"),
        )

    assert refusal.value.code == "payment-under-way"


def test_returning_a_failed_refund_does_not_approve_it() -> None:
    case = approved()
    order(case)
    reference = next(iter(case.refund().payments))
    case.do("2028-04-21", Role.PARTNER, lambda change: payments.fail(change, reference, "account_closed"))

    with pytest.raises(ActionNotAllowed):
        case.signs("2028-04-22", who="finance-1", outcome="return")

    assert case.refund().status == "failed"


@pytest.mark.parametrize("retracted", [True, False])
def test_graduate_cannot_undo_a_verified_job_alone(retracted: bool) -> None:
    case = InMemory().qualified()
    facts = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2027, 12, 1)}
    case.do(
        "2027-12-02",
        Role.PARTNER,
        lambda c: placements.report_placement(c, placement_id="J1", **facts, starts_on=date(2027, 12, 8)),
    )
    placement = next(iter(case.case.placements))
    case.do("2027-12-03", Role.CAREERS, lambda c: placements.rule_placement(c, placement=placement, outcome="verified"))
    end = {"ended_on": date(2027, 12, 20), "end_reason": "rescinded", "retracted": retracted}

    def deny() -> None:
        case.do("2027-12-21", Role.APPLICANT, lambda c: placements.end_placement(c, placement=placement, **end))

    if retracted:
        with pytest.raises(RuleBroken) as refusal:
            deny()
        assert refusal.value.code == "not-yours-to-retract"
    else:
        deny()
        assert case.case.placements[placement].status == "disputed"
        assert case.case.placements[placement].ended_on is None


def test_who_retracted_the_placement_or_booked_the_money_may_not_sign() -> None:
    case = InMemory().studying()
    money = {"amount": "7250.00", "currency": "EUR"}
    booked = {"payment_id": "P9", "kind": "payment", "payer": "self", "received_on": date(2027, 4, 6)}
    case.do("2027-04-06", Role.FINANCE, lambda c: enrolments.record_money(c, amount=money, **booked), who="mallory")

    with pytest.raises(Forbidden, match="same-person"):
        case.signs("2027-04-07", who="mallory")


def test_claim_on_a_proposal_that_waits_is_proposed_anew() -> None:
    case = proposed()
    case.do("2028-04-11", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))

    sweep(case, "2028-04-12")

    assert (case.refund().status, case.refund().proposal.verdict) == ("proposed", "approval")


def test_nothing_paid_is_never_approved() -> None:
    case = InMemory().studying()
    awarded = date(2027, 10, 4)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=awarded))

    sweep(case, "2028-04-10")
    unclaimed = dict(case.case.refunds)
    case.do("2028-04-11", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))
    sweep(case, "2028-04-12")

    assert unclaimed == {}
    assert (case.refund().proposal.verdict, case.refund().proposal.decision) == ("refusal", "nothing_paid")


def test_diploma_earned_on_leave_keeps_the_leave() -> None:
    case = InMemory().studying("2027-03-15")
    case.do("2027-06-01", Role.APPLICANT, lambda c: enrolments.request_leave(c, first_day=date(2028, 1, 1)))
    case.do("2027-06-02", Role.ADMISSIONS, lambda c: enrolments.rule_leave(c, leave_id="l1", outcome="granted"))
    awarded = date(2028, 5, 1)

    case.do("2028-05-01", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=awarded))

    assert case.case.enrolment.status == "qualified"
    assert case.case.enrolment.leave_days == 122


def test_expiry_is_not_signed_once_the_limit_was_moved() -> None:
    case = InMemory().studying()
    case.do("2028-04-10", Role.SYSTEM, enrolments.propose_expiry)
    proposal = case.case.enrolment.expiry_proposal
    case.do("2028-04-11", Role.ADMISSIONS, lambda c: enrolments.extend(c, months=6, reason="illness"))

    assert case.case.enrolment.expiry_proposal is None
    with pytest.raises(NotFound):
        case.do("2028-04-12", Role.FINANCE, lambda c: refunds.sign(c, SERVICES, proposal=str(proposal), outcome="sign"))


def test_report_made_after_the_right_lapsed_and_taken_back_starts_no_clock() -> None:
    case = InMemory().qualified(signed_on="2027-03-15")
    before = case.case.facts_changed_on
    facts = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2029, 6, 1)}
    case.do("2029-06-02", Role.APPLICANT, lambda c: placements.report_placement(c, **facts))

    case.do("2029-06-03", Role.APPLICANT, lambda c: placements.retract_placement(c, placement="p1"))

    assert case.case.facts_changed_on == before


def test_proposal_whose_amount_no_longer_fits_is_made_anew_by_the_sweep() -> None:
    case = proposed()
    line = {"payment_id": "C1", "kind": "chargeback", "payer": "self", "received_on": date(2028, 4, 11)}
    money = {"amount": "200.00", "currency": "EUR"}
    case.do("2028-04-11", Role.PARTNER, lambda c: enrolments.record_money(c, amount=money, **line))

    sweep(case, "2028-04-11")
    sweep(case, "2028-04-12")

    assert [share.amount_minor for share in case.refund().proposal.shares] == [700_000]
    case.signs("2028-04-12", who="finance-1")
    assert case.refund().status == "approved"


def test_approval_of_nothing_is_neither_signed_nor_paid() -> None:
    case = approved()
    line = {"payment_id": "C1", "kind": "chargeback", "payer": "self", "received_on": date(2028, 4, 13)}
    money = {"amount": "7200.00", "currency": "EUR"}
    case.do("2028-04-13", Role.PARTNER, lambda c: enrolments.record_money(c, amount=money, **line))
    order(case)  # Voids the approval: what was approved is not what is true.

    with pytest.raises(RuleBroken) as refused:
        case.signs("2028-04-21", who="finance-1")

    assert (case.refund().status, case.refund().proposal.shares) == ("proposed", [])
    assert refused.value.code in ("nothing-to-return", "proposal-stale")


def test_money_that_comes_in_after_a_termination_was_proposed_is_in_the_next_proposal() -> None:
    case = InMemory("FR").studying().paid("3600.00")
    case.do("2027-05-10", Role.APPLICANT, applications.withdraw)
    before = [share.amount_minor for share in case.refund().proposal.shares]

    case.paid("1000.00", day="2027-05-12", payment_id="P2")

    after = [share.amount_minor for share in case.refund().proposal.shares]
    assert after == [before[0] + 100_000]
    case.signs("2027-05-13", who="finance-1")
    assert case.refund().status == "approved"


def test_what_the_law_gives_back_does_not_vanish_when_a_proposal_is_returned() -> None:
    case = InMemory("FR").studying().paid("3600.00")
    case.do("2027-05-10", Role.APPLICANT, applications.withdraw)
    first = case.refund().proposal.id

    case.signs("2027-05-12", who="finance-1", outcome="return")

    assert case.refund().status == "proposed"
    assert case.refund().proposal.id != first
    assert case.case.agenda.turn == "finance"


def test_whoever_logged_the_weeks_that_were_closed_does_not_sign_what_rests_on_them() -> None:
    case = InMemory().qualified("2027-10-04", signed_on="2027-03-15")
    case.do("2028-04-10", Role.APPLICANT, lambda change: refunds.file_claim(change, SERVICES))
    for week in range(26):
        seen = {"monday": date(2027, 10, 11) + timedelta(weeks=week), "applications": 6, "note": "Seen."}
        case.do("2028-04-12", Role.CAREERS, lambda c, seen=seen: job_search.log_search_week(c, **seen), who="one")
    sweep(case, "2028-04-13")

    assert case.refund().proposal.verdict == "approval"
    with pytest.raises(Forbidden):
        case.signs("2028-04-14", who="one")


def test_instalments_of_whoever_has_paid_nothing_are_cancelled_by_the_signed_answer() -> None:
    case = InMemory().studying("2027-03-15")
    day = date(2027, 10, 4)
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=day))
    all_weeks = {"first_day": date(2027, 10, 1), "last_day": date(2028, 5, 1), "note": "Ill."}
    case.do("2027-10-05", Role.CAREERS, lambda change: job_search.exempt_weeks(change, **all_weeks))
    case.do("2027-10-05", Role.APPLICANT, lambda change: job_search.declare(change, fact="right_to_work", value="yes"))
    case.do("2028-04-10", Role.APPLICANT, lambda change: refunds.file_claim(change, SERVICES))
    sweep(case, "2028-04-11")

    case.signs("2028-04-12", who="finance-1")

    assert proposals.unpaid(case.case) == 0


def test_what_is_unknown_after_the_window_is_somebodys_task_and_told_once() -> None:
    case = InMemory().qualified("2027-10-04")
    internship = {"contract": "internship", "field": "in", "hours": 35, "contract_signed_on": date(2027, 11, 20)}
    starts_on = date(2027, 12, 1)
    case.do(
        "2027-12-01",
        Role.APPLICANT,
        lambda change: placements.report_placement(change, **internship, starts_on=starts_on),
    )

    first, again = sweep(case, "2028-07-10"), sweep(case, "2028-07-11")

    assert (case.case.agenda.turn, case.case.agenda.what) == ("careers", "settle_what_is_unknown")
    assert [event.kind for event in (*first.events, *again.events)] == ["outcome_told"]

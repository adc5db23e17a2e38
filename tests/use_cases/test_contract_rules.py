"""What the law says about the contract, on both sides of each boundary day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from shared.domain.application import Condition
from shared.domain.change import Change
from shared.domain.errors import ActionNotAllowed, InvalidInput, NotFound, RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import applications, deadlines, enrolments, job_search, refunds, screening, support
from shared.use_cases.turns import course_limit
from tests.builders import SERVICES, InMemory, at


def sign(case: InMemory, now: datetime) -> None:
    case.do(now, Role.APPLICANT, lambda change: enrolments.sign_contract(change, SERVICES))


def test_french_contract_cannot_be_signed_on_the_seventh_day_after_receipt() -> None:
    case = InMemory("FR").received("2027-06-01")

    with pytest.raises(RuleBroken) as refused:
        sign(case, datetime.fromisoformat("2027-06-08T10:00:00+02:00"))

    assert refused.value.code == "signature-too-early"


def test_french_contract_can_be_signed_from_midnight_after_seven_days() -> None:
    case = InMemory("FR").received("2027-06-01")

    sign(case, datetime.fromisoformat("2027-06-09T00:00:00+02:00"))

    assert case.case.enrolment.status == "contracted"


def test_british_contract_can_be_signed_at_once() -> None:
    case = InMemory("GB", "Europe/London").received("2027-06-01")

    sign(case, at("2027-06-01", 15))

    assert case.case.enrolment.status == "contracted"


@pytest.mark.parametrize(("deposit", "allowed"), [("2160.00", True), ("2160.01", False)])
def test_french_deposit_is_at_most_thirty_percent(deposit: str, allowed: bool) -> None:
    case = InMemory("FR").accepted()

    def send() -> None:
        case.do("2027-02-01", Role.ADMISSIONS, lambda change: enrolments.send_contract(change, deposit=deposit))

    if allowed:
        send()
        assert case.case.enrolment.contract is not None
        assert case.case.enrolment.contract.deposit_minor == 216000
    else:
        with pytest.raises(RuleBroken) as refused:
            send()
        assert refused.value.code == "deposit-too-high"


def test_no_contract_is_sent_while_a_condition_is_open() -> None:
    case = InMemory()
    case.do("2027-01-12", Role.ADMISSIONS, lambda change: screening.assign(change, specialist="s"))
    case.do("2027-01-13", Role.SPECIALIST, lambda change: screening.recommend(change, outcome="advise_against"))
    condition = [{"kind": "degree_awarded", "due_on": date(2027, 3, 1)}]
    case.do(
        "2027-01-14",
        Role.ADMISSIONS,
        lambda change: screening.decide_admission(change, outcome="offer", conditions=condition),
    )
    case.do("2027-01-15", Role.APPLICANT, lambda change: applications.answer_offer(change, answer="accept"))

    with pytest.raises(RuleBroken) as refused:
        case.do("2027-01-16", Role.ADMISSIONS, enrolments.send_contract)

    assert refused.value.code == "conditions-open"


@pytest.mark.parametrize(
    ("sent_at", "in_time"), [("2027-06-15T23:50:00+01:00", True), ("2027-06-16T00:05:00+01:00", False)]
)
def test_british_contract_can_be_cancelled_to_the_end_of_the_fourteenth_day(sent_at: str, in_time: bool) -> None:
    case = InMemory("GB", "Europe/London").received("2027-06-01")
    sign(case, at("2027-06-01", 10))
    moment = datetime.fromisoformat(sent_at)

    def cancel() -> None:
        case.do("2027-06-17", Role.FINANCE, lambda change: enrolments.cancel(change, sent_at=moment))

    if in_time:
        cancel()
        assert case.case.enrolment.status == "cancelled"
    else:
        with pytest.raises(RuleBroken) as refused:
            cancel()
        assert refused.value.code == "cancellation-too-late"


def test_withdrawal_within_fourteen_days_is_the_cancellation_that_gives_everything_back() -> None:
    case = InMemory("GB", "Europe/London").signed("2027-02-22").paid("1000.00", day="2027-02-23")

    case.do("2027-03-08", Role.APPLICANT, applications.withdraw)

    assert case.case.enrolment.status == "cancelled"
    assert [(share.payer, share.amount_minor) for share in case.refund().proposal.shares] == [("self", 100_000)]
    assert case.refund().ground == "cancellation"


def letter_of(change: Change) -> tuple[str, dict[str, Any]]:
    (message,) = [each for each in change.messages if each["channel"] == "mail"]
    return message["template"], message["parameters"]


def test_withdrawn_application_is_confirmed_by_a_letter() -> None:
    case = InMemory()

    assert letter_of(case.do("2027-01-12", Role.APPLICANT, applications.withdraw)) == ("application_withdrawn", {})


@pytest.mark.parametrize(
    ("day", "how", "back", "money"),
    [
        ("2027-03-08", "cancelled", ["3600.00 EUR"], None),
        ("2027-05-22", "terminated", ["1440.00 EUR"], None),
        ("2027-05-23", "withdrawn", [], "nothing_back"),
    ],
)
def test_letter_about_the_end_says_what_goes_back_or_that_nothing_does(
    day: str, how: str, back: list[str], money: str | None
) -> None:
    case = InMemory("FR").signed("2027-02-22").paid("3600.00", day="2027-02-23")

    left = case.do(day, Role.APPLICANT, applications.withdraw)

    assert letter_of(left) == ("enrolment_ended", {"how": how, "back": back, "money": money})


def test_whoever_has_paid_nothing_hears_that_nothing_goes_back() -> None:
    case = InMemory("FR").signed("2027-02-22")

    assert letter_of(case.do("2027-03-01", Role.APPLICANT, applications.withdraw))[1]["money"] == "nothing_paid"


def test_whoever_leaves_before_signing_hears_what_goes_back() -> None:
    case = InMemory("FR").received("2027-02-01").paid("100.00", day="2027-02-02")

    left = case.do("2027-02-03", Role.APPLICANT, applications.withdraw)

    assert letter_of(left)[1] == {"how": "withdrawn", "back": ["100.00 EUR"], "money": None}


def test_letter_about_a_condition_says_which_one() -> None:
    case = InMemory().accepted_offer_pending()
    case.case.application.offer.conditions["c1"] = Condition(kind="degree_awarded", due_on=date(2027, 3, 1))

    ruled = case.do(
        "2027-03-02", Role.ADMISSIONS, lambda c: screening.rule_condition(c, condition_id="c1", outcome="not_met")
    )

    assert letter_of(ruled) == ("conditions_not_met", {"condition": "degree_awarded"})


@pytest.mark.parametrize(
    ("last_day", "outcome", "days", "limit", "later"),
    [
        (date(2028, 1, 31), "granted", "2028-01-02/2028-01-31", "2028-05-05", None),
        (date(2028, 1, 31), "refused", "2028-01-02/2028-01-31", "2028-04-05", None),
        (None, "granted", "2028-01-02/..", None, "when_it_ends"),
        (None, "refused", "2028-01-02/..", "2028-04-05", None),
    ],
)
def test_letter_about_a_leave_says_days_reason_and_the_limit_that_follows(
    last_day: date | None, outcome: str, days: str, limit: str | None, later: str | None
) -> None:
    case = InMemory().studying()
    asked = {"first_day": date(2028, 1, 2), "last_day": last_day}
    case.do("2028-01-01", Role.APPLICANT, lambda c: enrolments.request_leave(c, **asked))

    ruled = case.do(
        "2028-01-01",
        Role.ADMISSIONS,
        lambda c: enrolments.rule_leave(c, leave_id="l1", outcome=outcome, reason="illness"),
    )

    assert letter_of(ruled)[1] == {
        "outcome": outcome, "days": days, "reason": "illness", "limit": limit, "later": later,
    }  # fmt: skip
    if limit and outcome == "granted":
        back = case.do("2028-02-01", Role.SYSTEM, lambda c: asyncio.run(deadlines.keep_deadlines(c, SERVICES)))
        assert course_limit(case.case, back.programme) == date.fromisoformat(limit)


@pytest.mark.parametrize(("outcome", "window_end"), [("approved", "2028-04-14"), ("rejected", "2028-04-04")])
def test_letter_about_a_pause_says_days_reason_and_the_end_of_the_window(outcome: str, window_end: str) -> None:
    case = InMemory().qualified("2027-10-04")
    asked = {"first_day": date(2027, 11, 1), "last_day": date(2027, 11, 10)}
    case.do("2027-11-01", Role.APPLICANT, lambda c: job_search.request_pause(c, **asked))

    ruled = case.do(
        "2027-11-02",
        Role.CAREERS,
        lambda c: job_search.rule_pause(c, SERVICES, pause_id="b1", outcome=outcome, reason="illness"),
    )

    assert letter_of(ruled)[1] == {
        "outcome": outcome, "days": "2027-11-01/2027-11-10", "reason": "illness", "window_end": window_end,
    }  # fmt: skip


def test_graduate_is_told_when_an_approved_pause_gets_its_last_day_and_the_window_moves() -> None:
    case = InMemory().qualified("2027-10-04")
    case.do("2027-11-01", Role.APPLICANT, lambda c: job_search.request_pause(c, first_day=date(2027, 11, 1)))
    ruling = {"pause_id": "b1", "outcome": "approved"}
    case.do("2027-11-02", Role.CAREERS, lambda c: job_search.rule_pause(c, SERVICES, **ruling))
    last_day = {"pause_id": "b1", "last_day": date(2027, 11, 10)}

    ended = case.do("2027-11-12", Role.CAREERS, lambda c: job_search.end_pause(c, SERVICES, **last_day))

    assert letter_of(ended) == ("pause_ruled", {
        "outcome": "ended", "days": "2027-11-01/2027-11-10", "reason": None, "window_end": "2028-04-14",
    })  # fmt: skip


@pytest.mark.parametrize(
    ("day", "status", "back"),
    [("2027-05-22", "terminated", 360_000 - 216_000), ("2027-05-23", "withdrawn", None)],
)
def test_french_student_may_leave_for_thirty_percent_in_the_first_three_months_only(
    day: str, status: str, back: int | None
) -> None:
    case = InMemory("FR").signed("2027-02-22").paid("3600.00")

    case.do(day, Role.APPLICANT, applications.withdraw)

    assert case.case.enrolment.status == status
    found = sum(share.amount_minor for each in case.case.refunds.values() for share in each.proposal.shares)
    assert found == (back or 0)


def test_graduate_cannot_withdraw_from_the_promise() -> None:
    case = InMemory().qualified()

    with pytest.raises(ActionNotAllowed):
        case.do("2027-11-01", Role.APPLICANT, applications.withdraw)


def test_contract_is_judged_by_the_terms_in_force_on_the_day_of_signature() -> None:
    before, after = InMemory().signed("2027-03-14"), InMemory().signed("2027-03-15")

    versions = [each.case.enrolment.contract.terms for each in (before, after) if each.case.enrolment.contract]
    assert versions == ["published", "reference"]


def test_payment_told_twice_is_one_payment_and_with_other_particulars_a_conflict() -> None:
    case = InMemory().studying().paid("1000.00").paid("1000.00")

    assert len(case.case.ledger) == 1
    with pytest.raises(RuleBroken) as refused:
        case.paid("1000.01")
    assert refused.value.code == "payment-differs"


def test_money_beyond_the_price_is_proposed_back() -> None:
    case = InMemory().studying().paid("7200.00").paid("50.00", payment_id="P2", day="2027-04-06")

    assert case.refund().ground == "overpayment"
    assert [share.amount_minor for share in case.refund().proposal.shares] == [5_000]


def test_open_accommodation_request_keeps_assessment_open() -> None:
    case = InMemory()
    case.do("2027-01-12", Role.ADMISSIONS, lambda change: screening.assign(change, specialist="s"))
    case.do("2027-01-13", Role.SPECIALIST, lambda change: screening.recommend(change, outcome="assess"))

    for kind, waiting in (("test", True), ("interview", False)):
        case.do(
            "2027-01-14",
            Role.PARTNER,
            lambda change, kind=kind, waiting=waiting: screening.record_assessment(
                change, assessment_id=kind, kind=kind, outcome="failed", accommodation_open=waiting
            ),
        )

    assert case.case.application.status == "assessment"


def test_lapsed_offer_can_be_given_back_for_thirty_days_and_is_decided_anew_after() -> None:
    def lapsed() -> InMemory:
        case = InMemory().accepted_offer_pending()
        case.do("2027-02-01", Role.SYSTEM, lambda change: change.record("offer_lapsed"))
        return case

    given_back, too_late = lapsed(), lapsed()
    given_back.do("2027-03-03", Role.ADMISSIONS, lambda change: screening.reopen(change, reason="illness"), who="d")
    too_late.do("2027-03-04", Role.ADMISSIONS, lambda change: screening.reopen(change, reason="illness"), who="d")

    assert [each.case.application.status for each in (given_back, too_late)] == ["offered", "deciding"]


def exempt(outcome: str, document: str | None = None) -> InMemory:
    case = InMemory("FR").studying()
    case.do("2027-06-01", Role.ADMISSIONS, lambda c: enrolments.exempt(c, outcome=outcome, document=document))
    return case


def test_nobody_is_left_out_of_everybody_enrolled_without_a_document() -> None:
    with pytest.raises(InvalidInput):
        exempt("exempt")
    with pytest.raises(NotFound):
        exempt("exempt", "d1")
    with pytest.raises(RuleBroken) as refused:
        exempt("counted")
    assert refused.value.code == "not-exempt"


def test_french_days_to_think_cannot_be_escaped_by_choosing_another_countrys_application() -> None:
    case = InMemory("FR").received("2027-06-01")
    case.case.country = "US"  # As another application of the same person said.

    with pytest.raises(RuleBroken) as refused:
        sign(case, datetime.fromisoformat("2027-06-02T10:00:00+02:00"))

    assert refused.value.code == "signature-too-early"


def test_deposit_of_whoever_leaves_before_signing_goes_back() -> None:
    case = InMemory().received("2027-02-01").paid("2000.00", day="2027-02-02")

    case.do("2027-02-03", Role.APPLICANT, applications.withdraw)

    assert [share.amount_minor for share in case.refund().proposal.shares] == [200_000]


def test_cancellation_sent_in_time_counts_although_the_person_left_by_the_page_as_well() -> None:
    case = InMemory().signed("2027-02-22").paid("2000.00", day="2027-02-23")
    case.do("2027-03-09", Role.APPLICANT, applications.withdraw)
    assert (case.case.enrolment.status, list(case.case.refunds)) == ("terminated", [])

    case.do("2027-03-12", Role.ADMISSIONS, lambda c: enrolments.cancel(c, sent_at=at("2027-03-08")))

    assert case.case.enrolment.status == "cancelled"
    assert [share.amount_minor for share in case.refund().proposal.shares] == [200_000]


def test_letter_that_ends_a_french_contract_in_the_first_three_months_is_recorded_by_staff() -> None:
    case = InMemory().studying("2027-02-22").paid("7200.00")

    case.do("2027-06-01", Role.ADMISSIONS, lambda c: enrolments.cancel(c, sent_at=at("2027-05-22")))

    assert (case.case.enrolment.status, case.case.enrolment.ended_on) == ("terminated", date(2027, 5, 22))
    assert [share.amount_minor for share in case.refund().proposal.shares] == [720_000 * 70 // 100]


def test_what_is_kept_of_an_ended_contract_is_measured_by_what_was_agreed_less_discounts() -> None:
    case = InMemory().signed("2027-02-22")
    half = {"amount": "3600.00", "currency": "EUR"}
    discount = {"payment_id": "D", "kind": "discount", "payer": "self", "amount": half}
    day = date(2027, 2, 23)
    case.do("2027-02-23", Role.FINANCE, lambda c: enrolments.record_money(c, **discount, received_on=day))
    case.paid("3600.00", day="2027-02-24")

    case.do("2027-05-01", Role.APPLICANT, applications.withdraw)

    assert [share.amount_minor for share in case.refund().proposal.shares] == [360_000 * 70 // 100]


def expired() -> InMemory:
    """Twelve months are over, and finance signed it."""
    case = InMemory().studying()
    case.do("2028-04-06", Role.SYSTEM, enrolments.propose_expiry)
    sign = {"proposal": case.case.enrolment.expiry_proposal, "outcome": "sign"}
    case.do("2028-04-07", Role.FINANCE, lambda c: refunds.sign(c, SERVICES, **sign))
    return case


def award(case: InMemory, told_on: str, awarded_on: date, role: Role = Role.PARTNER) -> None:
    case.do(told_on, role, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=awarded_on))


def test_diploma_earned_in_time_and_told_late_undoes_the_end_of_the_enrolment() -> None:
    case = expired()

    award(case, "2028-04-10", date(2028, 4, 3))

    assert (case.case.enrolment.status, case.case.enrolment.ended_on) == ("qualified", None)


def test_diploma_of_a_day_after_the_limit_does_not() -> None:
    with pytest.raises(RuleBroken, match="before that day"):
        award(expired(), "2028-04-10", date(2028, 4, 6))


def test_diploma_taken_back_by_mistake_is_given_back_by_staff_and_not_by_an_old_word_told_again() -> None:
    case = InMemory().qualified("2027-10-04")
    revoked = {"revoked_on": date(2027, 11, 1), "reason": "jury", "diploma_id": "D1"}
    case.do("2027-11-01", Role.PARTNER, lambda c: enrolments.revoke_diploma(c, **revoked))

    award(case, "2027-11-04", date(2027, 10, 4))
    assert case.case.enrolment.status == "diploma_revoked"
    award(case, "2027-11-05", date(2027, 10, 4), Role.ADMISSIONS)

    assert (case.case.enrolment.status, case.case.enrolment.revoked_on) == ("qualified", None)
    assert case.case.guarantee.decision == "open"


def test_word_of_a_diploma_that_waited_does_not_give_it_back_once_it_is_revoked() -> None:
    case = InMemory().qualified("2027-10-04")
    with pytest.raises(ActionNotAllowed):  # The same diploma with a corrected date: it waits.
        award(case, "2027-10-10", date(2027, 10, 5))
    revoked = {"revoked_on": date(2027, 11, 1), "reason": "jury", "diploma_id": "D1"}
    case.do("2027-11-01", Role.PARTNER, lambda c: enrolments.revoke_diploma(c, **revoked))

    award(case, "2027-11-01", date(2027, 10, 5))

    assert case.case.enrolment.status == "diploma_revoked"


def on_leave(last_day: date | None) -> InMemory:
    case = InMemory().studying()
    asked = {"first_day": date(2028, 1, 2), "last_day": last_day}
    case.do("2028-01-01", Role.APPLICANT, lambda c: enrolments.request_leave(c, **asked))
    case.do("2028-01-01", Role.ADMISSIONS, lambda c: enrolments.rule_leave(c, leave_id="l1", outcome="granted"))
    return case


def test_nobody_is_expired_while_on_granted_leave() -> None:
    with pytest.raises(ActionNotAllowed):
        on_leave(date(2028, 6, 30)).do("2028-04-06", Role.ADMISSIONS, enrolments.propose_expiry)


def test_whoever_was_on_leave_when_a_warning_fell_due_is_warned_once_back() -> None:
    case = on_leave(date(2028, 3, 31))

    back = case.do("2028-04-01", Role.SYSTEM, lambda c: asyncio.run(deadlines.keep_deadlines(c, SERVICES)))
    for day in ("2028-05-05", "2028-06-20"):
        case.do(day, Role.SYSTEM, lambda c: asyncio.run(deadlines.keep_deadlines(c, SERVICES)))

    assert [event.kind for event in back.events] == ["leave_ended"]
    assert case.letters.count("limit_warning") == 2


def keep_deadlines(case: InMemory, *days: str) -> list[str]:
    """What the sweep tells on these days."""
    known = len(case.letters)
    for day in days:
        case.do(day, Role.SYSTEM, lambda c: asyncio.run(deadlines.keep_deadlines(c, SERVICES)))
    return case.letters[known:]


def take_leave(case: InMemory) -> None:
    asked = {"first_day": date(2028, 3, 24), "last_day": date(2028, 6, 30)}
    case.do("2028-03-23", Role.APPLICANT, lambda c: enrolments.request_leave(c, **asked))
    case.do("2028-03-23", Role.ADMISSIONS, lambda c: enrolments.rule_leave(c, leave_id="l1", outcome="granted"))
    ended = {"leave_id": "l1", "last_day": date(2028, 6, 30)}
    case.do("2028-07-01", Role.ADMISSIONS, lambda c: enrolments.end_leave(c, **ended))


def correct_start(case: InMemory) -> None:
    right = {"what": "started_on", "day": date(2027, 7, 13), "reason": "typo"}
    case.do("2028-03-30", Role.ADMISSIONS, lambda c: support.propose_correction(c, **right), who="a1")
    signed = {"correction": "t1", "outcome": "sign", "reason": "seen"}
    case.do("2028-03-30", Role.ADMISSIONS, lambda c: support.sign_correction(c, **signed), who="a2")


@pytest.mark.parametrize("moved_by", [take_leave, correct_start])
def test_whoever_was_warned_of_a_limit_that_then_moved_is_warned_of_the_new_one(
    moved_by: Callable[[InMemory], None],
) -> None:
    case = InMemory().studying()
    assert keep_deadlines(case, "2028-02-05", "2028-03-22", "2028-03-23") == ["limit_warning"] * 2

    moved_by(case)

    assert (case.case.agenda.due_at, case.case.agenda.deadlines_at) == (at("2028-07-13"), at("2028-05-14"))
    assert keep_deadlines(case, "2028-07-01", "2028-07-02") == ["limit_warning"]


def test_leave_ends_with_its_last_day_and_moves_the_limit() -> None:
    case = on_leave(date(2028, 1, 31))
    assert case.case.agenda.deadlines_at == at("2028-02-01")

    case.do("2028-02-01", Role.SYSTEM, lambda c: asyncio.run(deadlines.keep_deadlines(c, SERVICES)))

    assert (case.case.enrolment.status, case.case.enrolment.leave_days) == ("studying", 30)
    assert case.case.agenda.due_at == at("2028-05-05")


def test_leave_without_an_end_is_admissions_turn() -> None:
    assert (on_leave(None).case.agenda.turn, on_leave(None).case.agenda.what) == ("admissions", "end_leave")


@pytest.mark.parametrize("fact", ["right_to_work", "consent", "self_employment_attested"])
def test_fact_about_a_report_that_there_is_not_leaves_no_word_in_the_chain(fact: str) -> None:
    case = InMemory().qualified("2027-10-04")

    with pytest.raises(NotFound):
        case.do("2027-10-05", Role.APPLICANT, lambda c: job_search.declare(c, fact=fact, value="yes", placement="ada"))


@pytest.mark.parametrize(("first", "last"), [("1920-01-01", "2027-12-01"), ("2027-11-01", "2100-01-01")])
def test_days_before_the_contract_or_far_ahead_are_a_slip_of_the_pen(first: str, last: str) -> None:
    case = InMemory().qualified("2027-10-04")
    days = {"first_day": date.fromisoformat(first), "last_day": date.fromisoformat(last)}

    for role, act in ((Role.APPLICANT, job_search.request_pause), (Role.CAREERS, job_search.exempt_weeks)):
        more = {"note": "Ill."} if role == Role.CAREERS else {}
        with pytest.raises(InvalidInput) as refused:
            case.do("2027-11-01", role, lambda c, act=act, more=more: act(c, **days, **more))
        assert [each.code for each in refused.value.complaints] == ["implausible"]

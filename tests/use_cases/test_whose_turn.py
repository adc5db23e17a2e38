"""Whose turn it is: nothing that waits is nobody's, and what staff have to do is in the queue of whoever may do it."""

from __future__ import annotations

from asyncio import run
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from shared.domain.change import Change
from shared.domain.errors import Forbidden, RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import applications, deadlines, enrolments, job_search, refunds, retention, screening, views
from tests.builders import PROGRAMME, SERVICES, InMemory, at
from tests.use_cases.test_refund_rules import proposed, sweep


class Nobody:
    """A store in which no person's details stand."""

    async def read(self, *_: str) -> None:
        return None


def turn(case: InMemory) -> tuple[str, str]:
    return case.case.agenda.turn, case.case.agenda.what


def keep_deadlines(case: InMemory, day: str) -> Change:
    return case.do(day, Role.SYSTEM, lambda c: run(deadlines.keep_deadlines(c, SERVICES)))


def rings(case: InMemory, day: str, role: Role, who: str, about: str = "contact") -> Change:
    services: Any = SimpleNamespace(store=Nobody())
    ring = {"about": about, "outcome": "confirmed"}
    return case.do(day, role, lambda c: run(enrolments.call_back(c, services, **ring)), who=who)


def bounce(case: InMemory, day: str) -> None:
    case.do(day, Role.SYSTEM, lambda c: c.record("mail_bounced"))


def new_phone(case: InMemory, day: str, role: Role = Role.APPLICANT, who: str | None = None) -> None:
    case.do(day, role, lambda c: applications.change_contact(c, phone="+33612345678"), who=who)


# ---- what staff have to do is not hidden by what somebody else has to do


def test_money_that_waits_for_an_account_hides_no_work_of_staff() -> None:
    case = proposed()
    case.signs("2028-04-12", who="finance-1")
    assert turn(case) == ("applicant", "name_payee")

    bounce(case, "2028-04-26")
    assert turn(case) == ("careers", "call_about_bounced_mail")

    rings(case, "2028-04-27", Role.CAREERS, "careers-7")
    assert turn(case) == ("applicant", "name_payee")


def test_claim_of_which_something_is_unknown_waits_for_careers_by_what_is_unknown() -> None:
    case = InMemory().qualified("2027-10-04")
    asked = {"kind": "illness", "first_day": date(2028, 3, 1), "last_day": date(2028, 3, 10)}
    case.do("2028-03-01", Role.APPLICANT, lambda c: job_search.request_pause(c, **asked))
    case.do("2028-04-10", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))
    sweep(case, "2028-04-11")

    assert case.case.guarantee.decision == "undetermined"
    assert turn(case) == ("careers", "rule_pause")


# ---- a new address, and mail that does not arrive


def test_new_contact_is_somebodys_to_ring_about_until_they_did() -> None:
    case = InMemory().studying()
    new_phone(case, "2027-05-03")
    assert turn(case) == ("specialist", "call_about_contact")

    rings(case, "2027-05-04", Role.SPECIALIST, "specialist-7")

    assert turn(case) == ("applicant", "study")


@pytest.mark.parametrize("role", [Role.SPECIALIST, Role.ADMISSIONS])
def test_who_is_asked_to_ring_about_mail_may_do_so_and_screens_on(role: Role) -> None:
    case = InMemory()
    case.do("2027-01-12", Role.ADMISSIONS, lambda c: screening.assign(c, specialist="s"), who="a")
    bounce(case, "2027-01-13")
    assert turn(case) == ("specialist", "call_about_bounced_mail")

    rings(case, "2027-01-14", role, "s")
    case.do("2027-01-15", Role.SPECIALIST, lambda c: screening.recommend(c, outcome="assess"), who="s")

    assert case.case.bounced_at is None


def test_specialists_ring_about_no_account() -> None:
    case = proposed()
    case.has_payee("2028-04-11")

    with pytest.raises(Forbidden, match="role"):
        rings(case, "2028-04-12", Role.SPECIALIST, "specialist-7", about="payee")


def test_whoever_noted_a_new_address_does_not_confirm_it() -> None:
    case = InMemory().studying()
    new_phone(case, "2027-05-03", Role.ADMISSIONS, "admissions-1")

    with pytest.raises(Forbidden, match="same-person"):
        rings(case, "2027-05-04", Role.ADMISSIONS, "admissions-1")
    rings(case, "2027-05-04", Role.ADMISSIONS, "admissions-2")

    assert case.case.contact_confirmed


def test_file_that_nobody_knows_the_owner_of_is_asked_of_nobody() -> None:
    case = InMemory()
    stranger = {
        "blob": "e" * 64,
        "kind": "unconfirmed_certificate",
        "content_type": "application/pdf",
        "etags": {"x": "1"},
    }
    case.do("2027-01-12", Role.APPLICANT, lambda c: c.record("document_added", "d9", **stranger))
    case.do("2027-01-12", Role.PARTNER, lambda c: c.record("document_scanned", "d9", result="malicious"))

    assert turn(case) == ("specialist", "assign")


# ---- days that pass on the way in


def in_assessment() -> InMemory:
    case = InMemory()
    case.do("2027-01-12", Role.ADMISSIONS, lambda c: screening.assign(c, specialist="s"), who="a")
    case.do("2027-01-13", Role.SPECIALIST, lambda c: screening.recommend(c, outcome="assess"), who="s")
    return case


def test_test_that_nobody_took_in_time_is_the_specialists_to_settle_once() -> None:
    case = in_assessment()
    assert turn(case) == ("applicant", "assess")
    assert case.case.agenda.deadlines_at == at("2027-02-04")

    early, due, again = (len(keep_deadlines(case, day).events) for day in ("2027-02-03", "2027-02-04", "2027-02-05"))

    assert (early, due, again) == (0, 1, 0)
    assert turn(case) == ("specialist", "settle_assessment")


def test_accommodation_that_was_asked_for_is_the_specialists_to_answer() -> None:
    case = in_assessment()
    kind = next(iter(PROGRAMME.assessments))
    asked = {"assessment_id": kind, "kind": kind, "outcome": "retake", "accommodation_open": True}
    case.do("2027-01-14", Role.PARTNER, lambda c: screening.record_assessment(c, **asked))

    assert turn(case) == ("specialist", "settle_accommodation")


def test_condition_whose_day_has_passed_is_admissions_to_rule_on_and_moved_is_the_persons_again() -> None:
    case = InMemory()
    case.do("2027-01-12", Role.ADMISSIONS, lambda c: screening.assign(c, specialist="s"), who="a")
    case.do("2027-01-13", Role.SPECIALIST, lambda c: screening.recommend(c, outcome="assess"), who="s")
    for kind in PROGRAMME.assessments:
        passed = {"assessment_id": kind, "kind": kind, "outcome": "passed"}
        case.do("2027-01-14", Role.PARTNER, lambda c, passed=passed: screening.record_assessment(c, **passed))
    conditions = [{"kind": "degree_certificate", "due_on": date(2027, 2, 15)}]
    offer = {"outcome": "offer", "conditions": conditions}
    case.do("2027-01-15", Role.ADMISSIONS, lambda c: screening.decide_admission(c, **offer), who="d")
    case.do("2027-01-16", Role.APPLICANT, lambda c: applications.answer_offer(c, answer="accept"))
    assert turn(case) == ("applicant", "meet_condition")

    keep_deadlines(case, "2027-02-16")
    assert turn(case) == ("admissions", "rule_condition")

    (condition,) = case.case.application.offer.conditions
    later = {"condition_id": condition, "outcome": "extended", "due_on": date(2027, 3, 1)}
    case.do("2027-02-17", Role.ADMISSIONS, lambda c: screening.rule_condition(c, **later), who="d")
    assert turn(case) == ("applicant", "meet_condition")
    assert case.case.agenda.deadlines_at == at("2027-03-02")


# ---- a contract that nobody signs


def test_contract_that_is_not_signed_when_the_course_begins_is_admissions_to_settle() -> None:
    case = InMemory().received("2027-02-01")
    begins = PROGRAMME.intake(case.case.intake).starts_on  # type: ignore[union-attr]
    assert turn(case) == ("applicant", "sign_contract")
    assert case.case.agenda.due_at == at(begins)

    keep_deadlines(case, begins.replace(day=begins.day + 1).isoformat())

    assert turn(case) == ("admissions", "settle_contract")


def take_back(case: InMemory, day: str) -> None:
    case.do(day, Role.ADMISSIONS, lambda c: screening.withdraw_offer(c, reasons=["mistake"]), who="d")


def test_offer_goes_back_with_the_contract_that_nobody_signed_and_the_deposit_with_it() -> None:
    case = InMemory().received("2027-02-01").paid("700.00", day="2027-02-03")

    take_back(case, "2027-03-01")

    assert (case.case.application.status, case.case.enrolment.status) == ("offer_withdrawn", "withdrawn")
    assert [share.amount_minor for share in case.refund().proposal.shares] == [70000]
    assert "contract_running" not in retention.holds(case.case, PROGRAMME, date(2040, 1, 1))


def test_offer_does_not_go_back_once_the_contract_is_signed() -> None:
    case = InMemory().signed("2027-02-22")

    with pytest.raises(RuleBroken, match="signed"):
        take_back(case, "2027-03-01")


def test_wrong_contract_is_sent_anew_and_has_to_arrive_anew() -> None:
    case = InMemory().received("2027-02-01")

    case.do("2027-02-03", Role.ADMISSIONS, enrolments.send_contract, who="d")

    assert turn(case) == ("admissions", "record_receipt")
    assert case.case.enrolment.contract.received_on is None  # type: ignore[union-attr]


def test_case_reopened_after_an_unsigned_contract_goes_all_the_way_in_again() -> None:
    case = InMemory().received("2027-02-01")
    take_back(case, "2027-02-03")
    assert turn(case) == ("nobody", "nothing")

    case.do("2027-02-04", Role.ADMISSIONS, lambda c: screening.reopen(c, reason="mistake"), who="d")
    assert turn(case) == ("admissions", "decide")
    case.do("2027-02-05", Role.ADMISSIONS, lambda c: screening.decide_admission(c, outcome="offer"), who="d")
    case.do("2027-02-06", Role.APPLICANT, lambda c: applications.answer_offer(c, answer="accept"))
    assert turn(case) == ("admissions", "send_contract")
    case.do("2027-02-07", Role.ADMISSIONS, enrolments.send_contract, who="d")

    assert (case.case.enrolment.status, case.case.enrolment.ended_on) == ("contract_sent", None)


def test_whoever_signed_and_left_gets_no_other_contract_on_this_case() -> None:
    case = InMemory().signed("2027-02-22")
    case.do("2027-03-20", Role.APPLICANT, lambda c: c.record("enrolment_withdrawn"))

    with pytest.raises(RuleBroken, match="signed"):
        case.do("2027-03-21", Role.ADMISSIONS, enrolments.send_contract, who="d")


# ---- a promise of nothing


def test_graduate_who_paid_nothing_is_erased_like_any_other() -> None:
    case = InMemory().studying()
    whole = {"amount": "7200.00", "currency": "EUR"}
    given = {"payment_id": "D1", "kind": "discount", "payer": "self", "amount": whole, "received_on": date(2027, 4, 5)}
    case.do("2027-04-05", Role.FINANCE, lambda c: enrolments.record_money(c, **given))
    case.do("2027-04-06", Role.APPLICANT, lambda c: job_search.declare(c, fact="right_to_work", value="yes"))
    awarded = {"diploma_id": "D1", "awarded_on": date(2027, 10, 4)}
    case.do("2027-10-04", Role.PARTNER, lambda c: enrolments.award_diploma(c, **awarded))
    sweep(case, "2028-04-20")

    assert case.case.guarantee.decision == "eligible"
    assert retention.holds(case.case, PROGRAMME, date(2060, 1, 1)) == []


def test_desk_offers_a_contract_and_its_way_back_only_where_they_are_taken() -> None:
    signed_and_left = InMemory().signed("2027-02-22")
    signed_and_left.do("2027-03-20", Role.APPLICANT, lambda c: c.record("enrolment_withdrawn"))
    sent = InMemory().received("2027-02-01")
    reopened = InMemory().received("2027-02-01")
    take_back(reopened, "2027-02-03")
    reopened.do("2027-02-04", Role.ADMISSIONS, lambda c: screening.reopen(c, reason="mistake"), who="d")

    def offered(case: InMemory, role: Role) -> set[str]:
        return {"send_contract", "withdraw_offer", "withdraw_application"} & set(views._actions(case.case, role))

    assert offered(signed_and_left, Role.ADMISSIONS) == set()
    assert offered(sent, Role.ADMISSIONS) == {"send_contract", "withdraw_offer"}
    assert offered(reopened, Role.ADMISSIONS) == set()
    assert offered(reopened, Role.APPLICANT) == {"withdraw_application"}

"""Repairs of a record: what they change, what they refuse, and who signs."""

from __future__ import annotations

from datetime import date

import pytest

from shared.domain import four_eyes
from shared.domain.errors import AlreadyExists, Forbidden, InvalidInput, RuleBroken
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.use_cases import support
from tests.builders import InMemory
from tests.people import Applicant


def moves(case: InMemory, day: str, intake: str = "2027-autumn") -> InMemory:
    case.do(day, Role.ADMISSIONS, lambda c: support.move_intake(c, intake=intake, reason="asked"), who="m")
    return case


def proposes(case: InMemory, day: str, what: str, to: str, who: str = "first") -> InMemory:
    right = date.fromisoformat(to)
    case.do(day, Role.ADMISSIONS, lambda c: support.propose_correction(c, what=what, day=right, reason="typo"), who=who)
    return case


def signs(case: InMemory, day: str, who: str = "second", outcome: str = "sign") -> InMemory:
    correction = case.case.custody.corrections[-1].id
    case.do(
        day,
        Role.FINANCE,
        lambda c: support.sign_correction(c, correction=correction, outcome=outcome, reason="checked"),
        who=who,
    )
    return case


def test_moved_case_begins_with_the_other_intake_and_the_person_hears_of_it() -> None:
    case = moves(InMemory().signed("2027-02-22"), "2027-03-01")

    assert case.case.intake == "2027-autumn"
    assert case.case.enrolment.status == "contracted"
    assert case.letters[-1] == "intake_moved"


@pytest.mark.parametrize("intake", ["2027-spring", "2031-spring"])
def test_case_moves_only_to_another_intake_that_exists(intake: str) -> None:
    with pytest.raises(InvalidInput):
        moves(InMemory(), "2027-02-01", intake)


def test_case_moves_neither_once_the_course_has_begun_nor_to_an_intake_that_has() -> None:
    with pytest.raises(RuleBroken, match="course has begun"):
        moves(InMemory().studying(), "2027-04-06")
    with pytest.raises(RuleBroken, match="has begun already"):
        moves(InMemory(), "2027-10-04")


def test_corrected_day_of_the_diploma_moves_the_window_once_another_person_signed() -> None:
    case = InMemory().qualified("2027-10-04")
    before = case.case.guarantee.window_end

    proposes(case, "2027-10-06", "qualified_on", "2027-09-20")
    proposed = case.case.enrolment.qualified_on
    signs(case, "2027-10-07")

    assert (before, proposed) == (date(2028, 4, 4), date(2027, 10, 4))
    assert case.case.enrolment.qualified_on == date(2027, 9, 20)
    assert case.case.guarantee.window_end == date(2028, 3, 20)
    assert case.letters[-1] == "date_corrected"


def test_who_proposed_a_correction_does_not_sign_it_but_may_drop_it() -> None:
    case = proposes(InMemory().studying(), "2027-04-08", "started_on", "2027-04-07")

    with pytest.raises(Forbidden, match="same-person"):
        signs(case, "2027-04-08", who="first")
    signs(case, "2027-04-08", who="first", outcome="drop")

    assert case.case.enrolment.started_on == date(2027, 4, 5)
    assert case.case.custody.corrections[0].status == "dropped"


def test_who_corrected_a_date_signs_no_refund_that_rests_on_it() -> None:
    case = signs(proposes(InMemory().qualified("2027-10-04"), "2027-10-06", "qualified_on", "2027-09-20"), "2027-10-07")

    for who in ("first", "second"):
        with pytest.raises(Forbidden, match="same-person"):
            four_eyes.guard(case.case.steps, "refund_approved", Actor(role=Role.FINANCE, id=who))


@pytest.mark.parametrize(
    ("what", "day"),
    [
        ("qualified_on", "2027-04-04"),  # The course began on the 5th.
        ("qualified_on", "2027-10-30"),  # Not yet.
        ("started_on", "2027-02-21"),  # The contract was signed on the 22nd.
        ("started_on", "2027-10-05"),  # After the diploma.
        ("received_on", "2027-02-15"),  # Less than the law's seven days before the signature.
        ("received_on", "2027-01-01"),  # Before it was sent.
    ],
)
def test_correction_keeps_the_order_of_the_dates(what: str, day: str) -> None:
    with pytest.raises(RuleBroken, match="does not fit"):
        proposes(InMemory().qualified("2027-10-04"), "2027-10-06", what, day)


def test_correction_of_what_is_not_on_record_or_is_right_already_is_refused() -> None:
    with pytest.raises(RuleBroken, match="no such date"):
        proposes(InMemory().studying(), "2027-04-08", "qualified_on", "2027-04-07")
    with pytest.raises(InvalidInput):
        proposes(InMemory().studying(), "2027-04-08", "started_on", "2027-04-05")


def test_one_date_has_one_open_correction() -> None:
    case = proposes(InMemory().studying(), "2027-04-08", "started_on", "2027-04-07")

    with pytest.raises(AlreadyExists):
        proposes(case, "2027-04-08", "started_on", "2027-04-06")


def test_correction_that_another_fact_overtook_is_not_signed() -> None:
    case = proposes(InMemory().qualified("2027-10-04"), "2027-10-06", "started_on", "2027-09-01")
    signs(proposes(case, "2027-10-07", "qualified_on", "2027-08-02", who="third"), "2027-10-07", who="fourth")

    with pytest.raises(RuleBroken, match="does not fit"):
        case.do(
            "2027-10-08",
            Role.FINANCE,
            lambda c: support.sign_correction(c, correction="t1", outcome="sign", reason="checked"),
            who="second",
        )


def test_duplicate_is_closed_told_and_can_be_opened_again(applicant: Applicant) -> None:
    applicant.applied()
    first, mailbox = applicant.case_id, applicant.email
    applicant.email = f"again-{mailbox}"
    applicant.applied()

    itself = applicant.staff("admissions", "duplicate", duplicate_of=applicant.case_id, reason="same_person")
    unknown = applicant.staff("admissions", "duplicate", duplicate_of="z" * 26, reason="same_person")
    closed = applicant.staff("admissions", "duplicate", duplicate_of=first, reason="same_person")
    seen = applicant.sees().json()
    mails = applicant.stack.wait_for_mail(applicant.email, 2)
    reopened = applicant.staff("admissions", "reopening", reason="other_person")

    assert {answer.status_code for answer in (itself, unknown)} == {422}
    assert closed.status_code == 200, closed.text
    assert (seen["application"]["status"], closed.json()["case"]["duplicate_of"]) == ("duplicate", first)
    assert mails[-1]["subject"] == "We go on with your other case"
    assert reopened.json()["case"]["application"]["status"] == "deciding"


def test_duplicate_of_a_duplicate_is_refused(applicant: Applicant) -> None:
    applicant.applied()
    first = applicant.case_id
    applicant.email = f"again-{applicant.email}"
    applicant.applied()
    second = applicant.case_id
    assert applicant.staff("admissions", "duplicate", duplicate_of=first, reason="same_person").status_code == 200
    applicant.case_id = first

    answer = applicant.staff("admissions", "duplicate", duplicate_of=second, reason="same_person")

    assert (answer.status_code, answer.json()["reason"]) == (409, "closed-itself")

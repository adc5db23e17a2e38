"""Money that is owed and has nowhere to go: whose turn it is, and how often they are reminded."""

from __future__ import annotations

from asyncio import run
from datetime import UTC, date, datetime

import pytest

from shared.domain.change import Change
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines
from tests.builders import SERVICES, InMemory
from tests.use_cases.test_refund_rules import proposed


def test_owed_money_without_an_account_is_the_persons_turn() -> None:
    case = proposed()
    case.signs("2028-04-12", who="finance-1")

    assert (case.case.agenda.turn, case.case.agenda.what) == ("applicant", "name_payee")


def remind(case: InMemory, day: str) -> Change:
    return case.do(day, Role.SYSTEM, lambda change: run(deadlines.keep_deadlines(change, SERVICES)))


def test_letter_about_an_approval_says_that_an_account_is_missing() -> None:
    case = proposed()

    signed = case.signs("2028-04-12", who="finance-1")

    (letter,) = signed.messages
    assert letter["parameters"] == {"amount": ["7200.00 EUR"], "account": "missing", "office": "finance"}


@pytest.mark.parametrize(("confirmed", "said"), [(False, "unconfirmed"), (True, "known")])
def test_letter_about_an_approval_says_whether_the_account_is_confirmed(confirmed: bool, said: str) -> None:
    case = proposed().has_payee("2028-04-11")
    if not confirmed:
        case.case.payee.confirmed_by = None

    signed = case.signs("2028-04-12", who="finance-1")

    assert signed.messages[0]["parameters"]["account"] == said


def test_whoever_is_owed_money_is_reminded_to_name_an_account_after_14_days_then_every_30_and_six_times_at_most() -> (
    None
):
    case = proposed()
    case.signs("2028-04-12", who="finance-1")

    days = []
    while (due := case.case.agenda.deadlines_at) is not None:
        remind(case, due.date().isoformat())
        days.append((due.date() - date(2028, 4, 12)).days)

    assert days == [14, 44, 74, 104, 134, 164]
    assert case.letters.count("account_wanted") == 6


def test_reminder_of_an_account_comes_neither_early_nor_twice_nor_once_an_account_is_named() -> None:
    case = proposed()
    case.signs("2028-04-12", who="finance-1")

    early, due, again = (remind(case, day).events for day in ("2028-04-25", "2028-04-26", "2028-04-27"))
    case.has_payee("2028-05-01")
    named = remind(case, "2028-05-26").events

    assert (early, [event.kind for event in due], again, named) == ([], ["account_wanted"], [], [])


def test_reminders_that_a_timer_missed_are_one_letter() -> None:
    case = proposed()
    case.signs("2028-04-12", who="finance-1")

    late = remind(case, "2028-07-01")

    assert [(event.kind, event.data) for event in late.events] == [("account_wanted", {"after_days": 74})]
    assert case.case.agenda.deadlines_at == datetime(2028, 7, 25, 12, tzinfo=UTC)


def test_account_that_its_person_denied_is_asked_for_again() -> None:
    case = proposed().has_payee("2028-04-11")
    case.signs("2028-04-12", who="finance-1")
    case.case.payee.denied = True

    assert [event.kind for event in remind(case, "2028-04-26").events] == ["account_wanted"]

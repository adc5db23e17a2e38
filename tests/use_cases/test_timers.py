"""What the timers do and leave, on a stack whose calendar these tests turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from local.testing import Stack
from tests.people import Applicant

FIRST_DAY = "2026-09-07T14:00:00Z"


@pytest.fixture(scope="module")
def calendar() -> Iterator[Stack]:
    """A stack of our own, whose clock each test turns."""
    with Stack(now=FIRST_DAY) as running:
        yield running


@pytest.fixture(autouse=True)
def _first_day(calendar: Stack) -> None:
    """Each test begins on the same day, while the spring intake is open."""
    calendar.move_clock(FIRST_DAY, timers=False)


def today(stack: Stack) -> date:
    return date.fromisoformat(stack.now()[:10])


def wait_days(stack: Stack, days: int) -> None:
    stack.move_clock(f"{today(stack) + timedelta(days=days)}T14:00:00Z")


def dump(stack: Stack, container: str) -> list[dict[str, Any]]:
    url = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/dump"
    answer = httpx.get(url, params={"container": container}, trust_env=False, timeout=60)
    return [json.loads(line) for line in answer.text.splitlines() if line]


def test_offer_lapses_only_after_two_delivered_reminders_and_can_be_given_back(calendar: Stack) -> None:
    person = Applicant(calendar).to_offer()
    deadline = date.fromisoformat(person.record()["application"]["offer"]["answer_by"])

    wait_days(calendar, 7)
    first = [mail["subject"] for mail in calendar.mail(person.email)].count("Your offer awaits an answer")
    wait_days(calendar, (deadline - today(calendar)).days)
    on_last_day = person.record()["application"]["status"]
    wait_days(calendar, 1)
    after = person.record()["application"]["status"]
    wait_days(calendar, 29)
    given_back = person.staff("admissions", "reopening", reason="illness")

    assert (first, on_last_day, after) == (1, "offered", "declined_by_default")
    assert given_back.json()["case"]["application"]["status"] == "offered"


def test_offer_whose_reminders_bounce_stays_open(calendar: Stack) -> None:
    person = Applicant(calendar).to_offer()
    case_id = person.case_id
    person.does("contact", email="bounce902@people.example")
    assert person.staff("careers", "call-backs", about="contact", outcome="confirmed").status_code == 200

    for _ in range(6):
        wait_days(calendar, 7)

    record = person.record()
    assert record["case_id"] == case_id
    assert record["application"]["status"] == "offered"
    assert record["bounced_at"]


def test_sweep_run_again_sends_nothing_again(calendar: Stack) -> None:
    person = Applicant(calendar).to_offer()
    wait_days(calendar, 8)
    before = len(calendar.mail(person.email))

    for _ in range(3):
        calendar.run_timer("run_deadlines")
        calendar.run_timer("run_deliveries")

    assert len(calendar.mail(person.email)) == before


def test_personal_data_of_a_closed_application_is_erased_after_24_months_and_the_chain_stays(calendar: Stack) -> None:
    person = Applicant(calendar).applied()
    assert person.does("withdrawal").status_code == 200
    chain = [event["hash"] for event in person.events()]

    wait_days(calendar, 740)
    calendar.run_timer("run_privacy_retention")

    items = [row.get("item", row) for row in dump(calendar, "cases")]
    kinds = {item["kind"] for item in items if item["case_id"] == person.case_id}
    assert kinds & {"person", "payee", "note", "submission"} == set()
    assert [event["hash"] for event in person.events()][: len(chain)] == chain
    assert person.email not in str(dump(calendar, "addresses"))


def test_graduate_of_whom_nothing_is_heard_is_listed_for_careers_until_they_were_in_touch(calendar: Stack) -> None:
    people = [Applicant(calendar).to_diploma() for _ in range(2)]
    wait_days(calendar, 130)

    def listed(limit: str) -> list[dict[str, Any]]:
        bearer, found, after = {"Authorization": f"Bearer {calendar.token('careers')}"}, [], None
        while True:
            asked = {"limit": limit} | ({"after": after} if after else {})
            page = calendar.client.get(f"{calendar.api}/early-risk", params=asked, headers=bearer).json()
            found += page["at_risk"]
            if (after := page["next"]) is None:
                return found

    ours = {person.case_id for person in people}
    first = [row for row in listed("1") if row["case_id"] in ours]
    turn = people[0].record()["agenda"]["what"]
    contacted = people[0].staff("careers", "contact-logged", contacted_on=today(calendar).isoformat())
    after = {row["case_id"] for row in listed("50")} & ours

    assert {row["case_id"] for row in first} == ours
    assert [(row["days_left"], row["contact_overdue"]) for row in first] == [(51, True), (51, True)]
    assert turn == "contact_graduate"
    assert contacted.status_code == 200
    assert after == {people[1].case_id}

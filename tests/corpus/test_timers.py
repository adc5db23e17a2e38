"""Rows of the corpus about timers (Q): a clock that goes to and fro, and items that another version wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from azure.cosmos import CosmosClient

from local.testing import Stack
from tests.people import Applicant
from tests.stored.test_older_items import EXAMPLES

TO_AND_FRO = (0, 1, 0, -1, 0)
"""Each night the timers run on that day, the day after, that day again, the day before, and once more."""
NIGHTS = [date(2028, 2, 5), date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 6), date(2028, 3, 25),
          date(2028, 3, 26), date(2028, 3, 28), date(2028, 3, 29)]  # fmt: skip
"""Around the reminders, the leap day, and the night in which summer time begins in Paris."""


def run(world: Stack, now: str, *timers: str) -> None:
    world.move_clock(now, timers=False)
    for timer in timers:
        assert world.run_timer(timer), timer


def test_q9_whatever_the_clock_does_each_reminder_is_sent_once(world: Stack) -> None:
    world.move_clock("2027-08-14T14:00:00Z", timers=False)
    person = Applicant(world).to_contract(intake="2027-autumn")
    world.move_clock("2027-10-04T14:00:00Z", timers=False)
    person.do_all(
        ("admissions", "course-start", {"started_on": "2027-10-04"}),
        ("admissions 1", "diploma", {"diploma_id": f"D-{person.case_id}", "awarded_on": "2027-10-04"}),
    )

    for night in NIGHTS:
        for days in TO_AND_FRO:
            run(world, f"{night + timedelta(days=days)}T01:30:00Z", "run_deadlines", "run_refund_audit")

    subjects = [mail["subject"] for mail in world.mail(person.email)]
    reminders = [subject for subject in subjects if "Your search window (days left: " in subject]
    assert [int(reminder.rstrip(")").split()[-1]) for reminder in reminders] == [59, 29, 6]
    assert [event["kind"] for event in person.events()].count("window_reminded") == 3


@contextmanager
def stored(world: Stack, *items: dict[str, Any]) -> Iterator[None]:
    """Items that lie in the store, put there by nobody's act."""
    account = world.info["cosmos"]
    with CosmosClient(account["endpoint"], account["key"]) as client:
        cases = client.get_database_client(account["database"]).get_container_client("cases")
        for item in items:
            cases.create_item(item)
        try:
            yield
        finally:
            for case_id in {item["case_id"] for item in items}:
                for item in cases.query_items("SELECT * FROM c", partition_key=case_id):
                    cases.delete_item(item, case_id)


def test_q13_case_of_an_older_version_goes_on_and_one_of_a_newer_holds_up_no_other(world: Stack) -> None:
    older = json.loads(EXAMPLES[0].read_text("utf-8"))
    due = dict.fromkeys(("deadlines_at", "refund_at", "retention_at", "audit_at", "privacy_at"), "2027-01-01T00:00:00Z")
    newer = {"id": "case", "kind": "case", "case_id": "a" * 26, "schema_version": 99, "agenda": due}
    person = Applicant(world).to_offer()
    with stored(world, older["snapshot"], *older["events"], newer):
        other = Applicant(world)
        other.case_id = older["snapshot"]["case_id"]

        run(world, "2027-01-19T14:00:00Z", "run_deadlines", "run_refund_audit", "run_retention_checks", "run_reports")
        sequence = other.record()["sequence"]
        other.do_all(("careers", "contact-logged", {"contacted_on": "2027-01-19"}))

        assert other.record()["sequence"] == sequence + 1
        assert "offer_reminded" in [event["kind"] for event in person.events()]
        assert Applicant(world).apply().status_code == 202

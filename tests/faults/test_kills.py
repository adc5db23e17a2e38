"""The functions host is killed with -9 while people live through twenty months: nothing is lost or repeated."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.demo import people
from local.demo.people import FIRST_DAY, LAST_DAY, intake, lived
from local.demo.world import WORKING_HOUR, World
from local.testing import Stack

SEED = 2019
SOME_LIVES = (
    people.is_rejected, people.sends_two_applications, people.lets_offer_lapse, people.cancels,
    people.is_hired_through_partner, people.claims_and_payment_fails_once, people.appeals_and_wins,
    people.reports_job_after_refund,
)  # fmt: skip
EVERY_NTH_CALL = 61
LINK_SUBJECTS = ("Your link", "Votre lien")
VOLATILE = {
    "at", "since", "head", "hash", "prev", "sequence", "made_at", "id", "binds", "message", "reminders",
    "named_at", "submitted_at", "added_at", "filed_at", "waitlisted_at", "signed_at", "contact_changed_at",
    "facts_changed_at", "claim_notice_sequence", "expiry_proposal", "blob", "partner_refund_id", "steps",
    "reference", "payments", "subject", "specialist", "by", "approved_by", "facts_changed_on", "reported_on",
    "lapsed_on",
    "named_by", "confirmed_by", "source_id", "proposal", "evidence", "note_id",
}  # fmt: skip


async def live(info: dict[str, Any], lives: tuple[people.Life, ...], all_of_them: bool = False) -> None:
    """One person of each of these lives (or all), and the calendar to its end."""
    world = World(info, FIRST_DAY)
    try:
        await world.set_clock()
        chosen, seen = [], set()
        for person, life in intake(world, SEED):
            if life in lives and (all_of_them or life not in seen):
                seen.add(life)
                chosen.append((person, life))
        await world.live([lived(person, life) for person, life in chosen])
        await world.move_to(LAST_DAY)
        await world.set_clock_ahead()
        for timer in ("run_deliveries", "run_refund_audit", "run_deliveries"):
            await world.run_timer(timer)
    finally:
        await world.close()


class Killer:
    """Has the store kill the host right after it answered every so many calls, and notes how often that happened."""

    def __init__(self, stack: Stack, gaps: Iterator[int]) -> None:
        self._url = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
        self._pid_file = Path(stack.info["host_pid_file"])
        self._gaps = gaps
        self.kills = 0

    async def work(self) -> None:
        """Arm the rule for the host as it is now, and again for each one that follows it."""
        armed = None
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                pid = self._pid_file.read_text().strip() if self._pid_file.exists() else ""
                if pid and pid != armed:
                    self.kills += armed is not None
                    armed = pid
                    effect = {"kind": "kill", "pid": int(pid), "when": "after"}
                    rule = {"operation": "*", "container": None, "nth": next(self._gaps), "times": 1, "effect": effect}
                    await client.put(self._url, json={"rules": [rule]})
                await asyncio.sleep(0.05)


async def live_and_be_killed(
    stack: Stack, lives: tuple[people.Life, ...], gaps: Iterator[int], all_of_them: bool
) -> int:
    """The same, with the host killed after as many store calls as each gap says."""
    killer = Killer(stack, gaps)
    killing = asyncio.create_task(killer.work())
    try:
        await live(stack.info, lives, all_of_them)
    finally:
        killing.cancel()
        stack.client.delete(f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults")
    return killer.kills


def plain(value: Any, case_id: str) -> Any:
    """A record without ids and instants, in an order that does not depend on who was quicker."""
    if isinstance(value, dict):
        return {
            ("#" if re.fullmatch(r".*[0-9a-f]{16,}.*", name) else name): plain(each, case_id)
            for name, each in value.items()
            if name not in VOLATILE and not name.endswith("_id")
        }
    if isinstance(value, list):
        return sorted((plain(each, case_id) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, str) and re.search(r"[0-9a-f]{32,}", value):
        return "#"
    return value


def day_of(event: dict[str, Any]) -> str | None:
    """The day on which people did something. What machines do waits, after a kill, for the timer's next run."""
    return None if event["actor"]["role"] in ("partner", "system") else event["occurred_on"]


def what_became(stack: Stack) -> dict[str, Any]:
    """Every person's case as a fold, its events and the mails they got, by address."""
    url = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/dump"
    with httpx.stream("GET", url, params={"container": "cases"}, trust_env=False, timeout=60) as lines:
        rows = [json.loads(line) for line in lines.iter_lines() if line]
    items = [row.get("item", row) for row in rows]
    addresses = {item["case_id"]: item["email"] for item in items if item["kind"] == "person"}
    became: dict[str, Any] = {}
    for case_id, address in addresses.items():
        own = [item for item in items if item["case_id"] == case_id]
        snapshot = next(item for item in own if item["kind"] == "case")
        kept = {name: each for name, each in snapshot.items() if name not in ("agenda", "guarantee", "op_id")}
        kept = {name: each for name, each in kept.items() if not name.startswith("_") and name != "case_id"}
        events = Counter(
            json.dumps(
                [item["event"], day_of(item), item["actor"]["role"], plain(item["data"], case_id)], sort_keys=True
            )
            for item in own
            if item["kind"] == "event"
        )
        mails = Counter(m["subject"] for m in stack.mail(address) if m["subject"] not in LINK_SUBJECTS)
        pending = sum(item["status"] not in ("delivered", "bounced") for item in own if item["kind"] == "message")
        became[f"{address} {snapshot.get('attempt', 1)}"] = {
            "fold": plain(kept, case_id), "events": events, "mails": mails, "pending": pending,
        }  # fmt: skip
    return became


def findings(stack: Stack) -> dict[str, int]:
    """What the audit finds."""
    bearer = {"Authorization": f"Bearer {stack.token('auditor', 0)}"}
    answer = stack.client.post(f"{stack.info['api']}/audits", json={}, headers=bearer)
    assert answer.status_code == 201, answer.text
    counts: dict[str, int] = answer.json()["counts"]
    return counts


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[dict[str, Any]]:
    """What becomes of these people when nothing is killed."""
    with Stack(now=f"{FIRST_DAY}T{WORKING_HOUR:%H:%M:%S}Z") as stack:
        asyncio.run(live(stack.info, SOME_LIVES))
        yield {"people": what_became(stack), "findings": findings(stack)}


def assert_killed_run_equals(
    undisturbed: dict[str, Any], gaps: Iterator[int], kills_min: int, lives: tuple[people.Life, ...] = SOME_LIVES,
    all_of_them: bool = False,
) -> None:  # fmt: skip
    with Stack(now=f"{FIRST_DAY}T{WORKING_HOUR:%H:%M:%S}Z") as stack:
        kills = asyncio.run(live_and_be_killed(stack, lives, gaps, all_of_them))
        people_after, found = what_became(stack), findings(stack)

    assert kills >= kills_min
    assert set(people_after) == set(undisturbed["people"])
    for address, before in undisturbed["people"].items():
        after = people_after[address]
        assert (after["events"] - before["events"], before["events"] - after["events"]) == ({}, {}), address
        assert after == before, address
    assert found == undisturbed["findings"]


@pytest.mark.timeout(900)
def test_host_killed_again_and_again_leaves_the_same_cases_mails_and_findings(undisturbed: dict[str, Any]) -> None:
    assert_killed_run_equals(undisturbed, itertools.repeat(EVERY_NTH_CALL), kills_min=10)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("every", [53, 59, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107])
def test_host_killed_at_other_intervals_leaves_the_same(undisturbed: dict[str, Any], every: int) -> None:
    assert_killed_run_equals(undisturbed, itertools.repeat(every), kills_min=10)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_whole_demo_killed_at_twenty_seeded_moments_leaves_the_same() -> None:
    every_life = tuple(life for life, _ in people.LIVES)
    with Stack(now=f"{FIRST_DAY}T{WORKING_HOUR:%H:%M:%S}Z") as stack:
        asyncio.run(live(stack.info, every_life, all_of_them=True))
        undisturbed = {"people": what_became(stack), "findings": findings(stack)}
    chance = random.Random(SEED)
    gaps = (chance.randrange(100, 700) for _ in itertools.count())

    assert_killed_run_equals(undisturbed, gaps, kills_min=20, lives=every_life, all_of_them=True)


def test_lives_chosen_here_are_lives_of_the_demo() -> None:
    assert {life for life, _ in people.LIVES} >= set(SOME_LIVES)
    assert date(2028, 9, 11) == LAST_DAY

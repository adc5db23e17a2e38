"""The host is killed before and after each call of a payment, and the partner fails it: the money moves once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.demo.people import FIRST_DAY, account, is_signed, particulars, pays, to_contract
from local.demo.world import DAILY_TIMERS, MONTHLY_TIMERS, WORKING_HOUR, Person, World
from tests.faults.places import Places, places

KILLS = ("killed_before", "killed_after")
FAULTS = {"store": KILLS, "partner": (*KILLS, "not_applied", "slow", "lost")}
SOME = 9
CALLS_MAX = 24
"""More calls of either kind than a payment has; the test counts them first."""


async def is_approved(person: Person) -> None:
    """From the form to a signed refund: a contract cancelled within fourteen days."""
    signed_on = FIRST_DAY + timedelta(days=21)
    await to_contract(person, signed_on)
    await pays(person, ("self", "1000.00"))
    await person.does("payee", **account(person))
    await person.staff("careers", "call-backs", who=1, about="payee", outcome="confirmed")
    await person.does("withdrawal")
    await is_signed(person, "r1", "approval")
    await person.world.until(signed_on + timedelta(days=5))


async def is_paid(person: Person, around: Places) -> None:
    """Order the payment, and let minutes pass until the partner's word has arrived, without asking the host."""
    await person.staff("finance", "refunds/r1/payment", who=2)
    for attempt in range(200):
        case = next(item for item in around.items(person.case_id) if item["id"] == "case")
        if case["refunds"]["r1"]["status"] == "paid":
            return
        if attempt % 10 == 9:
            await person.world.set_clock_ahead()
            await person.world.run_timer("run_deliveries")
        await asyncio.sleep(0.1)
    raise AssertionError("never paid")


async def pay_under_fire(around: Places, all_of_them: bool) -> tuple[list[Any], list[dict[str, Any]], dict[str, Any]]:
    """The cells that were tried, the records that came of them, and what an audit finds the day after."""
    world = World(around.stack.info, FIRST_DAY)
    try:
        await world.set_clock()
        numbers = range(1, 2 + (4 * CALLS_MAX if all_of_them else SOME))
        first, *people = [Person(world, number, particulars(number, "GB", 7)) for number in numbers]
        await world.live([is_approved(person) for person in (first, *people)])
        around.count()
        await is_paid(first, around)
        calls = around.heal()
        cells = [(place, nth, kind) for place in FAULTS for nth in range(1, calls[place] + 1) for kind in FAULTS[place]]
        assert len(cells) <= 4 * CALLS_MAX
        if not all_of_them:
            # Spread over the whole payment, and the partner's own calls in any case.
            cells = cells[:: len(cells) // (SOME - 2)][: SOME - 2] + cells[-2:]
        records = [await first.case()]
        for person, (place, nth, kind) in zip(people, cells, strict=False):
            around.arm(place, nth, kind)
            await is_paid(person, around)
            around.heal()
            records.append(await person.case())
        await world.move_to(world.today + timedelta(days=1))
        for timer in (*DAILY_TIMERS, *MONTHLY_TIMERS):
            await world.run_timer(timer)
        bearer = {"Authorization": f"Bearer {await world.token('auditor', 0)}"}
        return cells, records, await world.expect("POST", f"{world.api}/audits", json={}, headers=bearer)
    finally:
        await world.close()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("all_of_them", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["some", "all"])
def test_refund_is_paid_once_wherever_the_host_dies(tmp_path: Path, all_of_them: bool) -> None:
    with places(tmp_path, f"{FIRST_DAY}T{WORKING_HOUR:%H:%M:%S}Z") as around:
        cells, records, audit = asyncio.run(pay_under_fire(around, all_of_them))
        ordered = around.stack.partner("payments").get("refunds")

    assert {place for place, _, _ in cells} == {"store", "partner"}
    assert [record["refunds"]["r1"]["status"] for record in records] == ["paid"] * (len(cells) + 1)
    rows = ordered["refunds"] if isinstance(ordered, dict) else ordered
    assert Counter(row["reference"].split("-")[0] for row in rows) == Counter(each["case_id"] for each in records)
    for record in records:
        kinds = Counter((line["kind"], line["amount"]["amount"]) for line in record["ledger"])
        assert kinds == {("payment", "1000.00"): 1, ("refund", "1000.00"): 1, ("cancelled", "5300.00"): 1}
    assert audit["counts"] == {}

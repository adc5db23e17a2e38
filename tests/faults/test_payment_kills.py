"""The host is killed after each store call of a payment, one after the other: the money moves once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.demo.people import FIRST_DAY, account, intake, is_ordered, is_signed, particulars, pays, to_contract
from local.demo.world import WORKING_HOUR, Person, World
from local.testing import Stack

CALLS_OF_A_PAYMENT = 14


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


async def pay_under_fire(stack: Stack) -> list[dict[str, Any]]:
    world = World(stack.info, FIRST_DAY)
    faults = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    try:
        await world.set_clock()
        people = [Person(world, number, particulars(number, "GB", 7)) for number in range(1, CALLS_OF_A_PAYMENT + 1)]
        await world.live([is_approved(person) for person in people])
        records = []
        async with httpx.AsyncClient(trust_env=False) as client:
            for nth, person in enumerate(people, start=1):
                pid = stack.host_pid()
                effect = {"kind": "kill", "pid": pid, "when": "after" if nth % 2 else "before"}
                rule = {"operation": "*", "container": None, "nth": nth, "times": 1, "effect": effect}
                await client.put(faults, json={"rules": [rule]})
                await is_ordered(person, "r1", who=2)
                await client.delete(faults)
                records.append(await person.case())
        return records
    finally:
        await world.close()


@pytest.mark.timeout(600)
def test_refund_is_paid_once_wherever_the_host_dies() -> None:
    with Stack(now=f"{FIRST_DAY}T{WORKING_HOUR:%H:%M:%S}Z") as stack:
        records = asyncio.run(pay_under_fire(stack))
        ordered = stack.partner("payments").get("refunds")

    assert [record["refunds"]["r1"]["status"] for record in records] == ["paid"] * CALLS_OF_A_PAYMENT
    rows = ordered["refunds"] if isinstance(ordered, dict) else ordered
    by_case = Counter(row["reference"].split("-")[0] for row in rows)
    assert set(by_case.values()) == {1}
    assert len(by_case) == CALLS_OF_A_PAYMENT
    for record in records:
        kinds = Counter((line["kind"], line["amount"]["amount"]) for line in record["ledger"])
        assert kinds == {("payment", "1000.00"): 1, ("refund", "1000.00"): 1, ("cancelled", "5300.00"): 1}


def test_intake_of_the_demo_has_sixty_people() -> None:
    world: Any = None
    assert len(intake(world, 1)) == 60

"""The nightly run: from changes only, killed anywhere, twice at once, and every sum is what the cases make."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest

from shared.domain.errors import Unavailable
from shared.domain.life_cycle import Role
from shared.reports.refresh import ALL, LEFT_MAX, REPORTS, TooManyLeft, run_reports
from shared.reports.sums import total
from shared.use_cases import placements
from shared.use_cases.commands import CASES
from tests.builders import at
from tests.reports.conftest import Desk, Killed, Mortal
from tests.reports.people import Remembered, contribution

NOW = at("2028-01-10")


def an_id() -> str:
    return "c" + uuid.uuid4().hex[:25]


def searching() -> Remembered:
    return Remembered().qualified()


def placed() -> Remembered:
    person = Remembered().qualified()
    person.finds("2027-11-02")
    return person


async def overview(desk: Desk, name: str) -> Any:
    item = await desk.store.read(REPORTS, name, ALL)
    assert item is not None
    return item["parts"].get(desk.partition)


async def test_a_summary_is_the_sum_of_its_cases_and_a_change_replaces_what_its_case_had_added(desk: Desk) -> None:
    people = {an_id(): person for person in (searching(), placed(), Remembered().studying(), Remembered())}
    for case_id, person in people.items():
        await desk.put(person, case_id)
    await run_reports(desk.services, NOW)
    first = await desk.summary()

    case_id, person = next(iter(people.items()))
    known = len(person.events)
    person.finds("2027-12-20")
    await desk.put(person, case_id, known)
    counts = await run_reports(desk.services, NOW)
    second = await desk.summary()

    assert first["cases"] == second["cases"] == 4
    assert counts["changed"] == 1
    assert second == total(contribution(each, "2028-01-10")[0] for each in people.values())
    assert await overview(desk, "liability") == {"search": second["search"], "open": second.get("open", {})}
    assert (await overview(desk, "funnel"))["FR|not_said"]["now"] == {"placed": 2, "studying": 1, "submitted": 1}


async def test_a_run_without_changes_writes_no_sum(desk: Desk) -> None:
    await desk.put(placed(), an_id())
    await run_reports(desk.services, NOW)
    before = await desk.store.read(REPORTS, "summary", desk.partition)

    counts = await run_reports(desk.services, NOW)

    after = await desk.store.read(REPORTS, "summary", desk.partition)
    assert before is not None
    assert after is not None
    assert (counts["changed"], counts["due"], after["_etag"]) == (0, 0, before["_etag"])


@pytest.mark.parametrize("after", [False, True], ids=["before a write", "after a write"])
async def test_a_run_that_is_killed_anywhere_is_made_good_by_the_next(desk: Desk, after: bool) -> None:
    people = {an_id(): searching() for _ in range(3)}
    for case_id, person in people.items():
        await desk.put(person, case_id)
    await run_reports(desk.services, NOW)

    for write in range(1, 6):
        for case_id, person in people.items():
            known = len(person.events)
            person.finds(f"2027-11-{write + 10}", hours=write)
            await desk.put(person, case_id, known)
        desk.store.writes, desk.store.dies_at, desk.store.after = 0, write, after
        try:
            await run_reports(desk.services, NOW)
        except Killed:
            pass
        desk.store.dies_at = None
        await run_reports(desk.services, NOW)
        expected = total(contribution(person, "2028-01-10")[0] for person in people.values())
        assert await desk.summary() == expected == await desk.of_contributions()
        assert await overview(desk, "liability") == {"search": expected["search"], "open": expected["open"]}


async def test_two_runs_at_once_count_everybody_once(desk: Desk) -> None:
    people = {an_id(): each for each in (searching(), placed(), placed(), Remembered().studying())}
    for case_id, person in people.items():
        await desk.put(person, case_id)

    await asyncio.gather(*(run_reports(desk.services, NOW) for _ in range(3)))
    await run_reports(desk.services, NOW)

    expected = total(contribution(person, "2028-01-10")[0] for person in people.values())
    assert await desk.summary() == expected == await desk.of_contributions()


async def test_a_namesakes_report_in_the_store_leaves_no_trace_once_it_is_undone(desk: Desk) -> None:
    case_id, person = an_id(), searching()
    await desk.put(person, case_id)
    await run_reports(desk.services, NOW)
    before = await desk.summary()
    known = len(person.events)
    report = person.finds("2027-11-20", Role.PARTNER, placement_id="J1")
    person.rules("2027-11-21", report, "verified")
    await desk.put(person, case_id, known)
    await run_reports(desk.services, NOW)
    meanwhile = await desk.summary()
    known = len(person.events)
    person.do("2027-12-01", Role.CAREERS, lambda c: placements.rule_placement(c, placement=report, outcome="retracted"))
    await desk.put(person, case_id, known)

    await run_reports(desk.services, NOW)

    assert meanwhile != before
    assert await desk.summary() == before


async def test_a_case_that_cannot_be_counted_does_not_hide_the_others_and_is_tried_again(desk: Desk) -> None:
    bad, good = an_id(), an_id()
    broken = placed()
    whole, broken.events = broken.events, broken.events[:1] + broken.events[3:]
    await desk.put(broken, bad)
    await desk.put(searching(), good)

    counts = await run_reports(desk.services, NOW)
    counted = (await desk.summary())["cases"]
    broken.events = whole[1:3]
    await desk.put(broken, bad)
    again = await run_reports(desk.services, NOW)

    assert (counts["failed"], counted) == (1, 1)
    assert again["failed"] == 0
    assert (await desk.summary())["cases"] == 2


class NoEvents(Mortal):
    """A store that does not answer who asks for the events of a case."""

    async def query(self, container: str, *asked: Any) -> Any:
        if container == CASES:
            raise Unavailable
        return await super().query(container, *asked)


async def test_more_failing_cases_than_can_be_remembered_end_the_run_and_none_is_forgotten(desk: Desk) -> None:
    person, whole = Remembered(), desk.store
    await run_reports(desk.services, NOW)
    await asyncio.gather(*(desk.put(person, an_id()) for _ in range(LEFT_MAX + 1)))
    desk.services.store = NoEvents(whole._client, "pledge")
    before = await whole.read(REPORTS, "cursor", ALL)

    with pytest.raises(TooManyLeft):
        await run_reports(desk.services, NOW)
    after = await whole.read(REPORTS, "cursor", ALL)
    desk.services.store = whole
    await run_reports(desk.services, NOW)

    assert after == before
    assert (await desk.summary())["cases"] == LEFT_MAX + 1


async def test_an_erased_person_stays_counted_and_nothing_there_names_them(desk: Desk) -> None:
    case_id, person = an_id(), placed()
    await desk.put(person, case_id)
    await run_reports(desk.services, NOW)
    before = await desk.summary()
    person.case.erased_at = NOW
    await desk.put(person, case_id, len(person.events))

    await run_reports(desk.services, NOW)

    assert await desk.summary() == before
    assert case_id not in json.dumps(before)

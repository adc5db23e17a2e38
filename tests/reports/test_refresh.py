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
from tests.builders import PROGRAMME, at
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


class Overloaded(Mortal):
    """A store that tells of more cases than can be remembered, and does not answer who asks for their events."""

    async def changes(self, container: str, *asked: Any, **named: Any) -> Any:
        rows, reached = await super().changes(container, *asked, **named)
        return [row | {"case_id": an_id()} for row in rows[:1] for _ in range(LEFT_MAX)] + rows, reached

    async def query(self, container: str, *asked: Any) -> Any:
        if container == CASES:
            raise Unavailable
        return await super().query(container, *asked)


async def test_more_failing_cases_than_can_be_remembered_end_the_run_and_none_is_forgotten(desk: Desk) -> None:
    whole = desk.store
    await run_reports(desk.services, NOW)
    await desk.put(Remembered(), an_id())
    desk.services.store = Overloaded(whole._client, "pledge")
    before = await whole.read(REPORTS, "cursor", ALL)

    with pytest.raises(TooManyLeft):
        await run_reports(desk.services, NOW)
    after = await whole.read(REPORTS, "cursor", ALL)
    desk.services.store = whole
    await run_reports(desk.services, NOW)

    assert after == before
    assert (await desk.summary())["cases"] == 1


async def test_a_source_that_is_listed_later_is_counted_by_its_name_from_then_on(desk: Desk) -> None:
    person = Remembered()
    first = person.events[0]
    person.events = [first.model_copy(update={"data": first.data | {"source": "spring-fair"}})]
    await desk.put(person, an_id())
    await run_reports(desk.services, NOW)
    before = await overview(desk, "funnel")
    programme = desk.services.programmes[PROGRAMME.id]
    listed = programme.model_copy(update={"sources": (*programme.sources, "spring-fair")})
    desk.services.programmes = {listed.id: listed}

    await run_reports(desk.services, NOW)

    assert list(before) == ["FR|other"]
    assert list(await overview(desk, "funnel")) == ["FR|spring-fair"]


async def test_whoever_is_moved_to_another_intake_is_counted_there_and_no_longer_here(desk: Desk) -> None:
    case_id, person, here = an_id(), Remembered(), desk.intake
    there = Desk(desk.services)
    first = person.events[0]
    person.events = [first.model_copy(update={"data": first.data | {"intake": here}})]
    await desk.put(person, case_id)
    await run_reports(desk.services, NOW)
    before = await desk.summary()
    person.do("2027-01-12", Role.ADMISSIONS, lambda c: c.record("intake_moved", reason="asked", intake=there.intake))
    await there.put(person, case_id, 1)

    await run_reports(desk.services, NOW)
    await run_reports(desk.services, NOW)

    assert before["cases"] == (await there.summary())["cases"] == 1
    assert await desk.summary() == {} == await overview(desk, "funnel")


class Refuses(Mortal):
    """A store that takes no sums of one intake, as if they were too large."""

    refused = ""

    async def commit(self, container: str, partition_key: str, operations: Any) -> list[str]:
        if (container, partition_key) == (REPORTS, self.refused):
            raise Unavailable("the store refused the write with 413")
        return await super().commit(container, partition_key, operations)


async def test_an_intake_whose_sums_are_refused_stops_no_other_and_misses_nothing_once_they_are_taken(
    desk: Desk,
) -> None:
    full, whole = Desk(desk.services), desk.store
    desk.services.store = Refuses(whole._client, "pledge")
    desk.services.store.refused = full.partition
    people = {an_id(): person for person in (searching(), placed())}
    for case_id, person in people.items():
        await full.put(person, case_id)
    await desk.put(placed(), an_id())

    first = await run_reports(desk.services, NOW)
    await full.put(Remembered().studying(), an_id())
    await desk.put(searching(), an_id())
    second = await run_reports(desk.services, NOW)
    meanwhile = await full.summary(), (await desk.summary())["cases"]
    desk.services.store = whole
    third = await run_reports(desk.services, NOW)
    again = await run_reports(desk.services, NOW)

    assert (first["failed"], second["failed"] > 0, third["failed"]) == (2, True, 0)
    assert meanwhile == ({}, 2)
    assert (await full.summary())["cases"] == 3
    assert await overview(full, "liability") is not None
    assert (again["due"], again["failed"]) == (0, 0)


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

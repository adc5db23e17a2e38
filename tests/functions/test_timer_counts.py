"""Timers that do several things: one line of counts, in which no part hides what another could not do, and one time."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions import timers
from shared import telemetry
from shared.audit import orders
from shared.partners import inbox, placement_lists
from shared.reports import refresh
from shared.use_cases import deadlines, deliveries, documents, privacy, watch
from tests.builders import SERVICES, at

PARTS = {
    timers._forget: (privacy.run_retention, documents.remove_orphans),
    timers._send_and_apply: (
        watch.compare_clocks, inbox.run_inbox, deliveries.run_deliveries, placement_lists.run_imports, watch.look,
    ),
}  # fmt: skip
"""Timer -> what it does, one after the other."""


@pytest.mark.parametrize(("sweep", "number"), [(each, n) for each, parts in PARTS.items() for n in range(len(parts))])
async def test_failure_of_any_part_is_in_the_line(monkeypatch: pytest.MonkeyPatch, sweep: Any, number: int) -> None:
    for n, part in enumerate(PARTS[sweep]):

        async def ran(services: Any, now: Any, failed: int = 3 * (n == number)) -> dict[str, int]:
            return {"failed": failed}

        monkeypatch.setattr(sys.modules[part.__module__], part.__name__, ran)

    line = telemetry.told(await sweep(SERVICES, at("2027-01-11")))

    assert re.search(r"\bfailed=3\b", line)


def test_what_a_run_does_fits_into_the_time_of_a_function() -> None:
    host = json.loads((Path(__file__).parents[2] / "host.json").read_text("utf-8"))
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    imports = timedelta(seconds=placement_lists.TIMERS_SECONDS + placement_lists.BUDGET_SECONDS)

    sends = inbox.TIME_BUDGET + deliveries.TIME_BUDGET + imports
    forgets = 2 * privacy.PASS_BUDGET + documents.TIME_BUDGET

    # What has begun is ended: a minute for the last thing of each part.
    limit = timedelta(hours=hours, minutes=minutes - 1, seconds=seconds)
    assert max(sends, forgets, deadlines.TIME_BUDGET, orders.TIME_BUDGET, refresh.TIME_BUDGET) <= limit


async def test_sweep_ends_in_time_in_the_middle_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    acted: list[str] = []

    async def due(*about: Any) -> list[dict[str, str]]:
        return [{"case_id": str(number), "due": "2027-01-10T12:00:00+00:00"} for number in range(100)]

    async def act_on(services: Any, name: str, case_id: str, *more: Any) -> None:
        acted.append(case_id)

    monkeypatch.setattr(deadlines, "_due", due)
    monkeypatch.setattr(deadlines, "_act_on", act_on)
    monkeypatch.setattr(deadlines, "_clock", lambda: 10.0 * len(acted))
    services: Any = SimpleNamespace(settings=SimpleNamespace(timer_items_max=500))

    counts = await deadlines.sweep(services, "privacy", at("2027-01-11"), privacy.erase, timedelta(seconds=90))

    assert (len(acted), counts["due"]) == (9, 9)

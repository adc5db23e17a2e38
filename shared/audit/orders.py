"""Who asks for audits: the timer, day by day and month by month, and auditors on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.audit import report, runs, samples
from shared.domain.errors import NotFound

if TYPE_CHECKING:
    from shared.bootstrap import Services

AUDITS = "audits"
TIME_BUDGET = timedelta(minutes=4)
TOLD = 1000
"""Findings in an answer; the run's files have all of them."""


async def run_audit(services: Services, now: datetime) -> dict[str, int]:
    """The day's run over what changed or fell due, the month's over everything, and whatever has not ended yet."""
    until = time.monotonic() + TIME_BUDGET.total_seconds()
    # A run of changes goes on from one that has ended; before there is one, everything is looked at.
    if await runs.last_ended(services) is not None:
        await runs.start(services, runs.run_id_of(runs.CHANGES, now.date()), runs.CHANGES, now, now)
    await runs.start(services, runs.run_id_of(runs.FULL, now.date()), runs.FULL, now, now)
    counts = {"ended": 0, "left": 0, "examined": 0, "findings": 0}
    for run_id in await runs.unfinished(services, now):
        end = await runs.go_on(services, run_id, now, lambda: time.monotonic() < until)
        if end is None:
            counts["left"] += 1
            continue
        counts["ended"] += 1
        counts["examined"] += end["examined"]
        counts["findings"] += sum(end["counts"].values())
    return counts | await samples.keep(services, now)


async def ordered(
    services: Services, now: datetime, asked: datetime, case_id: str | None, has_time: Callable[[], bool]
) -> dict[str, Any]:
    """A run on demand, as far as it gets in the time that there is."""
    run_id = f"{now:%Y%m%dT%H%M%S%f}"
    scope = runs.ONE if case_id else runs.FULL if asked == now else runs.PAST
    await runs.start(services, run_id, scope, now, asked, case_id)
    await runs.go_on(services, run_id, now, has_time)
    return await told(services, run_id)


async def last(services: Services) -> list[dict[str, Any]]:
    """The last hundred runs that ended, newest first, and before them what is under way."""
    rows = await services.store.query(
        AUDITS,
        "SELECT TOP 100 c.run, c.at, c.scope, c.examined, c.counts FROM c WHERE c.kind = 'audit' ORDER BY c.at DESC",
        {},
    )
    return rows


async def told(services: Services, run_id: str) -> dict[str, Any]:
    """A run as auditors see it, or `NotFound`."""
    end = await runs.ended(services, run_id)
    if end is not None:
        summary = {name: value for name, value in end.items() if not name.startswith("_")}
        for name in ("id", "op_id", "kind", "feed", "noted"):
            summary.pop(name, None)
        if "findings" not in summary:
            found = [finding async for finding in report.each_once(lambda: runs.pages_with(services, end, "findings"))]
            summary |= {"findings": found[:TOLD], "files": list(report.FILES)}
        return summary | {"status": "ended"}
    started = await services.store.read(AUDITS, run_id, run_id)
    if started is None or started["kind"] != "audit_run":
        raise NotFound(run_id)
    examined, phase = 0, "all"
    async for page in runs.pages(services, run_id):
        examined, phase = examined + page["examined"], (page["next"] or {"phase": "whole"})["phase"]
    kept = {name: started[name] for name in ("run", "scope", "at", "asked")}
    return kept | {"status": "running", "examined": examined, "phase": phase}

"""The timers. Each has a schedule from a setting, a switch, a limit per run, and ends with one line of counts."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import azure.functions as func

from shared import bootstrap, telemetry
from shared.audit import heartbeats, orders, reconciliation
from shared.domain.errors import PledgeError
from shared.partners import inbox, placement_lists
from shared.reports import refresh
from shared.use_cases import deadlines, deliveries, documents, privacy, watch

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.timers")

bp = func.Blueprint()

Sweep = Callable[["Services", datetime], Awaitable[dict[str, int]]]


async def _send_and_apply(services: Services, now: datetime) -> dict[str, int]:
    """The net of the inbox and of the outbox, and a look at what is late; trouble with one must not stop the others."""
    try:
        clocks = await watch.compare_clocks(services, now)
    except PledgeError:
        clocks = {}  # A store that does not answer is told of below.
    try:
        heard = await inbox.run_inbox(services, now)
    except PledgeError:
        logger.exception("the inbox could not be read")
        heard = {"inbox_failed": 1}
    sent = await deliveries.run_deliveries(services, now)
    try:
        imported = await placement_lists.run_imports(services, now)
    except PledgeError:
        logger.exception("an import could not go on")
        imported = {"imports_failed": 1}
    try:
        seen = await watch.look(services, now)
    except PledgeError:
        logger.exception("what is late could not be asked")
        seen = {"look_failed": 1}
    return _together(heard, sent, imported, seen, clocks)


async def _forget(services: Services, now: datetime) -> dict[str, int]:
    """What is kept no longer: personal data whose time is over, files that belong to nobody."""
    erased = await privacy.run_retention(services, now)
    return _together(erased, await documents.remove_orphans(services, now))


def _together(*parts: dict[str, int]) -> dict[str, int]:
    """The counts of several parts in one line: should two use one name, both are in it."""
    counts: dict[str, int] = {}
    for name, number in (each for part in parts for each in part.items()):
        counts[name] = counts.get(name, 0) + number
    return counts


@dataclass(frozen=True)
class Timer:
    """One row of the timetable. `schedule` names the setting that holds the NCRONTAB expression (UTC)."""

    name: str
    schedule: str
    sweep: Sweep


TIMERS = (
    Timer("run_audit", "%AUDIT_SCHEDULE%", orders.run_audit),
    Timer("run_deadlines", "%DEADLINES_SCHEDULE%", deadlines.run_deadlines),
    Timer("run_deliveries", "%DELIVERIES_SCHEDULE%", _send_and_apply),
    Timer("run_privacy_retention", "%PRIVACY_RETENTION_SCHEDULE%", _forget),
    Timer("run_reconciliation", "%RECONCILIATION_SCHEDULE%", reconciliation.run_reconciliation),
    Timer("run_refund_audit", "%REFUND_AUDIT_SCHEDULE%", deadlines.run_refund_audit),
    Timer("run_reports", "%REPORTS_SCHEDULE%", refresh.run_reports),
    Timer("run_retention_checks", "%RETENTION_CHECKS_SCHEDULE%", deadlines.run_retention_checks),
)


def _register(timer: Timer) -> None:
    async def handle(timer_request: func.TimerRequest) -> None:
        now = bootstrap.clock()
        if timer.name in bootstrap.settings().timers_off:
            logger.warning("%s is switched off", timer.name)
            return
        with telemetry.tallied(timer.name) as tally:
            services = await bootstrap.services()
            counts = await timer.sweep(services, now)
            await heartbeats.note(services, timer.name, now, counts)
            telemetry.measure("pledge.sweep.runs", 1, timer=timer.name)
            took = {"calls": tally.calls, "units": round(tally.units), "retries": tally.retries}
            logger.info("%s %s", timer.name, telemetry.told(counts | took), extra={"counts": counts})

    handle.__name__ = timer.name
    named = bp.function_name(name=timer.name)
    named(bp.timer_trigger(schedule=timer.schedule, arg_name="timer_request", run_on_startup=False)(handle))


for _timer in TIMERS:
    _register(_timer)

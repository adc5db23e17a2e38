"""What was promised to somebody outside and never kept, and timers that have fallen silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.audit import heartbeats
from shared.audit.findings import Finding
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

MESSAGE_WAITS = timedelta(days=4)
"""Ten tries take 75 hours; what is pending after this was passed over. (Orders of money are `refund_unpaid`.)"""
EVENT_WAITS = timedelta(days=1)
MOST = 300
"""The newest ones: what has been known for long must not hide them."""


async def broken(services: Services, asked: datetime) -> AsyncIterator[Finding]:
    """Every acknowledged thing that never reached its end, and every timer that is late."""
    async for finding in _messages(services, asked):
        yield finding
    async for finding in _events(services, asked):
        yield finding
    async for finding in _sweeps(services, asked):
        yield finding


async def _messages(services: Services, asked: datetime) -> AsyncIterator[Finding]:
    """Staff ring a person whose mail bounced, as soon as it has; that an employer was never asked is told here."""
    rows = await services.store.query(
        CASES,
        "SELECT TOP @most c.id, c.case_id, c.status, c.channel, c.created_at FROM c"
        " WHERE c.kind = 'message' AND (c.status IN ('pending', 'dead')"
        " OR (c.status = 'bounced' AND c.channel = 'employer'))"
        " ORDER BY c.next_try_at DESC",
        {"most": MOST},
    )
    for row in rows:
        waits = asked - datetime.fromisoformat(row["created_at"])
        if row["status"] != "pending" or (waits > MESSAGE_WAITS and row["channel"] != "payment"):
            case_id = row["case_id"] if row["channel"] != "links" else None  # There, it is the key of an address.
            yield Finding("promise_unanswered", case_id, row["id"], (row["status"], row["channel"]))


async def _events(services: Services, asked: datetime) -> AsyncIterator[Finding]:
    rows = await services.store.query(
        "inbox",
        "SELECT TOP @most c.id, c.case_id, c.status, c.partner, c.reason, c.received_at FROM c"
        " WHERE c.kind = 'inbox' AND c.status IN ('received', 'waiting', 'quarantined', 'dead_letter')"
        " ORDER BY c.received_at DESC",
        {"most": MOST},
    )
    for row in rows:
        is_put_aside = row["status"] in ("quarantined", "dead_letter")
        if is_put_aside or asked - datetime.fromisoformat(row["received_at"]) > EVENT_WAITS:
            evidence = tuple(str(each) for each in (row["status"], row["partner"], row.get("reason")) if each)
            yield Finding("promise_unanswered", row.get("case_id"), row["id"], evidence)


async def _sweeps(services: Services, asked: datetime) -> AsyncIterator[Finding]:
    """A timer that has never run is late once the service has run for longer than its limit."""
    limits: dict[str, float] = {}
    for programme in services.programmes.values():
        for timer, hours in programme.sweep_hours.items():
            limits[timer] = min(hours, limits.get(timer, hours))
    beats = {timer: await heartbeats.of(services, timer) for timer in limits}
    began = min((beat.first_at for beat in beats.values() if beat is not None), default=asked)
    for timer, hours in sorted(limits.items()):
        beat = beats[timer]
        last = beat.at if beat is not None else began
        if asked - last > timedelta(hours=hours):
            evidence = f"last run {beat.at:%Y-%m-%dT%H:%MZ}" if beat is not None else "has never run"
            yield Finding("late_sweep", None, timer, (evidence, f"allowed {hours:g} hours"))

"""What nobody has done yet: measured every minute, so that an alert can say it before a person asks."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from shared import telemetry
from shared.domain.life_cycle import CASE_STAFF
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.watch")

COUNTED_MAX = 1000
SKEW_SECONDS = 60


async def compare_clocks(services: Services, now: datetime) -> dict[str, int]:
    """How far our clock is from the store's. Signatures, tokens and deadlines all rest on ours."""
    stated = await services.store.time("counters")
    seconds = int((now - stated).total_seconds()) if stated is not None else 0
    if abs(seconds) > SKEW_SECONDS:
        logger.error("our clock is off", extra={"seconds": seconds})
    return {"clock_off_seconds": seconds}


async def look(services: Services, now: datetime) -> dict[str, int]:
    """Whose tasks are overdue, for how long the oldest of each has been, and how many approved refunds are unpaid."""
    late = await services.store.query(
        CASES,
        "SELECT TOP @most c.agenda.turn, c.agenda.queue_at AS due FROM c WHERE c.kind = 'case'"
        " AND c.agenda.queue_at <= @now AND c.agenda.turn IN ('specialist', 'admissions', 'careers', 'finance')"
        " ORDER BY c.agenda.queue_at",
        {"now": now.isoformat(), "most": COUNTED_MAX},
    )
    unpaid = await services.store.query(
        CASES,
        "SELECT TOP @most c.case_id FROM c WHERE c.kind = 'case'"
        " AND c.agenda.what IN ('name_payee', 'pay', 'confirm_payment', 'approve_anew', 'settle_difference')",
        {"most": COUNTED_MAX},
    )
    seen = {"overdue_seconds": 0, "unpaid": len(unpaid)}
    for role in CASE_STAFF:
        waiting = [
            int((now - datetime.fromisoformat(row["due"])).total_seconds()) for row in late if row["turn"] == role
        ]
        seen[f"late_{role.value}"] = len(waiting)
        seen["overdue_seconds"] = max(seen["overdue_seconds"], *waiting, 0)
        telemetry.measure("pledge.case.overdue", max(waiting, default=0), turn=role.value)
    telemetry.measure("pledge.refunds.unpaid", len(unpaid))
    return seen

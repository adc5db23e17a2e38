"""What nobody has done yet: measured every minute, so that an alert can say it before a person asks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from shared import telemetry
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

UNPAID_MAX = 1000


async def look(services: Services, now: datetime) -> dict[str, int]:
    """How long the oldest task of a member of staff has been overdue, and how many approved refunds are unpaid."""
    late = await services.store.query(
        CASES,
        "SELECT TOP 1 c.agenda.queue_at AS due FROM c WHERE c.kind = 'case' AND c.agenda.queue_at <= @now"
        " AND c.agenda.turn IN ('specialist', 'admissions', 'careers', 'finance') ORDER BY c.agenda.queue_at",
        {"now": now.isoformat()},
    )
    unpaid = await services.store.query(
        CASES,
        "SELECT TOP @most c.case_id FROM c WHERE c.kind = 'case'"
        " AND c.agenda.what IN ('pay', 'confirm_payment', 'approve_anew')",
        {"most": UNPAID_MAX},
    )
    overdue = int((now - datetime.fromisoformat(late[0]["due"])).total_seconds()) if late else 0
    telemetry.measure("pledge.case.overdue", overdue)
    telemetry.measure("pledge.refunds.unpaid", len(unpaid))
    return {"overdue_seconds": overdue, "unpaid": len(unpaid)}

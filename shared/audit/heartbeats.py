"""When each timer last ran to its end: what the audit looks for is silence."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.cosmos import AlreadyStored
from shared.domain.errors import PledgeError, RecordChanged

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.heartbeats")

COUNTERS = "counters"


@dataclass(frozen=True)
class Beat:
    """When a timer first and when it last ran to its end."""

    first_at: datetime
    at: datetime


def row_of(timer: str) -> str:
    """The id of a timer's row in the container of counters."""
    return f"heartbeat:{timer}"


async def note(services: Services, timer: str, now: datetime, counts: dict[str, int]) -> None:
    """Note that a timer ran to its end. A note that cannot be taken never makes a good run a bad one."""
    row_id = row_of(timer)
    row = {"id": row_id, "kind": "heartbeat", "timer": timer, "at": now.isoformat(), "counts": counts, "ttl": -1}
    row["first_at"] = row["at"]
    try:
        stored = await services.store.read(COUNTERS, row_id, row_id)
        if stored is None:
            await services.store.create(COUNTERS, row, row_id)
        elif datetime.fromisoformat(stored["at"]) < now:
            row["first_at"] = stored["first_at"]
            await services.store.replace(COUNTERS, row, stored["_etag"], row_id)
    except (AlreadyStored, RecordChanged):
        return  # The same timer elsewhere was quicker: it has just said the same.
    except PledgeError:
        logger.warning("heartbeat not noted", extra={"timer": timer})


async def of(services: Services, timer: str) -> Beat | None:
    """When this timer ran; None if it never has."""
    row_id = row_of(timer)
    stored = await services.store.read(COUNTERS, row_id, row_id)
    if stored is None:
        return None
    return Beat(datetime.fromisoformat(stored["first_at"]), datetime.fromisoformat(stored["at"]))

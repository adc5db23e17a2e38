"""How often signatures were refused: counted in memory, written down at most once a minute, so that a flood costs
nothing at the store."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.adapters.cosmos import AlreadyStored
from shared.domain.errors import PledgeError, RecordChanged
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.refusals")

COUNTERS = "counters"
EVERY = timedelta(minutes=1)
TRIES = 5

_unwritten: Counter[str] = Counter()
_written_at: list[datetime] = []


async def count(services: Services, partner: str, verdict: str, now: datetime) -> None:
    """Count a refused attempt of a partner, or of somebody unknown; the day's number is written down now and then."""
    _unwritten[partner] += 1
    if _written_at and _written_at[0] <= now < _written_at[0] + EVERY:
        return
    _written_at[:] = [now]
    counted = dict(_unwritten)
    _unwritten.clear()
    logger.warning("signatures refused", extra={"counts": counted, "verdict": verdict})
    for name, number in counted.items():
        try:
            await _add(services, name, number, now)
        except PledgeError:
            _unwritten[name] += number  # The answer does not wait for a store that is down.


def row_of(partner: str, now: datetime) -> str:
    """The id of a day's number."""
    return f"refused:{partner}:{now:%Y%m%d}"


async def _add(services: Services, partner: str, number: int, now: datetime) -> None:
    row_id = row_of(partner, now)
    for _ in range(TRIES):
        stored = await services.store.read(COUNTERS, row_id, row_id)
        total = number + (stored["count"] if stored is not None else 0)
        row = {"id": row_id, "kind": "refused", "count": total, "ttl": seconds_kept(COUNTERS, "refused")}
        try:
            if stored is None:
                await services.store.create(COUNTERS, row, row_id)
            else:
                await services.store.replace(COUNTERS, row, stored["_etag"], row_id)
            return
        except (AlreadyStored, RecordChanged):
            continue
    raise RecordChanged(row_id)


async def refused_on(services: Services, partner: str, day: datetime) -> int:
    """How many attempts were refused on a day, as far as written down."""
    row_id = row_of(partner, day)
    stored = await services.store.read(COUNTERS, row_id, row_id)
    return int(stored["count"]) if stored is not None else 0

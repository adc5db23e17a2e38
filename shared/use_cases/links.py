"""Taking access away: links to a case, and members of staff."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.domain.errors import RecordChanged
from shared.domain.events import Actor

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.links")


async def revoke_links(services: Services, case_id: str) -> int:
    """End every link to a case; how many there were."""
    count = 0
    while rows := await services.store.query(
        "links",
        "SELECT TOP 200 * FROM c WHERE c.kind IN ('link', 'confirmation') AND c.case_id = @case_id"
        " AND c.revoked = false",
        {"case_id": case_id},
    ):
        count += len(rows)
        await _revoke(services, rows)
    return count


async def revoke_shown(services: Services, tokens: list[str]) -> bool:
    """End the links among these, which stood in an address and so in logs of others. Whether there was one."""
    ids = [hashlib.sha256(token.encode()).hexdigest() for token in tokens]
    rows = [row for each in ids if (row := await services.store.read("links", each, each)) is not None]
    await _revoke(services, rows)
    for row in rows:
        logger.error("a link was in an address", extra={"case_id": row["case_id"]})
    return bool(rows)


async def _revoke(services: Services, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        ended = {name: value for name, value in row.items() if not name.startswith("_")} | {"revoked": True}
        try:
            await services.store.replace("links", ended, row["_etag"], row["id"])
        except RecordChanged:
            continue  # Only a revocation changes a link, so somebody else has just done it.


async def revoke_staff(services: Services, staff_id: str, by: Actor, now: datetime) -> None:
    """Enter a member of staff into the kill-list that every staff request is checked against."""
    revoked_id = f"staff:{hashlib.sha256(staff_id.encode()).hexdigest()}"
    row = {"id": revoked_id, "kind": "staff_revocation", "by": by.id, "at": now.isoformat(), "ttl": -1}
    try:
        await services.store.create("links", row, revoked_id)
    except AlreadyStored:
        return

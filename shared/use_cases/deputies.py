"""Who stands in for whom: a named person holds another's role for a time. The guard of four eyes stays as it is."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.domain.errors import Forbidden, invalid
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services

LINKS = "links"
LONGEST = timedelta(days=60)


def _row_id(staff: str, role: str) -> str:
    return f"deputy:{hashlib.sha256(f'{staff}|{role}'.encode()).hexdigest()}"


async def name_deputy(
    services: Services, *, staff: str, role: str, absent: str, from_on: date, until_on: date, by: Actor, today: date
) -> None:
    """Let `staff` act as `role` for somebody absent, from one day to another, both included. Nobody names themselves.

    Named again, it is the new days that hold; a last day that has passed ends it. Steps that this person has taken on
    a case keep them from others there, whatever role they act in.
    """
    if by.id in (staff, absent) or staff == absent:
        raise Forbidden("same-person")
    if until_on < from_on or until_on - from_on > LONGEST or until_on < today - timedelta(days=1):
        raise invalid("/until_on", "period")
    row_id = _row_id(staff, role)
    row: dict[str, Any] = {
        "id": row_id,
        "kind": "deputy",
        "staff": staff,
        "role": role,
        "absent": absent,
        "from_on": from_on.isoformat(),
        "until_on": until_on.isoformat(),
        "by": by.id,
        "named_on": today.isoformat(),
        "ttl": seconds_kept(LINKS, "deputy"),
    }
    stored = await services.store.read(LINKS, row_id, row_id)
    if stored is not None:
        await services.store.replace(LINKS, row, stored["_etag"], row_id)
        return
    try:
        await services.store.create(LINKS, row, row_id)
    except AlreadyStored:
        raise invalid("/staff", "named_just_now") from None


async def role_as_deputy(services: Services, staff: str, roles: tuple[Role, ...], today: date) -> Role | None:
    """The first of these roles that this person holds today in somebody's stead."""
    for role in roles:
        row_id = _row_id(staff, role.value)
        row = await services.store.read(LINKS, row_id, row_id)
        if row is not None and row["from_on"] <= today.isoformat() <= row["until_on"]:
            return role
    return None


async def deputies(services: Services) -> list[dict[str, Any]]:
    """Everybody who was named, the last two hundred."""
    told = ("staff", "role", "absent", "from_on", "until_on", "by", "named_on")
    rows = await services.store.query(LINKS, "SELECT TOP 200 * FROM c WHERE c.kind = 'deputy'", {})
    return [{name: row[name] for name in told} for row in rows]

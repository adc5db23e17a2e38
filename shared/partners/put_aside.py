"""What staff see and do about partners' events: what was put aside and why, one more try, how each partner stands."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.domain.change import Change
from shared.domain.errors import Forbidden, NotFound, RuleBroken
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.partners import events as told
from shared.partners import inbox, refusals
from shared.use_cases import announcements
from shared.use_cases.commands import CASES, load, perform

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.partners")

INBOX = "inbox"
TOLD = ("id", "partner", "status", "reason", "tries", "received_at", "case_id")
PUT_ASIDE = ("waiting", "dead_letter", "quarantined")


async def events(
    services: Services, status: str, after: str, hidden: Callable[[str, dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Events that stand so, oldest first, after an instant: what they are about, not what they say.

    What is about a case that is hidden from the reader (by its id and its custody) is left out.
    """
    rows = await services.store.query(
        INBOX,
        "SELECT TOP 100 * FROM c WHERE c.kind = 'inbox' AND c.status = @status AND c.received_at > @after"
        " ORDER BY c.received_at",
        {"status": status, "after": after},
    )
    custody = await _custody_of(services, {row["case_id"] for row in rows if row.get("case_id")})
    return [
        {name: row.get(name) for name in TOLD}
        | {"type": _type_of(row), "replays": [each["at"] for each in row.get("replays", [])]}
        for row in rows
        if not row.get("case_id") or not hidden(row["case_id"], custody.get(row["case_id"], {}))
    ]


async def _custody_of(services: Services, case_ids: set[str]) -> dict[str, dict[str, Any]]:
    rows = await services.store.query(
        CASES,
        "SELECT TOP 100 c.case_id, c.custody FROM c WHERE c.kind = 'case' AND ARRAY_CONTAINS(@cases, c.case_id)",
        {"cases": sorted(case_ids)},
    )
    return {row["case_id"]: row.get("custody") or {} for row in rows}


def _type_of(row: dict[str, Any]) -> str | None:
    """The kind of event, if it is one that we know: any other text is the sender's own."""
    stated = _body(row).get("type")
    return stated if isinstance(stated, str) and stated in told.KINDS else None


async def replay(services: Services, event_id: str, by: Actor, now: datetime, reason: str) -> str:
    """Have an event that was put aside tried once more; what was applied is not applied again. Answers how it ends.

    Who did so and why is kept with the event, and in the chain of the case that it is about, if there is one.
    """
    item = await _stored(services, event_id)
    if item["status"] in ("processed", "ignored"):
        return str(item["status"])
    if not isinstance(item["body"], dict):
        raise RuleBroken("not-readable", "This event cannot be read; the partner must send it anew.")
    case_id = await case_of(services, event_id)
    if case_id is not None:

        def note(change: Change) -> None:
            change.record("partner_event_replayed", event_id, reason=reason)

        try:
            await perform(services, case_id, by, now, note)
        except NotFound:
            pass  # The case is not there (yet): the event itself remembers.
    again = {name: value for name, value in item.items() if not name.startswith("_") and name != "ttl"}
    replays = [*item.get("replays", []), {"by": by.id, "at": now.isoformat(), "reason": reason}]
    again |= {"status": "received", "reason": None, "tries": 0, "next_try_at": now.isoformat(), "replays": replays}
    again["_etag"] = await services.store.replace(INBOX, again, item["_etag"], event_id)
    return await inbox.process(services, again, now)


async def dismiss(services: Services, event_id: str, by: Actor, now: datetime, reason: str) -> str:
    """Close an event that was put aside and is never to be applied. Who did so and why is kept with it.

    What a partner says of money is finance's to close: no one else may make it unseen.
    """
    item = await _stored(services, event_id)
    if item["status"] not in ("dead_letter", "quarantined"):
        return str(item["status"])
    is_money = str(_body(item).get("type")).startswith("payment.")
    if is_money and by.role != Role.FINANCE:
        raise Forbidden("role")
    case_id = await case_of(services, event_id)
    if case_id is not None:
        try:
            await load(services, case_id, by)  # Whoever is close to the person does nothing here, either.
        except NotFound:
            pass
    closed = {name: value for name, value in item.items() if not name.startswith("_")}
    closed |= {"status": "dismissed", "dismissed": {"by": by.id, "at": now.isoformat(), "reason": reason}}
    if case_id is None and not is_money:
        closed["body"] = None  # No erasure would find what it says of somebody.
    await services.store.replace(INBOX, closed, item["_etag"], event_id)
    logger.info("event dismissed", extra={"inbox_id": event_id, "by": by.id})
    return "dismissed"


async def case_of(services: Services, event_id: str) -> str | None:
    """The case that a stored event is about, if it is about one. `NotFound` if there is no such event."""
    item = await _stored(services, event_id)
    return item.get("case_id") or told.case_named_by(_body(item))


def _body(item: dict[str, Any]) -> dict[str, Any]:
    return item["body"] if isinstance(item["body"], dict) else {}


async def _stored(services: Services, event_id: str) -> dict[str, Any]:
    if not re.fullmatch(r"[0-9a-f]{64}(-[0-9a-f]{16})?", event_id, re.ASCII):
        raise NotFound(event_id)
    item = await services.store.read(INBOX, event_id, event_id)
    if item is None:
        raise NotFound(event_id)
    return item


async def standing(services: Services, now: datetime) -> list[dict[str, Any]]:
    """How each partner stands: what waits or was put aside, and how often signatures were refused in two days."""
    counts: Counter[tuple[str, str]] = Counter()
    for status in PUT_ASIDE:
        rows = await services.store.query(
            INBOX,
            "SELECT TOP 1000 c.partner FROM c WHERE c.kind = 'inbox' AND c.status = @status",
            {"status": status},
        )
        counts.update((row["partner"], status) for row in rows)
    days = (now, now - timedelta(days=1))
    return [
        {
            "partner": name,
            "kind": services.settings.partners[name].kind if name in services.settings.partners else None,
            **{status: counts[name, status] for status in PUT_ASIDE},
            "closed_at": await announcements.closed_at(services, name),
            "refused": sum([await refusals.refused_on(services, name, day) for day in days]),
        }
        for name in [*sorted(services.settings.partners), "unknown"]
    ]

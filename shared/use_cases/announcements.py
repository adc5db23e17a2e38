"""What partners are told of a case: a signed webhook for each event that they asked for, written with that event.

Codes, ids and dates only. Tried at once, then over 75 hours like every message. A partner that answers 410 wants no
more: its address is closed until staff have one message sent again and the partner takes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.adapters.outbound import Gone
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.errors import NotFound, RecordChanged, Unavailable
from shared.domain.events import Event
from shared.settings import Partner

if TYPE_CHECKING:
    from shared.bootstrap import Services

CASES = "cases"
CATALOGUE = "catalogue"
UNDELIVERED = ("dead", "bounced")
ABOUT_THEIR_REPORTS = ("employer", "history")
"""Kinds of partner that are told of their own reports only, and never of anything else about a person."""


def announce(change: Change, partners: Mapping[str, Partner]) -> None:
    """Put a message into the batch for each partner that is told of something that just happened."""
    for event in change.events:
        for partner in partners.values():
            if partner.url and event.kind in partner.events and _concerns(change.case, partner, event):
                change.send("partner", partner=partner.name, body=_told(change.case, event))


def _concerns(case: Case, partner: Partner, event: Event) -> bool:
    if partner.programmes and case.programme not in partner.programmes:
        return False
    if partner.kind not in ABOUT_THEIR_REPORTS:
        return True
    report = case.placements.get(event.subject or "")
    return report is not None and (report.source, report.source_id) == ("partner", partner.name)


def _told(case: Case, event: Event) -> dict[str, Any]:
    data = {"case_id": case.case_id, "sequence": event.sequence, "subject": event.subject}
    data |= {"occurred_on": event.occurred_on.isoformat() if event.occurred_on else None}
    return {"type": event.kind, "timestamp": event.at.isoformat(), "data": data}


async def tell_partner(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Send one message to its partner. Raises `Gone` if that is over, `Unavailable` if it is to be tried again."""
    partner = services.settings.partners.get(message["partner"])
    if partner is None or partner.url is None:
        raise Gone("this partner is no longer configured")
    closed = await _closed(services, partner.name)
    if closed is not None and closed["closed_at"] and not message.get("sent_again"):
        raise Gone("this partner wants no more")
    stamp = int(now.timestamp())
    webhook_id = hashlib.sha256(f"{message['case_id']}|{message['id']}".encode()).hexdigest()[:40]
    answer = await services.outbound.call(partner, "POST", "", message["body"], f"msg_{webhook_id}", stamp)
    if answer.is_goodbye:
        await _note(services, partner.name, closed, now.isoformat())
        raise Gone("this partner wants no more")
    if not answer.is_taken:
        raise Unavailable("the partner did not take it", answer.retry_after)
    if closed is not None and closed["closed_at"]:
        await _note(services, partner.name, closed, None)


async def closed_at(services: Services, name: str) -> str | None:
    """Since when a partner wants no more; None if it takes what we send."""
    closed = await _closed(services, name)
    return closed["closed_at"] if closed is not None else None


async def _closed(services: Services, name: str) -> dict[str, Any] | None:
    return await services.store.read(CATALOGUE, f"endpoint:{name}", f"endpoint:{name}")


async def _note(services: Services, name: str, seen: dict[str, Any] | None, at: str | None) -> None:
    row: dict[str, Any] = {"id": f"endpoint:{name}", "kind": "endpoint", "closed_at": at}
    try:
        if seen is None:
            await services.store.create(CATALOGUE, row, row["id"])
        else:
            await services.store.replace(CATALOGUE, row, seen["_etag"], row["id"])
    except (AlreadyStored, RecordChanged):
        return  # Another message has noted it meanwhile; the next answer corrects it if need be.


async def send_again(change: Change, services: Services, *, message: str, reason: str) -> None:
    """Have a message that ended undelivered tried anew from its first try, within the next minute."""
    item = await services.store.read(CASES, f"message:{message}", change.case.case_id)
    if item is None or item["kind"] != "message":
        raise NotFound(message)
    if item["status"] not in UNDELIVERED:
        return  # Under way or delivered: nothing is repeated.
    change.record("message_sent_again", message, reason=reason)
    again = {name: value for name, value in item.items() if not name.startswith("_") and name != "cause"}
    again |= {"status": "pending", "tries": 0, "next_try_at": change.now.isoformat(), "sent_again": True}
    change.replaced_items.append(again)

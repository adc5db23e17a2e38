"""What partners tell: stored first, answered, then processed apart, once, in any order."""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shared import telemetry
from shared.adapters.cosmos import AlreadyStored
from shared.domain.change import Change
from shared.domain.errors import (
    ActionNotAllowed,
    AlreadyExists,
    Forbidden,
    InvalidInput,
    KeyReused,
    NotFound,
    OutcomeUnknown,
    RecordChanged,
    RuleBroken,
    Unavailable,
)  # fmt: skip
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.partners.events import (
    KINDS,
    DocumentScanned,
    case_of,
    case_written_in,
    check_binding,
    stamp_of,
    tell,
)  # fmt: skip
from shared.settings import Partner
from shared.use_cases import documents, positions
from shared.use_cases.commands import Key, load, perform
from shared.use_cases.deliveries import WAITS
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.partners")

INBOX = "inbox"
DEFENDER = Partner("defender", "scanner", ())
"""Microsoft's scanner. It has no secret of ours and so no webhook: Azure lets it in, through Event Grid."""

OUTLANDISH = timedelta(days=366)
POISON_TRIES = 5
WOKEN_ROUNDS_MAX = 10
TIME_BUDGET = timedelta(minutes=1)
"""What a run that also sends mail, within five minutes, gives to what partners told."""

LATER = (NotFound, ActionNotAllowed, RuleBroken, RecordChanged, Unavailable, OutcomeUnknown)
"""What it may be too early for, or busy: the event waits and is tried again."""
NEVER = (InvalidInput, AlreadyExists, KeyReused)
"""What, like what is forbidden, can never be applied: the event is put aside for a person."""


async def receive(
    services: Services, partner: Partner, event_id: str, raw: bytes, body: dict[str, Any] | None, now: datetime
) -> tuple[bool, dict[str, Any]]:
    """Keep a signed event before it is answered. True if it is new; the inbox item either way.

    The same id with another body is kept beside the first one and left to a person.
    """
    digest = hashlib.sha256(raw).hexdigest()
    item_id = hashlib.sha256(f"{partner.name}|{event_id}".encode()).hexdigest()
    item: dict[str, Any] = {
        "id": item_id,
        "kind": "inbox",
        "partner": partner.name,
        "event_id": event_id,
        "body_hash": digest,
        "body": body,
        "case_id": case_written_in(body),
        "status": "received" if body is not None else "quarantined",
        "reason": None if body is not None else "not_json",
        "tries": 0,
        "next_try_at": now.isoformat(),
        "received_at": now.isoformat(),
        **telemetry.kept(),
    }
    try:
        item["_etag"] = await services.store.create(INBOX, item, item_id)
        return True, item
    except AlreadyStored:
        pass
    stored = await services.store.read(INBOX, item_id, item_id)
    if stored is not None and stored["body_hash"] == digest:
        return False, stored
    second = item | {"id": f"{item_id}-{digest[:16]}", "status": "quarantined", "reason": "event_id_reused"}
    if await _is_forgotten(services, second["case_id"]):
        second["body"] = None
    logger.error("event id reused", extra={"partner": partner.name, "inbox_id": second["id"]})
    try:
        await services.store.create(INBOX, second, second["id"])
    except AlreadyStored:
        pass
    return True, second


async def process(services: Services, item: dict[str, Any], now: datetime, *, wakes: bool = True) -> str:
    """Apply a stored event. What cannot be applied yet waits and is tried again; what never can is put aside.

    What fails by a fault of ours is put aside after five tries; what came too early, or met a store that did not
    answer, is tried for three days.
    """
    with telemetry.span("event", item.get("trace"), partner=item["partner"]):
        status, reason, case_id = await _apply(services, item, now)
    case_id = case_id or item.get("case_id")
    tries = item["tries"] + 1
    noted = {name: value for name, value in item.items() if not name.startswith("_")}
    if status in ("waiting", "failing"):
        if tries > len(WAITS) or (status == "failing" and tries >= POISON_TRIES):
            status = "dead_letter"
        else:
            status = "waiting"
            noted["next_try_at"] = (now + WAITS[tries - 1]).isoformat()
    noted |= {"status": status, "reason": reason, "tries": tries, "tried_at": now.isoformat(), "case_id": case_id}
    noted |= _kept_for(item, status)
    is_put_aside = status in ("quarantined", "dead_letter", "ignored")
    if reason == "erased" or (is_put_aside and await _is_forgotten(services, case_id)):
        noted["body"] = None  # It names somebody whom we have forgotten.
    if status in ("quarantined", "dead_letter"):
        logger.error("event put aside", extra={"inbox_id": item["id"], "partner": item["partner"], "reason": reason})
    try:
        await services.store.replace(INBOX, noted, item["_etag"], item["id"])
    except RecordChanged:
        pass  # Another run was quicker; what it did is what we would have done.
    if status == "processed" and case_id is not None and wakes:
        await _wake(services, case_id, now)
    return status


async def _is_forgotten(services: Services, case_id: str | None) -> bool:
    """Whether whoever the case is about is being, or has been, erased."""
    try:
        return case_id is not None and (await load(services, case_id))[0].custody.erasure_begun_at is not None
    except NotFound:
        return False


def _kept_for(item: dict[str, Any], status: str) -> dict[str, Any]:
    """How long an event that is done with is remembered, so that it is known when it comes again; money: for ever."""
    body = item["body"] if isinstance(item["body"], dict) else {}
    is_done = status in ("processed", "ignored")
    return {"ttl": seconds_kept(INBOX, "inbox")} if is_done and not str(body.get("type")).startswith("payment.") else {}


async def _wake(services: Services, case_id: str, now: datetime) -> None:
    """What waited for something that has just come is tried again at once, as long as that brings something about."""
    for _ in range(WOKEN_ROUNDS_MAX):
        rows = await services.store.query(
            INBOX,
            "SELECT TOP 50 * FROM c WHERE c.kind = 'inbox' AND c.case_id = @case_id AND c.status = 'waiting'",
            {"case_id": case_id},
        )
        outcomes = [await process(services, row | {"tries": row["tries"] - 1}, now, wakes=False) for row in rows]
        if "processed" not in outcomes:
            return


async def _apply(services: Services, item: dict[str, Any], now: datetime) -> tuple[str, str | None, str | None]:
    partner = DEFENDER if item["partner"] == DEFENDER.name else services.settings.partners.get(item["partner"])
    if partner is None:
        return "quarantined", "unknown_partner", None
    body = item["body"]
    if item["status"] == "quarantined" or not isinstance(body, dict):
        return "quarantined", item.get("reason"), None
    kind = (KINDS | positions.KINDS).get(str(body.get("type")))
    if kind is None:
        return "ignored", "unknown_type", None
    form, senders, act = kind
    if partner.kind not in senders:
        return "quarantined", "not_this_partners", None
    try:
        told = form.model_validate(body.get("data"))
        case_id = case_of(told)
        _plausible(body, now)
        said = body.get("occurred_at") or body.get("timestamp") or item["received_at"]
        stamp = stamp_of(str(said), item["body_hash"])
    except (ValidationError, ValueError):
        return "quarantined", "invalid", None
    actor = Actor(role=Role.PARTNER, id=partner.name)
    key = Key(f"inbox-{item['id']}", item["body_hash"])
    try:
        if case_id is None:
            await act(services, partner.name, told, stamp, now)
            return "processed", None, None

        def apply(change: Change) -> None:
            check_binding(partner, change)
            tell(change, body["type"], told, stamp)

        outcome = await perform(services, case_id, actor, now, apply, key=key)
        if isinstance(told, DocumentScanned) and told.result == "malicious":
            await documents.remove_malicious(services, case_id, told.blob)
    except RuleBroken as error:
        if error.code == "erasure-begun":
            return "ignored", "erased", case_id
        return "waiting", error.code, case_id
    except LATER as error:
        return "waiting", _why_later(error), case_id
    except Forbidden as error:
        return "quarantined", error.reason, case_id
    except NEVER as error:
        return "quarantined", type(error).__name__, case_id
    except Exception as error:  # One odd event is put aside like any other that fails, and holds up nobody.
        logger.exception("event not understood", extra={"inbox_id": item["id"]})
        return "failing", type(error).__name__, case_id
    return "processed", "erased" if outcome.case.custody.erasure_begun_at is not None else None, case_id


def _why_later(error: Exception) -> str:
    if isinstance(error, ActionNotAllowed):
        return f"{error.action}-when-{error.current}"
    return "not-there-yet" if isinstance(error, NotFound) else type(error).__name__


def _plausible(body: dict[str, Any], now: datetime) -> None:
    """An event that says it happened a year from now, or before the programme, is put aside, never applied."""
    said = body.get("occurred_at") or body.get("timestamp")
    if said is None:
        return
    moment = datetime.fromisoformat(str(said).replace("Z", "+00:00"))
    if moment.tzinfo is None or moment > now + timedelta(days=1) or moment < now - 5 * OUTLANDISH:
        raise ValueError("implausible instant")


async def run_inbox(services: Services, now: datetime) -> dict[str, int]:
    """Events that were received but not yet applied: tried again when due, oldest first, while there is time."""
    until = time.monotonic() + TIME_BUDGET.total_seconds()
    counts = {"inbox_due": 0, "inbox_ended": 0, "inbox_failed": 0}
    rows = await services.store.query(
        INBOX,
        "SELECT TOP @most * FROM c WHERE c.kind = 'inbox' AND c.status IN ('received', 'waiting')"
        " AND c.next_try_at <= @now ORDER BY c.next_try_at",
        {"now": now.isoformat(), "most": services.settings.timer_items_max},
    )
    counts["inbox_due"] = len(rows)
    for row in rows:
        if time.monotonic() >= until:
            break
        try:
            counts["inbox_ended"] += await process(services, row, now) != "waiting"
        except Exception:  # One odd event must not hold up all the others; it stays due.
            counts["inbox_failed"] += 1
            logger.exception("event could not be noted", extra={"inbox_id": row["id"]})
    return counts

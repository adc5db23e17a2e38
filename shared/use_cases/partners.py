"""What partners tell: stored first, answered, then processed apart, once, in any order."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, ValidationError

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
from shared.domain.wire import Amount, CaseId, Code, ContractKind, Day, EndReason, Form, Line, PartnersId, Payer
from shared.settings import Partner
from shared.use_cases import documents, enrolments, payments, placements, positions, screening
from shared.use_cases.commands import Key, perform
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


class _AboutCase(Form):
    case_id: CaseId


class AssessmentCompleted(_AboutCase):
    """A test or an interview was taken."""

    attempt_id: PartnersId
    assessment: Code
    outcome: Literal["passed", "failed", "retake"]
    score: int | None = Field(default=None, ge=0, le=1000)
    accommodation_open: bool = False
    took_place_on: Day | None = None


class CourseStarted(_AboutCase):
    """The person began the course."""

    started_on: Day


class DiplomaAwarded(_AboutCase):
    """The diploma was awarded."""

    diploma_id: PartnersId
    awarded_on: Day


class DiplomaRevoked(_AboutCase):
    """The diploma was taken back."""

    diploma_id: PartnersId
    revoked_on: Day
    reason: Code = "unspecified"


class PaymentReceived(_AboutCase):
    """Money came in."""

    payment_id: PartnersId
    payer: Payer
    amount: Amount
    received_on: Day


class PaymentRefunded(Form):
    """A refund that we ordered has arrived."""

    reference: str = Field(pattern=r"^[a-z2-7]{26}-r[0-9]{1,4}-[0-9]{1,4}-[0-9]{1,4}\z")
    refund_id: PartnersId
    amount: Amount
    refunded_on: Day


class PaymentRefundFailed(Form):
    """A refund that we ordered did not arrive."""

    reference: str = Field(pattern=r"^[a-z2-7]{26}-r[0-9]{1,4}-[0-9]{1,4}-[0-9]{1,4}\z")
    refund_id: str | None = None
    amount: Amount | None = None
    failed_on: Day | None = None
    reason: Code = "unspecified"


class PaymentChargedBack(_AboutCase):
    """A bank took a payment back."""

    chargeback_id: PartnersId
    payer: Payer
    amount: Amount
    charged_back_on: Day


class OfferMade(_AboutCase):
    """An employer made a job offer."""

    offer_id: PartnersId
    offered_on: Day
    employer: Line | None = None


class OfferAnswered(_AboutCase):
    """What became of a job offer."""

    offer_id: PartnersId
    outcome: Literal["accepted", "declined", "lapsed"]


class PlacementReported(_AboutCase):
    """An employer or a history service says that the person has a job."""

    placement_id: PartnersId
    contract: ContractKind
    field: Literal["in", "out", "unknown"] = "unknown"
    employer: Literal["external", "programme"] = "external"
    hours: int | None = Field(default=None, ge=0, le=168)
    base_pay: Amount | None = None
    contract_signed_on: Day | None = None
    offered_on: Day | None = None
    starts_on: Day | None = None
    fixed_end: Day | None = None
    employer_name: Line | None = None
    revision: int = Field(default=0, ge=0, le=1000)


class PlacementRetracted(_AboutCase):
    """A report was wrong from the start, or about somebody else."""

    placement_id: PartnersId
    reason: Literal["wrong_person", "never_true"] | None = None


class PlacementEnded(_AboutCase):
    """A job ended."""

    placement_id: PartnersId
    ended_on: Day
    end_reason: EndReason | None = None


class SearchLogged(_AboutCase):
    """How many applications were sent in a week."""

    monday: Day
    applications: int = Field(ge=0, le=500)


class DocumentScanned(Form):
    """The scanner looked at a file: `blob` is its name in the evidence container."""

    blob: str = Field(pattern=r"^[a-z2-7]{26}/[0-9a-f]{64}\z")
    etag: str | None = None
    result: Literal["clean", "malicious"]


def _charged_back(change: Change, told: PaymentChargedBack) -> None:
    enrolments.record_money(
        change, payment_id=told.chargeback_id, kind="chargeback", payer=told.payer,
        amount=told.amount.model_dump(), received_on=told.charged_back_on,
    )  # fmt: skip


def _fields(told: BaseModel, *without: str) -> dict[str, Any]:
    return {name: getattr(told, name) for name in type(told).model_fields if name not in {"case_id", *without}}


KINDS: dict[str, tuple[type[Form], frozenset[str], Callable[[Change, Any], None]]] = {
    "assessment.completed": (
        AssessmentCompleted,
        frozenset({"assessment"}),
        lambda change, told: screening.record_assessment(
            change, assessment_id=told.attempt_id, kind=told.assessment, **_fields(told, "attempt_id", "assessment")
        ),
    ),
    "course.started": (
        CourseStarted, frozenset({"learning"}),
        lambda change, told: enrolments.start_course(change, **_fields(told)),
    ),
    "diploma.awarded": (
        DiplomaAwarded, frozenset({"learning"}),
        lambda change, told: enrolments.award_diploma(change, **_fields(told)),
    ),
    "diploma.revoked": (
        DiplomaRevoked, frozenset({"learning"}),
        lambda change, told: enrolments.revoke_diploma(change, **_fields(told)),
    ),
    "payment.received": (
        PaymentReceived, frozenset({"payments"}),
        lambda change, told: enrolments.record_money(
            change, kind="payment", amount=told.amount.model_dump(), **_fields(told, "amount")
        ),
    ),
    "payment.refunded": (
        PaymentRefunded, frozenset({"payments"}),
        lambda change, told: payments.confirm(change, told.model_dump(mode="json")),
    ),
    "payment.refund_failed": (
        PaymentRefundFailed, frozenset({"payments"}),
        lambda change, told: payments.fail(change, told.reference, told.reason),
    ),
    "payment.charged_back": (PaymentChargedBack, frozenset({"payments"}), _charged_back),
    "offer.made": (
        OfferMade, frozenset({"employer"}), lambda change, told: placements.report_offer(change, **_fields(told)),
    ),
    "offer.answered": (
        OfferAnswered, frozenset({"employer"}),
        lambda change, told: placements.answer_job_offer(change, **_fields(told)),
    ),
    "placement.reported": (
        PlacementReported, frozenset({"employer", "history"}),
        lambda change, told: placements.report_placement(change, **_fields(told)),
    ),
    "placement.retracted": (
        PlacementRetracted, frozenset({"employer", "history"}),
        lambda change, told: placements.retract_placement(
            change, placement=told.placement_id, reason=told.reason
        ),
    ),
    "placement.ended": (
        PlacementEnded, frozenset({"employer", "history"}),
        lambda change, told: placements.end_placement(
            change, placement=told.placement_id, ended_on=told.ended_on, end_reason=told.end_reason
        ),
    ),
    "search.logged": (
        SearchLogged, frozenset({"learning", "history"}),
        lambda change, told: placements.log_search_week(change, **_fields(told)),
    ),
    "document.scanned": (
        DocumentScanned, frozenset({"scanner"}),
        lambda change, told: documents.scanned(change, told.blob, told.etag or "", told.result),
    ),
}  # fmt: skip
"""Every kind of event: its form, the kinds of partner that may send it, and what it does to the case."""


LATEST: dict[str, Callable[[Any], str]] = {
    "assessment.completed": lambda told: f"attempt:{told.attempt_id}",
    "offer.answered": lambda told: f"offer:{told.offer_id}",
    "search.logged": lambda told: f"week:{told.monday}",
}
"""What later words about the same thing replace: the one that was spoken last stands, in whatever order they come."""

LATER = (NotFound, ActionNotAllowed, RuleBroken, RecordChanged, Unavailable, OutcomeUnknown)
"""What it may be too early for, or busy: the event waits and is tried again."""
NEVER = (InvalidInput, AlreadyExists, KeyReused)
"""What, like what is forbidden, can never be applied: the event is put aside for a person."""


def tell(change: Change, kind: str, told: Any, stamp: str) -> None:
    """Do to the case what an event says, unless something newer was said about the same thing."""
    about = LATEST[kind](told) if kind in LATEST else None
    if about is not None and stamp <= change.case.last_told.get(about, ""):
        return
    KINDS[kind][2](change, told)
    if about is not None:
        change.case.last_told[about] = stamp
        change.refresh = True


def stamp_of(said_at: str, body_hash: str) -> str:
    """What orders two events: when they were spoken (UTC), and where that is equal, what they say."""
    moment = datetime.fromisoformat(said_at.replace("Z", "+00:00"))
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}|{body_hash[:16]}"


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
    if status in ("quarantined", "dead_letter"):
        logger.error("event put aside", extra={"inbox_id": item["id"], "partner": item["partner"], "reason": reason})
    try:
        await services.store.replace(INBOX, noted, item["_etag"], item["id"])
    except RecordChanged:
        pass  # Another run was quicker; what it did is what we would have done.
    if status == "processed" and case_id is not None and wakes:
        await _wake(services, case_id, now)
    return status


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
        case_id = _case_of(told)
        _plausible(body, now)
        said = body.get("occurred_at") or body.get("timestamp") or item["received_at"]
        stamp = stamp_of(str(said), item["body_hash"])
    except (ValidationError, ValueError):
        return "quarantined", "invalid", None
    actor = Actor(role=Role.PARTNER, id=partner.name)
    key = Key(f"inbox-{item['id']}", item["body_hash"])
    try:
        if case_id is None:
            await act(services, partner.name, told, now)
            return "processed", None, None

        def apply(change: Change) -> None:
            if partner.programmes and change.programme.id not in partner.programmes:
                raise Forbidden("not-bound")
            tell(change, body["type"], told, stamp)

        await perform(services, case_id, actor, now, apply, key=key)
        if isinstance(told, DocumentScanned) and told.result == "malicious":
            await documents.remove_malicious(services, case_id, told.blob)
    except LATER as error:
        return "waiting", _why_later(error), case_id
    except Forbidden as error:
        return "quarantined", error.reason, case_id
    except NEVER as error:
        return "quarantined", type(error).__name__, case_id
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        logger.exception("event not understood", extra={"inbox_id": item["id"]})
        return "failing", type(error).__name__, case_id
    return "processed", None, case_id


def _why_later(error: Exception) -> str:
    if isinstance(error, RuleBroken):
        return error.code
    if isinstance(error, ActionNotAllowed):
        return f"{error.action}-when-{error.current}"
    return "not-there-yet" if isinstance(error, NotFound) else type(error).__name__


def case_named_by(body: dict[str, Any]) -> str | None:
    """The case that an event speaks about, if it can be read."""
    kind = KINDS.get(str(body.get("type")))
    try:
        return _case_of(kind[0].model_validate(body.get("data"))) if kind is not None else None
    except (ValidationError, ValueError):
        return None


def _case_of(told: Any) -> str | None:
    if isinstance(told, positions.PositionPublished | positions.PositionClosed):
        return None
    if isinstance(told, DocumentScanned):
        return told.blob.split("/")[0]
    if isinstance(told, PaymentRefunded | PaymentRefundFailed):
        return told.reference.split("-")[0]
    return str(told.case_id)


def _plausible(body: dict[str, Any], now: datetime) -> None:
    """An event that says it happened a year from now, or before the programme, is put aside, never applied."""
    said = body.get("occurred_at") or body.get("timestamp")
    if said is None:
        return
    moment = datetime.fromisoformat(str(said).replace("Z", "+00:00"))
    if moment.tzinfo is None or moment > now + timedelta(days=1) or moment < now - 5 * OUTLANDISH:
        raise ValueError("implausible instant")


async def run_inbox(services: Services, now: datetime) -> dict[str, int]:
    """Events that were received but not yet applied: tried again when they are due, oldest first."""
    counts = {"inbox_due": 0, "inbox_ended": 0}
    rows = await services.store.query(
        INBOX,
        "SELECT TOP @most * FROM c WHERE c.kind = 'inbox' AND c.status IN ('received', 'waiting')"
        " AND c.next_try_at <= @now ORDER BY c.next_try_at",
        {"now": now.isoformat(), "most": services.settings.timer_items_max},
    )
    for row in rows:
        counts["inbox_due"] += 1
        try:
            counts["inbox_ended"] += await process(services, row, now) != "waiting"
        except Exception:  # One odd event must not hold up all the others; it stays due.
            logger.exception("event could not be noted", extra={"inbox_id": row["id"]})
    return counts

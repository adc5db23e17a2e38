"""What partners may tell, and what each kind of event does to a case."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from shared.domain.change import Change
from shared.domain.errors import Forbidden
from shared.domain.wire import (
    Amount,
    CaseId,
    Code,
    ContractKind,
    Day,
    Employer,
    EndReason,
    Form,
    JobField,
    LastingId,
    Line,
    OfferOutcome,
    PartnersId,
    Payer,
)
from shared.settings import Partner
from shared.use_cases import documents, enrolments, job_search, payments, placements, positions, screening


class _AboutCase(Form):
    case_id: CaseId


class AssessmentCompleted(_AboutCase):
    """A test or an interview was taken."""

    attempt_id: LastingId
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

    diploma_id: LastingId
    awarded_on: Day


class DiplomaRevoked(_AboutCase):
    """The diploma was taken back."""

    diploma_id: LastingId
    revoked_on: Day
    reason: Code = "unspecified"


class PaymentReceived(_AboutCase):
    """Money came in."""

    payment_id: LastingId
    payer: Payer
    amount: Amount
    received_on: Day


class PaymentRefunded(Form):
    """A refund that we ordered has arrived."""

    reference: str = Field(pattern=r"^[a-z2-7]{26}-r[0-9]{1,4}-[0-9]{1,4}-[0-9]{1,4}\z")
    refund_id: LastingId
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

    chargeback_id: LastingId
    payer: Payer
    amount: Amount
    charged_back_on: Day


class OfferMade(_AboutCase):
    """An employer made a job offer."""

    offer_id: LastingId
    offered_on: Day
    employer: Line | None = None


class OfferAnswered(_AboutCase):
    """What became of a job offer."""

    offer_id: LastingId
    outcome: OfferOutcome


class PlacementReported(_AboutCase):
    """An employer or a history service says that the person has a job."""

    placement_id: PartnersId
    contract: ContractKind
    field: JobField = "unknown"
    employer: Employer = "external"
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
        OfferMade, frozenset({"employer"}), lambda change, told: job_search.report_offer(change, **_fields(told)),
    ),
    "offer.answered": (
        OfferAnswered, frozenset({"employer"}),
        lambda change, told: job_search.answer_job_offer(change, **_fields(told)),
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
        lambda change, told: job_search.log_search_week(change, **_fields(told)),
    ),
    "document.scanned": (
        DocumentScanned, frozenset({"scanner"}),
        lambda change, told: documents.scanned(change, told.blob, told.etag or "", told.result),
    ),
}  # fmt: skip
"""Every kind of event: its form, the kinds of partner that may send it, and what it does to the case."""


NAMES_CASE = re.compile(r"[a-z2-7]{26}(?=\Z|[/-])", re.ASCII)


def check_binding(partner: Partner, change: Change) -> None:
    """Raise `Forbidden` where a partner speaks about a case of a programme that it is not bound to."""
    if partner.programmes and change.programme.id not in partner.programmes:
        raise Forbidden("not-bound")


LATEST: dict[str, Callable[[Any], str]] = {
    "assessment.completed": lambda told: f"attempt:{told.attempt_id}",
    "offer.answered": lambda told: f"offer:{told.offer_id}",
    "search.logged": lambda told: f"week:{told.monday}",
}
"""What later words about the same thing replace: the one that was spoken last stands, in whatever order they come."""


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


def case_named_by(body: dict[str, Any]) -> str | None:
    """The case that an event speaks about, if it can be read."""
    kind = KINDS.get(str(body.get("type")))
    try:
        return case_of(kind[0].model_validate(body.get("data"))) if kind is not None else None
    except (ValidationError, ValueError):
        return None


def case_written_in(body: dict[str, Any] | None) -> str | None:
    """The case that a body names where an event would, whatever else is wrong with it: what it says of somebody is
    found by it."""
    said = body.get("data") if body is not None else None
    for name in ("case_id", "blob", "reference"):
        found = NAMES_CASE.match(str(said.get(name))) if isinstance(said, dict) else None
        if found is not None:
            return found[0]
    return None


def case_of(told: Any) -> str | None:
    """The case that an event is about; None for a position of the catalogue."""
    if isinstance(told, positions.PositionPublished | positions.PositionClosed):
        return None
    if isinstance(told, DocumentScanned):
        return told.blob.split("/")[0]
    if isinstance(told, PaymentRefunded | PaymentRefundFailed):
        return told.reference.split("-")[0]
    return str(told.case_id)

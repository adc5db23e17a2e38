"""What specialists and admissions do with an application."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions.acts import Act, register
from shared.domain.wire import Code, Day, Form, LastingId, Note, StaffId
from shared.use_cases import screening

bp = func.Blueprint()


class Assignment(Form):
    """Which specialist takes the case: `tenant/object` id."""

    specialist: StaffId


class ScreeningEvent(Form):
    """What happened in screening."""

    kind: Literal["contacted", "call_held", "degree_verified", "degree_doubted", "note"]
    note: Note | None = None


class Recommendation(Form):
    """How screening ends: on to the tests, or advice against."""

    outcome: Literal["assess", "advise_against"]
    note: Note | None = None


class AssessmentResult(Form):
    """A test or an interview. `assessment_id` is the assessor's own id for this attempt."""

    assessment_id: LastingId
    kind: Code
    outcome: Literal["passed", "failed", "retake"]
    score: Annotated[int, Field(ge=0, le=1000)] | None = None
    accommodation_open: bool = False
    took_place_on: Day | None = None
    note: Note | None = None


class OfferCondition(Form):
    """What must still come true, and until when."""

    kind: Code
    due_on: Day


class AdmissionDecision(Form):
    """Offer, waiting list or rejection."""

    outcome: Literal["offer", "waitlist", "reject"]
    conditions: Annotated[list[OfferCondition], Field(max_length=10)] | None = None
    reasons: Annotated[list[Code], Field(max_length=10)] | None = None
    answer_by: Day | None = None
    note: Note | None = None


class OfferWithdrawal(Form):
    """Why an offer goes back."""

    reasons: Annotated[list[Code], Field(min_length=1, max_length=10)]
    note: Note | None = None


class ConditionRuling(Form):
    """What became of a condition."""

    outcome: Literal["met", "not_met", "extended"]
    due_on: Day | None = None
    note: Note | None = None


class Reopening(Form):
    """Why a closed application is opened again."""

    reason: Code
    note: Note | None = None


ACTS = (
    Act("assignment", Assignment, screening.assign),
    Act("screening-events", ScreeningEvent, screening.record_screening),
    Act("recommendation", Recommendation, screening.recommend),
    Act("assessments", AssessmentResult, screening.record_assessment),
    Act("admission-decision", AdmissionDecision, screening.decide_admission),
    Act("offer-withdrawal", OfferWithdrawal, screening.withdraw_offer),
    Act("conditions/{condition_id}", ConditionRuling, screening.rule_condition),
    Act("reopening", Reopening, screening.reopen),
)
register(bp, ACTS)

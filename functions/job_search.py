"""The graduate's search for a job."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from functions.acts import Act, register
from shared.domain.wire import Code, Day, Form, Line, Note, OfferOutcome
from shared.use_cases import job_search

bp = func.Blueprint()

VALUES = {
    "right_to_work": ("yes", "no", "unknown"),
    "further_study": ("yes", "no"),
    "self_employment_attested": ("yes", "no", "unknown"),
    "consent": ("yes", "no"),
    "intent": ("job", "stay", "enrich", "study"),
}


class Declaration(Form):
    """A fact that only the person knows. `intent` is job, stay, enrich or study; the others yes, no, unknown."""

    fact: Literal["right_to_work", "further_study", "self_employment_attested", "consent", "intent"]
    value: Literal["yes", "no", "unknown", "job", "stay", "enrich", "study"]
    placement: Code | None = None

    @model_validator(mode="after")
    def _fits(self) -> Declaration:
        if self.value not in VALUES[self.fact]:
            raise PydanticCustomError("value", "this fact has other values")
        return self


class PauseRequest(Form):
    """The days in which the window should stand still, both included; no last day: not known yet."""

    first_day: Day
    last_day: Day | None = None
    kind: Literal["illness", "parental", "care", "service", "other"] = "other"


class PauseRuling(Form):
    """A pause approved, rejected or revoked."""

    pause_id: Code
    outcome: Literal["approved", "rejected", "revoked"]
    reason: Code | None = None
    note: Note | None = None


class PauseEnd(Form):
    """The last day of a pause."""

    pause_id: Code
    last_day: Day


class Exemption(Form):
    """Written advice to do something else than apply in these days; the note is the advice."""

    first_day: Day
    last_day: Day
    note: Note


class SearchWeek(Form):
    """How many applications were sent in the week that begins on this Monday."""

    monday: Day
    applications: Annotated[int, Field(ge=0, le=500)]
    documents: Annotated[list[Code], Field(max_length=10)] | None = None
    note: Note | None = None


class JobOffer(Form):
    """An employer made an offer."""

    offered_on: Day
    employer: Line | None = None


class JobOfferAnswer(Form):
    """What became of the offer."""

    outcome: OfferOutcome


class JobOfferRuling(Form):
    """Whether the offer would have counted; and what became of it, which must be said where people differ about it."""

    qualifying: Literal["yes", "no"]
    outcome: OfferOutcome | None = None
    note: Note | None = None


class Waiver(Form):
    """A criterion set aside, with a reason."""

    criterion: Code
    reason: Code
    note: Note | None = None


ACTS = (
    Act("declarations", Declaration, job_search.declare),
    Act("pause-requests", PauseRequest, job_search.request_pause),
    Act("pause-ruling", PauseRuling, job_search.rule_pause),
    Act("pause-end", PauseEnd, job_search.end_pause),
    Act("exemption", Exemption, job_search.exempt_weeks),
    Act("search-weeks", SearchWeek, job_search.log_search_week),
    Act("offers", JobOffer, job_search.report_offer),
    Act("offers/{offer_id}/answer", JobOfferAnswer, job_search.answer_job_offer),
    Act("offers/{offer_id}/ruling", JobOfferRuling, job_search.rule_offer),
    Act("waivers", Waiver, job_search.waive),
)
register(bp, ACTS)

"""The search for a job and the reports of jobs found."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from functions import access
from functions.acts import Act, register
from functions.http import answers_problems, json_body, ok
from shared import bootstrap
from shared.domain.wire import Amount, Code, ContractKind, Day, Email, EndReason, Form, Line, Note
from shared.use_cases import confirmations, placements

bp = func.Blueprint()

Hours = Annotated[int, Field(ge=0, le=168)]


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
    kind: Code = "other"


class PauseRuling(Form):
    """A pause approved, rejected or revoked."""

    pause_id: Code
    outcome: Literal["approved", "rejected", "revoked"]
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

    outcome: Literal["accepted", "declined", "lapsed"]


class JobOfferRuling(Form):
    """Whether the offer would have counted."""

    qualifying: Literal["yes", "no"]
    note: Note | None = None


class JobFacts(Form):
    """What is said, or what the evidence shows, about a job. `base_pay` is a year's, without bonus or equity."""

    contract: ContractKind | None = None
    field: Literal["in", "out", "unknown"] | None = None
    employer: Literal["external", "programme"] | None = None
    hours: Hours | None = None
    base_pay: Amount | None = None
    contract_signed_on: Day | None = None
    offered_on: Day | None = None
    starts_on: Day | None = None
    fixed_end: Day | None = None


class SettledJob(JobFacts):
    """What the evidence shows, the end included."""

    ended_on: Day | None = None
    end_reason: EndReason | None = None


class PlacementReport(JobFacts):
    """The person says that they have a job."""

    contract: ContractKind
    renews: Code | None = None
    employer_name: Line | None = None


class PlacementCorrection(JobFacts):
    """What is otherwise than the person reported."""


class PlacementEvidence(Form):
    """Documents that support a report."""

    documents: Annotated[list[Code], Field(min_length=1, max_length=10)]


class ConfirmationRequest(Form):
    """The employer's contact who can confirm a report."""

    email: Email


class ConfirmedFacts(Form):
    """What is otherwise than was reported."""

    contract: ContractKind | None = None
    hours: Hours | None = None
    contract_signed_on: Day | None = None
    starts_on: Day | None = None
    fixed_end: Day | None = None
    ended_on: Day | None = None
    end_reason: EndReason | None = None


class Confirmation(Form):
    """An employer's answer about the version of a report that they saw: so it is, it differs, there is no such job."""

    answer: Literal["confirm", "differs", "deny"]
    version: Annotated[str, Field(pattern=r"^[0-9a-f]{32}\z")]
    facts: ConfirmedFacts | None = None

    @model_validator(mode="after")
    def _fits(self) -> Confirmation:
        if (self.answer == "differs") != (self.facts is not None):
            raise PydanticCustomError("facts", "facts are stated where, and only where, something differs")
        return self


class PlacementMatch(Form):
    """The report whose job this one is about; none: a job of its own."""

    same_as: Code | None = None
    note: Note | None = None


class PlacementEnd(Form):
    """A job ended; `retracted` if there never was one."""

    ended_on: Day
    end_reason: EndReason | None = None
    retracted: bool = False


class PlacementVerification(Form):
    """A careers officer settles a report, with the facts as the evidence shows them."""

    outcome: Literal["verified", "disputed", "retracted"]
    facts: SettledJob | None = None
    still_held: bool = False
    documents: Annotated[list[Code], Field(max_length=10)] | None = None
    reason: Literal["wrong_person", "never_true"] | None = None
    note: Note | None = None


class Waiver(Form):
    """A criterion set aside, with a reason."""

    criterion: Code
    reason: Code
    note: Note | None = None


ACTS = (
    Act("declarations", Declaration, placements.declare),
    Act("pause-requests", PauseRequest, placements.request_pause),
    Act("pause-ruling", PauseRuling, placements.rule_pause),
    Act("pause-end", PauseEnd, placements.end_pause),
    Act("exemption", Exemption, placements.exempt_weeks),
    Act("search-weeks", SearchWeek, placements.log_search_week),
    Act("offers", JobOffer, placements.report_offer),
    Act("offers/{offer_id}/answer", JobOfferAnswer, placements.answer_job_offer),
    Act("offers/{offer_id}/ruling", JobOfferRuling, placements.rule_offer),
    Act("placements", PlacementReport, placements.report_placement),
    Act("placements/{placement}/correction", PlacementCorrection, placements.correct_placement),
    Act("placements/{placement}/confirmation-requests", ConfirmationRequest, confirmations.request_confirmation),
    Act("placements/{placement}/evidence", PlacementEvidence, placements.add_evidence),
    Act("placements/{placement}/job", PlacementMatch, placements.match_placement),
    Act("placements/{placement}/end", PlacementEnd, placements.end_placement),
    Act("placements/{placement}/verification", PlacementVerification, placements.rule_placement),
    Act("waivers", Waiver, placements.waive),
)
register(bp, ACTS)


@bp.route(route="confirmation", methods=["GET"])
@answers_problems("confirmation")
async def get_confirmation(req: func.HttpRequest) -> func.HttpResponse:
    """What an employer is asked to confirm. Looking changes nothing, so that a mail scanner may look too."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET confirmation", now)
    return ok(await confirmations.shown(services, str(caller.case_id), caller.placement))


@bp.route(route="confirmation", methods=["POST"])
@answers_problems("confirmation")
async def post_confirmation(req: func.HttpRequest) -> func.HttpResponse:
    """The employer's answer, once."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST confirmation", now)
    said = json_body(req, Confirmation).model_dump(mode="json", exclude_none=True)
    await confirmations.answer(services, str(caller.case_id), caller.placement, caller.link_id, now, said)
    return ok({"status": "received"})

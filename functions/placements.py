"""Reports of jobs found, and what an employer confirms."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from functions import access
from functions.acts import Act, register
from functions.bodies import json_body
from functions.http import answers_problems, ok
from shared import bootstrap
from shared.domain.wire import Amount, Code, ContractKind, Day, Email, Employer, EndReason, Form, JobField, Line, Note
from shared.use_cases import confirmations, placements

bp = func.Blueprint()

Hours = Annotated[int, Field(ge=0, le=168)]


class JobFacts(Form):
    """What is said, or what the evidence shows, about a job. `base_pay` is a year's, without bonus or equity."""

    contract: ContractKind | None = None
    field: JobField | None = None
    employer: Employer | None = None
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
        stated = self.facts.model_dump(exclude_none=True) if self.facts is not None else None
        if not stated if self.answer == "differs" else stated is not None:
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


ACTS = (
    Act("placements", PlacementReport, placements.report_placement),
    Act("placements/{placement}/correction", PlacementCorrection, placements.correct_placement),
    Act("placements/{placement}/confirmation-requests", ConfirmationRequest, confirmations.request_confirmation),
    Act("placements/{placement}/evidence", PlacementEvidence, placements.add_evidence),
    Act("placements/{placement}/job", PlacementMatch, placements.match_placement),
    Act("placements/{placement}/end", PlacementEnd, placements.end_placement),
    Act("placements/{placement}/verification", PlacementVerification, placements.rule_placement),
)
register(bp, ACTS)


@bp.route(route="confirmation", methods=["GET"])
@answers_problems("confirmation")
async def get_confirmation(req: func.HttpRequest) -> func.HttpResponse:
    """What an employer is asked to confirm. Looking changes nothing, so that a mail scanner may look too."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET confirmation", now)
    return ok(await confirmations.shown(services, str(caller.case_id), caller.placement, caller.contact))


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

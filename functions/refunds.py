"""What the guarantee says, and the way from a claim to money and to the appeal."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from functions import access
from functions.acts import Act, Nothing, register
from functions.bodies import parse, path_id
from functions.http import answers_problems, ok
from shared import bootstrap
from shared.domain.wire import Code, Day, Form, Iban, Line, Note, Text
from shared.use_cases import payments, refunds, search, views
from shared.use_cases.commands import events_of, load
from shared.use_cases.guarantee import as_known, end_of_day

bp = func.Blueprint()


class GuaranteeQuestion(Form):
    """As of the end of which day, and with what was on record at the end of which; the second alone stands for both.

    And in which language; unless said, in the one that the person chose."""

    on: Day | None = None
    known_on: Day | None = None
    language: Literal["en", "fr"] | None = None


class Payee(Form):
    """Where the money is to go: an IBAN, or a US routing and account number."""

    account_holder: Line
    iban: Iban | None = None
    routing_number: Annotated[str, Field(pattern=r"^[0-9]{9}\z")] | None = None
    account_number: Annotated[str, Field(pattern=r"^[0-9]{4,17}\z")] | None = None

    @model_validator(mode="after")
    def _one_account(self) -> Payee:
        if (self.iban is None) == (self.account_number is None):
            raise PydanticCustomError("one_account", "either an IBAN or an account number")
        if (self.routing_number is None) != (self.account_number is None):
            raise PydanticCustomError("one_account", "a routing number goes with an account number")
        return self


class Signature(Form):
    """Sign a proposal, or return it."""

    outcome: Literal["sign", "return"]
    reason: Code | None = None
    note: Note | None = None


class Appeal(Form):
    """Which refund was wrongly decided, and why, in the person's own words."""

    refund: Code
    reason: Text


class AppealDecision(Form):
    """What another person decides."""

    outcome: Literal["uphold", "overturn"]
    reason: Code
    note: Note | None = None


class Release(Form):
    """Why a stopped refund may go on."""

    reason: Code
    note: Note | None = None


class RecoveryOutcome(Form):
    """What became of a recovery."""

    outcome: Literal["recovered", "waived"]
    reason: Code
    note: Note | None = None


ACTS = (
    Act("claims", Nothing, refunds.file_claim),
    Act("claims/{claim}/withdrawal", Nothing, refunds.withdraw_claim),
    Act("payee", Payee, payments.name_payee),
    Act("appeals", Appeal, refunds.appeal),
    Act("proposals/{proposal}/signature", Signature, refunds.sign),
    Act("refunds/{refund}/payment", Nothing, payments.pay),
    Act("refunds/{refund}/release", Release, payments.release),
    Act("appeals/{appeal}/decision", AppealDecision, refunds.decide_appeal),
    Act("recovery/{recovery}/outcome", RecoveryOutcome, refunds.close_recovery),
)
register(bp, ACTS)


@bp.route(route="cases/{case_id}/guarantee", methods=["GET"])
@answers_problems("cases/{case_id}/guarantee")
async def get_guarantee(req: func.HttpRequest) -> func.HttpResponse:
    """What the guarantee says, clause by clause: today, or as it was on a day, or as it was known on a day."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}/guarantee", now)
    case_id = path_id(req, "case_id")
    caller.may_see(case_id)
    asked = parse(GuaranteeQuestion, dict(req.params))
    case, etag = await load(services, case_id, caller.actor)
    if caller.is_staff:
        await search.note_read(services, case_id, "refund", caller.actor, now)
    seen, at = case, now
    if asked.known_on is not None:
        at = end_of_day(case, asked.known_on, "/known_on", now)
        seen = as_known(await events_of(services, case_id), case, at)
    if asked.on is not None:
        at = end_of_day(case, asked.on, "/on", now)
    told = views.guarantee(seen, services.programmes[case.programme], services.terms, at, asked.language)
    if asked.known_on is not None:
        told["known_on"] = asked.known_on.isoformat()
    return ok(told, headers={"ETag": etag})

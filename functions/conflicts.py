"""The register of conflicts: who is too close to a person to see or do anything in their case."""

from __future__ import annotations

from typing import Literal

import azure.functions as func

from functions import access
from functions.acts import Act, register
from functions.bodies import json_body, path_id
from functions.http import answers_problems, created
from shared import bootstrap
from shared.domain.wire import Code, Form, Note, StaffId
from shared.use_cases import conflicts
from shared.use_cases.commands import perform

bp = func.Blueprint()


class Conflict(Form):
    """How a member of staff (`tenant/object`; oneself, if nobody is named) is close to the person of the case."""

    relation: Literal["oneself", "relative", "friend", "employer", "referrer", "other"]
    staff: StaffId | None = None
    note: Note | None = None


class Lifting(Form):
    """Why there is no conflict after all."""

    reason: Code
    note: Note | None = None


ACTS = (Act("conflicts/{conflict}/lifting", Lifting, conflicts.lift),)
register(bp, ACTS)


@bp.route(route="cases/{case_id}/conflicts", methods=["POST"])
@answers_problems("cases/{case_id}/conflicts")
async def post_conflicts(req: func.HttpRequest) -> func.HttpResponse:
    """Declare a conflict. Whoever does need not have looked at the case, and is shown nothing of it."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST cases/{case_id}/conflicts", now)
    case_id = path_id(req, "case_id")
    body = json_body(req, Conflict)
    stated = {name: getattr(body, name) for name in Conflict.model_fields}
    await perform(services, case_id, caller.actor, now, lambda change: conflicts.declare(change, **stated))
    return created({"status": "declared"})

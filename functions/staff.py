"""Taking access away, and naming who stands in for whom."""

from __future__ import annotations

from typing import Literal

import azure.functions as func

from functions import access
from functions.bodies import json_body
from functions.http import answers_problems, created, ok
from shared import bootstrap
from shared.domain.wire import CaseId, Day, Form, StaffId
from shared.use_cases import deputies, links
from shared.use_cases.commands import load

bp = func.Blueprint()


class LinkRevocation(Form):
    """Every link to this case ends now."""

    case_id: CaseId


class StaffRevocation(Form):
    """This member of staff (`tenant/object`) is let in no more, whatever their token says."""

    staff: StaffId


class Deputy(Form):
    """`staff` holds `role` for `absent`, from one day to another, both included."""

    staff: StaffId
    role: Literal["specialist", "admissions", "careers", "finance"]
    absent: StaffId
    from_on: Day
    until_on: Day


@bp.route(route="deputies", methods=["POST"])
@answers_problems("deputies")
async def post_deputies(req: func.HttpRequest) -> func.HttpResponse:
    """Name who stands in for somebody absent. Four eyes are kept by person, so this waives nothing."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST deputies", now)
    named = json_body(req, Deputy)
    await deputies.name_deputy(services, **named.model_dump(), by=caller.actor, today=now.date())
    return created({"status": "named"})


@bp.route(route="deputies", methods=["GET"])
@answers_problems("deputies")
async def get_deputies(req: func.HttpRequest) -> func.HttpResponse:
    """Who was named to stand in for whom."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET deputies", bootstrap.clock())
    return ok({"deputies": await deputies.deputies(services)})


@bp.route(route="link-revocations", methods=["POST"])
@answers_problems("link-revocations")
async def post_link_revocations(req: func.HttpRequest) -> func.HttpResponse:
    """End every link to a case."""
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST link-revocations", bootstrap.clock())
    order = json_body(req, LinkRevocation)
    caller.may_see(order.case_id)
    await load(services, order.case_id, caller.actor)
    return ok({"revoked": await links.revoke_links(services, order.case_id)})


@bp.route(route="staff-revocations", methods=["POST"])
@answers_problems("staff-revocations")
async def post_staff_revocations(req: func.HttpRequest) -> func.HttpResponse:
    """Let a member of staff in no more, at once."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST staff-revocations", now)
    order = json_body(req, StaffRevocation)
    await links.revoke_staff(services, order.staff, caller.actor, now)
    return ok({"status": "revoked"})

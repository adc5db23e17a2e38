"""Taking access away, and naming who stands in for whom."""

from __future__ import annotations

import azure.functions as func

from functions import access
from functions.http import answers_problems, json_body, ok
from shared import bootstrap
from shared.domain.wire import CaseId, Form, StaffId
from shared.use_cases import links

bp = func.Blueprint()


class LinkRevocation(Form):
    """Every link to this case ends now."""

    case_id: CaseId


class StaffRevocation(Form):
    """This member of staff (`tenant/object`) is let in no more, whatever their token says."""

    staff: StaffId


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

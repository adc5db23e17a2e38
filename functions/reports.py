"""Audits on demand, and what they found."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import azure.functions as func

from functions import access
from functions.http import answers_problems, created, json_body, ok, path_id
from shared import bootstrap
from shared.domain.wire import CaseId, Day, Form, StaffId
from shared.use_cases import audits, links
from shared.use_cases.commands import load

bp = func.Blueprint()


class AuditOrder(Form):
    """What to examine: one case, or every guarantee. `on` asks how things stood on a day."""

    case_id: CaseId | None = None
    on: Day | None = None


class LinkRevocation(Form):
    """Every link to this case ends now."""

    case_id: CaseId


class StaffRevocation(Form):
    """This member of staff (`tenant/object`) is let in no more, whatever their token says."""

    staff: StaffId


@bp.route(route="audits", methods=["POST"])
@answers_problems("audits")
async def post_audits(req: func.HttpRequest) -> func.HttpResponse:
    """Run an audit now and answer with its summary."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST audits", now)
    order = json_body(req, AuditOrder)
    if order.case_id is not None:
        caller.may_see(order.case_id)
        with contextlib.suppress(ValueError):  # What cannot be read is the audit's to report.
            await load(services, order.case_id, caller.actor)
    asked = datetime(order.on.year, order.on.month, order.on.day, 12, tzinfo=UTC) if order.on else now
    run = await audits.examine(services, now, asked, order.case_id)
    return created(run)


@bp.route(route="audits", methods=["GET"])
@answers_problems("audits")
async def get_audits(req: func.HttpRequest) -> func.HttpResponse:
    """The last runs, newest first."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET audits", bootstrap.clock())
    return ok({"audits": await audits.runs(services)})


@bp.route(route="audits/{run}", methods=["GET"])
@answers_problems("audits/{run}")
async def get_audit(req: func.HttpRequest) -> func.HttpResponse:
    """One run with its findings."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET audits/{run}", bootstrap.clock())
    return ok(await audits.run_of(services, path_id(req, "run")))


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

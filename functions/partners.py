"""Partners as staff see them: how each stands, what was put aside, and one more try."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions import access
from functions.bodies import json_body, parse, path_id
from functions.http import answers_problems, ok
from shared import bootstrap
from shared.domain.wire import Code, Form
from shared.partners import put_aside

bp = func.Blueprint()


class EventsQuestion(Form):
    """Which events, and after which instant; the `received_at` of the last one asks for the next page."""

    status: Literal["received", "waiting", "dead_letter", "quarantined"] = "dead_letter"
    after: Annotated[str, Field(max_length=40, pattern=r"^[0-9TZ:.+-]*\z")] = ""


class Settlement(Form):
    """Why this event is tried once more, or is never to be applied."""

    reason: Code


@bp.route(route="partners", methods=["GET"])
@answers_problems("partners")
async def get_partners(req: func.HttpRequest) -> func.HttpResponse:
    """How each partner stands."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    await access.admit(req, services, "GET partners", now)
    return ok({"partners": await put_aside.standing(services, now)})


@bp.route(route="partner-events", methods=["GET"])
@answers_problems("partner-events")
async def get_partner_events(req: func.HttpRequest) -> func.HttpResponse:
    """What partners sent and was put aside, oldest first: what it is about, not what it says."""
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET partner-events", bootstrap.clock())
    asked = parse(EventsQuestion, dict(req.params))
    return ok({"events": await put_aside.events(services, asked.status, asked.after, caller.is_kept_from)})


@bp.route(route="partner-events/{event}/replay", methods=["POST"])
@answers_problems("partner-events/{event}/replay")
async def post_partner_events_replay(req: func.HttpRequest) -> func.HttpResponse:
    """Have an event tried once more. Doing so again changes nothing more."""
    return await _settled(req, "POST partner-events/{event}/replay", put_aside.replay)


@bp.route(route="partner-events/{event}/dismissal", methods=["POST"])
@answers_problems("partner-events/{event}/dismissal")
async def post_partner_events_dismissal(req: func.HttpRequest) -> func.HttpResponse:
    """Close an event that was put aside and is never to be applied, with a reason."""
    return await _settled(req, "POST partner-events/{event}/dismissal", put_aside.dismiss)


async def _settled(req: func.HttpRequest, route: str, settle: Callable[..., Awaitable[str]]) -> func.HttpResponse:
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, route, now)
    event_id = path_id(req, "event")
    body = json_body(req, Settlement)
    caller.may_see(await put_aside.case_of(services, event_id) or "")
    return ok({"status": await settle(services, event_id, caller.actor, now, body.reason)})

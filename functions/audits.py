"""Audits: on demand, what they found, and the sample of decided claims that people look at again."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import azure.functions as func
from pydantic import Field

from functions import access
from functions.bodies import json_body, path_id
from functions.http import SAFE_HEADERS, accepted, answers_problems, created, ok
from shared import bootstrap
from shared.audit import anchors, orders, report, samples
from shared.domain.errors import NotFound
from shared.domain.wire import CaseId, Code, Day, Form
from shared.presentation.frame import policy
from shared.use_cases.commands import load

bp = func.Blueprint()

REQUEST_SECONDS = 60
"""How long a request works on a run before it answers; the timer goes on with it."""
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


class AuditOrder(Form):
    """What to examine: one case, or all of them. `on` asks how things stood at noon (UTC) of a day."""

    case_id: CaseId | None = None
    on: Day | None = None


class SampleReview(Form):
    """What a person thinks of one drawn decision."""

    case_id: CaseId
    sequence: Annotated[int, Field(ge=1, le=999_999)]
    outcome: Literal["agree", "disagree"]
    reason: Code


@bp.route(route="audits", methods=["POST"])
@answers_problems("audits")
async def post_audits(req: func.HttpRequest) -> func.HttpResponse:
    """Start an audit and answer with what it found, or, where that takes long, with where to see how far it is."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST audits", now)
    order = json_body(req, AuditOrder)
    if order.case_id is not None:
        caller.may_see(order.case_id)
        with contextlib.suppress(ValueError):  # What cannot be read is the audit's to report.
            await load(services, order.case_id, caller.actor)
    asked = datetime(order.on.year, order.on.month, order.on.day, 12, tzinfo=UTC) if order.on else now
    until = time.monotonic() + REQUEST_SECONDS
    told = await orders.ordered(services, now, min(asked, now), order.case_id, lambda: time.monotonic() < until)
    return created(told) if told["status"] == "ended" else accepted(told)


@bp.route(route="audits", methods=["GET"])
@answers_problems("audits")
async def get_audits(req: func.HttpRequest) -> func.HttpResponse:
    """The last runs, newest first."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET audits", bootstrap.clock())
    return ok({"audits": await orders.last(services)})


@bp.route(route="audits/{run}", methods=["GET"])
@answers_problems("audits/{run}")
async def get_audit(req: func.HttpRequest) -> func.HttpResponse:
    """One run: how far it is, or what it found."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET audits/{run}", bootstrap.clock())
    return ok(await orders.told(services, path_id(req, "run")))


@bp.route(route="audits/{run}/files/{name}", methods=["GET"])
@answers_problems("audits/{run}/files/{name}")
async def get_audit_file(req: func.HttpRequest) -> func.HttpResponse:
    """A file of a run: findings.json, findings.csv, report.en.html or report.fr.html."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET audits/{run}/files/{name}", bootstrap.clock())
    run, name = path_id(req, "run"), req.route_params.get("name", "")
    if name not in report.FILES:
        raise NotFound(name)
    content = await services.blobs.get(services.blobs.audits, report.blob_of(run, name))
    shown = "inline" if name.endswith(".html") else "attachment"
    headers = SAFE_HEADERS | {
        "Content-Disposition": f'{shown}; filename="{run}-{name}"',
        "Content-Security-Policy": policy(),
    }
    return func.HttpResponse(content, mimetype=report.FILES[name], charset="utf-8", headers=headers)


@bp.route(route="cases/{case_id}/anchors", methods=["GET"])
@answers_problems("cases/{case_id}/anchors")
async def get_anchors(req: func.HttpRequest) -> func.HttpResponse:
    """The anchored heads of a case's chain, to verify its events against (tools/verify_chain.py)."""
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}/anchors", bootstrap.clock())
    case_id = path_id(req, "case_id")
    await load(services, case_id, caller.actor)
    return ok({"anchors": await anchors.listed(services, case_id)})


@bp.route(route="audit-samples", methods=["GET"])
@answers_problems("audit-samples")
async def get_audit_samples(req: func.HttpRequest) -> func.HttpResponse:
    """The samples drawn so far, newest first."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET audit-samples", bootstrap.clock())
    return ok({"samples": await samples.samples(services)})


@bp.route(route="audit-samples/{month}", methods=["GET"])
@answers_problems("audit-samples/{month}")
async def get_audit_sample(req: func.HttpRequest) -> func.HttpResponse:
    """One month's sample with list and seed, so that anybody can draw it again (tools/draw_sample.py)."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET audit-samples/{month}", bootstrap.clock())
    return ok(await samples.sample_of(services, _month(req)))


@bp.route(route="audit-samples/{month}/reviews", methods=["POST"])
@answers_problems("audit-samples/{month}/reviews")
async def post_audit_samples_reviews(req: func.HttpRequest) -> func.HttpResponse:
    """Say of one drawn decision whether one agrees with it."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST audit-samples/{month}/reviews", now)
    said = json_body(req, SampleReview)
    arguments: dict[str, Any] = said.model_dump()
    await samples.review(services, _month(req), **arguments, by=caller.actor, now=now)
    return created({"status": "kept"})


def _month(req: func.HttpRequest) -> str:
    month: str = req.route_params.get("month", "")
    if not MONTH.fullmatch(month):
        raise NotFound("month")
    return month

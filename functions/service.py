"""The service itself: is it alive, is it ready, and what does its interface look like."""

from __future__ import annotations

import json

import azure.functions as func

from functions import access
from functions.http import SAFE_HEADERS, answers_problems, ok
from shared import bootstrap

bp = func.Blueprint()


@bp.route(route="health/live", methods=["GET"])
@answers_problems("health/live")
async def get_health_live(req: func.HttpRequest) -> func.HttpResponse:
    """The process answers, and says which version it is. Asks nothing of anybody."""
    return ok({"status": "alive", "version": bootstrap.version()})


@bp.route(route="health/ready", methods=["GET"])
@answers_problems("health/ready")
async def get_health_ready(req: func.HttpRequest) -> func.HttpResponse:
    """The store answers. For staff, because it costs a read."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET health/ready", bootstrap.clock())
    await services.store.read("cases", "case", "nobody")
    return ok({"status": "ready"})


@bp.route(route="openapi.json", methods=["GET"])
@answers_problems("openapi.json")
async def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The interface as OpenAPI 3.1, made from the same tables and forms."""
    from functions.openapi import document

    await access.admit(req, await bootstrap.services(), "GET openapi.json", bootstrap.clock())
    return func.HttpResponse(
        json.dumps(document(), ensure_ascii=False), mimetype="application/json", headers=SAFE_HEADERS
    )

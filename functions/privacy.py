"""What a person may ask about their data, what staff order about it, and who has looked."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions import access
from functions.acts import Act, register
from functions.bodies import parse, path_id
from functions.http import SAFE_HEADERS, answers_problems, ok
from shared import bootstrap
from shared.domain.wire import Code, Form, Note
from shared.use_cases import export, privacy, search
from shared.use_cases.commands import load

bp = func.Blueprint()


class DataRequest(Form):
    """A copy of everything, or erasure."""

    kind: Literal["export", "erasure"]


class DataRuling(Form):
    """Grant or refuse what was asked, and why."""

    outcome: Literal["granted", "refused"]
    reason: Code
    note: Note | None = None


class Hold(Form):
    """Why nothing of this case may be erased, or why it may again."""

    reason: Code
    note: Note | None = None


ACTS = (
    Act("data-requests", DataRequest, privacy.request_data),
    Act("data-requests/{request}/ruling", DataRuling, privacy.rule_request),
    Act("holds", Hold, privacy.place_hold),
    Act("holds/{hold}/release", Hold, privacy.release_hold),
)
register(bp, ACTS)


@bp.route(route="cases/{case_id}/export", methods=["GET"])
@answers_problems("cases/{case_id}/export")
async def get_export(req: func.HttpRequest) -> func.HttpResponse:
    """Everything about a person as a zip, once a request for it was granted; every fetch is noted."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}/export", now)
    case_id = path_id(req, "case_id")
    caller.may_see(case_id)
    case, _ = await load(services, case_id, caller.actor)
    content = await export.everything_about(services, case, now, for_staff=caller.is_staff)
    await search.note_read(services, case_id, "export", caller.actor, now)
    headers = SAFE_HEADERS | {
        "Content-Disposition": f'attachment; filename="{case_id}.zip"',
        "Content-Security-Policy": "sandbox",
    }
    return func.HttpResponse(content, mimetype="application/zip", headers=headers)


class ReadsQuestion(Form):
    """From which instant on; the `at` of the last row asks for the next page."""

    after: Annotated[str, Field(max_length=40, pattern=r"^[0-9TZ:.+-]*\z")] = ""


@bp.route(route="cases/{case_id}/reads", methods=["GET"])
@answers_problems("cases/{case_id}/reads")
async def get_reads(req: func.HttpRequest) -> func.HttpResponse:
    """Who has read what of this person, oldest first."""
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}/reads", bootstrap.clock())
    case_id = path_id(req, "case_id")
    await load(services, case_id, caller.actor)
    asked = parse(ReadsQuestion, dict(req.params))
    return ok({"reads": await search.reads_of(services, case_id, asked.after)})

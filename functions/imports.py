"""Partners' lists of placements, imported by careers."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions import access
from functions.bodies import MULTIPART_BYTES_MAX, media_type, parse, path_id, raw_body, read_multipart
from functions.http import SAFE_HEADERS, answers_problems, created, ok  # fmt: skip
from shared import bootstrap
from shared.domain.errors import invalid
from shared.domain.wire import Form
from shared.partners import placement_lists

bp = func.Blueprint()


class ImportOrder(Form):
    """Whose list this is, and whether it is only tried."""

    partner: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}\z")]
    dry_run: Literal["yes", "no"]


@bp.route(route="placement-imports", methods=["POST"])
@answers_problems("placement-imports")
async def post_placement_imports(req: func.HttpRequest) -> func.HttpResponse:
    """Take a partner's list: multipart with `partner`, `dry_run` and `file` (CSV)."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST placement-imports", now)
    _, parameters = media_type(req, ("multipart/form-data",))
    fields, uploads = read_multipart(raw_body(req, MULTIPART_BYTES_MAX), parameters)
    order = parse(ImportOrder, dict(fields))
    if set(uploads) != {"file"}:
        raise invalid("/file", "missing" if not uploads else "unknown_file")
    content = uploads["file"][2]
    return created(
        await placement_lists.start(
            services, order.partner, content, order.dry_run == "yes", caller.actor, caller.own_cases, now
        )
    )


@bp.route(route="placement-imports/{import_id}/continuation", methods=["POST"])
@answers_problems("placement-imports/{import_id}/continuation")
async def post_placement_imports_continuation(req: func.HttpRequest) -> func.HttpResponse:
    """Go on with an import that is not done yet."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    await access.admit(req, services, "POST placement-imports/{import_id}/continuation", now)
    return ok(await placement_lists.go_on(services, path_id(req, "import_id"), now))


@bp.route(route="placement-imports/{import_id}", methods=["GET"])
@answers_problems("placement-imports/{import_id}")
async def get_placement_import(req: func.HttpRequest) -> func.HttpResponse:
    """How far an import has come."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET placement-imports/{import_id}", bootstrap.clock())
    return ok(await placement_lists.state(services, path_id(req, "import_id")))


@bp.route(route="placement-imports/{import_id}/result", methods=["GET"])
@answers_problems("placement-imports/{import_id}/result")
async def get_placement_import_result(req: func.HttpRequest) -> func.HttpResponse:
    """What became of each row, as CSV."""
    services = await bootstrap.services()
    await access.admit(req, services, "GET placement-imports/{import_id}/result", bootstrap.clock())
    content = await placement_lists.result(services, path_id(req, "import_id"))
    headers = SAFE_HEADERS | {"Content-Disposition": 'attachment; filename="result.csv"'}
    return func.HttpResponse(content, mimetype="text/csv", charset="utf-8", headers=headers)

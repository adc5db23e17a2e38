"""Outcomes, what open guarantees may cost, the way from application to outcome; as JSON, CSV, page or pack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date
from typing import Annotated, Any, Literal

import azure.functions as func
from pydantic import Field

from functions import access
from functions.bodies import json_body, parse, path_id
from functions.http import SAFE_HEADERS, answers_problems, created, ok
from shared import bootstrap
from shared.audit import books
from shared.domain.spreadsheet import as_csv
from shared.domain.wire import Day, Form
from shared.presentation import exports, frame, pages
from shared.reports import packs, reading
from shared.use_cases import search

bp = func.Blueprint()

Intake = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}\z")]
Language = Literal["en", "fr"]
PACK = "POST reports/outcomes/exports"
"""The row of the access table for whoever takes rows away, in whatever form."""
REPORTS = "reports"
"""Who took away what of many people is noted beside what was read of each: there, in the place of a case."""


class PackOrder(Form):
    """The intake, the yardstick (`id` or `id@version`) and the day of an auditor's pack."""

    intake: Intake
    yardstick: Annotated[str, Field(pattern=r"^[a-z]{1,20}(@[a-z0-9.]{1,10})?\z")] = "cirr"
    on: Day | None = None


class OutcomesQuestion(PackOrder):
    """Which intake, by which yardstick (`id` or `id@version`), as of which day, and in which form."""

    format: Literal["json", "csv", "html", "zip"] = "json"
    lang: Language = "en"


class PublishedQuestion(Form):
    """Which intake, and in which form."""

    intake: Intake
    format: Literal["json", "csv", "html"] = "json"
    lang: Language = "en"


class LiabilityQuestion(Form):
    """In which form."""

    format: Literal["json", "csv", "html"] = "json"
    lang: Language = "en"


class PaymentsQuestion(Form):
    """Of which month (the present one, unless said), and in which form."""

    month: Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])\z")] | None = None
    format: Literal["json", "csv"] = "json"


class FunnelQuestion(Form):
    """One intake or all, and in which form."""

    intake: Intake | None = None
    format: Literal["json", "csv", "html"] = "json"
    lang: Language = "en"


class TraceQuestion(Form):
    """The intake whose pack names the person."""

    intake: Intake


@bp.route(route="reports/outcomes", methods=["GET"])
@answers_problems("reports/outcomes")
async def get_outcomes(req: func.HttpRequest) -> func.HttpResponse:
    """Outcomes of an intake; `format=zip` is the auditor's pack, which goes into an auditor's hands only."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    is_pack = req.params.get("format") == "zip"
    caller = await access.admit(req, services, PACK if is_pack else "GET reports/outcomes", now)
    asked = parse(OutcomesQuestion, dict(req.params))
    if is_pack:
        await search.note_read(services, REPORTS, "pack", caller.actor, now, asked.intake)
        report, parts = await reading.pack_of(services, asked.intake, asked.yardstick, asked.on, now)
        return _file(b"".join(exports.pack(report, **parts)), "application/zip", f"outcomes-{asked.intake}.zip")
    report, _ = await reading.outcomes_of(services, asked.intake, asked.yardstick, asked.on, now)
    return _answer(report, asked.format, asked.lang, pages.outcomes_page, f"outcomes-{asked.intake}")


@bp.route(route="reports/outcomes/public", methods=["GET"])
@answers_problems("reports/outcomes/public")
async def get_outcomes_public(req: func.HttpRequest) -> func.HttpResponse:
    """What anybody may see: cohorts that are complete, no cell under five."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    await access.admit(req, services, "GET reports/outcomes/public", now)
    asked = parse(PublishedQuestion, dict(req.params))
    report = await reading.publication_of(services, asked.intake, now)
    return _answer(report, asked.format, asked.lang, pages.published_page, f"outcomes-{asked.intake}")


@bp.route(route="reports/outcomes/exports", methods=["POST"])
@answers_problems("reports/outcomes/exports")
async def post_outcomes_exports(req: func.HttpRequest) -> func.HttpResponse:
    """Write the auditor's pack to a file that can be fetched for two days: for an intake too large for one answer."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST reports/outcomes/exports", now)
    asked = json_body(req, PackOrder)
    report, parts = await reading.pack_of(services, asked.intake, asked.yardstick, asked.on, now)
    return created(await packs.keep(services, exports.pack(report, **parts), report["intake"], caller.actor))


@bp.route(route="reports/outcomes/exports/{export_id}", methods=["GET"])
@answers_problems("reports/outcomes/exports/{export_id}")
async def get_outcomes_export(req: func.HttpRequest) -> func.HttpResponse:
    """The pack that was written."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET reports/outcomes/exports/{export_id}", now)
    export_id = path_id(req, "export_id")
    content = await packs.fetch(services, export_id)
    await search.note_read(services, REPORTS, "pack", caller.actor, now, export_id)
    return _file(content, "application/zip", "outcomes.zip")


@bp.route(route="reports/outcomes/people/{person}", methods=["GET"])
@answers_problems("reports/outcomes/people/{person}")
async def get_outcomes_person(req: func.HttpRequest) -> func.HttpResponse:
    """The case behind a person of the auditor's pack."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET reports/outcomes/people/{person}", now)
    asked = parse(TraceQuestion, dict(req.params))
    case_id = await reading.case_behind(services, asked.intake, path_id(req, "person"))
    await search.note_read(services, case_id, "pseudonym", caller.actor, now)
    return ok({"case_id": case_id})


@bp.route(route="reports/refund-liability", methods=["GET"])
@answers_problems("reports/refund-liability")
async def get_refund_liability(req: func.HttpRequest) -> func.HttpResponse:
    """What open guarantees may cost."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    await access.admit(req, services, "GET reports/refund-liability", now)
    asked = parse(LiabilityQuestion, dict(req.params))
    report = await reading.liability_of(services, now)
    return _answer(report, asked.format, asked.lang, pages.liability_page, "refund-liability")


@bp.route(route="reports/payments", methods=["GET"])
@answers_problems("reports/payments")
async def get_payments(req: func.HttpRequest) -> func.HttpResponse:
    """Refund money line by line: what arrived in a month and, of the present one, what is on its way."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET reports/payments", now)
    asked = parse(PaymentsQuestion, dict(req.params))
    month = asked.month or f"{now.astimezone(UTC):%Y-%m}"
    await search.note_read(services, REPORTS, "payments", caller.actor, now, month)
    lines = await books.lines(services, date.fromisoformat(f"{month}-01"), now)
    if asked.format == "csv":
        table = as_csv(books.COLUMNS, ([line[name] for name in books.COLUMNS] for line in lines))
        return _file(table, "text/csv", f"payments-{month}.csv")
    return ok({"month": month, "payments": lines})


@bp.route(route="reports/funnel", methods=["GET"])
@answers_problems("reports/funnel")
async def get_funnel(req: func.HttpRequest) -> func.HttpResponse:
    """From application to outcome."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    await access.admit(req, services, "GET reports/funnel", now)
    asked = parse(FunnelQuestion, dict(req.params))
    report = await reading.funnel_of(services, asked.intake, now)
    return _answer(report, asked.format, asked.lang, pages.funnel_page, "funnel")


def _answer(
    report: dict[str, Any], form: str, language: str, page: Callable[[Mapping[str, Any], str], str], name: str
) -> func.HttpResponse:
    if form == "csv":
        return _file(exports.flat(report), "text/csv", f"{name}.csv")
    if form == "html":
        headers = SAFE_HEADERS | {"Content-Security-Policy": frame.policy(), "Content-Language": language}
        return func.HttpResponse(page(report, language), mimetype="text/html", charset="utf-8", headers=headers)
    return ok(report)


def _file(content: bytes, content_type: str, name: str) -> func.HttpResponse:
    headers = SAFE_HEADERS | {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "sandbox",
    }
    return func.HttpResponse(content, mimetype=content_type, headers=headers)

"""A case as its people see it, its documents, and how staff find the cases that wait for them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import azure.functions as func
from pydantic import Field

from functions import access, files
from functions.access import Caller
from functions.acts import do
from functions.bodies import MULTIPART_BYTES_MAX, json_body, media_type, parse, path_id, raw_body, read_multipart
from functions.http import SAFE_HEADERS, answers_problems, ok  # fmt: skip
from shared import bootstrap
from shared.domain.errors import invalid
from shared.domain.life_cycle import CASE_STAFF
from shared.domain.wire import CaseId, Code, Email, Form
from shared.use_cases import applications, documents, search, views
from shared.use_cases.commands import CASES, events_of, load

bp = func.Blueprint()


class CaseView(Form):
    """In which language the person is told; unless said, in the one they chose. Staff get facts, which have none."""

    language: Literal["en", "fr"] | None = None


class DocumentUpload(Form):
    """What kind of document this is."""

    kind: Literal[
        "certificate", "transcript", "identity", "contract", "payslip", "pause_evidence", "search_proof", "other"
    ]


@bp.route(route="cases/{case_id}", methods=["GET"])
@answers_problems("cases/{case_id}")
async def get_case(req: func.HttpRequest) -> func.HttpResponse:
    """The case: to its person in words with the timeline, to staff in facts with the person's particulars."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}", now)
    case_id = path_id(req, "case_id")
    caller.may_see(case_id)
    asked = parse(CaseView, {name: value for name, value in req.params.items() if name in CaseView.model_fields})
    case, etag = await load(services, case_id, caller.actor)
    if caller.is_staff:
        seen = views.for_staff(case)
        seen["person"] = await _person(services, caller, case_id)
        await search.note_read(services, case_id, "person" if seen["person"] else "case", caller.actor, now)
    else:
        programme = services.programmes[case.programme]
        seen = views.for_person(case, programme, services.terms, now, asked.language)
        seen["timeline"] = views.timeline(await events_of(services, case_id), seen["told_in"])
    return ok(seen, headers={"ETag": etag})


async def _person(services: Any, caller: Caller, case_id: str) -> dict[str, Any] | None:
    """What the person said about themselves; auditors work without it."""
    if not _sees_persons(caller):
        return None
    item = await services.store.read(CASES, "person", case_id)
    if item is None:
        return None
    return {name: value for name, value in item.items() if name in PERSON_FIELDS}


def _sees_persons(caller: Caller) -> bool:
    return bool(caller.roles & set(CASE_STAFF))


PERSON_FIELDS = frozenset(
    {"given_names", "family_names", "email", "phone", "language", "education", "motivation", "consents", "employers"}
)


@bp.route(route="cases/{case_id}/documents", methods=["POST"])
@answers_problems("cases/{case_id}/documents")
async def post_documents(req: func.HttpRequest) -> func.HttpResponse:
    """Keep a document of the person: multipart with `kind` and `file`."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    route = "POST cases/{case_id}/documents"
    caller = await access.admit(req, services, route, now)
    case_id = path_id(req, "case_id")
    caller.may_see(case_id)
    _, parameters = media_type(req, ("multipart/form-data",))
    fields, uploads = read_multipart(raw_body(req, MULTIPART_BYTES_MAX), parameters)
    body = parse(DocumentUpload, dict(fields))
    if set(uploads) != {"file"}:
        raise invalid("/file", "missing" if not uploads else "unknown_file")
    arguments = {"kind": body.kind, "upload": await files.examined(services, "/file", *uploads["file"])}
    return await do(req, services, caller, now, route, case_id, documents.add_document, arguments, body)


@bp.route(route="cases/{case_id}/documents/{document}", methods=["GET"])
@answers_problems("cases/{case_id}/documents/{document}")
async def get_document(req: func.HttpRequest) -> func.HttpResponse:
    """Send a document to staff as an attachment, once it was found clean; every read is noted."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}/documents/{document}", now)
    case_id, document_id = path_id(req, "case_id"), path_id(req, "document")
    content, content_type, name = await documents.read(services, case_id, document_id, caller.actor, now)
    headers = SAFE_HEADERS | {
        "Content-Disposition": files.disposition(name or document_id, content_type),
        "Content-Security-Policy": "sandbox",
    }
    return func.HttpResponse(content, mimetype=content_type, headers=headers)


@bp.route(route="cases/{case_id}/events", methods=["GET"])
@answers_problems("cases/{case_id}/events")
async def get_events(req: func.HttpRequest) -> func.HttpResponse:
    """The chain of events, for staff: codes and ids, naming nobody. Apart from it, as no hash covers them, the notes
    that events name, which auditors work without."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}/events", now)
    case_id = path_id(req, "case_id")
    await load(services, case_id, caller.actor)
    await search.note_read(services, case_id, "events", caller.actor, now)
    events = await events_of(services, case_id)
    told: dict[str, Any] = {"events": [event.model_dump(mode="json") for event in events]}
    if _sees_persons(caller) and any(event.note_id for event in events):
        told["notes"] = await search.notes_of(services, case_id, caller.actor, now)
    return ok(told)


class CaseQuestion(Form):
    """The reference of a case. What names a person is asked for with POST, for addresses of pages are kept."""

    reference: CaseId


class CaseSearch(Form):
    """Find cases by reference or by the address that was used."""

    reference: CaseId | None = None
    email: Email | None = None


@bp.route(route="cases", methods=["GET"])
@answers_problems("cases")
async def get_cases(req: func.HttpRequest) -> func.HttpResponse:
    """Find a case by its reference."""
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases", bootstrap.clock())
    asked = parse(CaseQuestion, dict(req.params))
    return ok({"cases": await search.summaries(services, _visible([asked.reference], caller), caller.actor)})


def _visible(case_ids: list[str], caller: Caller) -> list[str]:
    """These cases without those that were opened with an address of the caller's own."""
    return [each for each in case_ids if each not in caller.own_cases]


@bp.route(route="case-searches", methods=["POST"])
@answers_problems("case-searches")
async def post_case_searches(req: func.HttpRequest) -> func.HttpResponse:
    """Find cases by reference or by e-mail, which the body keeps out of the address."""
    services = await bootstrap.services()
    caller = await access.admit(req, services, "POST case-searches", bootstrap.clock())
    asked = json_body(req, CaseSearch)
    if (asked.reference is None) == (asked.email is None):
        raise invalid("", "one_of_reference_email")
    ids = [asked.reference] if asked.reference else await applications.cases_of_address(services, str(asked.email))
    return ok({"cases": await search.summaries(services, _visible(ids, caller), caller.actor)})


class PageQuestion(Form):
    """After which entry of a list, and how many."""

    after: Annotated[str, Field(max_length=100)] | None = None
    limit: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}\z")] = "50"


class QueueQuestion(PageQuestion):
    """Which part of the queue, and after which entry."""

    stage: Literal["application", "enrolment", "search", "refund"] | None = None
    turn: Code | None = None
    assignee: Annotated[str, Field(max_length=130)] | None = None


@bp.route(route="early-risk", methods=["GET"])
@answers_problems("early-risk")
async def get_early_risk(req: func.HttpRequest) -> func.HttpResponse:
    """Graduates with few days left of whom nothing was heard, for careers to get in touch with; paged by key."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET early-risk", now)
    asked = parse(PageQuestion, dict(req.params))
    limit = min(int(asked.limit), 200)
    return ok(await search.early_risk(services, now, asked.after, limit, hidden=caller.is_kept_from))


@bp.route(route="work-queue", methods=["GET"])
@answers_problems("work-queue")
async def get_work_queue(req: func.HttpRequest) -> func.HttpResponse:
    """What staff have to do, most urgent first, paged by key."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET work-queue", now)
    asked = parse(QueueQuestion, dict(req.params))
    page = await search.work_queue(
        services,
        now,
        asked.stage,
        asked.turn,
        asked.assignee,
        asked.after,
        min(int(asked.limit), 200),
        hidden=caller.is_kept_from,
    )
    return ok(page)

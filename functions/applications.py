"""The way in, and the case as its person and staff see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import azure.functions as func
from pydantic import Field

from functions import access, files
from functions.access import Caller
from functions.acts import Act, Nothing, do, register
from functions.http import (
    JSON_BYTES_MAX,
    MULTIPART_BYTES_MAX,
    SAFE_HEADERS,
    accepted,
    answers_problems,
    client_address,
    json_body,
    media_type,
    ok,
    parse,
    path_id,
    raw_body,
    read_json,
    read_multipart,
    read_urlencoded,
    see_other,
)  # fmt: skip
from shared import bootstrap
from shared.domain.errors import Complaint, InvalidInput, invalid
from shared.domain.wire import CaseId, Code, Day, Email, Form, Line, Name, Phone, Text, TimeZone, looks_like_another
from shared.use_cases import applications, documents, limits, search, views
from shared.use_cases.commands import CASES, events_of, load

if TYPE_CHECKING:
    from shared.bootstrap import Services

bp = func.Blueprint()

FORMS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
CHECKBOXES = ("accreditation_notice_read",)
HONEYPOT = "website"
OWN_PAGE = "applied.html"
"""The page of our own site that a plain form may name, because it can't know where the site is."""


class Degree(Form):
    """The degree as the person states it. `awarded_on` once it was awarded, `expected_on` before."""

    level: Code
    subject: Line
    institution: Line
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}\z")]
    awarded_on: Day | None = None
    expected_on: Day | None = None


class Application(Form):
    """An application. `terms_and_privacy` is the version of terms and privacy notice that was accepted; `source` says
    where the person heard of the programme, and plays no part in any decision."""

    programme: Code
    intake: Code
    given_names: Name
    family_names: Name
    email: Email
    phone: Phone
    country: Literal["US", "GB", "FR"]
    time_zone: TimeZone
    language: Literal["en", "fr"] = "en"
    degree: Degree
    motivation: Text
    terms_and_privacy: Code
    accreditation_notice_read: bool = False
    source: Code | None = None
    website: Annotated[str, Field(max_length=200)] = ""
    redirect: Annotated[str, Field(max_length=200)] = ""


class LinkRequest(Form):
    """Mail me a link."""

    email: Email


class Corrections(Form):
    """What the person corrects; what is not named stays."""

    given_names: Name | None = None
    family_names: Name | None = None
    language: Literal["en", "fr"] | None = None
    time_zone: TimeZone | None = None
    motivation: Text | None = None
    degree: Degree | None = None


class OfferAnswer(Form):
    """The answer to an offer."""

    answer: Literal["accept", "decline"]


class Contact(Form):
    """A new address or number."""

    email: Email | None = None
    phone: Phone | None = None


class DocumentUpload(Form):
    """What kind of document this is."""

    kind: Literal[
        "certificate", "transcript", "identity", "contract", "payslip", "pause_evidence", "search_proof", "other"
    ]


ACTS = (
    Act("submissions/{submission}/choice", Nothing, applications.choose_submission),
    Act("corrections", Corrections, applications.correct),
    Act("offer-answer", OfferAnswer, applications.answer_offer),
    Act("withdrawal", Nothing, applications.withdraw),
    Act("contact", Contact, applications.change_contact),
)
register(bp, ACTS)


@bp.route(route="applications", methods=["POST"])
@answers_problems("applications")
async def post_applications(req: func.HttpRequest) -> func.HttpResponse:
    """Take an application as JSON, urlencoded or multipart. All three give the same stored document."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    await access.admit(req, services, "POST applications", now)
    kind, parameters = media_type(req, FORMS)
    raw = raw_body(req, MULTIPART_BYTES_MAX if kind.startswith("multipart") else JSON_BYTES_MAX)
    certificate = None
    if kind == "application/json":
        stated = read_json(raw)
    else:
        multipart = kind.startswith("multipart")
        fields, uploads = read_multipart(raw, parameters) if multipart else (read_urlencoded(raw), {})
        if set(uploads) - {"certificate"}:
            raise InvalidInput([Complaint("/certificate", "unknown_file")])
        stated = unflattened(fields)
        if "certificate" in uploads and uploads["certificate"][0]:
            certificate = await files.examined(services, "/certificate", *uploads["certificate"])
    application = parse(Application, stated)
    target = _redirect(application, services)
    unsaid = {"source"} if application.source is None else set()
    content = application.model_dump(mode="json", exclude={HONEYPOT, "redirect", *unsaid})
    flags = ["honeypot"] if application.website else []
    flags += ["address_looks_like_another"] if looks_like_another(application.email) else []
    flags += await limits.flags_of_crowd(services, _network(req, services), now)
    await applications.apply(services, content, certificate, flags, now)
    if target:
        return see_other(target)
    return accepted({"status": "received", "next": "We have sent you a mail with a link to your case."})


def unflattened(fields: dict[str, str]) -> dict[str, Any]:
    """A form's flat fields as the JSON that says the same: `degree.level`, a ticked box, blanks left out."""
    stated: dict[str, Any] = {}
    for name, value in fields.items():
        if name in CHECKBOXES:
            if value not in ("on", "true", "false", ""):
                raise InvalidInput([Complaint(f"/{name}", "checkbox")])
            stated[name] = value in ("on", "true")
        elif name == "degree":
            raise InvalidInput([Complaint("/degree", "not_an_object")])
        elif name.startswith("degree.") and name.count(".") == 1:
            if value:
                stated.setdefault("degree", {})[name.removeprefix("degree.")] = value
        elif value:
            stated[name] = value
    return stated


def _redirect(application: Application, services: Any) -> str | None:
    """Where a browser goes after the form: our own page, or an address that the programme's file lists."""
    if not application.redirect:
        return None
    programme = services.programmes.get(application.programme)
    if application.redirect == OWN_PAGE:
        return f"{services.settings.site_url}/{OWN_PAGE}"
    if programme is None or application.redirect not in programme.redirects:
        raise invalid("/redirect", "not_listed")
    return application.redirect


def _network(req: func.HttpRequest, services: Services) -> str | None:
    return limits.network_of(client_address(req, services.settings.forwarded_hops))


@bp.route(route="links", methods=["POST"])
@answers_problems("links")
async def post_links(req: func.HttpRequest) -> func.HttpResponse:
    """Mail a link to whoever owns this address; the answer is the same whether we know it or not."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    await access.admit(req, services, "POST links", now)
    body = json_body(req, LinkRequest)
    await limits.limit_links(services, _network(req, services), body.email, now)
    await applications.send_links(services, body.email, now)
    return accepted({"status": "received", "next": "If we know this address, a mail with a link is on its way."})


@bp.route(route="cases/{case_id}", methods=["GET"])
@answers_problems("cases/{case_id}")
async def get_case(req: func.HttpRequest) -> func.HttpResponse:
    """The case: to its person in words with the timeline, to staff in facts with the person's particulars."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}", now)
    case_id = path_id(req, "case_id")
    caller.may_see(case_id)
    case, etag = await load(services, case_id, caller.actor)
    if caller.is_staff:
        seen = views.for_staff(case)
        seen["person"] = await _person(services, caller, case_id)
        await search.note_read(services, case_id, "person" if seen["person"] else "case", caller.actor, now)
    else:
        seen = views.for_person(case, services.programmes[case.programme])
        seen["timeline"] = views.timeline(await events_of(services, case_id))
    return ok(seen, headers={"ETag": etag})


async def _person(services: Any, caller: Caller, case_id: str) -> dict[str, Any] | None:
    """What the person said about themselves; auditors work without it."""
    if not caller.roles & set(access.CASE_STAFF):
        return None
    item = await services.store.read(CASES, "person", case_id)
    if item is None:
        return None
    return {name: value for name, value in item.items() if name in PERSON_FIELDS}


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
    """The chain of events, for staff: codes and ids, naming nobody."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET cases/{case_id}/events", now)
    case_id = path_id(req, "case_id")
    await load(services, case_id, caller.actor)
    events = await events_of(services, case_id)
    return ok({"events": [event.model_dump(mode="json") for event in events]})


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

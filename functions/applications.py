"""The way in: the form, a link by mail, and what a person says about an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import azure.functions as func
from pydantic import Field

from functions import access, files
from functions.acts import Act, Nothing, register
from functions.afterwards import begin_afterwards
from functions.bodies import (
    JSON_BYTES_MAX,
    MULTIPART_BYTES_MAX,
    json_body,
    media_type,
    parse,
    raw_body,
    read_json,
    read_multipart,
    read_urlencoded,
)
from functions.http import accepted, answers_problems, client_address, see_other  # fmt: skip
from shared import bootstrap
from shared.domain.errors import Complaint, InvalidInput, invalid
from shared.domain.wire import Code, Country, Day, Email, Form, Line, Name, Phone, Text, TimeZone, looks_like_another
from shared.use_cases import applications, deliveries, limits

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
    country: Country
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
    country: Country
    time_zone: TimeZone
    language: Literal["en", "fr"] = "en"
    degree: Degree
    motivation: Text
    terms_and_privacy: Code
    accreditation_notice_read: bool = False
    source: Code | None = None
    website: str = ""
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
    # The same content is the same application, with a key or without; a key that is none is refused as anywhere.
    access.idempotency_key(req, "POST applications")
    kind, parameters = media_type(req, FORMS)
    raw = raw_body(req, MULTIPART_BYTES_MAX if kind.startswith("multipart") else JSON_BYTES_MAX)
    uploads: dict[str, tuple[str, str, bytes]] = {}
    if kind == "application/json":
        stated = read_json(raw)
    else:
        multipart = kind.startswith("multipart")
        fields, uploads = read_multipart(raw, parameters) if multipart else (read_urlencoded(raw), {})
        if set(uploads) - {"certificate"}:
            raise InvalidInput([Complaint("/certificate", "unknown_file")])
        stated = unflattened(fields)
    application = parse(Application, stated)
    target = _redirect(application, services)
    unsaid = {"source"} if application.source is None else set()
    content = application.model_dump(mode="json", exclude={HONEYPOT, "redirect", *unsaid})
    applications.check(services, content, now)
    certificate = None
    name, declared, file = uploads.get("certificate", ("", "", b""))
    if name or file:  # What a browser sends of a field that was left empty has neither.
        # Looked at last: it costs more than all the rest.
        certificate = await files.examined(services, "/certificate", name, declared, file)
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
    queued = await applications.ask_for_links(services, body.email, now)
    begin_afterwards(deliveries.try_what_waits(services, queued, now))
    return accepted({"status": "received", "next": "If we know this address, a mail with a link is on its way."})

"""The only file that knows status codes and problem bodies (RFC 9457)."""

from __future__ import annotations

import functools
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from shared import telemetry
from shared.domain import errors
from shared.domain.errors import InvalidInput, PledgeError
from shared.presentation.frame import policy
from shared.presentation.problems import language_of, problem_page

logger = logging.getLogger("pledge.http")
commands = logging.getLogger("pledge.commands")

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

COMPLAINTS_MAX = 100
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
PROBLEM_BASE = "/problems/"

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

PROBLEMS: dict[str, tuple[int, str]] = {
    "malformed-body": (400, "The body cannot be read."),
    "malformed-header": (400, "A header is not of its form."),
    "link-in-address": (400, "A link was in an address, where others can read it. It has ended; ask for a new one."),
    "idempotency-key-missing": (400, "This request needs an Idempotency-Key."),
    "unauthenticated": (401, "It is not known who asks."),
    "bad-signature": (401, "The signature does not fit."),
    "stale-signature": (401, "The signature is too old or too new."),
    "forbidden": (403, "This is not for you to do."),
    "not-found": (404, "There is no such thing."),
    "state-conflict": (409, "This is not possible at this stage."),
    "rule-broken": (409, "A rule of the programme or the law stands against it."),
    "already-exists": (409, "This is on record already."),
    "link-expired": (410, "This link can no longer be used for that. Ask for a new one."),
    "length-required": (411, "The length of the body must be said."),
    "precondition-failed": (412, "It has changed since you looked at it."),
    "content-too-large": (413, "The body is too large."),
    "unsupported-media-type": (415, "This kind of body is not read here."),
    "validation": (422, "Something in the body is not acceptable."),
    "idempotency-key-reused": (422, "This Idempotency-Key was used for another request."),
    "file-rejected": (422, "This file is not one that is kept."),
    "precondition-required": (428, "Say with If-Match which version you saw."),
    "rate-limited": (429, "This was asked too often. Try again later."),
    "internal": (500, "Something went wrong here. It has been noted."),
    "unavailable": (503, "A service that is needed does not answer. Try again."),
}
"""Problem -> status and title. Every answer that is not a success comes from this table."""

SLUGS: dict[type[PledgeError], str] = {
    errors.NotFound: "not-found",
    errors.Unauthenticated: "unauthenticated",
    errors.Forbidden: "forbidden",
    errors.LinkExpired: "link-expired",
    errors.ActionNotAllowed: "state-conflict",
    errors.RuleBroken: "rule-broken",
    errors.AlreadyExists: "already-exists",
    errors.RecordChanged: "precondition-failed",
    errors.RateLimited: "rate-limited",
    errors.KeyReused: "idempotency-key-reused",
    errors.OutcomeUnknown: "unavailable",
    errors.Unavailable: "unavailable",
    errors.FileRejected: "file-rejected",
    errors.InvalidInput: "validation",
}
"""Error -> problem. An error that is not here is a defect: 500, with trace in the log and nothing told."""


class Refused(PledgeError):
    """A request that the edge itself refuses; `slug` is a row of PROBLEMS."""

    def __init__(self, slug: str, **extra: Any) -> None:
        super().__init__(slug)
        self.slug = slug
        self.extra = extra


def problem(slug: str, instance: str, headers: dict[str, str] | None = None, **extra: Any) -> func.HttpResponse:
    """The answer for a problem. `extra` holds codes and pointers, never a value that came in."""
    status, title = PROBLEMS[slug]
    body = {"type": PROBLEM_BASE + slug, "title": title, "status": status, "instance": instance, **extra}
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        mimetype="application/problem+json",
        headers=SAFE_HEADERS | (headers or {}),
    )


def ok(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        mimetype="application/json",
        headers=SAFE_HEADERS | (headers or {}),
    )


def accepted(body: Any) -> func.HttpResponse:
    """It is stored; what follows from it comes later."""
    return ok(body, status=202)


def created(body: Any) -> func.HttpResponse:
    """Something new is there."""
    return ok(body, status=201)


def see_other(address: str) -> func.HttpResponse:
    """Where a browser goes on after its form was taken."""
    return func.HttpResponse(status_code=303, headers=SAFE_HEADERS | {"Location": address})


def answers_problems(route: str) -> Callable[[Handler], Handler]:
    """Turn whatever a handler raises into the problem that the table says."""

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def wrapped(req: func.HttpRequest) -> func.HttpResponse:
            asked = f"{req.method} {route}"
            with telemetry.tallied(asked) as tally:
                try:
                    answer = await handler(req)
                except PledgeError as error:
                    answer = _answer(error, f"/api/{route}", to_staff=_comes_from_staff(req))
                    if error.replayed:
                        answer.headers["Idempotent-Replayed"] = "true"
                except Exception:  # The last resort: nothing internal may reach a caller.
                    instance = f"urn:uuid:{uuid.uuid4()}"
                    logger.exception("unexpected error", extra={"route": route, "instance": instance})
                    answer = problem("internal", instance)
                if answer.status_code >= 400 and _is_browsers_form(req):
                    answer = _as_page(answer, req)
                if req.method != "GET":
                    _tell(asked, answer.status_code, tally)
            return answer

        return wrapped

    return decorate


def _is_browsers_form(req: func.HttpRequest) -> bool:
    """Whether a browser sent a form by itself and shows whatever is answered. A script asks for no page."""
    is_form = req.headers.get("content-type", "").partition(";")[0].strip().lower() in FORM_TYPES
    return is_form and "text/html" in req.headers.get("accept", "").lower()


def _as_page(answer: func.HttpResponse, req: func.HttpRequest) -> func.HttpResponse:
    """The same problem for people to read."""
    language = language_of(req.headers.get("accept-language", ""))
    page = problem_page(json.loads(answer.get_body()), language)
    headers = dict(answer.headers) | {"Content-Security-Policy": policy(), "Content-Language": language}
    headers.pop("Content-Type", None)
    return func.HttpResponse(
        page, status_code=answer.status_code, mimetype="text/html", charset="utf-8", headers=headers
    )


def _tell(asked: str, status: int, tally: telemetry.Tally) -> None:
    """One line for each command: what was asked, how it ended, what it did and took."""
    telemetry.measure("pledge.commands", 1, route=asked, status=str(status))
    commands.info("command %s status=%d %s", asked, status, telemetry.told(tally.attributes))


def _comes_from_staff(req: func.HttpRequest) -> bool:
    """Whether the token is of the kind that staff have, in three parts; a link's is in one."""
    return "." in req.headers.get("authorization", "")


def _answer(error: PledgeError, instance: str, to_staff: bool) -> func.HttpResponse:
    if isinstance(error, Refused):
        headers = error.extra.pop("headers", None)
        return problem(error.slug, instance, headers, **error.extra)
    slug = SLUGS[type(error)]
    if isinstance(error, InvalidInput):
        complaints = [{"pointer": each.pointer, "code": each.code} for each in error.complaints[:COMPLAINTS_MAX]]
        return problem(slug, instance, errors=complaints)
    if isinstance(error, errors.FileRejected):
        return problem(slug, instance, errors=[{"pointer": error.pointer, "code": error.code}])
    if isinstance(error, errors.RuleBroken):
        return problem(slug, instance, reason=error.code, detail=error.sentence)
    if isinstance(error, errors.ActionNotAllowed):
        told: dict[str, Any] = {"current": error.current} if to_staff else {}
        return problem(slug, instance, action=error.action, **told)
    if isinstance(error, errors.Forbidden):
        return problem(slug, instance, reason=error.reason)
    if isinstance(error, errors.AlreadyExists):
        return problem(slug, instance, id=error.existing_id)
    if isinstance(error, errors.Unauthenticated):
        return problem(slug, instance, {"WWW-Authenticate": "Bearer"})
    if isinstance(error, errors.RateLimited):
        return problem(slug, instance, {"Retry-After": str(error.seconds)})
    if isinstance(error, errors.OutcomeUnknown | errors.Unavailable):
        retry = "same-key" if isinstance(error, errors.OutcomeUnknown) else "not-stored"
        return problem(slug, instance, {"Retry-After": "2"}, retry=retry)
    return problem(slug, instance)


def client_address(req: func.HttpRequest, hops: int) -> str | None:
    """Where a request came from: what the first machine of our own noted, `hops` from the right.

    Whatever stands further left in X-Forwarded-For was written by the caller.
    """
    noted = [each.strip() for each in req.headers.get("x-forwarded-for", "").split(",")]
    found = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::[0-9]+)?|([0-9.]+)(?::[0-9]+)?|([0-9a-fA-F:.]+)", noted[-hops:][0])
    return next((each for each in found.groups() if each), None) if found and len(noted) >= hops else None

"""The only file that knows status codes, problem bodies (RFC 9457), strict JSON and forms."""

from __future__ import annotations

import functools
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared import telemetry
from shared.domain import errors
from shared.domain.errors import Complaint, InvalidInput, PledgeError
from shared.presentation.frame import policy
from shared.presentation.problems import language_of, problem_page

logger = logging.getLogger("pledge.http")
commands = logging.getLogger("pledge.commands")

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]
Model = TypeVar("Model", bound=BaseModel)

JSON_BYTES_MAX = 64 * 1024
WEBHOOK_BYTES_MAX = 256 * 1024
MULTIPART_BYTES_MAX = 11 * 1024 * 1024
FILE_BYTES_MAX = 10 * 1024 * 1024
FIELD_BYTES_MAX = 64 * 1024
PART_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;"]*)')
PLAIN = re.compile(r'text/plain(\s*;\s*charset\s*=\s*"?(utf-?8|us-ascii)"?)?', re.IGNORECASE)
FORM_FIELDS_MAX = 40
DEPTH_MAX = 32
COMPLAINTS_MAX = 100
INTEGER_DIGITS_MAX = 15
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


def raw_body(req: func.HttpRequest, limit: int) -> bytes:
    """The bytes of the body. A body without a stated length reaches us empty, so its absence is refused."""
    length = req.headers.get("content-length")
    if length is None or "transfer-encoding" in req.headers or not re.fullmatch(r"[0-9]{1,12}", length, re.ASCII):
        raise Refused("length-required")
    body = req.get_body()
    if int(length) > limit or len(body) > limit:
        raise Refused("content-too-large")
    return body


def media_type(req: func.HttpRequest, accepted: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The media type of the body, exactly one of those accepted, and its parameters."""
    stated = req.headers.get("content-type", "")
    kind, _, rest = stated.partition(";")
    kind = kind.strip().lower()
    if kind not in accepted or req.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused("unsupported-media-type", headers={"Accept-Post": ", ".join(accepted)})
    parameters: dict[str, str] = {}
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        name = name.strip().lower()
        if (name and name in parameters) or value.count('"') % 2:
            raise Refused("malformed-body")  # Two readers would take two boundaries.
        parameters[name] = value.strip().strip('"')
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise Refused("unsupported-media-type", headers={"Accept-Post": ", ".join(accepted)})
    return kind, parameters


def read_json(raw: bytes) -> dict[str, Any]:
    """One JSON object, read strictly: UTF-8 without mark, no duplicate keys, no odd numbers, no NUL, bounded depth."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("malformed-body") from None
    if text.startswith("\ufeff") or _is_too_deep(raw):
        raise Refused("malformed-body")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse, parse_int=_integer, parse_float=_number
        )
    except (ValueError, RecursionError):
        raise Refused("malformed-body") from None
    if "\\u" in text:  # Only so can what is no text be written in UTF-8.
        _refuse_odd_text(value)
    if not isinstance(value, dict):
        raise InvalidInput([Complaint("", "not_an_object")])
    return value


STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
ONE_KIND = bytes.maketrans(b"{}", b"[]")
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _is_too_deep(raw: bytes) -> bool:
    """Whether lists and objects stand deeper in each other than anything we read, or do not end where they should.

    Pairs with nothing in them are taken out, once for each level: a body of brackets costs next to nothing.
    """
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MAX:
        return False
    left = STRING.sub(b"", raw).translate(ONE_KIND, NO_BRACKETS)
    if b"[" * (DEPTH_MAX + 1) in left:
        return True
    for _ in range(DEPTH_MAX):
        left = left.replace(b"[]", b"")
    return bool(left)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > INTEGER_DIGITS_MAX:
        raise ValueError("integer too long")
    return int(text)


def _number(text: str) -> float:
    if len(text) > 40:
        raise ValueError("number too long")
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("number too large")
    return number


def _refuse_odd_text(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise Refused("malformed-body")
        try:
            value.encode()
        except UnicodeEncodeError:  # Half of a pair, which is no character.
            raise Refused("malformed-body") from None
    elif isinstance(value, dict):
        for name, each in value.items():
            _refuse_odd_text(name)
            _refuse_odd_text(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_odd_text(each)


def parse(model: type[Model], value: dict[str, Any]) -> Model:
    """The value as a model; every complaint at once, with pointer and code and never the value."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        if error.error_count() > COMPLAINTS_MAX:  # Nobody's mistake: naming each would cost more than reading them.
            raise InvalidInput([Complaint("", "too_many_errors")]) from None
        complaints = [
            Complaint("".join(f"/{_escaped(part)}" for part in each["loc"]), each["type"])
            for each in error.errors(include_input=False, include_context=False, include_url=False)
        ]
        raise InvalidInput(complaints) from None


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")[:100]


def json_body(req: func.HttpRequest, model: type[Model]) -> Model:
    """The JSON body as a model. An act without particulars may come with `{}` or with no body at all."""
    raw = raw_body(req, JSON_BYTES_MAX)
    if not raw and not model.model_fields:
        return model()
    media_type(req, ("application/json",))
    return parse(model, read_json(raw))


def read_urlencoded(raw: bytes) -> dict[str, str]:
    """An urlencoded form: UTF-8, each name once."""
    if len(raw) > JSON_BYTES_MAX:
        raise Refused("content-too-large")
    if re.search(rb"%(?![0-9A-Fa-f]{2})", raw):
        raise Refused("malformed-body")
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), encoding="utf-8", errors="strict",
            max_num_fields=FORM_FIELDS_MAX,
        )  # fmt: skip
    except ValueError:
        raise Refused("malformed-body") from None
    return _once(pairs)


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("malformed-body")
    _refuse_odd_text(found)
    return found


def read_multipart(raw: bytes, parameters: dict[str, str]) -> tuple[dict[str, str], dict[str, tuple[str, str, bytes]]]:
    """A multipart form, read strictly: its fields, and its files as (file name, declared type, content)."""
    from multipart import MultipartError, MultipartParser

    boundary = parameters.get("boundary", "")
    if not 1 <= len(boundary) <= 70:
        raise Refused("malformed-body")
    fields: list[tuple[str, str]] = []
    files: dict[str, tuple[str, str, bytes]] = {}
    import io

    try:
        parser = MultipartParser(
            io.BytesIO(raw), boundary, content_length=len(raw), strict=True, part_limit=FORM_FIELDS_MAX,
            memory_limit=MULTIPART_BYTES_MAX, header_limit=8, headersize_limit=4096,
            spool_limit=MULTIPART_BYTES_MAX,
        )  # fmt: skip
        for part in parser:
            _refuse_two_meanings(part)
            if part.filename is None:
                if part.size > FIELD_BYTES_MAX:
                    raise Refused("content-too-large")
                fields.append((part.name, part.raw.decode("utf-8")))
            elif part.name in files:
                raise InvalidInput([Complaint(f"/{_escaped(part.name)}", "more_than_one_file")])
            elif part.size > FILE_BYTES_MAX:
                raise Refused("content-too-large")
            else:
                files[part.name] = (part.filename, part.content_type or "", part.raw)
    except (MultipartError, UnicodeDecodeError, ValueError):
        raise Refused("malformed-body") from None
    return _once(fields), files


def _refuse_two_meanings(part: Any) -> None:
    """A part says once what it is, and a field is text in UTF-8 as it stands (RFC 7578, 4.2 to 4.7)."""
    headers = [name.lower() for name, _ in part.headerlist]
    said = [name.lower().rstrip("*") for name in PART_PARAMETER.findall(part.headers.get("Content-Disposition", ""))]
    encoding = part.headers.get("Content-Transfer-Encoding", "binary").strip().lower()
    stated = part.headers.get("Content-Type", "text/plain").strip()
    is_once = len(set(headers)) == len(headers) and len(set(said)) == len(said)
    if not is_once or encoding not in ("7bit", "8bit", "binary"):
        raise Refused("malformed-body")
    if part.filename is None and not PLAIN.fullmatch(stated):
        raise InvalidInput([Complaint(f"/{_escaped(part.name)}", "string_type")])


def path_id(req: func.HttpRequest, name: str) -> str:
    """An id from the path; whatever is not of an id's form is nothing we have."""
    value: str = req.route_params.get(name, "")
    if not re.fullmatch(r"[A-Za-z0-9:_-]{1,128}", value, re.ASCII):
        raise errors.NotFound(name)
    return value

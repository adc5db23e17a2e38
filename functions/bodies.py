"""What comes in: bodies of a stated length, strict JSON and forms, ids of a path; each read strictly or refused."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import azure.functions as func
from pydantic import BaseModel, ValidationError

from functions.http import COMPLAINTS_MAX, Refused
from shared.domain import errors
from shared.domain.errors import Complaint, InvalidInput

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
INTEGER_DIGITS_MAX = 15


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

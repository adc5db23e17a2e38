"""What goes over the wire: a request as read, an answer as sent, and errors as the service words them."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

CODES = {
    304: "NotModified",
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "Conflict",
    410: "Gone",
    412: "PreconditionFailed",
    413: "RequestEntityTooLarge",
    424: "FailedDependency",
    429: "TooManyRequests",
    449: "RetryWith",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
INVALID_PAYLOAD = "The request payload is invalid. Ensure to provide a valid request payload."
# The service's own limit; without one a stored item could not be read again by every part of this endpoint.
DEPTH_MAX = 128
# Whole numbers up to here are exact as doubles, and up to there are written without an exponent.
EXACT_MAX, WRITTEN_OUT_MAX = 1 << 53, 1e21
LONG_NUMBER = re.compile(r"\d{16}")


class CosmosError(Exception):
    """A refusal, told to the client with its status, sub-status and sentence."""

    def __init__(
        self, status: int, message: str, substatus: int | None = None, errors: list[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.substatus = substatus
        self.errors = errors
        self.retry_after_ms: int | None = None
        # For a query that needs a plan: the plan, by which some clients know that they have to ask for it.
        self.additional_info: str | None = None


@dataclass
class Request:
    """One HTTP request: path segments are percent-decoded, header names are lower case."""

    method: str
    path: str
    segments: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def is_set(self, name: str) -> bool:
        """Whether a boolean header is true. SDKs write True as well as true."""
        return self.headers.get(name, "").lower() == "true"

    @property
    def wants_minimal(self) -> bool:
        """Whether the client has no use for the content that it has just written."""
        return "return=minimal" in self.headers.get("prefer", "").lower()

    def json(self) -> Any:
        """The body as JSON, or a 400 that says it is none."""
        return loads(self.body)


@dataclass
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    charge: float = 1.0
    # One entry for each operation of a batch; kept for the call log.
    batch: list[dict[str, Any]] | None = None


def _no_constants(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constants)


def loads(body: bytes | str) -> Any:
    """Parse JSON, refusing with a 400 what is none: NaN, Infinity and halves of characters included."""
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        value = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            dumps(value)  # Raises if an escape is half a character, which nothing could store.
    except (ValueError, RecursionError):
        raise CosmosError(400, INVALID_PAYLOAD) from None
    if text.count("[") + text.count("{") > DEPTH_MAX and _is_deeper(value, DEPTH_MAX):
        raise CosmosError(400, f"The request payload is nested more than {DEPTH_MAX} levels deep.")
    return _as_doubles(value) if LONG_NUMBER.search(text) else value


def _as_doubles(value: Any) -> Any:
    """The value with its long whole numbers rounded, because the service keeps every number as a double."""
    if isinstance(value, dict):
        return {name: _as_doubles(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_doubles(part) for part in value]
    if isinstance(value, int) and abs(value) > EXACT_MAX:
        try:
            rounded = float(value)
        except OverflowError:
            raise CosmosError(400, INVALID_PAYLOAD) from None
        return int(rounded) if abs(rounded) < WRITTEN_OUT_MAX else rounded
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            part
            for parent in layer
            if isinstance(parent, (dict, list))
            for part in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not layer:
            return False
    return True


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8. What cannot be stored as such (lone surrogates, NaN, absurd depth) is a 400."""
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (ValueError, RecursionError):
        raise CosmosError(400, INVALID_PAYLOAD) from None


def error_body(error: CosmosError, activity_id: str) -> bytes:
    code = CODES.get(error.status, "Error")
    if error.errors is not None:
        detail = json.dumps({"errors": error.errors}, separators=(",", ":"))
        message = f"Message: {detail}\r\nActivityId: {activity_id}, Microsoft.Azure.Documents.Common/2.14.0"
    else:
        detail = json.dumps({"Errors": [error.message]})
        message = f"Message: {detail}\r\nActivityId: {activity_id}, Request URI: /local, RequestStats: none"
    body = {"code": code, "message": message}
    if error.additional_info is not None:
        body["additionalErrorInfo"] = error.additional_info
    return json.dumps(body).encode()

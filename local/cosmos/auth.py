"""The account key: every request must be signed with it."""

import base64
import hmac
from urllib.parse import unquote

from local.cosmos.wire import CosmosError, Request

# The key that every Cosmos DB emulator is known by; it protects nothing and is public.
EMULATOR_KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="

UNAUTHORIZED = (
    "The input authorization token can't serve the request. The wrong key is being used or the expected payload is"
    " not built as per the protocol."
)


def check_signature(request: Request, key: bytes) -> None:
    """Raise 401 unless the request carries the signature that its verb, resource and date give with this key.

    The date itself is not compared with the clock, because this endpoint's clock can be moved.
    """
    header = request.header("authorization")
    date = request.header("x-ms-date") or request.header("date")
    if header is None or date is None:
        message = "Required Header authorization is missing. Ensure a valid Authorization token is passed."
        raise CosmosError(401, message)
    parts = dict(part.partition("=")[::2] for part in unquote(header).split("&"))
    if parts.get("type") != "master" or "sig" not in parts:
        raise CosmosError(401, UNAUTHORIZED)
    sent = parts["sig"].encode("utf-8", "replace")
    for kind, link in _resources(request):
        text = f"{request.method.lower()}\n{kind}\n{link}\n{date.lower()}\n\n"
        digest = hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")
        if hmac.compare_digest(base64.b64encode(digest), sent):
            return
    raise CosmosError(401, UNAUTHORIZED)


def _resources(request: Request) -> list[tuple[str, str]]:
    """Type and link that may have been signed: by names as they are, and by rids, the last one in lower case."""
    segments = request.segments
    if not segments:
        return [("", "")]
    if "operations" in segments:
        container = segments[: segments.index("operations")]
        return [("colls", "/".join(container)), ("colls", container[-1].lower())]
    if len(segments) % 2:
        parent = segments[:-1]
        return [(segments[-1], "/".join(parent)), (segments[-1], parent[-1].lower() if parent else "")]
    return [(segments[-2], "/".join(segments)), (segments[-2], segments[-1].lower())]

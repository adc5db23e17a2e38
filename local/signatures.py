"""Standard Webhooks signatures (version v1), as partners make and check them."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
TIMESTAMP = re.compile(r"[0-9]{10}", re.ASCII)
TOLERANCE_SECONDS = 300


def secret_bytes(secret: str) -> bytes:
    """The key behind a secret written as whsec_ and base64."""
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)


def sign(secret: str, message_id: str, now: float, body: bytes) -> dict[str, str]:
    """The three headers that vouch for a body."""
    timestamp = str(int(now))
    digest = hmac.new(secret_bytes(secret), f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def is_signed(secret: str, headers: Mapping[str, str], now: float, body: bytes) -> bool:
    """Whether the raw body carries a signature of this secret, made at most five minutes from now."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not ID.fullmatch(message_id) or not TIMESTAMP.fullmatch(timestamp):
        return False
    expected = sign(secret, message_id, int(timestamp), body)["webhook-signature"].encode()
    given = headers.get("webhook-signature", "").split(" ")[:10]
    signed = any(hmac.compare_digest(expected, one.encode("utf-8", "replace")) for one in given)
    return signed and abs(now - int(timestamp)) <= TOLERANCE_SECONDS

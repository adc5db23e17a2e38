"""Standard Webhooks, both ways: verifying what partners send over raw bytes, signing what we send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
TIMESTAMP = re.compile(r"[0-9]{10}", re.ASCII)
SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=", re.ASCII)
SIGNATURES_MAX = 10
SIGNATURE_HEADER_MAX = 2_000
TOLERANCE_SECONDS = 300


def verify(raw: bytes, headers: Mapping[str, str], secrets: tuple[bytes, ...], now: int) -> str:
    """`ok`, `bad-signature` or `stale-signature`, in that order of checks. Never raises, whatever the bytes are."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not ID.fullmatch(message_id) or not TIMESTAMP.fullmatch(timestamp):
        return "bad-signature"
    if len(signatures) > SIGNATURE_HEADER_MAX:
        return "bad-signature"
    known = [_mac(secret, message_id, timestamp, raw) for secret in secrets]
    matches = False
    for part in signatures.split(" ")[:SIGNATURES_MAX]:
        if SIGNATURE.fullmatch(part):
            given = base64.b64decode(part[3:], validate=True)
            for expected in known:
                matches |= hmac.compare_digest(expected, given)
    if not matches:
        return "bad-signature"
    return "ok" if abs(now - int(timestamp)) <= TOLERANCE_SECONDS else "stale-signature"


def sign(raw: bytes, message_id: str, now: int, secret: bytes) -> dict[str, str]:
    """The three headers that prove a message is ours."""
    mac = base64.b64encode(_mac(secret, message_id, f"{now:010d}", raw)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": f"{now:010d}",
        "webhook-signature": f"v1,{mac}",
    }


def _mac(secret: bytes, message_id: str, timestamp: str, raw: bytes) -> bytes:
    return hmac.new(secret, f"{message_id}.{timestamp}.".encode() + raw, hashlib.sha256).digest()

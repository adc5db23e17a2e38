"""What partners sign passes an independent verifier of Standard Webhooks, and they refuse what is not signed."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

import pytest

from local.signatures import is_signed, secret_bytes, sign

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(32)).decode()
NOW = 1_795_456_000
BODY = '{"type":"course.started","name":"Zoë"}'.encode()


def verify(raw: bytes, headers: Mapping[str, str], secrets: list[bytes], now: int) -> str:
    """The standard's verification, written apart from the code it judges."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", message_id) or not re.fullmatch(r"[0-9]{10}", timestamp):
        return "bad-signature"
    ok = False
    for part in headers.get("webhook-signature", "").split(" "):
        if re.fullmatch(r"v1,[A-Za-z0-9+/]{43}=", part):
            given = base64.b64decode(part[3:], validate=True)
            for key in secrets:
                signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + raw, hashlib.sha256).digest()
                ok |= hmac.compare_digest(signed, given)
    if not ok:
        return "bad-signature"
    return "ok" if abs(now - int(timestamp)) <= 300 else "stale-signature"


def test_signature_passes_an_independent_verifier() -> None:
    headers = sign(SECRET, "evt_1", NOW, BODY)

    assert verify(BODY, headers, [secret_bytes(SECRET)], NOW) == "ok"
    assert verify(BODY, headers, [secret_bytes(OTHER)], NOW) == "bad-signature"
    assert verify(BODY + b" ", headers, [secret_bytes(SECRET)], NOW) == "bad-signature"
    assert verify(BODY, headers, [secret_bytes(SECRET)], NOW + 301) == "stale-signature"


def test_signature_is_the_one_published_with_the_standard() -> None:
    headers = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("headers", "now", "accepted"),
    [
        (sign(SECRET, "msg_1", NOW, BODY), NOW + 300, True),
        (sign(SECRET, "msg_1", NOW, BODY), NOW + 301, False),
        (sign(OTHER, "msg_1", NOW, BODY), NOW, False),
        ({**sign(SECRET, "msg_1", NOW, BODY), "webhook-id": "msg_2"}, NOW, False),
        ({**sign(SECRET, "msg_1", NOW, BODY), "webhook-timestamp": "soon"}, NOW, False),
        ({**sign(SECRET, "msg_1", NOW, BODY), "webhook-signature": "v1,é"}, NOW, False),
        ({}, NOW, False),
    ],
)
def test_partner_accepts_only_what_is_signed_and_fresh(headers: dict[str, str], now: int, accepted: bool) -> None:
    assert is_signed(SECRET, headers, now, BODY) is accepted

"""Whatever bytes come in, what reads them answers or refuses, and never stumbles: forms, signatures, links, files."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.bodies import read_multipart, read_urlencoded
from functions.http import Refused
from shared.adapters.webhooks import sign, verify
from shared.domain.errors import FileRejected, InvalidInput

SECRET = bytes(range(32))
NOW = 1_800_000_000
BOUNDARY = "zq7boundary"
WHOLE = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="email"\r\n\r\na@people.example\r\n'
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="certificate"; filename="a.pdf"\r\n'
    f"Content-Type: application/pdf\r\n\r\n%PDF-1.7\r\n--{BOUNDARY}--\r\n"
).encode()
SCRAPS = st.sampled_from(
    [b"\r\n", b"--", b"\x00", b"\xff", b";", b'"', b"=", b"filename*=utf-8''x", b"--" + BOUNDARY.encode()]
)


@st.composite
def spoilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """A good body with a few places cut out, doubled or written over."""
    body = whole
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 40)))
        body = body[:start] + draw(st.binary(max_size=12) | SCRAPS | st.just(body[start:end] * 2)) + body[end:]
    return body


@given(spoilt(WHOLE) | st.binary(max_size=300))
def test_spoilt_multipart_is_read_or_refused_and_never_half(body: bytes) -> None:
    with contextlib.suppress(Refused, InvalidInput, FileRejected):
        fields, files = read_multipart(body, {"boundary": BOUNDARY})
        assert all(isinstance(value, str) for value in fields.values())
        assert body.rstrip(b"\r\n \t").count(b"--" + BOUNDARY.encode()) >= len(fields) + len(files)


@given(spoilt(b"email=a%40people.example&name=%C3%A9+x&b=") | st.binary(max_size=200))
def test_spoilt_form_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refused, InvalidInput):
        assert all(isinstance(value, str) for value in read_urlencoded(body).values())


HEADER = st.text(max_size=60) | st.text("v1a, =+/0123456789abcDEF-_\n\x00é١", max_size=90)


@given(st.binary(max_size=100), st.fixed_dictionaries({}, optional={
    "webhook-id": HEADER, "webhook-timestamp": HEADER | st.just(str(NOW)), "webhook-signature": HEADER,
}))  # fmt: skip
def test_headers_that_nobody_signed_are_refused_whatever_they_are(raw: bytes, headers: dict[str, str]) -> None:
    assert verify(raw, headers, (SECRET,), NOW) == "bad-signature"


@given(st.binary(max_size=100), st.integers(-400, 400), st.integers(0, 3), st.integers(0, 2))
def test_signature_is_good_for_these_bytes_at_this_time_by_this_secret(
    raw: bytes, apart: int, others: int, spoil: int
) -> None:
    headers: dict[str, Any] = sign(raw, "evt_1", NOW + apart, SECRET)
    strangers = [f"v1,{base64.b64encode(bytes([number] * 32)).decode()}" for number in range(others)]
    headers["webhook-signature"] = " ".join([*strangers, headers["webhook-signature"]])

    said = verify(raw + b"x" * spoil, headers, (b"another secret of 32 bytes......", SECRET), NOW)

    assert said == ("bad-signature" if spoil else "ok" if abs(apart) <= 300 else "stale-signature")


@pytest.mark.parametrize("secrets", [(), (b"another secret of 32 bytes......",)])
def test_without_the_secret_nothing_is_good(secrets: tuple[bytes, ...]) -> None:
    assert verify(b"{}", sign(b"{}", "evt_1", NOW, SECRET), secrets, NOW) == "bad-signature"

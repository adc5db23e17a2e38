"""Mail on its way to the provider: to whom, and over which line."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.adapters.breaker import FAILURES_MAX, REST_SECONDS, Resting
from shared.adapters.mail import Bounced, Mail
from shared.domain.errors import Unavailable

NOW = datetime.now(UTC)


class Taken:
    """What a server was given."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.asked = 0
        self.is_broken = False

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.asked += 1
        session.host_name = hostname
        return ["421 Later"] if self.is_broken else responses

    async def handle_HELO(self, server: Any, session: Any, envelope: Any, hostname: str) -> str:
        return "421 Later"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("later"):
            return "450 Later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that this name signed for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    return paths


@asynccontextmanager
async def a_server(shown: tuple[Path, Path] | None, tls: bool = True) -> AsyncIterator[tuple[Mail, Taken]]:
    """A mail server that shows this certificate, or offers no TLS, and the product's own sender pointed at it."""
    taken, context = Taken(), None
    if shown is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*shown)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(taken, tls_context=context, loop=loop), "127.0.0.1", 0)
    settings: Any = SimpleNamespace(
        mail_from="Pledge <pledge@pledge.example>",
        smtp_host="localhost",
        smtp_port=server.sockets[0].getsockname()[1],
        smtp_tls=tls,
        smtp_username=None,
        smtp_password=None,
        outside_timeout_seconds=5.0,
    )
    async with server:
        yield Mail(settings), taken


async def send(mail: Mail, to: str = "ada@people.example", at: datetime = NOW) -> None:
    await mail.send(to, "Your link", "Here it is.", "m1", at, reply_to="contact@pledge.example")


async def test_server_whose_certificate_nobody_vouches_for_is_told_nothing(tmp_path: Path) -> None:
    async with a_server(certificate(tmp_path, "localhost")) as (mail, taken):
        with pytest.raises(Unavailable):
            await send(mail)

    assert taken.mails == []


async def test_server_that_shows_anothers_name_is_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = certificate(tmp_path, "elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(shown[0]))

    async with a_server(shown) as (mail, taken):
        with pytest.raises(Unavailable):
            await send(mail)

    assert taken.mails == []


async def test_server_that_cannot_hide_what_it_is_told_is_told_nothing() -> None:
    async with a_server(None) as (mail, taken):
        with pytest.raises(Unavailable):
            await send(mail)

    assert taken.mails == []


async def test_server_that_proves_its_name_gets_the_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(shown[0]))

    async with a_server(shown) as (mail, taken):
        await send(mail)

    assert [recipients for recipients, _ in taken.mails] == [["ada@people.example"]]


@pytest.mark.parametrize("to", ["=?utf-8?q?victim?=@people.example", "=?utf-8?q?a=2Cb?=@people.example"])
async def test_address_that_reads_as_another_is_written_to_nobody(to: str) -> None:
    async with a_server(None, tls=False) as (mail, taken):
        with pytest.raises(Bounced):
            await send(mail, to)

    assert taken.mails == []


async def test_server_that_fails_on_end_is_left_alone_so_that_nothing_else_waits_for_it() -> None:
    rested = NOW + timedelta(seconds=REST_SECONDS)
    async with a_server(None, tls=False) as (mail, taken):
        taken.is_broken = True
        for _ in range(FAILURES_MAX):
            with pytest.raises(Unavailable):
                await send(mail)
        with pytest.raises(Resting):
            await send(mail, at=rested - timedelta(seconds=1))
        asked = taken.asked
        taken.is_broken = False
        for _ in range(2):
            await send(mail, at=rested)

    assert (asked, len(taken.mails)) == (FAILURES_MAX, 2)


async def test_addresses_that_take_no_mail_now_hold_up_nobody_elses() -> None:
    async with a_server(None, tls=False) as (mail, taken):
        for _ in range(FAILURES_MAX):
            with pytest.raises(Unavailable):
                await send(mail, "later@people.example")
        await send(mail)

    assert len(taken.mails) == 1

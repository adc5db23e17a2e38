"""Calls to partners: what they carry, where they may go, what of an answer is believed, and when nobody calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from shared import telemetry
from shared.adapters.breaker import FAILURES_MAX, REST_SECONDS, Resting
from shared.adapters.outbound import ANSWER_BYTES_MAX, Outbound, checked_resolver, is_allowed
from shared.domain.errors import OutcomeUnknown, Unavailable
from shared.settings import Partner, Secret

SECRET = b"a secret of thirty-two bytes len"


async def headers_of_a_call() -> dict[str, str]:
    """The headers that reach a partner."""
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession() as session:
        partner = Partner("payments", "payments", (Secret(SECRET),), f"http://127.0.0.1:{port}")
        await Outbound(session, ("127.0.0.0/8",), 5.0).call(partner, "POST", "/refunds", {}, "m1", 1_800_000_000)
    lines = got[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}


async def test_a_call_carries_the_trace_of_what_caused_it() -> None:
    trace.set_tracer_provider(TracerProvider())

    with telemetry.span("a command"):
        where = telemetry.here()
        headers = await headers_of_a_call()

    assert where is not None
    assert headers["traceparent"].split("-")[1] == where.split("-")[1]
    assert headers["webhook-signature"].startswith("v1,")


NOW = 1_800_000_000


@asynccontextmanager
async def partner_that_answers(*parts: bytes, hosts: str = "127.0.0.1") -> AsyncIterator[tuple[Partner, list[bytes]]]:
    """A partner who answers each call with these bytes, sent one after the other; and what it was sent."""
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass  # The caller has heard enough.
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Partner("payments", "payments", (Secret(SECRET),), f"http://{hosts}:{port}"), got


def said(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, more, len(body), body)


async def test_answer_that_comes_in_pieces_is_read_whole() -> None:
    whole = said(b'{"status": "succeeded"}')
    async with partner_that_answers(whole[:-9], whole[-9:]) as (partner, _), aiohttp.ClientSession() as session:
        answer = await Outbound(session, ("127.0.0.0/8",), 5.0).call(partner, "POST", "/refunds", {}, "m1", NOW)

    assert answer.body == {"status": "succeeded"}


UNBELIEVABLE = (
    b"<html></html>", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000, b"[]", b"\xff",
    b'{"a": "%s"}' % (b"x" * ANSWER_BYTES_MAX),
)  # fmt: skip


@pytest.mark.parametrize("body", UNBELIEVABLE, ids=range(len(UNBELIEVABLE)))
async def test_answer_that_cannot_be_believed_is_no_answer(body: bytes) -> None:
    async with partner_that_answers(said(body)) as (partner, _), aiohttp.ClientSession() as session:
        answer = await Outbound(session, ("127.0.0.0/8",), 5.0).call(partner, "POST", "/refunds", {}, "m1", NOW)

    assert (answer.status, answer.body) == (200, None)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [(b"99999999", 3600), (b"0", 1), (b"7", 7), (b"-1", None), (b"Thu, 01 Jan 1970 00:00:00 GMT", None)],
)
async def test_wish_to_be_left_alone_is_heard_within_reason(stated: bytes, seconds: int | None) -> None:
    answered = said(b"", b"503 Busy", b"Retry-After: %s\r\n" % stated)
    async with partner_that_answers(answered) as (partner, _), aiohttp.ClientSession() as session:
        answer = await Outbound(session, ("127.0.0.0/8",), 5.0).call(partner, "POST", "", {}, "m1", NOW)

    assert answer.retry_after == seconds


async def test_redirect_is_not_followed() -> None:
    moved = said(b"", b"302 Found", b"Location: http://127.0.0.1:1/elsewhere\r\n")
    async with partner_that_answers(moved) as (partner, got), aiohttp.ClientSession() as session:
        answer = await Outbound(session, ("127.0.0.0/8",), 5.0).call(partner, "POST", "", {}, "m1", NOW)

    assert (answer.status, len(got)) == (302, 1)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "169.254.169.254", "168.63.129.16", "10.1.2.3", "::1", "64:ff9b::7f00:1", "2002:7f00:1::",
     "224.0.0.1", "100.64.0.1", "0.0.0.0", "fe80::1", "::ffff:127.0.0.1"],
)  # fmt: skip
def test_address_that_leads_inside_is_never_called(address: str) -> None:
    assert not is_allowed(address, ())
    assert is_allowed("93.184.216.34", ())


@pytest.mark.parametrize("host", ["127\u30020\u30020\u30021", "\uff11\uff12\uff17.0.0.1", "127\uff0e0.0.1"])
async def test_address_in_signs_of_another_script_is_not_called(host: str) -> None:
    async with partner_that_answers(said(b"{}"), hosts=host) as (partner, got), aiohttp.ClientSession() as session:
        with pytest.raises(Unavailable):
            await Outbound(session, (), 5.0).call(partner, "POST", "", {}, "m1", NOW)

    assert got == []


async def test_name_that_resolves_inside_is_not_called() -> None:
    connector = aiohttp.TCPConnector(resolver=checked_resolver(()))
    async with (
        partner_that_answers(said(b"{}"), hosts="localhost") as (partner, got),
        aiohttp.ClientSession(connector=connector) as session,
    ):
        with pytest.raises(Unavailable):
            await Outbound(session, (), 5.0).call(partner, "POST", "", {}, "m1", NOW)

    assert got == []


async def test_partner_who_never_ends_its_answer_is_not_waited_for() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"
    async with partner_that_answers(endless, *[b" "] * 100) as (partner, _), aiohttp.ClientSession() as session:
        with pytest.raises(OutcomeUnknown):
            await Outbound(session, ("127.0.0.0/8",), 0.3).call(partner, "POST", "", {}, "m1", NOW)


async def test_partner_who_fails_on_end_is_left_alone_for_a_minute_and_then_tried_once() -> None:
    async with (
        partner_that_answers(said(b"", b"500 Oh")) as (partner, got),
        aiohttp.ClientSession() as session,
    ):
        outbound = Outbound(session, ("127.0.0.0/8",), 5.0)
        for _ in range(FAILURES_MAX):
            await outbound.call(partner, "POST", "", {}, "m1", NOW)
        with pytest.raises(Resting):
            await outbound.call(partner, "POST", "", {}, "m1", NOW + REST_SECONDS - 1)
        before = len(got)
        await outbound.call(partner, "POST", "", {}, "m1", NOW + REST_SECONDS)
        with pytest.raises(Resting):
            await outbound.call(partner, "POST", "", {}, "m1", NOW + REST_SECONDS)

    assert (before, len(got)) == (FAILURES_MAX, FAILURES_MAX + 1)


async def test_partner_who_answers_again_is_called_as_before() -> None:
    async with partner_that_answers(said(b"", b"500 Oh")) as (failing, _), aiohttp.ClientSession() as session:
        outbound = Outbound(session, ("127.0.0.0/8",), 5.0)
        for _ in range(FAILURES_MAX):
            await outbound.call(failing, "POST", "", {}, "m1", NOW)
        async with partner_that_answers(said(b"{}")) as (well, got):
            for _ in range(3):
                await outbound.call(well, "POST", "", {}, "m1", NOW + REST_SECONDS)

    assert len(got) == 3

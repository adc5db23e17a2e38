"""What a call to a partner carries: a signature, and the trace that it belongs to."""

from __future__ import annotations

import asyncio

import aiohttp
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from shared import telemetry
from shared.adapters.outbound import Outbound
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

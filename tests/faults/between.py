"""Puts itself between the product and an outside service, over the wire, and lets one call go wrong in a chosen way.

not_applied     the service is not asked, and answers that it cannot
down            the same, and for every call after it until all is healed
lost            the service did it, the connection is cut before the answer
killed_before   the functions host is killed before the service is asked
killed_after    the functions host is killed when the service has answered
slow            the service does it, and its answer comes later than anybody waits
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import struct
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

KINDS = ("not_applied", "down", "lost", "killed_before", "killed_after", "slow")
HTTP_UNAVAILABLE = b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
SMTP_UNAVAILABLE = b"421 4.3.2 Not now\r\n"

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Between:
    """One service, seen through a port of our own. Counts its calls: HTTP requests, or mails."""

    def __init__(self, serve: Callable[[Between, Reader, Writer], Awaitable[None]], slow_seconds: float) -> None:
        self.port = 0
        self.target = 0
        self.pid_file = Path()
        self.calls = 0
        self._serve = serve
        self._slow_seconds = slow_seconds
        self._nth, self._kind = 0, ""
        up = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._run(up)), daemon=True).start()
        up.wait(10)

    async def _run(self, up: threading.Event) -> None:
        async def connected(reader: Reader, writer: Writer) -> None:
            # Whoever hangs up, or is killed, ends a connection; the next one is served all the same.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(self, reader, writer)
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        up.set()
        await server.serve_forever()

    def arm(self, nth: int, kind: str) -> None:
        """From now on, let the `nth` call go wrong."""
        self.calls, self._nth, self._kind = 0, nth, kind

    def heal(self) -> int:
        """Let all be well; how many calls there were."""
        self._nth = 0
        return self.calls

    def fault_of_next_call(self) -> str:
        """What befalls the call that begins."""
        self.calls += 1
        is_hit = self.calls == self._nth or (self._kind == "down" and 0 < self._nth < self.calls)
        return self._kind if is_hit else ""

    async def before(self, fault: str, writer: Writer, unavailable: bytes) -> bool:
        """Suffer what comes before the service is asked; False if it is not to be asked."""
        if fault == "killed_before":
            self._kill()
        if fault in ("not_applied", "down"):
            writer.write(unavailable)
            await writer.drain()
        return fault not in ("not_applied", "down", "killed_before")

    async def after(self, fault: str, writer: Writer) -> bool:
        """Suffer what comes when it has answered; False if the answer is not to be passed on."""
        if fault == "killed_after":
            self._kill()
        if fault == "lost":
            # Without lingering, closing sends a reset rather than an orderly end.
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        if fault == "slow":
            await asyncio.sleep(self._slow_seconds)
        return fault not in ("killed_after", "lost")

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(self.pid_file.read_text()), signal.SIGKILL)


async def http(between: Between, reader: Reader, writer: Writer) -> None:
    """One request, one answer, one connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    fault = between.fault_of_next_call()
    if not await between.before(fault, writer, HTTP_UNAVAILABLE):
        return
    theirs, ours = await asyncio.open_connection("127.0.0.1", between.target)
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
    ours.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body)
    answer = await theirs.read()
    ours.close()
    if await between.after(fault, writer):
        writer.write(answer)
        await writer.drain()


async def smtp(between: Between, reader: Reader, writer: Writer) -> None:
    """One mail, one connection: line by line, each answered before the next."""
    fault = between.fault_of_next_call()
    if not await between.before(fault, writer, SMTP_UNAVAILABLE):
        return
    theirs, ours = await asyncio.open_connection("127.0.0.1", between.target)
    said = b""
    while True:
        answer = await theirs.readline()
        while answer[3:4] == b"-" and answer.splitlines()[-1][3:4] != b" ":
            answer += await theirs.readline()
        is_taken = said.endswith(b"\r\n.\r\n") and answer.startswith(b"250")
        if is_taken and not await between.after(fault, writer):
            break
        writer.write(answer)
        await writer.drain()
        said = await (reader.readuntil(b"\r\n.\r\n") if answer.startswith(b"354") else reader.readline())
        if not said:
            break
        ours.write(said)
        await ours.drain()
    ours.close()

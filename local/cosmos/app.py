"""The ASGI application: reads a request, lets the faults have their way, answers, and writes the call down."""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import time
import uuid
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.cosmos.auth import EMULATOR_KEY, check_signature
from local.cosmos.calls import Calls
from local.cosmos.clock import Clock
from local.cosmos.control import Control
from local.cosmos.faults import Faults
from local.cosmos.items import TOO_LARGE
from local.cosmos.resources import find_container
from local.cosmos.routes import Call, Routes
from local.cosmos.store import Store
from local.cosmos.wire import Answer, CosmosError, Request, error_body

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_BYTES_MAX = 4 * 1024 * 1024
PURGE_SECONDS = 60.0
FIXED_HEADERS = [
    (b"content-type", b"application/json"),
    (b"x-ms-gatewayversion", b"version=2.14.0"),
    (b"x-ms-serviceversion", b"version=2.14.0.0"),
]


class Dropped(Exception):
    """The connection is to be cut without an answer."""


class Endpoint:
    """A Cosmos DB account over one SQLite file."""

    def __init__(
        self,
        data: str | Path,
        key: str = EMULATOR_KEY,
        now: str | None = None,
        ranges: int = 1,
        query_seconds: float = 60,
    ) -> None:
        self.store = Store(data, ranges)
        self.clock = Clock(now)
        self.key = b64decode(key)
        self.faults = Faults()
        self.calls = Calls()
        self.routes = Routes(self.store, self.clock, query_seconds)
        self.control = Control(self)
        self._purged_at = time.monotonic()

    def close(self) -> None:
        self.routes.queries.pool.shutdown(wait=True)
        self.store.close()

    # -- ASGI --------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            request = await _read_request(scope, receive)
        except CosmosError as error:
            await self._send(send, self._error(error, None), None)
            return
        if self.control.takes(request):
            await self.control.handle(request, send)
            return
        try:
            answer = await self._handle(request, receive)
        except Dropped:
            _cut(send)
            return
        await self._send(send, answer, request)

    async def _send(self, send: Send, answer: Answer, request: Request | None) -> None:
        activity_id = (request.header("x-ms-activity-id") if request else None) or str(uuid.uuid4())
        headers = [
            *FIXED_HEADERS,
            (b"content-length", b"%d" % len(answer.body)),
            (b"date", self.clock.http_date().encode()),
            (b"x-ms-activity-id", activity_id.encode("latin-1")),
            (b"x-ms-request-charge", str(answer.charge).encode()),
            (b"lsn", b"%d" % self.store.lsn),
        ]
        headers += [(name.encode("latin-1"), value.encode("utf-8")) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _error(self, error: CosmosError, request: Request | None) -> Answer:
        activity_id = (request.header("x-ms-activity-id") if request else None) or ""
        headers = {} if error.substatus is None else {"x-ms-substatus": str(error.substatus)}
        if error.retry_after_ms is not None:
            headers["x-ms-retry-after-ms"] = str(error.retry_after_ms)
        body = b"" if error.status == 304 else error_body(error, activity_id)
        return Answer(error.status, body, headers)

    # -- one call ----------------------------------------------------------------------------------------------

    async def _handle(self, request: Request, receive: Receive) -> Answer:
        """Answer the request as faults allow. Raises Dropped where the client shall see no answer."""
        started = time.perf_counter()
        call = Call(request)
        container = self._container_name(call)
        status: int | str = "dropped"
        answer = None
        try:
            check_signature(request, self.key)
            effects = self.faults.effects_for(call.operation, container, call.item_id, call.is_meta)
            answer = await self._suffer(call, effects, receive)
            status = answer.status
        except (CosmosError, RecursionError) as error:
            refusal = error if isinstance(error, CosmosError) else CosmosError(400, "The request is nested too deeply.")
            answer = self._error(refusal, request)
            status = refusal.status
        finally:
            self._log(call, container, status, answer, started)
        return answer

    def _container_name(self, call: Call) -> str | None:
        """The container's id, also where the request names it by its rid."""
        if call.container is None or call.database is None:
            return None
        try:
            return find_container(self.store, call.database, call.container).id
        except CosmosError:
            return call.container

    def _log(self, call: Call, container: str | None, status: int | str, answer: Answer | None, started: float) -> None:
        self.calls.add(
            {
                "operation": call.operation,
                "container": container,
                "id": call.item_id,
                "partition_key": call.request.header("x-ms-documentdb-partitionkey"),
                "status": status,
                "charge": answer.charge if answer is not None else 0.0,
                "batch": answer.batch if answer is not None else None,
                "ms": round((time.perf_counter() - started) * 1000, 2),
                "meta": call.is_meta,
                "session": call.request.header("x-ms-session-token"),
                "bytes": len(call.request.body),
            }
        )

    async def _suffer(self, call: Call, effects: list[dict[str, Any]], receive: Receive) -> Answer:
        is_stale = False
        for effect in effects:
            kind, when = effect["kind"], effect.get("when", "before")
            if kind == "delay":
                await asyncio.sleep(effect["ms"] / 1000)
            elif kind == "hang":
                await _wait_for_disconnect(receive)
                raise Dropped
            elif kind == "kill" and when == "before":
                _kill(effect)
            elif kind == "reset" and when == "before":
                raise Dropped
            elif kind == "status" and not effect.get("apply"):
                raise _injected(effect)
            elif kind == "stale":
                is_stale = True
        try:
            self._purge_now_and_then()
            answer = await self.routes.answer(call, is_stale)
        except CosmosError as error:
            answer = self._error(error, call.request)
        for effect in effects:
            if effect["kind"] == "kill" and effect.get("when") == "after":
                _kill(effect)
            elif effect["kind"] == "reset" and effect.get("when") == "after":
                raise Dropped
            elif effect["kind"] == "status" and effect.get("apply"):
                raise _injected(effect)
        return answer

    def _purge_now_and_then(self) -> None:
        if time.monotonic() - self._purged_at > PURGE_SECONDS:
            self._purged_at = time.monotonic()
            self.store.purge(self.clock.now())


def _injected(effect: dict[str, Any]) -> CosmosError:
    error = CosmosError(effect["status"], "This error was asked for by a fault rule.", effect.get("substatus"))
    error.retry_after_ms = effect.get("retry_after_ms")
    return error


def _kill(effect: dict[str, Any]) -> None:
    """Kill the process that the rule names, or the one whose number a file holds at this moment."""
    pid = effect.get("pid") or int(Path(effect["pid_file"]).read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cut(send: Send) -> None:
    """Reset the connection. ASGI has no word for it, so uvicorn's transport is taken from behind `send`."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the connection was cut by a fault rule")
    raw = transport.get_extra_info("socket")
    if raw is not None:
        # Without lingering, closing sends a reset rather than an orderly end.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _read_request(scope: Message, receive: Receive) -> Request:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_BYTES_MAX:
            chunks.append(chunk)
        if not message.get("more_body"):
            break
    if size > BODY_BYTES_MAX:
        raise CosmosError(413, TOO_LARGE)
    raw_path = scope.get("raw_path") or scope["path"].encode()
    path = raw_path.decode("latin-1").partition("?")[0]
    # Each segment is decoded after splitting, because a name may hold an encoded slash.
    segments = [unquote(segment) for segment in path.split("/") if segment]
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    return Request(scope["method"], path, segments, query, headers, b"".join(chunks))

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

from local.cosmos import batch, charges, feeds, items
from local.cosmos.auth import EMULATOR_KEY, check_signature
from local.cosmos.calls import Calls
from local.cosmos.clock import Clock
from local.cosmos.control import Control
from local.cosmos.faults import Faults
from local.cosmos.items import Conditions, Outcome, Place, place_of
from local.cosmos.partition_key import Key, key_from_header
from local.cosmos.queries import CROSS_PARTITION_DISABLED, Queries
from local.cosmos.resources import Resources, account, find_container
from local.cosmos.store import Container, Store, Transaction
from local.cosmos.wire import Answer, CosmosError, Request, dumps, error_body

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_BYTES_MAX = 4 * 1024 * 1024
PURGE_SECONDS = 60.0
UNKNOWN_ROUTE = "The requested operation is not known to this endpoint."
STALE_SESSION = "The read session is not available for the input session token."
STALE_CONTAINER = "Collection rid in the request does not match the container's: it was created anew."
METHODS = {"GET": "Read", "PUT": "Replace", "DELETE": "Delete", "PATCH": "Patch", "POST": "Create"}


class Dropped(Exception):
    """The connection is to be cut without an answer."""


class Call:
    """What a request asks for, as far as its path and headers tell."""

    def __init__(self, request: Request) -> None:
        segments = request.segments
        self.request = request
        self.database = segments[1] if len(segments) > 1 and segments[0] == "dbs" else None
        self.container = segments[3] if len(segments) > 3 and segments[2] == "colls" else None
        self.resource = segments[4] if self.container is not None and len(segments) > 4 else None
        self.item_id = segments[5] if self.resource == "docs" and len(segments) == 6 else None
        self.is_meta = self.resource != "docs"
        self.operation = self._operation()

    def _operation(self) -> str:
        request = self.request
        if self.item_id is not None:
            return METHODS.get(request.method, request.method)
        if request.method == "POST":
            if request.is_set("x-ms-cosmos-is-batch-request"):
                return "Batch"
            if request.is_set("x-ms-cosmos-is-query-plan-request"):
                return "QueryPlan"
            if request.is_set("x-ms-documentdb-isquery"):
                return "SqlQuery"
            if request.is_set("x-ms-documentdb-is-upsert"):
                return "Upsert"
            return "Create"
        if request.method == "GET" and self.resource is not None:
            return "ChangeFeed" if self.resource == "docs" and "a-im" in request.headers else "ReadFeed"
        return METHODS.get(request.method, request.method)


class Endpoint:
    """A Cosmos DB account over one SQLite file."""

    def __init__(self, data: str | Path, key: str = EMULATOR_KEY, now: str | None = None, ranges: int = 1) -> None:
        self.store = Store(data, ranges)
        self.clock = Clock(now)
        self.key = b64decode(key)
        self.faults = Faults()
        self.calls = Calls()
        self.resources = Resources(self.store, self.clock)
        self.queries = Queries(self.store, self.clock)
        self.control = Control(self)
        self._purged_at = time.monotonic()

    def close(self) -> None:
        self.queries.pool.shutdown(wait=True)
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
        headers = {
            "content-type": "application/json",
            "content-length": str(len(answer.body)),
            "date": self.clock.http_date(),
            "x-ms-activity-id": activity_id,
            "x-ms-request-charge": str(answer.charge),
            "x-ms-gatewayversion": "version=2.14.0",
            "x-ms-serviceversion": "version=2.14.0.0",
            "lsn": str(self.store.lsn),
            **answer.headers,
        }
        raw = [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
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
        status: int | str = "dropped"
        answer = None
        try:
            check_signature(request, self.key)
            effects = self.faults.effects_for(call.operation, self._container_name(call), call.item_id, call.is_meta)
            answer = await self._suffer(call, effects, receive)
            status = answer.status
        except (CosmosError, RecursionError) as error:
            refusal = error if isinstance(error, CosmosError) else CosmosError(400, "The request is nested too deeply.")
            answer = self._error(refusal, request)
            status = refusal.status
        finally:
            self._log(call, status, answer, started)
        return answer

    def _container_name(self, call: Call) -> str | None:
        """The container's id, also where the request names it by its rid."""
        if call.container is None or call.database is None:
            return None
        try:
            return find_container(self.store, call.database, call.container).id
        except CosmosError:
            return call.container

    def _log(self, call: Call, status: int | str, answer: Answer | None, started: float) -> None:
        self.calls.add(
            {
                "operation": call.operation,
                "container": self._container_name(call),
                "id": call.item_id,
                "partition_key": call.request.header("x-ms-documentdb-partitionkey"),
                "status": status,
                "charge": answer.charge if answer is not None else 0.0,
                "batch": answer.batch if answer is not None else None,
                "ms": round((time.perf_counter() - started) * 1000, 2),
                "meta": call.is_meta,
                "session": call.request.header("x-ms-session-token"),
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
                _kill(effect["pid"])
            elif kind == "reset" and when == "before":
                raise Dropped
            elif kind == "status" and not effect.get("apply"):
                raise _injected(effect)
            elif kind == "stale":
                is_stale = True
        try:
            answer = await self._answer(call, is_stale)
        except CosmosError as error:
            answer = self._error(error, call.request)
        for effect in effects:
            if effect["kind"] == "kill" and effect.get("when") == "after":
                _kill(effect["pid"])
            elif effect["kind"] == "reset" and effect.get("when") == "after":
                raise Dropped
            elif effect["kind"] == "status" and effect.get("apply"):
                raise _injected(effect)
        return answer

    # -- routes ------------------------------------------------------------------------------------------------

    async def _answer(self, call: Call, is_stale: bool) -> Answer:
        """What a service in good health answers."""
        self._purge_now_and_then()
        request = call.request
        if call.resource is not None:
            return await self._in_container(call, is_stale)
        if call.operation == "SqlQuery" and request.segments[-1:] == ["offers"]:
            return self.resources.offers(request)
        match request.method, request.segments:
            case "GET", []:
                return account(request.header("host") or "localhost")
            case (("GET" | "POST"), ["dbs"]):
                return self.resources.databases(request)
            case (("GET" | "DELETE"), ["dbs", name]):
                return self.resources.database(request, name)
            case (("GET" | "POST"), ["dbs", name, "colls"]):
                return self.resources.containers(request, name)
            case (("GET" | "PUT" | "DELETE"), ["dbs", database, "colls", name]):
                return self.resources.container(request, database, name)
            case "GET", ["offers"]:
                return self.resources.offers(request)
            case (("GET" | "PUT"), ["offers", name]):
                return self.resources.offer(request, name)
        raise CosmosError(405 if request.segments[:1] in (["dbs"], ["offers"]) else 404, UNKNOWN_ROUTE)

    def _purge_now_and_then(self) -> None:
        if time.monotonic() - self._purged_at > PURGE_SECONDS:
            self._purged_at = time.monotonic()
            self.store.purge(self.clock.now())

    async def _in_container(self, call: Call, is_stale: bool) -> Answer:
        request = call.request
        container = find_container(self.store, call.database or "", call.container or "")
        intended = request.header("x-ms-cosmos-intended-collection-rid")
        if intended is not None and intended != container.rid:
            raise CosmosError(400, STALE_CONTAINER, substatus=1024)
        if call.operation in ("Read", "SqlQuery", "QueryPlan", "ReadFeed", "ChangeFeed", "Batch"):
            self._check_session(request)
        answer = await self._routed(call, container, is_stale)
        answer.headers.setdefault("x-ms-documentdb-partitionkeyrangeid", container.ranges[0].id)
        range_id = answer.headers["x-ms-documentdb-partitionkeyrangeid"]
        answer.headers["x-ms-session-token"] = f"{range_id}:-1#{self.store.lsn}"
        answer.headers["x-ms-alt-content-path"] = container.link
        answer.headers["x-ms-content-path"] = container.rid
        return answer

    def _check_session(self, request: Request) -> None:
        """Refuse a read that must see a write which this account has not made."""
        for token in (request.header("x-ms-session-token") or "").split(","):
            parts = token.rpartition(":")[2].split("#")
            lsn = parts[1] if len(parts) > 1 else parts[0]
            if lsn.isascii() and lsn.isdigit() and int(lsn[:18]) > self.store.lsn:
                raise CosmosError(404, STALE_SESSION, substatus=1002)

    async def _routed(self, call: Call, container: Container, is_stale: bool) -> Answer:
        request = call.request
        stale_at = self._stale_lsn(request, container) if is_stale else None
        if call.resource == "docs":
            if call.item_id is not None:
                return self._on_item(call, container, stale_at is not None)
            match call.operation:
                case "SqlQuery":
                    return await self.queries.query(request, container, stale_at)
                case "QueryPlan":
                    return self.queries.plan(request, container)
                case "ReadFeed":
                    return await self.queries.read_feed(request, container, stale_at)
                case "ChangeFeed":
                    return feeds.change_feed(request, container, self.store, self.clock)
                case "Batch":
                    if request.header("x-ms-documentdb-partitionkey") is None:
                        return batch.run_bulk(self.store, container, request.body, self.clock.now())
                    place = place_of(container, self._key(request), None)
                    answer = batch.run_batch(self.store, container, place, request.body, self.clock.now())
                    return self._at(place, answer)
                case "Create" | "Upsert":
                    return self._create(request, container, call.operation == "Upsert")
        if call.resource == "pkranges" and request.method == "GET":
            return feeds.ranges(request, container)
        if call.resource == "conflicts" and len(request.segments) == 6:
            raise CosmosError(404, items.NOT_FOUND)
        is_open = request.is_set("x-ms-documentdb-query-enablecrosspartition")
        if call.resource == "conflicts" and call.operation == "SqlQuery" and not (is_open or self._key(request)):
            raise CosmosError(400, CROSS_PARTITION_DISABLED)
        if call.resource in ("sprocs", "triggers", "udfs", "conflicts") and call.operation in ("ReadFeed", "SqlQuery"):
            names = {"sprocs": "StoredProcedures", "triggers": "Triggers", "udfs": "UserDefinedFunctions"}
            name = names.get(call.resource, "Conflicts")
            return Answer(200, dumps({"_rid": container.rid, name: [], "_count": 0}))
        if request.segments[4:] == ["operations", "partitionkeydelete"] and request.method == "POST":
            place = place_of(container, self._key(request), None)
            with self.store.write(self.clock.now()) as transaction:
                transaction.delete_partition(container, place.text)
            return self._at(place, Answer(200))
        raise CosmosError(405, UNKNOWN_ROUTE)

    # -- items -------------------------------------------------------------------------------------------------

    def _key(self, request: Request) -> Key | None:
        header = request.header("x-ms-documentdb-partitionkey")
        return None if header is None else key_from_header(header)

    def _at(self, place: Place, answer: Answer) -> Answer:
        answer.headers["x-ms-documentdb-partitionkeyrangeid"] = place.container.range_of(place.epk).id
        return answer

    def _write(self, request: Request, place: Place, act: Callable[[Transaction], Outcome]) -> Answer:
        """Do one operation in a transaction of its own."""
        with self.store.write(self.clock.now()) as transaction:
            outcome = act(transaction)
        is_minimal = "return=minimal" in (request.header("prefer") or "").lower()
        answer = Answer(outcome.status, charge=outcome.charge)
        if outcome.item is not None:
            answer.headers["etag"] = outcome.item.etag
            answer.body = b"" if is_minimal else outcome.item.body
        return self._at(place, answer)

    def _create(self, request: Request, container: Container, is_upsert: bool) -> Answer:
        body = items.parse_item(request.body)
        place = place_of(container, self._key(request), body)
        if is_upsert:
            return self._write(request, place, lambda tx: items.upsert(tx, place, body, _conditions(request)))
        return self._write(request, place, lambda tx: items.create(tx, place, body))

    def _on_item(self, call: Call, container: Container, is_stale: bool) -> Answer:
        request, name = call.request, call.item_id or ""
        replacement = items.parse_item(request.body) if call.operation == "Replace" else None
        patch = items.parse_body(request.body) if call.operation == "Patch" else None
        place = place_of(container, self._key(request), replacement)
        item_id = self._named(container, name)
        conditions = _conditions(request)
        match call.operation:
            case "Read":
                return self._read(request, place, item_id, is_stale)
            case "Replace":
                return self._write(
                    request, place, lambda tx: items.replace(tx, place, item_id, replacement or {}, conditions)
                )
            case "Patch":
                return self._write(request, place, lambda tx: items.patch(tx, place, item_id, patch, conditions))
            case "Delete":
                return self._write(request, place, lambda tx: items.delete(tx, place, item_id, conditions))
        raise CosmosError(405, UNKNOWN_ROUTE)

    def _named(self, container: Container, name: str) -> str:
        """The id of the item that a path names by its id or by its rid."""
        number = container.item_number(name) if len(name) == 24 else None
        found = self.store.find_by_number(number) if number is not None else None
        return found.id if found is not None else name

    def _read(self, request: Request, place: Place, item_id: str, is_stale: bool) -> Answer:
        found = self.store.find(place.container, place.text, item_id, self.clock.now())
        if is_stale:
            asked = _session_lsn(request)
            for change in reversed(self.store.history):
                if change.lsn <= asked:
                    break
                if (change.container, change.pk, change.id) == (place.container.number, place.text, item_id):
                    found = change.before
                    if asked < 0:
                        break
        if found is None:
            raise CosmosError(404, items.NOT_FOUND)
        etag_known = request.header("if-none-match")
        if etag_known is not None and etag_known in ("*", found.etag):
            return self._at(place, Answer(304, b"", {"etag": found.etag}))
        answer = Answer(200, found.body, {"etag": found.etag}, charges.read(len(found.body)))
        return self._at(place, answer)

    def _stale_lsn(self, request: Request, container: Container) -> int:
        """The state a lagging replica may show: what the session has seen, else that before the last write."""
        asked = _session_lsn(request)
        if asked >= 0:
            return asked
        last = next((change.lsn for change in reversed(self.store.history) if change.container == container.number), 0)
        return max(last - 1, 0)


def _session_lsn(request: Request) -> int:
    """The highest lsn in the session token, -1 without one."""
    found = -1
    for token in (request.header("x-ms-session-token") or "").split(","):
        parts = token.rpartition(":")[2].split("#")
        if len(parts) > 1 and parts[1].isascii() and parts[1].isdigit():
            found = max(found, int(parts[1]))
    return found


def _conditions(request: Request) -> Conditions:
    return Conditions(request.header("if-match"), request.header("if-none-match"))


def _injected(effect: dict[str, Any]) -> CosmosError:
    error = CosmosError(effect["status"], "This error was asked for by a fault rule.", effect.get("substatus"))
    error.retry_after_ms = effect.get("retry_after_ms")
    return error


def _kill(pid: int) -> None:
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
        raise CosmosError(413, items.TOO_LARGE)
    raw_path = scope.get("raw_path") or scope["path"].encode()
    path = raw_path.decode("latin-1").partition("?")[0]
    # Each segment is decoded after splitting, because a name may hold an encoded slash.
    segments = [unquote(segment) for segment in path.split("/") if segment]
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    return Request(scope["method"], path, segments, query, headers, b"".join(chunks))

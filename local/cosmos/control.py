"""The endpoint's own doors, under /_local/ and for people at /: faults, calls, clock, dump, page. No key is needed."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from local.cosmos.partition_key import key_from_header
from local.cosmos.sql.parser import parse
from local.cosmos.sql.run import Program
from local.cosmos.store import Container, Where
from local.cosmos.wire import CosmosError, Request, dumps

if TYPE_CHECKING:
    from local.cosmos.app import Endpoint

Send = Callable[[dict[str, Any]], Awaitable[None]]

# Whoever reaches the port may use these doors, but a web page that a browser has open may not: neither by a name
# that resolves to this machine, nor from another origin.
LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}
ROWS_MAX = 200
DUMP_ROWS_A_CHUNK = 500


class Control:
    """Answers what is asked of the endpoint itself rather than of the account."""

    def __init__(self, endpoint: "Endpoint") -> None:
        self.endpoint = endpoint

    def takes(self, request: Request) -> bool:
        if request.segments[:1] == ["_local"]:
            return True
        wants_page = "text/html" in (request.header("accept") or "")
        return request.method == "GET" and not request.segments and wants_page

    async def handle(self, request: Request, send: Send) -> None:
        try:
            self._check_origin(request)
            if request.segments == ["_local", "dump"]:
                await self._dump(request, send)
                return
            status, kind, body = 200, "application/json", self._answer(request)
            if not request.segments:
                from local.cosmos.page import PAGE

                kind, body = "text/html; charset=utf-8", PAGE.encode()
        except CosmosError as error:
            status, kind = error.status, "application/json"
            body = dumps({"error": error.message, "errors": error.errors})
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _check_origin(self, request: Request) -> None:
        host = request.header("host") or ""
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        origin = request.header("origin")
        if name not in LOOPBACK_NAMES or (origin is not None and origin != f"http://{host}"):
            raise CosmosError(403, "The local doors are open only to this machine, by its loopback names.")

    def _answer(self, request: Request) -> bytes:
        match request.method, request.segments:
            case "GET", []:
                return b""
            case "GET", ["_local", "ready"]:
                return dumps({"ready": True, "now": self.endpoint.clock.iso(), "lsn": self.endpoint.store.lsn})
            case _, ["_local", "faults"]:
                return self._faults(request)
            case (("GET" | "DELETE"), ["_local", "calls"]):
                if request.method == "DELETE":
                    self.endpoint.calls.clear()
                since = request.query.get("since", "0")
                return dumps(self.endpoint.calls.since(int(since) if since.isascii() and since.isdigit() else 0))
            case (("GET" | "POST"), ["_local", "clock"]):
                return self._clock(request)
            case "GET", ["_local", "containers"]:
                return dumps(self._containers())
            case "POST", ["_local", "query"]:
                return self._query(request)
        raise CosmosError(404, "There is no such door.")

    def _faults(self, request: Request) -> bytes:
        faults = self.endpoint.faults
        try:
            if request.method == "PUT":
                body = request.json()
                faults.replace(body.get("rules") if isinstance(body, dict) else None)
            elif request.method == "DELETE":
                faults.replace([])
        except ValueError as error:
            raise CosmosError(400, str(error)) from None
        return dumps({"rules": faults.listed()})

    def _clock(self, request: Request) -> bytes:
        if request.method == "POST":
            body = request.json()
            now = body.get("now") if isinstance(body, dict) else None
            try:
                self.endpoint.clock.move(str(now))
            except (ValueError, OverflowError):
                raise CosmosError(400, f"'now' must be an instant in ISO 8601, not {now!r:.100}.") from None
        return dumps({"now": self.endpoint.clock.iso()})

    def _containers(self) -> list[dict[str, Any]]:
        return [
            {"database": database.id, "container": container.id, "ranges": len(container.ranges), **container.body}
            for database in self.endpoint.store.databases.values()
            for container in database.containers.values()
        ]

    def _container(self, database: str | None, name: str | None) -> Container:
        """The container of this name, in this database or in the only one that has it."""
        found = [
            container
            for container_database in self.endpoint.store.databases.values()
            for container in container_database.containers.values()
            if container.id == name and database in (None, "", container_database.id)
        ]
        if not found:
            raise CosmosError(404, f"There is no container {name!r:.100}.")
        if len(found) > 1:
            raise CosmosError(400, f"More than one database has a container {name!r:.100}: say which ('database').")
        return found[0]

    def _query(self, request: Request) -> bytes:
        """The first rows of a query over a whole container, or one partition of it, for the page."""
        body = request.json()
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            raise CosmosError(400, "A query needs 'container' and 'query'.")
        container = self._container(body.get("database"), body.get("container"))
        endpoint, now = self.endpoint, self.endpoint.clock.now()
        where = Where()
        if body.get("partition_key") is not None:
            from local.cosmos.items import Place

            place = Place(container, key_from_header(json.dumps(body["partition_key"])))
            where = Where(place.text, place.epk)
        program = Program(parse(body["query"]), {}, now)
        page = program.run(
            lambda after: endpoint.store.scan(endpoint.store.writer, container, where, now, max(after, 0)),
            None,
            ROWS_MAX,
        )
        return b'{"rows":[%s],"more":%s}' % (b",".join(page.rows), b"true" if page.cursor else b"false")

    async def _dump(self, request: Request, send: Send) -> None:
        """All live items of a container, one JSON text a line, as they are at this moment."""
        container = self._container(request.query.get("database"), request.query.get("container"))
        endpoint = self.endpoint
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        # A connection and a snapshot of its own, whatever is written or dumped meanwhile.
        sql = endpoint.store.connect()
        sql.execute("BEGIN")
        try:
            chunk = []
            for _, body in endpoint.store.scan(sql, container, Where(), endpoint.clock.now()):
                chunk.append(body + b"\n")
                if len(chunk) == DUMP_ROWS_A_CHUNK:
                    await send({"type": "http.response.body", "body": b"".join(chunk), "more_body": True})
                    chunk = []
            await send({"type": "http.response.body", "body": b"".join(chunk)})
        finally:
            sql.close()

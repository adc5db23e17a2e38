"""Where requests go: from path and headers to the operation on the account, a container or an item."""

from collections.abc import Callable

from local.cosmos import batch, charges, feeds, items
from local.cosmos.clock import Clock
from local.cosmos.items import Conditions, Outcome, Place, place_of
from local.cosmos.partition_key import Key, key_from_header
from local.cosmos.queries import CROSS_PARTITION_DISABLED, Queries
from local.cosmos.resources import Resources, account, find_container
from local.cosmos.store import Container, Store, Transaction
from local.cosmos.wire import Answer, CosmosError, Request, dumps

UNKNOWN_ROUTE = "The requested operation is not known to this endpoint."
STALE_SESSION = "The read session is not available for the input session token."
STALE_CONTAINER = "Collection rid in the request does not match the container's: it was created anew."
METHODS = {"GET": "Read", "PUT": "Replace", "DELETE": "Delete", "PATCH": "Patch", "POST": "Create"}


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


class Routes:
    """Answers every call as a service in good health would, or from a replica that lags."""

    def __init__(self, store: Store, clock: Clock, query_seconds: float) -> None:
        self.store = store
        self.clock = clock
        self.resources = Resources(store, clock)
        self.queries = Queries(store, clock, query_seconds)

    async def answer(self, call: Call, is_stale: bool) -> Answer:
        """Do what the call asks for. Raises CosmosError for a refusal."""
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
        answer.headers["x-ms-session-token"] = f"{range_id}:-1#{self.store.container_lsns.get(container.number, 0)}"
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
                    key, now = self._key(request), self.clock.now()
                    if key is None:
                        return batch.run_bulk(self.store, container, request, now)
                    place = place_of(container, key, None)
                    return self._at(place, batch.run_batch(self.store, place, request, now))
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
        answer = Answer(outcome.status, charge=outcome.charge)
        if outcome.item is not None:
            answer.headers["etag"] = outcome.item.etag
            answer.body = b"" if request.wants_minimal else outcome.item.body
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

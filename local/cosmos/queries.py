"""Queries and read feeds over HTTP: which partition they go to, what the gateway refuses, and continuation."""

import asyncio
import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from local.cosmos import charges
from local.cosmos.clock import Clock
from local.cosmos.partition_key import HALF_PAIR, Range, effective_key, key_from_header, key_text
from local.cosmos.resources import query_of
from local.cosmos.sql.keys import first_key, keys_among, keys_between, pinned_key, texts_of
from local.cosmos.sql.parser import parse
from local.cosmos.sql.plan import needs_plan, plan_of
from local.cosmos.sql.run import Cursor, Items, Page, Program
from local.cosmos.sql.syntax import Select, children, path_of, query_error
from local.cosmos.store import CONTAINER_SHIFT, Container, Store, Where
from local.cosmos.wire import Answer, CosmosError, Request, dumps

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000
# A query that reads more items than this runs beside the others, in a thread.
INLINE_ITEMS_MAX = 400
THREADS = 2

NOT_SERVED = (
    "The provided cross partition query can not be directly served by the gateway. This is a first chance (internal)"
    " exception that all newer clients will know how to handle gracefully. This exception is traced, but unless you"
    " see it bubble up as an exception (which only happens on older SDK clients), then you can safely ignore this"
    " message."
)
CROSS_PARTITION_DISABLED = (
    "Cross partition query is required but disabled. Please set x-ms-documentdb-query-enablecrosspartition to true,"
    " specify x-ms-documentdb-partitionkey, or revise your query to avoid this exception."
)
NOT_INDEXED = "The index path corresponding to the specified order-by item is excluded."
# Indexed in every container that has an index at all.
ALWAYS_INDEXED = (["id"], ["_ts"])
NO_COMPOSITE_INDEX = "The order by query does not have a corresponding composite index that it can be served from."
TOKEN = re.compile(r"[-+]RID:~([^#]*)(?:#RT:(\d+))?(?:#TRC:(\d+))?.*?(?:#PLD:([A-Za-z0-9_=-]+))?\Z", re.DOTALL)
READ_FEED = "SELECT * FROM c"


@dataclass
class Target:
    """What one page of a query reads, and under which physical partition it is answered."""

    where: Where
    range: Range
    # The ranges that follow when this one is exhausted; only a whole-container query goes from range to range.
    following: list[Range]
    spans_ranges: bool
    # The first of the keys in whose order the items are wanted, where they are.
    first_key: str | None = None
    # What the items must have in their texts.
    texts: tuple[bytes, ...] = ()


class Queries:
    """Answers query, query-plan and read-feed requests."""

    def __init__(self, store: Store, clock: Clock, seconds_max: float) -> None:
        self.store = store
        self.clock = clock
        # What runs beside the others may take long; what they have to wait for may not.
        self.seconds_max = seconds_max
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="query")

    def plan(self, request: Request, container: Container) -> Answer:
        text, parameters = query_of(request.json())
        query = parse(text)
        check_order_index(query, container)
        features = request.header("x-ms-cosmos-supported-query-features") or ""
        return Answer(200, dumps(plan_of(query, parameters, features)))

    async def query(self, request: Request, container: Container, stale_at: int | None = None) -> Answer:
        """One page of a query."""
        text, parameters = query_of(request.json())
        query = parse(text)
        program = Program(query, parameters, self.clock.now())
        target, token = self._target(request, container, query, parameters)
        target.texts = texts_of(query, parameters)
        if target.where.pk is None and target.first_key is None:
            target.where = replace(
                target.where,
                among=keys_among(query, parameters, container.paths),
                between=keys_between(query, parameters, container.paths),
            )
        check_order_index(query, container)
        answer = await self._page(request, container, program, target, token, stale_at)
        if request.is_set("x-ms-documentdb-populatequerymetrics"):
            answer.headers["x-ms-documentdb-query-metrics"] = _metrics(answer, program.is_index_only)
        if request.is_set("x-ms-cosmos-populateindexmetrics"):
            answer.headers["x-ms-cosmos-index-utilization"] = index_metrics(query, container)
        return answer

    async def read_feed(self, request: Request, container: Container, stale_at: int | None = None) -> Answer:
        """One page of all items of a container, partition or range."""
        program = Program(parse(READ_FEED), {}, self.clock.now())
        target, token = self._target(request, container, None, {})
        return await self._page(request, container, program, target, token, stale_at)

    # -- targeting ---------------------------------------------------------------------------------------------

    def _target(
        self, request: Request, container: Container, query: Select | None, parameters: dict[str, Any]
    ) -> tuple[Target, str]:
        token = request.header("x-ms-continuation") or ""
        key_header = request.header("x-ms-documentdb-partitionkey")
        if key_header is not None and (key_header != "[]" or container.is_system_key):
            return self._one_key(container, list(key_from_header(key_header))), _bare(token)
        range_id = request.header("x-ms-documentdb-partitionkeyrangeid")
        if range_id is not None:
            target = self._one_range(request, container, range_id)
            if query is not None:
                target.first_key = first_key(query, parameters, container.paths)
            return target, _bare(token)
        if query is not None and not request.is_set("x-ms-documentdb-query-enablecrosspartition"):
            pinned = pinned_key(query, parameters, container.paths)
            if pinned is None and not container.is_system_key:
                raise CosmosError(400, CROSS_PARTITION_DISABLED)
            if pinned is not None:
                return self._one_key(container, pinned), _bare(token)
        if query is not None and needs_plan(query) and not container.is_system_key:
            refusal = CosmosError(400, NOT_SERVED, substatus=1004)
            refusal.additional_info = json.dumps(plan_of(query, parameters, None))
            raise refusal
        return self._everything(container, token)

    def _one_key(self, container: Container, values: list[Any]) -> Target:
        key = key_from_header(json.dumps([{} if repr(value) == "undefined" else value for value in values]))
        if len(key) > len(container.paths):
            raise CosmosError(400, "The partition key has more components than the container's definition.")
        epk = effective_key(key, container.kind, container.version)
        if len(key) < len(container.paths) and key:
            where = Where(low=epk, high=epk + "FF")
        else:
            where = Where(pk=key_text(key), epk=epk)
        return Target(where, container.range_of(epk), [], False)

    def _one_range(self, request: Request, container: Container, range_id: str) -> Target:
        # Some clients write "collectionRid,rangeId".
        range_id = range_id.rpartition(",")[2]
        found = next((part for part in container.ranges if part.id == range_id), None)
        if found is None:
            raise CosmosError(410, "The requested resource is no longer available at the server.", substatus=1002)
        low = max(request.header("x-ms-start-epk") or "", found.low)
        high = min(request.header("x-ms-end-epk") or "FF", found.high)
        where = Where(low=low, high=high) if low != high else Where(low=low, high=low + "00")
        return Target(where, found, [], False)

    def _everything(self, container: Container, token: str) -> tuple[Target, str]:
        ranges, inner = container.ranges, ""
        if token:
            low, inner = _unwrap(token)
            start = container.range_of(low) if low is not None else ranges[0]
            ranges = ranges[ranges.index(start) :]
        where = Where(low=ranges[0].low, high=ranges[0].high)
        return Target(where, ranges[0], ranges[1:], True), inner

    # -- pages -------------------------------------------------------------------------------------------------

    async def _page(
        self,
        request: Request,
        container: Container,
        program: Program,
        target: Target,
        token: str,
        stale_at: int | None,
    ) -> Answer:
        cursor, number = read_token(token, container)
        size = _page_size(request)
        now = self.clock.now()
        after = max(cursor.n - 1, 0) if cursor is not None and program.streams else 0
        first = list(islice(self._items(self.store.writer, container, target.where, now, after, stale_at),
                            INLINE_ITEMS_MAX))  # fmt: skip

        def beyond(sql: sqlite3.Connection) -> Items:
            return lambda n: self._items(sql, container, target.where, now, max(n, 0), stale_at, target.texts)

        def aside() -> Page:
            sql = self.store.reader()
            if target.first_key is None or stale_at is not None:
                return program.run(beyond(sql), cursor, size, self.seconds_max)
            key = resumed_key(target.first_key, cursor)
            ordered = self.store.scan_keys(sql, container, target.where, now, key, target.texts)
            return program.run(lambda _: ordered, cursor, size, self.seconds_max, is_in_order=True)

        if program.needs_main_thread:
            page = program.run(beyond(self.store.writer), cursor, size)
        elif len(first) < INLINE_ITEMS_MAX and not program.is_heavy:
            page = program.run(lambda _: first, cursor, size)
        else:
            page = await asyncio.get_running_loop().run_in_executor(self.pool, aside)
        headers = {"x-ms-documentdb-partitionkeyrangeid": target.range.id, "x-ms-item-count": str(len(page.rows))}
        following = target.following[0] if target.following else None
        if page.cursor is not None:
            bare = write_token(container, page.cursor, number + 1)
            headers["x-ms-continuation"] = _wrap(bare, target.range) if target.spans_ranges else bare
        elif following is not None and target.spans_ranges:
            headers["x-ms-continuation"] = _wrap("", following)
        rows = b",".join(page.rows)
        body = b'{"_rid":"%s","Documents":[%s],"_count":%d}' % (container.rid.encode(), rows, len(page.rows))
        return Answer(200, body, headers, charge=charges.query(1, len(page.rows), len(rows)))

    def _items(
        self,
        sql: sqlite3.Connection,
        container: Container,
        where: Where,
        now: float,
        after: int,
        stale_at: int | None,
        texts: tuple[bytes, ...] = (),
    ) -> Iterator[tuple[int, bytes]]:
        if stale_at is None:
            return self.store.scan(sql, container, where, now, after, texts)
        live = self.store.scan(sql, container, where, now, after)
        return iter(stale_items(self.store, container, where, live, stale_at, after))


def resumed_key(first: str, cursor: Cursor | None) -> str:
    """Where to go on in the order of the keys. What no key can be (a token may say anything) is passed over."""
    last = cursor.keys[0][1] if cursor is not None and cursor.keys else None
    return max(first, last) if isinstance(last, str) and not HALF_PAIR.search(last) else first


def stale_items(
    store: Store, container: Container, where: Where, live: Iterable[tuple[int, bytes]], at: int, after: int
) -> list[tuple[int, bytes]]:
    """The items as they were when the account's lsn was `at`, as far as overwritten versions are remembered."""
    seen = dict(live)
    for change in reversed(store.history):
        if change.lsn <= at:
            break
        if change.container != container.number:
            continue
        if change.before is None:
            now = store.find(container, change.pk, change.id, 0)
            if now is not None:
                seen.pop(now.n, None)
        elif where.covers(change.pk, change.before.epk) and change.before.n > after:
            seen[change.before.n] = change.before.body
    return sorted(seen.items())


def _page_size(request: Request) -> int:
    given = request.header("x-ms-max-item-count")
    if given is None:
        return PAGE_SIZE
    try:
        size = int(given)
    except ValueError:
        raise CosmosError(400, f"The page size '{given[:20]}' is invalid.") from None
    if size == 0 or size < -1:
        raise CosmosError(400, f"The page size '{size}' is invalid. Ensure it is positive or -1.")
    return PAGE_SIZE_MAX if size == -1 else size


def check_order_index(query: Select, container: Container) -> None:
    """Refuse an ORDER BY without the index that the service would need for it."""
    if len(query.order_by) == 1:
        path = path_of(query.order_by[0].expression)
        if path is not None and path[0] == query.root and not is_indexed(path[1], container):
            raise CosmosError(400, NOT_INDEXED)
    if len(query.order_by) < 2:
        return
    wanted = []
    for order in query.order_by:
        path = path_of(order.expression)
        wanted.append(("/" + "/".join(map(str, path[1])) if path else None, order.descending))
    reverse = [(path, not descending) for path, descending in wanted]
    for index in container.body["indexingPolicy"].get("compositeIndexes", []):
        offered = [(_plain(part["path"]), part.get("order", "ascending") == "descending") for part in index]
        if offered in (wanted, reverse):
            return
    raise query_error("SC2408", NO_COMPOSITE_INDEX)


def is_indexed(steps: list[str | int], container: Container) -> bool:
    """Whether the indexing policy has this path in its index: of all the paths that cover it the longest decides."""
    policy = container.body["indexingPolicy"]
    names = ["[]" if isinstance(step, int) else step for step in steps]
    if not container.is_indexed or names in ALWAYS_INDEXED:
        return container.is_indexed
    reach = dict.fromkeys(("excludedPaths", "includedPaths"), -1)
    for kind in reach:
        for part in policy[kind]:
            *beginning, end = part["path"].replace('"', "").strip("/").split("/")
            covers = names == beginning if end == "?" else names[: len(beginning)] == beginning
            if covers:
                # A path to the value itself is closer than one to all that is below it.
                reach[kind] = max(reach[kind], 2 * len(beginning) + (end == "?"))
    return reach["includedPaths"] > reach["excludedPaths"]


def _plain(path: str) -> str:
    return path.replace('"', "").removesuffix("/?")


def _metrics(answer: Answer, is_index_only: bool) -> str:
    """The service's figures in its form; only the counts are this endpoint's own."""
    count, size = int(answer.headers["x-ms-item-count"]), len(answer.body)
    loaded = (0, 0) if is_index_only else (count, size)
    return (
        "totalExecutionTimeInMs=0.40;queryCompileTimeInMs=0.05;queryLogicalPlanBuildTimeInMs=0.02;"
        "queryPhysicalPlanBuildTimeInMs=0.05;queryOptimizationTimeInMs=0.01;VMExecutionTimeInMs=0.10;"
        f"indexLookupTimeInMs=0.01;documentLoadTimeInMs=0.05;systemFunctionExecuteTimeInMs=0.00;"
        f"userFunctionExecuteTimeInMs=0.00;retrievedDocumentCount={loaded[0]};retrievedDocumentSize={loaded[1]};"
        f"outputDocumentCount={count};outputDocumentSize={size};writeOutputTimeInMs=0.01;indexUtilizationRatio=1.00"
    )


def index_metrics(query: Select, container: Container) -> str:
    """Which single indexes the query would use; this endpoint has none, so they are read from its text."""
    used = ["/" + "/".join(path) + "/?" for path in container.paths]
    pending = [query.where] if query.where is not None else []
    pending += [order.expression for order in query.order_by]
    while pending:
        node = pending.pop(0)
        path = path_of(node)
        if path is not None and path[1]:
            text = "/" + "/".join(map(str, path[1])) + "/?"
            if text not in used:
                used.append(text)
        elif path is None:
            pending.extend(children(node))
    utilized = [{"FilterExpression": "", "IndexSpec": text, "FilterPreciseSet": True, "IndexPreciseSet": True,
                 "IndexImpactScore": "High"} for text in used]  # fmt: skip
    report = {
        "UtilizedSingleIndexes": utilized,
        "PotentialSingleIndexes": [],
        "UtilizedCompositeIndexes": [],
        "PotentialCompositeIndexes": [],
    }
    return base64.b64encode(json.dumps(report).encode()).decode()


# -- continuation tokens ------------------------------------------------------------------------------------------


def write_token(container: Container, cursor: Cursor, number: int) -> str:
    """A token in the service's form; what this endpoint needs to resume is in its last part."""
    payload = {"n": cursor.n & ((1 << CONTAINER_SHIFT) - 1), "p": cursor.place, "k": cursor.keys, "s": cursor.skipped}
    packed = base64.urlsafe_b64encode(dumps(payload)).decode()
    return f"-RID:~{container.item_rid(cursor.n)}#RT:{number}#TRC:{cursor.emitted}#ISV:2#IEO:65567#QCF:8#PLD:{packed}"


def read_token(token: str, container: Container) -> tuple[Cursor | None, int]:
    """Where to resume, and the number of pages before. A token of another container's resumes at its start."""
    if not token:
        return None, 0
    match = TOKEN.match(token)
    if match is None:
        raise CosmosError(400, "The continuation token is invalid.")
    rid, number, emitted, packed = match.groups()
    if packed is None:
        n = container.item_number(rid)
        return (Cursor(n, 1 << 30, [], int(emitted or 0)) if n else None), int(number or 0)
    try:
        payload = json.loads(base64.urlsafe_b64decode(packed))
        n = (container.number << CONTAINER_SHIFT) | (int(payload["n"]) & ((1 << CONTAINER_SHIFT) - 1))
        keys = [(int(rank), value) for rank, value in payload["k"]]
        cursor = Cursor(n, int(payload["p"]), keys, int(emitted or 0), int(payload["s"]))
    except (ValueError, KeyError, TypeError):
        raise CosmosError(400, "The continuation token is invalid.") from None
    return cursor, int(number or 0)


def _wrap(token: str, part: Range) -> str:
    return json.dumps({"token": token or None, "range": {"min": part.low, "max": part.high}}, separators=(",", ":"))


def _unwrap(token: str) -> tuple[str | None, str]:
    """The range's lower end and the token inside; a bare token is one without a range."""
    if not token.startswith("{"):
        return None, token
    try:
        parts = json.loads(token)
        return str(parts["range"]["min"]), str(parts["token"] or "")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CosmosError(400, "The continuation token is invalid.") from None


def _bare(token: str) -> str:
    return _unwrap(token)[1] if token else ""

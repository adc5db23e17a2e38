"""Queries in the order of the partition keys: read along the index, with the results of a scan that is sorted."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from local.cosmos.partition_key import effective_key, key_of_item, key_text
from local.cosmos.queries import resumed_key
from local.cosmos.sql.keys import first_key, keys_among, keys_between, pinned_key, texts_of
from local.cosmos.sql.parser import parse
from local.cosmos.sql.run import Cursor, Items, Page, Program
from local.cosmos.store import Container, Item, Store, Where
from local.cosmos.wire import dumps
from tests.local_cosmos.conftest import Server

# Between them: what JSON escapes, what sorts before and after its quotes, and what UTF-16 would sort otherwise.
LETTERS = ["a", "b", " ", "!", '"', "#", "\\", "\0", "\x7f", "\u00e9", "\ue000", "\U0001f600"]
STRINGS = st.text(st.sampled_from(LETTERS), max_size=3)
KEYS = st.one_of(STRINGS, STRINGS, st.sampled_from([None, True, 0, 1.5, [], {}, "missing"]))
QUERIES = (
    "SELECT * FROM c WHERE c.pk > @a ORDER BY c.pk",
    "SELECT TOP 4 * FROM c WHERE c.n > 2 AND (c.pk >= @a AND true) ORDER BY c.pk ASC",
    "SELECT VALUE c.n FROM c WHERE @a <= c.pk AND c.pk > @b ORDER BY c.pk OFFSET 2 LIMIT 5",
    'SELECT c.id, c["pk"] FROM c WHERE c.pk > @a AND c.pk <= @b ORDER BY c["pk"]',
)
OTHERWISE = (
    "SELECT * FROM c WHERE c.pk > 'a' ORDER BY c.pk DESC",
    "SELECT * FROM c WHERE c.pk > 'a' ORDER BY c.n",
    "SELECT * FROM c WHERE c.pk > 'a'",
    "SELECT * FROM c WHERE c.pk > 'a' ORDER BY c.pk, c.n",
    "SELECT * FROM c WHERE c.pk > 'a' OR c.n = 1 ORDER BY c.pk",
    "SELECT * FROM c WHERE NOT (c.pk > 'a') ORDER BY c.pk",
    "SELECT * FROM c WHERE c.pk < 'a' ORDER BY c.pk",
    "SELECT * FROM c WHERE c.pk > 1 ORDER BY c.pk",
    "SELECT * FROM c WHERE c.pk.part > 'a' ORDER BY c.pk",
    "SELECT * FROM c ORDER BY c.pk",
    "SELECT DISTINCT c.pk FROM c WHERE c.pk > 'a' ORDER BY c.pk",
    "SELECT VALUE c FROM c IN r.parts WHERE c.pk > 'a' ORDER BY c.pk",
    "SELECT VALUE c FROM r.part AS c WHERE c.pk > 'a' ORDER BY c.pk",
    "SELECT VALUE t FROM c JOIN t IN c.parts WHERE c.pk > 'a' ORDER BY c.pk",
    "SELECT * FROM (SELECT * FROM r) AS c WHERE c.pk > 'a' ORDER BY c.pk",
    "SELECT VALUE COUNT(1) FROM c WHERE c.pk > 'a' ORDER BY c.pk",
)

NARROW = (
    "SELECT * FROM c WHERE c.pk IN (@a, @b, 'a')",
    "SELECT * FROM c WHERE c.n > 1 AND c.pk IN (@a, @b) ORDER BY c.n",
    "SELECT * FROM c WHERE c.pk >= @a AND @b >= c.pk",
    "SELECT VALUE c.n FROM c WHERE (c.pk > @a AND c.pk <= @b) AND c.n != 2 ORDER BY c.n DESC",
)
OTHERWISE_NARROW = (
    "SELECT * FROM c WHERE c.pk NOT IN ('a', 'b')",
    "SELECT * FROM c WHERE c.pk IN ('a', @one)",
    "SELECT * FROM c WHERE c.pk IN ('a', @missing)",
    "SELECT * FROM c WHERE c.pk IN ('a', c.n)",
    "SELECT * FROM c WHERE c.pk IN ('a') OR c.n = 1",
    "SELECT * FROM c WHERE NOT (c.pk IN ('a'))",
    "SELECT * FROM c WHERE c.n IN ('a', 'b')",
    "SELECT VALUE c FROM c IN r.parts WHERE c.pk IN ('a')",
    "SELECT * FROM c WHERE c.pk > 'a'",
    "SELECT * FROM c WHERE c.pk < 'a' AND c.pk >= 1",
    "SELECT * FROM c WHERE c.pk > 'a' OR c.pk < 'b'",
    "SELECT * FROM (SELECT * FROM r) AS c WHERE c.pk > 'a' AND c.pk < 'b'",
)


def a_container(store: Store, paths: list[str]) -> Container:
    """A container of two physical partitions in a store of its own."""
    from local.cosmos.store import Database

    database = Database(store.new_rid(), {"id": "d"})
    store.save_database(database)
    kind = "Hash" if len(paths) == 1 else "MultiHash"
    body = {
        "id": "c",
        "partitionKey": {"paths": paths, "kind": kind, "version": 2},
        "indexingPolicy": {"indexingMode": "consistent"},
    }
    return store.add_container(database, store.new_rid(b"1234"), 2, body)


def put(store: Store, container: Container, item: dict[str, Any]) -> None:
    with store.write(0) as transaction:
        key = key_of_item(item, container.paths)
        epk = effective_key(key, container.kind, container.version)
        text = dumps(item)
        n = transaction.next_number(container)
        assert transaction.insert(
            container, Item(n, key_text(key), item["id"], epk, transaction.lsn, 0, None, None, "e", text)
        )


def all_pages(run: Callable[[Cursor | None], Page]) -> list[Page]:
    pages = [run(None)]
    while (cursor := pages[-1].cursor) is not None:
        pages.append(run(cursor))
    return pages


@pytest.fixture(scope="module")
def store() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "cosmos.db")
        yield store
        store.close()


@given(st.lists(KEYS, max_size=12), STRINGS, STRINGS, st.sampled_from(QUERIES), st.integers(1, 5))
@example(["a", "a!", "a ", 'a"', "\u00e9", "b"], "a", "", QUERIES[0], 2)
@settings(max_examples=150)
def test_reading_along_the_keys_gives_the_pages_of_a_sorted_scan(
    store: Store, keys: list[Any], a: str, b: str, query: str, size: int
) -> None:
    container = a_container(store, ["/pk"])
    for n, key in enumerate(keys):
        put(store, container, {"id": str(99 - n), "n": n} | ({} if key == "missing" else {"pk": key}))
    parsed, parameters = parse(query), {"@a": a, "@b": b}
    first = first_key(parsed, parameters, container.paths)
    assert first is not None

    def sorted_scan(cursor: Cursor | None) -> Page:
        items = list(store.scan(store.writer, container, where, 0))
        return Program(parsed, parameters, 0).run(lambda _: items, cursor, size)

    def along_the_keys(cursor: Cursor | None) -> Page:
        found = store.scan_keys(store.writer, container, where, 0, resumed_key(first, cursor))
        return Program(parsed, parameters, 0).run(lambda _: found, cursor, size, is_in_order=True)

    for part in container.ranges:
        where = Where(low=part.low, high=part.high)
        assert all_pages(along_the_keys) == all_pages(sorted_scan)


@given(st.lists(KEYS, max_size=12), STRINGS, STRINGS, st.sampled_from(NARROW), st.integers(1, 5))
@example(["a", "a!", "a ", 'a"', "\u00e9", "b"], "a", "a ", NARROW[0], 2)
@settings(max_examples=150)
def test_reading_only_the_keys_that_are_asked_for_gives_the_pages_of_a_scan(
    store: Store, keys: list[Any], a: str, b: str, query: str, size: int
) -> None:
    container = a_container(store, ["/pk"])
    for n, key in enumerate(keys):
        put(store, container, {"id": str(99 - n), "n": n} | ({} if key == "missing" else {"pk": key}))
    parsed, parameters = parse(query), {"@a": a, "@b": b}

    def pages(where: Where) -> list[Page]:
        def run(cursor: Cursor | None) -> Page:
            found = lambda n: store.scan(store.writer, container, where, 0, max(n, 0))  # noqa: E731
            return Program(parsed, parameters, 0).run(found, cursor, size)

        return all_pages(run)

    for part in container.ranges:
        whole = Where(low=part.low, high=part.high)
        among, between = (narrow(parsed, parameters, container.paths) for narrow in (keys_among, keys_between))
        assert among is not None or between is not None
        narrowed = replace(whole, among=among, between=between)
        read = {n for n, _ in store.scan(store.writer, container, narrowed, 0)}
        wanted = [n for n, body in store.scan(store.writer, container, whole, 0) if _is_meant(body, a, b, among)]
        assert pages(narrowed) == pages(whole)
        assert read == set(wanted)


def _is_meant(body: bytes, a: str, b: str, among: tuple[str, ...] | None) -> bool:
    key = json.loads(body).get("pk")
    return isinstance(key, str) and (key in among if among is not None else a <= key <= b)


@pytest.mark.parametrize("query", OTHERWISE_NARROW)
def test_query_that_may_want_other_keys_is_not_narrowed(query: str) -> None:
    parsed = parse(query)

    assert keys_among(parsed, {"@one": 1}, [("pk",)]) is None
    assert keys_between(parsed, {"@one": 1}, [("pk",)]) is None


@given(st.text() | st.text('"\\/\x01\x7f\u00e9', min_size=1))
def test_scan_for_a_text_finds_the_items_that_have_it(store: Store, text: str) -> None:
    container = a_container(store, ["/pk"])
    put(store, container, {"id": "a", "pk": "p", "deep": {"text": text}})
    query = parse("SELECT * FROM c WHERE (c.deep.text = @text AND true) AND c.pk = 'p'")

    texts = texts_of(query, {"@text": text})
    other = texts_of(query, {"@text": f"{text}."})

    assert [len(list(store.scan(store.writer, container, Where(), 0, 0, wanted))) for wanted in (texts, other)] == [
        1,
        0,
    ]
    assert len(list(store.scan_keys(store.writer, container, Where(), 0, "", texts))) == 1


@pytest.mark.parametrize(
    "source", ["(SELECT VALUE {'pk': CONCAT(r.pk, 'x')} FROM r) AS c", "c IN r.parts", "r.part AS c"]
)
def test_what_is_compared_in_or_made_of_an_item_says_nothing_of_the_item(source: str) -> None:
    query = parse(f"SELECT * FROM {source} WHERE c.pk = 'ax'")

    assert texts_of(query, {}) == ()
    assert pinned_key(query, {}, [("pk",)]) is None


def test_only_what_must_be_equal_is_looked_for_in_texts() -> None:
    query = parse("SELECT * FROM c WHERE c.a = 'x' AND (c.b = 'y' OR c.d = 'z') AND NOT c.e = 'v' AND c.f != 'w'")

    assert texts_of(query, {}) == (b'"x"',)


def test_query_of_a_thousand_conditions_is_run(store: Store) -> None:
    container = a_container(store, ["/pk"])
    put(store, container, {"id": "a", "pk": "p"})
    query = parse("SELECT * FROM c WHERE " + " AND ".join(["c.pk = 'p'"] * 2000))

    found = store.scan(store.writer, container, Where(), 0, 0, texts_of(query, {}))

    assert len(list(found)) == 1


@pytest.mark.parametrize("query", OTHERWISE)
def test_query_that_wants_another_order_is_not_read_along_the_keys(query: str) -> None:
    assert first_key(parse(query), {}, [("pk",)]) is None


def test_hierarchical_keys_are_not_read_in_order() -> None:
    query = parse("SELECT * FROM c WHERE c.pk > 'a' ORDER BY c.pk")

    assert first_key(query, {}, [("pk",), ("n",)]) is None


def test_a_page_along_the_keys_reads_little_more_than_it_gives(store: Store) -> None:
    container = a_container(store, ["/pk"])
    for n in range(1000):
        put(store, container, {"id": "i", "pk": f"k{n * 617 % 1000:03}"})
    found = store.scan_keys(store.writer, container, Where(), 0, "k500")
    items: Items = lambda _: found  # noqa: E731 - the type is the point

    page = Program(parse("SELECT TOP 5 VALUE c.pk FROM c WHERE c.pk > 'k500' ORDER BY c.pk"), {}, 0).run(
        items, None, 100, is_in_order=True
    )

    assert [json.loads(row) for row in page.rows] == ["k501", "k502", "k503", "k504", "k505"]
    assert len(list(found)) > 450


async def test_large_container_is_paged_in_the_order_of_its_keys(wide_server: Server) -> None:
    keys = [f"k {n * 7 % 61:02}\u00e9" for n in range(61)]
    query = "SELECT TOP @most * FROM c WHERE c.pk > @last ORDER BY c.pk"
    async with wide_server.container() as container:
        for key in keys:
            batch: list[Any] = [("create", ({"id": str(n), "pk": key},)) for n in range(30)]
            await container.execute_item_batch(batch, key)
        last, found = "", []
        while True:
            parameters: list[dict[str, Any]] = [{"name": "@most", "value": 250}, {"name": "@last", "value": last}]
            rows = [row async for row in container.query_items(query, parameters=parameters, max_item_count=100)]
            whole = [row for row in rows if len(rows) < 250 or row["pk"] != rows[-1]["pk"]]
            found += [(row["pk"], int(row["id"])) for row in whole]
            if len(rows) < 250:
                break
            last = whole[-1]["pk"]

        assert found == [(key, n) for key in sorted(keys) for n in range(30)]

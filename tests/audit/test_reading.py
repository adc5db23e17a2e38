"""What a run reads of the change feed while cases change under it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from shared.audit.runs import Reader


class Feed:
    """A store of which only the feed and one block can be asked; what the feed has told stays told."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self._untold: list[tuple[str, str]] = []

    def write(self, case_id: str, item_id: str, version: str) -> None:
        kind = item_id.partition(":")[0]
        item = {"id": item_id, "kind": kind, "case_id": case_id, "_etag": version}
        self.items[case_id, item_id] = item
        self._untold.append((case_id, item_id))

    async def changes(self, container: str, continuation: str, most: int) -> tuple[list[dict[str, Any]], str]:
        told, self._untold = self._untold[:most], self._untold[most:]
        return [self.items[each] for each in told], f"{continuation}+"

    async def query(self, container: str, text: str, parameters: dict[str, Any], key: str | None) -> Any:
        rows = self.items.values()
        return [row for row in rows if row["case_id"] in parameters.values() and row["kind"] in ("case", "event")]


async def read(reader: Reader) -> list[str]:
    """The cases of the next page of the feed, examined."""
    blocks, _, _ = await reader.read("changed", "0")
    return [each.case_id async for block in blocks for each in block]


def a_run(feed: Feed) -> Reader:
    services: Any = SimpleNamespace(store=feed)
    return Reader(services, {}, None)


async def test_case_that_changes_after_it_was_read_is_read_again() -> None:
    feed = Feed()
    reader = a_run(feed)
    feed.write("a", "case", "1")
    feed.write("a", "event:1", "2")
    first = await read(reader)
    feed.write("a", "case", "3")
    feed.write("a", "event:2", "4")

    assert (first, await read(reader), await read(reader)) == (["a"], ["a"], [])


async def test_case_whose_items_come_on_several_pages_is_read_once() -> None:
    feed = Feed()
    reader = a_run(feed)
    for number in range(450):
        feed.write("a", f"event:{number}", str(number))
    feed.write("a", "message:1", "x")

    pages = [await read(reader) for _ in range(3)]

    assert pages == [["a"], [], []]


async def test_page_that_somebody_else_did_is_no_reason_to_pass_a_case_over() -> None:
    feed = Feed()
    reader = a_run(feed)
    feed.write("a", "case", "1")
    await read(reader)
    reader.forget()
    feed.write("a", "case", "1")

    assert await read(reader) == ["a"]

"""Queries through the SDK: one partition, many partitions, plans, continuation."""

from typing import Any

import pytest
from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy

from tests.local_cosmos.conftest import Server

ITEMS = [
    {"id": f"i{n:02}", "pk": f"p{n % 5}", "n": n, "group": "even" if n % 2 == 0 else "odd", "tags": ["t", n]}
    for n in range(40)
]


async def rows(container: ContainerProxy, query: str, parameters: list[Any] | None = None, **options: Any) -> list[Any]:
    return [row async for row in container.query_items(query, parameters=parameters, **options)]


async def filled(container: ContainerProxy) -> ContainerProxy:
    for item in ITEMS:
        await container.create_item(dict(item))
    return container


async def test_single_partition_query_gives_only_that_partitions_items(wide_server: Server) -> None:
    async with wide_server.container() as container:
        await filled(container)

        found = await rows(container, "SELECT VALUE c.n FROM c ORDER BY c.n DESC", partition_key="p1")

        assert found == [36, 31, 26, 21, 16, 11, 6, 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT VALUE c.n FROM c WHERE c.n < 20 ORDER BY c.n DESC", list(range(19, -1, -1))),
        ("SELECT TOP 3 VALUE c.n FROM c ORDER BY c.n", [0, 1, 2]),
        ("SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 5 LIMIT 4", [5, 6, 7, 8]),
        ("SELECT VALUE COUNT(1) FROM c", [40]),
        ("SELECT VALUE SUM(c.n) FROM c WHERE c.group = 'even'", [380]),
        ("SELECT VALUE AVG(c.n) FROM c", [19.5]),
        ("SELECT VALUE MAX(c.n) FROM c", [39]),
        ("SELECT VALUE MIN(c.id) FROM c", ["i00"]),
        ("SELECT DISTINCT VALUE c.group FROM c ORDER BY c.group", ["even", "odd"]),
        ("SELECT c.n AS number FROM c WHERE c.id = 'i07' ORDER BY c.n", [{"number": 7}]),
    ],
)
async def test_query_over_all_partitions_is_merged_by_the_plan(wide_server: Server, query: str, expected: Any) -> None:
    async with wide_server.container() as container:
        await filled(container)

        assert await rows(container, query) == expected


async def test_group_by_is_for_one_partition_only(wide_server: Server) -> None:
    query = "SELECT c.group, COUNT(1) AS count, SUM(c.n) AS total FROM c GROUP BY c.group"
    async with wide_server.container() as container:
        await filled(container)

        found = await rows(container, query, partition_key="p0")
        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await rows(container, query)

        assert found == [
            {"group": "even", "count": 4, "total": 60},
            {"group": "odd", "count": 4, "total": 80},
        ]
        assert refused.value.status_code == 400
        assert "GroupBy" in str(refused.value)


@pytest.mark.parametrize("query", ["SELECT * FROM c", "SELECT * FROM c WHERE c.n < 37 ORDER BY c.n DESC"])
async def test_pages_hold_every_row_once_while_items_come_and_go(server: Server, query: str) -> None:
    async with server.container() as container:
        for item in ITEMS:
            await container.create_item({**item, "pk": "p"})
        found: list[int] = []
        token = None
        while True:
            pages = container.query_items(query, partition_key="p", max_item_count=7).by_page(token)
            found += [row["n"] async for row in await anext(pages)]
            token = pages.continuation_token  # type: ignore[attr-defined]
            if token is None:
                break
            # What has been given out already goes away, and something is added at the other end of the order.
            await container.delete_item(f"i{found[0]:02}", "p")
            found_first = found.pop(0)
            await container.create_item({"id": f"x{found_first}", "pk": "p", "n": 99 + found_first})

        assert len(found) == len(set(found))
        assert {n for n in range(40) if n < 37} - set(found) <= set(range(40))


async def test_cross_partition_scan_gives_every_item_once_page_by_page(wide_server: Server) -> None:
    async with wide_server.container() as container:
        await filled(container)
        pages = container.query_items("SELECT VALUE c.n FROM c", max_item_count=3).by_page()

        found = [n async for page in pages async for n in page]

        assert sorted(found) == list(range(40))


async def test_order_by_two_properties_needs_its_composite_index(server: Server) -> None:
    query = "SELECT VALUE c.n FROM c ORDER BY c.group DESC, c.n ASC"
    policy = {
        "compositeIndexes": [
            [{"path": "/group", "order": "ascending"}, {"path": "/n", "order": "descending"}],
        ]
    }
    async with server.container() as bare, server.container(indexing_policy=policy) as indexed:
        await filled(indexed)

        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await rows(bare, query, partition_key="p0")
        found = await rows(indexed, query, partition_key="p0")

        assert refused.value.status_code == 400
        assert "composite index" in str(refused.value)
        assert found == [5, 15, 25, 35, 0, 10, 20, 30]


@pytest.mark.parametrize(
    ("path", "included", "excluded", "is_served"),
    [
        ("n", ["/*"], [], True),
        ("n", ["/*"], ["/n/?"], False),
        ("n", ["/n/?"], ["/*"], True),
        ("n", [], ["/*"], False),
        ("deep.n", ["/*"], ["/deep/*"], False),
        ("deep.n", ["/*", "/deep/n/?"], ["/deep/*"], True),
        ("tags[0]", ["/tags/[]/?"], ["/*"], True),
        ("id", [], ["/*"], True),
        ("_etag", ["/*"], [], False),
    ],
)
async def test_order_by_what_is_not_indexed_is_refused(
    server: Server, path: str, included: list[str], excluded: list[str], is_served: bool
) -> None:
    policy = {kind: [{"path": part} for part in parts]
              for kind, parts in (("includedPaths", included), ("excludedPaths", excluded))}  # fmt: skip
    async with server.container(indexing_policy=policy) as container:
        query = rows(container, f"SELECT VALUE c.id FROM c ORDER BY c.{path}", partition_key="p")

        if is_served:
            assert await query == []
        else:
            with pytest.raises(exceptions.CosmosHttpResponseError, match="order-by item is excluded"):
                await query


async def test_composite_order_is_merged_over_partitions(wide_server: Server) -> None:
    policy = {"compositeIndexes": [[{"path": "/group"}, {"path": "/n"}]]}
    async with wide_server.container(indexing_policy=policy) as container:
        await filled(container)

        found = await rows(container, "SELECT c.group, c.n FROM c ORDER BY c.group, c.n")

        assert [row["n"] for row in found] == [*range(0, 40, 2), *range(1, 40, 2)]


async def test_syntax_error_is_worded_as_the_service_words_it(server: Server) -> None:
    async with server.container() as container:
        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await rows(container, "SELEC * FROM c", partition_key="p")

        assert refused.value.status_code == 400
        assert "SC1001" in str(refused.value)
        assert "Syntax error, incorrect syntax near 'SELEC'." in str(refused.value)


async def test_query_that_names_a_parameter_without_value_is_refused(server: Server) -> None:
    async with server.container() as container:
        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await rows(container, "SELECT * FROM c WHERE c.n = @n", partition_key="p")

        assert refused.value.status_code == 400


async def test_read_many_gives_what_exists(wide_server: Server) -> None:
    async with wide_server.container() as container:
        await filled(container)
        wanted = [(item["id"], item["pk"]) for item in ITEMS[:12]] + [("nobody", "p0")]

        found = await container.read_items(wanted)

        assert sorted(item["id"] for item in found) == [item["id"] for item in ITEMS[:12]]

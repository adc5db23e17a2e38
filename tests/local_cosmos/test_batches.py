"""Transactional batches: all or nothing, and each operation told what became of it."""

from typing import Any

import pytest
from azure.cosmos import exceptions

from tests.local_cosmos.conftest import Server


async def test_operations_see_what_earlier_ones_did(server: Server) -> None:
    async with server.container() as container:
        operations: list[Any] = [
            ("create", ({"id": "a", "pk": "p", "n": 1},)),
            ("patch", ("a", [{"op": "incr", "path": "/n", "value": 1}])),
            ("read", ("a",)),
            ("replace", ("a", {"id": "a", "pk": "p", "n": 9})),
            ("upsert", ({"id": "b", "pk": "p"},)),
            ("delete", ("b",)),
        ]

        results = await container.execute_item_batch(operations, "p")

        assert [result["statusCode"] for result in results] == [201, 200, 200, 200, 201, 204]
        assert results[2]["resourceBody"]["n"] == 2
        assert [item async for item in container.query_items("SELECT VALUE c.n FROM c", partition_key="p")] == [9]


async def test_failed_operation_undoes_the_others_and_is_the_only_one_blamed(server: Server) -> None:
    async with server.container() as container:
        item = await container.create_item({"id": "a", "pk": "p", "n": 0})
        operations: list[Any] = [
            ("create", ({"id": "b", "pk": "p"},)),
            ("replace", ("a", {"id": "a", "pk": "p", "n": 1}), {"if_match_etag": '"no such"'}),
            ("delete", ("a",)),
        ]

        with pytest.raises(exceptions.CosmosBatchOperationError) as failed:
            await container.execute_item_batch(operations, "p")

        assert failed.value.error_index == 1
        assert [result["statusCode"] for result in failed.value.operation_responses] == [424, 412, 424]
        assert [found async for found in container.read_all_items()] == [item]


async def test_batch_that_wants_no_content_back_gets_only_what_it_reads(server: Server) -> None:
    async with server.container() as container:
        operations: list[Any] = [("create", ({"id": "a", "pk": "p"},)), ("read", ("a",))]

        results = await container.execute_item_batch(operations, "p", no_response=True)

        assert [result["statusCode"] for result in results] == [201, 200]
        assert ["resourceBody" in result for result in results] == [False, True]
        assert results[0]["eTag"] == results[1]["resourceBody"]["_etag"]


async def test_whole_batch_has_one_lsn(server: Server) -> None:
    async with server.container() as container:
        operations: list[Any] = [("create", ({"id": str(n), "pk": "p"},)) for n in range(3)]
        await container.execute_item_batch(operations, "p")

        feed = container.query_items_change_feed(start_time="Beginning")

        assert len({item["_lsn"] async for item in feed}) == 1


async def test_empty_oversized_and_misdirected_batches_are_refused(server: Server) -> None:
    async with server.container() as container:
        too_many: list[Any] = [("create", ({"id": str(n), "pk": "p"},)) for n in range(101)]
        too_large: list[Any] = [("create", ({"id": str(n), "pk": "p", "x": "x" * 700_000},)) for n in range(3)]

        with pytest.raises(exceptions.CosmosHttpResponseError) as many:
            await container.execute_item_batch(too_many, "p")
        with pytest.raises(exceptions.CosmosHttpResponseError) as large:
            await container.execute_item_batch(too_large, "p")
        with pytest.raises(exceptions.CosmosHttpResponseError) as empty:
            await container.execute_item_batch([], "p")
        with pytest.raises(exceptions.CosmosBatchOperationError) as elsewhere:
            await container.execute_item_batch([("create", ({"id": "a", "pk": "q"},))], "p")

        assert [many.value.status_code, large.value.status_code, empty.value.status_code] == [400, 413, 400]
        assert elsewhere.value.status_code == 400

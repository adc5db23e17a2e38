"""Items: what the SDK is told when it creates, reads, replaces, patches and deletes them."""

import asyncio
import uuid
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.cosmos import exceptions

from tests.local_cosmos.conftest import Server


async def test_created_item_is_read_back_with_its_server_properties(server: Server) -> None:
    async with server.container() as container:
        created = await container.create_item({"id": "a", "pk": "p", "name": "Zoë 中", "n": 1.5})

        read = await container.read_item("a", "p")

        assert dict(read) == dict(created)
        assert list(read)[-5:] == ["_rid", "_self", "_etag", "_attachments", "_ts"]


async def test_long_whole_number_is_rounded_to_a_double_as_the_service_does(server: Server) -> None:
    numbers = {"exact": 2**53, "odd": 2**53 + 1, "negative": [-(2**63) - 1], "huge": 10**21, "text": "9" * 20}
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p", **numbers})

        read = await container.read_item("a", "p")

        assert (read["exact"], read["odd"], read["negative"]) == (2**53, 2**53, [-(2**63)])
        assert (read["huge"], read["text"]) == (1e21, "9" * 20)


async def test_same_id_in_another_partition_is_another_item(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p"})
        await container.create_item({"id": "a", "pk": "q"})

        with pytest.raises(exceptions.CosmosResourceExistsError):
            await container.create_item({"id": "a", "pk": "p"})
        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await container.read_item("a", "r")


async def test_second_writer_loses_and_writes_nothing(server: Server) -> None:
    async with server.container() as container:
        seen = await container.create_item({"id": "a", "pk": "p", "n": 0})
        guard: dict[str, Any] = {"etag": seen["_etag"], "match_condition": MatchConditions.IfNotModified}
        await container.replace_item("a", {"id": "a", "pk": "p", "n": 1}, **guard)

        with pytest.raises(exceptions.CosmosAccessConditionFailedError):
            await container.replace_item("a", {"id": "a", "pk": "p", "n": 2}, **guard)
        with pytest.raises(exceptions.CosmosAccessConditionFailedError):
            await container.delete_item("a", "p", **guard)

        assert (await container.read_item("a", "p"))["n"] == 1


async def test_of_eight_racers_on_one_etag_exactly_one_wins(server: Server) -> None:
    async with server.container() as container:
        item = await container.create_item({"id": "a", "pk": "p", "round": 0})
        for _ in range(10):
            guard: dict[str, Any] = {"etag": item["_etag"], "match_condition": MatchConditions.IfNotModified}
            attempts = [container.replace_item("a", {"id": "a", "pk": "p", "by": racer}, **guard) for racer in range(8)]
            results = await asyncio.gather(*attempts, return_exceptions=True)

            won = [result for result in results if not isinstance(result, BaseException)]
            assert len(won) == 1
            item = await container.read_item("a", "p")
            assert item["by"] == won[0]["by"]


async def test_upsert_creates_then_replaces_under_the_same_rid(server: Server) -> None:
    async with server.container() as container:
        first = await container.upsert_item({"id": "a", "pk": "p"})
        second = await container.upsert_item({"id": "a", "pk": "p", "n": 2})

        assert first["_rid"] == second["_rid"]
        assert first["_etag"] != second["_etag"]


async def test_replace_with_another_id_renames_the_item(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p"})

        await container.replace_item("a", {"id": "b", "pk": "p"})

        assert (await container.read_item("b", "p"))["id"] == "b"
        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await container.read_item("a", "p")


async def test_patch_changes_what_it_names_and_obeys_its_condition(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p", "n": 1, "tags": ["x"], "old": True})
        operations = [
            {"op": "incr", "path": "/n", "value": 2},
            {"op": "add", "path": "/tags/-", "value": "y"},
            {"op": "remove", "path": "/old"},
            {"op": "set", "path": "/new", "value": None},
            {"op": "move", "from": "/new", "path": "/moved"},
        ]

        patched = await container.patch_item("a", "p", operations, filter_predicate="FROM c WHERE c.n = 1")

        assert (patched["n"], patched["tags"], patched["moved"]) == (3, ["x", "y"], None)
        assert "old" not in patched and "new" not in patched
        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await container.patch_item("a", "p", operations[:1], filter_predicate="FROM c WHERE c.n = 1")
        assert refused.value.status_code == 412


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "remove", "path": "/missing"},
        {"op": "set", "path": "/id", "value": "b"},
        {"op": "set", "path": "/pk", "value": "b"},
        {"op": "set", "path": "/_ts", "value": 0},
        {"op": "incr", "path": "/name", "value": 1},
        {"op": "add", "path": "/tags/7", "value": 1},
        {"op": "add", "path": "/no/such", "value": 1},
        {"op": "burn", "path": "/name"},
    ],
)
async def test_patch_that_cannot_be_followed_is_refused(server: Server, operation: dict[str, Any]) -> None:
    async with server.container() as container:
        before = await container.create_item({"id": "a", "pk": "p", "name": "x", "tags": []})

        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await container.patch_item("a", "p", [operation])

        assert refused.value.status_code == 400
        assert await container.read_item("a", "p") == before


async def test_read_by_dict_goes_by_rid(server: Server) -> None:
    async with server.container() as container:
        item = await container.create_item({"id": "a", "pk": "p"})

        assert (await container.read_item(item, "p"))["id"] == "a"
        await container.delete_item(item, "p")

        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await container.read_item("a", "p")


@pytest.mark.parametrize("key", [None, True, 1, 1.5, "", "x", "Zoë 中"])
async def test_item_is_found_under_any_kind_of_partition_key(server: Server, key: Any) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": key})

        assert (await container.read_item("a", key))["pk"] == key


async def test_whole_float_and_integer_are_one_partition_key(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": 1})

        assert (await container.read_item("a", 1.0))["id"] == "a"
        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await container.read_item("a", True)


@pytest.mark.parametrize("ttl", [0, -2, None, "1", True])
async def test_meaningless_ttl_is_refused(server: Server, ttl: Any) -> None:
    async with server.container(default_ttl=-1) as container:
        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await container.create_item({"id": "a", "pk": "p", "ttl": ttl})

        assert refused.value.status_code == 400


async def test_two_megabytes_and_a_byte_are_too_much(server: Server) -> None:
    async with server.container() as container:
        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await container.create_item({"id": "a", "pk": "p", "text": "x" * (2 * 1024 * 1024)})

        assert refused.value.status_code == 413


async def test_unique_key_holds_within_a_partition(server: Server) -> None:
    async with server.container(unique_key_policy={"uniqueKeys": [{"paths": ["/email"]}]}) as container:
        await container.create_item({"id": "a", "pk": "p", "email": "x@y"})
        await container.create_item({"id": "a", "pk": "q", "email": "x@y"})

        with pytest.raises(exceptions.CosmosResourceExistsError):
            await container.create_item({"id": "b", "pk": "p", "email": "x@y"})

        await container.delete_item("a", "p")
        await container.create_item({"id": "b", "pk": "p", "email": "x@y"})


async def test_client_with_a_recreated_container_is_told_and_recovers(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p"})
        async with server.client() as other:
            database = other.get_database_client(container.container_link.split("/")[1])
            await database.delete_container("items")
            await database.create_container("items", partition_key={"paths": ["/pk"], "kind": "Hash", "version": 2})

        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await container.read_item("a", "p")
        created = await container.create_item({"id": uuid.uuid4().hex, "pk": "p"})

        assert created["pk"] == "p"

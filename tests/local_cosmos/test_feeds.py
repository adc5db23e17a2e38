"""The change feed, sessions, TTL and hierarchical keys, as the SDK sees them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy

from tests.local_cosmos.conftest import Server


async def ids(rows: Any) -> list[str]:
    return [row["id"] async for row in rows]


async def test_feed_from_the_beginning_gives_newest_versions_in_the_order_of_change(wide_server: Server) -> None:
    async with wide_server.container() as container:
        for n in range(6):
            await container.create_item({"id": str(n), "pk": "p"})
        await container.replace_item("2", {"id": "2", "pk": "p", "new": True})
        await container.delete_item("3", "p")

        found = container.query_items_change_feed(start_time="Beginning", partition_key="p")

        assert await ids(found) == ["0", "1", "4", "5", "2"]


async def test_feed_resumes_at_its_cursor_and_knows_when_nothing_is_new(wide_server: Server) -> None:
    async with wide_server.container() as container:
        for n in range(20):
            await container.create_item({"id": str(n), "pk": f"p{n}"})
        first = container.query_items_change_feed(start_time="Beginning", max_item_count=3)
        assert sorted(await ids(first), key=int) == [str(n) for n in range(20)]
        cursor = container.client_connection.last_response_headers["etag"]

        assert await ids(container.query_items_change_feed(continuation=cursor)) == []
        await container.create_item({"id": "new", "pk": "elsewhere"})
        assert await ids(container.query_items_change_feed(continuation=cursor)) == ["new"]


async def test_feed_from_now_leaves_out_what_was(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "old", "pk": "p"})
        assert await ids(container.query_items_change_feed(start_time="Now")) == []
        cursor = container.client_connection.last_response_headers["etag"]
        await container.create_item({"id": "new", "pk": "p"})

        assert await ids(container.query_items_change_feed(continuation=cursor)) == ["new"]


async def test_feed_from_a_point_in_time_starts_there(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "old", "pk": "p"})
        await asyncio.sleep(1.1)
        moment = datetime.now(UTC)
        await asyncio.sleep(1.1)
        await container.create_item({"id": "new", "pk": "p"})

        assert await ids(container.query_items_change_feed(start_time=moment)) == ["new"]
        assert len(await ids(container.query_items_change_feed(start_time=moment - timedelta(hours=1)))) == 2


async def test_feed_ranges_together_give_every_item_once(wide_server: Server) -> None:
    async with wide_server.container() as container:
        for n in range(30):
            await container.create_item({"id": str(n), "pk": n})
        ranges = [part async for part in container.read_feed_ranges()]

        changed = [
            await ids(container.query_items_change_feed(start_time="Beginning", feed_range=part)) for part in ranges
        ]
        queried = [await ids(container.query_items("SELECT * FROM c", feed_range=part)) for part in ranges]

        assert len(ranges) == 4
        assert sorted((name for part in changed for name in part), key=int) == [str(n) for n in range(30)]
        assert [sorted(part) for part in queried] == [sorted(part) for part in changed]


async def test_split_is_invisible_to_a_client_with_an_old_map(server: Server) -> None:
    async with server.container() as container:
        for n in range(20):
            await container.create_item({"id": str(n), "pk": n})
        assert await ids(container.query_items("SELECT * FROM c ORDER BY c.pk")) == [str(n) for n in range(20)]

        await container.replace_throughput(25_000)

        assert len([part async for part in container.read_feed_ranges(force_refresh=True)]) == 4
        assert await ids(container.query_items("SELECT * FROM c ORDER BY c.pk")) == [str(n) for n in range(20)]


async def test_session_that_knows_more_than_the_account_is_refused(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p"})

        with pytest.raises(exceptions.CosmosResourceNotFoundError) as refused:
            await container.read_item("a", "p", session_token="0:-1#999999999")

        assert refused.value.sub_status == 1002


async def test_session_token_stays_the_same_until_its_container_is_written(server: Server) -> None:
    def token() -> str:
        return str(container.client_connection.last_response_headers["x-ms-session-token"])

    async with server.container() as container, server.container() as elsewhere:
        await container.create_item({"id": "a", "pk": "p"})
        written = token()
        await elsewhere.create_item({"id": "a", "pk": "p"})
        await container.read_item("a", "p")
        read = token()
        await container.delete_item("a", "p")

        assert read == written
        assert token() != written


async def test_expired_item_is_gone_and_frees_its_id_and_unique_key(server: Server) -> None:
    policy = {"uniqueKeys": [{"paths": ["/email"]}]}
    async with server.container(default_ttl=1, unique_key_policy=policy) as container:
        await container.create_item({"id": "short", "pk": "p", "email": "x"})
        await container.create_item({"id": "long", "pk": "p", "email": "y", "ttl": -1})
        await asyncio.sleep(2.1)

        assert await ids(container.read_all_items()) == ["long"]
        assert await ids(container.query_items_change_feed(start_time="Beginning")) == ["long"]
        await container.create_item({"id": "another", "pk": "p", "email": "x"})
        await container.create_item({"id": "short", "pk": "p", "email": "z"})


async def test_ttl_without_the_containers_leave_means_nothing(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p", "ttl": 1})
        await asyncio.sleep(2.1)

        assert await ids(container.read_all_items()) == ["a"]


async def filled_tree(container: ContainerProxy) -> None:
    for n in range(24):
        await container.create_item({"id": str(n), "t": f"t{n % 2}", "u": f"u{n % 3}", "v": n % 4})


async def test_hierarchical_key_is_addressed_whole_or_by_its_beginning(wide_server: Server) -> None:
    async with wide_server.container(["/t", "/u", "/v"]) as container:
        await filled_tree(container)

        assert (await container.read_item("5", ["t1", "u2", 1]))["id"] == "5"
        whole = container.query_items("SELECT * FROM c", partition_key=["t1", "u2", 1])
        assert sorted(await ids(whole), key=int) == ["5", "17"]
        prefix = container.query_items("SELECT * FROM c", partition_key=["t1"])
        assert sorted(await ids(prefix), key=int) == [str(n) for n in range(1, 24, 2)]
        longer = container.query_items("SELECT * FROM c WHERE c.v = 1", partition_key=["t1", "u0"])
        assert sorted(await ids(longer), key=int) == ["9", "21"]


async def test_version_one_keys_are_found_too(wide_server: Server) -> None:
    async with wide_server.container(version=1) as container:
        for key in ("", "a", "x" * 150, 1, -2.5, None, True):
            await container.create_item({"id": "a", "pk": key})

        for key in ("", "a", "x" * 150, 1, -2.5, None, True):
            assert (await container.read_item("a", key))["pk"] == key
        assert len(await ids(container.query_items("SELECT * FROM c"))) == 7


async def test_charge_follows_the_published_rules(server: Server) -> None:
    def charge() -> float:
        return float(container.client_connection.last_response_headers["x-ms-request-charge"])

    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p", "text": "x" * 500})
        created = charge()
        await container.read_item("a", "p")
        small = charge()
        await container.create_item({"id": "b", "pk": "p", "text": "x" * 100_000})
        await container.read_item("b", "p")
        large = charge()
        await ids(container.query_items("SELECT * FROM c WHERE c.id = 'a'", partition_key="p"))
        queried = charge()

        assert 5 < created < 7
        assert small == 1
        assert 9.5 < large < 10.5
        assert 2.5 < queried < 3.5

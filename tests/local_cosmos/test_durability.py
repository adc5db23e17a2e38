"""What survives a kill: every acknowledged batch, no half of one, and a sound file."""

import asyncio
import itertools
import random
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient

from local.cosmos.auth import EMULATOR_KEY
from local.cosmos.store import Store
from tests.local_cosmos.conftest import start, stop

CLIENTS = 8
ONCE: dict[str, Any] = {"retry_total": 0, "retry_connect": 0, "retry_read": 0}


async def write_until_killed(url: str, seconds: float, kill: Any) -> tuple[dict[str, int], int]:
    """Batches by eight clients at once until the endpoint is killed: how many each had acknowledged, by its key.

    A batch counts its number up in one item and creates two more, so that half of one shows whichever half it is.
    """
    acknowledged: dict[str, int] = {}
    attempted = 0

    async def write(container: Any) -> None:
        nonlocal attempted
        key = uuid.uuid4().hex
        for n in itertools.count(1):
            attempted += 1
            operations = [("upsert", ({"id": "counter", "pk": key, "n": n},))]
            operations += [("create", ({"id": f"{n}{half}", "pk": key},)) for half in "ab"]
            await container.execute_item_batch(operations, key)
            acknowledged[key] = n

    async with CosmosClient(url, EMULATOR_KEY, **ONCE) as client:
        database = await client.create_database_if_not_exists("d")
        container = await database.create_container_if_not_exists("c", partition_key=PartitionKey(path="/pk"))
        tasks = [asyncio.create_task(write(container)) for _ in range(CLIENTS)]
        await asyncio.sleep(seconds)
        kill()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, AzureError) for outcome in outcomes), outcomes
    return acknowledged, attempted


def stored_batches(data: Path) -> dict[str, tuple[int, int]]:
    """What each key's counter says and how many items there are besides it, of a file that is sound."""
    with sqlite3.connect(data) as sql:
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = sql.execute(
            "SELECT json_extract(CAST(body AS TEXT), '$.pk'), max(json_extract(CAST(body AS TEXT), '$.n')),"
            " count(*) - 1 FROM items GROUP BY pk"
        ).fetchall()
    sql.close()
    return {key: (counted, others) for key, counted, others in rows}


async def killed_rounds(data: Path, rounds: int) -> None:
    acknowledged: dict[str, int] = {}
    for _ in range(rounds):
        server = await asyncio.to_thread(start, data)
        acked, attempted = await write_until_killed(server.url, random.uniform(0.2, 1.0), server.process.kill)
        await asyncio.to_thread(stop, server)
        acknowledged |= acked
        assert attempted >= CLIENTS

        batches = stored_batches(data)

        assert all(others == 2 * counted for counted, others in batches.values())
        # The last batch of each client may have been stored without an answer; no other may.
        assert all(batches[key][0] in (n, n + 1) for key, n in acknowledged.items())


def test_every_commit_is_synced(tmp_path: Path) -> None:
    store = Store(tmp_path / "cosmos.db")

    for connection in (store.writer, store.reader()):
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


async def test_kill_loses_no_acknowledged_batch_and_leaves_no_half(tmp_path: Path) -> None:
    await killed_rounds(tmp_path / "cosmos.db", rounds=3)


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_many_kills_lose_no_acknowledged_batch_and_leave_no_half(tmp_path: Path) -> None:
    await killed_rounds(tmp_path / "cosmos.db", rounds=50)


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "cosmos.db"
    first = await asyncio.to_thread(start, data, "--partitions", "3")
    async with CosmosClient(first.url, EMULATOR_KEY) as client:
        database = await client.create_database("d")
        container = await database.create_container("c", partition_key=PartitionKey(path="/pk"), default_ttl=-1)
        item = await container.create_item({"id": "a", "pk": "p"})
        await container.replace_throughput(400)
    await asyncio.to_thread(stop, first)

    second = await asyncio.to_thread(start, data)
    async with CosmosClient(second.url, EMULATOR_KEY) as client:
        container = client.get_database_client("d").get_container_client("c")

        assert await container.read_item("a", "p") == item
        assert (await container.read())["defaultTtl"] == -1
        assert len([part async for part in container.read_feed_ranges()]) == 3
    await asyncio.to_thread(stop, second)


async def test_lsn_goes_on_after_a_restart_whatever_was_written_last(tmp_path: Path) -> None:
    data = tmp_path / "cosmos.db"
    deletion: list[Any] = [("create", ({"id": "b", "pk": "p"},)), ("delete", ("b",))]
    for last in ("create", "batch"):
        server = await asyncio.to_thread(start, data)
        async with CosmosClient(server.url, EMULATOR_KEY) as client:
            database = await client.create_database_if_not_exists("d")
            container = await database.create_container_if_not_exists("c", partition_key=PartitionKey(path="/pk"))
            await container.create_item({"id": last, "pk": "p"})
            if last == "batch":
                await container.execute_item_batch(deletion, "p")
            seen = server.control("GET", "ready")["lsn"]
        await asyncio.to_thread(stop, server)

        again = await asyncio.to_thread(start, data)
        assert again.control("GET", "ready")["lsn"] == seen
        await asyncio.to_thread(stop, again)

"""How fast the local Cosmos DB endpoint is, beside canned answers through the same SDK in the same run.

python tools/bench_cosmos.py [--seconds S] [--items N] [--other URL]

Both servers run in processes of their own. A canned server holds one answer for each kind of request and looks at
nothing, so its figure is what the SDK and the web server cost by themselves. One client does one thing after another:
with several the client is what is waited for, and the endpoint looks better than it is. --items loads that many
items and compares point reads and queries of one partition with those of a container of a thousand; --other measures
reads of another endpoint (the npm emulator, say) with the emulator's key.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from local.cosmos.auth import EMULATOR_KEY  # noqa: E402 - the repository's root has to be on the path first

ROUNDS = 5
SYNCS = 100
PARTITION_SIZE = 20
# What the ratios must reach, by the promise in docs/local-cosmos.md.
LEAST = {"read": 0.8, "query of twenty": 0.8, "create": 0.6, "batch of three": 0.6}
SLOWER_MOST = 1.3

ITEM = {"text": "x" * 400, "numbers": list(range(10)), "nested": {"a": 1, "b": [True, None]}}


async def canned(scope: Any, receive: Any, send: Any) -> None:
    """Answers by the kind of request only."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = dict(scope["headers"])
    port = headers[b"host"].decode()
    item = {"id": "a", "pk": "p", **ITEM, "_rid": "AAAAAAAAAIAAAAAAAAAAAQ==", "_etag": '"e"', "_ts": 1}
    container = {"id": "c", "_rid": "AAAAAICAAAA=", "_self": "dbs/AAAAAA==/colls/AAAAAICAAAA=/",
                 "partitionKey": {"paths": ["/pk"], "kind": "Hash", "version": 2}}  # fmt: skip
    path, method, status, answer = scope["path"], scope["method"], 200, json.dumps(item).encode()
    extra = []
    if path == "/":
        location = [{"name": "x", "databaseAccountEndpoint": f"http://{port}/"}]
        answer = json.dumps({"writableLocations": location, "readableLocations": location,
                             "enableMultipleWriteLocations": False,
                             "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"}}).encode()  # fmt: skip
    elif path.rstrip("/").endswith("/pkranges"):
        extra = [(b"etag", b'"1"')]
        if headers.get(b"if-none-match") == b'"1"':
            status, answer = 304, b""
        else:
            part = {"id": "0", "minInclusive": "", "maxExclusive": "FF", "parents": [], "status": "online"}
            answer = json.dumps({"_rid": "x", "PartitionKeyRanges": [part], "_count": 1}).encode()
    elif path.count("/colls/") and "/docs" not in path:
        answer = json.dumps(container).encode()
    elif b"x-ms-cosmos-is-batch-request" in headers:
        result = {"statusCode": 201, "requestCharge": 5.0, "eTag": '"e"', "resourceBody": item}
        answer = json.dumps([result] * 3).encode()
    elif b"x-ms-documentdb-isquery" in headers:
        answer = json.dumps({"_rid": "x", "Documents": [item] * PARTITION_SIZE, "_count": PARTITION_SIZE}).encode()
    elif method == "POST":
        status = 201
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode()),
             (b"x-ms-session-token", b"0:-1#1"), (b"x-ms-documentdb-partitionkeyrangeid", b"0"),
             (b"x-ms-alt-content-path", b"dbs/d/colls/c"), (b"x-ms-content-path", b"AAAAAICAAAA="),
             (b"x-ms-request-charge", b"1"), (b"etag", b'"e"')]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": (fixed[:-1] if extra else fixed) + extra})
    await send({"type": "http.response.body", "body": answer})


def start(*command: str) -> tuple[subprocess.Popen[str], str]:
    """The process and the address it says it is ready at."""
    process = subprocess.Popen([sys.executable, *command], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline().removeprefix("ready "))["endpoint"]


async def container_of(client: Any) -> Any:
    from azure.cosmos import PartitionKey

    database = await client.create_database(uuid.uuid4().hex)
    return await database.create_container("c", partition_key=PartitionKey(path="/pk"))


def acts_on(container: Any, key: str = "p") -> dict[str, Callable[[], Awaitable[Any]]]:
    """What is measured, each act by its name."""

    async def read() -> Any:
        return await container.read_item("a", key)

    async def query() -> Any:
        rows = [row async for row in container.query_items("SELECT * FROM c", partition_key=key)]
        assert len(rows) == PARTITION_SIZE, len(rows)

    async def create() -> Any:
        return await container.create_item({"id": uuid.uuid4().hex, "pk": uuid.uuid4().hex, **ITEM})

    async def batch() -> Any:
        partition = uuid.uuid4().hex
        operations = [("create", ({"id": str(n), "pk": partition, **ITEM},)) for n in range(3)]
        return await container.execute_item_batch(operations, partition)

    return {"read": read, "query of twenty": query, "create": create, "batch of three": batch}


async def rate(act: Callable[[], Awaitable[Any]], seconds: float) -> float:
    """How often the act can be done in a second, one after another."""
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        await act()
        count += 1
    return count / (time.perf_counter() - started)


async def fill(container: Any, key: str = "p") -> None:
    for n in range(PARTITION_SIZE):
        await container.upsert_item({"id": "a" if n == 0 else str(n), "pk": key, **ITEM})


def sync_ms(file: Path) -> float:
    """What it costs to write four pages to this disk now and have them synced, as every durable write must."""
    taken = []
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    try:
        for _ in range(SYNCS):
            started = time.perf_counter()
            os.pwrite(descriptor, b"x" * 16384, 0)
            getattr(os, "fdatasync", os.fsync)(descriptor)
            taken.append((time.perf_counter() - started) * 1000)
    finally:
        os.close(descriptor)
    return statistics.median(taken)


async def compare(own_url: str, canned_url: str, seconds: float) -> bool:
    from azure.cosmos.aio import CosmosClient

    passed = True
    async with CosmosClient(own_url, EMULATOR_KEY) as own, CosmosClient(canned_url, EMULATOR_KEY) as other:
        container = await container_of(own)
        await fill(container)
        ours = acts_on(container)
        theirs = acts_on(other.get_database_client("d").get_container_client("c"))
        for name in ours:
            # Taken in turns, so that what else the machine does falls on both.
            pairs = [(await rate(ours[name], seconds), await rate(theirs[name], seconds)) for _ in range(ROUNDS)]
            ratio = statistics.median(mine / canned_rate for mine, canned_rate in pairs)
            mine, canned_rate = (statistics.median(column) for column in zip(*pairs, strict=True))
            verdict = "ok" if ratio >= LEAST[name] else f"less than {LEAST[name]}"
            passed = passed and ratio >= LEAST[name]
            print(f"{name:16} {mine:8.0f}/s   canned {canned_rate:8.0f}/s   ratio {ratio:.2f}   {verdict}", flush=True)
    return passed


def load(data: Path, container: Any, count: int) -> None:
    """Put `count` items straight into the file: through HTTP a million would take half an hour."""
    import sqlite3

    from local.cosmos.partition_key import effective_key, key_text

    sql = sqlite3.connect(data)
    number, rid = sql.execute("SELECT number, rid FROM containers WHERE rid=?", (container["_rid"],)).fetchone()
    lsn = sql.execute("SELECT value FROM meta WHERE name='lsn'").fetchone()[0]

    def rows() -> Any:
        for n in range(count):
            key = (f"k{n // PARTITION_SIZE}",)
            body = json.dumps({"id": f"i{n}", "pk": key[0], **ITEM, "_rid": rid, "_etag": '"e"', "_ts": 1}).encode()
            place = (number << 44) + (lsn << 7) + n
            yield (
                place,
                number,
                key_text(key),
                f"i{n}",
                effective_key(key, "Hash", 2),
                lsn,
                1,
                None,
                None,
                '"e"',
                body,
            )

    with sql:
        sql.executemany("INSERT INTO items VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows())
    sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sql.close()


async def scale(own_url: str, data: Path, count: int, seconds: float) -> bool:
    """Whether a container of `count` items is about as fast as one of a thousand."""
    import random

    from azure.cosmos.aio import CosmosClient

    passed = True
    async with CosmosClient(own_url, EMULATOR_KEY) as client:
        containers = []
        for size in (1000, count):
            container = await container_of(client)
            load(data, await container.read(), size)
            containers.append((container, size))

        def act(container: Any, size: int, name: str) -> Callable[[], Awaitable[Any]]:
            async def do() -> Any:
                n = random.randrange(size)
                key = f"k{n // PARTITION_SIZE}"
                if name == "read":
                    return await container.read_item(f"i{n}", key)
                rows = [row async for row in container.query_items("SELECT * FROM c", partition_key=key)]
                assert len(rows) == PARTITION_SIZE

            return do

        for name in ("read", "query of twenty"):
            pairs = []
            for _ in range(ROUNDS):
                pairs.append([await rate(act(container, size, name), seconds) for container, size in containers])
            slower = statistics.median(small / large for small, large in pairs)
            passed = passed and slower <= SLOWER_MOST
            print(f"{name:16} {count} items: {slower:.2f} times as slow as 1000 items", flush=True)
    return passed


async def other_reads(own_url: str, url: str, seconds: float) -> None:
    from azure.cosmos.aio import CosmosClient

    # The npm emulator names an address with https, whatever it was asked by.
    as_given: Any = {"enable_endpoint_discovery": False}
    async with (
        CosmosClient(own_url, EMULATOR_KEY, **as_given) as own,
        CosmosClient(url, EMULATOR_KEY, **as_given) as other,
    ):
        acts = []
        for client in (own, other):
            container = await container_of(client)
            await fill(container)
            acts.append(acts_on(container)["read"])
        pairs = [[await rate(act, seconds) for act in acts] for _ in range(ROUNDS)]
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"read             {mine:8.0f}/s   other  {theirs:8.0f}/s   ratio {mine / theirs:.2f}")


def serve_canned() -> None:
    from local.cosmos.__main__ import listen, serve

    serve(canned, listen(0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--items", type=int, help="also compare a container of this many items with one of a thousand")
    parser.add_argument("--other", help="also compare reads with the endpoint at this address")
    parser.add_argument("--canned", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.canned:
        serve_canned()
        return 0
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "bench.db"
        own, own_url = start("-m", "local.cosmos", "--port", "0", "--data", str(data))
        other, canned_url = start(__file__, "--canned")
        try:
            before = sync_ms(Path(folder) / "sync")
            passed = asyncio.run(compare(own_url, canned_url, given.seconds))
            after = sync_ms(Path(folder) / "sync")
            # Canned answers wait for no disk, so the ratios of writes are fair only where syncing is quick.
            print(f"a sync alone     {before:8.2f} ms before, {after:.2f} ms after, on this disk")
            if given.items:
                passed = asyncio.run(scale(own_url, data, given.items, given.seconds)) and passed
            if given.other:
                asyncio.run(other_reads(own_url, given.other, given.seconds))
        finally:
            for process in (own, other):
                process.terminate()
                process.wait()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

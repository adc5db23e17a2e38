"""The store and the blobs against Microsoft's emulators, in CI only: python tests/infra/emulators.py

Makes the containers of cosmos-containers.json, writes and reads as the app does, and asks every query of the code.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

# Published by Microsoft, the same for every emulator in the world: no secrets.
COSMOS_KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
BLOB_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
COSMOS = os.environ.get("COSMOS_ENDPOINT", "http://127.0.0.1:8081/")
BLOBS = os.environ.get("BLOB_ACCOUNT_URL", "http://127.0.0.1:10000/devstoreaccount1")

TIMEOUT_SECONDS = 30.0
FILLED_IN = {"@most": 10, "@kinds": ["note"], "@closed": ["rejected"]}


def asked(text: str) -> tuple[str, dict[str, object]]:
    """The text of a query of the code, with something for whatever is filled in when it runs."""
    text = (
        re.sub(r"c\.agenda\.\*(_at)?", "c.agenda.queue_at", text).replace("@*", "@turn").replace("IN ()", "IN (@one)")
    )
    return text, {name[1:]: FILLED_IN.get(name, "x") for name in set(re.findall(r"@\w+", text))}


async def try_cosmos(address: str = COSMOS, key: str = COSMOS_KEY) -> None:
    """Write, read, lose a race, and ask every query."""
    from azure.cosmos import PartitionKey
    from azure.cosmos.aio import CosmosClient

    from shared.adapters.cosmos import Create, Replace, Store
    from shared.domain.errors import RecordChanged
    from tests.infra.queries import queries

    async with CosmosClient(address, key) as client:
        database = await client.create_database_if_not_exists("pledge")
        for each in json.loads((ROOT / "infra/cosmos-containers.json").read_text("utf-8")):
            await database.create_container_if_not_exists(
                each["id"],
                PartitionKey(each["partitionKey"]),
                indexing_policy=each["indexingPolicy"],
                **({"default_ttl": each["defaultTtl"]} if each["defaultTtl"] is not None else {}),
            )
        store = Store(client, "pledge")
        case = {"id": "case", "kind": "case", "case_id": "one", "agenda": {"queue_at": "2027"}}
        await store.commit("cases", "one", [Create(case), Create({"id": "event:1", "kind": "event", "case_id": "one"})])
        stored = await store.read("cases", "case", "one")
        assert stored is not None
        await store.replace("cases", case | {"changed": True}, stored["_etag"], "one")
        try:
            await store.commit("cases", "one", [Replace(case, stored["_etag"])])
            raise AssertionError("A lost race was won.")
        except RecordChanged:
            pass
        for query in queries():
            await store.query(query.container, *asked(query.text))
            print("asked", query.where)


async def try_blobs(address: str = BLOBS, key: str = BLOB_KEY) -> None:
    """Store once, store again, read, delete."""
    from azure.storage.blob.aio import BlobServiceClient

    from shared.adapters.blobs import Blobs

    async with BlobServiceClient(address, credential=key) as client:
        await client.create_container("evidence-smoke")
        blobs = Blobs(client, client, "evidence-smoke", "audits", "anchors", TIMEOUT_SECONDS)
        for _ in range(2):
            await blobs.put("evidence-smoke", "a", b"content", "text/plain")
        assert await blobs.get("evidence-smoke", "a") == b"content"
        await blobs.delete("evidence-smoke", "a")


async def main() -> None:
    for _ in range(30):  # The emulators take a while to start.
        try:
            _, writer = await asyncio.open_connection(*COSMOS.strip("/").split("/")[-1].split(":"))
            writer.close()
            break
        except OSError:
            await asyncio.sleep(2)
    await try_cosmos()
    await try_blobs()


if __name__ == "__main__":
    asyncio.run(main())

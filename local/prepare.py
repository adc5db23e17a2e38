"""Make what the product expects to find in a new account: its database and containers, and the Blob containers.

    python -m local.prepare --data DIR

In the cloud the templates in infra do this. What exists stays as it is.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import config

COSMOS_CONTAINERS = config.ROOT / "infra" / "cosmos-containers.json"
PATIENCE_SECONDS = 50.0


def create_blob_containers(stack: dict[str, Any]) -> None:
    """The containers of both accounts: evidence, and what audits write."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient

    known = config.info(Path(), stack)
    for account in (known["blob"], known["audit_blob"]):
        with BlobServiceClient(
            account["url"], credential=account["key"], retry_total=0, connection_timeout=2
        ) as service:
            for container in account["containers"]:
                try:
                    service.create_container(container)
                except ResourceExistsError:
                    continue


def create_cosmos_containers(stack: dict[str, Any]) -> None:
    """The database, and each container that the product's list names."""
    from azure.cosmos import CosmosClient, PartitionKey

    client = CosmosClient(config.addresses(stack)["cosmos"], config.COSMOS_KEY, connection_timeout=5)
    database = client.create_database_if_not_exists(config.COSMOS_DATABASE)
    wanted = json.loads(COSMOS_CONTAINERS.read_text()) if COSMOS_CONTAINERS.exists() else []
    for one in wanted:
        key = one["partitionKey"]
        path = key if isinstance(key, str) else key["paths"][0]
        database.create_container_if_not_exists(
            one["id"],
            PartitionKey(path=path),
            indexing_policy=one.get("indexingPolicy"),
            default_ttl=one.get("defaultTtl"),
        )


def patiently(work: Callable[[dict[str, Any]], None], stack: dict[str, Any]) -> None:
    """Try until the service is up; what still fails then is a fault."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work(stack)
        except Exception:  # Each SDK has its own words for "not there yet".
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main() -> None:
    """Prepare the stack of one data folder."""
    parser = argparse.ArgumentParser(prog="python -m local.prepare", description="Create database and containers.")
    parser.add_argument("--data", type=Path, required=True)
    stack = config.load(parser.parse_args().data)
    patiently(create_cosmos_containers, stack)
    patiently(create_blob_containers, stack)  # Last: Azurite takes the longest to start.


if __name__ == "__main__":
    main()

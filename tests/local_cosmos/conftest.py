"""A real endpoint in a process of its own for each test module, and the real SDK to drive it."""

import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient

from local.cosmos.auth import EMULATOR_KEY

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Server:
    """A running endpoint."""

    url: str
    process: subprocess.Popen[str]
    data: Path

    def control(self, method: str, door: str, body: Any = None) -> Any:
        """What one of the doors under /_local/ answers."""
        answer = httpx.request(method, f"{self.url}_local/{door}", json=body)
        answer.raise_for_status()
        return answer.json()

    def set_faults(self, *rules: dict[str, Any]) -> None:
        self.control("PUT", "faults", {"rules": list(rules)})

    def calls(self) -> list[dict[str, Any]]:
        """The calls on items since the last clear."""
        return [call for call in self.control("GET", "calls")["calls"] if not call["meta"]]

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[CosmosClient]:
        async with CosmosClient(self.url, EMULATOR_KEY, **options) as client:
            yield client

    @asynccontextmanager
    async def container(
        self,
        path: str | list[str] = "/pk",
        version: int = 2,
        client_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> AsyncIterator[ContainerProxy]:
        """A new container in a database of its own, so that tests share nothing."""
        kind = "Hash" if isinstance(path, str) else "MultiHash"
        async with self.client(**(client_options or {})) as client:
            database = await client.create_database(f"test-{uuid.uuid4().hex}")
            key = PartitionKey(path=path, kind=kind, version=version)
            yield await database.create_container("items", partition_key=key, **options)


def start(data: Path, *arguments: str) -> Server:
    command = [sys.executable, "-m", "local.cosmos", "--port", "0", "--data", str(data), *arguments]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready "), line
    return Server(json.loads(line.removeprefix("ready "))["endpoint"], process, data)


def stop(server: Server) -> None:
    server.process.terminate()
    server.process.wait(timeout=10)
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("cosmos") / "cosmos.db")
    yield running
    stop(running)


@pytest.fixture(scope="module")
def wide_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An endpoint whose containers have four physical partitions."""
    running = start(tmp_path_factory.mktemp("cosmos") / "cosmos.db", "--partitions", "4")
    yield running
    stop(running)

"""A host over the tiny app, the services, and the whole stack: each started once."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import config
from local.clock import Clock
from local.host import Host
from local.signatures import sign
from local.testing import Stack

from . import tiny_app

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TINY_APP = ("--app", "tests.local_stack.tiny_app:app", "--clock", "tests.local_stack.tiny_app:clock")


class Services:
    """The services of one data folder as a process, to be killed and started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.stack = config.load_or_create(data, port=0)
        # No connection is kept: these services cut connections and are killed on purpose.
        self.client = httpx.Client(trust_env=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "local.leash", "local.services", "--data", str(self.data)]
        with (self.data / "services.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, cwd=config.ROOT)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.client.get(f"{self.base['services']}/ready").raise_for_status()
                return
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the services did not start"
                assert self.process.poll() is None, "the services ended while starting"
                time.sleep(0.02)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(10)
        assert self.process.stdin is not None
        self.process.stdin.close()

    @property
    def base(self) -> dict[str, str]:
        return config.addresses(self.stack)

    def payments(self, method: str, path: str, body: bytes = b"", *, now: float | None = None) -> httpx.Response:
        """A request to the payment partner, signed as the product signs."""
        secret = self.stack["partner_secrets"]["payments"]
        headers = sign(secret, "msg_1", time.time() if now is None else now, body)
        return self.client.request(method, f"{self.base['partners']}/payments/api{path}", content=body, headers=headers)

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """A look at a partner, or with a body a word to it."""
        address = f"{self.base['partners']}/{path}"
        answer = self.client.get(address) if body is None else self.client.post(address, json=body)
        return answer.json()


@pytest.fixture(scope="session")
def host() -> Host:
    """The tiny app's host; an app can be indexed once per process only."""
    clock = Clock()
    tiny_app.clock = clock
    settings = {"DAILY_SCHEDULE": "0 30 3 * * *", "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"}
    return Host(tiny_app.app, clock, settings)


@pytest.fixture
def calls(host: Host) -> Callable[..., Any]:
    """Make one request to the tiny app's host, in this process."""

    async def call(method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(host.application())
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7071") as client:
            return await client.request(method, path, **more)

    return lambda method, path, **more: asyncio.run(call(method, path, **more))


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The services, on real time, without a product that takes their webhooks."""
    running = Services(tmp_path_factory.mktemp("services"))
    yield running
    running.end()
    running.client.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack around the tiny app."""
    runs = tmp_path_factory.mktemp("runs") / "runs.jsonl"
    environment = {**os.environ, "DAILY_SCHEDULE": "0 30 3 * * *", "RUNS_FILE": str(runs)}
    with Stack(NOON, arguments=TINY_APP, environment=environment) as running:
        yield running

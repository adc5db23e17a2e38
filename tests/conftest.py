"""What every test may use: one local stack for the whole run (a process each under xdist), and people to act on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from local.testing import Stack
from shared.adapters.blobs import Blobs
from tests.people import Applicant

# `make test` draws the same examples each time, on machines of any speed; `make soak` draws new ones.
settings.register_profile("test", derandomize=True, deadline=None)
settings.register_profile("soak", deadline=None, print_blob=True)
settings.load_profile("test")

NOW = "2027-01-11T14:00:00Z"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-soak", action="store_true", help="run the long histories and whole sweeps too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-soak"):
        settings.load_profile("soak")
        return
    skip = pytest.mark.skip(reason="only with --run-soak (make soak)")
    for item in items:
        if "soak" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole stack, on a day on which the spring intake is open. Nobody moves this one's clock."""
    with Stack(now=NOW) as running:
        yield running


@pytest.fixture
def applicant(stack: Stack) -> Applicant:
    """Somebody new, who has not applied yet."""
    return Applicant(stack)


@pytest.fixture
async def blobs(stack: Stack) -> AsyncIterator[Blobs]:
    """The product's own client of the evidence account."""
    from azure.storage.blob.aio import BlobServiceClient as Client

    account = stack.info["blob"]
    client = Client(account["url"], credential=account["key"], retry_total=0)
    found = Blobs(client, client, "evidence", "audits", "anchors", 30.0)
    yield found
    await found.close()

"""A store to report on: the endpoint of the stack, and cases that are put there as the service would have left them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from local.testing import Stack
from shared.adapters.cosmos import Create, Operation, Replace, Store
from shared.domain.case import Case
from shared.reports.refresh import REPORTS
from shared.reports.sums import Sum, total
from shared.use_cases.commands import CASES, item_from
from tests.builders import PROGRAMME, TERMS
from tests.reports.people import Remembered

_numbers = itertools.count(1)


class Killed(BaseException):
    """The process is gone."""


class Mortal(Store):
    """The store of a process that is killed at its n-th write, before it or after it."""

    dies_at: int | None = None
    writes = 0
    after = False

    async def _write(self, container: str, partition_key: str, operations: Any) -> list[str]:
        self.writes += 1
        dying = self.writes == self.dies_at
        if dying and not self.after:
            raise Killed
        etags = await super()._write(container, partition_key, operations)
        if dying:
            raise Killed
        return etags


class Desk:
    """Cases in the store, and what the reports hold of their intake."""

    def __init__(self, services: Any) -> None:
        self.services = services
        self.store: Mortal = services.store
        self.intake = f"t{next(_numbers)}-{uuid.uuid4().hex[:6]}"
        own = PROGRAMME.intakes[0].model_copy(update={"id": self.intake})
        services.programmes = {PROGRAMME.id: PROGRAMME.model_copy(update={"intakes": (*PROGRAMME.intakes, own)})}

    @property
    def partition(self) -> str:
        """Where the reports keep this intake."""
        return f"ai-diploma.{self.intake}"

    async def put(self, person: Remembered, case_id: str, known: int = 0) -> None:
        """Store the case, with the events after the first `known` ones, as one batch."""
        case: Case = person.case.model_copy(update={"case_id": case_id, "intake": self.intake})
        before = await self.store.read(CASES, "case", case_id)
        snapshot = item_from(case)
        operations: list[Operation] = [Replace(snapshot, before["_etag"]) if before else Create(snapshot)]
        for event in person.events[known:]:
            item = event.model_dump(mode="json")
            stored = {"id": f"event:{event.sequence:06d}", "event": event.kind, "kind": "event", "case_id": case_id}
            operations.append(Create({**item, **stored}))
        await self.store.commit(CASES, case_id, operations)

    async def summary(self) -> Sum:
        """What the reports hold."""
        item = await self.store.read(REPORTS, "summary", self.partition)
        return item["sums"] if item else {}

    async def of_contributions(self) -> Sum:
        """What the contributions of the intake come to."""
        text = "SELECT TOP 1000 * FROM c WHERE c.kind = 'contribution'"
        rows = await self.store.query(REPORTS, text, {}, self.partition)
        return total(row["sums"] for row in rows)


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """A desk of its own for each test: another intake, in the store that all tests share."""
    from azure.cosmos.aio import CosmosClient

    stated = stack.info["cosmos"]
    client = CosmosClient(stated["endpoint"], credential=stated["key"], consistency_level="Session", retry_total=0)
    await client.__aenter__()
    store = Mortal(client, stated["database"])
    settings = SimpleNamespace(address_key=b"k" * 32)
    yield Desk(SimpleNamespace(store=store, terms=TERMS, settings=settings))
    await store.close()

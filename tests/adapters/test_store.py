"""The write rule: whatever the store answers, a write is applied once, and what is reported is what happened."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from local.testing import Stack
from shared import telemetry
from shared.adapters.cosmos import SUPERSEDED, AlreadyStored, Create, Replace, Store
from shared.domain.errors import OutcomeUnknown, RecordChanged, Unavailable


@pytest.fixture
async def store(stack: Stack) -> AsyncIterator[Store]:
    from azure.cosmos.aio import CosmosClient

    stated = stack.info["cosmos"]
    client = CosmosClient(
        stated["endpoint"], credential=stated["key"], consistency_level="Session", retry_total=0, retry_connect=0,
        retry_read=0, retry_throttle_total=1, retry_throttle_backoff_max=1, read_timeout=1,
    )  # fmt: skip
    await client.__aenter__()
    opened = Store(client, stated["database"], budget_seconds=4.0)
    await opened.read("cases", "warm", "warm")
    yield opened
    await opened.close()


@pytest.fixture
def faults(stack: Stack) -> Iterator[Any]:
    """Set the rules of the endpoint; none are left after the test."""
    url = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"

    def put(
        *effects: dict[str, Any], operation: str = "Batch", every: bool = False, read: dict[str, Any] | None = None
    ) -> None:
        rules = [
            {"operation": operation, "container": "cases", "nth": None if every else n, "times": None if every else 1,
             "effect": effect}
            for n, effect in enumerate(effects, start=1)
        ]  # fmt: skip
        if read is not None:
            rules.append({"operation": "Read", "container": "cases", "nth": 1, "times": 1, "effect": read})
        assert httpx.put(url, json={"rules": rules}, trust_env=False).status_code == 200

    yield put
    httpx.delete(url, trust_env=False)


def status(code: int, *, apply: bool = False) -> dict[str, Any]:
    return {"kind": "status", "status": code, "substatus": None, "retry_after_ms": 10, "apply": apply}


LOST = [
    pytest.param({"kind": "reset", "when": "after"}, id="connection cut after the write"),
    pytest.param({"kind": "reset", "when": "before"}, id="connection cut before the write"),
    pytest.param(status(408, apply=True), id="408 though applied"),
    pytest.param(status(500, apply=True), id="500 though applied"),
    pytest.param(status(500), id="500 and not applied"),
    pytest.param(status(503), id="503"),
    pytest.param(status(429), id="429"),
    pytest.param(status(449), id="449"),
    pytest.param({"kind": "delay", "ms": 1500}, id="slower than the read time-out"),
]


async def stored(store: Store, case_id: str) -> list[dict[str, Any]]:
    return await store.query("cases", "SELECT * FROM c", {}, case_id)


@pytest.mark.parametrize("fault", LOST)
async def test_batch_is_applied_once_whatever_becomes_of_its_answer(
    store: Store, faults: Any, fault: dict[str, Any]
) -> None:
    case_id = uuid.uuid4().hex
    first = await store.commit("cases", case_id, [Create({"id": "case", "case_id": case_id, "n": 1})])
    faults(fault)

    etags = await store.commit(
        "cases",
        case_id,
        [
            Replace({"id": "case", "case_id": case_id, "n": 2}, first[0]),
            Create({"id": "event:1", "case_id": case_id}),
        ],
    )

    rows = {row["id"]: row for row in await stored(store, case_id)}
    assert set(rows) == {"case", "event:1"}
    assert rows["case"]["n"] == 2
    assert etags[0] == rows["case"]["_etag"]


async def test_second_writer_loses_and_writes_nothing(store: Store) -> None:
    case_id = uuid.uuid4().hex
    etag = (await store.commit("cases", case_id, [Create({"id": "case", "case_id": case_id})]))[0]
    await store.commit("cases", case_id, [Replace({"id": "case", "case_id": case_id, "by": "first"}, etag)])

    with pytest.raises(RecordChanged):
        await store.commit(
            "cases",
            case_id,
            [
                Replace({"id": "case", "case_id": case_id, "by": "second"}, etag),
                Create({"id": "event:2", "case_id": case_id}),
            ],
        )

    assert [row.get("by") for row in await stored(store, case_id)] == ["first"]


async def test_id_that_is_taken_is_named_and_nothing_of_the_batch_is_stored(store: Store) -> None:
    case_id = uuid.uuid4().hex
    etag = (
        await store.commit(
            "cases", case_id, [Create({"id": "case", "case_id": case_id}), Create({"id": "r", "case_id": case_id})]
        )
    )[0]

    with pytest.raises(AlreadyStored) as taken:
        await store.commit(
            "cases",
            case_id,
            [Replace({"id": "case", "case_id": case_id, "n": 9}, etag), Create({"id": "r", "case_id": case_id})],
        )

    assert taken.value.item_id == "r"
    assert "n" not in {name for row in await stored(store, case_id) for name in row}


async def test_store_that_never_answers_is_unavailable_and_nothing_is_claimed(store: Store, faults: Any) -> None:
    case_id = uuid.uuid4().hex
    faults(status(503), every=True)

    with pytest.raises(Unavailable):
        await store.commit("cases", case_id, [Create({"id": "case", "case_id": case_id})])


async def test_write_and_reading_back_both_lost_is_told_as_unknown(store: Store, faults: Any) -> None:
    case_id = uuid.uuid4().hex
    faults(status(500, apply=True), operation="*", every=True)

    with pytest.raises((OutcomeUnknown, Unavailable)):
        await store.commit("cases", case_id, [Create({"id": "case", "case_id": case_id})])


async def test_a_write_that_is_tried_again_is_counted(store: Store, faults: Any) -> None:
    case_id = uuid.uuid4().hex
    faults(status(449))  # The one that the SDK itself does not try again.

    with telemetry.tallied("a command") as tally:
        await store.commit("cases", case_id, [Create({"id": "case", "case_id": case_id})])
        await store.read("cases", "case", case_id)

    assert tally.retries == 1
    assert tally.calls == 3
    assert tally.units > 5


async def test_batch_whose_answer_is_lost_was_applied_even_if_another_writer_came_before_the_reading_back(
    store: Store, faults: Any
) -> None:
    case_id = uuid.uuid4().hex
    first = await store.commit("cases", case_id, [Create({"id": "case", "case_id": case_id})])
    faults({"kind": "reset", "when": "after"}, read={"kind": "delay", "ms": 700})
    ours = asyncio.create_task(
        store.commit(
            "cases", case_id,
            [
                Replace({"id": "case", "case_id": case_id, "by": "us"}, first[0]),
                Create({"id": "event:1", "case_id": case_id}),
            ],
        )
    )  # fmt: skip
    for _ in range(100):
        await asyncio.sleep(0.02)
        rows = {row["id"]: row for row in await stored(store, case_id)}
        if "event:1" in rows:
            break

    await store.commit(
        "cases", case_id, [Replace({"id": "case", "case_id": case_id, "by": "them"}, rows["case"]["_etag"])]
    )
    etags = await ours

    assert etags[0] == SUPERSEDED
    assert {row.get("by") for row in await stored(store, case_id) if row["id"] == "case"} == {"them"}

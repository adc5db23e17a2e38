"""The doors under /_local/: faults, calls, clock and dump, and what they do to a client."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.exceptions import AzureError
from azure.cosmos import exceptions

from tests.local_cosmos.conftest import Server

ONCE: dict[str, Any] = {"retry_total": 0, "retry_connect": 0, "retry_read": 0, "retry_throttle_total": 0}


@pytest.fixture(autouse=True)
def no_faults(server: Server) -> Iterator[None]:
    server.control("DELETE", "calls")
    yield
    server.control("DELETE", "faults")


async def test_status_is_given_with_its_substatus_and_only_for_the_nth_call(server: Server) -> None:
    effect = {"kind": "status", "status": 410, "substatus": 0}
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p"})
        server.set_faults({"operation": "Read", "container": "items", "nth": 2, "effect": effect})

        await container.read_item("a", "p")
        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await container.read_item("a", "p")
        await container.read_item("a", "p")

        assert (refused.value.status_code, refused.value.sub_status) == (410, 0)
        assert server.control("GET", "faults")["rules"][0]["applied"] == 1


async def test_throttled_call_is_retried_after_the_time_given(server: Server) -> None:
    effect = {"kind": "status", "status": 429, "substatus": 3200, "retry_after_ms": 50}
    async with server.container() as container:
        server.set_faults({"operation": "Create", "times": 3, "effect": effect})

        await container.create_item({"id": "a", "pk": "p"})

        assert [call["status"] for call in server.calls()] == [429, 429, 429, 201]


async def test_write_can_be_applied_and_yet_answered_with_an_error(server: Server) -> None:
    effect = {"kind": "status", "status": 500, "apply": True}
    async with server.container() as container:
        server.set_faults({"operation": "Create", "effect": effect})

        with pytest.raises(exceptions.CosmosHttpResponseError) as refused:
            await container.create_item({"id": "a", "pk": "p"})

        assert refused.value.status_code == 500
        assert (await container.read_item("a", "p"))["id"] == "a"


@pytest.mark.parametrize(("when", "is_there"), [("before", False), ("after", True)])
async def test_reset_cuts_the_connection_before_or_after_the_write(server: Server, when: str, is_there: bool) -> None:
    async with server.container(client_options=ONCE) as container:
        server.set_faults({"operation": "Batch", "times": 1, "effect": {"kind": "reset", "when": when}})

        with pytest.raises(AzureError):
            await container.execute_item_batch([("create", ({"id": "a", "pk": "p"},))], "p")

        found = [item["id"] async for item in container.read_all_items()]
        assert found == (["a"] if is_there else [])


async def test_hanging_call_ends_with_the_clients_patience(server: Server) -> None:
    async with server.container(client_options={**ONCE, "read_timeout": 1}) as container:
        server.set_faults({"operation": "Create", "times": 1, "effect": {"kind": "hang"}})
        started = time.monotonic()

        with pytest.raises(AzureError):
            await container.create_item({"id": "a", "pk": "p"})

        assert 0.9 < time.monotonic() - started < 5


async def test_delay_is_waited_out(server: Server) -> None:
    async with server.container() as container:
        server.set_faults({"operation": "Create", "effect": {"kind": "delay", "ms": 300}})
        started = time.monotonic()

        await container.create_item({"id": "a", "pk": "p"})

        assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("when", "named"), [("before", "pid"), ("after", "pid"), ("after", "pid_file")])
async def test_kill_ends_another_process_before_or_after_the_write(
    server: Server, tmp_path: Path, when: str, named: str
) -> None:
    victim = await asyncio.create_subprocess_exec("sleep", "60")
    (tmp_path / "pid").write_text(f"{victim.pid}\n")
    async with server.container() as container:
        which = {"pid": victim.pid, "pid_file": str(tmp_path / "pid")}[named]
        effect = {"kind": "kill", named: which, "when": when}
        server.set_faults({"operation": "Create", "times": 1, "effect": effect})
        await container.create_item({"id": "a", "pk": "p"})

        assert await asyncio.wait_for(victim.wait(), 5) == -9
        assert (await container.read_item("a", "p"))["id"] == "a"


async def test_stale_replica_shows_what_came_before_unless_the_session_has_seen_more(server: Server) -> None:
    async with server.container() as container, server.client() as stranger:
        database = stranger.get_database_client(container.container_link.split("/")[1])
        elsewhere = database.get_container_client("items")
        first = await container.create_item({"id": "a", "pk": "p", "n": 1})
        second = await container.replace_item("a", {"id": "a", "pk": "p", "n": 2})
        server.set_faults({"operation": "*", "effect": {"kind": "stale"}})

        assert await elsewhere.read_item("a", "p") == first
        assert await container.read_item("a", "p") == second
        found = [item["n"] async for item in container.query_items("SELECT * FROM c", partition_key="p")]
        assert found == [2]


async def test_stale_replica_does_not_know_a_new_item(server: Server) -> None:
    async with server.container() as container, server.client() as stranger:
        database = stranger.get_database_client(container.container_link.split("/")[1])
        elsewhere = database.get_container_client("items")
        await container.create_item({"id": "a", "pk": "p"})
        server.set_faults({"operation": "*", "effect": {"kind": "stale"}})

        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await elsewhere.read_item("a", "p")
        assert [item async for item in elsewhere.query_items("SELECT * FROM c", partition_key="p")] == []


async def test_calls_are_listed_with_what_they_did(server: Server) -> None:
    async with server.container() as container:
        await container.create_item({"id": "a", "pk": "p"})
        await container.execute_item_batch([("read", ("a",)), ("create", ({"id": "b", "pk": "p"},))], "p")
        log = server.control("GET", "calls")

        batch = next(call for call in log["calls"] if call["operation"] == "Batch")
        assert log["counts"] == {"Create items": 1, "Batch items": 1}
        assert batch["batch"] == [
            {"op": "Read", "id": "a", "status": 200},
            {"op": "Create", "id": "b", "status": 201},
        ]
        assert batch["partition_key"] == '["p"]'
        assert server.control("GET", f"calls?since={log['next']}")["calls"] == []
        assert any(call["meta"] for call in log["calls"])


async def test_moved_clock_rules_over_ts_and_ttl(server: Server) -> None:
    async with server.container(default_ttl=-1) as container:
        server.control("POST", "clock", {"now": "2030-01-01T00:00:00Z"})
        item = await container.create_item({"id": "a", "pk": "p", "ttl": 60})
        server.control("POST", "clock", {"now": "2030-01-01T00:00:58Z"})
        await container.read_item("a", "p")
        server.control("POST", "clock", {"now": "2030-01-01T00:01:01Z"})

        assert item["_ts"] == 1893456000
        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await container.read_item("a", "p")
        assert [row async for row in container.query_items("SELECT * FROM c", partition_key="p")] == []
        await container.create_item({"id": "a", "pk": "p"})


async def test_dump_gives_every_live_item_a_line(server: Server) -> None:
    async with server.container() as container:
        items = [await container.create_item({"id": str(n), "pk": f"p{n}"}) for n in range(5)]
        name = container.container_link.split("/")[1]

        dump = await asyncio.to_thread(httpx.get, f"{server.url}_local/dump?database={name}&container=items")
        lines = dump.text.splitlines()

        assert [json.loads(line) for line in lines] == items


def test_nonsensical_rules_are_refused_with_a_sentence(server: Server) -> None:
    for rule in ({}, {"effect": {"kind": "fire"}}, {"operation": "Burn", "effect": {"kind": "hang"}}, 7):
        answer = httpx.put(f"{server.url}_local/faults", json={"rules": [rule]})

        assert answer.status_code == 400
        assert answer.json()["error"]


def test_web_pages_from_elsewhere_cannot_use_the_doors(server: Server) -> None:
    foreign = httpx.get(f"{server.url}_local/ready", headers={"Origin": "https://example.org"})
    renamed = httpx.get(f"{server.url}_local/ready", headers={"Host": "example.org"})

    assert (foreign.status_code, renamed.status_code) == (403, 403)

"""What an audit costs: cases a second against a bare paged read of the same items, memory, and a second run.

    python tools/bench_audit.py [cases ...]        default 10000 100000

Cases are laid into the local Cosmos DB endpoint past the service (one guaranteed life, its chain, many ids). Then, in
one process and one run: a bare paged read of every case and event through the same SDK, a full audit, and a run of
changes after one case in a hundred was written again. Ratios are of that one run; peak memory is the process's.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from local.testing import Stack
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines
from shared.use_cases.commands import item_from
from tests.builders import SERVICES, InMemory, at
from tests.tampering import event_item

NOW = "2028-04-20T12:00:00Z"
LETTERS = "abcdefghijklmnop"


def case_id(number: int) -> str:
    """The number in letters that ids have."""
    return "".join(LETTERS[int(digit, 16)] for digit in f"{number:026x}")


def lived() -> InMemory:
    """A guarantee whose refund was proposed three days ago."""
    case = InMemory().qualified("2027-10-04")
    case.do("2028-04-17", Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))
    return case


async def lay(info: dict[str, Any], numbers: range) -> None:
    """Store these cases, a batch each."""
    from azure.cosmos.aio import CosmosClient

    case = lived()
    items = [item_from(case.case), *map(event_item, case.events)]
    async with CosmosClient(info["cosmos"]["endpoint"], credential=info["cosmos"]["key"]) as client:
        container = client.get_database_client("pledge").get_container_client("cases")

        async def one(number: int) -> None:
            own = case_id(number)
            batch = [("upsert", (item | {"case_id": own},)) for item in items]
            await container.execute_item_batch(batch, partition_key=own)

        for first in range(numbers.start, numbers.stop, 32):
            await asyncio.gather(*(one(number) for number in range(first, min(first + 32, numbers.stop))))


async def bare_read(services: Any) -> int:
    """Every case and event, paged, and nothing done with them."""
    count, further = 0, None
    while True:
        rows, further = await services.store.page(
            "cases", "SELECT * FROM c WHERE c.kind IN ('case', 'event')", {}, further, 1000
        )
        count += len(rows)
        if further is None:
            return count


async def measure(environment: dict[str, str], now_text: str) -> dict[str, float]:
    """Bare read, full run, and what it came to."""
    import os

    os.environ.update(environment)
    from shared import bootstrap
    from shared.audit import runs

    services = await bootstrap.services()
    now = at(now_text[:10])
    began = time.perf_counter()
    items = await bare_read(services)
    read = time.perf_counter() - began
    began = time.perf_counter()
    run_id = f"bench-{time.time_ns()}"
    await runs.start(services, run_id, runs.FULL, now, now)
    end = await runs.go_on(services, run_id, now, lambda: True)
    assert end is not None
    audited = time.perf_counter() - began
    return {
        "items": items, "read": read, "audit": audited, "examined": end["examined"],
        "findings": sum(end["counts"].values()), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


async def measure_changes(environment: dict[str, str], now_text: str) -> dict[str, float]:
    """A run of changes."""
    import os

    os.environ.update(environment)
    from shared import bootstrap
    from shared.audit import runs

    services = await bootstrap.services()
    now = at(now_text[:10], 13)
    began = time.perf_counter()
    run_id = f"bench-{time.time_ns()}"
    await runs.start(services, run_id, runs.CHANGES, now, now)
    end = await runs.go_on(services, run_id, now, lambda: True)
    assert end is not None
    return {"audit": time.perf_counter() - began, "examined": end["examined"]}


def _in_a_process_of_its_own(name: str, *arguments: Any) -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (name, arguments))


def _run(name: str, arguments: tuple[Any, ...]) -> Any:
    return asyncio.run(globals()[name](*arguments))


def main(sizes: list[int]) -> None:
    """Measure each size on the same, growing store and print the table."""
    print(f"{'cases':>8}{'items':>9}{'read s':>9}{'audit s':>9}{'ratio':>7}{'peak MB':>9}{'1 % s':>8}{'of full':>9}")
    with Stack(now=NOW) as stack:
        environment = environment_of(stack)
        done = 0
        for size in sorted(sizes):
            asyncio.run(lay(stack.info, range(done, size)))
            done = size
            full = _in_a_process_of_its_own("measure", environment, NOW)
            asyncio.run(lay(stack.info, range(0, size // 100)))
            again = _in_a_process_of_its_own("measure_changes", environment, NOW)
            assert (full["examined"], again["examined"], full["findings"]) == (size, size // 100, 0), (full, again)
            print(
                f"{size:8d}{full['items']:9.0f}{full['read']:9.1f}{full['audit']:9.1f}"
                f"{full['read'] / full['audit']:7.2f}{full['peak']:9.0f}{again['audit']:8.1f}"
                f"{again['audit'] / full['audit']:9.1%}",
                flush=True,
            )


def environment_of(stack: Stack) -> dict[str, str]:
    """The settings with which the stack's own host runs."""
    pid = stack.host_pid()
    raw = Path(f"/proc/{pid}/environ")
    if raw.exists():
        pairs = (pair.partition("=") for pair in raw.read_bytes().decode().split("\0") if "=" in pair)
        return {name: value for name, _, value in pairs}
    said = subprocess.run(["ps", "eww", "-o", "command=", str(pid)], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(f"[{said}]"))


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [10_000, 100_000])

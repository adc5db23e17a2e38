"""What an audit costs: cases a second against a bare paged read of the same items, memory, and a second run.

    python tools/bench_audit.py [cases ...] [--profile FILE]        default 10000; 100,000 take half an hour

Cases of two kinds (in the window; a refund that waits for a signature) are laid into the local Cosmos DB endpoint by
its own code, without HTTP. Then, in processes of their own on the same machine: a bare paged read of every case and
event through the same SDK; the same in the order of the cases, as an audit must read them; a full audit, which
anchors every chain; the same again, as each month's does, with the anchors there; and a run of changes after one case
in a hundred was written again. Ratios are of both reads to the second audit, in seconds, and of the bare read to it
in the processor's time, which does not depend on who else is using the machine. Peak memory is that audit's process's.
What the run of changes costs is told in seconds, in request units and in round trips: here a query for a few rows reads
the whole container, where the service has an index, so only the units and trips say what it costs there.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from functions.timers import TIMERS
from local.clock import parse_instant
from local.cosmos import items
from local.cosmos.store import Store
from local.testing import Stack
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines
from tests.builders import SERVICES, InMemory
from tests.tampering import items_of

NOW = "2028-04-20T12:00:00Z"
LETTERS = "abcdefghijklmnop"
WAITING_ONE_IN = 50
CHANGED_ONE_IN = 100
AT_MOST = 1000


def case_id(number: int) -> str:
    """The number in letters that ids have."""
    return "".join(LETTERS[int(digit, 16)] for digit in f"{number:026x}")


def lives() -> list[list[dict[str, Any]]]:
    """What is stored of a graduate in the window, and of one whose refund was proposed three days ago."""
    waiting = InMemory().qualified("2027-10-04")
    waiting.do("2028-04-17", Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))
    cases = [InMemory().qualified("2027-12-20"), waiting]
    return [items_of(case) for case in cases]


def lay(file: Path, numbers: range) -> None:
    """Store these cases as the endpoint would, each in one write; only the disk is not waited for."""
    in_time, waiting = lives()
    store = Store(file)
    store.writer.execute("PRAGMA synchronous=OFF")
    container = store.databases["pledge"].containers["cases"]
    for number in numbers:
        own = case_id(number)
        place = items.Place(container, (own,))
        with store.write(parse_instant(NOW).timestamp()) as transaction:
            for item in waiting if number % WAITING_ONE_IN == 0 else in_time:
                items.create(transaction, place, item | {"case_id": own})
    store.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


async def touch(info: dict[str, Any], size: int) -> None:
    """Write the snapshot and the last event of some cases again, as an act does."""
    from azure.cosmos.aio import CosmosClient

    async with CosmosClient(info["cosmos"]["endpoint"], credential=info["cosmos"]["key"]) as client:
        container = client.get_database_client("pledge").get_container_client("cases")
        for number in range(0, size, CHANGED_ONE_IN):
            own = case_id(number)
            for item_id in ("case", "event:000010"):
                await container.replace_item(item_id, await container.read_item(item_id, own))


async def bare_read() -> dict[str, float]:
    """Every case and event, paged, and nothing done with them."""
    from shared import bootstrap

    services = await bootstrap.services()
    began, used, count, further = time.perf_counter(), time.process_time(), 0, None
    while True:
        rows, further = await services.store.page(
            "cases", "SELECT * FROM c WHERE c.kind IN ('case', 'event')", {}, further, 1000
        )
        count += len(rows)
        if further is None:
            seconds, cpu = time.perf_counter() - began, time.process_time() - used
            return {"items": count, "seconds": seconds, "cpu": cpu}


async def ordered_read() -> dict[str, float]:
    """The same in the order of the cases, each page from the last whole case on."""
    from shared import bootstrap

    services = await bootstrap.services()
    began, count, last = time.perf_counter(), 0, ""
    while True:
        rows = await services.store.query(
            "cases",
            "SELECT TOP @most * FROM c WHERE c.kind IN ('case', 'event') AND c.case_id > @last ORDER BY c.case_id",
            {"most": AT_MOST, "last": last},
        )
        if len(rows) < AT_MOST:
            return {"items": count + len(rows), "seconds": time.perf_counter() - began}
        whole = [row for row in rows if row["case_id"] != rows[-1]["case_id"]]
        count, last = count + len(whole), whole[-1]["case_id"]


async def audit(scope: str, hours: int) -> dict[str, float]:
    """One run of this scope, so many hours later, and what it came to."""
    from shared import bootstrap
    from shared.audit import runs

    services = await bootstrap.services()
    now = parse_instant(NOW) + timedelta(hours=hours)
    began, used, run_id = time.perf_counter(), time.process_time(), f"bench-{time.time_ns()}"
    await runs.start(services, run_id, scope, now, now)
    end = await runs.go_on(services, run_id, now, lambda: True)
    assert end is not None
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "examined": end["examined"],
        "findings": sum(end["counts"].values()),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def alone(environment: dict[str, str], name: str, *arguments: Any, profile: str | None = None) -> dict[str, float]:
    """What this function comes to in a process of its own, with the settings of the stack."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (environment, name, arguments, profile))


def _run(environment: dict[str, str], name: str, arguments: tuple[Any, ...], profile: str | None) -> dict[str, float]:
    os.environ.update(environment)
    act = globals()[name](*arguments)
    if profile is None:
        return dict(asyncio.run(act))
    with cProfile.Profile() as watched:
        found = asyncio.run(act)
    watched.dump_stats(profile)
    return dict(found)


def main(sizes: list[int], profile: str | None) -> None:
    """Measure each size on the same, growing store and print the table."""
    print(f"{'cases':>8}{'items':>9}{'read s':>9}{'in order':>9}{'first s':>9}{'again s':>9}{'ratios':>12}"
          f"{'of CPU':>8}{'peak MB':>9}{'1 % s':>8}{'of full':>9}{'of its RU':>11}{'of trips':>10}")  # fmt: skip
    timers = ",".join(timer.name for timer in TIMERS)
    stack, done = Stack(now=NOW, environment={"TIMERS_OFF": timers}).start(), 0
    try:
        for size in sorted(sizes):
            stack.stop()
            lay(stack.data / "cosmos.sqlite", range(done, size))
            done = size
            stack.start()
            environment = environment_of(stack)
            read, ordered = (alone(environment, name) for name in ("bare_read", "ordered_read"))
            assert read["items"] == ordered["items"], (read, ordered)
            first = alone(environment, "audit", "full", 1)
            costs(stack)
            again = alone(environment, "audit", "full", 2, profile=profile)
            units_again, trips_again = costs(stack)
            asyncio.run(touch(stack.info, size))
            costs(stack)
            changed = alone(environment, "audit", "changes", 3)
            units_changed, trips_changed = costs(stack)
            found = [run[what] for run in (first, again, changed) for what in ("examined", "findings")]
            assert found == [size, 0, size, 0, size // CHANGED_ONE_IN, 0], found
            print(
                f"{size:8d}{read['items']:9.0f}{read['seconds']:9.1f}{ordered['seconds']:9.1f}"
                f"{first['seconds']:9.1f}{again['seconds']:9.1f}"
                f"{read['seconds'] / again['seconds']:6.2f}{ordered['seconds'] / again['seconds']:6.2f}"
                f"{read['cpu'] / again['cpu']:8.2f}{again['peak']:9.0f}{changed['seconds']:8.1f}"
                f"{changed['seconds'] / again['seconds']:9.1%}{units_changed / units_again:11.1%}"
                f"{trips_changed / trips_again:10.1%}",
                flush=True,
            )
    finally:
        stack.close()


def costs(stack: Stack) -> tuple[float, int]:
    """The request units and round trips of all calls since this was last asked; those that the SDK makes for itself
    (account, containers, ranges) cost a container nothing."""
    door = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/calls"
    calls = [call for call in stack.client.get(door).json()["calls"] if not call["meta"]]
    stack.client.delete(door)
    return sum(float(call["charge"]) for call in calls), len(calls)


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", type=int, default=[10_000])
    parser.add_argument("--profile", help="write the profile of the second full run to this file")
    given = parser.parse_args()
    main(given.cases, given.profile)

"""What the reports cost with many cases: the first run, a run after 1 % changed, and a report; counted, not timed.

python tools/bench_reports.py [--cases N]

Cases of a few kinds, made by the use cases themselves, are put straight into the endpoint's file, spread over twenty
intakes. What a run costs is told as calls and request units at the endpoint (seconds stand beside them for people).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from local.cosmos.auth import EMULATOR_KEY  # noqa: E402 - the repository's root has to be on the path first
from local.cosmos.partition_key import effective_key, key_text  # noqa: E402
from shared.adapters.cosmos import Create, Replace, Store  # noqa: E402
from shared.domain.life_cycle import Role  # noqa: E402
from shared.reports import reading  # noqa: E402
from shared.reports.refresh import run_reports  # noqa: E402
from shared.use_cases import job_search  # noqa: E402
from shared.use_cases.commands import item_from  # noqa: E402
from tests.builders import PROGRAMME, TERMS, at  # noqa: E402
from tests.reports.people import Remembered  # noqa: E402

INTAKES = 20
NOW = at("2028-03-01")
MOST = {"a run after 1 % changed, of the first": 0.02, "reads of one report": 1}


def kinds() -> list[Remembered]:
    """People at different points: half of them applied, the others study, search or have found work."""
    people = [Remembered() for _ in range(10)]
    people += [Remembered().accepted() for _ in range(2)]  # type: ignore[misc]
    people += [Remembered().studying() for _ in range(2)]  # type: ignore[misc]
    people += [Remembered().qualified() for _ in range(2)]  # type: ignore[misc]
    for week in range(4):
        person = Remembered().qualified()
        day = date(2027, 10, 18) + timedelta(weeks=3 * week)
        person.finds(day.isoformat(), contract_signed_on=day, starts_on=day + timedelta(days=14))
        people.append(person)
    return people


def items(person: Remembered, number: int) -> Iterator[dict[str, Any]]:
    """The items of one case: its snapshot and its events."""
    case_id, intake = f"{number:026d}", f"b{number // 20 % INTAKES}"
    case = person.case.model_copy(update={"case_id": case_id, "intake": intake})
    if case.placements:
        # Pay and day of their own, so that rows of the roster differ as those of real people do.
        report = case.placements["p1"].model_copy(update={"base_minor": 3_000_000 + 1000 * (number % 997)})
        case = case.model_copy(update={"placements": {"p1": report}})
    yield item_from(case)
    for event in person.events:
        item = event.model_dump(mode="json")
        yield {**item, "id": f"event:{event.sequence:06d}", "event": event.kind, "kind": "event", "case_id": case_id}


def load(data: Path, people: list[Remembered], count: int) -> int:
    """Put the cases straight into the file, each as one commit; how many items that made."""
    sql = sqlite3.connect(data)
    number, rid = sql.execute("SELECT number, rid FROM containers WHERE body LIKE '%\"cases\"%'").fetchone()
    (lsn,) = sql.execute("SELECT value FROM meta WHERE name='lsn'").fetchone()
    stored = 0

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal stored, lsn
        for n in range(count):
            lsn += 1
            for place, item in enumerate(items(people[n % len(people)], n)):
                stored += 1
                key = (item["case_id"],)
                body = json.dumps(item | {"_rid": rid, "_etag": f'"{lsn}"', "_ts": 1}).encode()
                yield ((number << 44) + (lsn << 7) + place, number, key_text(key), item["id"],
                       effective_key(key, "Hash", 2), lsn, 1, None, None, f'"{lsn}"', body)  # fmt: skip

    with sql:
        sql.executemany("INSERT INTO items VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows())
        sql.execute("UPDATE meta SET value=? WHERE name='lsn'", (lsn,))
    sql.close()
    return stored


def start(data: Path) -> tuple[subprocess.Popen[str], str]:
    """The endpoint over this file."""
    command = [sys.executable, "-m", "local.cosmos", "--port", "0", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline().removeprefix("ready "))["endpoint"]


async def store_at(url: str) -> Store:
    """The product's own store over the endpoint."""
    from azure.cosmos.aio import CosmosClient

    client = CosmosClient(url, credential=EMULATOR_KEY, consistency_level="Session", retry_total=0)
    await client.__aenter__()
    return Store(client, "pledge")


def make_containers(url: str) -> None:
    """Database and containers, as the templates have them."""
    from azure.cosmos import CosmosClient, PartitionKey

    database = CosmosClient(url, EMULATOR_KEY).create_database_if_not_exists("pledge")
    for one in json.loads((ROOT / "infra" / "cosmos-containers.json").read_text("utf-8")):
        if one["id"] in ("cases", "reports"):
            policy = one["indexingPolicy"]
            key = PartitionKey(one["partitionKey"])
            database.create_container_if_not_exists(one["id"], key, indexing_policy=policy)


class Meter:
    """Calls and request units at the endpoint since it was asked last."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self._next = 0
        self.calls, self.units, self.reads = 0, 0.0, 0

    def take(self) -> None:
        """Count what came since; the endpoint remembers only so many, so this is asked often."""
        told = self._client.get("/_local/calls", params={"since": self._next}).json()
        for call in told["calls"]:
            if not call.get("meta"):
                self.calls += 1
                self.units += float(call["charge"] or 0)
                self.reads += call["operation"] == "Read"
        self._next = told["next"]

    def reset(self) -> None:
        """Begin anew."""
        self.take()
        self.calls, self.units, self.reads = 0, 0.0, 0


async def metered(services: Any, meter: Meter) -> tuple[dict[str, int], float]:
    """Run until nothing is left to take in, with the meter read twice a second; what was done, and in how long."""
    meter.reset()
    began, total = time.monotonic(), dict[str, int]()

    async def watch() -> None:
        while True:
            await asyncio.sleep(0.3)
            meter.take()

    watching = asyncio.create_task(watch())
    try:
        while True:
            counts = await run_reports(services, NOW)
            for name, value in counts.items():
                total[name] = total.get(name, 0) + value
            if counts["due"] == 0:
                return total, time.monotonic() - began
    finally:
        watching.cancel()
        meter.take()


async def change(store: Store, people: list[Remembered], count: int) -> None:
    """Let one in a hundred cases, spread over all intakes, log a week of search or apply anew."""
    for n in range(0, count, 100):
        number = n + (n // 100) % 100
        case_id = f"{number:026d}"
        item = await store.read("cases", "case", case_id)
        assert item is not None
        person = people[number % len(people)]
        again = Remembered.__new__(Remembered)
        again.case, again.letters, again.events = person.case.model_copy(deep=True), [], []
        act = (lambda c: job_search.log_search_week(c, monday=date(2028, 2, 21), applications=5)) if (
            again.case.enrolment.status == "qualified") else (lambda c: c.record("mail_bounced"))  # fmt: skip
        role = Role.APPLICANT if again.case.enrolment.status == "qualified" else Role.SYSTEM
        again.do("2028-02-28", role, act)
        snapshot = item_from(again.case.model_copy(update={"case_id": case_id, "intake": item["intake"]}))
        (event,) = again.events
        stored = {**event.model_dump(mode="json"), "id": f"event:{event.sequence:06d}", "event": event.kind}
        operations = [Replace(snapshot, item["_etag"]), Create({**stored, "kind": "event", "case_id": case_id})]
        await store.commit("cases", case_id, operations)


async def measure(url: str, people: list[Remembered], count: int) -> bool:
    """Print the table; whether it is as promised."""
    store = await store_at(url)
    intakes = [PROGRAMME.intakes[0].model_copy(update={"id": f"b{n}"}) for n in range(INTAKES)]
    programme = PROGRAMME.model_copy(update={"intakes": tuple(intakes)})
    settings = SimpleNamespace(address_key=secrets.token_bytes(32))
    services: Any = SimpleNamespace(store=store, programmes={programme.id: programme}, terms=TERMS, settings=settings)
    meter = Meter(url)
    rows = []
    counts, seconds = await metered(services, meter)
    first = meter.calls, meter.units
    rows.append(("first run", counts["changed"], *first, seconds))
    await change(store, people, count)
    counts, seconds = await metered(services, meter)
    again = meter.calls, meter.units
    rows.append(("after 1 % changed", counts["changed"], *again, seconds))
    meter.reset()
    began = time.monotonic()
    report, _ = await reading.outcomes_of(services, "b7", "cirr", None, NOW)
    meter.take()
    rows.append(("outcomes", report["graduates"], meter.calls, meter.units, time.monotonic() - began))
    one = meter.calls
    meter.reset()
    began = time.monotonic()
    told = await reading.liability_of(services, NOW)
    meter.take()
    people_open = sum(each["guarantees"] for each in told["totals"].values())
    rows.append(("refund liability", people_open, meter.calls, meter.units, time.monotonic() - began))
    await store.close()
    print(f"{'':20}{'people':>10}{'calls':>10}{'RU':>12}{'s':>8}")
    for name, who, calls, units, taken in rows:
        print(f"{name:20}{who:10}{calls:10}{units:12.1f}{taken:8.1f}")
    shares = again[0] / first[0], again[1] / first[1]
    print(f"the second run cost {shares[0]:.2%} of the calls and {shares[1]:.2%} of the request units of the first")
    return max(shares) <= MOST["a run after 1 % changed, of the first"] and one == MOST["reads of one report"]


def main() -> int:
    """Load, measure, say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    count = parser.parse_args().cases
    people = kinds()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "bench.db"
        process, url = start(data)
        make_containers(url)
        process.terminate()
        process.wait()
        stored = load(data, people, count)
        print(f"{count} cases, {stored} items, {INTAKES} intakes", flush=True)
        process, url = start(data)
        try:
            return 0 if asyncio.run(measure(url, people, count)) else 1
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())

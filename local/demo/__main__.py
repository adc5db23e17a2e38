"""`make demo`: start a stack of its own, let sixty people live through twenty months, show what became of them."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from local.demo.people import FIRST_DAY, LAST_DAY, intake, lived
from local.demo.reports import reports
from local.demo.summary import summary, written
from local.demo.world import MONTHLY_TIMERS, WORKING_HOUR, World
from local.testing import Stack

WIDTH = 40


class Bar:
    """How far the calendar has come: one line, rewritten on a terminal, a line a quarter elsewhere."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._quarter = -1

    def show(self, day: date) -> None:
        """Draw."""
        share = min(1.0, (day - FIRST_DAY).days / (LAST_DAY - FIRST_DAY).days)
        seconds = time.monotonic() - self._started
        line = f"[{'#' * int(share * WIDTH):<{WIDTH}}] {day}  {seconds:4.0f} s"
        if sys.stdout.isatty():
            print("\r" + line, end="" if share < 1 else "\n", flush=True)
        elif int(share * 4) > self._quarter:
            self._quarter = int(share * 4)
            print(line, flush=True)


async def demonstrate(
    info: dict[str, Any], seed: int, people: int, bar: Bar
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Live the whole intake against a running stack; its summary, and the reports as files."""
    world = World(info, FIRST_DAY, bar.show)
    try:
        await world.set_clock()
        chosen = intake(world, seed)
        step = max(1, len(chosen) // people)
        chosen = chosen[::step][:people] if people < len(chosen) else chosen
        await world.live([lived(person, life) for person, life in chosen])
        await world.move_to(LAST_DAY)
        for timer in ("run_deliveries", "run_refund_audit", "run_deliveries", *MONTHLY_TIMERS):
            await world.run_timer(timer)
        told = await summary(world)
        return told, await reports(world, told["audit"]["run"])
    finally:
        await world.close()


def main() -> int:
    """Run the demo; 0 if every script went as written."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--data", type=Path, default=None, help="keep the stack's data here")
    parser.add_argument("--reports", type=Path, default=Path("reports"))
    asked = parser.parse_args()
    data = asked.data or Path(tempfile.mkdtemp(prefix="pledge-demo-"))
    print("Starting the stack ...", flush=True)
    started = time.monotonic()
    try:
        with Stack(now=f"{FIRST_DAY}T{WORKING_HOUR:%H:%M:%S}Z", data=data) as stack:
            print(f"{asked.people} people, {FIRST_DAY} to {LAST_DAY}, over HTTP at {stack.info['api']}", flush=True)
            told, files = asyncio.run(demonstrate(stack.info, asked.seed, asked.people, Bar()))
        addresses = written(told, files, asked.reports)
        print(told["table"])
        print(f"Everything above in {time.monotonic() - started:.0f} s. Reports:")
        for address in addresses:
            print(f"  {address}")
    finally:
        if asked.data is None:
            shutil.rmtree(data, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Valid applications under load, beside a function that does nothing and beside a flood of bad bodies, in one run.

python tools/bench_load.py [--seconds S] [--rounds N]

Told as ratios: the function that does nothing (`GET health/live`: the host, our edge, no store) is measured in turns
with the applications, on the same host. What the machine does besides falls on all of them. The flood comes from a
process of its own. All come from one network, as in a rush on one campus.

Twice. *As fast as they are answered*: how much one host takes. Whoever else asks then takes a share of it, so these
p99 beside others tell the shares, not the harm. *At their own pace*: a whole intake, a thousand people, within two
minutes, and for each of them twenty bad bodies, whether the host keeps up or not. That is what must stay bearable.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from local.testing import Stack  # noqa: E402 - the repository's root has to be on the path first
from tests.people import application  # noqa: E402

NOW = "2027-01-11T14:00:00Z"
CLIENTS = 4
FLOOD_CLIENTS = 4
RUSH_A_SECOND = 8.0
FLOOD_A_SECOND = 20 * RUSH_A_SECOND
RUSH_LONGER = 4
"""So many times as long as the rest, so that a hundredth of it is more than one answer."""
P99 = "p99 of a rush with the flood, of without"
MOST = {P99: 2.0, "memory after, of before": 1.1}

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PARTS = {"Content-Type": "multipart/form-data; boundary=b"}
FILE_PART = (
    b'--b\r\nContent-Disposition: form-data; name="certificate"; filename="a.pdf"\r\n'
    b"Content-Type: application/pdf\r\n\r\n"
)
BAD: dict[str, tuple[dict[str, str], bytes, int]] = {
    "a byte too much": (JSON, b'{"a": "' + b"x" * 65_536 + b'"}', 413),
    "a megabyte": (JSON, b" " * 1_048_576, 413),
    "twelve megabytes": (PARTS, FILE_PART + b"x" * 12 * 1_048_576 + b"\r\n--b--\r\n", 413),
    "cut short": (JSON, b'{"programme": ', 400),
    "deep": (JSON, b"[" * 60_000, 400),
    "many small ones": (JSON, b'{"a": [' + b"[]," * 21_000 + b"[]]}", 422),
    "a long string": (JSON, b'{"a": "' + b"x" * 65_000 + b'"}', 422),
    "many names": (JSON, ("{" + ",".join(f'"k{n}":1' for n in range(6_000)) + "}").encode(), 422),
    "a name twice": (JSON, b'{"a": 1, "a": 2}', 400),
    "no text": (JSON, b"\xff\xfe" * 20_000, 400),
    "no number": (JSON, b'{"a": ' + b"9" * 60_000 + b"}", 400),
    "many fields": (FORM, b"&".join(b"k%d=1" % n for n in range(7_000)), 400),
    "half a part": (PARTS, FILE_PART + b"%PDF" * 10_000, 400),
    "many parts": (PARTS, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 1_000 + b"--b--\r\n", 400),
}
"""What floods in, and the answer to each; none of it may cost more than being read."""


Ask = Callable[[], Awaitable[None]]


class Load:
    """Those who ask, and how long each answer took."""

    def __init__(self, api: str, session: aiohttp.ClientSession) -> None:
        self._api = api
        self._session = session
        self._numbers = itertools.count(1)
        self._kinds = itertools.cycle(BAD)
        self.wrong: Counter[str] = Counter()

    async def nothing(self) -> None:
        """A function that does nothing."""
        async with self._session.get(f"{self._api}/health/live") as answer:
            await answer.read()
            self.wrong["nothing"] += answer.status != 200

    async def valid(self) -> None:
        """A good application of somebody new."""
        body = application(f"load{next(self._numbers)}@people.example")
        async with self._session.post(f"{self._api}/applications", json=body) as answer:
            await answer.read()
            self.wrong["valid"] += answer.status != 202

    async def bad(self) -> None:
        """The next of the bad bodies; whoever refuses a large one need not read it all."""
        headers, body, status = BAD[name := next(self._kinds)]
        try:
            async with self._session.post(f"{self._api}/applications", data=body, headers=headers) as answer:
                await answer.read()
                self.wrong[name] += answer.status != status
        except aiohttp.ClientConnectionError:
            self.wrong[name] += status != 413

    async def run(self, ask: Ask, clients: int, seconds: float) -> list[float]:
        """So many clients for so long, each as fast as it is answered: the seconds that each answer took."""
        taken: list[float] = []
        end = time.perf_counter() + seconds

        async def client() -> None:
            while (began := time.perf_counter()) < end:
                await ask()
                taken.append(time.perf_counter() - began)

        await asyncio.gather(*(client() for _ in range(clients)))
        return taken

    async def rush(self, ask: Ask, a_second: float, seconds: float) -> list[float]:
        """So many a second, by chance, whether the answers come or not. A wait counts from when it was to begin."""
        began, chance = time.perf_counter(), random.Random(a_second)
        gaps = (chance.expovariate(a_second) for _ in itertools.count())
        due = itertools.takewhile(lambda moment: moment < seconds, itertools.accumulate(gaps))

        async def one(moment: float) -> float:
            await asyncio.sleep(began + moment - time.perf_counter())
            await ask()
            return time.perf_counter() - began - moment

        return await asyncio.gather(*(one(moment) for moment in due))


def p(taken: list[float], percent: int) -> float:
    """A percentile in milliseconds."""
    return statistics.quantiles(taken, n=100)[percent - 1] * 1000


def resident_kb(pid: int) -> int | None:
    """The memory of a process, where the system tells it."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS"))


def elsewhere(api: str, ask: str, seconds: float, a_second: float | None) -> tuple[list[float], Counter[str]]:
    """As many clients as flood, or so many a second, in this process: how long each took, and the wrong answers."""

    async def run() -> tuple[list[float], Counter[str]]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            load = Load(api, session)
            how = getattr(load, ask)
            taken = load.run(how, FLOOD_CLIENTS, seconds) if a_second is None else load.rush(how, a_second, seconds)
            return await taken, +load.wrong

    return asyncio.run(run())


async def measure(stack: Stack, other: ProcessPoolExecutor, seconds: float, rounds: int) -> bool:
    """All of it; whether it is within what is promised."""
    took: dict[str, list[float]] = defaultdict(list)
    longer = RUSH_LONGER * seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        load = Load(stack.api, session)

        async def beside(ours: Awaitable[list[float]], ask: str, seconds: float, a_second: float | None = None) -> Any:
            theirs = asyncio.get_running_loop().run_in_executor(other, elsewhere, stack.api, ask, seconds, a_second)
            taken = await ours
            others, wrong = await theirs
            load.wrong += wrong
            return taken, others

        def fast() -> Awaitable[list[float]]:
            return load.run(load.valid, CLIENTS, seconds)

        def rush() -> Awaitable[list[float]]:
            return load.rush(load.valid, RUSH_A_SECOND, longer)

        await load.run(load.valid, CLIENTS, 2 * seconds)  # Connections and caches are warm from here on.
        await beside(fast(), "bad", seconds)
        before = resident_kb(stack.host_pid())
        for _ in range(rounds):
            took["nothing"] += await load.run(load.nothing, CLIENTS, seconds)
            took["valid"] += await fast()
            took["valid beside nothing"] += (await beside(fast(), "nothing", seconds))[0]
            flooded, bad = await beside(fast(), "bad", seconds)
            took["valid beside the flood"] += flooded
            took["the flood"] += bad
            took["rush"] += await rush()
            flooded, bad = await beside(rush(), "bad", longer, FLOOD_A_SECOND)
            took["rush beside the flood"] += flooded
            took["the flood at its pace"] += bad
        after = resident_kb(stack.host_pid())
    print(f"{'':24}{'a second':>10}{'p50 ms':>10}{'p99 ms':>10}{'p50, of nothing':>18}{'p99, of nothing':>18}")
    for name, taken in took.items():
        ratios = [p(taken, percent) / p(took["nothing"], percent) for percent in (50, 99)]
        length = rounds * (longer if name.startswith("rush") or name.endswith("pace") else seconds)
        print(
            f"{name:24}{len(taken) / length:10.1f}{p(taken, 50):10.1f}{p(taken, 99):10.1f}"
            f"{ratios[0]:18.1f}{ratios[1]:18.1f}"
        )
    found = {P99: p(took["rush beside the flood"], 99) / p(took["rush"], 99)}
    if before and after:
        found["memory after, of before"] = after / before
    for name, value in found.items():
        print(f"{name}: {value:.2f}   {'ok' if value <= MOST[name] else f'more than {MOST[name]}'}")
    wrong = +load.wrong
    print(f"answers other than they should be: {dict(wrong) or 'none'}")
    return not wrong and all(value <= MOST[name] for name, value in found.items())


def main() -> int:
    """Start the stack, measure, say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    alone = multiprocessing.get_context("spawn")
    with Stack(now=NOW) as stack, ProcessPoolExecutor(1, mp_context=alone) as other:
        return 0 if asyncio.run(measure(stack, other, asked.seconds, asked.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())

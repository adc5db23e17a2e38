"""The demo's people, one of each kind of life, lived in the same way on stack after stack, and what became of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from local import config
from local.demo import people
from local.demo.people import FIRST_DAY, LAST_DAY, Life, intake, lived
from local.demo.summary import summary
from local.demo.world import MONTHLY_TIMERS, WORKING_HOUR, World
from local.testing import Stack

SEED = 2019
EVERY_LIFE = tuple(life for life, _ in people.LIVES)
SHORT_LIVES = (
    people.is_rejected, people.sends_two_applications, people.lets_offer_lapse, people.fails_condition,
    people.cancels, people.ends_contract_in_france,
)  # fmt: skip
SHORT_LIVES_END = date(2027, 6, 14)
NEVER = 1_000_000
ONES_OWN = re.compile(r"[a-z2-7]{26}|\b[0-9a-f]{32,64}\b|\d+")
KEYS = {
    name: base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()
    for name in ("ADDRESS_KEY", "LINK_KEY", "PAYEE_KEY")
}


@contextmanager
def a_stack() -> Iterator[Stack]:
    """A new stack on the first day. Its keys are always the same, so that the same people have the same ids."""
    folder = Path(tempfile.mkdtemp(prefix="pledge-stack-"))
    try:
        (folder / "stack.json").write_text(json.dumps(config.new_stack() | {"keys": KEYS}))
        with Stack(now=f"{FIRST_DAY}T{WORKING_HOUR:%H:%M:%S}Z", data=folder) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Hunt:
    """Which store calls of which kind of thing that is asked the host has not died at yet, over any number of lives."""

    most: Counter[str] = field(default_factory=Counter)
    """Kind -> the most calls that one has taken."""
    done: set[tuple[str, int]] = field(default_factory=set)

    def next_of(self, kind: str) -> int:
        """The first call of this kind that was not tried."""
        return next((nth for nth in range(1, self.most[kind] + 1) if (kind, nth) not in self.done), NEVER)

    @property
    def left(self) -> int:
        """How many calls have not been tried."""
        return self.most.total() - len(self.done)


def kind_of(method: str, url: str) -> str:
    """What is asked, whoever it is about."""
    return f"{method} {ONES_OWN.sub('*', urlsplit(url).path)}"


class Besieged(World):
    """Asks one thing at a time, and counts the store calls that each takes.

    With `nth` the host dies before or after that call of each thing that is asked (or that `operation` of each); with
    `gaps`, each time after so many calls; with `hunt`, at calls of each kind of thing that it has not died at before.
    """

    def __init__(
        self,
        info: dict[str, Any],
        nth: int | None = None,
        gaps: Iterator[int] | None = None,
        operation: str = "*",
        when: str = "after",
        hunt: Hunt | None = None,
    ) -> None:
        super().__init__(info, FIRST_DAY)
        self._turn = asyncio.Lock()
        self._faults = f"{info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
        self._operation = operation
        self._effect = {"kind": "kill", "pid_file": info["host_pid_file"], "when": when}
        self._nth = nth
        self._gaps = gaps
        self.hunt = hunt
        self._is_armed = False
        self.kills = 0
        self.calls_of_each: Counter[int] = Counter()
        self.most: Counter[str] = Counter()

    async def ask(self, method: str, url: str, **what: Any) -> httpx.Response:
        """As the world asks: again and again, until it is heard."""
        async with self._turn:
            kind, nth = kind_of(method, url), self._nth or NEVER
            if self.hunt:
                nth = self.hunt.next_of(kind)
            if not self._is_armed:
                await self._arm(next(self._gaps) if self._gaps else nth)
            answer = await super().ask(method, url, **what)
            rule = (await self._client.get(self._faults)).json()["rules"][0]
            self._is_armed = self._gaps is not None and not rule["applied"]
            self.kills += rule["applied"]
            if self.hunt and rule["applied"]:
                self.hunt.done.add((kind, nth))
            self.most[kind] = max(self.most[kind], rule["matched"])
            self.calls_of_each[rule["matched"]] += 1
            return answer

    async def _arm(self, nth: int) -> None:
        rule = {"operation": self._operation, "nth": nth, "times": 1, "effect": self._effect}
        await self._client.put(self._faults, json={"rules": [rule]})


async def live(
    world: World, lives: tuple[Life, ...], last_day: date = LAST_DAY, all_of_them: bool = False
) -> dict[str, Any]:
    """One person of each of these lives (or all), and the calendar to its end; the demo's summary of it."""
    try:
        await world.set_clock()
        chosen, seen = [], set()
        for person, life in intake(world, SEED):
            if life in lives and (all_of_them or life not in seen):
                seen.add(life)
                chosen.append((person, life))
        await world.live([lived(person, life) for person, life in chosen])
        await world.move_to(last_day)
        await world.set_clock_ahead()
        for timer in ("run_deliveries", "run_refund_audit", "run_deliveries", *MONTHLY_TIMERS):
            await world.run_timer(timer)
        return await summary(world)
    finally:
        await world.close()


def dump(stack: Stack, container: str = "cases") -> list[dict[str, Any]]:
    """Every item of a container."""
    url = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/dump"
    with httpx.stream("GET", url, params={"container": container}, trust_env=False, timeout=60) as lines:
        rows = [json.loads(line) for line in lines.iter_lines() if line]
    return [row.get("item", row) for row in rows]


# What a kill may change, or another stack: ids and the places of events that came from several sides, hashes, instants,
# how often a thing was tried, and what partners draw at random. A timer's day is one on which somebody waited.
NOT_COMPARED = {
    "sequence", "note_id", "op_id", "fingerprint", "hash", "prev", "head",
    "binds", "facts_hash", "sealed", "body_hash", "tries",
    "cause", "last_told", "trace", "partner_refund_id", "refund_id", "requests", "event_id", "timestamp",
    "at", "since", "lapsed_on",
}  # fmt: skip
DAYS_OF_MACHINES = ("timer/", "deliveries")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
LINK = re.compile(r"http://127\.0\.0\.1:\d+/web/(case|confirm)\.html#([a-z2-7]{26}\.)?[A-Za-z0-9_-]{43}")
DAY = re.compile(r"\d{4}-\d\d-\d\d|\b\d{1,2}(er)? \w+ \d{4}\b")  # as a machine writes it, or a letter
DRAWN = re.compile(r"\bp-[0-9a-f]{16}\b|\bconfirmation/[0-9a-f]{16}\b")


def plain(value: Any) -> Any:
    """A record as it is compared: what ids name stands under the id if the id is always the same."""
    if isinstance(value, dict):
        by_machine = str(value.get("actor", {}).get("id", "")).startswith(DAYS_OF_MACHINES)
        without = NOT_COMPARED | ({"occurred_on"} if by_machine else set())
        kept = {name: plain(each) for name, each in value.items() if is_compared(name, without)}
        drawn = [kept.pop(name) for name in list(kept) if DRAWN.search(name)]
        return kept | ({"drawn": sorted(drawn, key=json.dumps)} if drawn else {})
    if isinstance(value, list):
        return [plain(each) for each in value]
    return DRAWN.sub("drawn", INSTANT.sub(r"\1", value)) if isinstance(value, str) else value


def is_compared(name: str, without: set[str]) -> bool:
    return name not in without and name[0] != "_" and not name.endswith("_at")


def what_became(stack: Stack) -> Counter[str]:
    """Every item of the store, every mail and every refund at the partner, as lines to be compared."""
    # What expires (receipts, delivered messages) is still there or not by the hour at which it was written.
    found = [f"case {item['case_id']}: {told(item)}" for item in dump(stack, "cases") if "ttl" not in item]
    found += [f"address {told(item)}" for item in dump(stack, "addresses")]
    found += [f"event of {item['partner']}: {told(item)}" for item in dump(stack, "inbox")]
    # A mail whose sender dies goes out with the next run of the timer, on the next day that somebody waits for; a link
    # for an employer is made when it goes out, and is good for so many days from then.
    mails = [f"mail {told(item, 'headers', 'repeats')}" for item in stack.mail()]
    found += [LINK.sub("link", DAY.sub("day", mail) if "/web/confirm.html" in mail else mail) for mail in mails]
    found += [f"refund {told(item)}" for item in stack.partner("payments").get("refunds")]
    return Counter(found)


def told(item: dict[str, Any], *without: str) -> str:
    """An item as one line, without its own id: an event's is its place."""
    kept = {name: each for name, each in item.items() if name not in ("id", *without)}
    if "ledger" in kept:  # The shares of one refund arrive in the order in which they went out; a kill may change it.
        kept["ledger"] = sorted(kept["ledger"], key=lambda line: str(line["id"]))
    return json.dumps(plain(kept), sort_keys=True, ensure_ascii=False)

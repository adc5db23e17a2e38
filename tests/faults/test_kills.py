"""The functions host is killed with -9 while people live through twenty months: nothing is lost, repeated or other."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.demo.people import LAST_DAY, intake
from tests.faults.lives import (
    EVERY_LIFE,
    SEED,
    SHORT_LIVES,
    SHORT_LIVES_END,
    Besieged,
    Hunt,
    a_stack,
    live,
    what_became,
)  # fmt: skip

EVERY_NTH_CALL = 41
CALLS_OF_ONE_THING_MAX = 200
"""The nightly audit reads everybody, and takes most."""


@dataclass(frozen=True)
class Became:
    """What became of everybody, the demo's table of it, and how many calls each thing that was asked took."""

    lines: Counter[str]
    table: str
    kills: int
    calls_of_each: Counter[int]
    most: Counter[str]

    def asked_of(self, nth: int) -> int:
        """How many things took so many calls or more."""
        return sum(count for calls, count in self.calls_of_each.items() if calls >= nth)


def lived(
    nth: int | None = None,
    gaps: Iterator[int] | None = None,
    operation: str = "*",
    when: str = "after",
    hunt: Hunt | None = None,
    **which: Any,
) -> Became:
    """All of it on a stack of its own."""
    with a_stack() as stack:
        world = Besieged(stack.info, nth, gaps, operation, when, hunt)
        summary = asyncio.run(live(world, **which))
        return Became(what_became(stack), summary["table"], world.kills, world.calls_of_each, world.most)


def assert_same(killed: Became, undisturbed: Became) -> None:
    lost = sorted((undisturbed.lines - killed.lines).elements())
    new = sorted((killed.lines - undisturbed.lines).elements())
    assert (lost[:10], new[:10]) == ([], []), f"{len(lost)} lost, {len(new)} new"
    assert killed.table == undisturbed.table


def test_host_killed_again_and_again_leaves_the_same_items_mails_and_table() -> None:
    some = {"lives": SHORT_LIVES, "last_day": SHORT_LIVES_END}

    undisturbed = lived(**some)
    killed = lived(gaps=itertools.repeat(EVERY_NTH_CALL), **some)

    assert killed.kills >= 10
    assert_same(killed, undisturbed)


@pytest.fixture(scope="module")
def undisturbed() -> Became:
    """What becomes of one person of each life when nothing is killed."""
    return lived(lives=EVERY_LIFE)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("nth", range(1, CALLS_OF_ONE_THING_MAX + 1))
def test_host_killed_after_this_call_of_everything_that_is_asked_leaves_the_same(
    undisturbed: Became, nth: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of these together are a kill after each store call of each life."""
    if not undisturbed.asked_of(nth):
        pytest.skip("nothing takes so many calls")
    started = time.monotonic()

    killed = lived(nth, lives=EVERY_LIFE)

    with capsys.disabled():
        print(f"\nafter call {nth} of each thing asked: {killed.kills} kills, {time.monotonic() - started:.0f} s")
    # One that waited for somebody in one life may take a call less in another.
    assert killed.kills * 10 >= undisturbed.asked_of(nth) * 9
    assert_same(killed, undisturbed)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_host_killed_after_each_call_of_each_kind_of_thing_that_is_asked_leaves_the_same(
    undisturbed: Became, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is asked more than once dies at another call each time, life after life, until none is left."""
    hunt = Hunt(most=undisturbed.most)
    while hunt.left:
        started = time.monotonic()

        killed = lived(hunt=hunt, lives=EVERY_LIFE)

        with capsys.disabled():
            print(f"\n{killed.kills} kills, {hunt.left} calls left, {time.monotonic() - started:.0f} s")
        assert_same(killed, undisturbed)
        if not killed.kills:
            break
    # The longest of a kind may have waited for somebody, and not take so many calls when it is asked again.
    assert hunt.left * 50 <= hunt.most.total(), sorted(hunt.most.items())


@pytest.mark.soak
def test_nothing_that_is_asked_takes_more_calls_than_are_swept(undisturbed: Became) -> None:
    assert undisturbed.asked_of(CALLS_OF_ONE_THING_MAX + 1) == 0


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_whole_demo_killed_at_twenty_seeded_moments_leaves_the_same() -> None:
    everybody = {"lives": EVERY_LIFE, "last_day": LAST_DAY, "all_of_them": True}
    chance = random.Random(SEED)

    undisturbed = lived(**everybody)
    killed = lived(gaps=(chance.randrange(100, 700) for _ in itertools.count()), **everybody)

    assert killed.kills >= 20
    assert_same(killed, undisturbed)


def test_intake_of_the_demo_has_sixty_people() -> None:
    world: Any = None
    assert len(intake(world, 1)) == 60

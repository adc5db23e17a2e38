"""The capacity page is what its model says, and the model rests on what the code does now."""

from __future__ import annotations

from local.testing import Stack
from tools import capacity

ALIKE = ("apply", "look", "staff act", "partner event", "person acts")
"""Commands that take the same however fast they are asked; the rest depends on what timers did meanwhile."""


def test_the_page_is_what_the_model_says() -> None:
    written = capacity.PAGE.read_text("utf-8")

    assert written == capacity.page(), "run: python tools/capacity.py --write"


def test_the_model_rests_on_what_commands_take_now() -> None:
    known = capacity.kept()
    with Stack(now=capacity.NOW) as unused:  # On another, a limit may have been reached, which spares a call.
        found = capacity.measure(unused)

    assert {name: found[name]["calls"] for name in ALIKE} == {name: known[name]["calls"] for name in ALIKE}, (
        "run: python tools/capacity.py --measure --write"
    )
    for name in ALIKE:
        for what in ("units", "bytes"):
            assert abs(found[name][what] - known[name][what]) <= 0.15 * known[name][what], (name, what)


def test_twice_as_many_candidates_cost_twice_as_much_and_idle_months_the_same() -> None:
    one, two = (capacity.Model(number, capacity.kept()) for number in (1_000, 2_000))

    assert sum(two.variable().values()) == 2 * sum(one.variable().values())
    assert two.fixed() == one.fixed()


def test_the_model_reads_the_deployments_own_numbers() -> None:
    assert capacity.deployed("casesMaxThroughput") == 4000
    assert capacity.deployed("casesMaxThroughput", "dev") == 1000
    assert capacity.deployed("TIMER_ITEMS_MAX") == 500
    assert capacity.deployed("perInstanceConcurrency") == 16

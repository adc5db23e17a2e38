"""The curve of the search, held against lifelines' numbers and a definition of its own; the reserve, against luck."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy.reserve import Exposure, chance, reserve
from shared.policy.survival import Curve, product_limit

LIFELINES = json.loads(Path(__file__).with_name("lifelines.json").read_text("utf-8"))["cases"]
"""Durations (day, whether placed), and what lifelines 0.30.3 (BSD-licensed) makes of them, kept so that the tests need
neither it nor what it stands on. The first are the remissions of Freireich et al., Blood 21 (1963), the textbook case.
"""
REMISSIONS = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
"""As printed in Lawless, and in Collett: the same data."""


def curve_of(spans: list[tuple[int, int]]) -> Curve:
    return product_limit(
        Counter(day for day, placed in spans if placed), Counter(d for d, placed in spans if not placed)
    )


@pytest.mark.parametrize("case", LIFELINES, ids=lambda case: str(case["name"]))
def test_curve_and_band_are_those_of_lifelines(case: dict[str, Any]) -> None:
    curve = curve_of(case["spans"])

    assert [point.day for point in curve.points] == [day for day, *_ in case["points"]]
    for point, (_, surviving, low, high) in zip(curve.points, case["points"], strict=True):
        assert point.surviving == pytest.approx(surviving, abs=1e-9)
        if 0 < surviving < 1:
            assert (point.low, point.high) == pytest.approx((low, high), abs=1e-9)


def test_curve_is_the_one_that_textbooks_print() -> None:
    curve = curve_of(LIFELINES[0]["spans"])

    assert {point.day: round(point.surviving, 3) for point in curve.points} == REMISSIONS
    assert curve.surviving(5) == 1
    assert curve.surviving(1000) == curve.points[-1].surviving


spans = st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0, 1])), max_size=30)


@given(spans, st.integers(0, 40), st.integers(0, 40))
def test_chance_to_go_on_searching_is_the_curve_of_those_who_got_that_far(
    drawn: list[tuple[int, int]], given_day: int, until: int
) -> None:
    later = curve_of([(day, placed) for day, placed in drawn if day > given_day])

    share, variance = curve_of(drawn).still_at(until, given_day)

    expected = later.surviving(until)
    assert share == pytest.approx(expected)
    reached = [point for point in later.points if point.day <= until]
    if reached and expected > 0 and until > given_day:
        assert variance == pytest.approx(expected**2 * reached[-1].greenwood)


@given(spans, st.randoms(use_true_random=False))
def test_order_of_graduates_plays_no_part_in_the_curve(drawn: list[tuple[int, int]], rng: random.Random) -> None:
    assert curve_of(rng.sample(drawn, len(drawn))) == curve_of(drawn)


def test_refund_that_is_due_is_certain_and_so_is_one_that_nothing_is_known_about() -> None:
    nobody = product_limit({}, {})

    assert chance(Exposure(100, 10, 184), nobody) == (1.0, 0.0)
    assert chance(Exposure(100, 200, 184, is_due=True), curve_of([(5, 1)] * 50)) == (1.0, 0.0)


def test_chance_is_never_nothing_though_nobody_was_seen_to_fail() -> None:
    everybody_placed = curve_of([(20, 1)] * 40)

    share, error = chance(Exposure(100, 0, 184), everybody_placed)

    assert share == pytest.approx(1 / 42)
    assert error > 0


@pytest.mark.parametrize(("size", "is_small"), [(29, True), (30, False)])
def test_reserve_from_few_graduates_says_so(size: int, is_small: bool) -> None:
    assert reserve([Exposure(100, 0, 184)], curve_of([(20, 1)] * size)).is_small is is_small


def test_reserve_never_exceeds_what_is_open_and_never_falls_below_what_is_expected() -> None:
    curve = curve_of([(20, 1), (300, 0)] * 20)

    for people in (1, 2, 5, 40, 300):
        found = reserve([Exposure(720_000, 0, 183)] * people, curve)

        assert found.expected_minor <= found.reserve_minor <= found.exposure_minor == 720_000 * people


def test_exact_and_normal_reserve_agree_where_one_takes_over_from_the_other() -> None:
    curve = curve_of([(20, 1), (30, 1), (300, 0)] * 60)

    counted = reserve([Exposure(100, 0, 183)] * 316, curve).reserve_minor
    normal = reserve([Exposure(100, 0, 183)] * 317, curve).reserve_minor

    assert abs(normal - counted) <= 300


def simulated(seed: int) -> tuple[int, int]:
    """One intake whose luck is drawn: the reserve made halfway, and what the refunds came to in the end."""
    rng = random.Random(seed)
    never, mean = rng.uniform(0.05, 0.3), rng.uniform(50, 110)

    def search() -> float:
        return math.inf if rng.random() < never else rng.expovariate(1 / mean)

    placed, lost = Counter[int](), Counter[int]()
    for _ in range(rng.choice([40, 90, 150, 400])):
        found, watched = search(), rng.randint(30, 400)
        if found <= watched:
            placed[int(found)] += 1
        else:
            lost[watched] += 1
    exposures, paid = [], 0
    people = rng.choice([15, 40, 80, 250])
    while len(exposures) < people:
        found, day = search(), rng.randint(0, 180)
        if found > day:
            amount = rng.choice([720_000, 720_000, 360_000])
            exposures.append(Exposure(amount, day, 183))
            paid += amount if found > 183 else 0
    return reserve(exposures, product_limit(placed, lost)).reserve_minor, paid


def test_reserve_suffices_in_at_least_93_of_100_intakes() -> None:
    outcomes = [simulated(seed) for seed in range(100)]

    assert sum(kept >= paid for kept, paid in outcomes) >= 93
    # And it is no reserve of everything: that would suffice always and say nothing.
    assert sum(kept for kept, _ in outcomes) < 2.5 * sum(paid for _, paid in outcomes)

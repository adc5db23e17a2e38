"""What open guarantees may cost: the chance of each refund, what is expected of all, and a reserve that holds.

Whoever is not placed when the window ends is taken to claim and to be paid: the reserve errs on the graduates' side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from shared.policy.survival import Curve

LEVEL = 0.95
Z_LEVEL = 1.6448536269514722
"""One-sided 95 % of the normal distribution."""
NODES = ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6))
"""Gauss-Hermite: what three curves, lower, middle and upper, say together about the curve that nobody knows."""
STEPS_MAX = 100_000
"""Up to so many steps the sum's distribution is worked out exactly; a sum of more guarantees is close to normal."""
SMALL = 30
"""Fewer comparable graduates than this: the figure says that it rests on few."""


class Exposure(NamedTuple):
    """One open guarantee: what it would cost, the day of search that it has reached, the last day of its window.

    `is_due`: the window has ended without a job and the refund is being decided or paid.
    """

    amount_minor: int
    day: int
    last_day: int
    is_due: bool = False


class Reserve(NamedTuple):
    """For some guarantees of one currency, in minor units. `is_small`: the curve rests on few graduates."""

    guarantees: int
    exposure_minor: int
    expected_minor: int
    reserve_minor: int
    is_small: bool


def chance(exposure: Exposure, curve: Curve) -> tuple[float, float]:
    """The chance that this guarantee ends in a refund, and its standard error.

    Never below one in (those watched that long + 2): that nobody was seen to fail does not mean that nobody can.
    """
    if exposure.is_due:
        return 1.0, 0.0
    watched = curve.at_risk(exposure.day)
    if watched == 0:
        return 1.0, 0.0
    share, variance = curve.still_at(exposure.last_day, exposure.day)
    least = 1 / (watched + 2)
    if share < least:
        return least, math.sqrt(least * (1 - least) / watched)
    return share, math.sqrt(variance)


def reserve(exposures: Sequence[Exposure], curve: Curve) -> Reserve:
    """Expected refunds, and the sum that suffices with 95 % certainty; never more than everything that is open."""
    chances = [chance(each, curve) for each in exposures]
    amounts = [each.amount_minor for each in exposures]
    expected = sum(amount * share for amount, (share, _) in zip(amounts, chances, strict=True))
    unit = math.gcd(*amounts) or 1
    is_exact = len(amounts) * sum(amounts) // unit <= STEPS_MAX
    kept = unit * _units([each // unit for each in amounts], chances) if is_exact else _normal(amounts, chances)
    return Reserve(
        len(exposures), sum(amounts), math.floor(expected + 0.5), min(sum(amounts), kept), curve.size < SMALL
    )


def _units(amounts: list[int], chances: list[tuple[float, float]]) -> int:
    """The least sum, in units that every amount is a multiple of, that suffices with 95 % certainty."""
    likely = [0.0] * (sum(amounts) + 1)
    for node, weight in NODES:
        # The curve is the same for everybody: if it is too low for one, it is too low for all.
        shifted = [min(1.0, max(0.0, share + node * error)) for share, error in chances]
        for paid, probability in enumerate(_refunds(amounts, shifted)):
            likely[paid] += weight * probability
    together, paid = likely[0], 0
    while together < LEVEL and paid < sum(amounts):
        paid += 1
        together += likely[paid]
    return paid


def _refunds(amounts: list[int], chances: list[float]) -> list[float]:
    """The probability of each sum of refunds: unequal coins, one thrown after the other."""
    likely = [1.0]
    for amount, share in zip(amounts, chances, strict=True):
        kept = [each * (1 - share) for each in likely] + [0.0] * amount
        for paid, each in enumerate(likely):
            kept[paid + amount] += each * share
        likely = kept
    return likely


def _normal(amounts: list[int], chances: list[tuple[float, float]]) -> int:
    expected = sum(amount * share for amount, (share, _) in zip(amounts, chances, strict=True))
    by_chance = sum(amount**2 * share * (1 - share) for amount, (share, _) in zip(amounts, chances, strict=True))
    by_curve = sum(amount * error for amount, (_, error) in zip(amounts, chances, strict=True)) ** 2
    return math.ceil(expected + Z_LEVEL * math.sqrt(by_chance + by_curve))

"""How long graduates search: the product-limit estimate (Kaplan and Meier 1958) with Greenwood's variance."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

Z_95 = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


class Point(NamedTuple):
    """A day on which somebody found work: who was still searching that morning, and who still is that evening."""

    day: int
    at_risk: int
    placed: int
    surviving: float
    greenwood: float
    """The sum in Greenwood's formula: the variance of `surviving` over its square."""
    low: float
    high: float


class Curve(NamedTuple):
    """The share still searching, day by day after qualifying. Between its points it stands still."""

    size: int
    points: tuple[Point, ...]
    spans: tuple[tuple[int, int], ...]
    """Day, and how many were watched until that day and no longer (placed then, or lost to sight)."""

    def surviving(self, day: int) -> float:
        """The share that is still searching at the end of `day`."""
        point = self._at(day)
        return point.surviving if point is not None else 1.0

    def at_risk(self, day: int) -> int:
        """How many were watched, and searching, beyond `day`."""
        return sum(count for last, count in self.spans if last > day)

    def still_at(self, until: int, given: int) -> tuple[float, float]:
        """The chance to search beyond day `until` for whoever searches beyond `given`, and its Greenwood variance."""
        now, then = self._at(given), self._at(until)
        reached = now.surviving if now is not None else 1.0
        if then is None or until <= given or reached == 0.0:
            return 1.0, 0.0  # Where nobody was watched that long, nothing speaks for a job.
        if then.surviving == 0.0:
            return 0.0, 0.0
        share = then.surviving / reached
        return share, share**2 * (then.greenwood - (now.greenwood if now is not None else 0.0))

    def _at(self, day: int) -> Point | None:
        found = bisect_right(self.points, day, key=lambda point: point.day)
        return self.points[found - 1] if found else None


def product_limit(placed: Mapping[int, int], lost: Mapping[int, int]) -> Curve:
    """The curve of graduates `placed` on a day, and `lost` to sight (or still searching when we look) after a day.

    Of a day's people the placed count first: whoever is lost on a day was still searching on it.
    """
    days = sorted({*placed, *lost})
    at_risk = size = sum(placed.values()) + sum(lost.values())
    surviving, greenwood = 1.0, 0.0
    points = []
    for day in days:
        found = placed.get(day, 0)
        if found:
            surviving *= (at_risk - found) / at_risk
            greenwood += found / (at_risk * (at_risk - found)) if at_risk > found else math.inf
            points.append(Point(day, at_risk, found, surviving, greenwood, *_band(surviving, greenwood)))
        at_risk -= found + lost.get(day, 0)
    spans = tuple((day, placed.get(day, 0) + lost.get(day, 0)) for day in days)
    return Curve(size, tuple(points), spans)


def _band(surviving: float, greenwood: float) -> tuple[float, float]:
    """Greenwood's 95 % band on the scale of log(-log S), which keeps it between 0 and 1 (Kalbfleisch, Prentice)."""
    if surviving in (0.0, 1.0):
        return surviving, surviving
    spread = Z_95 * math.sqrt(greenwood) / math.log(surviving)
    return surviving ** math.exp(-spread), surviving ** math.exp(spread)

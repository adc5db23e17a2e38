"""Outcomes of an intake by a yardstick, from its summary alone: every figure says what it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from shared.domain.events import sha256_of
from shared.policy.outcomes import (
    IN_FIELD,
    Graduate,
    Roster,
    Salary,
    Share,
    graduation,
    median_base,
    medians,
    rates,
    salary_on,
    snapshot,
    status_on,
)
from shared.policy.reserve import SMALL
from shared.policy.survival import Curve, product_limit
from shared.policy.yardsticks import Yardstick, figures, placed_in_field_on
from shared.reports.contributions import graduate_from
from shared.reports.sums import counted

DAYS = (90, 180)
HELD_BACK = ("in_field_of_enrolled",)
"""Shares of everybody enrolled that are told once nobody is left to be measured: before, they would seem too low."""


def roster_of(sums: Mapping[str, Any], on: date) -> Roster:
    """The graduates of an intake up to a day, each by a number that means nothing, and everybody enrolled."""
    people: list[Graduate] = []
    for row, count in counted(sums.get("roster", {})):
        people += [graduate_from(row, f"{len(people) + n}") for n in range(count)]
    known = tuple(each for each in people if each.qualified_on is not None and each.qualified_on <= on)
    return Roster(sums.get("enrolled", 0), DAYS, known)


def after(roster: Roster, day: int, on: date) -> Roster:
    """Those whose `day`-th day after qualifying has come: of the others nobody can say yet."""
    come = tuple(each for each in roster.graduates if each.qualified_on and (on - each.qualified_on).days >= day)
    return roster._replace(graduates=come)


def outcomes(summary: Mapping[str, Any], definition: Yardstick, on: date) -> dict[str, Any]:
    """The outcomes of an intake on a day, by one yardstick, with what every figure rests on."""
    sums = summary["sums"]
    roster = roster_of(sums, on)
    measured = roster._replace(graduates=tuple(each for each in roster.graduates if definition.has_come(each, on)))
    pay = pay_of(measured, definition)
    told = figures(definition, measured, roster)
    return {
        "report": "outcomes",
        "intake": summary["intake"],
        "on": on.isoformat(),
        "known_at": summary["as_of"],
        "definition": definition.as_json(),
        "definition_hash": sha256_of(definition.as_json()),
        "data_hash": data_hash(sums),
        "enrolled": roster.enrolled,
        "exempt": sums.get("exempt", 0),
        "on_course": sums.get("on_course", 0),
        "graduates": len(roster.graduates),
        "graduation": {name: _share(share) for name, share in graduation(roster).items()},
        "figures": told if is_complete(sums, measured) else held_back(told),
        "measured": len(measured.graduates),
        "not_yet": len(roster.graduates) - len(measured.graduates),
        "days": {str(day): _day(sums, after(roster, day, on), day) for day in DAYS},
        "curve": points(search_curve(roster, on)),
        "salaries": _salaries(pay),
        "median_base": medians(pay),
    }


def data_hash(sums: Mapping[str, Any]) -> str:
    """The hash of the data that outcomes rest on: how many were and are on the course, how often each row occurs."""
    counts = {name: sums.get(name, 0) for name in ("enrolled", "on_course")}
    return sha256_of({"roster": sums.get("roster", {}), **counts})


def is_complete(sums: Mapping[str, Any], measured: Roster) -> bool:
    """Whether nobody who was enrolled is left to be measured, neither on the course nor as a graduate."""
    return not sums.get("on_course") and len(measured.graduates) == sum(sums.get("roster", {}).values())


def held_back(shares: Mapping[str, Any]) -> dict[str, Any]:
    """Shares without those that would mislead while some are not yet measured."""
    return {name: None if name in HELD_BACK else share for name, share in shares.items()}


def _share(share: Share) -> dict[str, Any]:
    return {**share.as_json(), "percent": share.percent}


def _day(sums: Mapping[str, Any], roster: Roster, day: int) -> dict[str, Any]:
    counts = snapshot(roster, day)
    shares = {name: _share(share) for name, share in rates(counts, roster).items()}
    return {
        "graduates": len(roster.graduates),
        "snapshot": counts,
        "rates": shares if is_complete(sums, roster) else held_back(shares),
        "median_base": median_base(roster, day),
    }


def pay_of(measured: Roster, definition: Yardstick) -> list[tuple[str, Salary]]:
    """The statuses and salaries of those who have one, each on the graduate's own day of measuring."""
    days = ((each, definition.day_of(each)) for each in measured.graduates)
    return [(status_on(each, day), salary) for each, day in days if (salary := salary_on(each, day)) is not None]


def _salaries(pay: Sequence[tuple[str, Salary]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for status, salary in pay:
        if status in IN_FIELD:
            found.setdefault(salary.currency, []).append(f"{salary.base:f}")
    return {currency: sorted(bases, key=Decimal) for currency, bases in sorted(found.items())}


def search_curve(roster: Roster, on: date) -> Curve:
    """How long those who were not excluded searched for a job in the field, as far as can be known on a day."""
    placed, lost = Counter[int](), Counter[int]()
    for graduate in roster.graduates:
        if graduate.is_excluded or graduate.qualified_on is None:
            continue
        watched, found = (on - graduate.qualified_on).days, placed_in_field_on(graduate)
        if found is not None and found <= watched:
            placed[found] += 1
        else:
            lost[watched] += 1
    return product_limit(placed, lost)


def points(curve: Curve) -> dict[str, Any]:
    """A curve for people: shares in thousandths, since a report holds no floats."""
    return {
        "graduates": curve.size,
        "is_small": curve.size < SMALL,
        "points": [
            {
                "day": point.day, "at_risk": point.at_risk, "placed": point.placed,
                "searching": permille(point.surviving), "low": permille(point.low), "high": permille(point.high),
            }
            for point in curve.points
        ],
    }  # fmt: skip


def permille(share: float) -> int:
    """A share in thousandths."""
    return int(share * 1000 + 0.5)

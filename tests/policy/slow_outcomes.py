"""Outcomes once more, slowly: one graduate and one day at a time, fractions and sorted lists, JSON instead of records.

Written from the text of the standard and of the other yardsticks, to hold the policy against.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

RANKED = ["1A", "1B", "1C", "1D", "1E", "2A", "2B"]
ALL = [*RANKED, "3A", "3B", "4", "excluded"]


def is_excluded(graduate: dict[str, Any]) -> bool:
    """By the survey, or without authorisation to work."""
    if graduate.get("intent") in ("stay", "enrich", "study"):
        return True
    return graduate.get("authorised") is False


def standing(graduate: dict[str, Any], day: int) -> tuple[str, list[dict[str, Any]]]:
    """The status on a day, and the placements that have it."""
    if is_excluded(graduate):
        return "excluded", []
    for status in RANKED:
        have = [each for each in graduate.get("placements") or [] if each["status"] == status and each["day"] <= day]
        if have:
            return status, have
    return (graduate["final"] if graduate.get("final") in ("3B", "4") else "3A"), []


def pay(graduate: dict[str, Any], day: int) -> tuple[str, Fraction] | None:
    """Walk back from the day to the latest placement with the status; of its salaries the lowest, then by currency."""
    _, have = standing(graduate, day)
    while have:
        today = [each for each in have if each["day"] == day]
        if today:
            told = [(Fraction(each["base"]), each["currency"]) for each in today if each.get("base") is not None]
            return min(told)[::-1] if told else None
        day -= 1
    return None


def middle(values: list[Fraction]) -> Fraction:
    """Take the least and the greatest away until one or two are left."""
    left = sorted(values)
    while len(left) > 2:
        left = left[1:-1]
    return sum(left, Fraction(0)) / len(left)


def of(count: int, whole: int) -> dict[str, int]:
    """A count of a whole."""
    return {"count": count, "of": whole}


def outcomes(roster: dict[str, Any]) -> dict[str, Any]:
    """What the command should answer; medians as fractions."""
    people = roster["graduates"]
    found: dict[str, Any] = {"snapshots": {}, "rates": {}, "median_base": {}}
    for day in roster.get("days") or [90, 180]:
        statuses = [standing(each, day)[0] for each in people]
        counts = {status: statuses.count(status) for status in ALL}
        left = len([each for each in people if not is_excluded(each)])
        hired = [status for status in statuses if status in ("1A", "1B", "1C", "1D", "1E")]
        found["snapshots"][str(day)] = counts
        found["rates"][str(day)] = {
            "in_field": of(len(hired), left),
            "in_field_without_school_hires": of(len([each for each in hired if each != "1C"]), left),
            "full_time": of(counts["1A"] + counts["1B"], left),
            "in_field_of_enrolled": of(len(hired), roster["enrolled"]),
        }
        medians: dict[str, Any] = {}
        for group, statuses_in in (("1A-1C", ("1A", "1B", "1C")), ("1A-1E", ("1A", "1B", "1C", "1D", "1E"))):
            salaries = [pay(each, day) for each in people if standing(each, day)[0] in statuses_in]
            for currency in {each[0] for each in salaries if each is not None}:
                bases = [each[1] for each in salaries if each is not None and each[0] == currency]
                medians.setdefault(currency, {})[group] = {"median": middle(bases), "n": len(bases)}
        found["median_base"][str(day)] = medians
    on_time = [each for each in people if each["on_time"]]
    found["graduation"] = {
        "on_time": of(len(on_time), roster["enrolled"]),
        "late": of(len(people) - len(on_time), roster["enrolled"]),
        "all": of(len(people), roster["enrolled"]),
    }
    return found


def percent(share: tuple[int, int]) -> str | None:
    """One decimal, half up."""
    if share[1] == 0:
        return None
    tenths = Decimal(1000 * share[0]) / Decimal(share[1])
    return str((tenths.quantize(Decimal(1), ROUND_HALF_UP) / 10).quantize(Decimal("0.1")))


def other_yardsticks(people: list[dict[str, Any]], day: int) -> dict[str, dict[str, tuple[int, int]]]:
    """The same people as other publics count them: figure -> count and whole. `student` and `contract` are said too."""

    def held(person: dict[str, Any], statuses: list[str]) -> bool:
        return any(each["day"] <= day and each["status"] in statuses for each in person.get("placements") or [])

    def works(person: dict[str, Any]) -> bool:
        return held(person, RANKED) or person.get("intent") == "stay"

    def answered(person: dict[str, Any]) -> bool:
        return not (person.get("final") == "4" and not person.get("placements"))

    def apprentice(person: dict[str, Any]) -> bool:
        contracts = {each["contract"] for each in person.get("placements") or [] if each["day"] <= day}
        return contracts == {"apprenticeship"}

    in_field = RANKED[:5]
    available = [each for each in people if each["on_time"] and each.get("authorised") is not False]
    available = [each for each in available if not each["student"]]
    heard = [each for each in people if answered(each)]
    asked = [each for each in heard if each.get("authorised") is not False and not each["student"]]
    asked = [each for each in asked if not apprentice(each)]
    return {
        "cirr@2016": {"in_field": (len([each for each in people if held(each, in_field)]), len(people))},
        "california": {"in_field": (len([each for each in available if held(each, in_field)]), len(available))},
        "france": {
            "target_job": (len([each for each in asked if held(each, in_field)]), len(asked)),
            "any_job": (len([each for each in asked if works(each)]), len(asked)),
        },
        "naive": {"any_job": (len([each for each in heard if works(each)]), len(heard))},
    }

"""The way from application to outcome: how far people came, how long each stage took, where they wait and on whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from shared.domain.enrolment import UNDER_CONTRACT, UNSIGNED
from shared.domain.events import sha256_of
from shared.reports.contributions import MILESTONES
from shared.reports.sums import Sum, total

FUNNEL = {
    "id": "funnel",
    "version": "1",
    "count": "cases that ever reached a stage; days are whole days in stages that were left",
    "of": "all cases of the intake",
    "source": "the cases' own events",
}


def funnel_part(sums: Mapping[str, Any]) -> Sum:
    """The way of an intake's people, by country and source: how far they came, how long each stage took, who waits."""
    return {group: _group(found) for group, found in sorted(sums.get("funnel", {}).items())}


def _group(found: Mapping[str, Any]) -> Sum:
    return {
        "cases": found["cases"],
        "reached": found.get("reached", {}),
        "now": found.get("now", {}),
        "days": {stage: spread(spent) for stage, spent in sorted(found.get("days", {}).items())},
        "waiting": {
            on: {"cases": sum(since.values()), "oldest": min(since)}
            for on, since in sorted(found.get("waiting", {}).items())
        },
    }


def spread(counter: Mapping[str, int]) -> dict[str, int]:
    """How many, the median and the ninth decile of a counter of whole numbers: values that somebody really had."""
    values = sorted((int(value), count) for value, count in counter.items())
    people = sum(count for _, count in values)
    return {"cases": people, "median": _quantile(values, people, 50), "ninth_decile": _quantile(values, people, 90)}


def _quantile(values: list[tuple[int, int]], people: int, percent: int) -> int:
    """The least value that this share of people do not exceed."""
    seen = 0
    for value, count in values:
        seen += count
        if seen * 100 >= people * percent:
            return value
    return 0


HOLDS_A_SEAT = ("offered", "accepted", *UNSIGNED, *UNDER_CONTRACT, "placed", "refunded")


def funnel(parts: Mapping[str, Any], seats: Mapping[str, int], as_of: str | None, on: date) -> dict[str, Any]:
    """The way from application to outcome by intake, country and source; where people wait, and on whom; how many of
    each intake's seats are taken (`seats`: by intake)."""
    rows, waiting = [], []
    for intake, groups in sorted(parts.items()):
        for group, found in sorted(groups.items()):
            country, _, source = group.partition("|")
            place = {"intake": intake, "country": country, "source": source}
            rows.append(place | {
                "cases": found["cases"],
                "reached": {milestone: found["reached"].get(milestone, 0) for milestone in MILESTONES},
                "now": found["now"],
                "days": found["days"],
            })  # fmt: skip
            for on_whom, each in sorted(found["waiting"].items()):
                who, _, what = on_whom.partition("|")
                longest = (on - date.fromisoformat(each["oldest"])).days
                waiting.append(place | {"who": who, "what": what, "cases": each["cases"], "longest_days": longest})
    reached = total(row["reached"] for row in rows)
    return {
        "report": "funnel",
        "on": on.isoformat(),
        "known_at": as_of,
        "definition": FUNNEL,
        "data_hash": sha256_of(dict(parts)),
        "cases": sum(row["cases"] for row in rows),
        "reached": {milestone: reached.get(milestone, 0) for milestone in MILESTONES},
        "seats": {
            intake: {"of": seats[intake], "taken": _taken(groups.values())}
            for intake, groups in sorted(parts.items())
            if intake in seats
        },
        "rows": rows,
        "waiting": sorted(waiting, key=lambda each: -each["longest_days"]),
    }


def _taken(groups: Iterable[Mapping[str, Any]]) -> int:
    """Seats that are offered or held; who left has given theirs back."""
    return sum(count for found in groups for stage, count in found["now"].items() if stage in HOLDS_A_SEAT)

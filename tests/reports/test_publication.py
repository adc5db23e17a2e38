"""What anybody may see, attacked: by subtraction, from day to day, by whoever knows how it is withheld."""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import date
from typing import Any

import pytest

from shared.policy.small_cells import LEAST
from shared.policy.yardsticks import yardstick
from shared.reports.publication import publication
from shared.reports.sums import Sum, key

JOB = {"day": 20, "status": "1A", "contract": "permanent", "full_time": True, "starts": 30, "ended": None,
       "base": None, "currency": None}  # fmt: skip
FIRST, SECOND = date(2028, 8, 1), date(2029, 2, 1)


def rows(qualified_on: str, placed: int, seeking: int, excluded: int) -> Sum:
    """A cohort as the summary holds it."""
    row = {
        "qualified_on": qualified_on, "on_time": True, "intent": "job", "authorised": True, "student": False,
        "final": "3A", "country": "FR", "jobs": [],
    }  # fmt: skip
    found = {key(row | {"jobs": [JOB]}): placed, key(row): seeking, key(row | {"authorised": False}): excluded}
    return {name: count for name, count in found.items() if count}


def told(roster: Sum, enrolled: int, on: date, settled_on: date = SECOND) -> dict[str, Any]:
    definition = yardstick("cirr")
    assert definition is not None
    summary = {"intake": "p.i", "as_of": "x", "sums": {"enrolled": enrolled, "roster": roster}}
    found = publication(summary, definition, on, settled_on)
    return {name: found[name] for name in ("enrolled", "rates", "cohorts")}


LATER = (None, (6, 6), (2, 1))
LEFT = 22


@pytest.mark.parametrize("settled_on", [FIRST, SECOND])
def test_nothing_small_follows_from_any_publication_nor_from_two(settled_on: date) -> None:
    """Whoever reads both knows the rules, and of what is withheld which counts are small."""
    looks_the_same: dict[str, list[dict[str, int]]] = defaultdict(list)
    for later, excluded, excluded_later, left in itertools.product(LATER, range(6), range(6), range(LEFT)):
        world = {"excluded": excluded, "left": left} | ({"excluded later": excluded_later} if later else {})
        roster = rows("2027-10-04", 20, 6, excluded) | (rows("2028-02-07", *later, excluded_later) if later else {})
        enrolled = 26 + sum(later or ()) + sum(world.values())
        seen = [told(roster, enrolled, day, settled_on) for day in (FIRST, SECOND)]
        assert seen[0]["enrolled"] in (None, seen[1]["enrolled"])
        assert seen[1]["cohorts"][0] == seen[0]["cohorts"][0], "A later day takes nothing back."
        if all(_taken(cohort["cells"]) for cohort in seen[1]["cohorts"]):  # Else their number is unknown too.
            looks_the_same[key([seen, [count < LEAST for count in world.values()]])].append(world)
        for each in seen:
            if each["enrolled"] is not None:
                assert each["enrolled"] - sum(_taken(cohort["cells"]) for cohort in each["cohorts"]) >= LEAST

    assert len(looks_the_same) > 20
    for seen_as, worlds in looks_the_same.items():
        if max(world["left"] for world in worlds) >= LEFT - 14:
            continue  # Not all worlds that look like these were tried.
        for name in worlds[0]:
            values = {world[name] for world in worlds}
            assert len(values) > 1 or min(values) >= LEAST, (name, values, seen_as)


def _taken(cells: dict[str, int | None]) -> int:
    return cells["graduates"] or cells["counted"] or 0


@pytest.mark.parametrize("excluded", [0, 3, 7])
def test_few_who_are_excluded_do_not_hide_what_became_of_the_others(excluded: int) -> None:
    (cohort,) = told(rows("2027-10-04", 28, 12, excluded), 60, FIRST)["cohorts"]

    assert cohort["rates"]["in_field"] == {"count": 28, "of": 40, "percent": "70.0"}
    assert cohort["cells"]["graduates"] == (47 if excluded == 7 else None)


def test_how_many_were_enrolled_is_told_once_the_course_has_ended_for_all() -> None:
    roster = rows("2027-10-04", 28, 12, 3)

    assert told(roster, 60, FIRST)["enrolled"] is None
    assert told(roster, 60, SECOND)["enrolled"] == 60
    assert told(roster, 43, SECOND)["enrolled"] is None  # three excluded and nobody else would follow

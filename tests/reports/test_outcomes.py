"""Outcomes from a summary: who is measured on which day, and figures that agree with each other."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from shared.policy.yardsticks import yardstick
from shared.presentation import pages, pictures
from shared.reports.outcomes import outcomes
from shared.reports.sums import add, key

QUALIFIED = "2026-08-01"
CENSUS = date(2027, 12, 6)
"""The Monday of the census week of whoever completes in August to October 2026."""


def job(day: int, base: str | None = None, currency: str = "EUR", **said: Any) -> dict[str, Any]:
    told = {"day": day, "status": "1A", "contract": "permanent", "full_time": True, "starts": day, "ended": None}
    return told | {"base": base, "currency": base and currency} | said


def graduate(*jobs: dict[str, Any], qualified_on: str = QUALIFIED) -> str:
    """A row of the roster."""
    return key({
        "qualified_on": qualified_on, "on_time": True, "intent": "job", "authorised": True, "student": False,
        "final": "3A", "country": "FR", "jobs": list(jobs),
    })  # fmt: skip


def report(*rows: str, wanted: str = "cirr", on: date = date(2028, 5, 1), enrolled: int = 30, **more: int) -> Any:
    """The outcomes of these graduates."""
    definition = yardstick(wanted)
    assert definition is not None
    sums: dict[str, Any] = {"enrolled": enrolled, **more}
    for row in rows:
        add(sums, {"roster": {row: 1}})
    return outcomes({"intake": "p.i", "as_of": None, "sums": sums}, definition, on)


@pytest.mark.parametrize(("on", "measured"), [(date(2027, 10, 31), 0), (date(2027, 12, 5), 0), (CENSUS, 1)])
def test_nobody_is_counted_before_their_census_week(on: date, measured: int) -> None:
    told = report(graduate(job(20)), wanted="uk", on=on)

    assert told["measured"] == sum(share["count"] for share in told["figures"].values()) == measured
    assert told["not_yet"] == 1 - measured


@pytest.mark.parametrize("completed", ["2026-08-01", "2026-10-31"])
def test_whoever_has_had_their_census_week_is_counted_however_late_they_completed(completed: str) -> None:
    assert report(graduate(qualified_on=completed), wanted="uk", on=CENSUS)["measured"] == 1


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_salary_that_came_after_day_180_is_drawn_with_its_own_median(language: str) -> None:
    told = report(graduate(job(20, "40000")), graduate(job(300, "30000", "GBP")), wanted="uk")

    assert told["median_base"]["GBP"]["1A-1E"] == {"median": "30000", "n": 1}
    assert "GBP" in pages.outcomes_page(told, language)


def test_a_median_is_of_the_same_people_and_day_as_the_picture_beside_it() -> None:
    late = [graduate(job(300, "20000")) for _ in range(9)]
    told = report(graduate(job(20, "40000")), *late, wanted="uk")

    page = pages.outcomes_page(told, "en")

    assert told["salaries"] == {"EUR": ["20000"] * 9 + ["40000"]}
    assert told["median_base"]["EUR"]["1A-1E"] == {"median": "20000", "n": 10}
    assert "Median base pay in the census week" in page
    assert "<td>20,000</td><td>10</td>" in page
    assert told["days"]["180"]["median_base"]["EUR"]["1A-1E"] == {"median": "40000", "n": 1}


RECENT = "2028-02-10"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_graduates_are_counted_of_everybody_enrolled_whether_or_not_their_day_has_come(language: str) -> None:
    told = report(*(graduate(job(20)) for _ in range(10)), *(graduate(job(5), qualified_on=RECENT) for _ in range(14)))

    page = pages.outcomes_page(told, language)

    assert (told["measured"], told["not_yet"]) == (10, 14)
    for name in ("on_time", "late", "all"):
        assert told["figures"][f"graduated_{name}"] == told["graduation"][name]
    assert told["graduation"]["all"] == {"count": 24, "of": 30, "percent": "80.0"}
    assert "24\u00a0/\u00a030" in page
    assert "10\u00a0/\u00a030" not in page


@pytest.mark.parametrize(
    ("rows", "on_course", "share"),
    [
        ([graduate(job(20)), graduate()], 0, {"count": 1, "of": 30, "percent": "3.3"}),
        ([graduate(job(20)), graduate(qualified_on=RECENT)], 0, None),
        ([graduate(job(20)), graduate(qualified_on="2028-06-01")], 0, None),
        ([graduate(job(20)), graduate()], 1, None),
    ],
    ids=["all measured", "one graduated too recently", "one graduates later than asked", "one still on the course"],
)
def test_a_share_of_everybody_enrolled_is_told_once_nobody_is_left_to_be_measured(
    rows: list[str], on_course: int, share: dict[str, Any] | None
) -> None:
    told = report(*rows, on_course=on_course)

    assert told["figures"]["in_field_of_enrolled"] == share
    assert [told["days"][day]["rates"]["in_field_of_enrolled"] for day in ("90", "180")] == [share, share]
    assert ("told once all have been measured" in pages.outcomes_page(told, "en")) == (share is None)


@pytest.mark.parametrize(
    ("people", "dots", "said"), [(20, 20, None), (21, 11, "up to 2 people"), (10_000, 20, "up to 500 people")]
)
def test_a_picture_of_salaries_stays_of_a_height_that_fits_a_page(people: int, dots: int, said: str | None) -> None:
    drawn = pictures.dots("Salaries", ["40000"] * people, "40000", str, lambda each: f"up to {each} people")

    height = re.search(r'viewBox="0 0 380 (\d+)"', drawn)
    assert height is not None
    assert int(height[1]) <= 254
    assert drawn.count("<circle") == dots
    assert re.findall("up to .* people", drawn) == ([said] if said else [])

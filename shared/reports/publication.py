"""What anybody may see of an intake's outcomes: cohorts that are complete, and no cell of fewer than five people.

A cohort is a half-year of graduates of one intake, published half a year and a month after it ended, when the 180th day
of all of them has come. Cohorts share nobody, so that no two publications can be subtracted from each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any

from shared.domain.events import sha256_of
from shared.policy.outcomes import EXCLUDED, IN_FIELD, Roster, Share, salary_on, snapshot, status_on
from shared.policy.small_cells import LEAST, Cell, may_be_subtracted, published
from shared.policy.yardsticks import Yardstick
from shared.reports.outcomes import roster_of

OUT_OF_FIELD, NOT_PLACED = ("2A", "2B"), ("3A", "3B", "4")
MEDIAN_DIGITS = 3
NAMES = (
    "graduates", "counted", "in_field", "full_time", "1A", "1B", "1C", "other", "1D", "1E", "out_of_field",
    *OUT_OF_FIELD, "not_placed", *NOT_PLACED, EXCLUDED, "on_time", "late",
)  # fmt: skip
"""What is told of a cohort, or withheld."""


def cohort_of(qualified_on: date) -> str:
    """The half-year of a graduate, `2027-H2`."""
    return f"{qualified_on.year}-H{1 if qualified_on.month < 7 else 2}"


def published_on(cohort: str) -> date:
    """The day from which a cohort may be published: 1 February or 1 August (CIRR files in these months)."""
    year = int(cohort[:4])
    return date(year + 1, 2, 1) if cohort.endswith("H1") else date(year + 1, 8, 1)


def publication(summary: Mapping[str, Any], definition: Yardstick, on: date, settled_on: date) -> dict[str, Any]:
    """The public report of an intake on a day. Figures are null where they would speak of fewer than five.

    How many were enrolled is told from `settled_on`, when the course has ended for all of them: before, the number of
    those who are still on it would follow from day to day.
    """
    whole = roster_of(summary["sums"], on)
    cohorts: dict[str, Roster] = {}
    for graduate in whole.graduates:
        assert graduate.qualified_on is not None
        cohort = cohort_of(graduate.qualified_on)
        if published_on(cohort) <= on:
            so_far = cohorts.get(cohort, whole._replace(graduates=()))
            cohorts[cohort] = so_far._replace(graduates=(*so_far.graduates, graduate))
    enrolled, shown = _shown(whole.enrolled, cohorts, definition.day, settled_on if settled_on <= on else None)
    told = [
        {"graduated": cohort, "published_on": published_on(cohort).isoformat()}
        | _cohort(roster, shown[cohort], definition.day)
        for cohort, roster in sorted(cohorts.items())
    ]
    in_field = [each["cells"]["in_field"] for each in told]
    counted = sum(in_field) if in_field and None not in in_field else None
    rates_ = {"in_field_of_enrolled": _share(counted, enrolled)}
    # The hash is of what is told, not of what that rests on: with the other one somebody could try out guesses.
    return {
        "report": "published_outcomes",
        "intake": summary["intake"],
        "on": on.isoformat(),
        "known_at": summary["as_of"],
        "definition": definition.as_json(),
        "definition_hash": sha256_of(definition.as_json()),
        "least": LEAST,
        "enrolled": enrolled,
        "rates": rates_,
        "cohorts": told,
        "data_hash": sha256_of({"enrolled": enrolled, "rates": rates_, "cohorts": told}),
    }


Shown = dict[str, int | None]


def _shown(
    enrolled: int, cohorts: Mapping[str, Roster], day: int, settled_on: date | None
) -> tuple[int | None, dict[str, Shown]]:
    """How many were enrolled, and each cohort's cells; in the order in which they become known.

    Each is told only if nothing small follows from it together with what was told before, so that a later day never
    takes back an earlier one's figure.
    """
    told: int | None = None
    rest = enrolled
    small: list[int] = []
    shown: dict[str, Shown] = {}
    for cohort, roster in sorted(cohorts.items()):
        if told is None and settled_on is not None and settled_on < published_on(cohort):
            told = enrolled if may_be_subtracted([*small, rest]) else None
            settled_on = None
        excluded, cells = _cohort_cells(roster, day)
        found = published(cells)
        # Who is excluded is left out, not taken along: whoever is counted is what the figures are about.
        hidden = [excluded] if cells.name == "counted" else []
        left = rest - cells.count - sum(hidden)
        is_told = found[cells.name] is not None and (told is None or may_be_subtracted([*small, *hidden, left]))
        if is_told:
            rest, small = left, [*small, *hidden]
        shown[cohort] = {name: found.get(name) if is_told else None for name in (*NAMES, *found)}
    if told is None and settled_on is not None and may_be_subtracted([*small, rest]):
        told = enrolled
    return told, shown


def _cohort_cells(roster: Roster, day: int) -> tuple[int, Cell]:
    """How many are excluded, and every count that might be shown, each below the counts that it is a part of.

    The top is all graduates, or where few are excluded those who are counted.
    """
    counts = snapshot(roster, day)

    def cell(name: str, *parts: Cell, more: tuple[tuple[Cell, ...], ...] = ()) -> Cell:
        return Cell(name, sum(part.count for part in parts), (parts, *more))

    def statuses(*names: str) -> tuple[Cell, ...]:
        return tuple(Cell(name, counts[name]) for name in names)

    salaries = _salaries(roster, day)
    in_field = sum(counts[name] for name in IN_FIELD)
    paid = tuple(Cell(f"salary {currency}", len(bases)) for currency, bases in sorted(salaries.items()))
    unpaid = Cell("salary none", in_field - sum(each.count for each in paid))
    field = cell(
        "in_field", cell("full_time", *statuses("1A", "1B")), *statuses("1C"), cell("other", *statuses("1D", "1E")),
        more=((*paid, unpaid),),
    )  # fmt: skip
    counted = cell(
        "counted", field, cell("out_of_field", *statuses(*OUT_OF_FIELD)), cell("not_placed", *statuses(*NOT_PLACED))
    )
    if counts[EXCLUDED] < LEAST:
        return counts[EXCLUDED], counted
    on_time = sum(each.on_time for each in roster.graduates)
    in_time = (Cell("on_time", on_time), Cell("late", len(roster.graduates) - on_time))
    return counts[EXCLUDED], cell("graduates", counted, *statuses(EXCLUDED), more=(in_time,))


def _salaries(roster: Roster, day: int) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for graduate in roster.graduates:
        salary = salary_on(graduate, day)
        if salary is not None and status_on(graduate, day) in IN_FIELD:
            found.setdefault(salary.currency, []).append(salary.base)
    return found


def _cohort(roster: Roster, cells: Shown, day: int) -> dict[str, Any]:
    field, school = cells["in_field"], cells["1C"]
    return {
        "cells": {name: cells[name] for name in NAMES},
        "rates": {
            "in_field": _share(field, cells["counted"]),
            "in_field_without_school_hires": _share(
                None if field is None or school is None else field - school, cells["counted"]
            ),
            "full_time": _share(cells["full_time"], cells["counted"]),
        },
        "median_base": {
            currency: {"median": _coarse(median(bases)), "n": cells[f"salary {currency}"]}
            for currency, bases in sorted(_salaries(roster, day).items())
            if cells[f"salary {currency}"] is not None
        },
    }


def _share(count: int | None, of: int | None) -> dict[str, Any] | None:
    if count is None or of is None:
        return None
    found = Share(count, of)
    return {**found.as_json(), "percent": found.percent}


def _coarse(amount: Decimal) -> str:
    """Three digits of a median: of an odd number of people it would be somebody's pay to the cent."""
    step = Decimal(1).scaleb(amount.adjusted() - MEDIAN_DIGITS + 1)
    return f"{(amount / step).to_integral_value() * step:f}" if amount else "0"

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
from shared.policy.small_cells import LEAST, Cell, published
from shared.policy.yardsticks import Yardstick
from shared.reports.outcomes import roster_of

OUT_OF_FIELD, NOT_PLACED = ("2A", "2B"), ("3A", "3B", "4")
MEDIAN_DIGITS = 3


def cohort_of(qualified_on: date) -> str:
    """The half-year of a graduate, `2027-H2`."""
    return f"{qualified_on.year}-H{1 if qualified_on.month < 7 else 2}"


def published_on(cohort: str) -> date:
    """The day from which a cohort may be published: 1 February or 1 August (CIRR files in these months)."""
    year = int(cohort[:4])
    return date(year + 1, 2, 1) if cohort.endswith("H1") else date(year + 1, 8, 1)


def publication(summary: Mapping[str, Any], definition: Yardstick, on: date) -> dict[str, Any]:
    """The public report of an intake on a day. Figures are null where they would speak of fewer than five."""
    whole = roster_of(summary["sums"], on)
    cohorts: dict[str, Roster] = {}
    for graduate in whole.graduates:
        assert graduate.qualified_on is not None
        cohort = cohort_of(graduate.qualified_on)
        if published_on(cohort) <= on:
            so_far = cohorts.get(cohort, whole._replace(graduates=()))
            cohorts[cohort] = so_far._replace(graduates=(*so_far.graduates, graduate))
    shown = published(_cells(whole, cohorts, definition.day))
    told = [
        {"graduated": cohort, "published_on": published_on(cohort).isoformat()}
        | _cohort(cohort, roster, shown, definition.day)
        for cohort, roster in sorted(cohorts.items())
    ]
    return {
        "report": "published_outcomes",
        "intake": summary["intake"],
        "on": on.isoformat(),
        "known_at": summary["as_of"],
        "definition": definition.as_json(),
        "definition_hash": sha256_of(definition.as_json()),
        "least": LEAST,
        "enrolled": shown["enrolled"],
        "cohorts": told,
        # Of what is told, not of what it rests on: with that hash somebody could try out guesses.
        "data_hash": sha256_of({"enrolled": shown["enrolled"], "cohorts": told}),
    }


def _cells(whole: Roster, cohorts: Mapping[str, Roster], day: int) -> Cell:
    """Every count that might be shown, each below the counts that it is a part of."""
    parts = [_cohort_cells(cohort, roster, day) for cohort, roster in sorted(cohorts.items())]
    rest = whole.enrolled - sum(part.count for part in parts)
    return Cell("enrolled", whole.enrolled, ((*parts, Cell("not_published", rest)),) if parts else ())


def _cohort_cells(cohort: str, roster: Roster, day: int) -> Cell:
    counts = snapshot(roster, day)

    def cell(name: str, *parts: Cell, more: tuple[tuple[Cell, ...], ...] = ()) -> Cell:
        return Cell(f"{cohort} {name}", sum(part.count for part in parts), (parts, *more))

    def statuses(*names: str) -> tuple[Cell, ...]:
        return tuple(Cell(f"{cohort} {name}", counts[name]) for name in names)

    salaries = _salaries(roster, day)
    in_field = sum(counts[name] for name in IN_FIELD)
    paid = tuple(Cell(f"{cohort} salary {currency}", len(bases)) for currency, bases in sorted(salaries.items()))
    unpaid = Cell(f"{cohort} salary none", in_field - sum(each.count for each in paid))
    field = cell(
        "in_field", cell("full_time", *statuses("1A", "1B")), *statuses("1C"), cell("other", *statuses("1D", "1E")),
        more=((*paid, unpaid),),
    )  # fmt: skip
    counted = cell(
        "counted", field, cell("out_of_field", *statuses(*OUT_OF_FIELD)), cell("not_placed", *statuses(*NOT_PLACED))
    )
    on_time = sum(each.on_time for each in roster.graduates)
    in_time = (
        Cell(f"{cohort} on_time", on_time),
        Cell(f"{cohort} late", len(roster.graduates) - on_time),
    )
    return cell("graduates", counted, *statuses(EXCLUDED), more=(in_time,))


def _salaries(roster: Roster, day: int) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for graduate in roster.graduates:
        salary = salary_on(graduate, day)
        if salary is not None and status_on(graduate, day) in IN_FIELD:
            found.setdefault(salary.currency, []).append(salary.base)
    return found


def _cohort(cohort: str, roster: Roster, shown: Mapping[str, int | None], day: int) -> dict[str, Any]:
    cells = {name.removeprefix(f"{cohort} "): count for name, count in shown.items() if name.startswith(f"{cohort} ")}

    def share(count: int | None, of: int | None) -> dict[str, Any] | None:
        if count is None or of is None:
            return None
        found = Share(count, of)
        return {**found.as_json(), "percent": found.percent}

    field, school = cells["in_field"], cells["1C"]
    return {
        "cells": {name: count for name, count in cells.items() if not name.startswith("salary")},
        "rates": {
            "in_field": share(field, cells["counted"]),
            "in_field_without_school_hires": share(
                None if field is None or school is None else field - school, cells["counted"]
            ),
            "full_time": share(cells["full_time"], cells["counted"]),
            "in_field_of_enrolled": share(field, shown["enrolled"]),
        },
        "median_base": {
            currency: {"median": _coarse(median(bases)), "n": cells[f"salary {currency}"]}
            for currency, bases in sorted(_salaries(roster, day).items())
            if cells[f"salary {currency}"] is not None
        },
    }


def _coarse(amount: Decimal) -> str:
    """Three digits of a median: of an odd number of people it would be somebody's pay to the cent."""
    step = Decimal(1).scaleb(amount.adjusted() - MEDIAN_DIGITS + 1)
    return f"{(amount / step).to_integral_value() * step:f}" if amount else "0"

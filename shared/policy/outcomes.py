"""Graduates' outcomes after the Council on Integrity in Results Reporting: counts and fractions, never a verdict.

An outcome statistic and a refund decision are different functions of the same facts: neither is derived from the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from shared.domain.money import MINOR_DIGITS, NotMoney, to_minor
from shared.policy.reading import (
    InvalidFacts,
    read_count,
    read_flag,
    read_list,
    read_object,
    read_text,
    read_word,
)

# Best first: the status that counts on a day is the best one accepted by then.
PLACED = ("1A", "1B", "1C", "1D", "1E", "2A", "2B")
NOT_PLACED = ("3A", "3B", "4")
EXCLUDED = "excluded"
STATUSES = (*PLACED, *NOT_PLACED, EXCLUDED)
IN_FIELD = ("1A", "1B", "1C", "1D", "1E")
SCHOOL_HIRE = "1C"
FULL_TIME = ("1A", "1B")
SALARY_GROUPS = {"1A-1C": ("1A", "1B", "1C"), "1A-1E": IN_FIELD}
INTENTS = ("job", "stay", "enrich", "study")
DEFAULT_DAYS = (90, 180)


class Salary(NamedTuple):
    """Base pay only, in one currency: no bonus, equity or relocation."""

    base: Decimal
    currency: str

    @property
    def order(self) -> tuple[Decimal, int, str]:
        """Lower first; of one sum written in two ways (700.5, 700.50) the shorter, so that no order decides."""
        return self.base, len(self.base.as_tuple().digits), self.currency


class Placement(NamedTuple):
    """A status that was accepted, counted in days after graduation.

    What follows the salary is asked by other yardsticks alone: the kind of contract, whether it is full-time, the days
    of its start and its end. The command's rosters do not say it.
    """

    day: int
    status: str
    salary: Salary | None
    contract: str = ""
    is_full_time: bool | None = None
    starts: int | None = None
    ended: int | None = None


class Graduate(NamedTuple):
    """One graduate. `intent` is the survey frozen before the course: a later change of mind never excludes."""

    id: str
    on_time: bool
    intent: str
    is_authorised: bool
    placements: tuple[Placement, ...]
    final: str
    is_student: bool = False
    qualified_on: date | None = None

    @property
    def is_excluded(self) -> bool:
        """Only by the survey before the course, or without authorisation to work."""
        return self.intent != "job" or not self.is_authorised


class Roster(NamedTuple):
    """Everybody enrolled at the last full-refund date (`enrolled`), and those of them who graduated."""

    enrolled: int
    days: tuple[int, ...]
    graduates: tuple[Graduate, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A count of a whole: rounded once, when it is shown, and never here."""

    count: int
    of: int

    def as_json(self) -> dict[str, int]:
        """`{count, of}`."""
        return {"count": self.count, "of": self.of}

    @property
    def percent(self) -> str | None:
        """The share in per cent with one decimal, rounded half up, once; None of nothing."""
        if self.of == 0:
            return None
        tenths = (2000 * self.count + self.of) // (2 * self.of)
        return f"{tenths // 10}.{tenths % 10}"


def status_on(graduate: Graduate, day: int) -> str:
    """Excluded, else the best status accepted on or before `day`, else how the search ended: 3A is still seeking."""
    if graduate.is_excluded:
        return EXCLUDED
    accepted = {placement.status for placement in graduate.placements if placement.day <= day}
    return next((status for status in PLACED if status in accepted), graduate.final)


def salary_on(graduate: Graduate, day: int) -> Salary | None:
    """The salary of the latest placement with the graduate's status on `day`, if that placement has one.

    Of two on the same day the one with a salary counts, then the lower: the order of reports plays no part.
    """
    status = status_on(graduate, day)
    candidates = [each for each in graduate.placements if each.status == status and each.day <= day]
    if not candidates:
        return None
    latest_day = max(each.day for each in candidates)
    salaries = [each.salary for each in candidates if each.day == latest_day and each.salary is not None]
    return min(salaries, key=lambda each: each.order, default=None)


def snapshot(roster: Roster, day: int) -> dict[str, int]:
    """How many graduates have each status on `day`; all statuses together are all graduates."""
    counts = dict.fromkeys(STATUSES, 0)
    for graduate in roster.graduates:
        counts[status_on(graduate, day)] += 1
    return counts


def rates(counts: Mapping[str, int], roster: Roster) -> dict[str, Share]:
    """The shares of a snapshot: of the graduates who are not excluded, and of everybody enrolled."""
    not_excluded = len(roster.graduates) - counts[EXCLUDED]
    in_field = sum(counts[status] for status in IN_FIELD)
    return {
        "in_field": Share(in_field, not_excluded),
        "in_field_without_school_hires": Share(in_field - counts[SCHOOL_HIRE], not_excluded),
        "full_time": Share(sum(counts[status] for status in FULL_TIME), not_excluded),
        "in_field_of_enrolled": Share(in_field, roster.enrolled),
    }


def graduation(roster: Roster) -> dict[str, Share]:
    """Graduates of everybody enrolled; who withdrew stays in the whole."""
    on_time = sum(graduate.on_time for graduate in roster.graduates)
    of_all = len(roster.graduates)
    return {
        "on_time": Share(on_time, roster.enrolled),
        "late": Share(of_all - on_time, roster.enrolled),
        "all": Share(of_all, roster.enrolled),
    }


def median_base(roster: Roster, day: int) -> dict[str, dict[str, dict[str, object]]]:
    """The median salary on `day` by currency and group of statuses, with the number of salaries it rests on."""
    return medians(
        (status_on(each, day), salary) for each in roster.graduates if (salary := salary_on(each, day)) is not None
    )


def medians(found: Iterable[tuple[str, Salary]]) -> dict[str, dict[str, dict[str, object]]]:
    """The same of statuses with their salaries, whichever day each is of."""
    salaries: dict[str, dict[str, list[Decimal]]] = {}
    for status, salary in sorted(found, key=lambda each: each[1].order):
        for group, statuses in SALARY_GROUPS.items():
            if status in statuses:
                salaries.setdefault(salary.currency, {}).setdefault(group, []).append(salary.base)
    return {
        currency: {
            group: {"median": f"{median(groups[group]):f}", "n": len(groups[group])}
            for group in SALARY_GROUPS
            if group in groups
        }
        for currency, groups in sorted(salaries.items())
    }


def outcomes(roster: Roster) -> dict[str, object]:
    """Snapshots, rates, graduation and medians of a roster, as the answer of the command (guarantee outcomes)."""
    snapshots = {day: snapshot(roster, day) for day in roster.days}
    return {
        "snapshots": {str(day): counts for day, counts in snapshots.items()},
        "rates": {
            str(day): {name: share.as_json() for name, share in rates(counts, roster).items()}
            for day, counts in snapshots.items()
        },
        "graduation": {name: share.as_json() for name, share in graduation(roster).items()},
        "median_base": {str(day): median_base(roster, day) for day in roster.days},
    }


def parse_roster(data: object) -> Roster:
    """A roster from JSON; raises InvalidFacts. By default intent is job, authorised true, final 3A, days 90 and 180."""
    said = read_object(data, ("enrolled", "days", "graduates"), ("enrolled", "graduates"), "")
    graduates = read_list(said["graduates"], "/graduates", _graduate, None)
    seen: set[str] = set()
    for index, graduate in enumerate(graduates):
        if graduate.id in seen:
            raise InvalidFacts(f"/graduates/{index}/id", "conflict", "Another graduate has the same id.")
        seen.add(graduate.id)
    days = DEFAULT_DAYS if said.get("days") is None else read_list(said["days"], "/days", _day, None)
    enrolled = read_count(said["enrolled"], "/enrolled")
    if enrolled < len(graduates):
        raise InvalidFacts("/enrolled", "conflict", "More people graduated than were enrolled.")
    return Roster(enrolled, days, graduates)


def _day(data: object, _: None) -> int:
    return read_count(data, "")


def _graduate(data: object, _: None) -> Graduate:
    keys = ("id", "on_time", "intent", "authorised", "placements", "final")
    said = read_object(data, keys, ("id", "on_time"), "")
    get = said.get
    return Graduate(
        read_text(said["id"], "/id"),
        read_flag(said["on_time"], "/on_time"),
        "job" if get("intent") is None else read_word(get("intent"), INTENTS, "/intent"),
        True if get("authorised") is None else read_flag(get("authorised"), "/authorised"),
        () if get("placements") is None else read_list(get("placements"), "/placements", _placement, None),
        "3A" if get("final") is None else read_word(get("final"), NOT_PLACED, "/final"),
    )


def _placement(data: object, _: None) -> Placement:
    said = read_object(data, ("day", "status", "currency", "base"), ("day", "status"), "")
    if type(said["day"]) is not int:
        raise InvalidFacts("/day", "type", "A day is a whole number, counted from graduation.")
    status = read_word(said["status"], PLACED, "/status")
    return Placement(said["day"], status, _salary(said.get("base"), said.get("currency")))


def _salary(base: object, currency: object) -> Salary | None:
    """None where no base pay is known, whatever the currency."""
    if currency is not None and read_text(currency, "/currency") not in MINOR_DIGITS:
        raise InvalidFacts("/currency", "value", "This is no currency of ISO 4217.")
    if base is None:
        return None
    if currency is None:
        raise InvalidFacts("/currency", "missing", "A salary has a currency.")
    amount = read_text(base, "/base")
    try:
        to_minor(amount, str(currency))
    except NotMoney as error:
        raise InvalidFacts("/base", "value", f"This is no salary: {error}.") from None
    return Salary(Decimal(amount), str(currency))

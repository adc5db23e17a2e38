"""Days, months, weeks and zones: the civil calendar that contracts and laws count in."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_LAST_ORDINAL = date.max.toordinal()
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
    re.ASCII,
)


class NotADate(ValueError):
    """The text is no date, instant or zone of the kind that was asked for."""


def parse_day(text: str) -> date:
    """The civil date that `YYYY-MM-DD` names; any other text raises NotADate."""
    # fromisoformat also reads 20200115 and 2020-W03-3, which we don't write.
    if len(text) == 10 and text[4] == text[7] == "-":
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise NotADate("a civil date is written YYYY-MM-DD and exists in the calendar")


def parse_instant(text: str) -> datetime:
    """The instant that `YYYY-MM-DDTHH:MM[:SS[.f]]` with `Z` or an offset `+HH:MM` names; else raises NotADate."""
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise NotADate("an instant is written YYYY-MM-DDTHH:MM:SS with Z or an offset such as +02:00")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name; an unknown name raises NotADate.

    What lies beside them in a machine's folder (its own zone, variants with leap seconds) would judge differently on
    another machine.
    """
    try:
        if name in ("localtime", "posixrules", "Factory") or name.startswith(("posix/", "right/")):
            raise KeyError(name)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise NotADate("a time zone is named as in the IANA database, for example Europe/Paris") from None


def civil_date(instant: datetime, time_zone: ZoneInfo) -> date:
    """The date that a calendar on the wall of `time_zone` shows at `instant` (which carries an offset)."""
    try:
        return instant.astimezone(time_zone).date()
    except OverflowError:
        raise NotADate("the instant lies outside the calendar") from None


def add_months(day: date, months: int) -> date:
    """`day` plus whole months in one step: the same-numbered day, or that month's last one where it has none.

    Code de procédure civile 641, Dodds v Walker [1981], New York GCL 30. Beyond the calendar's end (9999-12-31) the
    answer is that day.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > 9999:
        return date.max
    number = day.day
    if number > 28:
        number = min(number, days_in_month(year, month + 1))
    return date(year, month + 1, number)


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def add_days(day: date, days: int) -> date:
    """`day` plus `days`, which may be negative; beyond either end of the calendar the answer is its end."""
    ordinal = day.toordinal() + days
    if ordinal > _LAST_ORDINAL:
        return date.max
    return date.fromordinal(ordinal) if ordinal > 0 else date.min


def days_from(first: date, last: date) -> int:
    """How many days a span has, both ends counted: 1 for a single day, zero or less where it ends before it begins."""
    return last.toordinal() - first.toordinal() + 1


def is_monday(day: date) -> bool:
    """Whether a Monday-to-Sunday week begins on `day`."""
    return day.toordinal() % 7 == 1


def monday_of(day: date) -> date:
    """The Monday of the Monday-to-Sunday week that `day` lies in."""
    ordinal = day.toordinal()
    return date.fromordinal(ordinal - (ordinal - 1) % 7)


def whole_weeks(after: date, until: date) -> range:
    """The Mondays, as ordinals, of the Monday-to-Sunday weeks that begin after one day and end on or before another."""
    start = after.toordinal() + 1
    return range(start + (1 - start) % 7, until.toordinal() - 5, 7)


def next_working_day(day: date, holidays: Container[date]) -> date:
    """`day` itself, or the next one that is neither Saturday, Sunday nor in `holidays` (CPC 642; NY GCL 25-a)."""
    while (day.weekday() >= 5 or day in holidays) and day != date.max:
        day = date.fromordinal(day.toordinal() + 1)
    return day


def span(first: date, last: date | None) -> str:
    """Days from the first to the last, as ISO 8601 writes them; `..` where nobody knows the last."""
    return f"{first.isoformat()}/{last.isoformat() if last else '..'}"


def day_in_words(day: date, language: str) -> str:
    """A day as people write it in English or French: `10 December 2026`, `1er mai 2028`."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {_MONTHS[language][day.month - 1]} {day.year}"


_MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre"),
}  # fmt: skip

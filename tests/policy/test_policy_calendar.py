"""The civil calendar: months, weeks, zones and holidays."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.calendar import (
    NotADate,
    add_days,
    add_months,
    civil_date,
    days_from,
    days_in_month,
    is_monday,
    monday_of,
    next_working_day,
    parse_day,
    parse_instant,
    whole_weeks,
    zone,
)

from . import slow_rules
from .builders import ROOT

HOLIDAYS = tomllib.loads((ROOT / "programmes" / "holidays.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2019-08-31", 6, "2020-02-29"),
        ("2020-08-31", 6, "2021-02-28"),
        ("2020-02-29", 6, "2020-08-29"),
        ("2020-02-29", 12, "2021-02-28"),
        ("1899-08-31", 6, "1900-02-28"),
        ("1999-08-31", 6, "2000-02-29"),
        ("9999-01-15", 3, "9999-04-15"),
        ("2020-12-31", 2, "2021-02-28"),
        ("2020-09-30", 4, "2021-01-30"),  # Dodds v Walker: 30 September and four months are 30 January
        ("2020-01-15", 0, "2020-01-15"),
        ("9999-08-31", 4, "9999-12-31"),
        ("9999-08-31", 5, "9999-12-31"),  # the calendar's end
    ],
)
def test_months_end_on_the_same_number_or_the_months_last_day(start: str, months: int, end: str) -> None:
    assert add_months(date.fromisoformat(start), months) == date.fromisoformat(end)


@given(st.dates(date(1600, 1, 1), date(2400, 1, 1)), st.integers(0, 400))
def test_months_are_those_of_the_slow_rules(start: date, months: int) -> None:
    assert add_months(start, months) == slow_rules.months_later(start, months)


@given(st.dates())
def test_a_month_has_as_many_days_as_the_calendar_says(day: date) -> None:
    first_of_next = (day.replace(day=28) + timedelta(days=4)).replace(day=1) if day < date(9999, 12, 1) else None
    last = date.max if first_of_next is None else first_of_next - timedelta(days=1)

    assert days_in_month(day.year, day.month) == last.day


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.integers(0, 400))
def test_whole_weeks_begin_after_one_day_and_end_by_another(after: date, length: int) -> None:
    until = after + timedelta(days=length)

    mondays = {date.fromordinal(ordinal) for ordinal in whole_weeks(after, until)}

    between = (after + timedelta(days=n) for n in range(1, length + 1))
    assert mondays == {day for day in between if day.weekday() == 0 and day + timedelta(days=6) <= until}


@given(st.dates())
def test_a_week_begins_on_monday(day: date) -> None:
    assert is_monday(day) == (day.weekday() == 0)
    assert is_monday(monday_of(day))
    assert 0 <= (day - monday_of(day)).days <= 6


def test_a_deadline_moves_past_weekends_and_holidays_only() -> None:
    friday = date(2020, 9, 11)

    assert next_working_day(friday, ()) == friday
    assert next_working_day(date(2020, 9, 12), ()) == date(2020, 9, 14)
    assert next_working_day(friday, {friday, date(2020, 9, 14)}) == date(2020, 9, 15)
    assert next_working_day(date.max, {date.max}) == date.max


def test_spans_count_both_ends() -> None:
    assert days_from(date(2020, 5, 18), date(2020, 5, 24)) == 7
    assert add_days(date(2020, 7, 15), 60) == date(2020, 9, 13)
    assert add_days(date.max, 1) == date.max
    assert add_days(date.min, -1) == date.min


@pytest.mark.parametrize(
    ("instant", "time_zone", "day"),
    [
        ("2020-07-16T03:59:00Z", "America/New_York", "2020-07-15"),
        ("2020-07-16T04:00:00Z", "America/New_York", "2020-07-16"),
        ("2020-03-29T21:45:00Z", "Europe/Paris", "2020-03-29"),  # a day of 23 hours, over at 22:00Z
        ("2020-03-29T22:00:00Z", "Europe/Paris", "2020-03-30"),
        ("2020-10-25T22:59:59.999999Z", "Europe/Paris", "2020-10-25"),  # a day of 25 hours, over at 23:00Z
        ("2020-10-25T23:00:00Z", "Europe/Paris", "2020-10-26"),
        ("2020-01-01T00:00+14:00", "Pacific/Pago_Pago", "2019-12-30"),
    ],
)
def test_an_instant_is_the_day_on_the_wall_of_its_zone(instant: str, time_zone: str, day: str) -> None:
    assert civil_date(parse_instant(instant), zone(time_zone)) == date.fromisoformat(day)


@pytest.mark.parametrize("text", ["2020-1-1", "2020-02-30", "20200101", "2020-W01-1", "", "2020-01-01T00:00:00Z"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(NotADate):
        parse_day(text)


@pytest.mark.parametrize(
    "text",
    ["2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00z", "2020-01-01T00:00:00+0100", "2020-02-30T00:00Z"],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(NotADate):
        parse_instant(text)


@pytest.mark.parametrize("country", ["FR", "GB", "US"])
def test_holidays_are_listed_year_by_year_for_two_years_after_the_last_intake(country: str) -> None:
    years = HOLIDAYS[country]
    programme = tomllib.loads((ROOT / "programmes" / "ai-diploma.toml").read_text(encoding="utf-8"))
    last = max(intake["starts_on"].year for intake in programme["intakes"])

    assert list(years) == [str(year) for year in range(2019, int(max(years)) + 1)]
    assert int(max(years)) >= last + 2, "a contract of the last intake may have deadlines in a year without holidays"
    for year, listed in years.items():
        assert listed == sorted(set(listed))
        assert all(day.year == int(year) for day in listed)
        assert 8 <= len(listed) <= 12


@pytest.mark.parametrize(
    ("country", "day"),
    [
        ("GB", "2020-08-31"),
        ("GB", "2020-05-08"),
        ("GB", "2022-09-19"),
        ("GB", "2027-12-28"),
        ("FR", "2020-05-21"),
        ("FR", "2027-05-17"),
        ("US", "2021-06-18"),
        ("US", "2021-12-31"),
        ("US", "2027-11-25"),
    ],
)
def test_a_known_holiday_is_listed(country: str, day: str) -> None:
    assert date.fromisoformat(day) in HOLIDAYS[country][day[:4]]


def test_holidays_in_britain_and_america_stand_on_working_days() -> None:
    for country in ("GB", "US"):
        assert all(day.weekday() < 5 for listed in HOLIDAYS[country].values() for day in listed)


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "posix/Europe/Paris", "right/Europe/Paris"])
def test_what_only_one_machine_calls_a_zone_is_none(name: str) -> None:
    with pytest.raises(NotADate):
        zone(name)

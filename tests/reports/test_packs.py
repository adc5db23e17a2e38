"""The auditor's pack as a stranger reads it: its recipe, its tables and the program's command, and nothing of ours."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import statistics
import zipfile
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from shared.policy.__main__ import decode_facts
from shared.policy.outcomes import outcomes as printed_by_command
from shared.policy.outcomes import parse_roster
from shared.policy.yardsticks import YARDSTICKS, Yardstick
from shared.presentation import exports
from shared.reports import packs
from shared.reports.outcomes import outcomes
from shared.reports.sums import Sum, add, key

BEGAN = date(2026, 6, 1)
DAYS = (date(2026, 12, 1), date(2027, 6, 1), date(2027, 12, 20), date(2028, 9, 15))
"""On the first few have graduated, on the last everybody has been measured by every yardstick."""


def a_job(rng: random.Random) -> dict[str, Any]:
    day = rng.choice((-5, 0, 20, 90, 91, 179, 180, 181, 300, 440))
    starts = rng.choice((None, day, day + 40))
    paid = rng.random() < 0.7
    return {
        "day": day, "status": rng.choice(("1A", "1A", "1B", "1C", "1D", "1E", "2A", "2B")),
        "contract": rng.choice(("permanent", "apprenticeship")), "full_time": rng.choice((True, False, None)),
        "starts": starts, "ended": rng.choice((None, None, day + 60)),
        "base": str(rng.randrange(20_000, 60_000, 500)) if paid else None,
        "currency": rng.choice(("EUR", "GBP")) if paid else None,
    }  # fmt: skip


def a_person(rng: random.Random, number: int) -> dict[str, Any]:
    """What a contribution proves of somebody."""
    fate = rng.choice(("graduate",) * 6 + ("left", "on course", "exempt"))
    is_graduate = fate == "graduate"
    row = {
        "qualified_on": (BEGAN + timedelta(days=rng.randrange(420))).isoformat() if is_graduate else None,
        "on_time": is_graduate and rng.random() < 0.8,
        "intent": rng.choice(("job", "job", "job", "job", "stay", "study")), "authorised": rng.random() < 0.9,
        "student": rng.random() < 0.2, "final": rng.choice(("3A", "3B", "4")), "country": "FR",
        "jobs": [a_job(rng) for _ in range(rng.choice((0, 1, 1, 2, 3)))] if is_graduate else [],
    }  # fmt: skip
    exempt = "f" * 64 if fate == "exempt" else None
    return {"person": f"p{number:016x}", "row": row, "chain": "c" * 64, "jobs": [], "exempt": exempt,
            "on_course": fate == "on course"}  # fmt: skip


def summed(people: Iterable[dict[str, Any]]) -> Sum:
    """What the same people come to in the summary."""
    sums: Sum = {}
    for each in people:
        add(sums, {"exempt" if each["exempt"] else "enrolled": 1, "on_course": int(each["on_course"])})
        if each["row"]["qualified_on"]:
            add(sums, {"roster": {key(each["row"]): 1}})
    return sums


def packed(people: list[dict[str, Any]], definition: Yardstick, on: date) -> dict[str, bytes]:
    """The files of the pack of these people."""
    report = outcomes({"intake": "p.i", "as_of": "2028-10-01", "sums": summed(people)}, definition, on)
    tables = dict(zip(("people", "jobs", "proofs"), packs.tables(people, on), strict=True))
    definitions = [each.as_json() for each in YARDSTICKS]
    pieces = exports.pack(report, definitions, **tables, rosters=packs.rosters(people, on))
    opened = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    return {name: opened.read(name) for name in opened.namelist()}


def test_no_name_of_a_person_is_a_number_to_a_spreadsheet() -> None:
    names = [packs.pseudonym(b"k" * 32, str(number)) for number in range(4000)]

    assert not [name for name in names if re.fullmatch(r"[\d.,]+(e\d+)?", name, re.IGNORECASE)]
    assert len(set(names)) == len(names)


Row = dict[str, str]


def rows(files: dict[str, bytes], name: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(files[name].decode("utf-8-sig"), newline="")))


def holds(row: Row, condition: str) -> bool:
    """One condition of the recipe about one line."""
    if condition.endswith((" is filled", " is empty")):
        return bool(row[condition.split()[0]]) == condition.endswith("filled")
    column, _, values = condition.partition(" = ")
    return row[column] in values.split(" or ")


def count(people: list[Row], conditions: str) -> int:
    return sum(all(holds(row, each) for each in conditions.split(", ")) for row in people)


def by_recipe(files: dict[str, bytes]) -> dict[str, dict[str, tuple[int, int]]]:
    """Definition -> figure -> count and whole, by the sentences of recipe.txt over the lines of people.csv."""
    people, found = rows(files, "people.csv"), dict[str, dict[str, tuple[int, int]]]()
    line = r"^  (\w+@\w+), (\w+): the lines with (.+); of the lines with (.+)$"
    for definition, figure, counted, whole in re.findall(line, files["recipe.txt"].decode(), re.MULTILINE):
        found.setdefault(definition, {})[figure] = count(people, counted), count(people, whole)
    return found


def drawn(seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [a_person(rng, number) for number in range(80)]


@pytest.mark.parametrize("on", DAYS, ids=str)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_figure_of_every_yardstick_comes_out_of_its_recipe(seed: int, on: date) -> None:
    for definition in YARDSTICKS:
        files = packed(drawn(seed), definition, on)
        told = json.loads(files["report.json"])["figures"]
        people = rows(files, "people.csv")

        found = by_recipe(files)[f"{definition.id}@{definition.version}"]

        waits = any(row["on_course"] == "yes" or (row["graduated_on"] and not row["status_180"]) for row in people)
        assert set(found) == set(told)
        for figure, share in told.items():
            if figure == "in_field_of_enrolled" and waits:
                assert share is None
            else:
                assert found[figure] == (share["count"], share["of"]), (definition.id, definition.version, figure)


def test_the_recipe_has_every_figure_of_every_yardstick_and_the_people_drawn_make_all_of_them_count() -> None:
    files = packed([each for each in drawn(1) if not each["on_course"]], YARDSTICKS[0], DAYS[-1])

    found = by_recipe(files)

    assert sum(len(each) for each in found.values()) == 21
    assert list(found) == [f"{each.id}@{each.version}" for each in YARDSTICKS]
    assert all(counted for figures in found.values() for counted, _ in figures.values())
    assert json.loads(files["report.json"])["figures"]["in_field_of_enrolled"] is not None


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_the_programs_own_command_prints_what_the_report_says_from_the_packs_roster(on: date) -> None:
    files = packed(drawn(4), YARDSTICKS[0], on)
    report = json.loads(files["report.json"])

    everybody, *days = [
        printed_by_command(parse_roster(decode_facts(line))) for line in files["roster.jsonl"].decode().splitlines()
    ]

    def shares(told: Any) -> Any:
        return {name: share and {"count": share["count"], "of": share["of"]} for name, share in told.items()}

    assert everybody["graduation"] == shares(report["graduation"])
    for (day, told), printed in zip(report["days"].items(), days, strict=True):
        rates: Any = printed["rates"]
        assert printed["snapshots"] == {day: told["snapshot"]}
        assert printed["median_base"] == {day: told["median_base"]}
        assert {name: share for name, share in rates[day].items() if told["rates"][name]} == {
            name: share for name, share in shares(told["rates"]).items() if share
        }


@pytest.mark.parametrize(("wanted", "suffix"), [("cirr", "180"), ("uk", "census")])
@pytest.mark.parametrize("on", DAYS, ids=str)
def test_medians_and_salaries_come_out_of_the_columns_that_the_recipe_names(wanted: str, suffix: str, on: date) -> None:
    definition = next(each for each in YARDSTICKS if each.id == wanted)
    files = packed(drawn(5), definition, on)
    report, people = json.loads(files["report.json"]), rows(files, "people.csv")

    def bases(currency: str, statuses: str) -> list[Decimal]:
        return sorted(
            Decimal(row[f"base_{suffix}"]) for row in people
            if row[f"currency_{suffix}"] == currency and row[f"status_{suffix}"] in statuses.split()
        )  # fmt: skip

    for currency in ("EUR", "GBP"):
        told = report["median_base"].get(currency, {})
        for group, statuses in (("1A-1C", "1A 1B 1C"), ("1A-1E", "1A 1B 1C 1D 1E")):
            found = bases(currency, statuses)
            median = {"median": f"{statistics.median(found):f}", "n": len(found)} if found else None
            assert told.get(group) == median
        assert report["salaries"].get(currency, []) == [str(each) for each in bases(currency, "1A 1B 1C 1D 1E")]


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_the_curve_comes_out_of_the_recipe(on: date) -> None:
    files = packed(drawn(6), YARDSTICKS[0], on)
    jobs = rows(files, "jobs.csv")
    searched = []
    for row in rows(files, "people.csv"):
        if row["excluded"] == "no":
            watched = (on - date.fromisoformat(row["graduated_on"])).days
            own = [job for job in jobs if job["person"] == row["person"] and job["status"][0] == "1"]
            days = [max(0, int(job["day"])) for job in own]
            searched.append((min([watched, *days]), min([watched + 1, *days]) <= watched))

    searching, found = Fraction(1), []
    for day in sorted({day for day, is_placed in searched if is_placed}):
        at_risk = sum(each >= day for each, _ in searched)
        placed = searched.count((day, True))
        searching *= 1 - Fraction(placed, at_risk)
        found.append((day, at_risk, placed, round(searching * 1000)))

    told = json.loads(files["report.json"])["curve"]
    assert len(searched) == told["graduates"]
    assert [(p["day"], p["at_risk"], p["placed"]) for p in told["points"]] == [each[:3] for each in found]
    assert all(abs(p["searching"] - each[3]) <= 1 for p, each in zip(told["points"], found, strict=True))


def census_of(graduated_on: date) -> date:
    """The recipe's sentence about census_on, a day at a time."""
    month = graduated_on.replace(day=1)
    while month.month not in (10, 1, 4, 7):
        month = (month + timedelta(days=31)).replace(day=1)
    for _ in range(14):
        month = (month + timedelta(days=31)).replace(day=1)
    return next(day for n in range(7) if (day := month + timedelta(days=n)).weekday() == 0)


def doing(row: Row, jobs: list[Row], day: int) -> str:
    """The recipe's sentence about activity."""
    held = [
        job
        for job in jobs
        if int(job["starts"] or job["day"]) <= day and (not job["ended"] or int(job["ended"]) >= day)
    ]
    if held:
        told = {job["full_time"] for job in held}
        found = "full_time_work" if "yes" in told else "unknown_pattern" if "" in told else "part_time_work"
        return "work_and_study" if row["student"] == "yes" else found
    is_due = any(int(job["day"]) <= day and job["starts"] and int(job["starts"]) > day for job in jobs)
    ladder = ((row["student"] == "yes", "study"), (is_due, "due_to_start"), (row["answered"] == "no", "no_answer"))
    otherwise = "other" if row["final"] == "3B" else "unemployed"
    return next((activity for is_true, activity in ladder if is_true), otherwise)


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_every_column_that_a_figure_counts_follows_from_jobs_csv_as_the_recipe_says(seed: int) -> None:
    files = packed(drawn(seed), YARDSTICKS[0], DAYS[-1])
    jobs = rows(files, "jobs.csv")

    for row in rows(files, "people.csv"):
        own = [job for job in jobs if job["person"] == row["person"]]
        by_180 = [job for job in own if int(job["day"]) <= 180]
        if row["graduated_on"]:
            graduated_on = date.fromisoformat(row["graduated_on"])
            census = census_of(graduated_on)
            is_excluded = row["intent"] != "job" or row["authorised"] == "no"
            best = min((job["status"] for job in by_180), default=row["final"])
            assert row["excluded"] == _yes(is_excluded)
            assert row["status_180"] == ("excluded" if is_excluded else best)
            assert row["answered"] == _yes(bool(own) or row["final"] != "4")
            assert row["any_job_180"] == _yes(bool(by_180) or row["intent"] == "stay")
            assert row["field_job_180"] == _yes(any(job["status"][0] == "1" for job in by_180))
            assert row["work_study"] == _yes({job["contract"] for job in by_180} == {"apprenticeship"})
            assert row["census_on"] == census.isoformat()
            assert row["activity"] == doing(row, own, (census - graduated_on).days)


def _yes(said: bool) -> str:
    return "yes" if said else "no"

"""Outcomes: the worked example to the last digit, and what no order or duplicate of reports may change."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy.outcomes import Roster, outcomes, parse_roster
from shared.policy.reading import InvalidFacts
from shared.policy.yardsticks import figures, yardstick
from tests.policy import slow_outcomes


def placed(day: int, status: str, base: str | None = None, currency: str | None = "USD") -> dict[str, Any]:
    return {"day": day, "status": status, "base": base, "currency": None if base is None else currency}


LATE = {"G05", "G12", "G16", "G19"}
PLACEMENTS = {
    "G01": [placed(12, "1A", "92000")],
    "G02": [placed(30, "1A", "88000")],
    "G03": [placed(45, "1A", "105000")],
    "G04": [placed(60, "1A", "48000", "EUR")],
    "G05": [placed(88, "1A", "52000", "EUR")],
    "G06": [placed(90, "1A", "79000")],
    "G07": [placed(40, "1E", "24000"), placed(150, "1A", "85000")],
    "G08": [placed(120, "1A", "99000")],
    "G09": [placed(180, "1A", "95000")],
    "G10": [placed(181, "1A", "110000")],
    "G11": [placed(70, "1B", "70000")],
    "G12": [placed(160, "1B", "39000", "EUR")],
    "G13": [placed(20, "1C", "65000")],
    "G14": [placed(100, "1D")],
    "G15": [placed(80, "1E", "30000")],
    "G16": [placed(175, "1E")],
    "G17": [placed(25, "2B", "31000")],
    "G18": [placed(140, "2B", "22000", "EUR")],
    "G22": [placed(50, "1A", "101000")],
}
FINALS = {"G19": "3A", "G20": "3B", "G21": "4"}
INTENTS = {"G22": "enrich", "G23": "stay"}
EXAMPLE: dict[str, Any] = {
    "enrolled": 30,
    "days": [90, 180],
    "graduates": [
        {
            "id": each,
            "on_time": each not in LATE,
            "intent": INTENTS.get(each, "job"),
            "authorised": each != "G24",
            "placements": PLACEMENTS.get(each, []),
            "final": FINALS.get(each),
        }
        for each in (f"G{number:02d}" for number in range(1, 25))
    ],
}


def answer(roster: dict[str, Any]) -> dict[str, Any]:
    return outcomes(parse_roster(roster))


def test_the_worked_example_comes_out_to_the_last_digit() -> None:
    found = answer(EXAMPLE)

    statuses = ("1A", "1B", "1C", "1D", "1E", "2A", "2B", "3A", "3B", "4", "excluded")
    assert found["snapshots"] == {
        "90": dict(zip(statuses, (6, 1, 1, 0, 2, 0, 1, 8, 1, 1, 3), strict=True)),
        "180": dict(zip(statuses, (9, 2, 1, 1, 2, 0, 2, 2, 1, 1, 3), strict=True)),
    }
    assert found["rates"]["90"] == {
        "in_field": {"count": 10, "of": 21},
        "in_field_without_school_hires": {"count": 9, "of": 21},
        "full_time": {"count": 7, "of": 21},
        "in_field_of_enrolled": {"count": 10, "of": 30},
    }
    assert found["rates"]["180"] == {
        "in_field": {"count": 15, "of": 21},
        "in_field_without_school_hires": {"count": 14, "of": 21},
        "full_time": {"count": 11, "of": 21},
        "in_field_of_enrolled": {"count": 15, "of": 30},
    }
    assert found["graduation"] == {
        "on_time": {"count": 20, "of": 30},
        "late": {"count": 4, "of": 30},
        "all": {"count": 24, "of": 30},
    }
    assert found["median_base"]["180"] == {
        "EUR": {"1A-1C": {"median": "48000", "n": 3}, "1A-1E": {"median": "48000", "n": 3}},
        "USD": {"1A-1C": {"median": "88000", "n": 9}, "1A-1E": {"median": "86500", "n": 10}},
    }


def _roster(*placements: dict[str, Any], **said: Any) -> dict[str, Any]:
    graduate = {"id": "g", "on_time": True, "placements": list(placements), **said}
    return {"enrolled": 1, "days": [180], "graduates": [graduate]}


def _status(roster: dict[str, Any]) -> str:
    return next(status for status, count in answer(roster)["snapshots"]["180"].items() if count)


@pytest.mark.parametrize(
    ("roster", "status"),
    [
        (_roster(placed(180, "1A")), "1A"),
        (_roster(placed(181, "1A")), "3A"),
        (_roster(placed(181, "1A"), final="3B"), "3B"),
        (_roster(placed(20, "2B"), final="4"), "2B"),
        (_roster(placed(20, "2A"), placed(30, "1E"), placed(40, "2B")), "1E"),
        (_roster(placed(20, "1A"), intent="study"), "excluded"),
        (_roster(placed(20, "1A"), authorised=False), "excluded"),
        (_roster(final="3A"), "3A"),
        (_roster(), "3A"),
        (_roster(placed(0, "1C")), "1C"),
    ],
)
def test_a_graduate_has_the_best_status_accepted_in_time(roster: dict[str, Any], status: str) -> None:
    assert _status(roster) == status


@pytest.mark.parametrize(
    ("placements", "medians"),
    [
        ([placed(10, "1A", "100"), placed(20, "1A", "200")], {"USD": "200"}),  # the latest with that status
        ([placed(10, "1A", "100"), placed(20, "1B", "200")], {"USD": "100"}),  # a later, lesser one plays no part
        ([placed(10, "1A", "100"), placed(200, "1A", "300")], {"USD": "100"}),  # nor one after the day
        ([placed(10, "1A", "100"), placed(20, "1A")], {}),  # the latest has no salary
        ([placed(10, "1A", "100.50")], {"USD": "100.50"}),
        ([placed(10, "2B", "100")], {}),
    ],
)
def test_the_salary_of_the_latest_placement_with_the_status_counts(
    placements: list[dict[str, Any]], medians: dict[str, str]
) -> None:
    found = answer(_roster(*placements))["median_base"]["180"]

    assert {currency: groups["1A-1C"]["median"] for currency, groups in found.items()} == medians


def test_the_median_of_an_even_number_is_exact() -> None:
    roster = {
        "enrolled": 2,
        "graduates": [
            {"id": each, "on_time": True, "placements": [placed(1, "1A", base)]}
            for each, base in (("a", "85000"), ("b", "88001"))
        ],
    }

    assert answer(roster)["median_base"]["90"]["USD"]["1A-1C"] == {"median": "86500.5", "n": 2}


def test_a_median_is_written_in_one_way_whatever_the_order_of_salaries_that_are_equal() -> None:
    def told(*bases: str) -> Any:
        people = [{"id": base, "on_time": True, "placements": [placed(1, "1A", base)]} for base in bases]
        return answer({"enrolled": 3, "graduates": people})["median_base"]["90"]

    assert told("300.50", "1", "300.5") == told("1", "300.5", "300.50")
    twice = [placed(1, "1A", "300.5"), placed(1, "1A", "300.50")]
    assert answer(_roster(*twice)) == answer(_roster(*reversed(twice)))


SALARIES = st.one_of(
    st.tuples(st.sampled_from(["100", "200", "300.5", "300.50", "0.01", "999999999999999.99"]),
              st.sampled_from(["USD", "EUR"])),
    st.tuples(st.sampled_from(["100", "300", "301"]), st.just("JPY")),
    st.tuples(st.sampled_from(["300.505", "100"]), st.just("KWD")),
)  # fmt: skip
placements = st.builds(
    lambda day, status, pay: placed(day, status, *(pay or ())),
    st.sampled_from([-3, 0, 30, 89, 90, 91, 179, 180, 181]),
    st.sampled_from(["1A", "1B", "1C", "1D", "1E", "2A", "2B"]),
    st.none() | SALARIES,
)
graduates = st.fixed_dictionaries(
    {"on_time": st.booleans()},
    optional={
        "intent": st.sampled_from([None, "job", "job", "job", "stay", "enrich", "study"]),
        "authorised": st.sampled_from([None, True, True, False]),
        "placements": st.none() | st.lists(placements, max_size=4),
        "final": st.sampled_from([None, "3A", "3B", "4"]),
    },
)
rosters = st.builds(
    lambda drawn, left, days: {
        "enrolled": len(drawn) + left,
        "graduates": [{"id": str(n), **each} for n, each in enumerate(drawn)],
        **days,
    },
    st.lists(graduates, max_size=9),
    st.integers(0, 5),
    st.sampled_from([{}, {"days": [0, 30, 180]}, {"days": [90]}]),
)


@settings(max_examples=500, deadline=None)
@given(rosters)
def test_outcomes_are_those_of_the_slow_reading(roster: dict[str, Any]) -> None:
    found = answer(roster)

    expected = slow_outcomes.outcomes(roster)
    medians = found.pop("median_base")
    assert found | {"median_base": _as_fractions(medians)} == expected


def _as_fractions(medians: dict[str, Any]) -> dict[str, Any]:
    return {
        day: {
            currency: {group: {**each, "median": Fraction(each["median"])} for group, each in groups.items()}
            for currency, groups in currencies.items()
        }
        for day, currencies in medians.items()
    }


@settings(max_examples=300, deadline=None)
@given(rosters, st.data(), st.sampled_from([0, 90, 180]))
def test_other_yardsticks_are_those_of_the_slow_reading(roster: dict[str, Any], data: st.DataObject, day: int) -> None:
    people = list(parse_roster(roster).graduates)
    told = [{"placements": [], **each, "student": data.draw(st.booleans())} for each in roster["graduates"]]
    for number, each in enumerate(told):
        jobs = [
            {**job, "contract": data.draw(st.sampled_from(["permanent", "apprenticeship"]))}
            for job in each["placements"] or []
        ]
        told[number]["placements"] = jobs
        people[number] = people[number]._replace(
            is_student=each["student"],
            placements=tuple(
                job._replace(contract=said["contract"])
                for job, said in zip(people[number].placements, jobs, strict=True)
            ),
        )

    for name, expected in slow_outcomes.other_yardsticks(told, day).items():
        definition = yardstick(name)
        assert definition is not None
        everybody = Roster(roster["enrolled"], (day,), tuple(people))
        assert figures(replace(definition, day=day), everybody, everybody) == {
            figure: {"count": share[0], "of": share[1], "percent": slow_outcomes.percent(share)}
            for figure, share in expected.items()
        }, name


@settings(max_examples=100, deadline=None)
@given(rosters, st.randoms(use_true_random=False))
def test_order_and_duplicates_of_reports_never_change_an_outcome(roster: dict[str, Any], rng: random.Random) -> None:
    again = [
        {**each, "placements": rng.sample(both := (each.get("placements") or []) * 2, len(both))}
        for each in roster["graduates"]
    ]

    assert answer({**roster, "graduates": rng.sample(again, len(again))}) == answer(roster)


@settings(max_examples=100, deadline=None)
@given(rosters)
def test_statuses_add_up_to_all_graduates_and_rates_stay_within_their_whole(roster: dict[str, Any]) -> None:
    found = answer(roster)

    for day in found["snapshots"]:
        assert sum(found["snapshots"][day].values()) == len(roster["graduates"])
        for name, share in found["rates"][day].items():
            assert 0 <= share["count"] <= share["of"], name


REFUSED: list[tuple[Any, str, str]] = [
    ([], "", "type"),
    ({"graduates": []}, "/enrolled", "missing"),
    ({"enrolled": 1}, "/graduates", "missing"),
    ({"enrolled": "1", "graduates": []}, "/enrolled", "type"),
    ({"enrolled": 1, "graduates": [], "school": "x"}, "/school", "unknown_key"),
    ({"enrolled": 1, "graduates": [], "days": [-1]}, "/days/0", "value"),
    (_roster(name="x"), "/graduates/0/name", "unknown_key"),
    (_roster(on_time=None), "/graduates/0/on_time", "missing"),
    (_roster(intent="travel"), "/graduates/0/intent", "value"),
    (_roster(final="2A"), "/graduates/0/final", "value"),
    (_roster(authorised="yes"), "/graduates/0/authorised", "type"),
    (_roster({"day": 1, "status": "3A"}), "/graduates/0/placements/0/status", "value"),
    (_roster({"day": 1.5, "status": "1A"}), "/graduates/0/placements/0/day", "type"),
    (_roster({"status": "1A"}), "/graduates/0/placements/0/day", "missing"),
    (_roster({"day": 1, "status": "1A", "bonus": "1"}), "/graduates/0/placements/0/bonus", "unknown_key"),
    (_roster({"day": 1, "status": "1A", "base": "1"}), "/graduates/0/placements/0/currency", "missing"),
    (_roster(placed(1, "1A", "1", "usd")), "/graduates/0/placements/0/currency", "value"),
    (_roster(placed(1, "1A", "1.234")), "/graduates/0/placements/0/base", "value"),
    ({"enrolled": 2, "graduates": EXAMPLE["graduates"][:1] * 2}, "/graduates/1/id", "conflict"),
    ({"enrolled": 0, "graduates": EXAMPLE["graduates"][:1]}, "/enrolled", "conflict"),
]


@pytest.mark.parametrize(("wrong", "pointer", "code"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_roster_with_a_fault_is_refused(wrong: Any, pointer: str, code: str) -> None:
    with pytest.raises(InvalidFacts) as refused:
        parse_roster(wrong)

    assert (refused.value.pointer, refused.value.code) == (pointer, code)

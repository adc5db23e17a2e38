"""The same 24 people under every yardstick, to the last digit; what a reported job counts as; the survey's last day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.policy.employment import Job, final_of, frozen_intent, placement_of, status_of
from shared.policy.outcomes import Graduate, Placement, Roster, Share, parse_roster
from shared.policy.yardsticks import YARDSTICKS, activity, census_week, figures, yardstick
from tests.policy.test_policy_outcomes import EXAMPLE

QUALIFIED = date(2027, 10, 4)


def example() -> Roster:
    """The roster of the page, with what it says in words: G12 is an apprentice, G20 went on to a PhD."""
    roster = parse_roster(EXAMPLE)
    people = [
        each._replace(
            is_student=each.id == "G20",
            placements=tuple(
                job._replace(contract="apprenticeship" if each.id == "G12" else "permanent") for job in each.placements
            ),
        )
        for each in roster.graduates
    ]
    return roster._replace(graduates=tuple(people))


@pytest.mark.parametrize(
    ("wanted", "name", "share", "percent"),
    [
        ("cirr", "in_field", Share(15, 21), "71.4"),
        ("cirr", "in_field_without_school_hires", Share(14, 21), "66.7"),
        ("cirr", "full_time", Share(11, 21), "52.4"),
        ("cirr", "in_field_of_enrolled", Share(15, 30), "50.0"),
        ("cirr", "graduated_on_time", Share(20, 30), "66.7"),
        ("cirr", "graduated_late", Share(4, 30), "13.3"),
        ("cirr", "graduated_all", Share(24, 30), "80.0"),
        ("cirr@2016", "in_field", Share(16, 24), "66.7"),
        ("california", "in_field", Share(13, 18), "72.2"),
        ("france", "target_job", Share(15, 20), "75.0"),
        ("france", "any_job", Share(18, 20), "90.0"),
        ("naive", "any_job", Share(19, 23), "82.6"),
    ],
)
def test_the_same_people_under_each_yardstick(wanted: str, name: str, share: Share, percent: str) -> None:
    definition = yardstick(wanted)
    assert definition is not None

    found = figures(definition, example(), example())

    assert found[name] == {"count": share.count, "of": share.of, "percent": percent}


@pytest.mark.parametrize(
    ("count", "of", "percent"), [(1, 8, "12.5"), (1, 2000, "0.1"), (1, 2001, "0.0"), (3, 3, "100.0"), (0, 0, None)]
)
def test_a_share_is_rounded_half_up_and_once(count: int, of: int, percent: str | None) -> None:
    assert Share(count, of).percent == percent


def test_every_definition_has_a_name_and_version_of_its_own_and_the_newest_stands_first() -> None:
    names = [(each.id, each.version) for each in YARDSTICKS]

    assert len(set(names)) == len(names)
    for each in YARDSTICKS:
        assert yardstick(f"{each.id}@{each.version}") is each
        newest = yardstick(each.id)
        assert newest is not None
        assert newest.version >= each.version
    assert yardstick("ours") is None


@pytest.mark.parametrize(
    ("completed_on", "week"),
    [
        (date(2027, 8, 1), date(2028, 12, 4)),
        (date(2027, 10, 31), date(2028, 12, 4)),
        (date(2027, 11, 1), date(2029, 3, 5)),
        (date(2028, 1, 31), date(2029, 3, 5)),
        (date(2028, 2, 29), date(2029, 6, 4)),
        (date(2028, 7, 31), date(2029, 9, 3)),
    ],
)
def test_four_cohorts_have_four_census_weeks(completed_on: date, week: date) -> None:
    assert census_week(completed_on) == week


def graduate(*placements: Placement, **said: Any) -> Graduate:
    told = {"id": "g", "on_time": True, "intent": "job", "is_authorised": True, "final": "3A"} | said
    return Graduate(placements=placements, **told)


WORK = Placement(10, "1A", None, "permanent", True, 24, None)


@pytest.mark.parametrize(
    ("person", "doing"),
    [
        (graduate(WORK), "full_time_work"),
        (graduate(WORK._replace(is_full_time=False)), "part_time_work"),
        (graduate(WORK._replace(is_full_time=None)), "unknown_pattern"),
        (graduate(WORK, is_student=True), "work_and_study"),
        (graduate(WORK._replace(ended=455)), "unemployed"),
        (graduate(WORK._replace(ended=456)), "full_time_work"),
        (graduate(WORK._replace(day=450, starts=457)), "due_to_start"),
        (graduate(is_student=True), "study"),
        (graduate(final="4"), "no_answer"),
        (graduate(final="3B"), "other"),
        (graduate(), "unemployed"),
    ],
)
def test_everybody_does_one_thing_in_the_census_week(person: Graduate, doing: str) -> None:
    assert activity(person, 456) == doing


def job(**said: Any) -> Job:
    told: dict[str, Any] = {
        "is_vouched": True, "is_retracted": False, "contract": "permanent", "field": "in", "employer": "external",
        "hours": 35, "reported_on": date(2027, 11, 20), "contract_signed_on": date(2027, 11, 1),
        "starts_on": date(2027, 11, 15),
    }  # fmt: skip
    return Job(**told | said)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, "1A"),
        ({"hours": 30}, "1A"),
        ({"hours": 29}, "1E"),
        ({"hours": None}, "1E"),
        ({"contract": "fixed_term", "fixed_end": date(2028, 5, 14)}, "1B"),
        ({"contract": "fixed_term", "fixed_end": date(2028, 5, 13)}, "1E"),
        ({"contract": "fixed_term"}, "1E"),
        ({"contract": "apprenticeship", "fixed_end": date(2028, 11, 14)}, "1B"),
        ({"contract": "contractor", "fixed_end": date(2028, 11, 14)}, "1B"),
        ({"contract": "self_employed"}, "1E"),
        ({"contract": "self_employed", "is_own_venture": True}, "1D"),
        ({"employer": "programme"}, "1C"),
        ({"employer": "programme", "field": "out"}, "2A"),
        ({"field": "out"}, "2B"),
        ({"field": "unknown"}, "2B"),
        ({"contract": "volunteer"}, None),
        ({"is_vouched": False}, None),
        ({"is_retracted": True}, None),
        ({"end_reason": "rescinded", "ended_on": date(2027, 11, 5)}, None),
        ({"end_reason": "dismissed", "ended_on": date(2027, 11, 20)}, "1A"),  # a statistic of jobs found, not kept
        ({"ended_on": QUALIFIED}, None),
        ({"ended_on": date(2027, 10, 5)}, "1A"),
    ],
)
def test_a_reported_job_counts_as(said: dict[str, Any], status: str | None) -> None:
    assert status_of(job(**said), QUALIFIED) == status


def test_a_job_is_dated_by_its_acceptance_and_priced_by_its_base() -> None:
    found = placement_of(job(base_minor=9_200_050, currency="USD"), QUALIFIED)

    assert found is not None
    assert (found.day, found.starts, found.ended) == (28, 42, None)
    assert found.salary is not None
    assert (str(found.salary.base), found.salary.currency) == ("92000.50", "USD")


def test_a_job_without_any_date_was_accepted_when_it_was_reported() -> None:
    found = placement_of(job(contract_signed_on=None, starts_on=None), QUALIFIED)

    assert found is not None
    assert found.day == 47


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ([], "job"),
        ([(date(2027, 4, 7), "study")], "study"),  # the third day
        ([(date(2027, 4, 8), "study")], "job"),
        ([(date(2027, 4, 1), "stay"), (date(2027, 4, 6), "job")], "job"),
        ([(date(2027, 4, 1), "stay"), (date(2027, 9, 6), "job")], "stay"),
    ],
)
def test_intent_is_frozen_on_the_third_day_of_the_course(said: list[tuple[date, str]], intent: str) -> None:
    assert frozen_intent(said, date(2027, 4, 5)) == intent


def test_who_has_no_job_is_not_seeking_not_heard_of_or_still_seeking() -> None:
    assert (final_of(True, True), final_of(False, False), final_of(False, True)) == ("3B", "4", "3A")

"""What a graduate is shown before anything is decided, and the day on which to look again."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.policy.criteria import findings_as_json
from shared.policy.refund import decide, revisit_on, standing

from .builders import TERMS, a_job, decided, facts


def stands(**said: Any) -> dict[str, str]:
    """The criteria of an open guarantee as they stand in the middle of May."""
    found = standing(facts(**{"as_of": "2020-05-15", "claims": [], **said}))
    return {criterion_id: finding.status for criterion_id, finding in found.items()}


ALL_WELL = {
    "qualified": "met",
    "right_to_work": "met",
    "no_qualifying_job": "met",
    "no_declined_offer": "met",
    "job_search": "met",
    "not_excluded": "met",
    "pause_ruled": "met",
}


def test_a_graduate_with_nothing_against_them_sees_every_criterion_met() -> None:
    assert stands() == ALL_WELL


@pytest.mark.parametrize(
    ("said", "criterion_id", "status"),
    [
        ({"search": {"default": 0, "weeks": {}}}, "job_search", "not_met"),
        ({"search": {"weeks": {"2020-05-11": 0, "2020-02-03": 0, "2020-02-10": 0}}}, "job_search", "met"),  # not over
        ({"search": {"weeks": {"2020-05-04": 0, "2020-02-03": 0, "2020-02-10": 0}}}, "job_search", "not_met"),
        ({"search": {"default": None}}, "job_search", "unknown"),
        (
            {"offers": [{"offered_on": "2020-05-15", "qualifying": True, "outcome": "declined"}]},
            "no_declined_offer",
            "not_met",
        ),
        (
            {"offers": [{"offered_on": "2020-05-16", "qualifying": True, "outcome": "declined"}]},
            "no_declined_offer",
            "met",
        ),
        ({"jobs": [a_job()]}, "no_qualifying_job", "unknown"),  # provisional
        ({"jobs": [a_job(starts_on="2020-02-03", contract_signed_on="2020-02-03")]}, "no_qualifying_job", "not_met"),
        ({"jobs": [a_job(hours=10)]}, "no_qualifying_job", "met"),
        ({"diploma_revoked_on": "2020-05-15"}, "qualified", "not_met"),
        ({"right_to_work": "no", "waived": ["right_to_work"]}, "right_to_work", "waived"),
    ],
    ids=str,
)
def test_one_fact_changes_one_criterion(said: dict[str, Any], criterion_id: str, status: str) -> None:
    assert stands(**said) == {**ALL_WELL, criterion_id: status}


def test_before_the_diploma_the_time_limit_is_not_known_until_it_has_passed() -> None:
    studying = {"qualified_on": None, "started_on": "2019-05-15"}

    on_the_last_day = stands(**studying)
    on_the_day_after = stands(**studying, as_of="2020-05-16")

    assert (on_the_last_day["qualified"], on_the_last_day["on_time"]) == ("unknown", "unknown")
    assert on_the_day_after["on_time"] == "not_met"


def test_the_diploma_is_held_on_its_day() -> None:
    assert stands(as_of="2020-01-15") == ALL_WELL
    assert stands(as_of="2020-01-14")["qualified"] == "unknown"


def test_a_job_reported_before_the_diploma_is_not_judged_yet() -> None:
    assert stands(qualified_on="2020-06-01", jobs=[a_job()])["no_qualifying_job"] == "unknown"
    assert stands(qualified_on="2020-06-01")["no_qualifying_job"] == "met"


def test_an_open_pause_without_a_cap_leaves_the_standing_of_today() -> None:
    said = {"override": {"max_pause_days": None}, "pauses": [{"from": "2020-05-01"}]}

    assert stands(**said) == ALL_WELL


def test_findings_are_shown_in_the_readers_language_with_what_to_do() -> None:
    found = standing(facts(right_to_work="unknown"))

    english = findings_as_json(found, TERMS["reference"], "en")["right_to_work"]
    french = findings_as_json(found, TERMS["reference"], "fr")["right_to_work"]

    assert isinstance(english, dict)
    assert isinstance(french, dict)
    assert english["sentence"] == "The graduate has the right to work in the country of the contract."
    assert english["what_to_do"].startswith("Send the document")
    assert french["what_to_do"].startswith("Envoyez le document")
    assert (english["status"], english["clause"], english["value"]) == ("unknown", "7.3", "unknown")


AN_OFFER = {"offered_on": "2020-04-10", "qualifying": True, "outcome": "declined"}


@pytest.mark.parametrize(
    ("said", "criterion_id", "value", "rests_on"),
    [
        ({}, "qualified", "2020-01-15", {}),
        (
            {"started_on": "2019-02-28", "extension_months": 1},
            "on_time",
            "2020-01-15",
            {"started_on": "2019-02-28", "extension_months": 1, "latest_on": "2020-03-28"},
        ),
        ({"right_to_work": "unknown"}, "right_to_work", "unknown", {}),
        ({}, "no_qualifying_job", [], {"jobs": {}}),
        (
            {"jobs": [a_job(hours=10), a_job(id="j2", hours=None)]},
            "no_qualifying_job",
            ["j2"],
            {"jobs": {"j1": "no", "j2": "unknown"}},
        ),
        ({}, "no_declined_offer", [], {"declined": [], "to_clear_up": []}),
        (
            {"offers": [AN_OFFER, {**AN_OFFER, "offered_on": "2020-04-11", "outcome": "lapsed"}]},
            "no_declined_offer",
            ["2020-04-10"],
            {"declined": ["2020-04-10"], "to_clear_up": ["2020-04-11"]},
        ),
        (
            {"offers": [{**AN_OFFER, "qualifying": "unknown"}]},
            "no_declined_offer",
            ["2020-04-10"],
            {"declined": [], "to_clear_up": ["2020-04-10"]},
        ),
        ({}, "job_search", 0, {"weeks": 25, "short": 0, "not_known": 0, "to_look_at": [], "allowed": 2}),
        (
            {
                "search": {"weeks": {"2020-02-03": 4, "2020-02-10": None, "2020-02-17": 0, "2020-07-13": 0}},
                "pauses": [{"from": "2020-02-17", "to": "2020-02-23", "status": "approved"}],
            },
            "job_search",
            2,  # that of 3 February, and that of 13 July, which the pause has drawn into the window
            {
                "weeks": 25,
                "short": 2,
                "not_known": 1,
                "to_look_at": ["2020-02-03", "2020-02-10", "2020-07-13"],
                "allowed": 2,
            },
        ),
        ({"exclusions": ["a", "full_time_study"]}, "not_excluded", ["full_time_study"], None),
        ({"pauses": [{"from": "2020-03-01", "status": "requested"}]}, "pause_ruled", ["2020-03-01"], None),
    ],
    ids=str,
)
def test_a_finding_carries_its_value_and_the_facts_it_rests_on(
    said: dict[str, Any], criterion_id: str, value: object, rests_on: dict[str, Any] | None
) -> None:
    finding = decided(**said).criteria[criterion_id]

    assert finding.value == value
    assert rests_on is None or finding.facts == rests_on


def test_weeks_of_a_log_that_is_not_known_are_all_shown_but_those_that_are_free() -> None:
    search = {"default": None, "weeks": {"2020-01-20": 5}, "exempt": [["2020-01-27", "2020-06-21"]]}

    finding = decided(search=search).criteria["job_search"]

    assert finding.facts["to_look_at"] == ["2020-06-22", "2020-06-29", "2020-07-06"]
    assert finding.facts["weeks"] == 4


def test_a_revoked_diploma_is_shown_with_its_day() -> None:
    finding = decided(diploma_revoked_on="2020-06-01").criteria["qualified"]

    assert (finding.status, finding.value, finding.facts) == (
        "not_met",
        "revoked",
        {"diploma_revoked_on": "2020-06-01"},
    )


def test_an_answer_has_the_keys_that_apply() -> None:
    early = {"decision", "terms", "qualified_on", "steps"}

    assert set(decided(contract="expired").as_json()) == early
    assert set(decided(as_of="2020-01-01").as_json()) == early
    assert set(decided(as_of="2020-03-01").as_json()) == {*early, "window_end", "pause_days", "jobs"}
    undetermined = decided(right_to_work="unknown").as_json()
    assert set(undetermined) == {*early, "window_end", "pause_days", "jobs", "criteria"}
    assert set(decided().as_json()) == {*undetermined, "claim_deadline"}


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ({"contract": "expired"}, "1 The contract was withdrawn, cancelled, terminated or has expired."),
        ({"as_of": "2020-01-01"}, "2 The diploma has not been awarded yet."),
        ({"jobs": [a_job()]}, "5 A job counts."),
        ({"as_of": "2020-07-15"}, "6 The window is open."),
        ({"right_to_work": "no"}, "7 A criterion is not met."),
        ({}, "8 A claim was filed in time."),
        ({"terms": "published"}, "8 No claim is needed."),
    ],
    ids=str,
)
def test_the_last_step_says_what_decided(said: dict[str, Any], last: str) -> None:
    steps = decided(**said).steps

    assert steps[-1] == last
    assert [step[0] for step in steps] == [str(number) for number in range(1, len(steps) + 1)]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ({"as_of": "2020-01-01"}, date(2020, 1, 15)),  # the diploma
        ({"as_of": "2020-03-01"}, date(2020, 7, 16)),  # the day after the window
        ({"as_of": "2020-07-15"}, date(2020, 7, 16)),
        ({"as_of": "2020-08-01"}, date(2020, 9, 15)),  # the day after the last day to claim
        ({"as_of": "2020-12-01"}, None),
        ({"as_of": "2020-05-20", "jobs": [a_job()]}, date(2020, 6, 21)),  # the 35th day of work
        ({"as_of": "2020-05-10", "jobs": [a_job()], "override": {"retention_days": 0}}, date(2020, 5, 17)),
        ({"as_of": "2020-03-01", "pauses": [{"from": "2020-04-01", "to": "2020-04-10"}]}, date(2020, 4, 1)),
        ({"as_of": "2020-04-01", "pauses": [{"from": "2020-04-01", "to": "2020-04-10"}]}, date(2020, 4, 11)),
        ({"as_of": "2020-03-01", "diploma_revoked_on": "2020-05-05"}, date(2020, 5, 5)),
        ({"qualified_on": None}, None),
        ({"contract": "expired"}, None),
    ],
    ids=str,
)
def test_the_day_to_look_again_is_the_next_on_which_something_turns(said: dict[str, Any], day: date | None) -> None:
    read = facts(**{"claims": [], **said})
    terms = read.terms._replace(max_start_lag_days=None)
    read = read._replace(terms=terms)

    assert revisit_on(read, decide(read)) == day


def advice_about(*jobs: dict[str, Any], language: str = "en") -> str:
    """What is said about jobs in the middle of May."""
    found = standing(facts(as_of="2020-05-15", claims=[], jobs=list(jobs)))
    said: Any = findings_as_json(found, TERMS["reference"], language)
    return str(said["no_qualifying_job"]["what_to_do"])


def test_a_job_that_only_has_to_last_is_told_the_day_from_which_it_counts() -> None:
    job = a_job(starts_on="2020-05-04")  # 35 days, the first and the last counted

    assert advice_about(job).startswith("Nothing is missing. The job that you have found counts from 7 June 2020 on")
    assert "comptera à partir du 7 juin 2020" in advice_about(job, language="fr")
    assert decided(as_of="2020-06-06", jobs=[job]).decision == "placed_provisional"
    assert decided(as_of="2020-06-07", jobs=[job]).decision == "satisfied"


@pytest.mark.parametrize(
    "jobs",
    [
        [a_job(starts_on=None)],
        [a_job(starts_on="2020-05-04"), a_job(id="j2", hours=None)],
    ],
    ids=["first day not known", "another job with a gap"],
)
def test_whoever_can_still_send_what_is_missing_is_asked_for_it(jobs: list[dict[str, Any]]) -> None:
    assert advice_about(*jobs).startswith("Send what is missing about the jobs shown")

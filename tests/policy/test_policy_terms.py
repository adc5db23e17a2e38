"""The terms are data, every parameter is in a clause, and the handbook says what the code examines."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from shared.policy import qualifying_job
from shared.policy.clauses import LANGUAGES
from shared.policy.criteria import CRITERIA, CRITERIA_BY_ID
from shared.policy.facts import CRITERION_IDS
from shared.policy.handbook import clauses, handbook
from shared.policy.qualifying_job import JOB_TESTS, Verdict
from shared.policy.reasons import REASONS
from shared.policy.terms import PARAMETERS, InvalidTerms, parse_terms

from .builders import ROOT, TERMS

TABLE = tomllib.loads((ROOT / "programmes" / "terms.toml").read_text(encoding="utf-8"))
PAGES = {"en": ROOT / "docs" / "policy.md", "fr": ROOT / "docs" / "policy.fr.md"}

BOTH: dict[str, Any] = {
    "window_months": 6,
    "window_days": None,
    "placement_event": "contract_signed",
    "max_start_lag_days": 90,
    "min_fixed_term_months": 6,
    "aggregate_renewals": True,
    "min_hours": 25,
    "internship_counts": False,
    "contractor_counts": True,
    "self_employed": "attested",
    "programme_hire_counts": False,
    "require_in_field": True,
    "retention_days": 35,
    "prior_job_counts": True,
    "max_pause_days": 180,
    "refund_percent": 100,
}
STRICT: dict[str, Any] = {
    "apps_per_week": 5,
    "allowed_short_weeks": 2,
    "decline_voids": True,
    "right_to_work": True,
    "on_time_months": 12,
    "claim_days": 60,
    "exclusions": frozenset({"full_time_study"}),
    "undefined_terms": False,
}
OFF: dict[str, Any] = {
    "apps_per_week": None,
    "allowed_short_weeks": None,
    "decline_voids": False,
    "right_to_work": False,
    "on_time_months": None,
    "claim_days": None,
    "exclusions": frozenset(),
    "undefined_terms": True,
}


@pytest.mark.parametrize(("version", "settings"), [("reference", STRICT), ("published", OFF)])
def test_each_version_sets_what_the_rules_say(version: str, settings: dict[str, Any]) -> None:
    terms = TERMS[version]

    assert {name: getattr(terms, name) for name in PARAMETERS} == {**BOTH, **settings}


def test_the_promise_binds_from_its_announcement_and_the_versions_follow_each_other() -> None:
    assert list(TERMS) == ["published", "reference"]
    assert str(TERMS["published"].binds_from) == "2019-04-03"
    assert TERMS["reference"].binds_from > TERMS["published"].binds_from


def _table(**changed: Any) -> dict[str, Any]:
    table = {**TABLE["terms"][1], **changed}
    return {"terms": [{key: value for key, value in table.items() if value != "drop"}]}


@pytest.mark.parametrize(
    ("data", "parameter", "code"),
    [
        ({}, "terms", "missing"),
        (_table(version=1), "version", "value"),
        ({"terms": TABLE["terms"] * 2}, "version", "value"),
        (_table(binds_from="2027-03-15"), "binds_from", "value"),
        (_table(claim_days="drop"), "claim_days", "missing"),
        (_table(colour="blue"), "colour", "unknown_key"),
        (_table(claim_days="sixty"), "claim_days", "type"),
        (_table(claim_days=-1), "claim_days", "value"),
        (_table(refund_percent="off"), "refund_percent", "value"),
        (_table(refund_percent="all"), "refund_percent", "type"),
    ],
)
def test_terms_with_a_fault_are_refused(data: dict[str, Any], parameter: str, code: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        parse_terms(data)

    assert (refused.value.parameter, refused.value.code) == (parameter, code)


def test_every_parameter_is_in_a_clause() -> None:
    assert {name for clause in clauses() for name in clause.parameters} == set(PARAMETERS)


def test_clauses_are_numbered_in_order() -> None:
    numbers = [test.clause.number for test in JOB_TESTS]

    assert numbers == [f"4.{position}" for position in range(1, len(JOB_TESTS) + 1)]
    assert [each.clause.number for each in CRITERIA] == [f"7.{position}" for position in range(1, len(CRITERIA) + 1)]


def _verdicts() -> list[Verdict]:
    return [value for value in vars(qualifying_job).values() if isinstance(value, Verdict)]


def test_the_handbook_names_the_tests_on_which_the_promise_itself_rests() -> None:
    hard = {verdict.clause for verdict in _verdicts() if verdict.hard}
    (clause,) = (clause for clause in clauses() if clause.parameters == ("undefined_terms",))

    for sentence in clause.sentence:
        assert set(re.findall(r"4\.\d+", sentence)) == hard


def test_every_reason_has_its_sentence_and_its_clause() -> None:
    assert {verdict.reason for verdict in _verdicts()} == set(REASONS)
    assert {verdict.clause for verdict in _verdicts()} == {"4", *(test.clause.number for test in JOB_TESTS)}


def test_the_criteria_are_those_that_facts_may_waive() -> None:
    assert frozenset(CRITERIA_BY_ID) == CRITERION_IDS


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_handbook_is_current(language: str) -> None:
    assert PAGES[language].read_text(encoding="utf-8") == handbook(TERMS, language), "run: handbook --write"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_handbook_says_every_clause_of_a_version_with_its_numbers(language: str) -> None:
    page = handbook(TERMS, language)

    for terms in TERMS.values():
        for clause in clauses():
            sentence = clause.sentence.say(terms, language)
            if clause.is_part_of(terms):
                assert f"- **{clause.number}** {sentence}\n" in page
                assert "{" not in sentence
                assert "None" not in sentence


def test_a_number_that_changes_changes_the_handbook() -> None:
    changed = {"reference": TERMS["reference"]._replace(claim_days=61)}

    assert handbook(changed, "en") != handbook({"reference": TERMS["reference"]}, "en")


def test_both_languages_name_the_same_clauses() -> None:
    english, french = (
        [line.split("**")[1] for line in handbook(TERMS, language).splitlines() if line.startswith("- **")]
        for language in LANGUAGES
    )

    assert english == french


def test_the_decision_is_light_to_import() -> None:
    code = "import sys, shared.policy.refund; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert not {"pydantic", "azure", "aiohttp", "json", "tomllib", "asyncio", "socket", "logging"} & set(loaded.split())

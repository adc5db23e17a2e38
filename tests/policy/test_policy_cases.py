"""The agreed cases, one test each: those of the rules, and those that a lawyer edits in refund_cases.toml."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from shared.policy.amounts import amounts, parse_ledger
from shared.policy.criteria import CRITERIA_BY_ID
from shared.policy.facts import parse_facts
from shared.policy.refund import DECISIONS, decide

from .builders import A_CLAIMANT, A_JOB, TERMS

HERE = Path(__file__).parent
RULES = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
AGREED = tomllib.loads((HERE / "refund_cases.toml").read_text(encoding="utf-8"))["case"]
EXPECTED = {"name", "verdict", "because", "window_end", "claim_deadline", "jobs_count"}


@pytest.mark.parametrize("case", RULES["decisions"], ids=lambda case: case["id"])
def test_case_of_the_rules_is_decided_as_agreed(case: dict[str, Any]) -> None:
    answer = decide(parse_facts(case["facts"], TERMS)).as_json()

    assert {key: answer.get(key) for key in case["expect"]} == case["expect"], case["why"]


@pytest.mark.parametrize("case", RULES["amounts"], ids=lambda case: case["id"])
def test_amount_of_the_rules_comes_out_as_agreed(case: dict[str, Any]) -> None:
    answer = amounts(*parse_ledger({key: case[key] for key in ("ledger", "percent", "unpaid")})).as_json()

    assert {key: answer.get(key) for key in case["expect"]} == case["expect"], case["why"]


@pytest.mark.parametrize("case", AGREED, ids=lambda case: case["name"])
def test_agreed_case_is_decided_as_agreed(case: dict[str, Any]) -> None:
    facts = _facts_of(case)

    decision = decide(parse_facts(facts, TERMS))

    assert decision.decision == case["verdict"]
    because = [
        CRITERIA_BY_ID[criterion_id].clause.number
        for criterion_id, finding in decision.criteria.items()
        if finding.status in ("not_met", "unknown")
    ]
    assert because == case.get("because", [])
    if "window_end" in case:
        assert decision.window_end == case["window_end"]
    if "claim_deadline" in case:
        assert decision.claim_deadline == case["claim_deadline"]
    if "jobs_count" in case:
        assert decision.jobs is not None
        assert [verdict.counts for verdict in decision.jobs.values()] == case["jobs_count"]


def test_agreed_cases_reach_every_decision() -> None:
    assert {case["verdict"] for case in AGREED} == set(DECISIONS)


def test_agreed_cases_have_names_of_their_own() -> None:
    names = [case["name"] for case in AGREED]

    assert len(set(names)) == len(names)


def _facts_of(case: dict[str, Any]) -> dict[str, Any]:
    facts = {**A_CLAIMANT, **{key: value for key, value in case.items() if key not in EXPECTED}}
    if "jobs" in case:
        facts["jobs"] = [_without(_unknown({**A_JOB, **job})) for job in case["jobs"]]
    if "search" in case:
        facts["search"] = _search_of(case["search"])
    if "override" in case:
        facts["override"] = {name: None if value == "off" else value for name, value in case["override"].items()}
    return _as_json(_without(facts))


def _without(said: dict[str, Any]) -> dict[str, Any]:
    dropped = {"drop", *said.get("drop", ())}
    return {key: value for key, value in said.items() if key not in dropped}


def _unknown(said: dict[str, Any]) -> dict[str, Any]:
    not_known = said.get("not_known", ())
    return {**{key: value for key, value in said.items() if key != "not_known"}, **dict.fromkeys(not_known)}


def _search_of(search: dict[str, Any]) -> dict[str, Any]:
    weeks = dict(search.get("weeks", {}))
    said = {key: value for key, value in search.items() if key != "not_known"}
    for name in search.get("not_known", ()):
        if name == "default":
            said["default"] = None
        else:
            weeks[name] = None
    return {**said, "weeks": weeks}


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value

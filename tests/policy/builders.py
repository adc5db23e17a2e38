"""A graduate whose window is over and who has claimed; a test states only the fact that it is about."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from shared.policy.facts import Facts, parse_facts
from shared.policy.refund import Decision, decide
from shared.policy.terms import parse_terms

ROOT = Path(__file__).parents[2]
TERMS = parse_terms(tomllib.loads((ROOT / "programmes" / "terms.toml").read_text(encoding="utf-8")))

A_CLAIMANT: dict[str, Any] = {
    "terms": "reference",
    "time_zone": "Europe/Paris",
    "qualified_on": "2020-01-15",  # the window ends on Wednesday 15 July 2020, the time to claim on 14 September
    "as_of": "2020-08-03",
    "claims": [{"filed_on": "2020-08-01"}],
}
A_JOB: dict[str, Any] = {
    "id": "j1",
    "contract_signed_on": "2020-05-04",
    "starts_on": "2020-05-18",
    "hours": 35,
    "contract": "permanent",
}


def a_job(**said: Any) -> dict[str, Any]:
    """A job that counts, but for what is said."""
    return {**A_JOB, **said}


def said(**facts: Any) -> dict[str, Any]:
    """The facts of a claimant as JSON, but for what is said."""
    return {**A_CLAIMANT, **facts}


def facts(**facts: Any) -> Facts:
    """The same, read."""
    return parse_facts(said(**facts), TERMS)


def decided(**said: Any) -> Decision:
    """What the policy says about a claimant, but for what is said."""
    return decide(facts(**said))


def status(criterion_id: str, **said: Any) -> str:
    """The status of one criterion of a claimant, but for what is said."""
    return decided(**said).criteria[criterion_id].status


def counts(job: dict[str, Any], **said: Any) -> str:
    """What one job of a claimant counts for."""
    verdicts = decided(jobs=[job], **said).jobs
    assert verdicts is not None
    return verdicts[job["id"]].counts

"""Facts thrown by plain dice: many more a second than strategies draw, with jobs that get far down the table."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from shared.policy.criteria import CRITERIA_BY_ID

from .strategies import END_REASONS, KINDS, QUALIFIED_ON, TURNS

SETTINGS: dict[str, list[Any]] = {
    "window_days": [None, 0, 30, 180],
    "window_months": [1, 6, 9],
    "placement_event": ["contract_signed", "offered"],
    "max_start_lag_days": [None, 0, 90],
    "min_fixed_term_months": [None, 3, 6],
    "aggregate_renewals": [None, True, False],
    "min_hours": [None, 0, 25],
    "internship_counts": [True, False],
    "contractor_counts": [True, False],
    "self_employed": ["attested", "always", "never"],
    "programme_hire_counts": [True, False],
    "require_in_field": [True, False],
    "retention_days": [None, 0, 1, 35],
    "prior_job_counts": [True, False],
    "apps_per_week": [None, 0, 5],
    "allowed_short_weeks": [None, 0, 2, 30],
    "decline_voids": [True, False],
    "right_to_work": [None, "checked"],
    "on_time_months": [None, 12],
    "claim_days": [None, 0, 60],
    "max_pause_days": [None, 0, 10, 180],
    "exclusions": [None, ["full_time_study"]],
    "undefined_terms": [True, False],
}


def _day(offset: int) -> str:
    return (QUALIFIED_ON + timedelta(days=offset)).isoformat()


def _offset(dice: Random) -> int:
    """Days after qualifying, more often than not within three days of one on which something turns."""
    return dice.choice(TURNS) + dice.randint(-3, 3) if dice.random() < 0.6 else dice.randint(-60, 450)


def _some_day(dice: Random) -> str:
    return _day(_offset(dice))


def _span(dice: Random) -> list[str]:
    first = _offset(dice)
    return [_day(first), _day(first + dice.choice([0, 1, 10, 40, 200]))]


def _job(dice: Random, number: int) -> dict[str, Any]:
    signed = _offset(dice) if dice.random() < 0.3 else dice.randint(-5, 186)
    starts = signed + dice.choice([0, 1, 10, 60, 89, 90, 91, 92])
    job: dict[str, Any] = {"id": f"j{number}", "contract_signed_on": _day(signed), "starts_on": _day(starts)}
    if dice.random() < 0.4:
        job["ended_on"] = _day(starts + dice.choice([0, 10, 32, 33, 34, 35, 100]))
    if dice.random() < 0.3:
        job["end_reason"] = dice.choice(END_REASONS)
    if dice.random() < 0.5:
        job["contract"] = dice.choice(["fixed_term", "fixed_term", *KINDS])
    if dice.random() < 0.6:
        job["fixed_end"] = _day(starts + dice.choice([30, 89, 90, 91, 180, 181, 182, 183, 184, 365]))
    twists: dict[str, list[Any]] = {
        "renews": ["j0", "j1", "j2"],
        "hours": [None, 24, 25],
        "field": ["out", "unknown"],
        "employer": ["programme"],
        "verified": [True, "disputed"],
        "retracted": [False, True],
        "attested": [True, False],
        "reported_on": [_some_day(dice)],
        "offered_on": [_some_day(dice)],
        "starts_on": [None],
        "contract_signed_on": [None, _day(0), _day(-1)],
    }
    return job | {key: dice.choice(values) for key, values in twists.items() if dice.random() < 0.1}


def _jobs(dice: Random) -> list[dict[str, Any]]:
    """Up to three jobs, some of which renew the one before, with or without a gap."""
    jobs = [_job(dice, number) for number in range(dice.randint(1, 3))]
    for renewed, renewal in pairwise(jobs):
        if renewed.get("fixed_end") and dice.random() < 0.4:
            starts_on = date.fromisoformat(renewed["fixed_end"]) + timedelta(days=dice.choice([0, 1, 1, 2]))
            fixed_end = starts_on + timedelta(days=dice.choice([60, 90, 91, 92, 93, 120]))
            renewal |= {"renews": renewed["id"], "contract": "fixed_term", "starts_on": starts_on.isoformat()}
            renewal["fixed_end"] = fixed_end.isoformat()
    return jobs


def _pause(dice: Random) -> dict[str, Any]:
    first, last = _span(dice)
    status = dice.choice(["approved"] * 4 + ["requested", "rejected", "revoked"])
    return {"from": first, "to": None if dice.random() < 0.15 else last, "status": status}


def _offer(dice: Random) -> dict[str, Any]:
    return {
        "offered_on": _some_day(dice),
        "qualifying": dice.choice([True, True, False, "unknown"]),
        "outcome": dice.choice(["accepted", "declined", "lapsed"]),
        "waived": dice.random() < 0.2,
    }


def _search(dice: Random) -> dict[str, Any]:
    mondays = [(date(2020, 1, 13) + timedelta(weeks=dice.randint(-2, 40))).isoformat() for _ in range(6)]
    said: dict[str, Any] = {"weeks": {monday: dice.choice([None, 0, 4, 5, 9]) for monday in mondays}}
    if dice.random() < 0.3:
        said["default"] = dice.choice([5, 4, None, 6])
    if dice.random() < 0.3:
        said["exempt"] = [_span(dice) for _ in range(dice.randint(1, 2))]
    return said


def throw_facts(dice: Random) -> dict[str, Any]:
    """Valid facts; the same dice throw the same."""
    chances: dict[str, tuple[float, Any]] = {
        "override": (
            0.5,
            lambda: {name: dice.choice(values) for name, values in SETTINGS.items() if dice.random() < 0.12},
        ),
        "known_at": (0.1, lambda: _some_day(dice)),
        "contract": (0.02, lambda: "expired"),
        "started_on": (0.3, lambda: dice.choice(["2019-01-14", "2019-01-15", "2018-12-15"])),
        "extension_months": (0.2, lambda: dice.choice([0, 1])),
        "diploma_revoked_on": (0.05, lambda: _some_day(dice)),
        "right_to_work": (0.15, lambda: dice.choice(["yes", "no", "unknown"])),
        "pauses": (0.5, lambda: [_pause(dice) for _ in range(dice.randint(1, 4))]),
        "jobs": (0.6, lambda: _jobs(dice)),
        "offers": (0.3, lambda: [_offer(dice) for _ in range(dice.randint(1, 2))]),
        "search": (0.4, lambda: _search(dice)),
        "exclusions": (0.1, lambda: dice.choice([["full_time_study"], ["other"]])),
        "waived": (0.15, lambda: dice.sample(sorted(CRITERIA_BY_ID), dice.randint(1, 3))),
        "claims": (0.6, lambda: [{"filed_on": _some_day(dice)} for _ in range(dice.randint(1, 2))]),
        "notice_sent": (0.2, lambda: dice.random() < 0.5),
        "holidays": (0.2, lambda: [_some_day(dice) for _ in range(4)]),
        "refund_paid_on": (0.1, lambda: _some_day(dice)),
    }
    return {
        "terms": dice.choice(["reference", "reference", "published"]),
        "qualified_on": _day(0),
        "as_of": _some_day(dice) if dice.random() < 0.5 else _day(dice.randint(180, 400)),
        **{key: throw() for key, (chance, throw) in chances.items() if dice.random() < chance},
    }

"""Random facts, near the days on which something turns."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.policy.criteria import CRITERIA_BY_ID

QUALIFIED_ON = date(2020, 1, 15)
# Days after qualifying around which things turn: the day itself, the window's end (182), the latest start (272),
# the claim's deadline (243), each with its neighbours; and anything else.
TURNS = [0, 34, 35, 182, 182 + 34, 182 + 60, 182 + 90, 182 + 180]
offsets = st.one_of(
    st.sampled_from(TURNS).flatmap(lambda turn: st.integers(turn - 3, turn + 3)), st.integers(-200, 600)
)
days = offsets.map(lambda offset: (QUALIFIED_ON + timedelta(days=offset)).isoformat())
maybe_days = st.none() | days


def objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that say some of the optional keys."""
    return st.fixed_dictionaries(required, optional=optional)


def _ordered(pair: tuple[str, str]) -> list[str]:
    return sorted(pair)


spans = st.tuples(days, days).map(_ordered)
pauses = st.builds(
    lambda span, is_open, status: {
        "from": span[0],
        "to": None if is_open else span[1],
        **({} if status is None else {"status": status}),
    },
    spans,
    st.sampled_from([False, False, False, True]),
    st.sampled_from([None, "approved", "approved", "requested", "rejected", "revoked"]),
)
END_REASONS = [
    "dismissed",
    "redundancy",
    "insolvency",
    "resigned",
    "rescinded",
    "insolvency_before_start",
    "visa_refused",
]
KINDS = ["fixed_term", "contractor", "self_employed", "internship", "apprenticeship", "volunteer"]


def _day_after(start: str | None, offset: int) -> str | None:
    return None if start is None else (date.fromisoformat(start) + timedelta(days=offset)).isoformat()


def _job(
    signed_on: str | None, lag: int | None, worked: int | None, term: int | None, twists: list[dict[str, Any]]
) -> dict[str, Any]:
    starts_on = None if lag is None else _day_after(signed_on, lag)
    said = {
        "contract_signed_on": signed_on,
        "starts_on": starts_on,
        "ended_on": None if worked is None else _day_after(starts_on, worked - 1),
        "fixed_end": None if term is None else _day_after(starts_on, term),
    }
    for twist in twists:
        said |= twist
    return said


# Mostly ordinary jobs with a twist or two, so that a draw often gets to the last lines of the table.
_twists = st.one_of(
    st.fixed_dictionaries({"end_reason": st.none() | st.sampled_from(END_REASONS), "ended_on": days}),
    st.fixed_dictionaries({"contract": st.sampled_from(["fixed_term", "fixed_term", *KINDS])}),
    st.fixed_dictionaries({"renews": st.sampled_from(["j0", "j1", "j2", "gone"]), "contract": st.just("fixed_term")}),
    st.fixed_dictionaries({"contract_signed_on": maybe_days, "offered_on": maybe_days}),
    st.fixed_dictionaries({"starts_on": maybe_days}),
    st.fixed_dictionaries({"fixed_end": maybe_days}),
    st.fixed_dictionaries({"hours": st.sampled_from([None, 0, 24, 24.5, 25, 35])}),
    st.fixed_dictionaries({"field": st.sampled_from([None, "in", "out", "unknown"])}),
    st.fixed_dictionaries({"employer": st.sampled_from([None, "external", "programme"])}),
    st.fixed_dictionaries({"verified": st.sampled_from([None, True, "disputed"])}),
    st.fixed_dictionaries({"retracted": st.sampled_from([None, False, True])}),
    st.fixed_dictionaries({"attested": st.sampled_from([None, True, False]), "contract": st.just("self_employed")}),
    st.fixed_dictionaries({"reported_on": maybe_days}),
)
_jobs = st.builds(
    _job,
    days,
    st.sampled_from([0, 0, 10, 60, 89, 90, 91, None]),
    st.sampled_from([None, None, 1, 33, 34, 35, 36, 100]),
    st.sampled_from([None, 90, 180, 181, 182, 183, 184, 365]),
    st.lists(_twists, max_size=2),
)
_lost_jobs = st.builds(
    lambda job, reason: {**job, "end_reason": reason}, _jobs, st.none() | st.sampled_from(END_REASONS[:4])
)
jobs = st.lists(_jobs | _lost_jobs, max_size=3).map(
    lambda drawn: [{"id": f"j{n}", **job} for n, job in enumerate(drawn)]
)
offers = objects(
    {
        "offered_on": days,
        "qualifying": st.sampled_from([True, False, "unknown"]),
        "outcome": st.sampled_from(["accepted", "declined", "lapsed"]),
    },
    {"waived": st.none() | st.booleans()},
)
mondays = st.integers(-3, 40).map(lambda weeks: (date(2020, 1, 13) + timedelta(weeks=weeks)).isoformat())
searches = objects(
    {},
    {
        "default": st.sampled_from([5, 5, 5, 4, 0, None]),
        "weeks": st.none() | st.dictionaries(mondays, st.sampled_from([None, 0, 4, 5, 9]), max_size=6),
        "exempt": st.none() | st.lists(spans, max_size=2),
    },
)
overrides = objects(
    {},
    {
        "window_days": st.sampled_from([None, 0, 30, 180]),
        "window_months": st.sampled_from([1, 6, 9]),
        "placement_event": st.sampled_from(["contract_signed", "offered"]),
        "max_start_lag_days": st.sampled_from([None, 0, 90]),
        "min_fixed_term_months": st.sampled_from([None, 3, 6]),
        "aggregate_renewals": st.none() | st.booleans(),
        "min_hours": st.sampled_from([None, 0, 25]),
        "internship_counts": st.none() | st.booleans(),
        "contractor_counts": st.none() | st.booleans(),
        "self_employed": st.sampled_from(["attested", "always", "never"]),
        "programme_hire_counts": st.none() | st.booleans(),
        "require_in_field": st.none() | st.booleans(),
        "retention_days": st.sampled_from([None, 0, 1, 35]),
        "prior_job_counts": st.none() | st.booleans(),
        "apps_per_week": st.sampled_from([None, 0, 5]),
        "allowed_short_weeks": st.sampled_from([None, 0, 2, 30]),
        "decline_voids": st.none() | st.booleans(),
        "right_to_work": st.sampled_from([None, "checked"]),
        "on_time_months": st.sampled_from([None, 12]),
        "claim_days": st.sampled_from([None, 0, 60]),
        "max_pause_days": st.sampled_from([None, 0, 10, 180]),
        "exclusions": st.sampled_from([None, [], ["full_time_study"]]),
        "undefined_terms": st.none() | st.booleans(),
    },
)
facts_as_json = objects(
    {"as_of": days, "qualified_on": st.just(QUALIFIED_ON.isoformat())},
    {
        "terms": st.sampled_from(["reference", "published"]),
        "override": st.none() | overrides,
        "known_at": maybe_days,
        "contract": st.sampled_from([None] * 9 + ["expired"]),
        "started_on": st.sampled_from([None, "2019-01-14", "2019-01-15", "2018-12-15"]),
        "extension_months": st.sampled_from([None, 0, 1]),
        "diploma_revoked_on": st.one_of(st.none(), st.none(), days),
        "right_to_work": st.sampled_from([None, "yes", "yes", "no", "unknown"]),
        "pauses": st.none() | st.lists(pauses, max_size=4),
        "jobs": st.none() | jobs,
        "offers": st.none() | st.lists(offers, max_size=2),
        "search": st.none() | searches,
        "exclusions": st.sampled_from([None, [], ["full_time_study"], ["other"]]),
        "waived": st.none() | st.lists(st.sampled_from(sorted(CRITERIA_BY_ID)), max_size=3),
        "claims": st.none() | st.lists(days.map(lambda filed_on: {"filed_on": filed_on}), max_size=2),
        "notice_sent": st.sampled_from([None, True, False]),
        "holidays": st.none() | st.lists(days, max_size=5),
        "refund_paid_on": maybe_days,
    },
)

"""Random facts, near the days on which something turns."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.policy.criteria import CRITERIA_BY_ID

QUALIFIED_ON = date(2020, 1, 15)
# Days after qualifying around which things turn: the day itself, the window's end (182), the latest start (272),
# the claim's deadline (243), each with its neighbours; and anything else.
_TURNS = [0, 34, 35, 182, 182 + 34, 182 + 60, 182 + 90, 182 + 180]
offsets = st.one_of(
    st.sampled_from(_TURNS).flatmap(lambda turn: st.integers(turn - 3, turn + 3)), st.integers(-200, 600)
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
# Mostly ordinary jobs, so that a draw often gets past the first lines of the table.
_jobs = objects(
    {
        "contract_signed_on": st.one_of(days, days, days, st.none()),
        "starts_on": st.one_of(days, days, st.none()),
        "contract": st.sampled_from(["permanent", "permanent", *KINDS]),
    },
    {
        "offered_on": maybe_days,
        "fixed_end": maybe_days,
        "renews": st.sampled_from(["j0", "j1", "j2", "gone"]),
        "ended_on": maybe_days,
        "end_reason": st.none() | st.sampled_from(END_REASONS),
        "hours": st.sampled_from([None, 0, 24, 24.5, 25, 35]),
        "field": st.sampled_from([None, "in", "in", "in", "out", "unknown"]),
        "employer": st.sampled_from([None, "external", "programme"]),
        "verified": st.sampled_from([None, True, True, "disputed"]),
        "retracted": st.sampled_from([None, False, False, True]),
        "attested": st.sampled_from([None, True, False]),
        "reported_on": maybe_days,
    },
)
jobs = st.lists(_jobs, max_size=3).map(lambda drawn: [{"id": f"j{n}", **job} for n, job in enumerate(drawn)])
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

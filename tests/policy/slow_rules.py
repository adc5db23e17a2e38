"""The guarantee rules once more, slowly: sets of days and weeks instead of arithmetic, JSON instead of records.

Written from the text of the rules, to hold the policy against; it knows civil dates only.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

DAY = timedelta(days=1)
FAR = 1200  # Days after which an endless pause is not looked at any more.
HARD = {"retracted", "field", "volunteer", "prior", "after", "never_began"}


def day(text: str | None) -> date | None:
    """A civil date, or None."""
    return None if text is None else date.fromisoformat(text)


def months_later(start: date, months: int) -> date:
    """Walk month by month, then try the same number, then one less, until the day exists."""
    year, month = start.year, start.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    for number in range(start.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError


def span(first: date, last: date) -> set[date]:
    """The days of a span, both ends included."""
    return {first + DAY * n for n in range((last - first).days + 1)}


def approved(facts: dict[str, Any]) -> list[tuple[date, date | None]]:
    """The approved pauses."""
    return [
        (date.fromisoformat(pause["from"]), day(pause.get("to")))
        for pause in facts.get("pauses") or []
        if (pause.get("status") or "approved") == "approved"
    ]


def window(facts: dict[str, Any], terms: dict[str, Any]) -> tuple[date | None, int | None]:
    """The window's end and the days of pause in it, by trying again and again until nothing changes."""
    qualified = date.fromisoformat(facts["qualified_on"])
    base = qualified
    if terms["window_days"] is not None:
        base = qualified + DAY * terms["window_days"]
    else:
        base = months_later(qualified, terms["window_months"])
    cap = terms["max_pause_days"]
    end = base
    while True:
        counting: set[date] = set()
        for first, last in sorted(approved(facts), key=lambda pause: pause[0]):
            first_counted = max(first, qualified + DAY)
            if first_counted > end:
                continue
            if last is None and cap is None:
                return None, None
            counting |= span(first_counted, last or first_counted + DAY * FAR)
        taken = sorted(counting)[: cap if cap is not None else None]
        if base + DAY * len(taken) == end:
            return end, len(taken)
        end = base + DAY * len(taken)


def in_a_pause(facts: dict[str, Any], when: date) -> bool:
    """Whether a day lies in an approved pause."""
    return any(first <= when and (last is None or when <= last) for first, last in approved(facts))


def job_counts(
    job: dict[str, Any], jobs: list[dict[str, Any]], facts: dict[str, Any], terms: dict[str, Any], end: date | None
) -> str:
    """What a job counts for."""
    word, why = first_line(job, jobs, facts, terms, end)
    return "unknown" if word == "no" and why not in HARD and terms["undefined_terms"] else word


def first_line(
    job: dict[str, Any], jobs: list[dict[str, Any]], facts: dict[str, Any], terms: dict[str, Any], end: date | None
) -> tuple[str, str]:
    """The first line of the table that applies."""
    as_of, qualified = date.fromisoformat(facts["as_of"]), date.fromisoformat(facts["qualified_on"])
    kind, field = job.get("contract") or "permanent", job.get("field") or "in"
    hours = job.get("hours", 35)
    starts, ended, fixed_end = day(job.get("starts_on")), day(job.get("ended_on")), day(job.get("fixed_end"))
    event = day(job.get(f"{terms['placement_event']}_on"))
    reason = job.get("end_reason")
    if job.get("verified") == "disputed":
        return "unknown", "disputed"
    if job.get("retracted"):
        return "no", "retracted"
    if field == "unknown":
        return "unknown", "field"
    if field == "out" and terms["require_in_field"]:
        return "no", "field"
    if kind in ("internship", "apprenticeship") and not terms["internship_counts"]:
        return "no", "internship"
    if kind == "volunteer":
        return "no", "volunteer"
    if kind == "contractor" and not terms["contractor_counts"]:
        return "no", "contractor"
    if kind == "self_employed":
        if terms["self_employed"] == "never":
            return "no", "self_employed"
        if terms["self_employed"] == "attested" and job.get("attested") is not True:
            return ("unknown" if job.get("attested") is None else "no"), "self_employed"
    if job.get("employer") == "programme" and not terms["programme_hire_counts"]:
        return "no", "programme"
    if terms["min_hours"] is not None:
        if hours is None:
            return "unknown", "hours"
        if hours < terms["min_hours"]:
            return "no", "hours"
    if kind in ("fixed_term", "contractor") and terms["min_fixed_term_months"] is not None:
        if fixed_end is None or starts is None:
            return "unknown", "term"
        start = starts
        if terms["aggregate_renewals"]:
            for other in jobs:
                other_start, other_end = day(other.get("starts_on")), day(other.get("fixed_end"))
                if other["id"] != job.get("renews") or other_start is None or other_end is None:
                    continue
                if other_end >= starts - DAY:
                    start = other_start
        if fixed_end < months_later(start, terms["min_fixed_term_months"]) - DAY:
            return "no", "term"
    if event is None:
        return "unknown", "event"
    if event <= qualified:
        if not terms["prior_job_counts"]:
            return "no", "prior"
        if ended is not None and ended <= qualified:
            return "no", "prior"
    if end is not None and event > end:
        return "no", "after"
    if reason in ("rescinded", "insolvency_before_start", "visa_refused"):
        return "no", "never_began"
    lag = terms["max_start_lag_days"]
    if lag is not None and end is not None and starts is not None and starts > end + DAY * lag:
        return "no", "lag"
    return retention(as_of, starts, ended, reason, None if lag is None or end is None else end + DAY * lag, terms)


def retention(
    as_of: date, starts: date | None, ended: date | None, reason: str | None, latest: date | None, terms: dict[str, Any]
) -> tuple[str, str]:
    """The lines of the table on retention."""
    days = terms["retention_days"]
    if days is None:
        return "yes", ""
    if starts is None:
        return ("provisional" if latest is None or as_of <= latest else "unknown"), "start"
    has_ended = ended is not None and ended <= as_of
    if has_ended and (ended - starts).days + 1 < days:
        if reason in ("dismissed", "redundancy", "insolvency"):
            return "no", "lost"
        if reason is None:
            return "unknown", "lost"
    if not has_ended and as_of < starts + DAY * (days - 1):
        return "provisional", "not yet"
    return "yes", ""


def search_status(facts: dict[str, Any], terms: dict[str, Any], end: date) -> str:
    """The criterion job_search, week by week."""
    qualified = date.fromisoformat(facts["qualified_on"])
    search = facts.get("search") or {}
    weeks, default = search.get("weeks", {}), search.get("default", 5)
    if weeks is None:
        weeks, default = {}, None
    exempt = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in search.get("exempt") or []]
    short = not_known = 0
    monday = qualified + DAY
    while monday.weekday() != 0:
        monday += DAY
    while monday + 6 * DAY <= end:
        days = span(monday, monday + 6 * DAY)
        free = any(in_a_pause(facts, each) for each in days) or any(a <= each <= b for each in days for a, b in exempt)
        number = weeks.get(monday.isoformat(), default)
        if not free and number is None:
            not_known += 1
        elif not free and number < terms["apps_per_week"]:
            short += 1
        monday += 7 * DAY
    allowed = terms["allowed_short_weeks"] or 0
    return "not_met" if short > allowed else "unknown" if short + not_known > allowed else "met"


def criteria(facts: dict[str, Any], terms: dict[str, Any], end: date, counts: list[str]) -> dict[str, str]:
    """The statuses of all criteria that apply."""
    qualified = date.fromisoformat(facts["qualified_on"])
    found = {"qualified": "met"}
    started = day(facts.get("started_on"))
    if terms["on_time_months"] is not None and started is not None:
        latest = months_later(started, terms["on_time_months"] + (facts.get("extension_months") or 0))
        found["on_time"] = "not_met" if qualified > latest else "met"
    if terms["right_to_work"]:
        right = facts.get("right_to_work") or "yes"
        found["right_to_work"] = {"yes": "met", "no": "not_met", "unknown": "unknown"}[right]
    found["no_qualifying_job"] = "unknown" if "unknown" in counts else "met"
    if terms["decline_voids"]:
        statuses = set()
        for offer in facts.get("offers") or []:
            if offer.get("waived") or not qualified < date.fromisoformat(offer["offered_on"]) <= end:
                continue
            if offer["qualifying"] == "unknown":
                statuses.add("unknown")
            elif offer["qualifying"]:
                statuses.add({"declined": "not_met", "lapsed": "unknown", "accepted": "met"}[offer["outcome"]])
        found["no_declined_offer"] = next((each for each in ("not_met", "unknown") if each in statuses), "met")
    if terms["apps_per_week"] is not None:
        found["job_search"] = search_status(facts, terms, end)
    found["not_excluded"] = "not_met" if set(facts.get("exclusions") or []) & set(terms["exclusions"]) else "met"
    requested = any(pause.get("status") == "requested" for pause in facts.get("pauses") or [])
    found["pause_ruled"] = "unknown" if requested else "met"
    for each in facts.get("waived") or []:
        if each != "qualified" and found.get(each) in ("not_met", "unknown"):
            found[each] = "waived"
    return found


def answer(facts: dict[str, Any], terms: dict[str, Any]) -> dict[str, Any]:
    """The decision, with the window's end, what the jobs count for, the criteria's statuses and the deadline."""
    as_of, qualified = date.fromisoformat(facts["as_of"]), day(facts.get("qualified_on"))
    if facts.get("contract"):
        return {"decision": "no_guarantee"}
    if qualified is None or qualified > as_of:
        return {"decision": "not_started"}
    end, pause_days = window(facts, terms)
    known_at = day(facts.get("known_at")) or as_of
    known = [
        job for job in facts.get("jobs") or [] if not job.get("reported_on") or day(job["reported_on"]) <= known_at
    ]
    counts = {job["id"]: job_counts(job, known, facts, terms, end) for job in known}
    found: dict[str, Any] = {"window_end": end, "pause_days": pause_days, "jobs": counts}
    revoked = day(facts.get("diploma_revoked_on"))
    if "yes" in counts.values():
        paid = day(facts.get("refund_paid_on"))
        return {"decision": "recovery_review" if paid and paid <= as_of else "satisfied", **found}
    if "provisional" in counts.values():
        return {"decision": "placed_provisional", **found}
    if revoked and revoked <= as_of:
        return {"decision": "not_eligible", "criteria": {"qualified": "not_met"}, **found}
    if end is None:
        return {"decision": "paused", **found}
    if as_of <= end:
        return {"decision": "paused" if in_a_pause(facts, as_of) else "open", **found}
    found["criteria"] = criteria(facts, terms, end, list(counts.values()))
    if "not_met" in found["criteria"].values():
        return {"decision": "not_eligible", **found}
    if "unknown" in found["criteria"].values():
        return {"decision": "undetermined", **found}
    return {**claim(facts, terms, end, known), **found}


def claim(facts: dict[str, Any], terms: dict[str, Any], end: date, known: list[dict[str, Any]]) -> dict[str, Any]:
    """Step 8."""
    if terms["claim_days"] is None:
        return {"decision": "eligible"}
    as_of = date.fromisoformat(facts["as_of"])
    deadline = max([end, *(date.fromisoformat(job["ended_on"]) for job in known if job.get("ended_on"))])
    deadline += DAY * terms["claim_days"]
    while deadline.weekday() > 4 or deadline.isoformat() in (facts.get("holidays") or []):
        deadline += DAY
    filed = [date.fromisoformat(each["filed_on"]) for each in facts.get("claims") or []]
    filed = [each for each in filed if each <= as_of]
    if any(each <= deadline for each in filed):
        word = "eligible"
    elif facts.get("notice_sent") is False:
        word = "eligible" if filed else "awaiting_claim"
    else:
        word = "awaiting_claim" if as_of <= deadline else "lapsed"
    return {"decision": word, "claim_deadline": deadline}

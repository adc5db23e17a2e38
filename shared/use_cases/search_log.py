"""What the log of a search asks for: when a week closes, when the graduate is warned, when careers get in touch.

No right is lost in silence: before the short weeks that the terms allow are used up the graduate is warned, and every
week that a warning names stays open for the cure period at least (ADR 11).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from shared.domain.calendar import add_days, span
from shared.domain.case import Case
from shared.domain.life_cycle import Role
from shared.domain.placement import STANDING
from shared.domain.programme import Programme
from shared.policy.refund import standing
from shared.use_cases.guarantee import Judgement

LAST_DAY = timedelta(days=6)
"""From a week's Monday to its Sunday."""


def closes_on(case: Case, programme: Programme, monday: date) -> date:
    """The last day on which the graduate may log a week, or correct what they logged."""
    limits = programme.limits
    last = add_days(monday + LAST_DAY, limits.search_log_days)
    warned = case.enrolment.warned_weeks.get(monday.isoformat())
    return last if warned is None else max(last, add_days(warned, limits.search_cure_days))


def missed_weeks(judgement: Judgement) -> tuple[list[date], int]:
    """The weeks of the window that are short or will be, if nothing more is logged, and how many may be."""
    end = judgement.decision.window_end
    if end is None:
        return [], 0
    finding = standing(judgement.read.on(end)).get("job_search")
    if finding is None:
        return [], 0
    shown: dict[str, Any] = finding.facts
    return [date.fromisoformat(monday) for monday in shown["to_look_at"]], shown["allowed"]


def is_searching(case: Case) -> bool:
    """Whether the window is running and no job is on record that would count."""
    return case.enrolment.status == "qualified" and case.guarantee.decision in ("open", "paused")


def next_warning(case: Case, programme: Programme, judgement: Judgement) -> date | None:
    """The day on which the graduate is warned next, if nothing more is logged until then."""
    if not is_searching(case):
        return None
    missed, allowed = missed_weeks(judgement)
    limits, warned = programme.limits, case.enrolment.warned_weeks
    at_risk = [monday for monday in missed[max(allowed, 1) - 1 :] if monday.isoformat() not in warned]
    if not at_risk:
        return None
    day = add_days(at_risk[0] + LAST_DAY, limits.search_warning_days)
    return max([day, *(add_days(last, limits.search_cure_days) for last in warned.values())])


def weeks_to_warn_of(missed: list[date], case: Case, programme: Programme, today: date) -> list[date]:
    """The missed weeks that are over and that no warning has named yet."""
    over = today - LAST_DAY - timedelta(days=programme.limits.search_warning_days)
    return [monday for monday in missed if monday <= over and monday.isoformat() not in case.enrolment.warned_weeks]


def spans_of(mondays: list[date]) -> list[str]:
    """The same weeks as spans of days, each with the weeks that follow it without a gap."""
    spans: list[tuple[date, date]] = []
    for monday in mondays:
        first = spans.pop()[0] if spans and spans[-1][1] + timedelta(days=1) == monday else monday
        spans.append((first, monday + LAST_DAY))
    return [span(first, last) for first, last in spans]


def at_risk_from(case: Case, programme: Programme) -> date | None:
    """The day from which this graduate is on the early-risk list: few days left, and nothing heard for a while."""
    end, limits = case.guarantee.window_end, programme.limits
    if end is None or case.enrolment.status != "qualified" or case.guarantee.decision != "open":
        return None
    day = max(
        end - timedelta(days=limits.risk_days_left), add_days(last_heard_on(case), limits.risk_quiet_days)
    )  # fmt: skip
    return day if day <= end else None


def contact_overdue_from(case: Case, programme: Programme) -> date | None:
    """The day on which careers should have been in touch with a graduate at risk, and the case becomes theirs."""
    day = at_risk_from(case, programme)
    if day is None or case.enrolment.contact_due_on is not None:
        return None
    return add_days(day, programme.limits.risk_contact_days)


def last_heard_on(case: Case) -> date:
    """The last day on which the graduate did something about the search, or careers were in touch."""
    enrolment = case.enrolment
    assert enrolment.qualified_on is not None
    days = [enrolment.qualified_on, enrolment.last_contact_on]
    days += [date.fromisoformat(monday) + LAST_DAY for monday, number in enrolment.weeks.items() if number > 0]
    days += [offer.offered_on for offer in enrolment.job_offers.values()]
    days += [
        report.reported_on
        for report in case.placements.values()
        if report.source == Role.APPLICANT and report.status in STANDING
    ]
    return max(day for day in days if day is not None)

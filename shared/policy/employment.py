"""From what was reported of a graduate's jobs to the statuses of an outcome statistic.

Other questions than those of the refund decision, over the same facts: neither is derived from the other. Whoever
changes what a job counts as gives `RULES` in `shared/reports/refresh.py` another number, and all reports are made anew.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from shared.domain.calendar import add_months
from shared.domain.money import minor_digits
from shared.policy.outcomes import Placement, Salary

FULL_TIME_HOURS_MIN = 30
FULL_TIME_MONTHS_MIN = 6
FREEZE_DAYS = 3
"""The survey of intent closes at the end of the third day of the course: CIRR, collecting students' intent."""
NEVER_BEGAN = ("rescinded", "insolvency_before_start", "visa_refused")


class Job(NamedTuple):
    """What is on record of one job. `is_vouched`: the graduate says so, or a person has verified it."""

    is_vouched: bool
    is_retracted: bool
    contract: str
    field: str
    employer: str
    hours: int | None
    reported_on: date
    contract_signed_on: date | None = None
    offered_on: date | None = None
    starts_on: date | None = None
    fixed_end: date | None = None
    ended_on: date | None = None
    end_reason: str | None = None
    is_own_venture: bool = False
    base_minor: int | None = None
    currency: str | None = None


def accepted_on(job: Job) -> date:
    """The day on which the job was accepted; with no date of its own the day of the report, never an earlier one."""
    return job.contract_signed_on or job.offered_on or job.starts_on or job.reported_on


def status_of(job: Job, qualified_on: date) -> str | None:
    """The status after CIRR, 1A to 2B; None where the report counts for nothing (doubted, undone, unpaid, not begun).

    What is not known never makes a status better: an unknown field is out of the field, unknown hours are part-time.
    """
    if not job.is_vouched or job.is_retracted or job.contract == "volunteer" or job.end_reason in NEVER_BEGAN:
        return None
    if job.ended_on is not None and job.ended_on <= qualified_on:
        return None
    if job.field != "in":
        return "2A" if job.employer == "programme" else "2B"
    if job.employer == "programme":
        return "1C"
    if job.contract == "self_employed":
        return "1D" if job.is_own_venture else "1E"
    if not is_full_time(job):
        return "1E"
    if job.contract == "permanent":
        return "1A"
    return "1B" if _lasts(job) else "1E"


def is_full_time(job: Job) -> bool | None:
    """Thirty hours a week or more; None: not known."""
    return None if job.hours is None else job.hours >= FULL_TIME_HOURS_MIN


def _lasts(job: Job) -> bool:
    """Whether a contract with an end runs for six months: it ends on the day before the same-numbered day, or later."""
    if job.starts_on is None or job.fixed_end is None:
        return False
    return job.fixed_end >= add_months(job.starts_on, FULL_TIME_MONTHS_MIN) - timedelta(days=1)


def placement_of(job: Job, qualified_on: date) -> Placement | None:
    """The job as a roster holds it, its days counted from qualifying; None where it counts for nothing."""
    status = status_of(job, qualified_on)
    if status is None:
        return None
    salary = None
    if job.base_minor is not None and job.currency is not None:
        salary = Salary(Decimal(job.base_minor).scaleb(-minor_digits(job.currency)), job.currency)
    return Placement(
        (accepted_on(job) - qualified_on).days,
        status,
        salary,
        job.contract,
        is_full_time(job),
        None if job.starts_on is None else (job.starts_on - qualified_on).days,
        None if job.ended_on is None else (job.ended_on - qualified_on).days,
    )


def intent_closes_on(started_on: date | None) -> date | None:
    """The last day on which intent may be declared; None while the course has not begun."""
    return None if started_on is None else started_on + timedelta(days=FREEZE_DAYS - 1)


def frozen_intent(said: list[tuple[date, str]], started_on: date | None) -> str:
    """The intent that was last declared by the third day of the course; a later change never counts. Unsaid: job."""
    last_day = intent_closes_on(started_on)
    in_time = [intent for day, intent in said if last_day is None or day <= last_day]
    return in_time[-1] if in_time else "job"


def final_of(is_student: bool, was_heard: bool) -> str:
    """How the search stands for whoever has no job: not seeking, not reporting, else still seeking."""
    if is_student:
        return "3B"
    return "3A" if was_heard else "4"

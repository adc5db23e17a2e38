"""Which reports are about one job, and whether their sources agree on it.

A function of the set of reports and the diploma's day: neither the reports' order nor how often one came matters
(ADR 10).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from shared.domain.calendar import days_from
from shared.domain.life_cycle import Role
from shared.domain.placement import NEVER_BEGAN, Placement

if TYPE_CHECKING:
    from shared.domain.case import Case

COMPARED = (
    "contract", "field", "employer", "hours", "contract_signed_on", "offered_on", "starts_on", "fixed_end", "renews",
    "denies",
)  # fmt: skip
"""What the policy looks at, but for the end. A source that does not say one of them contradicts nobody."""

END = ("ended_on", "end_reason")
"""Compared where an end could change the answer: then who reports a job without one says that it is still held."""

RETENTION_DAYS_MAX = 35
"""No terms ask that a job last longer: an end after so many days of work leaves the answer as it is."""

VOUCHED = ("verified", "stated")
NEEDS_A_PERSON = ("told", "disputed", "disagreement")


@dataclass(frozen=True)
class Job:
    """One job: the reports about it, what counts as known of it, and how well that is known.

    `verified`: a person vouches. `stated`: the graduate says so and nobody contradicts. `told`: only others say so.
    `disputed`: somebody doubts it, or it would have ended before it began. `disagreement`: its sources contradict each
    other. `retracted`: never true.
    """

    id: str
    reports: tuple[str, ...]
    known: Placement
    state: str
    differs: tuple[str, ...] = ()

    @property
    def needs_a_person(self) -> bool:
        """Whether careers have to settle it before it counts for or against."""
        return self.state in NEEDS_A_PERSON


def jobs(case: Case) -> list[Job]:
    """The jobs that the case's reports are about, by id. What was reported of somebody else is none of them."""
    standing = {key: each for key, each in case.placements.items() if each.status != "retracted"}
    found = [
        _job({key: standing[key] for key in group}, case.enrolment.qualified_on)
        for group in _groups(standing)
        if not all(standing[key].denies for key in group)
    ]
    found += [
        Job(key, (key,), each.model_copy(update={"ended_on": None, "end_reason": None}), "retracted")
        for key, each in case.placements.items()
        if each.status == "retracted" and not each.wrong_person
    ]
    return sorted(found, key=lambda job: job.id)


def job_of(case: Case, report: str) -> Job | None:
    """The job that a report is about."""
    return next((job for job in jobs(case) if report in job.reports), None)


def _groups(standing: dict[str, Placement]) -> Iterable[list[str]]:
    """Reports of different sources with the same day of signature or first day are about one job, unless careers
    said otherwise; a person's word replaces the days. A wrong match costs a question to a person, never a decision."""
    parent = {key: key for key in standing}

    def root(key: str) -> str:
        while parent[key] != key:
            key = parent[key]
        return key

    same_day: dict[tuple[str, str], list[str]] = {}
    for key, each in sorted(standing.items()):
        if each.job is not None:
            if each.job in standing:
                parent[root(key)] = root(each.job)
            continue
        for name in ("contract_signed_on", "starts_on"):
            if (day := getattr(each, name)) is not None:
                same_day.setdefault((name, day.isoformat()), []).append(key)
    for keys in same_day.values():
        if len({(standing[key].source, standing[key].source_id) for key in keys}) > 1:
            for key in keys[1:]:
                parent[root(key)] = root(keys[0])
    groups: dict[str, list[str]] = {}
    for key in sorted(standing):
        groups.setdefault(root(key), []).append(key)
    return groups.values()


def _job(reports: dict[str, Placement], qualified_on: date | None) -> Job:
    """What is known of a job: what a person verified, else what the graduate says, else what the first other says."""
    base = min(reports, key=lambda key: (_rank(reports[key]), key))
    known = reports[base]
    verified = known.status == "verified"
    voices = {key: each for key, each in reports.items() if key != base and not (verified and each.settled)}
    is_decisive = any(_could_decide(each, known, qualified_on) for each in (known, *voices.values()))
    compared = COMPARED + END if is_decisive else COMPARED
    differs = sorted({name for each in voices.values() for name in compared if _contradicts(name, each, known)})
    if known.ended_before_start or any(each.status == "disputed" for each in (known, *voices.values())):
        state = "disputed"
    elif differs:
        state = "disagreement"
    elif verified:
        state = "verified"
    else:
        state = "stated" if known.source == Role.APPLICANT else "told"
    return Job(base, tuple(reports), known if is_decisive else _as_ended(known, voices), state, tuple(differs))


def _rank(report: Placement) -> int:
    if report.denies:
        return 3
    if report.status == "verified":
        return 0
    return 1 if report.source == Role.APPLICANT else 2


def _could_decide(report: Placement, known: Placement, qualified_on: date | None) -> bool:
    """Whether the end that a report tells could change the answer: too early, before the diploma, or never a start."""
    if report.ended_on is None:
        return False
    if qualified_on is None or report.ended_on <= qualified_on:
        return True
    if known.starts_on is None or report.end_reason in NEVER_BEGAN:
        return True
    return days_from(known.starts_on, report.ended_on) < RETENTION_DAYS_MAX


def _as_ended(known: Placement, voices: dict[str, Placement]) -> Placement:
    """The job with the last end that others tell of, where what is known of it says none: they speak of later days."""
    told = [each for each in voices.values() if each.ended_on is not None]
    if known.ended_on is not None or not told:
        return known
    last = max(told, key=lambda each: (each.ended_on, each.end_reason or ""))
    return known.model_copy(update={name: getattr(last, name) for name in END})


def _contradicts(name: str, report: Placement, known: Placement) -> bool:
    said, other = getattr(report, name), getattr(known, name)
    if name == "ended_on":
        return bool(said != other)
    return said != other and said not in (None, "unknown") and other not in (None, "unknown")

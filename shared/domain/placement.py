"""A placement report: who says that this person found work. Each report has its own life; the verdict is derived."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import Field

from shared.domain.events import Event, Record
from shared.domain.life_cycle import NONE, LifeCycle, Role, row

if TYPE_CHECKING:
    from shared.domain.case import Case

APPLICANT, CAREERS, PARTNER = Role.APPLICANT, Role.CAREERS, Role.PARTNER

STANDING = ("reported", "verified", "disputed")
NEVER_BEGAN = ("rescinded", "insolvency_before_start", "visa_refused")
"""Reasons of an end by which there was never a day of work."""
STATES = (NONE, *STANDING, "retracted")

PLACEMENT = LifeCycle(
    "placement",
    STATES,
    (
        row("report_placement", "placement_reported", [NONE], "reported", [APPLICANT, CAREERS, PARTNER],
            "Somebody says that the person has a job."),
        row("verify_placement", "placement_verified", STANDING, "verified", [CAREERS],
            "A careers officer saw the evidence and vouches for the job."),
        row("dispute_placement", "placement_disputed",
            ["reported", "verified"], "disputed", [CAREERS, APPLICANT, PARTNER],
            "The job is doubted; until a person settles it, nobody counts it for or against."),
        row("correct_placement", "placement_corrected", ["reported", "disputed"], None, [APPLICANT, PARTNER],
            "Whoever made the report says it anew; what was said before stays in the chain."),
        row("contradict_verified", "placement_corrected", ["verified"], "disputed", [PARTNER],
            "A source says anew what a person had verified otherwise; careers settle it again."),
        row("match_placement", "placement_matched", STANDING, None, [CAREERS],
            "A careers officer says which job a report is about: that of another report, or one of its own."),
        row("request_confirmation", "confirmation_requested", STANDING, None, [APPLICANT, CAREERS],
            "The employer's contact is asked by mail to confirm the report with one click."),
        row("add_evidence", "evidence_added", STANDING, None, [APPLICANT, CAREERS],
            "A contract, a payslip or another document is laid beside the report that it supports."),
        row("retract_placement", "placement_retracted",
            [*STANDING, "retracted"], "retracted", [APPLICANT, CAREERS, PARTNER],
            "The report is taken back, or found to be about somebody else; the claim's notice starts anew."),
        row("end_placement", "placement_ended", STANDING, None, [APPLICANT, CAREERS, PARTNER],
            "The job ended: on which day, and why."),
    ),
)  # fmt: skip


class Placement(Record):
    """One report. Dates as told by its source; the employer's name stands with the person, not here."""

    status: str = NONE
    source: str
    source_id: str
    reported_on: date
    contract: str
    field: str = "unknown"
    employer: str = "external"
    hours: int | None = None
    base_minor: int | None = None
    base_currency: str | None = None
    contract_signed_on: date | None = None
    offered_on: date | None = None
    starts_on: date | None = None
    fixed_end: date | None = None
    renews: str | None = None
    ended_on: date | None = None
    end_reason: str | None = None
    retention_checked: bool = False
    """Whether the graduate was asked if the job holds, by the first day that is on record now."""
    evidence: list[str] = Field(default_factory=list)
    """Documents of the case that support it."""
    job: str | None = None
    """The report whose job this one is about, where somebody has said so; itself: a job of its own."""
    settled: bool = False
    """A person verified the job with this report's word before them; it contradicts no more."""
    denies: bool = False
    """The employer answered that there is no such job."""
    confirmations: int = 0
    """How often an employer was asked by mail to confirm it."""
    wrong_person: bool = False
    """It was never about this person: nothing shows it, no figure counts it."""
    revision: int = 0
    told: dict[str, str] = Field(default_factory=dict)
    """Revision -> hash of what the source said in it, so that a report told again is known. So is an end: its day and
    reason -> `ended`."""

    @property
    def ended_before_start(self) -> bool:
        """Whether it would have ended before its first day, and not for a reason by which it never began."""
        if self.starts_on is None or self.ended_on is None or self.end_reason in NEVER_BEGAN:
            return False
        return self.ended_on < self.starts_on


def fold(case: Case, event: Event) -> None:
    """Add to the case what an event of this cycle says, beyond the state (which the table moves)."""
    placement_id = str(event.subject)
    if event.kind == "placement_reported":
        case.placements[placement_id] = Placement(
            source=event.actor.role,
            source_id=event.actor.id,
            reported_on=event.at.astimezone(case.zone).date(),
            **event.data,
        )
        return
    report = case.placements[placement_id]
    if event.kind == "placement_ended":
        report.ended_on, report.end_reason = event.occurred_on, event.data.get("end_reason")
        report.told |= event.data.get("told", {})
        report.settled = False
    elif event.kind == "placement_corrected":
        _state(report, event.data["facts"])
        report.told |= event.data.get("told", {})
        report.revision = max(report.revision, event.data["revision"])
        report.settled = report.settled and not event.data["facts"]
    elif event.kind == "placement_verified":
        _state(report, event.data.get("facts", {}))
        report.settled = False
        for other in event.data.get("settles", []):
            case.placements[other].settled = True
    elif event.kind == "placement_matched":
        report.job = event.data["job"]
    elif event.kind == "confirmation_requested":
        report.confirmations += 1
    elif event.kind == "evidence_added":
        report.evidence += [each for each in event.data["documents"] if each not in report.evidence]
    elif event.kind == "placement_retracted":
        report.wrong_person = report.wrong_person or event.reason == "wrong_person"


def _state(report: Placement, facts: dict[str, Any]) -> None:
    starts_on = report.starts_on
    for name, value in facts.items():
        setattr(report, name, date.fromisoformat(value) if name in DATES and value else value)
    report.retention_checked = report.retention_checked and report.starts_on == starts_on


DATES = ("contract_signed_on", "offered_on", "starts_on", "fixed_end", "ended_on")

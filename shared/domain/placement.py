"""A placement report: who says that this person found work. Each report has its own life; the verdict is derived."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from shared.domain.events import Event, Record
from shared.domain.life_cycle import NONE, LifeCycle, Role, row

if TYPE_CHECKING:
    from shared.domain.case import Case

APPLICANT, CAREERS, PARTNER = Role.APPLICANT, Role.CAREERS, Role.PARTNER

STANDING = ("reported", "verified", "disputed")
STATES = (NONE, *STANDING, "retracted")

PLACEMENT = LifeCycle(
    "placement",
    STATES,
    (
        row(
            "report_placement",
            "placement_reported",
            [NONE],
            "reported",
            [APPLICANT, CAREERS, PARTNER],
            "Somebody says that the person has a job.",
        ),
        row(
            "verify_placement",
            "placement_verified",
            ["reported", "disputed"],
            "verified",
            [CAREERS],
            "A careers officer saw the evidence and vouches for the job.",
        ),
        row(
            "dispute_placement",
            "placement_disputed",
            ["reported", "verified"],
            "disputed",
            [CAREERS, APPLICANT],
            "The job is doubted; until a person settles it, nobody counts it for or against.",
        ),
        row(
            "retract_placement",
            "placement_retracted",
            STANDING,
            "retracted",
            [APPLICANT, CAREERS, PARTNER],
            "The report is taken back; the claim's notice starts anew.",
        ),
        row(
            "end_placement",
            "placement_ended",
            STANDING,
            None,
            [APPLICANT, CAREERS, PARTNER],
            "The job ended: on which day, and why.",
        ),
    ),
)


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
    elif event.kind == "placement_ended":
        case.placements[placement_id].ended_on = event.occurred_on
        case.placements[placement_id].end_reason = event.data.get("end_reason")
    elif event.kind == "placement_verified":
        for name, value in event.data.get("facts", {}).items():
            stated = date.fromisoformat(value) if name in DATES and value else value
            setattr(case.placements[placement_id], name, stated)


DATES = ("contract_signed_on", "offered_on", "starts_on", "fixed_end", "ended_on")

"""Repairs that staff may make to a record: each an act with a reason, told to the person, and signed by another
person where a right hangs on it. (A lapsed offer is given back by reopening, an event of a partner by replaying it.)"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.custody import date_of
from shared.domain.errors import AlreadyExists, Forbidden, NotFound, invalid
from shared.use_cases.commands import load, require
from shared.use_cases.enrolments import signature_wait

if TYPE_CHECKING:
    from shared.bootstrap import Services


def move_intake(change: Change, *, intake: str, reason: str, note: str | None = None) -> None:
    """The person begins with another intake of the programme, as long as the course has not begun."""
    case, wanted = change.case, change.programme.intake(intake)
    change.check("intake_moved")
    if wanted is None or intake == case.intake:
        raise invalid("/intake", "unknown" if wanted is None else "unchanged")
    begun = case.enrolment.status not in ("none", "contract_sent", "contract_received", "contracted")
    require(not begun, "course-begun", "The course has begun, or the enrolment has ended; the intake stays.")
    require(wanted.starts_on > change.today, "intake-over", "That intake has begun already.")
    change.record("intake_moved", reason=reason, note=note, intake=intake)
    change.tell("intake_moved", starts_on=wanted.starts_on.isoformat())


async def close_duplicate(
    change: Change, services: Services, *, duplicate_of: str, reason: str, note: str | None = None
) -> None:
    """Close a case because the same person has another one. Nothing is merged; reopening undoes it."""
    case = change.case
    change.check("duplicate_closed")
    require(case.enrolment.status in ("none", "withdrawn"), "contract-sent", "A contract was sent on this case.")
    if duplicate_of == case.case_id:
        raise invalid("/duplicate_of", "itself")
    try:
        other, _ = await load(services, duplicate_of, change.actor)
    except NotFound:
        raise invalid("/duplicate_of", "unknown") from None
    require(other.programme == case.programme, "other-programme", "That case is of another programme.")
    require(other.application.status != "duplicate", "closed-itself", "That case was closed as a duplicate itself.")
    change.record("duplicate_closed", reason=reason, note=note, duplicate_of=duplicate_of)
    change.tell("duplicate_closed")


def propose_correction(change: Change, *, what: str, day: date, reason: str, note: str | None = None) -> None:
    """Propose the right date for a wrong one on record."""
    corrections = change.case.custody.corrections
    was = date_of(change.case, what)
    require(was is not None, "date-missing", "There is no such date on record yet.")
    assert was is not None
    for each in corrections:
        if each.what == what and each.status == "proposed":
            raise AlreadyExists(each.id)
    if day == was:
        raise invalid("/day", "unchanged")
    _require_fitting(change, what, day)
    correction = f"t{len(corrections) + 1}"
    change.record("correction_proposed", correction, reason=reason, note=note, what=what, day=day.isoformat(),
                  was=was.isoformat())  # fmt: skip
    change.answer = {"correction_id": correction}


def sign_correction(change: Change, *, correction: str, outcome: str, reason: str, note: str | None = None) -> None:
    """Another person signs a proposed date, which holds from now on; or it is dropped."""
    found = change.case.custody.correction(correction)
    if found is None:
        raise NotFound(correction)
    require(found.status == "proposed", "already-ruled", "This has been decided already.")
    if outcome == "drop":
        change.record("correction_dropped", correction, reason=reason, note=note)
        return
    change.check("correction_signed", correction)
    if change.actor.id == found.proposed_by:
        raise Forbidden("same-person")
    require(date_of(change.case, found.what) == found.was, "out-of-order", "The date has changed since.")
    _require_fitting(change, found.what, found.day)
    change.record("correction_signed", correction, on=found.day, reason=reason, note=note)
    change.tell("date_corrected", what=found.what, was=found.was.isoformat(), day=found.day.isoformat())


def _require_fitting(change: Change, what: str, day: date) -> None:
    """The dates of an enrolment keep their order: sent, received, signed, begun, qualified, revoked or ended."""
    before, after = _neighbours(change.case, what, signature_wait(change.case, change.programme))
    latest = min(after, change.today)
    require(before <= day <= latest, "out-of-order", "That date does not fit the dates before and after it.")


def _neighbours(case: Case, what: str, wait: timedelta) -> tuple[date, date]:
    """The first and the last day that this date can be, for the others' sake."""
    enrolment, contract = case.enrolment, case.enrolment.contract
    sent = contract.sent_on if contract else date.min
    signed = contract.signed_on if contract and contract.signed_on else None
    spans: dict[str, tuple[date | None, date | None]] = {
        "received_on": (sent, signed - wait if signed else None),
        "started_on": (signed, enrolment.qualified_on or enrolment.ended_on),
        "qualified_on": (enrolment.started_on or signed, enrolment.revoked_on),
        "ended_on": (signed or sent, None),
        "revoked_on": (enrolment.qualified_on, None),
    }
    first, last = spans[what]
    return first or date.min, last or date.max

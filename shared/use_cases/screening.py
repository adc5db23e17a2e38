"""What staff do with an application: screen, assess, decide. People decide; every refusal names its reasons."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from shared.domain.application import Assessment
from shared.domain.change import Change
from shared.domain.enrolment import UNSIGNED
from shared.domain.errors import Forbidden, NotFound, invalid
from shared.domain.four_eyes import Step
from shared.use_cases.commands import require
from shared.use_cases.proposals import propose_return_of_money


def assign(change: Change, *, specialist: str) -> None:
    """Give the case to a specialist; the first time, screening begins. Nobody who acted otherwise, or is close to the
    person, may screen it."""
    if change.case.custody.binds(specialist):
        raise Forbidden("conflict")
    if Step(step="screen", by=specialist) not in change.case.steps and any(
        step.by == specialist for step in change.case.steps
    ):
        raise Forbidden("same-person")
    change.record("specialist_assigned", specialist=specialist)


def record_screening(change: Change, *, kind: str, note: str | None = None) -> None:
    """Contacted, call held, degree verified or doubted, or a note. Free text is kept apart, erasable."""
    require(kind != "note" or note, "note-empty", "A note needs its text.")
    change.record("screening_recorded", kind=kind, note=note)


def recommend(change: Change, *, outcome: str, note: str | None = None) -> None:
    """The specialist ends screening: on to the tests, or to admissions with advice against."""
    change.record("assessment_recommended" if outcome == "assess" else "assessment_advised_against", note=note)


def record_assessment(
    change: Change,
    *,
    assessment_id: str,
    kind: str,
    outcome: str,
    score: int | None = None,
    accommodation_open: bool = False,
    took_place_on: date | None = None,
    note: str | None = None,
) -> None:
    """A test or an interview. Told twice by staff and partner it is one; the last one ends assessment."""
    if kind not in change.programme.assessments:
        raise invalid("/kind", "unknown")
    known = next((each for each in change.case.application.assessments if each.id == assessment_id), None)
    facts: dict[str, Any] = {
        "kind": kind, "outcome": outcome, "score": score, "accommodation_open": accommodation_open,
    }  # fmt: skip
    if known is not None and all(getattr(known, name) == value for name, value in facts.items()):
        return
    change.record("assessment_recorded", assessment_id, on=took_place_on, note=note, **facts)
    if change.case.application.status == "assessment" and _all_in(change):
        change.record("assessment_completed")


def _all_in(change: Change) -> bool:
    # By the day on which they took place, whichever came first; of two on one day, "again" is the earlier word.
    taken = sorted(change.case.application.assessments, key=lambda each: (each.on, each.outcome != "retake", each.id))
    latest: dict[str, Assessment] = {each.kind: each for each in taken}
    return all(
        kind in latest and latest[kind].outcome in ("passed", "failed") and not latest[kind].accommodation_open
        for kind in change.programme.assessments
    )


def decide_admission(
    change: Change,
    *,
    outcome: str,
    conditions: list[dict[str, Any]] | None = None,
    reasons: list[str] | None = None,
    answer_by: date | None = None,
    note: str | None = None,
) -> None:
    """Offer (with conditions), waitlist, or reject with reasons from the programme's closed list."""
    if outcome == "offer":
        _offer(change, conditions or [], answer_by, note)
    elif outcome == "waitlist":
        change.record("waitlisted", note=note)
        change.tell("waitlisted")
    else:
        _reject(change, reasons or [], note)


def _offer(change: Change, conditions: list[dict[str, Any]], answer_by: date | None, note: str | None) -> None:
    soonest = change.today + timedelta(days=1)
    deadline = answer_by or change.today + timedelta(days=change.programme.limits.offer_answer_days)
    if deadline < soonest:
        raise invalid("/answer_by", "past")
    numbered = {
        f"c{number}": {"kind": each["kind"], "due_on": each["due_on"].isoformat()}
        for number, each in enumerate(conditions, start=1)
    }
    change.record("offer_made", conditions=numbered, answer_by=deadline.isoformat(), note=note)
    change.tell("offer", answer_by=deadline.isoformat())


def _reject(change: Change, reasons: list[str], note: str | None) -> None:
    change.check("application_rejected")
    if not reasons or any(reason not in change.programme.rejection_reasons for reason in reasons):
        raise invalid("/reasons", "unknown" if reasons else "missing")
    require(
        not any(each.accommodation_open for each in change.case.application.assessments),
        "accommodation-open",
        "A request for accommodation is open; nobody is rejected before it is settled.",
    )
    change.record("application_rejected", reasons=reasons, note=note)
    change.tell("rejected", reasons=reasons)


def withdraw_offer(change: Change, *, reasons: list[str], note: str | None = None) -> None:
    """Take an offer back before a contract was signed; one that was sent goes back with it, and a deposit too."""
    case = change.case
    is_sent = case.enrolment.status in UNSIGNED
    require(
        is_sent or case.is_on_the_way_in, "contract-signed", "A contract was signed; the offer can no longer go back."
    )
    change.check("offer_withdrawn")
    if is_sent:
        change.record("contract_taken_back")
        propose_return_of_money(change, "cancellation")
    change.record("offer_withdrawn", reasons=reasons, note=note)
    change.tell("offer_withdrawn", reasons=reasons)


def rule_condition(
    change: Change, *, condition_id: str, outcome: str, due_on: date | None = None, note: str | None = None
) -> None:
    """A condition of the offer is met, not met (which ends the offer), or gets a later date."""
    offer = change.case.application.offer
    if offer is None or condition_id not in offer.conditions:
        raise NotFound(condition_id)
    if outcome == "not_met":
        require(
            change.case.enrolment.status in ("none", "withdrawn"),
            "contract-sent",
            "A contract was sent; its own rules hold now.",
        )
        change.record("condition_failed", condition_id, outcome="not_met", note=note)
        change.tell("conditions_not_met", condition=offer.conditions[condition_id].kind)
        return
    if outcome == "extended" and (due_on is None or due_on <= offer.conditions[condition_id].due_on):
        raise invalid("/due_on", "not_later")
    extra: dict[str, Any] = {"due_on": due_on.isoformat()} if outcome == "extended" and due_on else {}
    change.record("condition_ruled", condition_id, outcome=outcome, note=note, **extra)


def reopen(change: Change, *, reason: str, note: str | None = None) -> None:
    """Open a closed application again; a lapsed offer is given back for as long as the programme allows."""
    application, limits = change.case.application, change.programme.limits
    lapsed_on = application.offer.lapsed_on if application.offer else None
    may_undo = lapsed_on is not None and change.today <= lapsed_on + timedelta(days=limits.offer_lapse_undo_days)
    if application.status == "declined_by_default" and may_undo:
        answer_by = change.today + timedelta(days=limits.offer_answer_days)
        change.record("offer_lapse_undone", reason=reason, note=note, answer_by=answer_by.isoformat())
        change.tell("offer", answer_by=answer_by.isoformat())
        return
    require(change.case.enrolment.status in ("none", "withdrawn"), "contract-sent", "There is a contract on this case.")
    change.record("application_reopened", reason=reason, note=note)
    change.tell("reopened")

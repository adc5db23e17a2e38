"""Nobody acts twice in one chain: one guard over everybody who has acted on a case before."""

from __future__ import annotations

from shared.domain.errors import Forbidden
from shared.domain.events import Actor, Event, Record
from shared.domain.life_cycle import Role

STEP_OF = {
    "specialist_assigned": "screen",
    "screening_recorded": "screen",
    "assessment_recommended": "screen",
    "assessment_advised_against": "screen",
    "offer_made": "admit",
    "waitlisted": "admit",
    "application_rejected": "admit",
    "placement_verified": "settle",
    "placement_disputed": "settle",
    "placement_retracted": "settle",
    "placement_matched": "settle",
    "job_offer_ruled": "settle",
    "introduction_moved": "settle",
    "pause_ended": "settle",
    "money_recorded": "book",
    "diploma_awarded": "award",
    "diploma_revoked": "award",
    "limit_extended": "award",
    "leave_granted": "admit",
    "leave_ended": "admit",
    "correction_proposed": "award",
    "correction_signed": "award",
    "duplicate_closed": "admit",
    "pause_ruled": "settle",
    "weeks_exempted": "settle",
    "search_week_logged": "settle",
    "criterion_waived": "settle",
    "call_back_recorded": "call_back",
    "contract_cancelled": "request",
    "contract_terminated": "request",
    "expiry_proposed": "request",
    "refund_approved": "sign",
    "refund_refused": "sign",
    "refund_lapsed": "sign",
    "refund_reapproved": "sign",
    "proposal_returned": "sign",
    "proposal_dropped": "sign",
    "enrolment_expired": "sign",
    "payment_started": "pay",
    "appeal_upheld": "appeal",
    "appeal_overturned": "appeal",
    "refund_released": "release",
    "recovery_signed": "recover",
    "recovery_recorded": "close_recovery",
    "recovery_waived": "close_recovery",
}
"""Event -> the step of the chain that it is. Whoever took one step may not take another, in any role."""

MACHINES = frozenset({Role.APPLICANT, Role.PARTNER, Role.SYSTEM})
"""Not members of staff: the claimant has no staff routes, and software signs nothing."""

RING_ABOUT_CONTACT = frozenset({Role.SPECIALIST, Role.ADMISSIONS})
"""Who rings people about their address or number, and about nothing else."""


class Step(Record):
    """Who took which step of the chain."""

    step: str
    by: str


def step_of(kind: str, actor: Actor) -> str | None:
    """The step that such an event by this actor is, if it is one."""
    # Whoever screens or admits rings only about mail that does not arrive, and goes on screening.
    return None if kind == "call_back_recorded" and actor.role in RING_ABOUT_CONTACT else STEP_OF.get(kind)


def remember(steps: list[Step], event: Event) -> None:
    """Note the step that an event is, once for each person."""
    step = step_of(event.kind, event.actor)
    if step is None:
        return
    by = event.data["specialist"] if event.kind == "specialist_assigned" else event.actor.id
    if event.kind != "specialist_assigned" and event.actor.role in MACHINES:
        return
    if not any(each.step == step and each.by == by for each in steps):
        steps.append(Step(step=step, by=by))


def guard(steps: list[Step], kind: str, actor: Actor) -> None:
    """Raise `Forbidden("same-person")` if this person took another step of this case's chain before."""
    step = step_of(kind, actor)
    # Assigning is no step of whoever assigns; the use case holds the guard against the specialist who is assigned.
    if step is None or actor.role in MACHINES or kind == "specialist_assigned":
        return
    if any(each.by == actor.id and each.step != step for each in steps):
        raise Forbidden("same-person")

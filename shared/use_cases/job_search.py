"""The graduate's search: declarations, pauses, weeks, job offers and waivers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from shared.domain.calendar import is_monday, span
from shared.domain.change import Change
from shared.domain.errors import AlreadyExists, NotFound, invalid
from shared.domain.life_cycle import Role
from shared.policy.criteria import WAIVABLE
from shared.policy.employment import intent_closes_on
from shared.use_cases.commands import require, require_room
from shared.use_cases.documents import blobs_of
from shared.use_cases.guarantee import judge
from shared.use_cases.search_log import closes_on

if TYPE_CHECKING:
    from shared.bootstrap import Services

FAR = timedelta(days=2 * 366)


def declare(change: Change, *, fact: str, value: str, placement: str | None = None) -> None:
    """The person declares a fact that only they know."""
    if (placement is not None or fact == "self_employment_attested") and placement not in change.case.placements:
        raise NotFound(str(placement))
    if fact == "intent":
        change.check("declared")
        last_day = intent_closes_on(change.case.enrolment.started_on)
        closed = "The survey of intent closed on the third day of the course; a later change does not count."
        require(last_day is None or change.today <= last_day, "survey-closed", closed)
    if fact == "consent":
        change.person["/consents/employers"] = value
    change.record("declared", placement, fact=fact, value=value)


def request_pause(change: Change, *, first_day: date, last_day: date | None = None, kind: str = "other") -> None:
    """The graduate asks that the window be paused. The kind is a word for people; certificates are documents."""
    if last_day is not None and last_day < first_day:
        raise invalid("/last_day", "before_first_day")
    _refuse_far(change, first_day=first_day, last_day=last_day)
    require_room(change, "pause", [pause.id for pause in change.case.enrolment.pauses])
    pause_id = f"b{len(change.case.enrolment.pauses) + 1}"
    change.record(
        "pause_requested",
        pause_id,
        first_day=first_day.isoformat(),
        last_day=last_day.isoformat() if last_day else None,
        kind=kind,
    )
    change.answer = {"pause_id": pause_id}


def rule_pause(
    change: Change, services: Services, *, pause_id: str, outcome: str, reason: str | None = None,
    note: str | None = None,
) -> None:  # fmt: skip
    """Careers approve, reject or revoke a pause."""
    pause = _pause(change, pause_id)
    allowed = {"approved": ("requested",), "rejected": ("requested",), "revoked": ("approved",)}
    require(pause.status in allowed[outcome], "already-ruled", f"This pause is {pause.status}.")
    change.record("pause_ruled", pause_id, outcome=outcome, reason=reason, note=note)
    _tell_of_pause(change, services, pause_id, outcome, reason)


def _tell_of_pause(change: Change, services: Services, pause_id: str, outcome: str, reason: str | None = None) -> None:
    """Tell what became of a pause, and when the window now ends."""
    pause = _pause(change, pause_id)
    judgement = judge(change.case, change.programme, services.terms, change.now)
    end = judgement.decision.window_end if judgement is not None else None
    change.tell(
        "pause_ruled", outcome=outcome, days=span(pause.first_day, pause.last_day), reason=reason,
        window_end=end.isoformat() if end else None,
    )  # fmt: skip


def end_pause(change: Change, services: Services, *, pause_id: str, last_day: date) -> None:
    """Give a pause its last day. Where it moves the window, the graduate is told; of one that was asked for, the
    ruling tells."""
    pause = _pause(change, pause_id)
    if last_day < pause.first_day:
        raise invalid("/last_day", "before_first_day")
    change.record("pause_ended", pause_id, last_day=last_day.isoformat())
    if pause.status == "approved":
        _tell_of_pause(change, services, pause_id, "ended")


def _pause(change: Change, pause_id: str) -> Any:
    for pause in change.case.enrolment.pauses:
        if pause.id == pause_id:
            return pause
    raise NotFound(pause_id)


def _refuse_far(change: Change, **days: date | None) -> None:
    """No day of a search lies before its contract, or further ahead than two years: a slip of the pen would."""
    contract = change.case.enrolment.contract
    for name, day in days.items():
        before = contract is not None and contract.signed_on is not None and day and day < contract.signed_on
        if day is not None and (before or day > change.today + FAR):
            raise invalid(f"/{name}", "implausible")


def exempt_weeks(change: Change, *, first_day: date, last_day: date, note: str) -> None:
    """Careers' written advice to do something other than apply in these days; the advice is the note."""
    if last_day < first_day:
        raise invalid("/last_day", "before_first_day")
    _refuse_far(change, first_day=first_day, last_day=last_day)
    change.record("weeks_exempted", first_day=first_day.isoformat(), last_day=last_day.isoformat(), note=note)


def log_search_week(
    change: Change, *, monday: date, applications: int, documents: list[str] | None = None, note: str | None = None
) -> None:
    """How many applications the graduate sent in one week, with what shows them. A week to come is closed to all, a
    week long past to all but careers, who note why."""
    if not is_monday(monday):
        raise invalid("/monday", "not_a_monday")
    enrolment, proofs = change.case.enrolment, documents or []
    blobs = blobs_of(change, proofs)
    is_over = change.today > closes_on(change.case, change.programme, monday)
    if monday > change.today or (is_over and change.actor.role != Role.CAREERS):
        change.check("search_week_logged")
        require(False, "week-closed", "This week cannot be logged any more; careers can, if you show them why.")
    require(note is not None or change.actor.role != Role.CAREERS, "note-missing", "Say what this rests on, in a note.")
    known = enrolment.weeks.get(monday.isoformat())
    if known == applications and not set(proofs) - set(enrolment.proofs.get(monday.isoformat(), [])):
        return
    more: dict[str, Any] = {"documents": proofs} if proofs else {}
    change.record(
        "search_week_logged", on=monday, evidence=blobs, note=note, monday=monday.isoformat(),
        applications=applications, **more,
    )  # fmt: skip


def report_offer(change: Change, *, offered_on: date, employer: str | None = None, offer_id: str | None = None) -> None:
    """An employer made an offer. The partner's own id makes it one offer however often it is told."""
    subject = change.partners_id("o", offer_id) if offer_id else _next_own(change.case.enrolment.job_offers)
    change.answer = {"offer_id": subject}
    if subject in change.case.enrolment.job_offers:
        return
    require_room(change, "job offer", change.case.enrolment.job_offers)
    require(offered_on <= change.today + timedelta(days=1), "in-the-future", "That day has not come yet.")
    change.record("job_offer_reported", subject, on=offered_on)
    if employer:
        change.person[f"/employers/{subject}"] = employer


def _next_own(known: Iterable[str]) -> str:
    """The id after the highest of the person's own: offers that came with an introduction may have gone again."""
    return f"o{max((int(each[1:]) for each in known if '-' not in each), default=0) + 1}"


def answer_job_offer(change: Change, *, offer_id: str, outcome: str) -> None:
    """What became of a job offer. Where others say something else, or careers have ruled, careers look at it; what
    they knew when they ruled opens nothing again."""
    subject = change.partners_id("o", offer_id) if change.actor.role == Role.PARTNER else offer_id
    if subject not in change.case.enrolment.job_offers:
        raise NotFound(offer_id)
    offer, role = change.case.enrolment.job_offers[subject], change.actor.role
    is_ruled = offer.qualifying != "unknown"
    if offer.said.get(role) == outcome or (is_ruled and f"{role}:{outcome}" in offer.looked_at):
        return
    change.record("job_offer_answered", subject, outcome=outcome, stands=not offer.disagrees(role, outcome))


def rule_offer(
    change: Change, *, offer_id: str, qualifying: str, outcome: str | None = None, note: str | None = None
) -> None:
    """Careers say whether a job offer would have counted, and what became of it where that is in dispute."""
    if offer_id not in change.case.enrolment.job_offers:
        raise NotFound(offer_id)
    is_clear = outcome or qualifying == "no" or change.case.enrolment.job_offers[offer_id].is_agreed
    require(is_clear, "outcome-missing", "Not everybody says the same of this offer: say what became of it.")
    more: dict[str, Any] = {"outcome": outcome} if outcome else {}
    change.record("job_offer_ruled", offer_id, qualifying=qualifying, note=note, **more)


def waive(change: Change, *, criterion: str, reason: str, note: str | None = None) -> None:
    """Set a criterion aside for this person, with a reason. A waiver only ever helps."""
    if criterion not in WAIVABLE:
        raise invalid("/criterion", "unknown")
    if any(waiver.criterion == criterion for waiver in change.case.enrolment.waivers):
        raise AlreadyExists(criterion)
    change.record("criterion_waived", criterion=criterion, reason=reason, note=note)

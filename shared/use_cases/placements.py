"""The search for a job, and who found one: weeks, offers, pauses, declarations, placement reports and their verdict."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any

from shared.domain.calendar import is_monday
from shared.domain.change import Change
from shared.domain.errors import AlreadyExists, NotFound, invalid
from shared.domain.life_cycle import Role
from shared.domain.money import NotMoney, to_minor
from shared.domain.placement import Placement
from shared.policy.criteria import WAIVABLE
from shared.policy.employment import intent_closes_on
from shared.use_cases.commands import require

WEEKS_BACK_MAX = 6
"""How many weeks after its end a week's log may still be told by the graduate."""


def declare(change: Change, *, fact: str, value: str, placement: str | None = None) -> None:
    """The person declares a fact that only they know."""
    if fact == "self_employment_attested" and placement not in change.case.placements:
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
    pause_id = f"b{len(change.case.enrolment.pauses) + 1}"
    change.record(
        "pause_requested",
        pause_id,
        first_day=first_day.isoformat(),
        last_day=last_day.isoformat() if last_day else None,
        kind=kind,
    )
    change.answer = {"pause_id": pause_id}


def rule_pause(change: Change, *, pause_id: str, outcome: str, note: str | None = None) -> None:
    """Careers approve, reject or revoke a pause."""
    pause = _pause(change, pause_id)
    allowed = {"approved": ("requested",), "rejected": ("requested",), "revoked": ("approved",)}
    require(pause.status in allowed[outcome], "already-ruled", f"This pause is {pause.status}.")
    change.record("pause_ruled", pause_id, outcome=outcome, note=note)
    change.tell("pause_ruled", outcome=outcome)


def end_pause(change: Change, *, pause_id: str, last_day: date) -> None:
    """Give a pause its last day."""
    pause = _pause(change, pause_id)
    if last_day < pause.first_day:
        raise invalid("/last_day", "before_first_day")
    change.record("pause_ended", pause_id, last_day=last_day.isoformat())


def _pause(change: Change, pause_id: str) -> Any:
    for pause in change.case.enrolment.pauses:
        if pause.id == pause_id:
            return pause
    raise NotFound(pause_id)


def exempt_weeks(change: Change, *, first_day: date, last_day: date, note: str) -> None:
    """Careers' written advice to do something other than apply in these days; the advice is the note."""
    if last_day < first_day:
        raise invalid("/last_day", "before_first_day")
    change.record("weeks_exempted", first_day=first_day.isoformat(), last_day=last_day.isoformat(), note=note)


def log_search_week(change: Change, *, monday: date, applications: int) -> None:
    """How many applications the graduate sent in one week. A week to come, or long past, is closed."""
    if not is_monday(monday):
        raise invalid("/monday", "not_a_monday")
    newest = change.today - timedelta(days=change.today.weekday())
    if monday > newest or monday < newest - timedelta(weeks=WEEKS_BACK_MAX):
        change.check("search_week_logged")
        require(False, "week-closed", "Only this week and the last six can be logged.")
    if change.case.enrolment.weeks.get(monday.isoformat()) == applications:
        return
    change.record("search_week_logged", on=monday, monday=monday.isoformat(), applications=applications)


def report_offer(change: Change, *, offered_on: date, employer: str | None = None, offer_id: str | None = None) -> None:
    """An employer made an offer. The partner's own id makes it one offer however often it is told."""
    subject = _partners_id(change, "o", offer_id) if offer_id else f"o{len(change.case.enrolment.job_offers) + 1}"
    change.answer = {"offer_id": subject}
    if subject in change.case.enrolment.job_offers:
        return
    require(offered_on <= change.today + timedelta(days=1), "in-the-future", "That day has not come yet.")
    change.record("job_offer_reported", subject, on=offered_on)
    if employer:
        change.person[f"/employers/{subject}"] = employer


def answer_job_offer(change: Change, *, offer_id: str, outcome: str) -> None:
    """What became of a job offer."""
    subject = _partners_id(change, "o", offer_id) if change.actor.role == Role.PARTNER else offer_id
    if subject not in change.case.enrolment.job_offers:
        raise NotFound(offer_id)
    if change.case.enrolment.job_offers[subject].outcome != outcome:
        change.record("job_offer_answered", subject, outcome=outcome)


def rule_offer(change: Change, *, offer_id: str, qualifying: str, note: str | None = None) -> None:
    """Careers say whether a job offer would have counted."""
    if offer_id not in change.case.enrolment.job_offers:
        raise NotFound(offer_id)
    change.record("job_offer_ruled", offer_id, qualifying=qualifying, note=note)


def report_placement(
    change: Change, *, employer_name: str | None = None, placement_id: str | None = None, **facts: Any
) -> None:
    """Somebody says the person has a job. A partner's own id makes it one report however often it is told."""
    if placement_id is not None:
        subject = _partners_id(change, "p", placement_id)
    else:
        subject = f"p{len(change.case.placements) + 1}"
    change.answer = {"placement_id": subject}
    if subject in change.case.placements:
        return
    stated = {name: _plain(value) for name, value in _priced(facts).items() if value is not None}
    if "renews" in stated and stated["renews"] not in change.case.placements:
        raise invalid("/renews", "unknown")
    _plausible(change, facts)
    change.record("placement_reported", subject, **stated)
    if employer_name:
        change.person[f"/employers/{subject}"] = employer_name


def _priced(facts: dict[str, Any], pointer: str = "") -> dict[str, Any]:
    """The facts with the yearly base pay in minor units, as it is stored."""
    said = facts.get("base_pay")
    if said is None:
        return {name: value for name, value in facts.items() if name != "base_pay"}
    money = said if isinstance(said, dict) else said.model_dump()
    try:
        base_minor = to_minor(money["amount"], money["currency"])
    except NotMoney as error:
        raise invalid(f"{pointer}/base_pay/amount", "not_money") from error
    kept = {name: value for name, value in facts.items() if name != "base_pay"}
    return kept | {"base_minor": base_minor, "base_currency": money["currency"]}


def _plausible(change: Change, facts: dict[str, Any]) -> None:
    horizon = change.today + timedelta(days=366)
    for name in ("contract_signed_on", "offered_on"):
        if facts.get(name) and facts[name] > change.today + timedelta(days=1):
            raise invalid(f"/{name}", "in_the_future")
    if facts.get("starts_on") and facts["starts_on"] > horizon:
        raise invalid("/starts_on", "implausible")


def end_placement(
    change: Change, *, placement: str, ended_on: date, end_reason: str | None = None, retracted: bool = False
) -> None:
    """A job ended: on which day and why. A report that was never true is retracted instead."""
    subject = _partners_id(change, "p", placement) if change.actor.role == Role.PARTNER else placement
    known = change.case.placements.get(subject)
    if known is None:
        raise NotFound(placement)
    if retracted:
        retract_placement(change, placement=placement)
        return
    if (known.ended_on, known.end_reason) == (ended_on, end_reason):
        return
    if _is_anothers(change, known):
        # The person denies what another source says or a person verified: careers settle it, with the evidence.
        if known.status != "disputed":
            said = f"The graduate says it ended on {ended_on.isoformat()}: {end_reason or 'no reason given'}."
            change.record("placement_disputed", subject, note=said)
        return
    require(ended_on <= change.today + timedelta(days=1), "in-the-future", "That day has not come yet.")
    reason: dict[str, Any] = {"end_reason": end_reason} if end_reason else {}
    change.record("placement_ended", subject, on=ended_on, **reason)


def retract_placement(change: Change, *, placement: str) -> None:
    """The report is taken back by whoever made it; it was never true."""
    subject = _partners_id(change, "p", placement) if change.actor.role == Role.PARTNER else placement
    known = change.case.placements.get(subject)
    if known is None:
        raise NotFound(placement)
    require(
        not _is_anothers(change, known),
        "not-yours-to-retract",
        "Only whoever made a report may take it back, and not once a person has verified it.",
    )
    if known.status != "retracted":
        change.record("placement_retracted", subject)


def _is_anothers(change: Change, placement: Placement) -> bool:
    """Whether the person speaks about a report that is not theirs alone any more."""
    theirs = placement.source == Role.APPLICANT and placement.status != "verified"
    return change.actor.role == Role.APPLICANT and not theirs


def rule_placement(
    change: Change,
    *,
    placement: str,
    outcome: str,
    facts: dict[str, Any] | None = None,
    still_held: bool = False,
    documents: list[str] | None = None,
    note: str | None = None,
) -> None:
    """A careers officer settles a report: verified (with the facts as the evidence shows them), disputed, retracted."""
    if placement not in change.case.placements:
        raise NotFound(placement)
    for document in documents or []:
        if document not in change.case.documents:
            raise NotFound(document)
    evidence = [change.case.documents[each].blob for each in documents or []]
    stated = {name: _plain(value) for name, value in _priced(facts or {}, "/facts").items() if value is not None}
    if still_held:
        stated |= {"ended_on": None, "end_reason": None}
    extra: dict[str, Any] = {"facts": stated} if stated and outcome == "verified" else {}
    change.record(f"placement_{outcome}", placement, evidence=evidence, note=note, **extra)


def waive(change: Change, *, criterion: str, reason: str, note: str | None = None) -> None:
    """Set a criterion aside for this person, with a reason. A waiver only ever helps."""
    if criterion not in WAIVABLE:
        raise invalid("/criterion", "unknown")
    if any(waiver.criterion == criterion for waiver in change.case.enrolment.waivers):
        raise AlreadyExists(criterion)
    change.record("criterion_waived", criterion=criterion, reason=reason, note=note)


def _partners_id(change: Change, prefix: str, given: str) -> str:
    """A partner's id in our own terms: two partners' equal ids are two things."""
    return f"{prefix}-{hashlib.sha256(f'{change.actor.id}|{given}'.encode()).hexdigest()[:16]}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value

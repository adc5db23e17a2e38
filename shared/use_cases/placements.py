"""Who found a job: reports, their corrections and ends, and what careers say of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from shared.domain.change import Change
from shared.domain.errors import NotFound, invalid
from shared.domain.events import sha256_of
from shared.domain.jobs import job_of
from shared.domain.life_cycle import Role
from shared.domain.money import NotMoney, to_minor
from shared.domain.placement import Placement
from shared.use_cases.commands import require, require_room
from shared.use_cases.documents import blobs_of

SAID = (
    "contract", "field", "employer", "hours", "contract_signed_on", "offered_on", "starts_on", "fixed_end",
    "base_minor", "base_currency",
)  # fmt: skip
"""What a report of a partner says of a job; told anew, it says all of it anew."""
NEVER_EMPTY = ("contract", "field", "employer")
WRONG_PERSON = "wrong_person"


def report_placement(
    change: Change,
    *,
    employer_name: str | None = None,
    placement_id: str | None = None,
    revision: int = 0,
    **facts: Any,
) -> None:
    """Somebody says the person has a job. A partner's own id makes it one report however often it is told.

    Told again with a higher revision, it corrects itself. Told otherwise in the same one, it contradicts itself.
    """
    if placement_id is not None:
        subject = change.partners_id("p", placement_id)
    else:
        subject = f"p{len(change.case.placements) + 1}"
    change.answer = {"placement_id": subject}
    stated = {name: _plain(value) for name, value in _priced(facts).items() if value is not None}
    said = {str(revision): sha256_of(stated)[:16]}
    known = change.case.placements.get(subject)
    if known is not None:
        _tell_again(change, subject, known, revision, said, stated)
        return
    if "renews" in stated and stated["renews"] not in change.case.placements:
        raise invalid("/renews", "unknown")
    require_room(change, "placement", change.case.placements)
    check_plausible(change, facts)
    if revision:
        stated["revision"] = revision
    change.record("placement_reported", subject, **stated, told=said)
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


def _tell_again(
    change: Change, subject: str, known: Placement, revision: int, said: dict[str, str], stated: dict[str, Any]
) -> None:
    version = said[str(revision)]
    earlier = known.told.get(str(revision))
    is_kept = any(each.isdecimal() for each in known.told)
    if earlier == version or not is_kept or known.status == "retracted":
        return
    if earlier is not None:
        _contradict(change, subject, known)
    # Of two versions of one revision the smaller hash stands, whichever came first; both wait for a person. An older
    # revision that comes late is noted, so that another version of it is seen; it changes nothing else.
    if (revision, earlier or version) >= (known.revision, version):
        facts = {name: stated.get(name) for name in SAID if name in stated or name not in NEVER_EMPTY}
        change.record("placement_corrected", subject, facts=facts, revision=revision, told=said)
    elif earlier is None:
        change.record("placement_corrected", subject, facts={}, revision=revision, told=said)


def _contradict(change: Change, subject: str, known: Placement) -> None:
    """A source says twice what cannot both be true: a person asks it."""
    if known.status != "disputed":
        change.record("placement_disputed", subject, reason="told_differently")


def check_plausible(change: Change, facts: dict[str, Any], pointer: str = "") -> None:
    """Raise `InvalidInput` for days of a job that cannot have come yet, or are years ahead."""
    horizon = change.today + timedelta(days=366)
    for name in ("contract_signed_on", "offered_on"):
        if facts.get(name) and facts[name] > change.today + timedelta(days=1):
            raise invalid(f"{pointer}/{name}", "in_the_future")
    if facts.get("starts_on") and facts["starts_on"] > horizon:
        raise invalid(f"{pointer}/starts_on", "implausible")


def check_end(known: Placement, stated: dict[str, Any]) -> None:
    """Raise where a job of which this is stated would have ended before its first day."""
    said = Placement.model_validate(known.model_dump() | stated)
    require(
        not said.ended_before_start,
        "ends-before-start",
        "A job ends no earlier than on its first day, unless the reason says that it never began.",
    )


def correct_placement(change: Change, *, placement: str, **facts: Any) -> None:
    """The person corrects a report of their own; what is not named stays."""
    known = _report(change, placement)
    require(
        not _is_anothers(change, known),
        "not-yours-to-correct",
        "Only whoever made a report may correct it, and not once a person has verified it.",
    )
    stated = {name: _plain(value) for name, value in _priced(facts).items() if value is not None}
    if not stated:
        raise invalid("", "empty")
    check_plausible(change, facts)
    check_end(known, stated)
    if any(_plain(getattr(known, name)) != value for name, value in stated.items()):
        change.record("placement_corrected", placement, facts=stated, revision=known.revision + 1)


def end_placement(
    change: Change, *, placement: str, ended_on: date, end_reason: str | None = None, retracted: bool = False
) -> None:
    """A job ended: on which day and why. A report that was never true is retracted instead."""
    subject = change.partners_id("p", placement) if change.actor.role == Role.PARTNER else placement
    known = _report(change, subject)
    if retracted:
        retract_placement(change, placement=placement)
        return
    if known.status == "retracted" and change.actor.role == Role.PARTNER:
        return  # What was taken back never was, and needs no end; the two may come in either order.
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
    if change.actor.role == Role.PARTNER:
        # Not refused where it comes before the first day, which may be corrected yet: until then it is disputed.
        _tell_end(change, subject, known, ended_on, reason)
    else:
        check_end(known, {"ended_on": ended_on, "end_reason": end_reason})
        change.record("placement_ended", subject, on=ended_on, **reason)


def _tell_end(change: Change, subject: str, known: Placement, ended_on: date, reason: dict[str, Any]) -> None:
    """Two ends of one job from one source: the later one stands, whichever came first, until a person has asked. An
    end that was told before says nothing new, whatever a person has made of it since."""
    end = (ended_on, reason.get("end_reason", ""))
    told = {f"{ended_on.isoformat()}:{end[1]}": "ended"}
    if told.keys() <= known.told.keys():
        return
    if known.ended_on is not None:
        _contradict(change, subject, known)
        if end < (known.ended_on, known.end_reason or ""):
            change.record("placement_corrected", subject, facts={}, revision=known.revision, told=told)
            return
    change.record("placement_ended", subject, on=ended_on, **reason, told=told)


def retract_placement(change: Change, *, placement: str, reason: str | None = None) -> None:
    """The report is taken back by whoever made it; it was never true, or never about this person."""
    subject = change.partners_id("p", placement) if change.actor.role == Role.PARTNER else placement
    known = _report(change, subject)
    require(
        not _is_anothers(change, known),
        "not-yours-to-retract",
        "Only whoever made a report may take it back, and not once a person has verified it.",
    )
    _retract(change, subject, reason)


def _retract(change: Change, subject: str, reason: str | None, **more: Any) -> None:
    known = _report(change, subject)
    if known.status == "retracted" and (known.wrong_person or reason != WRONG_PERSON):
        return
    change.record("placement_retracted", subject, reason=reason, **more)
    if reason == WRONG_PERSON:
        change.person[f"/employers/{subject}"] = None  # Another person's employer has no place in this one's file.


def _report(change: Change, subject: str) -> Placement:
    known = change.case.placements.get(subject)
    if known is None:
        raise NotFound(subject)
    return known


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
    reason: str | None = None,
    note: str | None = None,
) -> None:
    """A careers officer settles a job by one of its reports: verified (with the facts as the evidence shows them),
    disputed, retracted. Once verified, what the other reports about this job said until then contradicts no more."""
    known = _report(change, placement)
    require(
        outcome != "verified" or not known.denies,
        "denies-a-job",
        "This is an employer's word that there is no such job. Settle the report that it answers.",
    )
    evidence = blobs_of(change, documents or [])
    if reason is not None and outcome != "retracted":
        raise invalid("/reason", "only_for_retracted")
    if outcome == "retracted":
        _retract(change, placement, reason, evidence=evidence, note=note)
        return
    stated = {name: _plain(value) for name, value in _priced(facts or {}, "/facts").items() if value is not None}
    if still_held:
        stated |= {"ended_on": None, "end_reason": None}
    if outcome == "verified":
        check_end(known, stated)
    extra: dict[str, Any] = {"facts": stated} if stated and outcome == "verified" else {}
    job = job_of(change.case, placement)
    others = [each for each in job.reports if each != placement] if job else []
    if others and outcome == "verified":
        extra["settles"] = others
    change.record(f"placement_{outcome}", placement, evidence=evidence, note=note, **extra)


def match_placement(change: Change, *, placement: str, same_as: str | None = None, note: str | None = None) -> None:
    """A careers officer says that a report is about the same job as another one, or, without one, a job of its own."""
    _report(change, placement)
    if same_as is not None and _report(change, same_as).status == "retracted":
        raise invalid("/same_as", "retracted")
    change.record("placement_matched", placement, note=note, job=same_as or placement)


def add_evidence(change: Change, *, placement: str, documents: list[str]) -> None:
    """Lay documents of the case beside a report: a contract, a payslip."""
    known = _report(change, placement)
    blobs = blobs_of(change, documents)
    if set(documents) - set(known.evidence):
        change.record("evidence_added", placement, evidence=blobs, documents=documents)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value

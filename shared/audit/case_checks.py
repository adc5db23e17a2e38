"""What can be found in one case from its own items alone: pure, and without a rule of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from shared.audit.findings import Finding
from shared.domain import four_eyes, ledger
from shared.domain.case import Case, fold
from shared.domain.enrolment import LedgerLine
from shared.domain.errors import PledgeError
from shared.domain.events import FIRST_LINK, Event, digest_of
from shared.domain.jobs import jobs
from shared.domain.programme import Programme
from shared.domain.refund import Refund
from shared.policy.facts import parse_facts
from shared.policy.reading import InvalidFacts
from shared.policy.refund import decide
from shared.policy.terms import Terms
from shared.use_cases.agenda import SWEEP_GRACE, settle_turn
from shared.use_cases.commands import case_from, event_fields
from shared.use_cases.guarantee import PAID, judge, step
from shared.use_cases.turns import refund_turns, waits_since

Anchor = tuple[int, str]
"""A head of the chain as it was written to where nothing can be changed: sequence and hash."""

DOUBTED = ("disputed", "disagreement")
UNREADABLE = (PledgeError, ValueError, KeyError, TypeError, AssertionError, AttributeError)
"""What a record that somebody has tampered with can make our own code raise; it is a finding, not an end."""


@dataclass(frozen=True)
class Dossier:
    """What is stored of one case: the snapshot, its events and the anchored heads of its chain (None: not read)."""

    case_id: str
    snapshot: dict[str, Any]
    events: list[dict[str, Any]]
    anchors: list[Anchor] | None


@dataclass(frozen=True)
class Examined:
    """What came of examining a case. `case` is its record as the events make it, where they can be trusted."""

    findings: list[Finding]
    case: Case | None
    events: list[Event]
    is_sound: bool


def examine(
    dossier: Dossier, programmes: Mapping[str, Programme], terms: dict[str, Terms], asked: datetime, is_now: bool
) -> Examined:
    """Everything that is wrong with one case at the instant asked about.

    Asked about the past, events recorded later are left out of account, and the snapshot with them.
    """
    if not dossier.snapshot and not dossier.events:
        return Examined([Finding("chain_broken", dossier.case_id, None, ("the whole case is gone",))], None, [], False)
    fields = [_fields(item) for item in dossier.events]
    case_id, events, found = dossier.case_id, _readable(fields), list(_chain(dossier, fields))
    if len(events) < len(dossier.events) and not found:
        found.append(Finding("chain_broken", case_id, f"event:{len(events) + 1:06d}", ("cannot be read",)))
    stored = _stored(dossier)
    if stored is None:
        found.append(Finding("snapshot_differs", case_id, None, ("cannot be read",)))
    record = None
    if not found or stored is None:
        try:
            record = fold(case_id, [event for event in events if is_now or event.at <= asked])
        except UNREADABLE as error:
            found.append(Finding("snapshot_differs", case_id, None, (f"events cannot be folded: {error}"[:200],)))
    case = record or stored
    if case is None or case.programme not in programmes:
        return Examined(found, case, events, not found)
    programme = programmes[case.programme]
    if record is not None:
        _derive(record, stored if is_now else None, events, programme, terms, asked)
        if stored is not None and is_now:
            found += _differs(record, stored)
    is_sound = not found
    found += _decisions(case_id, events, terms)
    found += _waiting(case, programme, terms, asked)
    found += _money(case)
    found += _actors(case_id, events)
    return Examined(found, case, events, is_sound)


def _fields(item: dict[str, Any]) -> dict[str, Any]:
    try:
        return event_fields(item)
    except UNREADABLE:
        return {}  # No event has nothing in it: whoever reads it sees that it is none.


def _readable(fields: list[dict[str, Any]]) -> list[Event]:
    """The events up to the first one that is none."""
    found = []
    for each in fields:
        try:
            found.append(Event.model_validate(each))
        except UNREADABLE:
            return found
    return found


def _stored(dossier: Dossier) -> Case | None:
    try:
        return case_from(dossier.snapshot)
    except UNREADABLE:
        return None


def _chain(dossier: Dossier, fields: list[dict[str, Any]]) -> Iterator[Finding]:
    """The chain, byte for byte as it is stored: against itself, the snapshot's count and the anchored heads."""
    problems, prev, heads = [], FIRST_LINK, {}
    for number, event in enumerate(fields, start=1):
        try:
            if event["sequence"] != number:
                problems.append(f"event {number} is missing or out of order")
                break
            if event["prev"] != prev:
                problems.append(f"event {number} does not follow the one before it")
            if event["hash"] != digest_of(event):
                problems.append(f"event {number} was changed")
            heads[number] = prev = event["hash"]
        except UNREADABLE:
            problems.append(f"event {number} cannot be read")
            break
    last, stated = len(dossier.events), dossier.snapshot.get("sequence")
    if not problems and stated != last:
        problems.append(f"the case counts {stated} events, {last} are there")
    if not problems:
        problems += [
            f"event {sequence} is not the one that was anchored"
            for sequence, head in dossier.anchors or ()
            if heads.get(sequence) != head
        ]
    if problems:
        yield Finding("chain_broken", dossier.case_id, None, tuple(problems[:5]))


def _derive(
    record: Case,
    stored: Case | None,
    events: list[Event],
    programme: Programme,
    terms: dict[str, Terms],
    asked: datetime,
) -> None:
    """Derive anew what the last write derived: as of the day that the snapshot names, else of the last event."""
    if record.sequence == 0:
        return
    moment = events[record.sequence - 1].at
    if stored is not None and stored.guarantee.as_of is not None:
        moment = datetime.combine(stored.guarantee.as_of, time(23, 59), record.zone)
    settle_turn(record, programme, terms, min(moment, asked))


def _differs(record: Case, stored: Case) -> Iterator[Finding]:
    """The snapshot against the fold of the events, and what is derived in it against the same derivation made anew."""
    names = record.facts_that_differ(stored)
    if names:
        yield Finding("snapshot_differs", record.case_id, None, names)
        return
    if stored.guarantee.as_of is None:
        return
    if _told(record) != _told(stored):
        evidence = (f"stored {stored.guarantee.decision}", f"judged again {record.guarantee.decision}")
        yield Finding("decision_differs", record.case_id, "guarantee", evidence)
    elif (record.agenda.turn, record.agenda.what, record.agenda.stage) != (
        stored.agenda.turn, stored.agenda.what, stored.agenda.stage,
    ):  # fmt: skip
        yield Finding("snapshot_differs", record.case_id, None, ("agenda",))


def _told(case: Case) -> tuple[object, ...]:
    """What was derived for people to read. A deadline that moved with the file of holidays is no finding."""
    return case.guarantee.decision, case.guarantee.window_end, case.guarantee.facts_hash


def _decisions(case_id: str, events: list[Event], terms: dict[str, Terms]) -> Iterator[Finding]:
    """Every decision that was stored with its facts, judged again on those facts under those terms."""
    for event in events:
        judged = event.data.get("judged")
        if judged is None:
            continue
        try:
            again = decide(parse_facts(judged["facts"], terms))
            findings = {key: finding.status for key, finding in again.criteria.items()}
            same = (again.decision, findings) == (judged["decision"], judged["criteria"])
        except (*UNREADABLE, InvalidFacts):
            same = False
        if not same:
            yield Finding("decision_differs", case_id, f"event:{event.sequence:06d}", (str(judged.get("decision")),))


def _waiting(case: Case, programme: Programme, terms: dict[str, Terms], asked: datetime) -> Iterator[Finding]:
    """What fell due and was not done, and what waits for a person for longer than the service level."""
    due = case.agenda.refund_at
    work = step(case, judge(case, programme, terms, asked)) if due is not None and due <= asked else None
    if work is not None and due is not None and due + SWEEP_GRACE < asked:
        yield Finding("transition_missed", case.case_id, None, (work,))
    turns = refund_turns(case, programme)
    for refund_id, refund in case.refunds.items():
        since = waits_since(case, refund)
        if refund.status in turns and since is not None:
            days = turns[refund.status][2]
            if since + timedelta(days=days) < asked:
                evidence = (refund.status, f"since {since.astimezone(UTC):%Y-%m-%d}", f"allowed {days} days")
                if refund.status in ("claimed", "proposed", "appealed"):
                    yield Finding("claim_undecided", case.case_id, refund_id, evidence)
                elif refund.status in ("approved", "paying", "failed"):
                    yield Finding("refund_unpaid", case.case_id, refund_id, evidence)
        if refund.status == "recovery_open":
            yield Finding("placement_after_refund", case.case_id, refund_id)
    if work == "recover":
        yield Finding("placement_after_refund", case.case_id, None)
    for job in jobs(case):
        if job.state in DOUBTED:
            yield Finding("placement_disputed", case.case_id, job.id, (job.state, *job.differs))


def _money(case: Case) -> Iterator[Finding]:
    """The ledger against the refunds that people signed. One cause is one finding."""
    explained: set[ledger.Key] = set()
    for refund_id, lines in _booked(case).items():
        refund = case.refunds.get(refund_id)
        out = [line for line in lines if line.kind == "refund"]
        if refund is None or refund.approved_by is None:
            if out:
                explained |= {(line.payer, line.currency) for line in out}
                yield Finding("paid_without_approval", case.case_id, refund_id, tuple(line.id for line in out))
            continue
        for name, key, evidence in _against_what_was_signed(refund, lines):
            explained.add(key)
            yield Finding(name, case.case_id, refund_id, evidence)
    for refund_id, refund in case.refunds.items():
        if refund.status in ("paying", *PAID) and refund.approved_by is None and refund_id not in _booked(case):
            yield Finding("paid_without_approval", case.case_id, refund_id, (refund.status,))
    for payer, currency in ledger.overdrawn(case.ledger):
        if (payer, currency) not in explained:
            yield Finding("ledger_unbalanced", case.case_id, payer, (currency,))


def _booked(case: Case) -> dict[str, list[LedgerLine]]:
    """The lines of each refund: what went out, and what came back of it."""
    found: dict[str, list[LedgerLine]] = defaultdict(list)
    for line in case.ledger:
        if line.refund is not None and line.kind in ("refund", "payment"):
            found[line.refund].append(line)
    return found


def _against_what_was_signed(
    refund: Refund, lines: list[LedgerLine]
) -> Iterator[tuple[str, ledger.Key, tuple[str, ...]]]:
    signed: Counter[ledger.Key] = Counter()
    for share in refund.proposal.shares if refund.proposal else ():
        signed[share.payer, share.currency] += share.amount_minor
    net: Counter[ledger.Key] = Counter()
    standing: Counter[ledger.Key] = Counter()
    for line in lines:
        sign = 1 if line.kind == "refund" else -1
        net[line.payer, line.currency] += sign * line.amount_minor
        standing[line.payer, line.currency] += sign
    for key in sorted({*net, *signed}):
        evidence = (f"signed {signed[key]}", f"paid {net[key]}", key[1])
        if standing[key] > 1 and net[key] > signed[key]:
            yield "paid_twice", key, evidence
        elif net[key] != signed[key] and (net[key] > signed[key] or refund.status == "paid"):
            yield "amount_differs", key, evidence


def _actors(case_id: str, events: list[Event]) -> Iterator[Finding]:
    steps: list[four_eyes.Step] = []
    for event in events:
        if event.kind not in four_eyes.STEP_OF:
            continue
        try:
            four_eyes.guard(steps, event.kind, event.actor)
        except PledgeError:
            yield Finding("same_person", case_id, f"event:{event.sequence:06d}", (event.kind,))
        try:
            four_eyes.remember(steps, event)
        except UNREADABLE:
            continue

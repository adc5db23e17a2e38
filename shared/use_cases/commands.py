"""How every act on a case is done: one point read, a decision in memory, one batch. Nothing half is ever stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared import telemetry
from shared.adapters.cosmos import AlreadyStored, Create, Operation, Patch, Replace
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.errors import (
    ActionNotAllowed,
    AlreadyExists,
    Forbidden,
    KeyReused,
    NotFound,
    OutcomeUnknown,
    PledgeError,
    RecordChanged,
    RuleBroken,
    Unavailable,
)
from shared.domain.events import Actor, Event
from shared.domain.life_cycle import Role
from shared.use_cases import announcements, deliveries
from shared.use_cases.agenda import settle
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services

CASES = "cases"
CASE_BYTES_MAX = 200_000
PERSONS_BYTES_MAX, PERSONS_LAST_BYTES_MAX = 150_000, 180_000
"""How large the person behind a link may make a case; the rest is for staff, partners and software. What nobody may be
kept from by what else they (or whoever has their link) did goes further."""
NEVER_CUT_OFF = frozenset(
    {
        "application_withdrawn", "offer_accepted", "offer_declined", "contract_signed", "contract_cancelled",
        "contract_terminated", "enrolment_withdrawn", "claim_filed", "claim_withdrawn", "appeal_filed",
        "data_requested", "payee_named", "contact_changed", "placement_ended", "placement_retracted",
    }
)  # fmt: skip
OWN_MAX = {"placement": 60, "job offer": 100, "pause": 50, "leave": 50}
"""How many of a kind the person may report or ask for: far more than anybody does in two years."""
MESSAGE_HELD_SECONDS = 60
TRIES = 6
TRIES_OF_A_VERSION_SEEN = 2
FINAL: tuple[type[PledgeError], ...] = (ActionNotAllowed, AlreadyExists, RuleBroken)
"""Refusals that rest on the case as it is: a repeat with the same key gets them again."""


@dataclass(frozen=True)
class Key:
    """An idempotency key in its scope (actor, route), and what was asked with it."""

    value: str
    fingerprint: str
    keeps_refusals: bool = False
    """Whether a refusal is final too. A partner's event that does not fit yet is tried again; a caller decides anew."""

    @property
    def receipt_id(self) -> str:
        """Where the answer that was given is kept."""
        return f"receipt:{self.value}"


def key_of(actor: Actor, route: str, given: str, fingerprint: str) -> Key:
    """The key as stored: another actor's or another route's same key is another key."""
    scoped = hashlib.sha256(f"{actor.role}|{actor.id}|{route}|{given}".encode()).hexdigest()[:40]
    return Key(scoped, fingerprint, keeps_refusals=True)


@dataclass
class Outcome:
    """What an act came to: the snapshot after it, its version, and what to tell besides."""

    case: Case
    etag: str
    answer: dict[str, Any] = field(default_factory=dict)
    replayed: bool = False
    events: list[Event] = field(default_factory=list)


_OF_A_CASE = frozenset(Case.model_fields)
_OF_AN_EVENT = frozenset(Event.model_fields)

Act = Callable[[Change], Awaitable[None] | None]


async def load(services: Services, case_id: str, reader: Actor | None = None) -> tuple[Case, str]:
    """The case and its version, or `NotFound`: one point read.

    Whoever reads or acts is named, and gets nothing of a case in which they have declared a conflict.
    """
    item = await services.store.read(CASES, "case", case_id)
    if item is None:
        raise NotFound(case_id)
    case = case_from(item)
    if reader is not None and case.custody.binds(reader.id):
        raise Forbidden("conflict")
    return case, str(item["_etag"])


def case_from(item: dict[str, Any]) -> Case:
    """A stored snapshot as a case. Older versions of the schema are brought up to date here."""
    return Case.model_validate({name: value for name, value in item.items() if name in _OF_A_CASE})


def item_from(case: Case) -> dict[str, Any]:
    """The snapshot as stored. Values that are still at their default are left out."""
    stated = case.model_dump(mode="json", exclude_defaults=True)
    stated["agenda"] = case.agenda.model_dump(mode="json")  # Asked for by queries, which know no defaults.
    return stated | {"id": "case", "kind": "case", "case_id": case.case_id, "schema_version": case.schema_version}


MOVES_MONEY = frozenset(
    {"money_recorded", "refund_approved", "refund_reapproved", "payment_started", "share_confirmed"}
)


async def perform(
    services: Services,
    case_id: str,
    actor: Actor,
    now: datetime,
    act: Act,
    *,
    key: Key | None = None,
    if_match: str | None = None,
) -> Outcome:
    """Let an actor do something to a case.

    `if_match`, where there is one, must be the version that they saw; after a race that they lost, the act is tried
    again once, and only if it left the facts as they were. Whoever names no version has none to lose and is tried
    again as often as it takes. With a `key`, a repeat gets the first answer and does nothing.
    """
    tries = TRIES if if_match is None else TRIES_OF_A_VERSION_SEEN
    seen: Case | None = None
    for attempt in range(tries):
        case, etag = await load(services, case_id, actor)
        before = case.model_copy(deep=True)
        change = Change(case, actor, now, services.programmes[case.programme])
        try:
            if attempt == 0 and if_match is not None and if_match != etag:
                raise RecordChanged(case_id)
            if attempt and if_match is not None and seen is not None and _facts(seen) != _facts(before):
                raise RecordChanged(case_id)
            done = act(change)
            if done is not None:
                await done
        except PledgeError as error:
            if key is not None and (earlier := await _replay(services, case_id, key, before, etag)):
                return earlier
            if key is not None and key.keeps_refusals and isinstance(error, FINAL):
                await _keep_refusal(services, before, key, error)
            raise
        seen = before
        if not change.events and not change.refresh:
            return Outcome(case, etag, change.answer)
        try:
            return await commit(services, change, Replace({}, etag), key)
        except AlreadyStored as error:
            if key is not None and error.item_id == key.receipt_id:
                earlier = await _replay(services, case_id, key, before, etag)
                if earlier is not None:
                    return earlier
        except RecordChanged:
            pass
    if key is not None and (earlier := await _replay(services, case_id, key, before, etag)):
        return earlier
    raise RecordChanged(case_id)


async def commit(services: Services, change: Change, first: Replace | Create, key: Key | None) -> Outcome:
    """Write the change as one batch, then try its messages at once. Raises as the store does."""
    case, decided = change.case, change.case.guarantee.decision
    settle(case, change.programme, services.terms, change.now)
    announcements.announce(change, services.settings.partners)
    operations = _operations(change, first, key)
    etags = await services.store.commit(CASES, case.case_id, operations)
    telemetry.note_events(case.case_id, [event.kind for event in change.events])
    if case.guarantee.decision != decided:
        telemetry.measure("pledge.decisions", 1, verdict=case.guarantee.decision)
    for operation, etag in zip(operations, etags, strict=True):
        if etag and not isinstance(operation, Patch) and operation.item.get("kind") == "message":
            operation.item["_etag"] = etag  # Saves the sender from reading what was just written.
    outcome = Outcome(case, etags[0], change.answer, events=change.events)
    await deliveries.try_now(services, change.messages, change.now)
    return outcome


def _operations(change: Change, first: Replace | Create, key: Key | None) -> list[Operation]:
    case = change.case
    snapshot = item_from(case)
    if len(json.dumps(snapshot)) > _bytes_max(change):
        raise RuleBroken("case-full", "This case holds as much as a case can hold.")
    guard: Operation = Replace(snapshot, first.etag) if isinstance(first, Replace) else Create(snapshot)
    operations: list[Operation] = [guard]
    if key is not None:
        receipt = _receipt(change.case, change.answer, key)
        if any(event.kind in MOVES_MONEY for event in change.events):
            del receipt["ttl"]  # However late money is asked for again, it is known.
        operations.append(Create(receipt))
    for event in change.events:
        stored = event.model_dump(mode="json")
        operations.append(Create({**stored, "id": f"event:{event.sequence:06d}", "event": event.kind, "kind": "event"}))
    if change.person:
        patches = [{"op": "set", "path": path, "value": value} for path, value in change.person.items()]
        operations += [Patch("person", patches[start : start + 10]) for start in range(0, len(patches), 10)]
    held_until = change.now + timedelta(seconds=MESSAGE_HELD_SECONDS)
    for message in change.messages:
        message |= {"status": "pending", "tries": 0, "next_try_at": held_until.isoformat()}
        message |= {"created_at": change.now.isoformat(), **telemetry.kept()}
    operations += [Create(item) for item in (*change.new_items, *change.messages)]
    operations += [Replace(item, None) for item in change.replaced_items]
    for operation in operations:
        if not isinstance(operation, Patch):
            operation.item["case_id"] = case.case_id
            operation.item.setdefault("schema_version", case.schema_version)
    return operations


def _bytes_max(change: Change) -> int:
    if change.actor.role != Role.APPLICANT:
        return CASE_BYTES_MAX
    goes_further = any(event.kind in NEVER_CUT_OFF for event in change.events)
    return PERSONS_LAST_BYTES_MAX if goes_further else PERSONS_BYTES_MAX


async def _keep_refusal(services: Services, case: Case, key: Key, error: PledgeError) -> None:
    """Keep what a key was answered, so that a repeat hears the same although the case has moved on meanwhile."""
    item = _receipt(case, {}, key) | {"refused": [type(error).__name__, *error.told], "case_id": case.case_id}
    try:
        await services.store.create(CASES, item | {"schema_version": case.schema_version}, case.case_id)
    except AlreadyStored:
        await _replay(services, case.case_id, key, case, "")
    except (OutcomeUnknown, Unavailable):
        pass  # Nothing was done, and perhaps nothing is kept: a repeat is examined anew.


def _receipt(case: Case, answer: dict[str, Any], key: Key) -> dict[str, Any]:
    return {
        "id": key.receipt_id,
        "kind": "receipt",
        "fingerprint": key.fingerprint,
        "answer": answer,
        "sequence": case.sequence,
        "ttl": seconds_kept(CASES, "receipt"),
    }


async def _replay(services: Services, case_id: str, key: Key, case: Case, etag: str) -> Outcome | None:
    """The answer given before to this key, if there was one; `KeyReused` if it asked for something else."""
    receipt = await services.store.read(CASES, key.receipt_id, case_id)
    if receipt is None:
        return None
    if receipt["fingerprint"] != key.fingerprint:
        raise KeyReused(case_id)
    if "refused" in receipt:
        kind, *told = receipt["refused"]
        error = next(each for each in FINAL if each.__name__ == kind)(*told)
        error.replayed = True
        raise error
    return Outcome(case, etag, receipt["answer"], replayed=True)


def _facts(case: Case) -> dict[str, Any]:
    """What a member of staff rests a decision on. A diary entry, a contact or a week's log is none of it."""
    diary = {"sequence", "head", "agenda", "last_told", "steps", "documents", "facts_changed_at"}
    facts = case.model_dump(mode="json", exclude=diary)
    for name in ("weeks", "last_contact_on"):
        facts["enrolment"].pop(name)
    return facts


async def events_of(services: Services, case_id: str) -> list[Event]:
    """Every event of a case, in order, in pages by key."""
    found: list[Event] = []
    last = 0
    while True:
        rows = await services.store.query(
            CASES,
            "SELECT TOP 100 * FROM c WHERE c.kind = 'event' AND c.sequence > @last ORDER BY c.sequence",
            {"last": last},
            case_id,
        )
        found += [event_from(row) for row in rows]
        if len(rows) < 100:
            return found
        last = rows[-1]["sequence"]


def event_from(item: dict[str, Any]) -> Event:
    """A stored event as an event."""
    return Event.model_validate(event_fields(item))


def event_fields(item: dict[str, Any]) -> dict[str, Any]:
    """What of a stored event is the event itself: what its hash covers, and the hash."""
    fields = {name: item[name] for name in _OF_AN_EVENT if name in item}
    fields["kind"] = item["event"]
    return fields


def require_room(change: Change, kind: str, known: Collection[str]) -> None:
    """Raise `RuleBroken` if the person has reported or asked for as many of a kind as they may (by the ids of those
    on record; what partners tell has ids of its own form and is none of the person's)."""
    own = sum("-" not in each for each in known)
    is_room = change.actor.role != Role.APPLICANT or own < OWN_MAX[kind]
    require(is_room, "too-many-reports", "That many cannot be kept; please write to us.")


def require(condition: object, code: str, sentence: str) -> None:
    """Raise `RuleBroken` unless the condition holds."""
    if not condition:
        raise RuleBroken(code, sentence)

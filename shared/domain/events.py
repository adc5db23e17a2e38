"""What has happened to a case: an append-only chain of events that name nobody."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.life_cycle import Role

FIRST_LINK = "0" * 64
"""What the first event of a chain carries as the hash before it."""

CYCLE_OF: dict[str, str] = {}
"""Event -> life cycle: the closed list of what can happen, filled from the four tables by `shared.domain.case`."""


class Record(BaseModel):
    """A stored record: unknown keys are refused, so that a renamed field cannot be lost silently."""

    model_config = ConfigDict(extra="forbid")


class Actor(Record):
    """Who acts: a role and an opaque id (`tenant/object` of staff, a partner's or a timer's name)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    id: str


class Event(Record):
    """One thing that happened. `at` is when it was recorded (UTC), `occurred_on` when it was true (civil date)."""

    sequence: int
    kind: str
    subject: str | None = None
    actor: Actor
    at: datetime
    occurred_on: date | None = None
    reason: str | None = None
    evidence: list[str] = Field(default_factory=list)
    note_id: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    prev: str = FIRST_LINK
    hash: str = ""

    @property
    def day(self) -> date:
        """The day on which it was true, for the kinds of events that say one."""
        assert self.occurred_on is not None
        return self.occurred_on

    def sealed(self, prev: str) -> Event:
        """This event, linked to the hash before it and carrying its own (RFC 8785 over all fields but `hash`)."""
        linked = self.model_copy(update={"prev": prev})
        return linked.model_copy(update={"hash": linked.digest()})

    def digest(self) -> str:
        """The hash that this event must carry: SHA-256, hexadecimal."""
        return hashlib.sha256(canonical(self.model_dump(mode="json", exclude={"hash"}))).hexdigest()


def canonical(value: Any) -> bytes:
    """RFC 8785 of what our records hold: strings, integers, booleans, null, lists, objects with ASCII keys.

    Within that subset the standard library's compact, sorted form is the canonical one (tests hold it against
    an RFC 8785 library). Floats are refused: their form is where implementations differ.
    """
    _refuse_floats(value)
    return _dumped(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _dumped(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no place in a record that is hashed")
    if isinstance(value, dict):
        for each in value.values():
            _refuse_floats(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_floats(each)


def sha256_of(value: Any) -> str:
    """The hash of any such value, hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_of(fields: dict[str, Any]) -> str:
    """The hash that an event in its stored form must carry; equal to `digest` of the event that it makes."""
    covered = dict(fields)
    covered.pop("hash", None)
    return hashlib.sha256(_dumped(covered)).hexdigest()


def verify_chain(events: list[Event], head: str | None = None) -> list[str]:
    """What is wrong with a chain, in words; empty if nothing is. `head` is the hash that the last event must have."""
    problems = []
    prev = FIRST_LINK
    for expected, event in enumerate(events, start=1):
        if event.sequence != expected:
            problems.append(f"event {expected} is missing or out of order")
            return problems
        if event.prev != prev:
            problems.append(f"event {expected} does not follow the one before it")
        if event.hash != event.digest():
            problems.append(f"event {expected} was changed")
        prev = event.hash
    if head is not None and head != prev:
        problems.append("the chain was cut off or has grown past the snapshot")
    return problems


def utc(moment: datetime) -> datetime:
    """The same instant in UTC, whole seconds and microseconds kept."""
    return moment.astimezone(UTC)

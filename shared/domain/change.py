"""What one act changes: the events, the snapshot after them, and everything that is written with it as one batch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from shared.domain import four_eyes
from shared.domain.case import LIFE_CYCLES, Case
from shared.domain.custody import AFTER_ERASURE
from shared.domain.errors import RuleBroken
from shared.domain.events import CYCLE_OF, Actor, Event, utc
from shared.domain.programme import Programme

ERASED = "What is stored about this person has been, or is being, erased."
_CYCLES = {cycle.name: cycle for cycle in LIFE_CYCLES}


@dataclass
class Change:
    """A case being acted on by one actor at one instant. Nothing is stored until the whole change is committed."""

    case: Case
    actor: Actor
    now: datetime
    programme: Programme
    events: list[Event] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    new_items: list[dict[str, Any]] = field(default_factory=list)
    replaced_items: list[dict[str, Any]] = field(default_factory=list)
    person: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    refresh: bool = False
    """Nothing happened, but what is derived is out of date and must be stored anew."""

    @property
    def today(self) -> date:
        """The civil date of `now` where this case counts its days."""
        return self.case.today(self.now)

    @property
    def is_forgotten(self) -> bool:
        """Whether what names the person is being, or has been, erased: nothing that could is added any more."""
        return self.case.custody.erasure_begun_at is not None

    def partners_id(self, prefix: str, given: str) -> str:
        """A partner's id in our own terms: two partners' equal ids are two things."""
        return f"{prefix}-{hashlib.sha256(f'{self.actor.id}|{given}'.encode()).hexdigest()[:16]}"

    def check(self, kind: str, subject: str | None = None, by: Actor | None = None) -> None:
        """Raise what `record` would raise, and record nothing: the table first, then the role, then four eyes."""
        if self.is_forgotten and kind not in AFTER_ERASURE and CYCLE_OF[kind] != "refund":
            raise RuleBroken("erasure-begun", ERASED)
        cycle, actor = CYCLE_OF[kind], by or self.actor
        _CYCLES[cycle].permit(kind, self.case.state(cycle, subject), actor.role)
        four_eyes.guard(self.case.steps, kind, actor)

    def record(
        self,
        kind: str,
        subject: str | None = None,
        /,
        *,
        on: date | None = None,
        reason: str | None = None,
        evidence: list[str] | None = None,
        note: str | None = None,
        by: Actor | None = None,
        **data: Any,
    ) -> Event:
        """Let `kind` happen: checked against the tables, sealed into the chain, folded into the case.

        `on` is the civil date on which it was true (default: today); `note` is free text, kept apart and erasable;
        `by` is another actor than the change's own, for what software adds to it.
        """
        self.check(kind, subject, by)
        event = Event(
            sequence=self.case.sequence + 1,
            kind=kind,
            subject=subject,
            actor=by or self.actor,
            at=utc(self.now),
            occurred_on=on or self.today,
            reason=reason,
            evidence=evidence or [],
            note_id=self._note(note),
            data=data,
        ).sealed(self.case.head)
        self.case.apply(event)
        self.events.append(event)
        return event

    def _note(self, text: str | None) -> str | None:
        if not text:
            return None
        if self.is_forgotten:
            raise RuleBroken("erasure-begun", ERASED)
        note_id = f"note:{self.case.sequence + 1:06d}"
        self.new_items.append({"id": note_id, "kind": "note", "text": text, "by": self.actor.id})
        return note_id

    def tell(self, template: str, /, **parameters: Any) -> None:
        """Put a mail to the person into the batch. Parameters are codes, dates and numbers; names come at sending.

        Who was forgotten has no address any more.
        """
        if self.is_forgotten:
            return
        self.send("mail", template=template, language=self.case.language, programme=self.programme.id,
                  parameters=parameters)  # fmt: skip

    def send(self, channel: str, /, **what: Any) -> None:
        """Put a message for `channel` into the batch; its id follows from the event that caused it."""
        number = f"{self.case.sequence:06d}-{len(self.messages)}"
        self.messages.append({"id": f"message:{number}", "kind": "message", "channel": channel, **what})

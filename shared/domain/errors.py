"""What can go wrong, named for what happened. `functions/http.py` alone knows the status each one answers with."""

from __future__ import annotations

from dataclasses import dataclass


class PledgeError(Exception):
    """Anything the service refuses or cannot do, as opposed to a defect. `told` makes the same error again."""

    told: tuple[str, ...] = ()
    replayed = False


class NotFound(PledgeError):
    """There is no such thing, or it is not the caller's: the two are never told apart."""


class Unauthenticated(PledgeError):
    """The caller has not shown who they are."""


class Forbidden(PledgeError):
    """A known caller may not do this. `reason` is a code: role, same-person, conflict."""

    def __init__(self, reason: str = "role") -> None:
        super().__init__(reason)
        self.reason = reason


class LinkExpired(PledgeError):
    """The link was real once: it is used up, revoked or too old for what was asked."""


class ActionNotAllowed(PledgeError):
    """The life cycle has no row for this action in the present state."""

    def __init__(self, action: str, current: str) -> None:
        super().__init__(f"{action} is not possible when {current}")
        self.told = (action, current)
        self.action = action
        self.current = current


class RuleBroken(PledgeError):
    """The life cycle would allow it, a rule of the programme or the law does not. `code` names the rule."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.told = (code, sentence)
        self.code = code
        self.sentence = sentence


class AlreadyExists(PledgeError):
    """The same thing is on record already; `existing_id` is told to its owner."""

    def __init__(self, existing_id: str) -> None:
        super().__init__(existing_id)
        self.told = (existing_id,)
        self.existing_id = existing_id


class RecordChanged(PledgeError):
    """What the writer saw is no longer what is stored: nothing of theirs was written."""


class RateLimited(PledgeError):
    """Too much of this in a short time; `seconds` until it is possible again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too often")
        self.seconds = max(1, round(seconds))


class KeyReused(PledgeError):
    """An idempotency key came back with another request."""


class OutcomeUnknown(PledgeError):
    """The store or a partner did not say whether a write was applied. Safe to repeat with the same key."""


class Unavailable(PledgeError):
    """A service that is needed did not answer in time, and nothing was stored. It may say when to ask again."""

    def __init__(self, why: str = "", retry_after: int | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class FileRejected(PledgeError):
    """The upload is not a document this service keeps. `code` says why."""

    def __init__(self, pointer: str, code: str) -> None:
        super().__init__(code)
        self.pointer = pointer
        self.code = code


@dataclass(frozen=True)
class Complaint:
    """One thing wrong with an input: where (RFC 6901) and what, never the value."""

    pointer: str
    code: str


class InvalidInput(PledgeError):
    """Well-formed but not acceptable; every complaint at once."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__(", ".join(f"{c.pointer}: {c.code}" for c in complaints))
        self.complaints = complaints


def invalid(pointer: str, code: str) -> InvalidInput:
    """One complaint, ready to raise."""
    return InvalidInput([Complaint(pointer, code)])

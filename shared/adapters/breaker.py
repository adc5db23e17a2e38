"""Leaving alone for a while what has failed again and again: a partner, the mail server."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.errors import Unavailable

FAILURES_MAX = 5
REST_SECONDS = 60


class Resting(Unavailable):
    """It has failed so often that it is left alone for a while: it was not called, so this was no try."""


@dataclass
class Breaker:
    """Spares what has failed five times on end: for a minute nobody calls, then one call tries.

    Who calls waits for none of it meanwhile, and what is meant for others is not held up.
    """

    name: str
    failures: int = 0
    tried_at: int = 0

    def admit(self, now: int) -> None:
        """Note a call that begins, in seconds of our clock, so that the one that tries goes alone. Raise `Resting`."""
        if self.failures >= FAILURES_MAX and 0 <= now - self.tried_at < REST_SECONDS:
            raise Resting(f"{self.name} has failed too often", REST_SECONDS)
        self.tried_at = now

    def note(self, failed: bool) -> None:
        """How the call went."""
        self.failures = self.failures + 1 if failed else 0

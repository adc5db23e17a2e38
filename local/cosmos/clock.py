"""The endpoint's own time: the machine's, or any instant it was moved to, running on from there."""

import time
from datetime import UTC, datetime
from email.utils import formatdate


class Clock:
    """Tells the time in seconds since 1970; after `move` it runs on from the instant given."""

    def __init__(self, now: str | None = None) -> None:
        self._ahead = 0.0
        self._dated = (-1, "")
        if now is not None:
            self.move(now)

    def move(self, now: str) -> None:
        """Let it be `now` (ISO 8601; without an offset it is UTC). Raises ValueError for anything else."""
        instant = datetime.fromisoformat(now)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        self._ahead = instant.timestamp() - time.time()

    def now(self) -> float:
        return time.time() + self._ahead

    def iso(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).isoformat().replace("+00:00", "Z")

    def http_date(self) -> str:
        second = int(self.now())
        if self._dated[0] != second:
            self._dated = (second, formatdate(second, usegmt=True))
        return self._dated[1]

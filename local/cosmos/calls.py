"""The log of calls: what was asked of the endpoint, kept in memory so that tests can count round trips."""

from collections import deque
from typing import Any

KEPT_MAX = 20_000


class Calls:
    """The last calls, numbered from 1 on, and how often each operation was called on each container."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT_MAX)
        self._number = 0
        self._counts: dict[str, int] = {}

    def add(self, entry: dict[str, Any]) -> None:
        self._number += 1
        self._entries.append({"n": self._number, **entry})
        if not entry["meta"]:
            name = f"{entry['operation']} {entry['container']}"
            self._counts[name] = self._counts.get(name, 0) + 1

    def since(self, number: int) -> dict[str, Any]:
        """The calls after this number; `next` is what to ask with the next time. Counts are since the last clear."""
        found = [entry for entry in self._entries if entry["n"] > number]
        return {"next": self._number, "calls": found, "counts": dict(self._counts)}

    def clear(self) -> None:
        """Forget the calls and their counts. Numbers go on, so that a `since` never meets a number twice."""
        self._entries.clear()
        self._counts.clear()

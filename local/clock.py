"""The stack's own time: real time plus an offset that every process of the stack shares and a restart keeps."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Now = Callable[[], datetime]


class Clock:
    """Callable that answers the stack's time as an aware UTC datetime; `move` sets it, and it runs on from there.

    With a file the offset is kept there, so that a process started later has the same time.
    """

    def __init__(self, file: Path | None = None, now: datetime | None = None) -> None:
        self._file = file
        self._offset = timedelta()
        if now is not None:
            self.move(now)
        elif file is not None and file.exists():
            self._offset = timedelta(seconds=json.loads(file.read_text())["offset_seconds"])

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def move(self, now: datetime) -> None:
        """Let it be `now`; time runs on from there at its usual pace."""
        self._offset = now - datetime.now(UTC)
        if self._file is not None:
            write_json(self._file, {"offset_seconds": self._offset.total_seconds()})


def parse_instant(text: object) -> datetime:
    """Read an instant such as 2026-01-01T12:00:00Z, or raise ValueError with a sentence that says what is wrong."""
    if not isinstance(text, str):
        raise ValueError('"now" must be text, for example "2026-01-01T12:00:00Z".')
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an instant; write it like 2026-01-01T12:00:00Z.") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it like 2026-01-01T12:00:00Z.")
    return instant.astimezone(UTC)


def instant_text(instant: datetime) -> str:
    """Write an instant as everything in the stack does: UTC, with a Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_json(file: Path, content: Any) -> None:
    """Replace a JSON file in one step, so that a kill at any moment leaves the old or the new content, never half."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(temporary, file)

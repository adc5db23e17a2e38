"""A file that is generated: printed, or written with `--write`."""

from __future__ import annotations

import sys
from pathlib import Path


def put(file: Path, text: str) -> None:
    """Write the file if the command says so, else print what would be in it."""
    if "--write" in sys.argv[1:]:
        file.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)

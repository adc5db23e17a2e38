"""Writes docs/data.md from the table of what is stored: `python tools/data_page.py --write`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shared.use_cases.retention import KINDS, Kind  # noqa: E402 - the repository is not installed as a package
from tools.generated import put  # noqa: E402

PAGE = ROOT / "docs" / "data.md"
PREFACE = """# What is stored, for how long, and why

Generated from the table in `shared/use_cases/retention.py`: do not edit.
To write it anew: `python tools/data_page.py --write`.

A case is erased by itself (months after an application ended without a contract, or years after the last day of
money or contract: `programmes/`), or when its person asked, a call-back confirmed it and another person granted it.
A legal hold, an open claim, an unpaid refund, a running contract or guarantee and the books stand against it.
A timer does it; the audit notices when that timer is silent.

| where | kind | what it holds | how long | why |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return PREFACE + "".join(
        f"| {each.container} | {each.kind} | {each.holds} | {_until(each)} | {each.why} |\n" for each in KINDS
    )


def _until(kind: Kind) -> str:
    return f"{kind.days} {kind.end}" if kind.end.startswith("days") else kind.end


if __name__ == "__main__":
    put(PAGE, page())

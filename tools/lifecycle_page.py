"""Writes docs/lifecycle.md from the four tables of life cycles: `python tools/lifecycle_page.py --write`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shared.domain.case import LIFE_CYCLES  # noqa: E402 - the repository is not installed as a package
from shared.domain.life_cycle import NONE, LifeCycle, Role, Row  # noqa: E402
from tools.generated import put  # noqa: E402

PAGE = ROOT / "docs" / "lifecycle.md"
PREFACE = """# Life cycles

Generated from the tables in `shared/domain/`: do not edit. To write it anew: `python tools/lifecycle_page.py --write`.

A case is one person in one intake, and carries four life cycles. What is not a row here is refused, whoever asks.
`(stays)` means that something is recorded and the state does not change; such rows are not in the diagrams."""

INTRODUCTIONS = {
    "application": "From the form to the answer to an offer. No rule and no timer rejects.",
    "enrolment": "From the contract to the diploma, and the graduate's months of search after it.",
    "placement": "One report of a job. Each report has a life of its own.",
    "refund": "One refund, on one ground. Software proposes, named people sign.",
}


def page() -> str:
    """The whole page."""
    lines = [PREFACE]
    for cycle in LIFE_CYCLES:
        lines += ["", f"## {cycle.name.capitalize()}", "", INTRODUCTIONS[cycle.name], "", *_diagram(cycle), ""]
        lines += ["| action | from | to | who | what happens |", "|---|---|---|---|---|"]
        lines += [_table_row(cycle, row) for row in cycle.rows]
    return "\n".join(lines) + "\n"


def _diagram(cycle: LifeCycle) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {NONE}"
    for row in cycle.rows:
        if row.target is None:
            continue
        for source in _in_order(cycle, row):
            if source != row.target:
                yield f"    {source} --> {row.target}: {row.action}"
    yield "```"


def _in_order(cycle: LifeCycle, row: Row) -> list[str]:
    return [state for state in cycle.states if state in row.sources]


def _table_row(cycle: LifeCycle, row: Row) -> str:
    sources = "any" if row.sources == set(cycle.states) else ", ".join(f"`{each}`" for each in _in_order(cycle, row))
    target = "(stays)" if row.target is None else f"`{row.target}`"
    who = ", ".join(role.value for role in Role if role in row.actors)
    return f"| `{row.action}` | {sources} | {target} | {who} | {row.sentence} |"


if __name__ == "__main__":
    put(PAGE, page())

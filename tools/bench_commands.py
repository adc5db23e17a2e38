"""What each command costs at the store: round trips and request units, counted at the local endpoint, not timed.

`python tools/bench_commands.py` prints a table. Acts of staff include the look at the case before (two reads). Links,
the kill-list and what is sent after the batch stand in the columns beside.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from local.testing import Stack
from tests.people import Applicant, calls_so_far, store_calls

NOW = "2027-01-11T14:00:00Z"


def measured(stack: Stack, act: Callable[[], Any]) -> dict[str, float]:
    """Round trips and request units of one act: the command itself, and everything besides."""
    before = calls_so_far(stack)
    act()
    calls = store_calls(stack, before)
    last = next(n for n, call in enumerate(calls) if call["operation"] == "Batch" and call["container"] == "cases")
    own = [call for call in calls[: last + 1] if call["container"] == "cases"]
    besides = [call for call in calls if call not in own]
    return {
        "calls": len(own),
        "units": sum(float(call["charge"] or 0) for call in own),
        "calls besides": len(besides),
        "units besides": sum(float(call["charge"] or 0) for call in besides),
    }


def main() -> None:
    """Measure one act of each kind and print the table."""
    with Stack(now=NOW) as stack:
        Applicant(stack).to_offer()  # Connections and caches are warm from here on.
        person = Applicant(stack)
        rows = {"apply": measured(stack, person.apply)}
        person.open_mail()
        tenant = stack.info["issuer"]["tenant"]
        specialist = f"{tenant}/{stack.info['staff'][0]['object_id']}"
        acts: list[tuple[str, Callable[[], Any]]] = [
            ("assign", lambda: person.staff("admissions", "assignment", specialist=specialist)),
            ("recommend", lambda: person.staff("specialist", "recommendation", outcome="assess")),
            ("webhook", lambda: stack.partner("assessment").send(
                "assessment.completed",
                {"case_id": person.case_id, "attempt_id": "T", "assessment": "test", "outcome": "passed"},
            )),
            ("assess", lambda: person.staff(
                "specialist", "assessments", assessment_id="I", kind="interview", outcome="passed")),
            ("offer", lambda: person.staff("admissions", "admission-decision", outcome="offer")),
            ("accept", lambda: person.does("offer-answer", answer="accept")),
            ("send_contract", lambda: person.staff("admissions", "contract")),
        ]  # fmt: skip
        for name, act in acts:
            rows[name] = measured(stack, act)
    print(f"{'command':16}{'calls':>8}{'RU':>8}{'besides':>10}{'RU':>8}")
    for name, row in rows.items():
        print(f"{name:16}{row['calls']:8.0f}{row['units']:8.1f}{row['calls besides']:10.0f}{row['units besides']:8.1f}")


if __name__ == "__main__":
    main()

"""A timer's one line of counts, which the alerts read: no part of a run hides what another could not do."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from functions import timers
from shared import telemetry
from shared.partners import inbox, placement_lists
from shared.use_cases import deliveries, documents, privacy, watch
from tests.builders import SERVICES, at

PARTS = {
    timers._forget: (privacy.run_retention, documents.remove_orphans),
    timers._send_and_apply: (
        watch.compare_clocks, inbox.run_inbox, deliveries.run_deliveries, placement_lists.run_imports, watch.look,
    ),
}  # fmt: skip
"""Timer -> what it does, one after the other."""


@pytest.mark.parametrize(("sweep", "number"), [(each, n) for each, parts in PARTS.items() for n in range(len(parts))])
async def test_failure_of_any_part_is_in_the_line(monkeypatch: pytest.MonkeyPatch, sweep: Any, number: int) -> None:
    for n, part in enumerate(PARTS[sweep]):

        async def ran(services: Any, now: Any, failed: int = 3 * (n == number)) -> dict[str, int]:
            return {"failed": failed}

        monkeypatch.setattr(sys.modules[part.__module__], part.__name__, ran)

    line = telemetry.told(await sweep(SERVICES, at("2027-01-11")))

    assert re.search(r"\bfailed=3\b", line)

"""Items stored by every schema version so far keep loading: one example of each, as it lay in the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.domain.case import SCHEMA_VERSION, fold
from shared.domain.events import verify_chain
from shared.use_cases.commands import case_from, event_from

EXAMPLES = sorted(Path(__file__).parent.glob("schema_*.json"))


def test_there_is_an_example_of_every_schema_version() -> None:
    assert [path.stem for path in EXAMPLES] == [f"schema_{version}" for version in range(1, SCHEMA_VERSION + 1)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_stored_case_still_loads_and_is_the_fold_of_its_stored_events(path: Path) -> None:
    stored = json.loads(path.read_text("utf-8"))

    case = case_from(stored["snapshot"])
    events = [event_from(item) for item in stored["events"]]

    assert verify_chain(events, case.head) == []
    assert fold(case.case_id, events).facts_of_record() == case.facts_of_record()

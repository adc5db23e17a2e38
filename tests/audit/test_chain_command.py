"""What an outsider checks a chain with: a thousand events, each spoilt in every way, and every time it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.domain.events import FIRST_LINK, Actor, Event, verify_chain
from shared.domain.life_cycle import Role
from tools.verify_chain import problems

TOOL = Path(__file__).parents[2] / "tools" / "verify_chain.py"
LENGTH = 1000


def chain(length: int) -> list[dict[str, Any]]:
    events, head = [], FIRST_LINK
    for number in range(1, length + 1):
        event = Event(
            sequence=number, kind="contact_logged", actor=Actor(role=Role.CAREERS, id="t/é"),
            at=datetime(2028, 1, 2, 12, tzinfo=UTC), occurred_on=date(2028, 1, 2),
            data={"b": [1, None, True], "a": f"ü{number}"},
        ).sealed(head)  # fmt: skip
        head = event.hash
        events.append(event.model_dump(mode="json"))
    return events


EVENTS = chain(LENGTH)
ANCHOR = {"sequence": LENGTH, "head": EVENTS[-1]["hash"], "anchored_at": "2028-01-03"}


def test_sound_chain_is_sound_for_the_command_and_for_the_domain() -> None:
    assert problems(EVENTS, [ANCHOR]) == []
    assert verify_chain([Event.model_validate(event) for event in EVENTS]) == []


SOME = range(0, LENGTH, 37)
WAYS = ["change", "delete", "insert", "swap", "truncate"]


@pytest.mark.parametrize("how", WAYS)
def test_spoilt_event_shows(how: str) -> None:
    assert unseen_when(how, SOME) == []


@pytest.mark.soak
@pytest.mark.parametrize("how", WAYS)
def test_every_spoilt_event_of_a_thousand_shows(how: str) -> None:
    assert unseen_when(how, range(LENGTH)) == []


def unseen_when(how: str, places: range) -> list[int]:
    """The places at which spoiling the chain in this way is not noticed."""
    unseen = []
    for place in places:
        events = list(EVENTS)
        if how == "change":
            events[place] = events[place] | {"data": {"a": "x"}}
        elif how == "delete":
            del events[place]
        elif how == "insert":
            events.insert(place, EVENTS[place])
        elif how == "swap":
            other = (place + 1) % LENGTH
            events[place], events[other] = events[other], events[place]
        else:
            events = events[:place]
        if not problems(events, [ANCHOR]):
            unseen.append(place)
    return unseen


def test_command_says_what_is_wrong_and_ends_with_one(tmp_path: Path) -> None:
    good, bad, anchors = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "anchors.json"
    few = chain(3)
    good.write_text(json.dumps({"events": few}))
    bad.write_text(json.dumps({"events": few[:2]}))
    anchors.write_text(json.dumps({"anchors": [{"sequence": 3, "head": few[2]["hash"], "anchored_at": "2028-01-03"}]}))

    runs = [
        subprocess.run([sys.executable, TOOL, path, anchors], capture_output=True, text=True, check=False)
        for path in (good, bad)
    ]

    assert [run.returncode for run in runs] == [0, 1]
    assert "3 events are sound; an anchor vouches for the first 3" in runs[0].stdout
    assert "event 3 is not the one that was anchored" in runs[1].stdout

"""Verify a case's events without the service: the chain against itself, and against the heads that were anchored.

    python tools/verify_chain.py events.json [anchors.json]

`events.json` is what GET cases/{id}/events answers, or a person's export (the zip); `anchors.json` is what
GET cases/{id}/anchors answers. Needs nothing but Python. Prints what is wrong, a line each, and exits with 1; or says
how many events are sound, and up to which one an anchor vouches for them.

An export withholds the ids of staff. Of an event in which one was withheld only the links are checked.

Each event carries SHA-256 over RFC 8785 canonical JSON of all its fields but `hash`; `prev` is the hash before it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

FIRST_LINK = "0" * 64


def canonical(value: Any) -> bytes:
    """RFC 8785, for what events hold: texts, whole numbers, true, false, null, lists, objects with ASCII keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(event: dict[str, Any]) -> str:
    """The hash that an event must carry."""
    return hashlib.sha256(canonical({name: each for name, each in event.items() if name != "hash"})).hexdigest()


def withheld(value: Any) -> bool:
    """Whether an export has put `staff` for somebody's id in here."""
    if isinstance(value, dict):
        return any(withheld(each) for each in value.values())
    return any(withheld(each) for each in value) if isinstance(value, list) else value == "staff"


def problems(events: list[dict[str, Any]], anchors: list[dict[str, Any]], is_export: bool = False) -> list[str]:
    """What is wrong, in words; empty if nothing is."""
    found, prev = [], FIRST_LINK
    for number, event in enumerate(events, start=1):
        if event.get("sequence") != number:
            return [*found, f"event {number} is missing or out of order"]
        if event.get("prev") != prev:
            found.append(f"event {number} does not follow the one before it")
        if event.get("hash") != digest(event) and not (is_export and withheld(event)):
            found.append(f"event {number} was changed")
        prev = str(event.get("hash"))
    heads = {event["sequence"]: event["hash"] for event in events}
    for anchor in anchors:
        if heads.get(anchor["sequence"]) != anchor["head"]:
            found.append(f"event {anchor['sequence']} is not the one that was anchored at {anchor.get('anchored_at')}")
    return found


def events_in(path: Path) -> list[dict[str, Any]]:
    """The events in an answer of the service, or in a person's export."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as export:
            said = [json.loads(export.read(name)) for name in export.namelist() if name.endswith(".json")]
    else:
        said = [json.loads(path.read_text("utf-8"))]
    found = next((each["events"] for each in said if isinstance(each, dict) and "events" in each), None)
    if found is None:
        raise SystemExit(f"{path.name} holds no events")
    return list(found)


def main(arguments: list[str]) -> int:
    """Verify and say so."""
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    events = events_in(Path(arguments[0]))
    anchors = json.loads(Path(arguments[1]).read_text("utf-8"))["anchors"] if len(arguments) == 2 else []
    is_export = zipfile.is_zipfile(arguments[0])
    found = problems(events, anchors, is_export)
    for each in found:
        print(each)
    if not found:
        last = max((anchor["sequence"] for anchor in anchors), default=0)
        unread = sum(withheld(event) for event in events) if is_export else 0
        print(
            f"{len(events)} events are sound"
            + (f"; an anchor vouches for the first {last}" if last else "")
            + (f"; {unread} of them withhold who acted, so that only their links were checked" if unread else "")
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

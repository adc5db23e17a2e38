"""Reports as files: a table of its figures, and the pack from which a stranger recomputes them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.domain.spreadsheet import as_csv

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a pack: the same data make the same bytes."""


def flat(report: Mapping[str, Any]) -> bytes:
    """A report as a table of paths and values, lists of records by their number."""
    return as_csv(("figure", "value"), _leaves("", report))


def _leaves(path: str, value: Any) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(f"{path}.{name}" if path else str(name), each)
    elif isinstance(value, list):
        for number, each in enumerate(value, start=1):
            yield from _leaves(f"{path}.{number}", each)
    else:
        yield path, value


PEOPLE = (
    "person", "graduated_on", "on_time", "intent", "authorised", "student", "final", "country", "exempt", "excluded",
    "answered", "work_study", "status_90", "status_180", "any_job_180", "field_job_180", "currency_180", "base_180",
    "chain",
)  # fmt: skip
JOBS = ("person", "day", "status", "contract", "full_time", "starts", "ended", "currency", "base")
PROOFS = ("person", "report", "standing", "event_hashes", "evidence_hashes")

RECIPE = """How to check these figures

You need a spreadsheet, nothing else. Open people.csv. Each line is one person who was on the course; a person's name,
address and employer are not in this pack, and `person` is a number that means nothing elsewhere. Lines without
graduated_on are people who have not graduated. Everybody enrolled are the lines without `exempt`: who died, was
imprisoned or was called up is left out, and `exempt` is the hash of the document that shows it.

Status. A graduate's status on a day is the best one (1A before 1B ... 2B) of their lines in jobs.csv whose `day` (after
graduation) is not later; with none it is `final`. Who said before the course that they would not look for a job
(intent other than job), or may not work (authorised = no), is `excluded`. status_90 and status_180 say it for you.
Graduates whose day has not come by the report's date have an empty status: they are in no figure of that day.

Figures. Count the lines that fulfil the conditions; in every spreadsheet that is COUNTIFS (columns by name):
{formulas}

Medians: the MEDIAN of base_180 of the lines with that currency_180 and status_180 of 1A to 1C, or 1A to 1E.

Hashes. manifest.json has the SHA-256 of every file. chain is the hash of the last event of the person's record, and
proofs.csv has for each report of a job the hashes of its events and of the evidence that was seen: an auditor who is
shown a record or a document can compute the same. roster.jsonl is the input of the program's own command
`python -m shared.policy outcomes`, which prints the CIRR figures without any database.
"""

FORMULAS = {
    "cirr": {
        "in_field": ("field = 1A to 1E: status_180 is 1A, 1B, 1C, 1D or 1E", "status_180 is filled and not excluded"),
        "full_time": ("status_180 is 1A or 1B", "status_180 is filled and not excluded"),
    },
    "california": {
        "in_field": (
            "field_job_180 = yes, on_time = yes, authorised = yes, student = no",
            "status_180 is filled, on_time = yes, authorised = yes, student = no",
        )
    },
    "france": {
        "target_job": (
            "field_job_180 = yes, answered = yes, authorised = yes, student = no, work_study = no",
            "status_180 is filled, answered = yes, authorised = yes, student = no, work_study = no",
        ),
        "any_job": (
            "any_job_180 = yes, answered = yes, authorised = yes, student = no, work_study = no",
            "status_180 is filled, answered = yes, authorised = yes, student = no, work_study = no",
        ),
    },
    "naive": {"any_job": ("any_job_180 = yes, answered = yes", "status_180 is filled, answered = yes")},
}
"""Yardstick -> figure -> what to count, and of what, in the columns of people.csv."""


def pack(
    report: Mapping[str, Any],
    definitions: Sequence[Mapping[str, Any]],
    people: Sequence[Mapping[str, Any]],
    jobs: Sequence[Mapping[str, Any]],
    proofs: Sequence[Mapping[str, Any]],
    roster: Mapping[str, Any],
) -> Iterator[bytes]:
    """The auditor's pack, piece by piece: a zip whose bytes depend on nothing but what is in it."""
    formulas = "\n".join(
        f"  {yardstick}, {figure}: {count}; of: {of}"
        for yardstick, found in FORMULAS.items()
        for figure, (count, of) in found.items()
    )
    files: dict[str, Callable[[], bytes]] = {
        "recipe.txt": lambda: RECIPE.format(formulas=formulas).encode(),
        "people.csv": lambda: as_csv(PEOPLE, ([row[name] for name in PEOPLE] for row in people)),
        "jobs.csv": lambda: as_csv(JOBS, ([row[name] for name in JOBS] for row in jobs)),
        "proofs.csv": lambda: as_csv(PROOFS, ([row[name] for name in PROOFS] for row in proofs)),
        "definitions.json": lambda: _json(list(definitions)),
        "report.json": lambda: _json(report),
        "roster.jsonl": lambda: json.dumps(roster, sort_keys=True, ensure_ascii=False).encode() + b"\n",
    }
    digests: dict[str, str] = {}
    files["manifest.json"] = lambda: _json(digests)
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:  # type: ignore[call-overload]  # all it needs
        for name, made in files.items():
            content = made()
            packed.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
            digests[name] = hashlib.sha256(content).hexdigest()
            yield written.taken()
    yield written.taken()


class _Written:
    """Where a zip is written to that is sent on before it is whole."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, more: bytes) -> int:
        """Keep it until it is taken."""
        self._bytes += more
        return len(more)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        piece = bytes(self._bytes)
        self._bytes.clear()
        return piece


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()

"""Reports as files: CSV that no spreadsheet runs as a formula, and the pack from which a stranger recomputes them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

BOM = "\ufeff"
IGNORED = " \ufeff\u200b\u200c\u200d\u2060"
DANGEROUS = "=+-@\t\r\n\0|%＝＋－＠"
ROWS_MAX = 50_000
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a pack: the same data make the same bytes."""


def safe(value: object) -> object:
    """A cell: a number stays one; a text that a spreadsheet would run as a formula begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    text = str(value)
    return f"'{text}" if text.lstrip(IGNORED)[:1] and text.lstrip(IGNORED)[0] in DANGEROUS else text


def as_csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table (RFC 4180, UTF-8 with its mark); at most fifty thousand rows."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(heads)
    for number, row in enumerate(rows):
        if number == ROWS_MAX:
            break
        writer.writerow([safe(value) for value in row])
    return (BOM + out.getvalue()).encode()


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
    "person", "graduated_on", "on_time", "intent", "authorised", "student", "final", "country", "excluded",
    "answered", "work_study", "status_90", "status_180", "any_job_180", "field_job_180", "currency_180", "base_180",
    "chain",
)  # fmt: skip
JOBS = ("person", "day", "status", "contract", "full_time", "starts", "ended", "currency", "base")
PROOFS = ("person", "report", "standing", "event_hashes", "evidence_hashes")

RECIPE = """How to check these figures

You need a spreadsheet, nothing else. Open people.csv. Each line is one person who was on the course; a person's name,
address and employer are not in this pack, and `person` is a number that means nothing elsewhere. Lines without
graduated_on are people who have not graduated.

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
) -> bytes:
    """The auditor's pack: a zip whose bytes depend on nothing but what is in it."""
    formulas = "\n".join(
        f"  {yardstick}, {figure}: {count}; of: {of}"
        for yardstick, found in FORMULAS.items()
        for figure, (count, of) in found.items()
    )
    files = {
        "recipe.txt": RECIPE.format(formulas=formulas).encode(),
        "people.csv": as_csv(PEOPLE, ([row[name] for name in PEOPLE] for row in people)),
        "jobs.csv": as_csv(JOBS, ([row[name] for name in JOBS] for row in jobs)),
        "proofs.csv": as_csv(PROOFS, ([row[name] for name in PROOFS] for row in proofs)),
        "definitions.json": _json(list(definitions)),
        "report.json": _json(report),
        "roster.jsonl": json.dumps(roster, sort_keys=True, ensure_ascii=False).encode() + b"\n",
    }
    files["manifest.json"] = _json({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()

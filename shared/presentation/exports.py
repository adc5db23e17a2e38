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
    "person", "graduated_on", "on_course", "on_time", "intent", "authorised", "student", "final", "country", "exempt",
    "excluded", "answered", "status_90", "currency_90", "base_90", "status_180", "currency_180", "base_180",
    "any_job_180", "field_job_180", "work_study", "census_on", "activity", "status_census", "currency_census",
    "base_census", "chain",
)  # fmt: skip
"""The columns of people.csv; what is not known of somebody is an empty cell."""
JOBS = ("person", "day", "status", "contract", "full_time", "starts", "ended", "currency", "base")
PROOFS = ("person", "report", "standing", "event_hashes", "evidence_hashes")

RECIPE = """How to check these figures

You need a spreadsheet, nothing else. Open people.csv. Each line is one person who was on the course; a person's name,
address and employer are not in this pack, and `person` is a name that means nothing elsewhere. Lines without
graduated_on are people who have not graduated. Everybody enrolled are the lines without `exempt`: who died, was
imprisoned or was called up is left out, and `exempt` is the hash of the document that shows it. Who is still on the
course, or was on the report's date, has on_course = yes.

Status. A graduate's status on a day is the best one (1A before 1B ... 2B) of their lines in jobs.csv whose `day` (after
graduation) is not later; with none it is `final`. Who said before the course that they would not look for a job
(intent other than job), or may not work (authorised = no), is `excluded`. status_90 and status_180 say it for you.
Graduates whose day has not come by the report's date have an empty status: they are in no figure of that day.

Other columns follow from jobs.csv too. answered: there is a line, or `final` is not 4. any_job_180: a line whose day is
180 or less, or intent is stay. field_job_180: such a line with status 1A to 1E, excluded or not. work_study: such
lines, and all are of contract apprenticeship. base and currency, of a status 1A to 1E: those of the latest line with
that status by the day; of two on one date the one with a base, then the lower.

The census week (uk) begins on census_on: from the first October, January, April or July not before the month of
graduation go fourteen months further, to the first Monday. The columns of the census are empty until then. A job is
held on that day if it has started (`starts`, else `day`) and not `ended` before. activity, the first that is true: with
a job held, of a student work_and_study, else full_time_work if one is full_time, unknown_pattern if of one that is
empty, else part_time_work; without, study of a student, due_to_start if a job was accepted that starts later, no_answer
if nobody answered, other if `final` is 3B, else unemployed.

Figures. Count lines; in every spreadsheet that is COUNTIFS (columns by name; where several values are named, the sum of
one COUNTIFS for each). A share is the first count of the second:
{formulas}

in_field_of_enrolled is held back (null in report.json) as long as a line has on_course = yes, or graduated_on and no
status of the day.

Medians: the MEDIAN of base_180 of the lines with that currency_180 and status_180 of 1A to 1C, or 1A to 1E; so for day
90, and for uk with base_census, currency_census and status_census.

The curve. Everybody with graduated_on and excluded = no is watched from then to the report's date. They have found a
job on the least `day` (0 if it is less) of their lines in jobs.csv with status 1A to 1E, if that is not after the
report's date. On each such day at_risk are those who had neither found one nor ceased to be watched on a day before;
`searching` begins at 1 and is multiplied by 1 - placed / at_risk.

Hashes. manifest.json has the SHA-256 of every file. chain is the hash of the last event of the person's record, and
proofs.csv has for each report of a job the hashes of its events and of the evidence that was seen: an auditor who is
shown a record or a document can compute the same. roster.jsonl is the input of the program's own command
`python -m shared.policy outcomes`, which prints the CIRR figures without any database: from the first line graduation
(of all graduates), from each other one what it says of its day (of those whose day has come).
"""

FIELD = "1A or 1B or 1C or 1D or 1E"
CIRR = "status_180 is filled, excluded = no"
ENROLLED = "exempt is empty"
CALIFORNIA = "status_180 is filled, on_time = yes, authorised = yes, student = no"
FRANCE = "status_180 is filled, answered = yes, authorised = yes, student = no, work_study = no"
NAIVE = "status_180 is filled, answered = yes"
ACTIVITIES = (
    "work_and_study", "full_time_work", "part_time_work", "unknown_pattern", "study", "due_to_start", "unemployed",
    "other", "no_answer",
)  # fmt: skip
FORMULAS: dict[str, dict[str, tuple[str, str]]] = {
    "cirr@2020": {
        "in_field": (f"status_180 = {FIELD}", CIRR),
        "in_field_without_school_hires": ("status_180 = 1A or 1B or 1D or 1E", CIRR),
        "full_time": ("status_180 = 1A or 1B", CIRR),
        "in_field_of_enrolled": (f"status_180 = {FIELD}", ENROLLED),
        "graduated_on_time": ("on_time = yes", ENROLLED),
        "graduated_late": ("on_time = no", ENROLLED),
        "graduated_all": ("graduated_on is filled", ENROLLED),
    },
    "cirr@2016": {"in_field": ("field_job_180 = yes", "status_180 is filled")},
    "california@1": {"in_field": ("field_job_180 = yes", CALIFORNIA)},
    "france@1": {"target_job": ("field_job_180 = yes", FRANCE), "any_job": ("any_job_180 = yes", FRANCE)},
    "uk@1": {name: (f"activity = {name}", "activity is filled") for name in ACTIVITIES},
    "naive@1": {"any_job": ("any_job_180 = yes", NAIVE)},
}
"""Definition -> figure -> what to count, and of what, in the columns of people.csv."""


def pack(
    report: Mapping[str, Any],
    definitions: Sequence[Mapping[str, Any]],
    people: Sequence[Mapping[str, Any]],
    jobs: Sequence[Mapping[str, Any]],
    proofs: Sequence[Mapping[str, Any]],
    rosters: Sequence[Mapping[str, Any]],
) -> Iterator[bytes]:
    """The auditor's pack, piece by piece: a zip whose bytes depend on nothing but what is in it."""
    formulas = "\n".join(
        f"  {definition}, {figure}: the lines with {of}, {count}; of the lines with {of}"
        for definition, found in FORMULAS.items()
        for figure, (count, of) in found.items()
    )
    files: dict[str, Callable[[], bytes]] = {
        "recipe.txt": lambda: RECIPE.format(formulas=formulas).encode(),
        "people.csv": lambda: as_csv(PEOPLE, ([row.get(name) for name in PEOPLE] for row in people)),
        "jobs.csv": lambda: as_csv(JOBS, ([row[name] for name in JOBS] for row in jobs)),
        "proofs.csv": lambda: as_csv(PROOFS, ([row[name] for name in PROOFS] for row in proofs)),
        "definitions.json": lambda: _json(list(definitions)),
        "report.json": lambda: _json(report),
        "roster.jsonl": lambda: b"".join(_line(each) for each in rosters),
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


def _line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()

"""A partner's list of placements, imported by careers: first as a dry run, then row by row, each whole or not at all.

The list is kept in pages. A page is done when its results are stored, which only one run can do; a run that is killed
leaves it to be done again, and a row that was applied before gives the answer that it gave then (ADR 12).
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from shared.adapters.cosmos import AlreadyStored
from shared.domain.change import Change
from shared.domain.errors import (
    ActionNotAllowed,
    AlreadyExists,
    Complaint,
    Forbidden,
    InvalidInput,
    NotFound,
    RecordChanged,
    RuleBroken,
    invalid,
)  # fmt: skip
from shared.domain.events import Actor, sha256_of
from shared.domain.life_cycle import Role
from shared.domain.placement import NEVER_BEGAN
from shared.domain.spreadsheet import as_csv
from shared.partners.events import PlacementEnded, PlacementReported, check_binding
from shared.settings import Partner
from shared.use_cases import placements
from shared.use_cases.commands import CASES, Key, load, perform
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.partners")

CATALOGUE = "catalogue"
ROWS_MAX, PAGE_ROWS = 10_000, 100
BUDGET_SECONDS = 20.0
TIMERS_SECONDS = 40.0
"""After these the timer begins no other import: it has mail to send, too."""
NEEDED = ("case_id", "placement_id", "contract")
COLUMNS = (*NEEDED, "field", "employer", "hours", "contract_signed_on", "offered_on", "starts_on", "fixed_end",
           "employer_name", "revision", "ended_on", "end_reason")  # fmt: skip
NUMBERS = ("hours", "revision")
RESULT = ("row", "case_id", "placement_id", "result", "errors")


async def start(
    services: Services, partner: str, content: bytes, dry_run: bool, by: Actor, own_cases: frozenset[str], now: datetime
) -> dict[str, Any]:
    """Keep a list and begin with it. The same list again, in the same mode, is the same import.

    Rows about cases that are not for `by` (their own, or of somebody close to them) are refused, each by itself.
    """
    sender = services.settings.partners.get(partner)
    if sender is None or sender.kind not in ("employer", "history"):
        raise invalid("/partner", "unknown")
    rows = read_rows(content)
    mode = "dry" if dry_run else "real"
    import_id = hashlib.sha256(f"{partner}|{mode}|".encode() + content).hexdigest()[:32]
    pages = [rows[first : first + PAGE_ROWS] for first in range(0, len(rows), PAGE_ROWS)]
    for number, page in enumerate(pages):
        await _create(services, f"{import_id}-{number}", kind="import_page", rows=page, results=None,
                      ttl=seconds_kept(CATALOGUE, "import_page"))  # fmt: skip
    # Last, so that an import that is seen has all its pages.
    await _create(services, import_id, kind="import", status="running", partner=partner, dry_run=dry_run,
                  rows=len(rows), pages=len(pages), done=0, counts={}, by=by.id, own=sorted(own_cases),
                  at=now.isoformat())  # fmt: skip
    return await go_on(services, import_id, now)


async def _create(services: Services, item_id: str, **what: Any) -> None:
    try:
        await services.store.create(CATALOGUE, {"id": item_id, **what}, item_id)
    except AlreadyStored:
        pass


def read_rows(content: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV file: each with its number, what it says, or what is wrong with it. Raises `InvalidInput`
    where the file as a whole cannot be read."""
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise invalid("/file", "not_csv") from None
    header = [name.strip() for name in lines[0]] if lines else []
    wrong = [f"/file/{each}" for each in NEEDED if each not in header]
    if len(set(header)) != len(header) or set(header) - set(COLUMNS):
        wrong.append("/file/header")
    if wrong:
        raise InvalidInput([Complaint(pointer, "column") for pointer in wrong])
    if not 2 <= len(lines) <= ROWS_MAX + 1:
        raise invalid("/file", "number_of_rows")
    seen: set[tuple[str, str]] = set()
    rows = [_row(number, header, cells, seen) for number, cells in enumerate(lines[1:], start=2) if cells]
    if not rows:
        raise invalid("/file", "number_of_rows")
    return rows


def _row(number: int, header: list[str], cells: list[str], seen: set[tuple[str, str]]) -> dict[str, Any]:
    said = {name: value.strip() for name, value in zip(header, cells, strict=False) if value.strip()}
    case_id, placement_id = said.get("case_id", "")[:26], said.get("placement_id", "")[:100]
    named: dict[str, Any] = {"row": number, "case_id": case_id, "placement_id": placement_id}
    if len(cells) != len(header):
        return named | {"errors": ["row:columns"]}
    numbers = {name: int(said[name]) for name in NUMBERS if re.fullmatch("[0-9]{1,4}", said.get(name, ""), re.ASCII)}
    stated: dict[str, Any] = said | numbers
    end: dict[str, Any] = {name: stated.pop(name) for name in ("ended_on", "end_reason") if name in stated}
    errors = _complaints(PlacementReported, stated)
    if end:
        errors += _complaints(PlacementEnded, end | {name: said.get(name) for name in ("case_id", "placement_id")})
    if not errors and end and _is_before_start(stated, end):
        errors = ["ended_on:before_start"]
    if not errors and (case_id, placement_id) in seen:
        errors = ["placement_id:repeated"]
    if errors:
        return named | {"errors": sorted(set(errors))}
    seen.add((case_id, placement_id))
    return named | {"stated": stated, "end": end}


def _is_before_start(stated: dict[str, Any], end: dict[str, Any]) -> bool:
    """Whether the job would have ended before its first day. Days as text sort as days do."""
    return end["ended_on"] < stated.get("starts_on", "") and end.get("end_reason") not in NEVER_BEGAN


def _complaints(form: type[PlacementReported] | type[PlacementEnded], stated: dict[str, Any]) -> list[str]:
    try:
        form.model_validate(stated)
    except ValidationError as error:
        return [f"{each['loc'][0] if each['loc'] else 'row'}:{each['type']}" for each in error.errors()]
    return []


async def go_on(services: Services, import_id: str, now: datetime) -> dict[str, Any]:
    """Do page after page within the time of a request; what is left is done by the timer, or by asking again."""
    started = time.monotonic()
    while True:
        stored = await _read(services, import_id, "import")
        if stored["status"] == "done" or time.monotonic() - started > BUDGET_SECONDS:
            return told(stored)
        try:
            counts = await _do_page(services, stored, now)
            for result, number in counts.items():
                stored["counts"][result] = stored["counts"].get(result, 0) + number
            stored["done"] += 1
            stored["status"] = "done" if stored["done"] == stored["pages"] else "running"
            await services.store.replace(CATALOGUE, _plain(stored), stored["_etag"], import_id)
        except RecordChanged:
            continue  # Another run did this page or counted it: on from what it left.


async def _read(services: Services, item_id: str, kind: str) -> dict[str, Any]:
    stored = await services.store.read(CATALOGUE, item_id, item_id)
    if stored is None or stored["kind"] != kind:
        raise NotFound(item_id)
    return stored


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if not name.startswith("_")}


def told(stored: dict[str, Any]) -> dict[str, Any]:
    """How far an import has come."""
    names = ("partner", "dry_run", "status", "rows", "pages", "done", "counts", "at")
    return {"import_id": stored["id"], **{name: stored[name] for name in names}}


async def _do_page(services: Services, stored: dict[str, Any], now: datetime) -> dict[str, int]:
    """The next page's results by kind. Once they are stored the rows themselves are dropped."""
    page = await _read(services, f"{stored['id']}-{stored['done']}", "import_page")
    if page["results"] is None:
        page["results"] = [await _do_row(services, stored, row, now) for row in page["rows"]]
        page["rows"] = []
        await services.store.replace(CATALOGUE, _plain(page), page["_etag"], page["id"])
    results = [row["result"] for row in page["results"]]
    return {result: results.count(result) for result in sorted(set(results))}


async def _do_row(services: Services, stored: dict[str, Any], row: dict[str, Any], now: datetime) -> dict[str, Any]:
    named = {name: row[name] for name in ("row", "case_id", "placement_id")}
    if "errors" in row:
        return named | {"result": "refused", "errors": row["errors"]}
    by = Actor(role=Role.CAREERS, id=stored["by"])
    try:
        if row["case_id"] in stored.get("own", ()):
            raise Forbidden("conflict")
        sender = services.settings.partners.get(stored["partner"])
        if sender is None:
            raise Forbidden("unknown_partner")  # It was one when its list was sent.
        if stored["dry_run"]:
            result = await _try_row(services, sender, row, now, by)
        else:
            await load(services, row["case_id"], by)  # Who is bound to a case reports nothing about it in a list, too.
            result = await _apply_row(services, stored, sender, row, now)
    except InvalidInput as error:
        return named | {"result": "refused", "errors": [f"{each.pointer[1:]}:{each.code}" for each in error.complaints]}
    except (NotFound, ActionNotAllowed, RuleBroken, AlreadyExists, Forbidden) as error:
        code = error.code if isinstance(error, RuleBroken) else type(error).__name__.lower()
        return named | {"result": "refused", "errors": [f"row:{code}"]}
    return named | {"result": result, "errors": []}


async def _try_row(services: Services, sender: Partner, row: dict[str, Any], now: datetime, by: Actor) -> str:
    """What would become of a row: everything but the write."""
    case, _ = await load(services, row["case_id"], by)
    change = Change(case, Actor(role=Role.PARTNER, id=sender.name), now, services.programmes[case.programme])
    _act(change, sender, row)
    return "would_apply" if change.events else "known"


async def _apply_row(
    services: Services, stored: dict[str, Any], sender: Partner, row: dict[str, Any], now: datetime
) -> str:
    key = Key(f"import-{stored['id']}-{row['row']}", sha256_of(row))
    actor = Actor(role=Role.PARTNER, id=sender.name)
    outcome = await perform(services, row["case_id"], actor, now, lambda change: _act(change, sender, row), key=key)
    if outcome.events:
        return "applied"
    # Nothing to do: because this import did it before it was cut short, or because it was on record already.
    receipt = await services.store.read(CASES, key.receipt_id, row["case_id"])
    return "known" if receipt is None else "applied"


def _act(change: Change, sender: Partner, row: dict[str, Any]) -> None:
    """The row as the partner's own event would say it: a report, and the job's end if the row tells one."""
    check_binding(sender, change)
    report = PlacementReported.model_validate(row["stated"])
    facts = {name: getattr(report, name) for name in PlacementReported.model_fields if name != "case_id"}
    placements.report_placement(change, **facts)
    if row["end"]:
        named = {"case_id": report.case_id, "placement_id": report.placement_id}
        end = PlacementEnded.model_validate(row["end"] | named)
        placements.end_placement(
            change, placement=end.placement_id, ended_on=end.ended_on, end_reason=end.end_reason
        )  # fmt: skip


async def state(services: Services, import_id: str) -> dict[str, Any]:
    """How far an import has come, or `NotFound`."""
    return told(await _read(services, import_id, "import"))


async def result(services: Services, import_id: str) -> bytes:
    """What became of each row, as CSV; rows that have not been reached yet are waiting."""
    stored = await _read(services, import_id, "import")
    rows: list[list[object]] = []
    for number in range(stored["pages"]):
        page = await _read(services, f"{import_id}-{number}", "import_page")
        for row in page["results"] or [row | {"result": "waiting", "errors": []} for row in page["rows"]]:
            rows.append([" ".join(row[name]) if name == "errors" else row[name] for name in RESULT])
    return as_csv(RESULT, rows)


async def run_imports(services: Services, now: datetime) -> dict[str, int]:
    """Go on with what no request has finished."""
    rows = await services.store.query(
        CATALOGUE, "SELECT TOP 10 c.id FROM c WHERE c.kind = 'import' AND c.status = 'running'", {}
    )
    failed, started = 0, time.monotonic()
    for row in rows:
        if time.monotonic() - started > TIMERS_SECONDS:
            break
        try:
            await go_on(services, row["id"], now)
        except Exception:  # One odd import must not hold up all the others; it stays due.
            failed += 1
            logger.exception("import could not be gone on with", extra={"import_id": row["id"]})
    return {"imports_due": len(rows), "imports_failed": failed}

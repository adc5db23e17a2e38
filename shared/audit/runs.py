"""An audit's run: which cases it looks at, page by page, so that it can be killed anywhere and goes on from there.

Everything is added and nothing changed: a row that starts the run, a row for each page with the findings and where
the next page begins, and a row that ends it. Who does a page again writes the same row and is told that it is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.audit import noted, promises, report
from shared.audit.case_checks import UNREADABLE, Examined
from shared.audit.examiner import examine_case
from shared.audit.findings import Finding
from shared.domain.errors import NotFound, Unavailable
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.audits")

AUDITS = "audits"
CASES_A_PAGE = 50
AT_ONCE = 8
"""Cases examined side by side: most of the time is waiting for the store."""
CONTINUED_FOR = timedelta(days=7)
FULL, CHANGES, ONE = "full", "changes", "one"
"""What a run looks at: every case; what changed or fell due since the last run, and what was found then; one case."""


def run_id_of(scope: str, day: date) -> str:
    """The id of the run that belongs to a day (of changes) or to a month (a full one): started twice, it is one."""
    return f"{day:%Y%m%d}-{CHANGES}" if scope == CHANGES else f"{day:%Y%m}-{FULL}"


async def start(
    services: Services, run_id: str, scope: str, now: datetime, asked: datetime, case_id: str | None = None
) -> dict[str, Any]:
    """Begin a run, or return the one of this id that has begun. A run of changes goes on from the last that ended."""
    last = await last_ended(services) if scope == CHANGES else None
    row = {
        "id": run_id,
        "kind": "audit_run",
        "run": run_id,
        "scope": FULL if scope == CHANGES and last is None else scope,
        "case_id": case_id,
        "at": now.isoformat(),
        "asked": asked.isoformat(),
        "since": last["asked"] if last else None,
        "previous": last["run"] if last else None,
        # A full run reads what is there; what changes while it does is left to the next run of changes.
        "feed": last["feed"] if last else (await services.store.changes(CASES, None, from_now=True))[1],
    }
    try:
        await services.store.create(AUDITS, row, run_id)
    except AlreadyStored:
        stored = await services.store.read(AUDITS, run_id, run_id)
        assert stored is not None
        return stored
    return row


async def last_ended(services: Services) -> dict[str, Any] | None:
    """The last run over more than one case that reached its end."""
    rows = await services.store.query(
        AUDITS,
        "SELECT TOP 1 * FROM c WHERE c.kind = 'audit' AND c.scope IN ('full', 'changes') ORDER BY c.at DESC",
        {},
    )
    return rows[0] if rows else None


async def unfinished(services: Services, now: datetime) -> list[str]:
    """Runs that began not long ago and have not ended, oldest first."""
    rows = await services.store.query(
        AUDITS,
        "SELECT TOP 50 c.run FROM c WHERE c.kind = 'audit_run' AND c.at >= @since ORDER BY c.at",
        {"since": (now - CONTINUED_FOR).isoformat()},
    )
    return [row["run"] for row in rows if await ended(services, row["run"]) is None]


async def ended(services: Services, run_id: str) -> dict[str, Any] | None:
    """The row that ends a run, with its counts; None while it is under way."""
    return await services.store.read(AUDITS, _end(run_id), _end(run_id))


def _end(run_id: str) -> str:
    return f"{run_id}:end"


def _page(run_id: str, number: int) -> str:
    return f"{run_id}:{number:06d}"


async def pages(services: Services, run_id: str) -> AsyncIterator[dict[str, Any]]:
    """The pages that a run has done, in order, one at a time."""
    number = 1
    while (row := await services.store.read(AUDITS, _page(run_id, number), _page(run_id, number))) is not None:
        yield row
        number += 1


async def go_on(services: Services, run_id: str, now: datetime, has_time: Callable[[], bool]) -> dict[str, Any] | None:
    """Do pages until the run has ended or time is up. Returns the row that ends it, or None if it goes on later."""
    run = await services.store.read(AUDITS, run_id, run_id)
    if run is None:
        raise NotFound(run_id)
    if (end := await ended(services, run_id)) is not None:
        return end
    number, where = 1, _beginning(run)
    async for done in pages(services, run_id):
        number, where = done["number"] + 1, done["next"]
    seen: set[str] = set()
    while where is not None and has_time():
        row = await _do_page(services, run, number, where, seen)
        try:
            await services.store.create(AUDITS, row, row["id"])
        except AlreadyStored:
            stored = await services.store.read(AUDITS, row["id"], row["id"])
            assert stored is not None
            row = stored
        number, where = number + 1, row["next"]
    return await _finish(services, run, now) if where is None else None


def _beginning(run: dict[str, Any]) -> dict[str, Any]:
    if run["scope"] == ONE:
        return {"phase": "one", "at": None}
    return {"phase": "all" if run["scope"] == FULL else "changed", "at": run["feed"] if run["previous"] else None}


async def _do_page(
    services: Services, run: dict[str, Any], number: int, where: dict[str, Any], seen: set[str]
) -> dict[str, Any]:
    """One page: some cases examined, and where the next one begins (None: this was the last)."""
    asked, feed = datetime.fromisoformat(run["asked"]), None
    findings: list[Finding] = []
    decided: list[dict[str, Any]] = []
    paid: list[dict[str, Any]] = []
    case_ids, following, feed = await PHASES[where["phase"]](services, run, where["at"])
    new = [each for each in dict.fromkeys(case_ids) if each not in seen]
    seen.update(new)
    is_now = run["asked"] == run["at"]
    for first in range(0, len(new), AT_ONCE):
        group = new[first : first + AT_ONCE]
        for result in await asyncio.gather(*(_look(services, each, asked, is_now) for each in group)):
            findings += result.findings
            if result.case is not None:
                decided += noted.decided(result.case, result.events, asked)
                paid += noted.paid(result.case, result.events, asked)
    if where["phase"] == "whole" and is_now:
        findings += [finding async for finding in promises.broken(services, asked)]
    return {
        "id": _page(run["run"], number),
        "kind": "audit_page",
        "run": run["run"],
        "number": number,
        "examined": len(new),
        "findings": [finding.as_json() for finding in findings],
        "decided": decided,
        "paid": paid,
        "feed": feed,
        "next": following,
    }


async def _look(services: Services, case_id: str, asked: datetime, is_now: bool) -> Examined:
    try:
        return await examine_case(services, case_id, asked, is_now)
    except Unavailable:
        raise  # The store does not answer: this page is done again later.
    except NotFound:
        return Examined([], None, [], False)
    except UNREADABLE:  # One bad case is a finding, not an end.
        logger.exception("case could not be examined", extra={"case_id": case_id})
        return Examined([Finding("snapshot_differs", case_id, None, ("cannot be examined",))], None, [], False)


Where = tuple[list[str], dict[str, Any] | None, str | None]
"""Case ids, where to go on, and how far the change feed has been read."""


async def _one(services: Services, run: dict[str, Any], at: Any) -> Where:
    return [run["case_id"]], None, None


async def _all(services: Services, run: dict[str, Any], at: str | None) -> Where:
    """Every case, as the store holds them."""
    rows, further = await services.store.page(
        CASES, "SELECT c.case_id FROM c WHERE c.kind = 'case'", {}, at, CASES_A_PAGE
    )
    following = {"phase": "all", "at": further} if further else {"phase": "whole", "at": None}
    return [row["case_id"] for row in rows], following, None


async def _changed(services: Services, run: dict[str, Any], at: str) -> Where:
    """Cases of which anything was written since the last run."""
    rows, reached = await services.store.changes(CASES, at, CASES_A_PAGE * 4)
    following = {"phase": "changed", "at": reached} if rows else {"phase": "due", "at": ["", ""]}
    return [row["case_id"] for row in rows], following, reached


async def _due(services: Services, run: dict[str, Any], at: list[str]) -> Where:
    """Cases where waiting alone may have become a finding since the last run."""
    rows = await services.store.query(
        CASES,
        "SELECT TOP @most c.case_id, c.agenda.audit_at AS due FROM c WHERE c.kind = 'case'"
        " AND c.agenda.audit_at > @since AND c.agenda.audit_at <= @asked"
        " AND (c.agenda.audit_at > @due OR (c.agenda.audit_at = @due AND c.case_id > @last))"
        " ORDER BY c.agenda.audit_at, c.case_id",
        {"most": CASES_A_PAGE, "since": _text(run["since"]), "asked": _text(run["asked"]), "due": at[0],
         "last": at[1]},
    )  # fmt: skip
    if len(rows) == CASES_A_PAGE:
        return [row["case_id"] for row in rows], {"phase": "due", "at": [rows[-1]["due"], rows[-1]["case_id"]]}, None
    return [row["case_id"] for row in rows], {"phase": "open", "at": 1}, None


async def _open(services: Services, run: dict[str, Any], at: int) -> Where:
    """Cases in which the last run found something: it stands until it is mended."""
    page_id = _page(run["previous"], at)
    row = await services.store.read(AUDITS, page_id, page_id)
    if row is None:
        return [], {"phase": "whole", "at": None}, None
    case_ids = [finding["case_id"] for finding in row["findings"] if finding["case_id"]]
    return case_ids, {"phase": "open", "at": at + 1}, None


async def _whole(services: Services, run: dict[str, Any], at: Any) -> Where:
    return [], None, None


PHASES = {"one": _one, "all": _all, "changed": _changed, "due": _due, "open": _open, "whole": _whole}


def _text(instant: str) -> str:
    """An instant as snapshots store it, so that text compares as time."""
    return datetime.fromisoformat(instant).astimezone(UTC).isoformat().replace("+00:00", "Z")


async def _finish(services: Services, run: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Write the reports, then the row that ends the run: whoever sees that row finds the reports."""
    counts: Counter[str] = Counter()
    examined, feed = 0, run["feed"]
    keys: set[tuple[str, ...]] = set()
    async for page in pages(services, run["run"]):
        examined += page["examined"]
        feed = page["feed"] or feed
        for finding in page["findings"]:
            key = (finding["finding"], finding["case_id"] or "", finding["subject"] or "")
            if key not in keys:
                keys.add(key)
                counts[finding["finding"]] += 1
    summary = {
        "run": run["run"],
        "scope": run["scope"],
        "at": run["at"],
        "asked": run["asked"],
        "since": run["since"],
        "examined": examined,
        "counts": dict(sorted(counts.items())),
    }
    await report.write(services, summary, lambda: pages(services, run["run"]), now)
    row = summary | {"id": _end(run["run"]), "kind": "audit", "ended_at": now.isoformat(), "feed": feed}
    try:
        await services.store.create(AUDITS, row, row["id"])
    except AlreadyStored:
        pass
    logger.info("audit %s examined=%d findings=%d", run["run"], examined, sum(counts.values()))
    return row

"""An audit's run: which cases it looks at, page by page, so that it can be killed anywhere and goes on from there.

Everything is added and nothing changed: a row that starts the run, a row for each page with the findings and where
the next page begins, and a row that ends it. Who does a page again writes the same row and is told that it is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.audit import noted, promises, report
from shared.audit.case_checks import UNREADABLE, Dossier, Examined
from shared.audit.dossiers import CASES_A_BLOCK, Walk, named
from shared.audit.examiner import examine_case
from shared.audit.findings import Finding
from shared.domain.errors import NotFound, Unavailable
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.audits")

AUDITS = "audits"
CASES_A_PAGE = 50
PAGES_MAX = 1_000_000
"""As many as their numbers have digits for."""
AT_ONCE = 8
"""Cases examined side by side: most of the time is waiting for the store."""
CONTINUED_FOR = timedelta(days=7)
FULL, CHANGES, PAST, ONE = "full", "changes", "past", "one"
"""What a run looks at: every case; what changed or fell due since the last run, and what was found then; every case as
it stood on an earlier day; one case."""


def run_id_of(scope: str, day: date) -> str:
    """The id of the run that belongs to a day (of changes) or to a month (a full one): started twice, it is one."""
    return f"{day:%Y%m%d}-{CHANGES}" if scope == CHANGES else f"{day:%Y%m}-{FULL}"


async def start(
    services: Services, run_id: str, scope: str, now: datetime, asked: datetime, case_id: str | None = None
) -> dict[str, Any]:
    """Begin a run, or return the one of this id that has begun. A run of changes goes on from the last that ended."""
    stored = await services.store.read(AUDITS, run_id, run_id)
    if stored is not None:
        return stored
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
    """The last run over cases as they are that reached its end: what an earlier day looked like is nothing to go on."""
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


async def pages(
    services: Services, run_id: str, numbers: Iterable[int] = range(1, PAGES_MAX)
) -> AsyncIterator[dict[str, Any]]:
    """The pages that a run has done, in order, one at a time: all of them, or these."""
    for number in numbers:
        row = await services.store.read(AUDITS, _page(run_id, number), _page(run_id, number))
        if row is None:
            return
        yield row


def pages_with(services: Services, end: dict[str, Any], what: str, first: int = 1) -> AsyncIterator[dict[str, Any]]:
    """The pages of an ended run, from one on, that hold any `findings`, or anything `decided` or `paid`."""
    numbers = end.get("noted", {}).get(what)
    if not isinstance(numbers, list):  # Runs that ended longer ago have noted only how many rows there are.
        numbers = range(1, PAGES_MAX)
    return pages(services, end["run"], (number for number in numbers if number >= first))


async def noted_since(
    services: Services, what: str, day: date, before: date = date.max
) -> AsyncIterator[dict[str, Any]]:
    """What every run over many cases that began on this day (UTC) or later, and before another, has noted.

    `what` is `decided` or `paid`; a row may come twice.
    """
    last, end = (datetime.combine(each, time.min, UTC).isoformat() for each in (day, before))
    while True:
        found = await services.store.query(
            AUDITS,
            "SELECT TOP 100 c.run, c.at, c.noted FROM c WHERE c.kind = 'audit' AND c.scope IN ('full', 'changes')"
            " AND c.at > @last AND c.at < @end ORDER BY c.at",
            {"last": last, "end": end},
        )
        for run in found:
            if run["noted"][what]:
                async for page in pages_with(services, run, what):
                    for row in page[what]:
                        yield row
        if len(found) < 100:
            return
        last = found[-1]["at"]


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
    async with Reader(services, run, where) as reader:
        while where is not None and has_time():
            row = await _do_page(reader, number, where)
            try:
                await services.store.create(AUDITS, row, row["id"])
            except AlreadyStored:
                stored = await services.store.read(AUDITS, row["id"], row["id"])
                assert stored is not None
                row = stored
                reader.forget()
            number, where = number + 1, row["next"]
    return await _finish(services, run, now) if where is None else None


def _beginning(run: dict[str, Any]) -> dict[str, Any]:
    if run["scope"] == ONE:
        return {"phase": "one", "at": None}
    if run["previous"]:
        return {"phase": "changed", "at": run["feed"]}
    return {"phase": "all", "at": {"after": "", "anchors": None}}


async def _do_page(reader: Reader, number: int, where: dict[str, Any]) -> dict[str, Any]:
    """One page: some cases examined, and where the next one begins (None: this was the last)."""
    run, services = reader.run, reader.services
    asked, is_now = datetime.fromisoformat(run["asked"]), run["asked"] == run["at"]
    findings: list[Finding] = []
    decided: list[dict[str, Any]] = []
    paid: list[dict[str, Any]] = []
    blocks, following, feed = await reader.read(where["phase"], where["at"])
    examined = 0
    async for block in blocks:
        examined += len(block)
        for first in range(0, len(block), AT_ONCE):
            group = block[first : first + AT_ONCE]
            for result in await asyncio.gather(*(_look(services, each, asked, is_now) for each in group)):
                findings += result.findings
                if result.case is not None:
                    events = [event for event in result.events if is_now or event.at <= asked]
                    decided += noted.decided(result.case, events, asked)
                    paid += noted.paid(result.case, events, asked)
    if where["phase"] == "whole" and is_now:
        findings += [finding async for finding in promises.broken(services, asked)]
    return {
        "id": _page(run["run"], number),
        "kind": "audit_page",
        "run": run["run"],
        "number": number,
        "examined": examined,
        "findings": [finding.as_json() for finding in findings],
        "decided": decided,
        "paid": paid,
        "feed": feed,
        "next": following,
    }


async def _look(services: Services, dossier: Dossier, asked: datetime, is_now: bool) -> Examined:
    try:
        return await examine_case(services, dossier, asked, is_now)
    except Unavailable:
        raise  # The store does not answer: this page is done again later.
    except UNREADABLE:  # One bad case is a finding, not an end.
        logger.exception("case could not be examined", extra={"case_id": dossier.case_id})
        found = [Finding("snapshot_differs", dossier.case_id, None, ("cannot be examined",))]
        return Examined(found, None, [], False)


Read = tuple[AsyncIterator[list[Dossier]], dict[str, Any] | None, str | None]
"""Cases block by block, where to go on, and how far the change feed has been read."""


class Reader:
    """What a run looks at next. Cases that were met before in this sitting are passed over, unless the feed tells of a
    change since they were read: it is told once."""

    def __init__(self, services: Services, run: dict[str, Any], where: dict[str, Any] | None) -> None:
        self.services = services
        self.run = run
        self._seen: set[str] = set()
        self._read: set[tuple[str, str]] = set()
        """Case and version of each snapshot and event that was read."""
        at: dict[str, Any] = {"anchors": None, "after": ""}
        if where is not None and where["phase"] == "all":
            at = where["at"]
        self._walk = Walk(services, at["after"], at["anchors"])

    async def __aenter__(self) -> Reader:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._walk.close()

    async def read(self, phase: str, at: Any) -> Read:
        """A page of a phase."""
        if phase == "all":
            found, onwards = await self._walk.block(at["after"])
            return _at_once(found), {"phase": "whole" if onwards is None else "all", "at": onwards}, None
        if phase == "changed":
            rows, following, feed = await _changed(self.services, at)
            new = list(dict.fromkeys(row["case_id"] for row in rows if self._is_news(row)))
        else:
            case_ids, following, feed = await PHASES[phase](self.services, self.run, at)
            new = [each for each in dict.fromkeys(case_ids) if each not in self._seen]
        self._seen.update(new)
        return self._named(new), following, feed

    def forget(self) -> None:
        """Somebody else has done the page that was read last, and may have seen less: what it goes on to is all new."""
        self._seen.clear()
        self._read.clear()

    def _is_news(self, row: dict[str, Any]) -> bool:
        """Whether a row of the feed says more of its case than was read. (What surrounds it says nothing to note.)"""
        is_of_record = row.get("kind") in ("case", "event")
        return row["case_id"] not in self._seen or (is_of_record and (row["case_id"], row["_etag"]) not in self._read)

    async def _named(self, case_ids: list[str]) -> AsyncIterator[list[Dossier]]:
        for first in range(0, len(case_ids), CASES_A_BLOCK):
            block = await named(self.services, case_ids[first : first + CASES_A_BLOCK])
            for each in block:
                self._read |= {(each.case_id, item["_etag"]) for item in (each.snapshot, *each.events) if item}
            yield block


async def _at_once(block: list[Dossier]) -> AsyncIterator[list[Dossier]]:
    yield block


Phase = tuple[list[str], dict[str, Any] | None, str | None]


async def _one(services: Services, run: dict[str, Any], at: Any) -> Phase:
    return [run["case_id"]], None, None


async def _changed(services: Services, at: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None, str | None]:
    """What was written to cases since the last run, and from where on that of the next page."""
    rows, reached = await services.store.changes(CASES, at, CASES_A_PAGE * 4)
    return rows, {"phase": "changed", "at": reached} if rows else {"phase": "due", "at": ["", ""]}, reached


async def _due(services: Services, run: dict[str, Any], at: list[str]) -> Phase:
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


async def _open(services: Services, run: dict[str, Any], at: int) -> Phase:
    """Cases in which the last run found something: it stands until it is mended."""
    previous = await ended(services, run["previous"])
    assert previous is not None
    case_ids: list[str] = []
    async for page in pages_with(services, previous, "findings", at):
        case_ids += [finding["case_id"] for finding in page["findings"] if finding["case_id"]]
        if len(case_ids) >= CASES_A_PAGE:
            return case_ids, {"phase": "open", "at": page["number"] + 1}, None
    return case_ids, {"phase": "whole", "at": None}, None


async def _whole(services: Services, run: dict[str, Any], at: Any) -> Phase:
    return [], None, None


PHASES = {"one": _one, "due": _due, "open": _open, "whole": _whole}


def _text(instant: str) -> str:
    """An instant as snapshots store it, so that text compares as time."""
    return datetime.fromisoformat(instant).astimezone(UTC).isoformat().replace("+00:00", "Z")


async def _decided_lately(
    services: Services, run: dict[str, Any], numbers: Iterable[int]
) -> AsyncIterator[dict[str, Any]]:
    """Decisions that this run has noted on these pages, and those before it that the report still shows."""
    async for page in pages(services, run["run"], numbers):
        for row in page["decided"]:
            yield row
    if run["scope"] != ONE:
        first = datetime.fromisoformat(run["asked"]) - report.DECIDED_WITHIN
        async for row in noted_since(services, "decided", first.date()):
            yield row


async def _finish(services: Services, run: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Write the reports, then the row that ends the run: whoever sees that row finds the reports."""
    counts: Counter[str] = Counter()
    where: dict[str, list[int]] = {"findings": [], "decided": [], "paid": []}
    examined, feed = 0, run["feed"]
    keys: set[tuple[str, ...]] = set()
    async for page in pages(services, run["run"]):
        examined += page["examined"]
        feed = page["feed"] or feed
        for what, numbers in where.items():
            if page[what]:
                numbers.append(page["number"])
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
    decided = _decided_lately(services, run, where["decided"])
    await report.write(services, summary, lambda: pages(services, run["run"], where["findings"]), decided)
    row = summary | {"id": _end(run["run"]), "kind": "audit", "ended_at": now.isoformat(), "feed": feed}
    row["noted"] = where
    try:
        await services.store.create(AUDITS, row, row["id"])
    except AlreadyStored:
        pass
    logger.info("audit %s examined=%d findings=%d", run["run"], examined, sum(counts.values()))
    return row

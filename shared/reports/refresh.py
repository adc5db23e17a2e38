"""The nightly run: what changed since the last one is taken out of the sums as it was and put back as it is.

The store's change feed says which cases changed. A case's contribution and the summary of its intake stand in one
partition and change in one batch, guarded by the summary's version: a run may be killed anywhere, run twice at once,
or see a case again, and every sum stays what the contributions make.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored, Create, Operation, Replace
from shared.domain.case import Case
from shared.domain.errors import PledgeError, RecordChanged
from shared.reports import sums
from shared.reports.contributions import contribution_of, moved_from
from shared.reports.funnel import funnel_part
from shared.reports.liability import liability_part
from shared.use_cases.commands import CASES, case_from, events_of
from shared.use_cases.guarantee import judge

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.reports")

REPORTS = "reports"
ALL = "all"
"""The partition of what speaks of all intakes: where the run stands, and the overviews."""
OVERVIEWS = {"funnel": funnel_part, "liability": liability_part}
"""One item each over all intakes, and what it keeps of each: little enough that all of them stand in one item."""
RULES = 3
"""The version of what a contribution holds, the statuses of jobs included. Another one: everything is made anew."""
PAGE = 200
GATHERED_MAX = 1600
TOGETHER_MAX = 80
"""Contributions in one batch, whose limit is a hundred operations."""
LEFT_MAX = 1000
TRIES = 5
TIME_BUDGET = timedelta(minutes=4)


class TooManyLeft(PledgeError):
    """More cases could not be counted than can be remembered. The run ends where it was, and the next one sees them."""


async def run_reports(services: Services, now: datetime) -> dict[str, int]:
    """Bring every summary up to date with the cases that changed, then the overviews of the intakes concerned."""
    counts = {"due": 0, "changed": 0, "failed": 0, "intakes": 0}
    until = time.monotonic() + TIME_BUDGET.total_seconds()
    cursor = await _cursor(services)
    try:
        await _take_in(services, cursor, await _left(services, cursor), now, counts)
        await _catch_up(services, cursor, now, counts, until)
        is_more = True
        while is_more and time.monotonic() < until:
            since = cursor["continuation"]
            cases, reached, is_more = await _changed(services, since)
            failed = await _take_in(services, cursor, cases, now, counts)
            cursor["behind"] |= dict.fromkeys(failed, since)
            cursor["continuation"] = reached
            await _keep(services, cursor)
        counts["intakes"] = len(cursor["stale"])
        await _renew_overviews(services, cursor, now, counts)
        await _keep(services, cursor)
    except RecordChanged:
        counts["elsewhere"] = 1  # Another run is at it: it has taken, or will take, what this one would have.
    return counts


async def _cursor(services: Services) -> dict[str, Any]:
    """Where the last run came to: a place in the feed, cases to look at again, intakes whose overview is old; and of
    each intake whose sums could not be written the place from which its cases are taken in again (`behind`)."""
    rules = [RULES, {each.id: list(each.sources) for each in services.programmes.values()}]
    fresh: dict[str, Any] = {"id": "cursor", "intake": ALL, "kind": "cursor", "rules": rules}
    fresh |= {"continuation": None, "behind": {}}
    stored = await services.store.read(REPORTS, "cursor", ALL)
    if stored is None:
        try:
            await services.store.create(REPORTS, fresh | {"left": [], "stale": []}, ALL)
        except AlreadyStored:
            pass  # Another run began at the same moment; both go on from the beginning.
        stored = await services.store.read(REPORTS, "cursor", ALL)
        assert stored is not None
    if stored["rules"] != rules:
        stored |= fresh
    return stored


async def _keep(services: Services, cursor: dict[str, Any]) -> None:
    cursor["_etag"] = await services.store.replace(REPORTS, _plain(cursor), cursor["_etag"], ALL)


async def _changed(services: Services, continuation: str | None) -> tuple[list[Case], str, bool]:
    """The next cases of the feed, each once, where it goes on, and whether there may be more.

    So many are gathered that those of one intake make full batches.
    """
    found: dict[str, Case] = {}
    while True:
        rows, continuation = await services.store.changes(CASES, continuation, PAGE)
        found |= {case.case_id: case for case in _cases(rows)}
        if not rows or len(found) >= GATHERED_MAX:
            return list(found.values()), continuation, bool(rows)


async def _left(services: Services, cursor: dict[str, Any]) -> list[Case]:
    """The cases that an earlier run could not take in."""
    found = []
    for case_id in cursor["left"]:
        item = await services.store.read(CASES, "case", case_id)
        found += _cases([item] if item is not None else [])
    return found


def _cases(rows: list[dict[str, Any]]) -> list[Case]:
    """The snapshots among what was written; a case that cannot be read is the audit's business."""
    found = []
    for row in rows:
        if row.get("kind") == "case":
            try:
                found.append(case_from(row))
            except ValueError:
                logger.warning("case left out of the reports", extra={"case_id": row.get("case_id")})
    return found


async def _catch_up(
    services: Services, cursor: dict[str, Any], now: datetime, counts: dict[str, int], until: float
) -> None:
    """Take in what the intakes that are behind have missed; one that fails again stays behind, and counts as failed."""
    for intake in sorted(cursor["behind"]):
        is_more, failed = True, set[str]()
        while is_more and not failed and time.monotonic() < until:
            cases, reached, is_more = await _changed(services, cursor["behind"][intake])
            failed = await _take_in(services, cursor, cases, now, counts, only=intake)
            if not failed:
                cursor["behind"][intake] = reached
                await _keep(services, cursor)
        if not is_more and not failed:
            del cursor["behind"][intake]


async def _take_in(
    services: Services,
    cursor: dict[str, Any],
    cases: list[Case],
    now: datetime,
    counts: dict[str, int],
    only: str | None = None,
) -> set[str]:
    """Contributions of these cases, by intake, and in the cursor which cases to try again and which intakes moved.

    Of one intake `only`, else of all that are not behind. Answers those whose sums could not be written: nothing in the
    cursor says which of their cases are missing.
    """
    counts["due"] += len(cases)
    left = {case_id for case_id in cursor["left"] if case_id not in {case.case_id for case in cases}}
    by_intake: dict[str, list[dict[str, Any]]] = {}
    for start in range(0, len(cases), 20):
        some = cases[start : start + 20]
        made = await asyncio.gather(*(_made(services, case, now) for case in some), return_exceptions=True)
        for case, contribution in zip(some, made, strict=True):
            if isinstance(contribution, BaseException):
                if not isinstance(contribution, Exception):
                    raise contribution
                counts["failed"] += 1
                left.add(case.case_id)
                cause = {"case_id": case.case_id, "cause": type(contribution).__name__}
                logger.warning("case left out of the reports", extra=cause)
            else:
                for each in contribution:
                    by_intake.setdefault(each["intake"], []).append(each)
    failed = set()
    for intake, contributions in sorted(by_intake.items()):
        if (intake != only) if only else (intake in cursor["behind"]):
            left |= {each["id"] for each in contributions} & set(cursor["left"])
            continue
        try:
            for start in range(0, len(contributions), TOGETHER_MAX):
                counts["changed"] += await _put(services, intake, contributions[start : start + TOGETHER_MAX], now)
        except RecordChanged:
            raise
        except Exception as error:  # One intake whose summary is refused must not stop the reports of all the others.
            counts["failed"] += len(contributions)
            failed.add(intake)
            left |= {each["id"] for each in contributions} & set(cursor["left"])
            logger.warning("intake left out of the reports", extra={"intake": intake, "cause": type(error).__name__})
    if len(left) > LEFT_MAX:
        raise TooManyLeft(f"{len(left)} cases could not be counted")
    cursor["left"] = sorted(left)
    cursor["stale"] = sorted({*cursor["stale"], *by_intake})
    return failed


async def _made(services: Services, case: Case, now: datetime) -> list[dict[str, Any]]:
    """What the case adds to its intake; and to each that it was moved from, nothing any more."""
    programme, events = services.programmes[case.programme], await events_of(services, case.case_id)
    found, proof = contribution_of(case, events, programme, judge(case, programme, services.terms, now))
    made = {"id": case.case_id, "case_id": case.case_id, "kind": "contribution", "sequence": case.sequence}
    own = made | {"intake": f"{case.programme}.{case.intake}", "sums": found, "proof": proof}
    left = moved_from(case, events)
    return [own, *(made | {"intake": f"{case.programme}.{each}", "sums": {}, "proof": None} for each in left)]


async def _put(services: Services, intake: str, contributions: list[dict[str, Any]], now: datetime) -> int:
    """Replace these contributions and what they make of the summary, as one write. How many were new or other."""
    for _ in range(TRIES):
        summary = await services.store.read(REPORTS, "summary", intake)
        known = {row["id"]: row for row in await _known(services, intake, [each["id"] for each in contributions])}
        changed = [each for each in contributions if _is_news(each, known.get(each["id"]))]
        if not changed:
            return 0
        after: dict[str, Any] = (
            _plain(summary) if summary else {"id": "summary", "intake": intake, "kind": "summary", "sums": {}}
        )
        operations: list[Operation] = []
        for each in changed:
            before = known.get(each["id"])
            if before is not None:
                sums.add(after["sums"], before["sums"], -1)
            sums.add(after["sums"], each["sums"])
            operations.append(Create(each) if before is None else Replace(each, None))
        after |= {"as_of": now.isoformat(), "rules": RULES}
        guard: Operation = Create(after) if summary is None else Replace(after, summary["_etag"])
        try:
            await services.store.commit(REPORTS, intake, [guard, *operations])
            return len(changed)
        except (RecordChanged, AlreadyStored):
            continue  # Another run wrote this summary in between: ask again what is known.
    raise RecordChanged(intake)


def _is_news(made: dict[str, Any], known: dict[str, Any] | None) -> bool:
    """Whether this says other than what is known; what an older look at the case found never replaces a newer one's."""
    if known is None:
        return True
    return made["sequence"] >= known["sequence"] and any(made[name] != known[name] for name in ("sums", "proof"))


async def _known(services: Services, intake: str, ids: list[str]) -> list[dict[str, Any]]:
    return await services.store.query(
        REPORTS,
        "SELECT TOP @most * FROM c WHERE c.kind = 'contribution' AND ARRAY_CONTAINS(@ids, c.case_id)",
        {"most": TOGETHER_MAX, "ids": ids},
        intake,
    )


async def _renew_overviews(services: Services, cursor: dict[str, Any], now: datetime, counts: dict[str, int]) -> None:
    """Every overview of the intakes that moved; they stay stale until all of them are written."""
    failed = 0
    for name, part_of in OVERVIEWS.items():
        try:
            await _renew_overview(services, name, part_of, cursor["stale"], now)
        except RecordChanged:
            raise
        except Exception as error:  # One overview that is refused must not keep the other one old.
            failed += 1
            logger.warning("overview left as it was", extra={"overview": name, "cause": type(error).__name__})
    counts["failed"] += failed
    cursor["stale"] = cursor["stale"] if failed else []


async def _renew_overview(services: Services, name: str, part_of: Any, intakes: list[str], now: datetime) -> None:
    """Let an overview say of these intakes what their summaries say now."""
    if not intakes:
        return
    stored = await services.store.read(REPORTS, name, ALL)
    overview: dict[str, Any] = (
        _plain(stored) if stored else {"id": name, "intake": ALL, "kind": "overview", "parts": {}}
    )
    for intake in intakes:
        summary = await services.store.read(REPORTS, "summary", intake)
        if summary is not None:
            overview["parts"][intake] = part_of(summary["sums"])
    overview["as_of"] = now.isoformat()
    try:
        if stored is None:
            await services.store.create(REPORTS, overview, ALL)
        else:
            await services.store.replace(REPORTS, overview, stored["_etag"], ALL)
    except AlreadyStored as error:
        raise RecordChanged(name) from error


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it was stored, without what the store adds."""
    return {name: value for name, value in item.items() if not name.startswith("_")}

"""Cases as they are stored, for an audit to read: those that it names, a block in one query, or all, block by block."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.audit.anchors import Anchors
from shared.audit.case_checks import Anchor, Dossier
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

CASES_A_BLOCK = 60
IDS_A_PAGE = 1000
AFTER_ALL = "\uffff"
"""A text that comes after every case's id, and after whatever else somebody may have stored."""

Rows = dict[str, list[dict[str, Any]]]
"""The snapshot and events of each case, in no order."""


async def named(services: Services, case_ids: Sequence[str]) -> list[Dossier]:
    """These cases (a block of them at most), without their anchored heads. What is not there is left out."""
    names = [f"case{number}" for number in range(len(case_ids))]
    listed = ", ".join(f"@{name}" for name in names)
    rows = await services.store.query(
        CASES,
        f"SELECT * FROM c WHERE c.kind IN ('case', 'event') AND c.case_id IN ({listed})",
        dict(zip(names, case_ids, strict=True)),
        case_ids[0] if len(case_ids) == 1 else None,
    )
    return [_gathered(case_id, own, None) for case_id, own in _by_case(rows).items()]


def _by_case(rows: list[dict[str, Any]]) -> Rows:
    items: Rows = defaultdict(list)
    for row in rows:
        items[row["case_id"]].append(row)
    return dict(sorted(items.items()))


def _gathered(case_id: str, rows: list[dict[str, Any]], anchors: list[Anchor] | None) -> Dossier:
    snapshot = next((row for row in rows if row["id"] == "case"), {})
    events = sorted((row for row in rows if row["id"] != "case"), key=lambda row: str(row["id"]))
    return Dossier(case_id, snapshot, events, anchors)


class Walk:
    """Every case in the order of the ids, and the anchored heads in step with them.

    While a block is examined the store is asked for the next one already. A block is everything between two ids, so
    that what lost its snapshot comes by as well; without an ORDER BY a query takes the client half the time, and one
    call instead of three.
    """

    def __init__(self, services: Services, after: str, anchors_page: str | None) -> None:
        self._services = services
        self._anchors = Anchors(services, anchors_page, after)
        self._ids: list[str] = []
        self._ahead: tuple[str, asyncio.Task[tuple[Rows, str]]] | None = None

    async def block(self, after: str) -> tuple[list[Dossier], dict[str, Any] | None]:
        """The cases that follow an id, and from where on the next block goes (None: this was the last)."""
        items, end = await self._items_after(after)
        found = [_gathered(each, own, await self._anchors.of(each)) for each, own in items.items()]
        if end == AFTER_ALL:
            await self._anchors.of(AFTER_ALL)
        found += [_gathered(each, [], heads) for each, heads in self._anchors.passed_over().items()]
        if end == AFTER_ALL:
            return found, None
        self._ahead = (end, asyncio.create_task(self._ask(end)))
        return found, {"after": end, "anchors": self._anchors.page}

    async def close(self) -> None:
        """Wait no more for a block that nobody will examine."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead[1].cancel()
            await asyncio.gather(ahead[1], return_exceptions=True)

    async def _items_after(self, after: str) -> tuple[Rows, str]:
        if self._ahead is not None and self._ahead[0] == after:
            (_, asked), self._ahead = self._ahead, None
            return await asked
        await self.close()  # Somebody else has done that page, and found another end of it.
        return await self._ask(after)

    async def _ask(self, after: str) -> tuple[Rows, str]:
        end = await self._end_of_block(after)
        rows = await self._services.store.query(
            CASES,
            "SELECT * FROM c WHERE c.kind IN ('case', 'event') AND c.case_id > @after AND c.case_id <= @end",
            {"after": after, "end": end},
        )
        return _by_case(rows), end

    async def _end_of_block(self, after: str) -> str:
        ids = self._ids[bisect_right(self._ids, after) :]
        if len(ids) <= CASES_A_BLOCK:
            rows = await self._services.store.query(
                CASES,
                "SELECT TOP @most c.case_id FROM c WHERE c.kind = 'case' AND c.case_id > @after ORDER BY c.case_id",
                {"most": IDS_A_PAGE, "after": after},
            )
            ids = [row["case_id"] for row in rows]
        self._ids = ids
        return ids[CASES_A_BLOCK - 1] if len(ids) > CASES_A_BLOCK else AFTER_ALL

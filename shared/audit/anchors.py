"""Heads of chains, written to where nothing can be changed: what was cut off or rewritten since then shows.

One empty blob a head, named for it: `{case_id}/{sequence}.{head}`. Its own age is the storage's word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shared.audit.case_checks import Anchor

if TYPE_CHECKING:
    from shared.bootstrap import Services

NAME = re.compile(r"([a-z2-7]{26})/([0-9]{6})\.([0-9a-f]{64})", re.ASCII)


async def anchors_of(services: Services, case_id: str) -> list[Anchor]:
    """The anchored heads of one chain, oldest first."""
    return [(each["sequence"], each["head"]) for each in await listed(services, case_id)]


async def listed(services: Services, case_id: str) -> list[dict[str, Any]]:
    """The same for an outsider, each with the instant at which the storage took it."""
    found = []
    async for name, written_at in services.blobs.written(services.blobs.anchors, f"{case_id}/"):
        match = NAME.fullmatch(name)
        if match is not None:
            found.append({"sequence": int(match[2]), "head": match[3], "anchored_at": written_at.isoformat()})
    return sorted(found, key=lambda each: each["sequence"])


class Anchors:
    """All anchored heads in the order of their cases, read once beside the cases themselves.

    `page` is where the listing's page that is being read begins: from there somebody else can go on.
    """

    def __init__(self, services: Services, page: str | None, after: str) -> None:
        self._services = services
        self.page = page
        self._done = after
        self._gone: dict[str, list[Anchor]] = {}
        self._names: list[str] | None = None
        self._further: str | None = None
        self._at = 0

    async def of(self, case_id: str) -> list[Anchor]:
        """The heads of this case. Cases must be asked for in the order of their ids; earlier ones are passed over."""
        found = []
        while (name := await self._current()) is not None:
            match = NAME.fullmatch(name)
            if name > f"{case_id}/~":
                break
            self._at += 1
            if match is not None and match[1] == case_id:
                found.append((int(match[2]), match[3]))
            elif match is not None and match[1] > self._done:
                self._gone.setdefault(match[1], []).append((int(match[2]), match[3]))
        self._done = case_id
        return sorted(found)

    def passed_over(self) -> dict[str, list[Anchor]]:
        """Cases whose heads came by since this was last asked, and that nobody asked for: they are gone."""
        gone, self._gone = self._gone, {}
        return gone

    async def _current(self) -> str | None:
        while self._names is None or self._at >= len(self._names):
            if self._names is not None:
                if self._further is None:
                    return None
                self.page = self._further
            blobs = self._services.blobs
            self._names, self._further = await blobs.names(blobs.anchors, self.page)
            self._at = 0
        return self._names[self._at]


async def anchor(services: Services, case_id: str, sequence: int, head: str) -> None:
    """Write a head. The same head again is the same blob."""
    name = f"{case_id}/{sequence:06d}.{head}"
    await services.blobs.put(services.blobs.anchors, name, b"", "application/octet-stream")

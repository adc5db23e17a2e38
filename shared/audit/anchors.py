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


async def anchor(services: Services, case_id: str, sequence: int, head: str) -> None:
    """Write a head. The same head again is the same blob."""
    name = f"{case_id}/{sequence:06d}.{head}"
    await services.blobs.put(services.blobs.anchors, name, b"", "application/octet-stream")

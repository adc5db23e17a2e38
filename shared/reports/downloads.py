"""Packs too large for one answer: written to a blob in blocks, fetched by their id, gone two days later.

They lie beside the evidence under a name that is no case's, so that the sweep over files that belong to nobody
removes them.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from shared.adapters.blobs import EXPORTS
from shared.domain.errors import NotFound
from shared.domain.events import Actor

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.reports")


async def keep(services: Services, pieces: Iterable[bytes], intake: str, by: Actor) -> dict[str, Any]:
    """Store a pack under an id that nobody can guess; the id, the size and the hash of what was stored."""
    export_id = secrets.token_hex(16)
    digest, size = hashlib.sha256(), 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            yield piece

    await services.blobs.put_in_blocks(services.blobs.evidence, EXPORTS + export_id, counted(), "application/zip")
    logger.info("pack exported", extra={"intake": intake, "export_id": export_id, "by": by.id, "bytes": size})
    return {"export_id": export_id, "bytes": size, "sha256": digest.hexdigest()}


async def fetch(services: Services, export_id: str) -> bytes:
    """The pack, or `NotFound` once it is gone."""
    if not re.fullmatch("[0-9a-f]{32}", export_id, re.ASCII):
        raise NotFound(export_id)
    return await services.blobs.get(services.blobs.evidence, EXPORTS + export_id)

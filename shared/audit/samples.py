"""The monthly draw of decided claims for human review: seed committed first, list and draw shown afterwards."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.audit import runs, sample
from shared.domain.calendar import add_months
from shared.domain.errors import AlreadyExists, NotFound
from shared.domain.events import Actor

if TYPE_CHECKING:
    from shared.bootstrap import Services

COUNTERS = "counters"
AUDITS = "audits"


async def keep(services: Services, now: datetime) -> dict[str, int]:
    """Commit to this month's seed if that has not been done, and draw last month's sample if that has not."""
    month, before = f"{now:%Y-%m}", f"{add_months(now.date().replace(day=1), -1):%Y-%m}"
    await _commit(services, month, now)
    drawn = await _draw(services, before, now)
    return {"sample_drawn": drawn}


async def _commit(services: Services, month: str, now: datetime) -> None:
    """The seed stays where only the service reads; its hash goes where nothing can be changed."""
    row_id, seed_id = f"sample:{month}:commitment", f"sample-seed:{month}"
    if await services.store.read(AUDITS, row_id, row_id) is not None:
        return
    seed_row = {"id": seed_id, "kind": "sample_seed", "seed": secrets.token_hex(16), "ttl": -1}
    try:
        await services.store.create(COUNTERS, seed_row, seed_id)
        seed = str(seed_row["seed"])
    except AlreadyStored:
        seed = await _seed(services, month)
    commitment = sample.commitment(seed)
    await services.blobs.put(services.blobs.anchors, f"samples/{month}.{commitment}", b"", "application/octet-stream")
    row = {"id": row_id, "kind": "sample_commitment", "month": month, "commitment": commitment, "at": now.isoformat()}
    try:
        await services.store.create(AUDITS, row, row_id)
    except AlreadyStored:
        return


async def _seed(services: Services, month: str) -> str:
    row = await services.store.read(COUNTERS, f"sample-seed:{month}", f"sample-seed:{month}")
    if row is None:
        raise NotFound(month)
    return str(row["seed"])


async def _draw(services: Services, month: str, now: datetime) -> int:
    row_id = f"sample:{month}"
    committed = await services.store.read(AUDITS, f"{row_id}:commitment", f"{row_id}:commitment")
    if committed is None or await services.store.read(AUDITS, row_id, row_id) is not None:
        return 0
    rows = sample.in_list_order([row async for row in _decided_in(services, month)])
    settings = [programme.audit for programme in services.programmes.values()]
    percent = max((each.sample_percent for each in settings), default=0)
    least = max((each.sample_least for each in settings), default=0)
    seed = await _seed(services, month)
    listed = json.dumps(rows, indent=1).encode()
    blob = f"samples/{month}/{hashlib.sha256(listed).hexdigest()}.json"
    await services.blobs.put(services.blobs.audits, blob, listed, "application/json")
    row = {
        "id": row_id,
        "kind": "sample",
        "month": month,
        "at": now.isoformat(),
        "seed": seed,
        "commitment": committed["commitment"],
        "committed_at": committed["at"],
        "percent": percent,
        "least": least,
        "list_hash": sample.list_hash(rows),
        "list_length": len(rows),
        "list": blob,
        "drawn": sample.draw(rows, seed, percent, least),
    }
    try:
        await services.store.create(AUDITS, row, row_id)
    except AlreadyStored:
        return 0
    return len(row["drawn"])


async def _decided_in(services: Services, month: str) -> AsyncIterator[dict[str, Any]]:
    async for row in runs.noted_since(services, "decided", date.fromisoformat(f"{month}-01")):
        if row["on"].startswith(month):
            yield row


async def samples(services: Services) -> list[dict[str, Any]]:
    """The samples drawn so far, newest first, without their rows."""
    return await services.store.query(
        AUDITS,
        "SELECT TOP 60 c.month, c.at, c.commitment, c.committed_at, c.list_length FROM c WHERE c.kind = 'sample'"
        " ORDER BY c.at DESC",
        {},
    )


async def sample_of(services: Services, month: str) -> dict[str, Any]:
    """A month's sample with everything that one needs to draw it again, and what was found; or `NotFound`."""
    row = await services.store.read(AUDITS, f"sample:{month}", f"sample:{month}")
    if row is None:
        raise NotFound(month)
    drawn = []
    for each in row["drawn"]:
        review_id = _review_id(month, each["case_id"], each["sequence"])
        review = await services.store.read(AUDITS, review_id, review_id)
        told = ("outcome", "reason", "by", "at")
        drawn.append(each | {"review": {name: review[name] for name in told} if review else None})
    reviewed = [each["review"]["outcome"] for each in drawn if each["review"]]
    listed = json.loads(await services.blobs.get(services.blobs.audits, row["list"]))
    kept = {name: value for name, value in row.items() if not name.startswith("_") and name not in ("id", "op_id")}
    counts = {"reviewed": len(reviewed), "disagreed": reviewed.count("disagree")}
    return kept | counts | {"drawn": drawn, "list": listed}


def _review_id(month: str, case_id: str, sequence: int) -> str:
    return f"review:{month}:{case_id}:{sequence}"


async def review(
    services: Services, month: str, case_id: str, sequence: int, outcome: str, reason: str, by: Actor, now: datetime
) -> None:
    """Keep what a person thinks of one drawn decision. Said once; the same again is well, another word is refused."""
    row = await services.store.read(AUDITS, f"sample:{month}", f"sample:{month}")
    if row is None or not any((each["case_id"], each["sequence"]) == (case_id, sequence) for each in row["drawn"]):
        raise NotFound(case_id)
    review_id = _review_id(month, case_id, sequence)
    said = {"id": review_id, "kind": "sample_review", "outcome": outcome, "reason": reason, "by": by.id}
    try:
        await services.store.create(AUDITS, said | {"at": now.isoformat()}, review_id)
    except AlreadyStored:
        stored = await services.store.read(AUDITS, review_id, review_id)
        if stored is None or any(stored[name] != said[name] for name in ("outcome", "reason", "by")):
            raise AlreadyExists(review_id) from None

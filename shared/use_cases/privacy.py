"""Erasure and retention: what names somebody goes, the chain that names nobody stays."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.cosmos import Replace
from shared.domain.application import CLOSED
from shared.domain.calendar import add_months
from shared.domain.errors import PledgeError, RecordChanged
from shared.use_cases import deliveries
from shared.use_cases.commands import CASES, case_from, item_from

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.privacy")

PERSONAL_KINDS = ("person", "payee", "note", "submission")


async def run_retention(services: Services, now: datetime) -> dict[str, int]:
    """Erase the personal data of applications that were closed longer ago than the programme keeps them."""
    counts = {"due": 0, "erased": 0, "failed": 0}
    for programme in services.programmes.values():
        cutoff = add_months(now.date(), -programme.limits.closed_application_months)
        rows = await services.store.query(
            CASES,
            "SELECT TOP @most * FROM c WHERE c.kind = 'case' AND c.programme = @programme"
            " AND ARRAY_CONTAINS(@closed, c.application.status) AND c.application.since < @cutoff"
            " AND NOT IS_DEFINED(c.erased_at)",
            {
                "most": services.settings.timer_items_max,
                "programme": programme.id,
                "closed": list(CLOSED),
                "cutoff": cutoff.isoformat(),
            },
        )
        for row in rows:
            if case_from(row).enrolment.status != "none":
                continue  # Whoever signed a contract has a guarantee, an invoice or a claim: other periods hold.
            counts["due"] += 1
            try:
                await erase(services, row["case_id"], now)
                counts["erased"] += 1
            except PledgeError:
                counts["failed"] += 1
                logger.warning("case left to erase", extra={"case_id": row["case_id"]})
    return counts


async def erase(services: Services, case_id: str, now: datetime) -> None:
    """Delete person, payee, notes, submissions, files, inbox and address rows; the events stay. Safe to repeat."""
    store = services.store
    person = await store.read(CASES, "person", case_id)
    rows = await store.query(
        CASES,
        "SELECT c.id, c._etag FROM c WHERE ARRAY_CONTAINS(@kinds, c.kind)",
        {"kinds": list(PERSONAL_KINDS)},
        case_id,
    )
    item = await store.read(CASES, "case", case_id)
    if item is None:
        return
    case = case_from(item)
    await services.blobs.delete_all(services.blobs.evidence, f"{case_id}/")
    for address in (person["email"], *person.get("former_emails", [])) if person is not None else ():
        await _forget_address(services, deliveries.address_key(services, address), case_id)
    await _empty_inbox(services, case_id)
    for row in rows:
        await store.delete(CASES, row["id"], row["_etag"], case_id)
    case.erased_at = now
    await store.commit(CASES, case_id, [Replace(item_from(case), item["_etag"])])


async def _empty_inbox(services: Services, case_id: str) -> None:
    """What partners said about the person, as they said it."""
    while rows := await services.store.query(
        "inbox", "SELECT TOP 100 c.id, c._etag FROM c WHERE c.case_id = @case_id", {"case_id": case_id}
    ):
        for row in rows:
            await services.store.delete("inbox", row["id"], row["_etag"], row["id"])


async def _forget_address(services: Services, address: str, case_id: str) -> None:
    for _ in range(5):
        row = await services.store.read("addresses", address, address)
        if row is None or case_id not in row["cases"]:
            return
        left = [each for each in row["cases"] if each != case_id]
        try:
            if left:
                await services.store.replace("addresses", {"id": address, "cases": left}, row["_etag"], address)
            else:
                await services.store.delete("addresses", address, row["_etag"], address)
            return
        except RecordChanged:
            continue

"""One case examined: its own items, the files that its events name, and who else has its account or address."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.audit.anchors import anchor, anchors_of
from shared.audit.case_checks import Dossier, Examined, examine
from shared.audit.findings import Finding
from shared.domain.case import Case
from shared.domain.errors import NotFound
from shared.use_cases import deliveries
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services


async def examine_case(services: Services, dossier: Dossier, asked: datetime, is_now: bool) -> Examined:
    """Everything that can be found in one case. A sound chain's head is anchored on the way."""
    if dossier.anchors is None:
        dossier = replace(dossier, anchors=await anchors_of(services, dossier.case_id))
    result = examine(dossier, services.programmes, services.terms, asked, is_now)
    if result.case is not None and is_now:
        result.findings.extend([finding async for finding in _outside(services, result.case)])
        if result.is_sound and result.events:
            await _anchor_new(services, dossier, result)
    return result


async def _anchor_new(services: Services, dossier: Dossier, result: Examined) -> None:
    last = result.events[-1]
    if (last.sequence, last.hash) not in (dossier.anchors or ()):
        await anchor(services, dossier.case_id, last.sequence, last.hash)


async def _outside(services: Services, case: Case) -> AsyncIterator[Finding]:
    """What its own items cannot tell. An erased case has neither files nor a person any more."""
    if case.custody.erasure_begun_at is not None:
        return
    for document_id, document in sorted(case.documents.items()):
        if document.status == "malicious":
            continue
        for blob in filter(None, (document.blob, document.copy_blob)):
            trouble = await _trouble_with(services, blob)
            if trouble is not None:
                yield Finding("evidence_missing", case.case_id, document_id, (trouble,))
    if any(not claim.withdrawn for claim in case.claims):
        for other, why in sorted((await _twins(services, case)).items()):
            yield Finding("duplicate_person", case.case_id, other, (why,))


async def _trouble_with(services: Services, blob: str) -> str | None:
    """What is wrong with a file that lies under the hash of its content; None if nothing is."""
    try:
        content = await services.blobs.get(services.blobs.evidence, blob)
    except NotFound:
        return "gone"
    is_same = hashlib.sha256(content).hexdigest() == blob.rpartition("/")[2]
    return None if is_same else "another content"


async def _twins(services: Services, case: Case) -> dict[str, str]:
    """Other claiming cases with the same account or address, and which of the two. Nothing is never the same."""
    found: dict[str, str] = {}
    person = await services.store.read(CASES, "person", case.case_id)
    if person is not None and person.get("email"):
        key = deliveries.address_key(services, person["email"])
        row = await services.store.read("addresses", key, key)
        for other in row["cases"] if row is not None else ():
            if other != case.case_id and _claims(await services.store.read(CASES, "case", other)):
                found[other] = "same address"
    if case.payee is not None:
        rows = await services.store.query(
            CASES,
            "SELECT TOP 1000 c.case_id, c.claims FROM c WHERE c.kind = 'case' AND c.payee.hash = @hash",
            {"hash": case.payee.hash},
        )
        found |= {row["case_id"]: "same account" for row in rows if row["case_id"] != case.case_id and _claims(row)}
    return found


def _claims(row: dict[str, Any] | None) -> bool:
    return row is not None and any(not claim.get("withdrawn") for claim in row.get("claims", []))

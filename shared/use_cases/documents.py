"""The person's documents: kept by content, unseen until found clean, and every look at one is on record."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.blobs import EXPORTS
from shared.adapters.cosmos import AlreadyStored
from shared.domain.application import UNCONFIRMED
from shared.domain.change import Change
from shared.domain.errors import NotFound, RateLimited, RecordChanged, Unavailable
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.use_cases.commands import CASES, load, require
from shared.use_cases.search import note_read

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.documents")

A_DAY_MAX = 5
BYTES_MAX = 50 * 1024 * 1024
BY_STAFF_MAX = 100
"""A case that is full takes no claim any more: what staff add must never fill it."""
ORPHAN_AFTER = timedelta(hours=48)
COUNTERS = "counters"
ORPHANS = "orphans"
"""The id and kind of the row that says how far the search for them came."""
TIME_BUDGET = timedelta(minutes=1)
"""Erasures come before in the same run, and all of it ends within the five minutes of a function."""


@dataclass(frozen=True)
class Upload:
    """A file that was looked at: its content, an image's copy for staff, and the name the person gave it."""

    content: bytes
    content_type: str
    copy: bytes | None
    name: str

    @property
    def digest(self) -> str:
        """The content's hash, which is what it is stored under."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def document_id(self) -> str:
        """How the case calls it."""
        return self.digest[:16]


def blob_name(case_id: str, digest: str) -> str:
    """Where a person's file lies: by its case, so that a scan or an erasure finds it, and by its content."""
    return f"{case_id}/{digest}"


async def store(services: Services, case_id: str, upload: Upload, now: datetime) -> dict[str, Any]:
    """Put the file, and an image's copy, where they belong; what a case has to note about it. Safe to repeat.

    The blob goes first and the record second, so that no record ever points at nothing.
    """
    blob, kind = blob_name(case_id, upload.digest), upload.content_type
    etags = {blob: await services.blobs.put(services.blobs.evidence, blob, upload.content, kind, now)}
    noted: dict[str, Any] = {"blob": blob, "content_type": kind, "size": len(upload.content)}
    if upload.copy is not None and upload.copy != upload.content:
        copy = blob_name(case_id, hashlib.sha256(upload.copy).hexdigest())
        etags[copy] = await services.blobs.put(services.blobs.evidence, copy, upload.copy, kind, now)
        noted["copy_blob"] = copy
    return noted | {"etags": etags}


def note(change: Change, document_id: str, kind: str, noted: dict[str, Any], name: str) -> None:
    """Enter a stored file into the case, or say what a known one is. Its name may name the person: a note keeps it."""
    known = change.case.documents.get(document_id)
    if known is not None and known.kind == kind:
        return
    change.record("document_added", document_id, evidence=list(noted["etags"]), kind=kind, **noted)
    if known is None and name:
        change.new_items.append({"id": _name_id(document_id), "kind": "note", "text": name, "by": change.actor.id})


def _name_id(document_id: str) -> str:
    return f"note:file-{document_id}"


def blobs_of(change: Change, documents: list[str]) -> list[str]:
    """The files behind documents of this case; `NotFound` for one that is not on it, or that its owner has not sent.

    Staff rest nothing on a file that nobody can have seen yet.
    """
    for document in documents:
        known = change.case.documents.get(document)
        if known is None or known.kind == UNCONFIRMED:
            raise NotFound(document)
        if change.actor.role != Role.APPLICANT:
            require(known.status == "clean", "not-scanned", "This document has not been found clean yet.")
    return [change.case.documents[each].blob for each in documents]


async def add_document(change: Change, services: Services, *, kind: str, upload: Upload) -> None:
    """Keep a document: five a day and 50 MiB in all from one person; the same file again is no other one.

    What strangers sent with an application to this address, and what staff got by post, is none of the person's.
    """
    change.check("document_added")
    change.answer = {"document_id": upload.document_id}
    known = change.case.documents.get(upload.document_id)
    if known is not None and known.kind != UNCONFIRMED:
        return
    if change.actor.role == Role.APPLICANT:
        _check_room(change, len(upload.content))
    else:
        added = sum(each.by != Role.APPLICANT for each in change.case.documents.values())
        require(added < BY_STAFF_MAX, "documents-full", "No more papers can be added to this case.")
    noted = await store(services, change.case.case_id, upload, change.now)
    note(change, upload.document_id, kind, noted, upload.name)


def _check_room(change: Change, size: int) -> None:
    own = [each for each in change.case.documents.values() if each.by == Role.APPLICANT and each.kind != UNCONFIRMED]
    recent = sorted(each.added_at for each in own if each.added_at > change.now - timedelta(days=1))
    if len(recent) >= A_DAY_MAX:
        raise RateLimited((recent[-A_DAY_MAX] + timedelta(days=1) - change.now).total_seconds())
    is_room = sum(each.size for each in own) + size <= BYTES_MAX
    require(is_room, "documents-full", "No more than 50 MiB of documents are kept for one person.")


def scanned(change: Change, blob: str, etag: str, result: str) -> None:
    """What the scanner found, if it looked at the very version that was stored. What is malicious stays so."""
    found = next((each for each in change.case.documents.items() if blob in (each[1].blob, each[1].copy_blob)), None)
    if found is None:
        raise NotFound(blob)
    document_id, document = found
    if document.etags and etag != document.etags.get(blob):
        logger.error("a scan of another version", extra={"case_id": change.case.case_id, "document_id": document_id})
        return
    found_later = document.status == "clean" and result == "malicious"
    if found_later or (document.status == "scanning" and blob not in document.found_clean):
        change.record("document_scanned", document_id, result=result, blob=blob)


async def remove_malicious(services: Services, case_id: str, blob: str) -> None:
    """Take away a file that was found to be malicious, with its copy: nobody can be given it by mistake."""
    case, _ = await load(services, case_id)
    for document in case.documents.values():
        if document.status == "malicious" and blob in (document.blob, document.copy_blob):
            for name in filter(None, (document.blob, document.copy_blob)):
                await services.blobs.delete(services.blobs.evidence, name)


async def read(
    services: Services, case_id: str, document_id: str, actor: Actor, now: datetime
) -> tuple[bytes, str, str]:
    """Content, type and name of a document that was found clean. Who reads what is noted before it is sent."""
    case, _ = await load(services, case_id, actor)
    document = case.documents.get(document_id)
    if document is None or document.status == "malicious":
        raise NotFound(document_id)
    require(document.status == "clean", "not-scanned", "This document has not been found clean yet.")
    await note_read(services, case_id, "document", actor, now, document_id)
    blob = document.copy_blob or document.blob
    content = await services.blobs.get(services.blobs.evidence, blob)
    if hashlib.sha256(content).hexdigest() != blob.rpartition("/")[2]:
        logger.error("a document is not what was stored", extra={"case_id": case_id, "document_id": document_id})
        raise NotFound(document_id)
    name = await services.store.read(CASES, _name_id(document_id), case_id)
    return content, document.content_type, str(name["text"]) if name is not None else ""


async def remove_orphans(services: Services, now: datetime) -> dict[str, int]:
    """Remove files that no case refers to, two days after they came: an upload may have been cut short before that.

    Auditors' packs first. Then case by case, in the order of the names, on from where the last run's time was up.
    """
    until = time.monotonic() + TIME_BUDGET.total_seconds()
    counts = {"orphans_removed": 0, "orphans_failed": 0}
    evidence, before = services.blobs.evidence, now - ORPHAN_AFTER
    async for name, version in services.blobs.older_than(evidence, before, EXPORTS):
        if time.monotonic() >= until:
            return counts
        await _remove_orphan(services, name, version, set(), counts)
    row = await services.store.read(COUNTERS, ORPHANS, ORPHANS)
    done = after = row["after"] if row is not None else ""
    known: tuple[str, set[str] | None] = ("", None)
    async for name, version in services.blobs.older_than(evidence, before):
        if name <= after:
            continue  # Listed by the thousand in one call; it is asking after each case that takes the time.
        if time.monotonic() >= until:
            break
        case_id = name.partition("/")[0]
        if known[0] != case_id:
            known = (case_id, await _files_of(services, case_id, counts))
        if known[1] is not None:
            await _remove_orphan(services, name, version, known[1], counts)
        done = name
    else:
        done = ""
    await _note_done(services, row, done)
    return counts


async def _files_of(services: Services, case_id: str, counts: dict[str, int]) -> set[str] | None:
    try:
        return await _referred_to(services, case_id)
    except Exception:  # One case that cannot be read must not keep all others' files for ever.
        logger.exception("a case's files could not be told apart", extra={"case_id": case_id})
        counts["orphans_failed"] += 1
        return None


async def _remove_orphan(services: Services, name: str, version: str, known: set[str], counts: dict[str, int]) -> None:
    if name in known:
        return
    try:
        await services.blobs.delete(services.blobs.evidence, name, version)
        counts["orphans_removed"] += 1
    except Unavailable:  # The next one may be luckier, and this one another night.
        logger.warning("file not removed", extra={"case_id": name.partition("/")[0]})
        counts["orphans_failed"] += 1


async def _note_done(services: Services, row: dict[str, Any] | None, done: str) -> None:
    noted: dict[str, Any] = {"id": ORPHANS, "kind": ORPHANS, "after": done, "ttl": -1}
    try:
        if row is not None and row["after"] != done:
            await services.store.replace(COUNTERS, noted, row["_etag"], ORPHANS)
        elif row is None and done:
            await services.store.create(COUNTERS, noted, ORPHANS)
    except (AlreadyStored, RecordChanged):
        return  # Another run at the same time: wherever it came to, nothing is passed over for good.


async def _referred_to(services: Services, case_id: str) -> set[str]:
    try:
        case, _ = await load(services, case_id)
    except NotFound:
        return set()
    files: list[dict[str, Any]] = [each.model_dump() for each in case.documents.values()]
    rows = await services.store.query(CASES, "SELECT c.file FROM c WHERE c.kind = 'submission'", {}, case_id)
    files += [row["file"] for row in rows if "file" in row]
    return {name for each in files for name in (each["blob"], each.get("copy_blob")) if name is not None}

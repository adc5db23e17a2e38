"""Erasure, legal holds and requests for one's data: what names somebody goes, the chain that names nobody stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.domain.change import Change
from shared.domain.errors import AlreadyExists, Forbidden, NotFound, RecordChanged
from shared.use_cases import deliveries, retention
from shared.use_cases.commands import CASES, require
from shared.use_cases.deadlines import sweep

if TYPE_CHECKING:
    from shared.bootstrap import Services

REQUESTS_MAX = 50
PASS_BUDGET = timedelta(seconds=90)
"""Both passes and the search for files that belong to nobody fit into the five minutes of a function."""


def request_data(change: Change, *, kind: str) -> None:
    """Ask for a copy of everything, or for erasure. Nothing happens before a call-back has confirmed who asks."""
    requests = change.case.custody.requests
    for request in requests:
        if request.kind == kind and request.status in ("asked", "confirmed"):
            raise AlreadyExists(request.id)
    require(len(requests) < REQUESTS_MAX, "too-many-requests", "That many requests cannot be kept; please write to us.")
    change.record("data_requested", f"d{len(requests) + 1}", kind=kind)
    change.tell("data_requested")
    change.answer = {"request_id": f"d{len(requests)}"}


def rule_request(change: Change, *, request: str, outcome: str, reason: str, note: str | None = None) -> None:
    """Grant or refuse a request: neither whoever made it nor whoever rang may grant it."""
    case, found = change.case, change.case.custody.request(request)
    if found is None:
        raise NotFound(request)
    require(found.status in ("asked", "confirmed", "denied"), "already-ruled", "This has been decided already.")
    if outcome == "refused":
        change.record("data_request_refused", request, reason=reason, note=note)
        change.tell("data_request_refused", reason=reason)
        return
    require(found.status == "confirmed", "not-called-back", "Nobody has rung back to confirm this request yet.")
    change.check("data_request_granted", request)
    if change.actor.id in (found.asked_by, found.heard_by):
        raise Forbidden("same-person")
    change.record("data_request_granted", request, reason=reason, note=note)
    against = retention.holds(case, change.programme, change.today)
    if found.kind == "export":
        change.tell("export_ready", days=change.programme.limits.export_days)
    elif against:
        change.tell("erasure_later", reasons=against)
    else:
        change.tell("erasure_granted")


def place_hold(change: Change, *, reason: str, note: str | None = None) -> None:
    """Forbid that anything of this case be erased."""
    change.record("hold_placed", f"h{len(change.case.custody.holds) + 1}", reason=reason, note=note)


def release_hold(change: Change, *, hold: str, reason: str, note: str | None = None) -> None:
    """Lift a hold, with a reason."""
    if not any(each.id == hold and each.released_on is None for each in change.case.custody.holds):
        raise NotFound(hold)
    change.record("hold_released", hold, reason=reason, note=note)


async def run_retention(services: Services, now: datetime) -> dict[str, int]:
    """Erase every case whose time has come: the first pass stores that it begins, the second deletes and says so.

    A run that is killed in between leaves a case that has begun and is still due.
    """
    begun = await sweep(services, "privacy", now, erase, PASS_BUDGET)
    done = await sweep(services, "privacy", now, erase, PASS_BUDGET)
    return {"due": begun["due"], "erased": done["changed"], "failed": begun["failed"] + done["failed"]}


async def erase(change: Change, services: Services) -> None:
    """Begin the erasure of a case that nothing stands against; once begun, delete everything that names the person."""
    case = change.case
    due = retention.erasable_from(case, change.programme)
    if due is None or due > change.today:
        return
    if case.custody.erasure_begun_at is None:
        if not retention.holds(case, change.programme, change.today):
            change.record("erasure_begun")
        return
    await _delete_what_names_somebody(services, case.case_id)
    change.record("data_erased")


async def _delete_what_names_somebody(services: Services, case_id: str) -> None:
    """Files, links, inbox, address rows, then the case's own items. Safe to repeat; the person goes last, because
    the rows of the address are found by it."""
    store = services.store
    await services.blobs.delete_all(services.blobs.evidence, f"{case_id}/")
    await _empty_inbox(services, case_id)
    await _delete_links(services, case_id)
    person = await store.read(CASES, "person", case_id)
    for address in (person["email"], *person.get("former_emails", [])) if person is not None else ():
        await _forget_address(services, deliveries.address_key(services, address), case_id)
    rows = await store.query(
        CASES,
        "SELECT c.id, c._etag FROM c WHERE ARRAY_CONTAINS(@kinds, c.kind)",
        {"kinds": list(retention.erased_with_case(CASES))},
        case_id,
    )
    for row in sorted(rows, key=lambda each: each["id"] == "person"):
        await store.delete(CASES, row["id"], row["_etag"], case_id)


async def _empty_inbox(services: Services, case_id: str) -> None:
    """What partners said about the person, as they said it."""
    while rows := await services.store.query(
        "inbox", "SELECT TOP 100 c.id, c._etag FROM c WHERE c.case_id = @case_id", {"case_id": case_id}
    ):
        for row in rows:
            await services.store.delete("inbox", row["id"], row["_etag"], row["id"])


async def _delete_links(services: Services, case_id: str) -> None:
    while rows := await services.store.query(
        "links", "SELECT TOP 100 c.id, c._etag FROM c WHERE c.case_id = @case_id", {"case_id": case_id}
    ):
        for row in rows:
            await services.store.delete("links", row["id"], row["_etag"], row["id"])


async def _forget_address(services: Services, address: str, case_id: str) -> None:
    for _ in range(5):
        row = await services.store.read("addresses", address, address)
        if row is None or case_id not in row["cases"]:
            return
        left = [each for each in row["cases"] if each != case_id]
        changed = {"id": address, "kind": "address", "cases": left}
        try:
            if left:
                await services.store.replace("addresses", changed, row["_etag"], address)
            else:
                await services.store.delete("addresses", address, row["_etag"], address)
            return
        except RecordChanged:
            continue
    raise RecordChanged(address)

"""Day by day our ledger against the payment partner's list. A difference is told and stops the refund; no money moves.

What the partner has and we do not comes from its list of the day; what we have and it does not, from asking for each
of our references that the day's audit met.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.audit import runs
from shared.audit.findings import Finding
from shared.domain.case import Case
from shared.domain.errors import NotFound, PledgeError, Unavailable
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.domain.money import NotMoney, to_minor
from shared.domain.refund import MAY_BE_FROZEN, Share
from shared.use_cases import payments
from shared.use_cases.commands import load, perform

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.reconciliation")

COUNTERS = "counters"
RECONCILED = "reconciled:payments"
LONGEST_BACK = timedelta(days=40)
SYSTEM = Actor(role=Role.SYSTEM, id="timer/reconciliation")


async def run_reconciliation(services: Services, now: datetime) -> dict[str, int]:
    """Every day that an audit has seen the end of and that was not looked at yet, oldest first.

    A day that fails is tried again.
    """
    counts = {"days": 0, "refunds": 0, "differences": 0}
    if "payments" not in services.settings.partners:
        return counts
    row = await services.store.read(COUNTERS, RECONCILED, RECONCILED)
    audited = await runs.last_ended(services)
    if audited is None:
        return counts
    yesterday = datetime.fromisoformat(audited["asked"]).date() - timedelta(days=1)
    day = date.fromisoformat(row["day"]) + timedelta(days=1) if row else yesterday
    day = max(day, yesterday - LONGEST_BACK)
    booked = await _booked_since(services, day) if day <= yesterday else {}
    while day <= yesterday:
        listed = await _list_of(services, day, now)
        findings = [finding for told in listed for finding in await _compare(services, told, now)]
        findings += _twice(listed)
        findings += await _unknown_there(services, booked.get(day.isoformat(), {}), listed, now)
        await _keep(services, day, len(listed), findings, now)
        counts["days"] += 1
        counts["refunds"] += len(listed)
        counts["differences"] += len(findings)
        row = await _note(services, day, row)
        day += timedelta(days=1)
    return counts


async def _list_of(services: Services, day: date, now: datetime) -> list[dict[str, Any]]:
    partner = services.settings.partners["payments"]
    stamp = int(now.timestamp())
    answer = await services.outbound.call(
        partner, "GET", f"/refunds?day={day.isoformat()}", None, f"d-{day:%Y%m%d}-{stamp}", stamp
    )
    rows = answer.body.get("refunds") if answer.is_done and answer.body else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unavailable("the payment partner did not tell the day's refunds")
    return rows


async def _compare(services: Services, told: dict[str, Any], now: datetime) -> list[Finding]:
    """One refund as the partner has it, against ours; a refund that differs is stopped."""
    reference = str(told.get("reference", ""))
    case_id, _, rest = reference.partition("-")
    refund_id = rest.partition("-")[0]
    try:
        case, _ = await load(services, case_id)
        share = case.refund_of(refund_id).payments[reference]
    except (NotFound, KeyError):
        return [Finding("paid_without_approval", None, reference[:100] or None, ("known to the partner only",))]
    name = _difference(told, share)
    if name is None:
        return []
    await _stop(services, case, refund_id, name, now)
    return [Finding(name, case_id, reference, (f"ours {share.status} {share.amount_minor}", _as_told(told)))]


def _difference(told: dict[str, Any], share: Share) -> str | None:
    """What is different, if anything. An order under way at either side is not: it is asked after apart."""
    amount = told.get("amount")
    try:
        stated = (to_minor(amount["amount"], amount["currency"]), amount["currency"])  # type: ignore[index]
    except (NotMoney, KeyError, TypeError):
        return "amount_differs"
    if stated != (share.amount_minor, share.currency):
        return "amount_differs"
    status = told.get("status")
    if status == share.status == "succeeded" and told.get("refund_id") not in (None, share.partner_refund_id):
        return "paid_twice"  # The partner may have forgotten the reference, and moved the money again.
    if share.status == "open" or status == "pending" or status == share.status:
        return None
    return "ledger_unbalanced"


def _as_told(told: dict[str, Any]) -> str:
    return f"the partner's {str(told.get('status'))[:20]}"


def _twice(listed: Iterable[dict[str, Any]]) -> list[Finding]:
    """References under which the partner has moved money more than once."""
    seen: dict[str, str] = {}
    found = []
    for told in listed:
        reference, refund_id = str(told.get("reference")), str(told.get("refund_id"))
        if told.get("status") == "succeeded" and seen.setdefault(reference, refund_id) != refund_id:
            found.append(Finding("paid_twice", reference.partition("-")[0], reference[:100]))
    return found


async def _booked_since(services: Services, first: date) -> dict[str, dict[str, dict[str, Any]]]:
    """Day -> reference -> what audits have seen booked as arrived on it."""
    booked: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    async for row in runs.noted_since(services, "paid", first):
        booked[row["on"]][row["reference"]] = row
    return booked


async def _unknown_there(
    services: Services, booked: dict[str, dict[str, Any]], listed: list[dict[str, Any]], now: datetime
) -> list[Finding]:
    """What we booked as arrived on a day and the partner's list of it does not have."""
    found = []
    for reference in booked.keys() - {str(told.get("reference")) for told in listed}:
        row = booked[reference]
        case, _ = await load(services, row["case_id"])
        await _stop(services, case, row["refund"], "ledger_unbalanced", now)
        found.append(Finding("ledger_unbalanced", row["case_id"], reference, ("not in the partner's list",)))
    return found


async def _stop(services: Services, case: Case, refund_id: str, reason: str, now: datetime) -> None:
    if case.refunds[refund_id].status not in MAY_BE_FROZEN:
        return
    try:
        await perform(
            services, case.case_id, SYSTEM, now, lambda change: payments.freeze(change, refund=refund_id, reason=reason)
        )
    except PledgeError:
        logger.exception("refund could not be stopped", extra={"case_id": case.case_id})


async def _keep(services: Services, day: date, listed: int, findings: list[Finding], now: datetime) -> None:
    run_id = f"{day:%Y%m%d}-payments"
    row = {
        "id": f"{run_id}:end",
        "kind": "audit",
        "run": run_id,
        "scope": "payments",
        "at": now.isoformat(),
        "asked": day.isoformat(),
        "examined": listed,
        "counts": {name: sum(each.name == name for each in findings) for name in sorted({f.name for f in findings})},
        "findings": [finding.as_json() for finding in findings],
    }
    try:
        await services.store.create("audits", row, str(row["id"]))
    except AlreadyStored:
        return


async def _note(services: Services, day: date, row: dict[str, Any] | None) -> dict[str, Any] | None:
    noted: dict[str, Any] = {"id": RECONCILED, "kind": "reconciled", "day": day.isoformat(), "ttl": -1}
    if row is None:
        await services.store.create(COUNTERS, noted, RECONCILED)
    else:
        await services.store.replace(COUNTERS, noted, row["_etag"], RECONCILED)
    return await services.store.read(COUNTERS, RECONCILED, RECONCILED)

"""Refund money, line by line, for finance: what is on its way now, and what arrived in a month."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from shared.audit import runs
from shared.audit.case_checks import UNREADABLE
from shared.domain.case import Case
from shared.domain.money import to_decimal
from shared.domain.refund import Share
from shared.use_cases.commands import CASES, case_from

if TYPE_CHECKING:
    from shared.bootstrap import Services

COLUMNS = ("reference", "case_id", "refund", "ground", "payer", "amount", "currency", "status", "on")
"""What a line says. `status` is approved, open, sent or failed, or succeeded, or unreadable where a case is no longer
what we wrote (the audit says more); `on` is the day it became that."""
NOT_ARRIVED = ("approved", "paying", "failed")
A_PAGE = 200


async def lines(services: Services, month: date, now: datetime) -> list[dict[str, Any]]:
    """The lines of a month (its first day), by day and reference; of the present month also what has not arrived yet.

    What arrived is known from the day's audit on, so it may be missing until the night.
    """
    following = _month_after(month)
    found = {
        row["reference"]: {name: row[name] for name in COLUMNS}
        async for row in runs.noted_since(services, "paid", month, _month_after(following))
        if month.isoformat() <= row["on"] < following.isoformat()
    }
    under_way = [line async for line in _under_way(services)] if month <= now.date() < following else []
    return sorted(
        [*found.values(), *(line for line in under_way if line["reference"] not in found)],
        key=lambda line: (line["on"], line["case_id"], line["reference"]),
    )


def _month_after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


async def _under_way(services: Services) -> AsyncIterator[dict[str, Any]]:
    last = ""
    while True:
        rows = await services.store.query(
            CASES,
            "SELECT TOP @most * FROM c WHERE c.kind = 'case' AND c.agenda.stage = 'refund'"
            " AND (c.agenda.turn IN ('finance', 'careers', 'partner') OR c.agenda.what = 'name_payee')"
            " AND c.case_id > @last ORDER BY c.case_id",
            {"most": A_PAGE, "last": last},
        )
        for row in rows:
            try:
                found = _of_case(case_from(row))
            except UNREADABLE:  # One bad case must neither hide the others' money nor be left out.
                found = [dict.fromkeys(COLUMNS, "") | {"case_id": row["case_id"], "status": "unreadable"}]
            for line in found:
                yield line
        if len(rows) < A_PAGE:
            return
        last = rows[-1]["case_id"]


def _of_case(case: Case) -> list[dict[str, Any]]:
    found = []
    for refund_id, refund in case.refunds.items():
        if refund.status not in NOT_ARRIVED or refund.since is None:
            continue
        shares = [(reference, share, share.status) for reference, share in refund.payments.items()]
        if refund.status == "approved":
            shares += [("", share, "approved") for share in refund.shares_due()]
        on = refund.since.astimezone(case.zone).date().isoformat()
        found += [
            _line(case.case_id, refund_id, refund.ground, reference, share, status, on)
            for reference, share, status in shares
            if status != "succeeded"
        ]
    return found


def _line(case_id: str, refund: str, ground: str, reference: str, share: Share, status: str, on: str) -> dict[str, Any]:
    amount = to_decimal(share.amount_minor, share.currency)
    told = (reference, case_id, refund, ground, share.payer, amount, share.currency, status, on)
    return dict(zip(COLUMNS, told, strict=True))

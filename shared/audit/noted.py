"""What a run notes of a case besides findings: what was decided, for the sample, and what was paid, for the books."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from shared.domain.case import Case
from shared.domain.events import Event
from shared.domain.money import to_decimal

DECISIONS = {
    "refund_approved": "approved",
    "refund_refused": "refused",
    "refund_lapsed": "lapsed",
    "appeal_upheld": "upheld",
    "appeal_overturned": "overturned",
}
"""Event -> what a person decided."""
REMEMBERED = timedelta(days=62)
"""A run notes decisions of the last two months: whatever is drawn in a month was noted by a run of that month."""
LARGE_MINOR = 500_000
"""From this amount (in minor units of its currency) on a claim is of the stratum of large ones."""


def decided(case: Case, events: Iterable[Event], asked: datetime) -> list[dict[str, Any]]:
    """The decisions on this case's refunds that are not long past, as rows of the list that is drawn from.

    All of `events` up to the last one that was read: what happens while a run goes on is read with the rest and not
    again. Whoever asks about a past instant gives the events up to it. `waited` is the days since the claim, or,
    without one, since the refund was first spoken of.
    """
    rows = []
    began: dict[str, datetime] = {}
    for event in events:
        if event.kind == "claim_filed":
            began[str(event.subject)] = event.at
        began.setdefault(str(event.subject), event.at)
        refund = case.refunds.get(str(event.subject))
        if event.kind in DECISIONS and refund is not None and event.at >= asked - REMEMBERED:
            shares = refund.proposal.shares if refund.proposal else []
            rows.append(
                {
                    "case_id": case.case_id,
                    "refund": str(event.subject),
                    "sequence": event.sequence,
                    "on": event.at.date().isoformat(),
                    "ground": refund.ground,
                    "verdict": DECISIONS[event.kind],
                    "waited": (event.at - began[str(event.subject)]).days,
                    "is_large": sum(share.amount_minor for share in shares) >= LARGE_MINOR,
                }
            )
    return rows


def paid(case: Case, events: Iterable[Event], asked: datetime) -> list[dict[str, Any]]:
    """The shares that arrived not long ago, by the reference that the payment partner knows.

    Of `events` as `decided` takes them.
    """
    return [
        {
            "case_id": case.case_id,
            "refund": str(event.subject),
            "ground": case.refunds[str(event.subject)].ground,
            "reference": event.data["reference"],
            "payer": share.payer,
            "amount": to_decimal(share.amount_minor, share.currency),
            "currency": share.currency,
            "status": share.status,
            "on": str(event.occurred_on),
        }
        for event in events
        if event.kind == "share_confirmed" and event.at >= asked - REMEMBERED
        for share in (case.refunds[str(event.subject)].payments[event.data["reference"]],)
    ]

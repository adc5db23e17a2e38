"""Money on its way: where it is to go, the order to the payment partner, and what the partner says became of it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.domain import ledger
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.enrolment import LedgerLine
from shared.domain.errors import NotFound, OutcomeUnknown, RuleBroken, Unavailable
from shared.domain.events import Actor, sha256_of
from shared.domain.life_cycle import Role
from shared.domain.money import NotMoney, to_decimal, to_minor
from shared.domain.refund import IN_PAYMENT, OWN_MONEY, Proposal, Refund, Share
from shared.use_cases.commands import CASES, load, perform, require
from shared.use_cases.proposals import (
    POLICY,
    amounts_told,
    judged_anew,
    propose_return_of_money,
    unpaid,
    watch_overpayment,
)

if TYPE_CHECKING:
    from shared.adapters.outbound import Answer
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.payments")

RETURNED = "returned:"
"""How the line begins that books a refund back which did not arrive."""
QUERY_AFTER = timedelta(hours=23)
"""A payment partner may forget a reference after 24 hours, so from here on it is asked before anything is re-sent."""


def name_payee(change: Change, services: Services, *, account_holder: str, iban: str | None = None,
               routing_number: str | None = None, account_number: str | None = None) -> None:  # fmt: skip
    """Where the money is to go: kept encrypted; the case holds a hash. A call-back must confirm it."""
    stated = {"account_holder": account_holder, "iban": iban, "routing_number": routing_number,
              "account_number": account_number}  # fmt: skip
    account = {name: value for name, value in stated.items() if value is not None}
    digest = sha256_of(account)
    require(
        not any(each.status == "paying" for each in change.case.refunds.values()),
        "payment-under-way",
        "A payment to the present account is under way; name another one when it has ended.",
    )
    if change.case.payee is not None and change.case.payee.hash == digest:
        return
    item = {"id": "payee", "kind": "payee", "sealed": _seal(services, change.case.case_id, account)}
    (change.replaced_items if change.case.payee else change.new_items).append(item)
    change.record("payee_named", hash=digest)
    change.tell("payee_named")


def _seal(services: Services, case_id: str, account: dict[str, str]) -> str:
    import os

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    sealed = AESGCM(_payee_key(services)).encrypt(nonce, json.dumps(account).encode(), case_id.encode())
    return (nonce + sealed).hex()


def _payee_key(services: Services) -> bytes:
    """32 bytes, whatever the length of the secret that is configured."""
    return hashlib.sha256(services.settings.payee_key).digest()


def _unseal(services: Services, case_id: str, sealed: str) -> dict[str, str]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = bytes.fromhex(sealed)
    opened = AESGCM(_payee_key(services)).decrypt(raw[:12], raw[12:], case_id.encode())
    return dict(json.loads(opened))


def pay(change: Change, services: Services, *, refund: str) -> None:
    """Order the payment of an approved refund. The intent and its keys are stored before money is asked to move.

    An approval whose facts, decision, terms, amount or payee are no longer what was approved dies here instead.
    """
    case, record = change.case, change.case.refund_of(refund)
    change.check("payment_started", refund)
    assert record.proposal is not None
    require(
        record.frozen is None, "refund-frozen", "Our ledger and the payment partner's list differ; settle it first."
    )
    require(
        not any(share.status == "open" for share in record.payments.values()),
        "share-unsettled",
        "The payment partner has not said yet what became of another part of this refund.",
    )
    _check_payee(change, record.proposal)
    if record.approved_by and not _still_binds(change, services, refund, record):
        fresh = judged_anew(change, services, refund, record)
        change.record("approval_voided", refund, by=POLICY, **fresh)
        change.answer = {"refused": "approval-void"}
        if record.ground != "guarantee":
            propose_return_of_money(change, record.ground)  # Dropped, if nothing is owed any more.
        return
    attempt = record.attempts + 1
    due = record.shares_due()
    require(due, "nothing-to-return", "Nothing is left that could be paid back.")
    payments = {f"{case.case_id}-{refund}-{attempt}-{number}": share for number, share in enumerate(due, start=1)}
    _check_ceiling(case, due)
    stated = {key: share.model_dump(mode="json", exclude_defaults=True) for key, share in payments.items()}
    payee = case.payee.hash if case.payee else None
    change.record("payment_started", refund, payments=stated, payee=payee)
    for reference in payments:
        change.send("payment", refund=refund, reference=reference)


def _still_binds(change: Change, services: Services, refund_id: str, refund: Refund) -> bool:
    """Whether what was approved is still true."""
    assert refund.proposal is not None
    return bool(judged_anew(change, services, refund_id, refund)["binds"] == refund.proposal.binds)


def _check_payee(change: Change, proposal: Proposal) -> None:
    case = change.case
    if any(share.payer == OWN_MONEY for share in proposal.shares):
        require(case.payee and not case.payee.denied, "payee-missing", "The person has not said where money is to go.")
        assert case.payee is not None
        require(case.payee.confirmed_by, "payee-unconfirmed", "Nobody has rung back to confirm the account yet.")
        _check_hold(change, case.payee.named_at)
    require(case.contact_confirmed, "contact-unconfirmed", "Nobody has rung back to confirm the new contact yet.")
    if case.contact_changed_at is not None:
        _check_hold(change, case.contact_changed_at)


def _check_hold(change: Change, changed_at: datetime) -> None:
    hold = timedelta(hours=change.programme.limits.payee_hold_hours)
    require(
        change.now >= changed_at + hold,
        "payee-hold",
        "Account or address changed a short time ago; money moves after the hold.",
    )


def _check_ceiling(case: Case, shares: list[Share]) -> None:
    """Refunds paid and pending never exceed payments, for each payer and currency."""
    pending = [
        share for refund in case.refunds.values() for share in refund.payments.values() if share.status == "open"
    ]
    due: Counter[ledger.Key] = Counter()
    for share in (*pending, *shares):
        due[share.payer, share.currency] += share.amount_minor
    too_much = {*ledger.overdrawn(case.ledger, due)} & {*due}  # One payer's debt is no other's.
    require(not too_much, "more-than-paid", "More would go back to a payer than it has paid.")


def freeze(change: Change, *, refund: str, reason: str) -> None:
    """Stop a refund, because our ledger and the partner's list differ. Never moves money."""
    if change.case.refund_of(refund).frozen is None:
        change.record("refund_frozen", refund, reason=reason)


def release(change: Change, *, refund: str, reason: str, note: str | None = None) -> None:
    """A named person has settled the difference; the refund goes on from where it stood."""
    require(change.case.refund_of(refund).frozen, "not-frozen", "This refund is not stopped.")
    change.record("refund_released", refund, reason=reason, note=note)


async def ask_partner(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Ask the payment partner to move one share, by its reference. Repeating is safe: the reference is the key."""
    case_id, reference = message["case_id"], message["reference"]
    case, _ = await load(services, case_id)
    refund = case.refund_of(message["refund"])
    share = refund.payments.get(reference)
    # One payer's share that failed does not keep another's, which was ordered with it, from going out.
    if refund.status not in IN_PAYMENT or share is None or share.status != "open":
        return
    if refund.frozen is not None:
        raise Unavailable("the refund is stopped until a person has settled a difference")
    partner = services.settings.partners["payments"]
    account = await _payee_for(services, case_id, share)
    if account is not None and sha256_of(account) != refund.payee_hash:
        await report_failure(services, case_id, reference, "payee_changed", now)
        return
    stamp = int(now.timestamp())
    # However often it was tried: whoever died before noting a try may have been heard.
    if now - datetime.fromisoformat(message["created_at"]) > QUERY_AFTER:
        known = await _known_there(services, reference, now)
        if known is not None:
            await _heard(services, case_id, reference, known, now)
            return
    if await _arrived_after_all(services, refund, share, now):
        await perform(
            services, case_id, Actor(role=Role.SYSTEM, id="payments"), now,
            lambda change: freeze(change, refund=message["refund"], reason="paid_twice"),
        )  # fmt: skip
        raise Unavailable("the partner says now that an earlier try arrived")
    body = {
        "reference": reference,
        "amount": {"amount": to_decimal(share.amount_minor, share.currency), "currency": share.currency},
        "payer": share.payer,
        "payee": account,
    }
    answer = await services.outbound.call(partner, "POST", "/refunds", body, reference[:128], stamp)
    await _heard(services, case_id, reference, answer, now)


async def _known_there(services: Services, reference: str, now: datetime) -> Answer | None:
    """What the partner has under a reference; None if it has nothing. Any other answer tells nothing, and waits."""
    partner, stamp = services.settings.partners["payments"], int(now.timestamp())
    answer = await services.outbound.call(partner, "GET", f"/refunds/{reference}", None, f"q-{stamp}", stamp)
    if answer.is_missing:
        return None
    if not answer.is_done:
        raise Unavailable("the partner did not say what it has under a reference")
    return answer


async def _arrived_after_all(services: Services, refund: Refund, share: Share, now: datetime) -> bool:
    """Whether an earlier try to pay this payer, which was told to have failed, arrived: asked once a new try.

    A person who released the refund since this try was ordered has settled that with the partner.
    """
    if refund.released_for == refund.attempts:
        return False
    for reference, each in refund.payments.items():
        if each.status == "failed" and (each.payer, each.currency) == (share.payer, share.currency):
            known = await _known_there(services, reference, now)
            if known is not None and known.body and known.body.get("status") == "succeeded":
                return True
    return False


async def _payee_for(services: Services, case_id: str, share: Share) -> dict[str, str] | None:
    if share.payer != OWN_MONEY:
        return None
    item = await services.store.read(CASES, "payee", case_id)
    if item is None:
        raise NotFound("payee")
    return account_of(services, case_id, item)


def account_of(services: Services, case_id: str, payee: dict[str, str]) -> dict[str, str]:
    """The account that a stored payee holds, in the clear."""
    return _unseal(services, case_id, payee["sealed"])


async def _heard(services: Services, case_id: str, reference: str, answer: Answer, now: datetime) -> None:
    """What the partner says of one order: done, failed, or still under way (then it is asked again)."""
    if answer.is_refused:
        await report_failure(services, case_id, reference, "refused_by_partner", now)
        return
    said = answer.body if answer.is_done and answer.body else {}
    status, amount = said.get("status"), said.get("amount")
    if status == "succeeded" and isinstance(amount, dict):
        told: dict[str, Any] = {"reference": reference, "refund_id": str(said.get("refund_id", "")), "amount": amount}
        told["refunded_on"] = said.get("refunded_on")
        await report_success(services, case_id, told, now)
    elif status == "failed":
        await report_failure(services, case_id, reference, "failed_at_partner", now)
    elif status == "pending":
        raise Unavailable("the payment is still under way")
    else:
        logger.error(
            "answer of the payment partner not understood", extra={"case_id": case_id, "status": answer.status}
        )
        raise OutcomeUnknown("payments")


async def report_success(
    services: Services, case_id: str, told: dict[str, Any], now: datetime, actor: Actor | None = None
) -> None:
    """The partner says that a share has arrived: ledger line and states in one batch, once however often it is told."""
    who = actor or Actor(role=Role.PARTNER, id="payments")
    await perform(services, case_id, who, now, lambda change: confirm(change, told))


def confirm(change: Change, told: dict[str, Any]) -> None:
    """Record that one share arrived; the last one makes the refund paid."""
    reference = str(told["reference"])
    refund_id, refund, share = _payment(change.case, reference)
    if share.status == "succeeded":
        return
    require(share.status == "open", "share-failed", "The partner has said before that this share did not arrive.")
    if not _is_amount(told["amount"], share):
        raise RuleBroken("amount-differs", "The partner names another amount than was ordered.")
    refunded_on = date.fromisoformat(told["refunded_on"]) if told.get("refunded_on") else change.today
    change.record(
        "share_confirmed", refund_id, on=refunded_on, reference=reference, partner_refund_id=str(told["refund_id"])
    )
    change.record(
        "money_recorded",
        f"refund:{reference}",
        on=refunded_on,
        kind="refund",
        payer=share.payer,
        amount_minor=share.amount_minor,
        currency=share.currency,
        refund=refund_id,
    )
    if refund.status == "paying":
        conclude(change, refund_id, refund, refunded_on)


def conclude(change: Change, refund_id: str, refund: Refund, on: date | None = None) -> None:
    """Call a refund paid once all that was signed has arrived, be it by an earlier try; else leave it as it is."""
    if refund.proposal is None or refund.shares_due() or not refund.payments:
        return
    day = on or change.today
    change.record("payment_confirmed", refund_id, on=day, by=None if on else POLICY)
    change.tell("refund_paid", amount=amounts_told(refund.proposal.shares), paid_on=day.isoformat())
    cancel_instalments(change, refund_id, refund.ground)
    watch_overpayment(change)  # Money that came in while this was under way is not forgotten.


def book_recovery(change: Change, refund_id: str, refund: Refund) -> None:
    """Book what came back of a refund, share by share, but for what was booked when it came in."""
    came: Counter[ledger.Key] = Counter()
    for line in change.case.ledger:
        if line.refund == refund_id and line.kind == "payment" and not line.id.startswith(RETURNED):
            came[line.payer, line.currency] += line.amount_minor
    for reference, share in refund.payments.items():
        if share.status != "succeeded":
            continue
        booked = min(share.amount_minor, came[share.payer, share.currency])
        came[share.payer, share.currency] -= booked
        if booked < share.amount_minor:
            change.record(
                "money_recorded", f"recovered:{reference}", by=POLICY, kind="payment", payer=share.payer,
                amount_minor=share.amount_minor - booked, currency=share.currency, refund=refund_id,
            )  # fmt: skip


def cancel_instalments(change: Change, refund_id: str, ground: str) -> None:
    """Instalments not yet paid are cancelled (clause 9.3), as they are with a contract that is cancelled."""
    case, line_id, left = change.case, f"cancelled:{refund_id}", unpaid(change.case)
    contract = case.enrolment.contract
    if contract is None or ground not in ("guarantee", "cancellation") or left <= 0:
        return
    change.record(
        "money_recorded", line_id, by=POLICY, kind="cancelled", payer=OWN_MONEY, amount_minor=left,
        currency=contract.currency, refund=refund_id,
    )  # fmt: skip


def _is_amount(stated: Any, share: Share) -> bool:
    """Whether a partner's amount is exactly the one that was ordered."""
    try:
        return (to_minor(stated["amount"], stated["currency"]), stated["currency"]) == (
            share.amount_minor,
            share.currency,
        )
    except (NotMoney, KeyError, TypeError):
        return False


def _payment(case: Case, reference: str) -> tuple[str, Refund, Share]:
    for refund_id, refund in case.refunds.items():
        if reference in refund.payments:
            return refund_id, refund, refund.payments[reference]
    raise NotFound(reference)


async def report_failure(
    services: Services, case_id: str, reference: str, reason: str, now: datetime, actor: Actor | None = None
) -> None:
    """The partner says that a share did not arrive; a person signs anew before anything is tried again."""
    who = actor or Actor(role=Role.PARTNER, id="payments")
    await perform(services, case_id, who, now, lambda change: fail(change, reference, reason))


def fail(change: Change, reference: str, reason: str) -> None:
    """Record that one share failed. Money that had been booked as returned is booked back."""
    refund_id, refund, share = _payment(change.case, reference)
    if share.status == "failed":
        return
    came_back = share.status == "succeeded"
    settled = refund.status in ("failed", "approved", "proposed")
    change.record("share_failed" if settled else "payment_failed", refund_id, reference=reference, reason=reason)
    if came_back:
        line = LedgerLine(
            id=f"{RETURNED}{reference}", kind="payment", payer=share.payer, amount_minor=share.amount_minor,
            currency=share.currency, on=change.today, refund=refund_id,
        )  # fmt: skip
        change.record("money_recorded", line.id, **line.model_dump(mode="json", exclude={"id", "on"}))

"""From a claim to money: software proposes, one named person signs, another pays, yet another hears the appeal."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.enrolment import LedgerLine
from shared.domain.errors import (
    ActionNotAllowed,
    AlreadyExists,
    NotFound,
    OutcomeUnknown,
    RuleBroken,
    Unavailable,
)  # fmt: skip
from shared.domain.events import Actor, sha256_of
from shared.domain.life_cycle import Role
from shared.domain.money import NotMoney, to_decimal, to_minor
from shared.domain.refund import Proposal, Refund, Share
from shared.policy.withdrawal import returned_on_cancellation, returned_on_termination
from shared.use_cases.agenda import course_limit
from shared.use_cases.commands import CASES, load, perform, require
from shared.use_cases.guarantee import Judgement, binding, judge, owed, wanted

if TYPE_CHECKING:
    from shared.adapters.outbound import Answer
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.refunds")

POLICY = Actor(role=Role.SYSTEM, id="policy")
"""Software proposes, whoever's act made it look."""
APPEAL = "appeal_overturned"
OWN_MONEY = "self"
"""The payer's code for the person themselves; every other payer's money goes back where it came from."""
SIGNED_AS = {"approval": "refund_approved", "refusal": "refund_refused", "lapse": "refund_lapsed"}
QUERY_AFTER = timedelta(hours=23)
"""A payment partner may forget a reference after 24 hours, so from here on it is asked before anything is re-sent."""
RECEIVED = {"payment": 1, "refund": -1, "chargeback": -1}


def new_refund(case: Case, ground: str) -> str:
    """The id of a refund still to be opened: numbered, so that a repeat meets the same one."""
    waiting = [key for key, each in case.refunds.items() if each.ground == ground and each.status == "none"]
    return waiting[0] if waiting else f"r{len(case.refunds) + 1}"


def file_claim(change: Change) -> None:
    """The graduate claims. A claim is always stored, in or out of time, whatever job is on record."""
    case = change.case
    if case.enrolment.status not in ("qualified", "diploma_revoked"):
        raise ActionNotAllowed("file_claim", case.enrolment.status)
    standing = case.open_refund("guarantee")
    for claim in case.claims:
        if standing is not None and claim.refund == standing[0] and not claim.withdrawn:
            raise AlreadyExists(claim.id)
    if standing is not None and standing[1].status != "proposed":
        raise ActionNotAllowed("file_claim", standing[1].status)
    if any(each.ground == "guarantee" and each.paid_on for each in case.refunds.values()):
        raise ActionNotAllowed("file_claim", "paid")
    refund_id = standing[0] if standing else new_refund(case, "guarantee")
    claim_id = f"k{len(case.claims) + 1}"
    change.record("claim_filed", refund_id, claim=claim_id, **_ground(case, refund_id, "guarantee"))
    change.tell("claim_received")
    change.answer = {"claim_id": claim_id, "refund_id": refund_id}


def _ground(case: Case, refund_id: str, ground: str) -> dict[str, Any]:
    """What the first event of a refund says besides: its ground."""
    return {} if refund_id in case.refunds else {"ground": ground}


def withdraw_claim(change: Change, *, claim: str) -> None:
    """The graduate takes a claim back, before anything was proposed or signed."""
    for each in change.case.claims:
        if each.id == claim:
            if not each.withdrawn:
                change.record("claim_withdrawn", each.refund, claim=claim)
            return
    raise NotFound(claim)


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


def proposal_of(
    case: Case, refund_id: str, verdict: str, decision: str, shares: list[Share], judgement: Judgement | None
) -> dict[str, Any]:
    """A proposal as an event carries it, bound to everything that it rests on."""
    clauses = []
    if judgement is not None:
        found = judgement.decision.criteria
        clauses = sorted(key for key, finding in found.items() if finding.status == "not_met")
    payee = case.payee.hash if case.payee else None
    return {
        "id": f"{refund_id}-{case.sequence + 1}",
        "verdict": verdict,
        "shares": [share.model_dump(mode="json", exclude_defaults=True) for share in shares],
        "decision": decision,
        "clauses": clauses,
        "terms": judgement.terms.version if judgement else None,
        "binds": binding(judgement, verdict, shares, payee),
    }


def propose(change: Change, judgement: Judgement) -> None:
    """Propose what the decision asks for; the sweep's act."""
    case = change.case
    standing = case.open_refund("guarantee")
    refund_id = standing[0] if standing else new_refund(case, "guarantee")
    asked = wanted(case, judgement, refund_id)
    if asked is None:
        return
    verdict, decision = asked
    shares = owed(case, judgement.terms.refund_percent, refund_id) if verdict == "approval" else []
    proposal = proposal_of(case, refund_id, verdict, decision, shares, judgement)
    change.record("refund_proposed", refund_id, **_ground(case, refund_id, "guarantee"), **proposal)


def propose_return_of_money(change: Change, ground: str) -> None:
    """When a contract ends before the diploma, propose what the law gives back. Nothing paid: nothing to propose."""
    case = change.case
    shares = _owed_on(change, ground)
    if not shares:
        return
    standing = case.open_refund(ground)
    if standing is not None and standing[1].status not in ("proposed",):
        return
    refund_id = standing[0] if standing else new_refund(case, ground)
    proposal = proposal_of(case, refund_id, "approval", ground, shares, None)
    change.record("refund_proposed", refund_id, by=POLICY, **_ground(case, refund_id, ground), **proposal)


def _owed_on(change: Change, ground: str, but_for: str | None = None) -> list[Share]:
    case, contract = change.case, change.case.enrolment.contract
    if contract is None:
        return []
    paid = received(case, but_for)
    if ground == "cancellation":
        back = returned_on_cancellation(paid)
    elif ground == "termination":
        kept = change.programme.countries[contract.country].termination_kept_percent
        back = returned_on_termination(paid, contract.price_minor, kept)
    else:
        back = _overpaid(case, contract.price_minor, but_for)
    return [
        Share(payer=payer, currency=contract.currency, amount_minor=amount)
        for payer, amount in sorted(back.items())
        if amount > 0
    ]


def received(case: Case, but_for: str | None = None) -> dict[str, int]:
    """What each payer has paid, less what went back (leaving out one refund's own lines), in minor units."""
    totals: dict[str, int] = defaultdict(int)
    for line in case.ledger:
        if but_for is not None and line.refund == but_for:
            continue
        totals[line.payer] += RECEIVED.get(line.kind, 0) * line.amount_minor
    return dict(totals)


def _overpaid(case: Case, price_minor: int, but_for: str | None = None) -> dict[str, int]:
    """What was paid beyond the price less discounts: given back to whoever paid last."""
    discounts = sum(line.amount_minor for line in case.ledger if line.kind == "discount")
    left = sum(received(case, but_for).values()) - (price_minor - discounts)
    back: dict[str, int] = defaultdict(int)
    for line in reversed([line for line in case.ledger if line.kind == "payment"]):
        if left <= 0:
            break
        part = min(left, line.amount_minor)
        back[line.payer] += part
        left -= part
    return dict(back)


def watch_overpayment(change: Change) -> None:
    """After money came in: if the contract was cancelled it all goes back, else what exceeds the price does."""
    status = change.case.enrolment.status
    if status == "cancelled":
        propose_return_of_money(change, "cancellation")
    elif status != "terminated" and not any(
        each.ground == "guarantee" and each.status in ("paying", "paid") for each in change.case.refunds.values()
    ):
        propose_return_of_money(change, "overpayment")


def sign(change: Change, services: Services, *, proposal: str, outcome: str, reason: str | None = None,
         note: str | None = None) -> None:  # fmt: skip
    """Sign a proposal, or return it with a reason. Who proposed, settled or will pay may not be the one who signs."""
    case = change.case
    if proposal == case.enrolment.expiry_proposal:
        _sign_expiry(change, outcome, reason, note)
        return
    for refund_id, refund in case.refunds.items():
        if proposal == f"{refund_id}-recovery" and refund.status == "recovery_open":
            change.record("recovery_signed", refund_id, reason=reason, note=note)
            change.tell("recovery_asked")
            return
        if refund.proposal is not None and refund.proposal.id == proposal:
            _sign_refund(change, services, refund_id, refund, outcome, reason, note)
            return
    raise NotFound(proposal)


def _sign_expiry(change: Change, outcome: str, reason: str | None, note: str | None) -> None:
    if outcome == "return":
        change.record("expiry_dropped", reason=reason, note=note)
        return
    limit = course_limit(change.case, change.programme)
    require(limit and change.today > limit, "limit-not-passed", "The limit has been moved since this was proposed.")
    change.record("enrolment_expired", reason=reason, note=note)
    change.tell("enrolment_ended", how="expired")


def _sign_refund(change: Change, services: Services, refund_id: str, refund: Refund, outcome: str,
                 reason: str | None, note: str | None) -> None:  # fmt: skip
    proposal = refund.proposal
    assert proposal is not None
    if refund.status == "failed":
        if outcome == "return":
            raise ActionNotAllowed("return_proposal", "failed")
        change.record("refund_reapproved", refund_id, reason=reason, note=note)
        return
    if outcome == "return":
        claimed = any(claim.refund == refund_id and not claim.withdrawn for claim in change.case.claims)
        change.record("proposal_returned" if claimed else "proposal_dropped", refund_id, reason=reason, note=note)
        return
    kind = SIGNED_AS.get(proposal.verdict)
    if kind is None:
        raise RuleBroken("proposal-stale", "The facts have changed since this was proposed.")
    change.check(kind, refund_id)
    fresh = _judged_anew(change, services, refund_id, refund)
    require(
        (fresh["verdict"], fresh["decision"], fresh["shares"])
        == (proposal.verdict, proposal.decision, _plain(proposal.shares)),
        "proposal-stale",
        "The facts have changed since this was proposed; a new proposal will be made.",
    )
    signed = fresh | {"id": proposal.id} if proposal.verdict == "approval" else {}
    change.record(kind, refund_id, reason=reason, note=note, **signed)
    if proposal.verdict == "approval":
        change.tell("refund_approved", amount=_amounts(proposal.shares))
    else:
        change.tell("refund_refused", clauses=proposal.clauses or [proposal.decision])


def _plain(shares: list[Share]) -> list[dict[str, Any]]:
    return [share.model_dump(mode="json", exclude_defaults=True) for share in shares]


def _judged_anew(change: Change, services: Services, refund_id: str, refund: Refund) -> dict[str, Any]:
    """The proposal that would be made now; what this refund itself has paid back already is left out of account."""
    case = change.case
    assert refund.proposal is not None
    judgement = judge(case, change.programme, services.terms, change.now)
    percent = judgement.terms.refund_percent if judgement else 100
    if refund.proposal.decision == APPEAL:
        # Another person set the decision aside: amounts and payee are looked at again, the verdict is not.
        shares = owed(case, percent, refund_id)
        if refund.ground != "guarantee":
            shares = _owed_on(change, refund.ground, refund_id)
        return proposal_of(case, refund_id, "approval", APPEAL, shares, None)
    if refund.ground != "guarantee":
        shares = _owed_on(change, refund.ground, refund_id)
        return proposal_of(case, refund_id, "approval", refund.ground, shares, None)
    assert judgement is not None
    verdict, decision = wanted(case, judgement, refund_id) or ("none", judgement.decision.decision)
    shares = owed(case, percent, refund_id) if verdict == "approval" else []
    return proposal_of(case, refund_id, verdict, decision, shares, judgement)


def _amounts(shares: list[Share]) -> list[str]:
    totals: dict[str, int] = defaultdict(int)
    for share in shares:
        totals[share.currency] += share.amount_minor
    return [f"{to_decimal(amount, currency)} {currency}" for currency, amount in sorted(totals.items())]


def pay(change: Change, services: Services, *, refund: str) -> None:
    """Order the payment of an approved refund. The intent and its keys are stored before money is asked to move.

    An approval whose facts, decision, terms, amount or payee are no longer what was approved dies here instead.
    """
    case, record = change.case, change.case.refund_of(refund)
    change.check("payment_started", refund)
    assert record.proposal is not None
    _check_payee(change, record.proposal)
    if record.approved_by and not _still_binds(change, services, refund, record):
        fresh = _judged_anew(change, services, refund, record)
        change.record("approval_voided", refund, by=POLICY, **fresh)
        change.answer = {"refused": "approval-void"}
        return
    require(
        not any(share.status == "open" for share in record.payments.values()),
        "share-unsettled",
        "The payment partner has not said yet what became of another part of this refund.",
    )
    attempt = record.attempts + 1
    done = {(share.payer, share.currency) for share in record.payments.values() if share.status == "succeeded"}
    due = [share for share in record.proposal.shares if (share.payer, share.currency) not in done]
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
    return bool(_judged_anew(change, services, refund_id, refund)["binds"] == refund.proposal.binds)


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


def _check_ceiling(case: Case, due: list[Share]) -> None:
    """Refunds paid and pending never exceed payments, for each payer and currency."""
    room: dict[tuple[str, str], int] = defaultdict(int)
    for line in case.ledger:
        room[line.payer, line.currency] += RECEIVED.get(line.kind, 0) * line.amount_minor
    for refund in case.refunds.values():
        for share in refund.payments.values():
            if share.status == "open":
                room[share.payer, share.currency] -= share.amount_minor
    for share in due:
        require(
            share.amount_minor <= room[share.payer, share.currency],
            "more-than-paid",
            "More would go back to a payer than it has paid.",
        )


async def ask_partner(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Ask the payment partner to move one share, by its reference. Repeating is safe: the reference is the key."""
    case_id, reference = message["case_id"], message["reference"]
    case, _ = await load(services, case_id)
    refund = case.refund_of(message["refund"])
    share = refund.payments.get(reference)
    if refund.status != "paying" or share is None or share.status != "open":
        return
    partner = services.settings.partners["payments"]
    account = await _payee_for(services, case_id, share)
    if account is not None and sha256_of(account) != refund.payee_hash:
        await report_failure(services, case_id, reference, "payee_changed", now)
        return
    stamp = int(now.timestamp())
    age = now - datetime.fromisoformat(message["created_at"])
    if message["tries"] and age > QUERY_AFTER:
        known = await services.outbound.call(partner, "GET", f"/refunds/{reference}", None, f"q-{stamp}", stamp)
        if not known.is_missing:
            await _heard(services, case_id, reference, known, now)
            return
    body = {
        "reference": reference,
        "amount": {"amount": to_decimal(share.amount_minor, share.currency), "currency": share.currency},
        "payer": share.payer,
        "payee": account,
    }
    answer = await services.outbound.call(partner, "POST", "/refunds", body, reference[:128], stamp)
    await _heard(services, case_id, reference, answer, now)


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
    assert refund.proposal is not None
    if refund.status == "paying" and all(_is_paid(refund, each) for each in refund.proposal.shares):
        change.record("payment_confirmed", refund_id, on=refunded_on)
        change.tell("refund_paid", amount=_amounts(refund.proposal.shares), paid_on=refunded_on.isoformat())
        watch_overpayment(change)  # Money that came in while this was under way is not forgotten.


def _is_amount(stated: Any, share: Share) -> bool:
    """Whether a partner's amount is exactly the one that was ordered."""
    try:
        return (to_minor(stated["amount"], stated["currency"]), stated["currency"]) == (
            share.amount_minor,
            share.currency,
        )
    except (NotMoney, KeyError, TypeError):
        return False


def _is_paid(refund: Refund, due: Share) -> bool:
    return any(
        (paid.payer, paid.currency, paid.status) == (due.payer, due.currency, "succeeded")
        for paid in refund.payments.values()
    )


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
    settled = refund.status in ("failed", "approved")
    change.record("share_failed" if settled else "payment_failed", refund_id, reference=reference, reason=reason)
    if came_back:
        line = LedgerLine(
            id=f"returned:{reference}", kind="payment", payer=share.payer, amount_minor=share.amount_minor,
            currency=share.currency, on=change.today, refund=refund_id,
        )  # fmt: skip
        change.record("money_recorded", line.id, **line.model_dump(mode="json", exclude={"id", "on"}))


def appeal(change: Change, *, refund: str, reason: str) -> None:
    """The graduate asks that another person look again."""
    change.case.refund_of(refund)
    change.record("appeal_filed", refund, note=reason)
    change.tell("appeal_received")


def decide_appeal(change: Change, services: Services, *, appeal: str, outcome: str, reason: str,
                  note: str | None = None) -> None:  # fmt: skip
    """Another person decides: the refusal stands, or the money is owed and yet another person pays it."""
    case, refund = change.case, change.case.refund_of(appeal)
    if outcome == "uphold":
        change.record("appeal_upheld", appeal, reason=reason, note=note)
        change.tell("appeal_upheld")
        return
    change.check("appeal_overturned", appeal)
    percent = 100
    judgement = judge(case, change.programme, services.terms, change.now)
    if judgement is not None:
        percent = judgement.terms.refund_percent
    guaranteed = refund.ground == "guarantee"
    shares = owed(case, percent, appeal) if guaranteed else _owed_on(change, refund.ground, appeal)
    require(shares, "nothing-to-return", "Nothing was paid, so nothing can be paid back.")
    proposal = proposal_of(case, appeal, "approval", APPEAL, shares, None)
    change.record("appeal_overturned", appeal, reason=reason, note=note, **proposal)
    change.tell("refund_approved", amount=_amounts(shares))


def close_recovery(change: Change, *, recovery: str, outcome: str, reason: str, note: str | None = None) -> None:
    """What became of a recovery: the money came back, or a named person lets it go. Nothing is ever debited."""
    refund = change.case.refund_of(recovery)
    if outcome == "recovered":
        require(refund.recovery_signed_by, "not-signed", "Nobody has signed yet that the money is asked back.")
        change.record("recovery_recorded", recovery, reason=reason, note=note)
    else:
        change.record("recovery_waived", recovery, reason=reason, note=note)

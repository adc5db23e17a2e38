"""From a claim to a signature, and to the appeal: software proposes, a person signs, another hears the appeal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.domain.change import Change
from shared.domain.errors import ActionNotAllowed, AlreadyExists, NotFound, RuleBroken
from shared.domain.refund import APPEAL, Claim, Proposal, Refund, Share
from shared.use_cases.commands import require
from shared.use_cases.guarantee import PAID, judge, owed
from shared.use_cases.payments import book_recovery, cancel_instalments, conclude
from shared.use_cases.proposals import (
    amounts_told,
    ground_of,
    judged_anew,
    new_refund,
    owed_on,
    own_money_told,
    proposal_of,
    propose_return_of_money,
    tell_ended,
)  # fmt: skip
from shared.use_cases.turns import course_limit, needs_account

if TYPE_CHECKING:
    from shared.bootstrap import Services

NOTHING_PAID = "nothing_paid"
SIGNED_AS = {"approval": "refund_approved", "refusal": "refund_refused", "lapse": "refund_lapsed"}


def file_claim(change: Change, services: Services) -> None:
    """The graduate claims. A claim is always stored, in or out of time, whatever job is on record.

    With it are stored the facts as seen, the claim among them, the version of the terms and the findings.
    """
    case = change.case
    if case.enrolment.status not in ("qualified", "diploma_revoked"):
        raise ActionNotAllowed("file_claim", case.enrolment.status)
    standing = case.open_refund("guarantee")
    for each in case.claims:
        if standing is not None and each.refund == standing[0] and not each.withdrawn:
            raise AlreadyExists(each.id)
    if standing is not None and standing[1].status not in ("proposed", "appealed"):
        raise ActionNotAllowed("file_claim", standing[1].status)
    if any(each.ground == "guarantee" and each.status in PAID for each in case.refunds.values()):
        raise ActionNotAllowed("file_claim", "paid")
    refund_id = standing[0] if standing else new_refund(case, "guarantee")
    claim_id = f"k{len(case.claims) + 1}"
    filed = Claim(id=claim_id, filed_at=change.now, refund=refund_id)
    with_claim = case.model_copy(update={"claims": [*case.claims, filed]})
    judgement = judge(with_claim, change.programme, services.terms, change.now)
    said: dict[str, Any] = ground_of(case, refund_id, "guarantee")
    if judgement is not None:
        said["judged"] = judgement.as_seen()
    change.record("claim_filed", refund_id, claim=claim_id, **said)
    change.tell("claim_received")
    change.answer = {"claim_id": claim_id, "refund_id": refund_id}


def withdraw_claim(change: Change, *, claim: str) -> None:
    """The graduate takes a claim back, before anything was proposed or signed."""
    for each in change.case.claims:
        if each.id == claim:
            if not each.withdrawn:
                change.record("claim_withdrawn", each.refund, claim=claim)
            return
    raise NotFound(claim)


def sign(change: Change, services: Services, *, proposal: str, outcome: str, reason: str | None = None,
         note: str | None = None) -> None:  # fmt: skip
    """Sign a proposal, or return it with a reason. Who proposed, settled or will pay may not be the one who signs."""
    case = change.case
    if proposal == case.enrolment.expiry_proposal:
        _sign_expiry(change, outcome, reason, note)
        return
    for refund_id, refund in case.refunds.items():
        if proposal == f"{refund_id}-recovery" and refund.status == "recovery_open":
            judgement = judge(case, change.programme, services.terms, change.now)
            require(
                judgement is not None and judgement.decision.decision == "recovery_review",
                "proposal-stale",
                "The job that was reported counts no longer; the review will be closed.",
            )
            change.record("recovery_signed", refund_id, reason=reason, note=note)
            change.tell("recovery_asked", office=change.actor.role.value)
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
    tell_ended(change, "expired")


def _sign_refund(change: Change, services: Services, refund_id: str, refund: Refund, outcome: str,
                 reason: str | None, note: str | None) -> None:  # fmt: skip
    proposal = refund.proposal
    assert proposal is not None
    if refund.status == "failed":
        if outcome == "return":
            raise ActionNotAllowed("return_proposal", "failed")
        change.record("refund_reapproved", refund_id, reason=reason, note=note)
        conclude(change, refund_id, refund)
        return
    if outcome == "return":
        if proposal.decision == APPEAL:
            raise ActionNotAllowed("return_proposal", APPEAL)  # A person has decided that already.
        claimed = any(claim.refund == refund_id and not claim.withdrawn for claim in change.case.claims)
        change.record("proposal_returned" if claimed else "proposal_dropped", refund_id, reason=reason, note=note)
        if refund.ground != "guarantee":
            propose_return_of_money(change, refund.ground)  # What the law gives back is owed, whoever returned it.
        return
    kind = SIGNED_AS.get(proposal.verdict)
    if kind is None:
        raise RuleBroken("proposal-stale", "The facts have changed since this was proposed.")
    change.check(kind, refund_id)
    fresh = judged_anew(change, services, refund_id, refund)
    require(
        (fresh["verdict"], fresh["decision"], fresh["clauses"], fresh["shares"])
        == (proposal.verdict, proposal.decision, proposal.clauses, _plain(proposal.shares)),
        "proposal-stale",
        "The facts have changed since this was proposed; a new proposal will be made.",
    )
    require(
        proposal.verdict != "approval" or proposal.shares,
        "nothing-to-return",
        "Nothing was paid, so nothing can be paid back.",
    )
    signed = fresh | {"id": proposal.id} if proposal.verdict == "approval" else {}
    change.record(kind, refund_id, reason=reason, note=note, **signed)
    if proposal.verdict == "approval":
        _tell_approved(change, refund_id)
        conclude(change, refund_id, refund)
    else:
        if proposal.decision == NOTHING_PAID:
            cancel_instalments(change, refund_id, refund.ground)
        change.tell(
            "refund_refused", clauses=_reasons_told(proposal), office=change.actor.role.value,
            days=change.programme.service_levels.appeal_days,
        )  # fmt: skip


def _tell_approved(change: Change, refund_id: str) -> None:
    """Tell how much is owed, who signed it, and whether anything is missing before it can be paid."""
    case, refund = change.case, change.case.refunds[refund_id]
    shares = refund.proposal.shares if refund.proposal else []
    account = "known" if case.payee is not None and case.payee.confirmed_by else "unconfirmed"
    if needs_account(case, refund):
        account = "missing"
    elif not own_money_told(refund):
        account = "of_others"
    office = change.actor.role.value
    change.tell("refund_approved", amount=amounts_told(shares), account=account, office=office)


def _reasons_told(proposal: Proposal) -> list[str]:
    return proposal.clauses or [proposal.decision]


def _plain(shares: list[Share]) -> list[dict[str, Any]]:
    return [share.model_dump(mode="json", exclude_defaults=True) for share in shares]


def appeal(change: Change, *, refund: str, reason: str) -> None:
    """The graduate asks that another person look again."""
    change.case.refund_of(refund)
    change.record("appeal_filed", refund, note=reason)
    change.tell("appeal_received", days=change.programme.service_levels.appeal_days)


def decide_appeal(change: Change, services: Services, *, appeal: str, outcome: str, reason: str,
                  note: str | None = None) -> None:  # fmt: skip
    """Another person decides: the refusal stands, or the money is owed and yet another person pays it."""
    case, refund = change.case, change.case.refund_of(appeal)
    if outcome == "uphold":
        change.record("appeal_upheld", appeal, reason=reason, note=note)
        clauses = _reasons_told(refund.proposal) if refund.proposal is not None else []
        change.tell("appeal_upheld", clauses=clauses, office=change.actor.role.value, reason=reason)
        return
    change.check("appeal_overturned", appeal)
    percent = 100
    judgement = judge(case, change.programme, services.terms, change.now)
    if judgement is not None:
        percent = judgement.terms.refund_percent
    guaranteed = refund.ground == "guarantee"
    shares = owed(case, percent, appeal) if guaranteed else owed_on(change, refund.ground, appeal)
    require(shares, "nothing-to-return", "Nothing was paid, so nothing can be paid back.")
    proposal = proposal_of(case, appeal, "approval", APPEAL, shares, None)
    change.record("appeal_overturned", appeal, reason=reason, note=note, **proposal)
    _tell_approved(change, appeal)


def close_recovery(change: Change, *, recovery: str, outcome: str, reason: str, note: str | None = None) -> None:
    """What became of a recovery: the money came back, or a named person lets it go. Nothing is ever debited."""
    refund = change.case.refund_of(recovery)
    if outcome == "recovered":
        require(refund.recovery_signed_by, "not-signed", "Nobody has signed yet that the money is asked back.")
        change.record("recovery_recorded", recovery, reason=reason, note=note)
        book_recovery(change, recovery, refund)
    else:
        change.record("recovery_waived", recovery, reason=reason, note=note)

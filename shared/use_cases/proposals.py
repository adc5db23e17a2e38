"""What software proposes to pay back, and how much: by the guarantee, by the law, or because too much was paid."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from shared.domain import ledger
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.domain.money import to_decimal
from shared.domain.refund import APPEAL, OWN_MONEY, Refund, Share
from shared.policy.withdrawal import returned_on_cancellation, returned_on_termination
from shared.use_cases.guarantee import Judgement, binding, judge, not_met, owed, wanted

if TYPE_CHECKING:
    from shared.bootstrap import Services

POLICY = Actor(role=Role.SYSTEM, id="policy")
"""Software proposes, whoever's act made it look."""


def new_refund(case: Case, ground: str) -> str:
    """The id of a refund still to be opened: numbered, so that a repeat meets the same one."""
    waiting = [key for key, each in case.refunds.items() if each.ground == ground and each.status == "none"]
    return waiting[0] if waiting else f"r{len(case.refunds) + 1}"


def ground_of(case: Case, refund_id: str, ground: str) -> dict[str, Any]:
    """What the first event of a refund says besides: its ground."""
    return {} if refund_id in case.refunds else {"ground": ground}


def proposal_of(
    case: Case, refund_id: str, verdict: str, decision: str, shares: list[Share], judgement: Judgement | None
) -> dict[str, Any]:
    """A proposal as an event carries it, bound to everything that it rests on."""
    payee = case.payee.hash if case.payee else None
    return {
        "id": f"{refund_id}-{case.sequence + 1}",
        "verdict": verdict,
        "shares": [share.model_dump(mode="json", exclude_defaults=True) for share in shares],
        "decision": decision,
        "clauses": not_met(judgement) if judgement else [],
        "terms": judgement.terms.version if judgement else None,
        "binds": binding(judgement, verdict, shares, payee),
    } | ({"judged": judgement.as_seen()} if judgement else {})


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
    proposal = proposal_of(case, refund_id, verdict, decision, shares, None if decision == APPEAL else judgement)
    change.record("refund_proposed", refund_id, **ground_of(case, refund_id, "guarantee"), **proposal)


def propose_return_of_money(change: Change, ground: str) -> None:
    """Propose what the law gives back when a contract ends before the diploma, or what was paid too much.

    A proposal that stands is made anew where the amounts have changed, and dropped where nothing is owed any more.
    """
    case = change.case
    shares = owed_on(change, ground)
    standing = case.open_refund(ground)
    if standing is not None and standing[1].status != "proposed":
        return
    if not shares:
        if standing is not None:
            change.record("proposal_dropped", standing[0], by=POLICY)
        return
    if standing is not None and standing[1].proposal is not None and standing[1].proposal.shares == shares:
        return
    refund_id = standing[0] if standing else new_refund(case, ground)
    proposal = proposal_of(case, refund_id, "approval", ground, shares, None)
    change.record("refund_proposed", refund_id, by=POLICY, **ground_of(case, refund_id, ground), **proposal)


def tell_ended(change: Change, how: str, ground: str | None = None) -> None:
    """Tell that the enrolment has ended, and what is proposed to go back on that ground, or that nothing is."""
    standing = change.case.open_refund(ground) if ground else None
    shares = standing[1].proposal.shares if standing and standing[1].proposal else []
    nothing = "nothing_back" if any(received(change.case).values()) else "nothing_paid"
    change.tell("enrolment_ended", how=how, back=amounts_told(shares), money=None if shares else nothing)


def owed_on(change: Change, ground: str, but_for: str | None = None) -> list[Share]:
    case, contract = change.case, change.case.enrolment.contract
    if contract is None:
        return []
    paid = received(case, but_for)
    if ground == "cancellation":
        back = returned_on_cancellation(paid)
    elif ground == "termination":
        kept = change.programme.countries[contract.country].termination_kept_percent
        forgiven = sum(line.amount_minor for line in case.ledger if line.kind == "discount")
        back = returned_on_termination(paid, max(0, contract.price_minor - forgiven), kept)
    else:
        back = _overpaid(case, but_for)
    return [
        Share(payer=payer, currency=contract.currency, amount_minor=amount)
        for payer, amount in sorted(back.items())
        if amount > 0
    ]


def received(case: Case, but_for: str | None = None) -> dict[str, int]:
    """What we hold of each payer (leaving out one refund's own lines), in minor units."""
    lines = [line for line in case.ledger if but_for is None or line.refund != but_for]
    return {payer: amount_minor for (payer, _), amount_minor in ledger.held(lines).items()}


def unpaid(case: Case) -> int:
    """What of the price has neither been paid, nor forgiven, nor cancelled; below zero where too much was paid."""
    contract = case.enrolment.contract
    if contract is None:
        return 0
    settled = {"payment": 1, "chargeback": -1, "discount": 1, "cancelled": 1}
    lines = [line for line in case.ledger if line.refund is None or line.kind == "cancelled"]
    return contract.price_minor - sum(settled.get(line.kind, 0) * line.amount_minor for line in lines)


def _overpaid(case: Case, but_for: str | None = None) -> dict[str, int]:
    """What was paid beyond what was due: given back to whoever paid last, as far as we still hold it."""
    returned = {"refund": 1, "payment": -1}
    others = {key for key, refund in case.refunds.items() if refund.ground == "overpayment" and key != but_for}
    left = -unpaid(case)
    left -= sum(returned.get(line.kind, 0) * line.amount_minor for line in case.ledger if line.refund in others)
    held, back = received(case, but_for), defaultdict[str, int](int)
    paid = [line for line in case.ledger if line.kind == "payment" and line.refund is None]
    for line in sorted(paid, key=lambda line: (line.on, line.id), reverse=True):
        if left <= 0:
            break
        part = max(0, min(left, line.amount_minor, held[line.payer] - back[line.payer]))
        back[line.payer] += part
        left -= part
    return dict(back)


def watch_overpayment(change: Change) -> None:
    """After money came in: if the contract was cancelled or ended, what the law gives back goes back, else what
    exceeds the price does."""
    enrolment = change.case.enrolment
    unsigned = enrolment.contract is not None and enrolment.contract.signed_on is None
    if enrolment.status == "cancelled" or (enrolment.status == "withdrawn" and unsigned):
        propose_return_of_money(change, "cancellation")
    elif enrolment.status == "terminated":
        propose_return_of_money(change, "termination")
    elif not any(each.ground == "guarantee" and each.status == "paying" for each in change.case.refunds.values()):
        propose_return_of_money(change, "overpayment")


def judged_anew(change: Change, services: Services, refund_id: str, refund: Refund) -> dict[str, Any]:
    """The proposal that would be made now; what this refund itself has paid back already is left out of account."""
    case = change.case
    assert refund.proposal is not None
    judgement = judge(case, change.programme, services.terms, change.now)
    percent = judgement.terms.refund_percent if judgement else 100
    if refund.proposal.decision == APPEAL:
        # Another person set the decision aside: amounts and payee are looked at again, the verdict is not.
        shares = owed(case, percent, refund_id)
        if refund.ground != "guarantee":
            shares = owed_on(change, refund.ground, refund_id)
        return proposal_of(case, refund_id, "approval", APPEAL, shares, None)
    if refund.ground != "guarantee":
        shares = owed_on(change, refund.ground, refund_id)
        return proposal_of(case, refund_id, "approval", refund.ground, shares, None)
    assert judgement is not None
    verdict, decision = wanted(case, judgement, refund_id) or ("none", judgement.decision.decision)
    shares = owed(case, percent, refund_id) if verdict == "approval" else []
    return proposal_of(case, refund_id, verdict, decision, shares, judgement)


def own_money_told(refund: Refund) -> list[str]:
    """What of a refund goes to the person themselves, as letters say it."""
    shares = refund.proposal.shares if refund.proposal else []
    return amounts_told([share for share in shares if share.payer == OWN_MONEY])


def amounts_told(shares: list[Share]) -> list[str]:
    totals: dict[str, int] = defaultdict(int)
    for share in shares:
        totals[share.currency] += share.amount_minor
    return [f"{to_decimal(amount, currency)} {currency}" for currency, amount in sorted(totals.items())]

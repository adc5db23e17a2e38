"""The refund: from a claim or a proposal to money, and to the appeal. Software proposes, named people sign."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from shared.domain.events import Event, Record
from shared.domain.life_cycle import NONE, LifeCycle, Role, row

if TYPE_CHECKING:
    from shared.domain.case import Case

APPLICANT, CAREERS, FINANCE = Role.APPLICANT, Role.CAREERS, Role.FINANCE
PARTNER, SYSTEM = Role.PARTNER, Role.SYSTEM
SIGNERS = (FINANCE, CAREERS)

OWN_MONEY = "self"
"""The payer's code for the person themselves; every other payer's money goes back where it came from."""
UNDECIDED = ("claimed", "proposed")
IN_PAYMENT = ("approved", "paying", "failed")
AFTER_PAYMENT = ("recovery_open", "recovered", "waived")
STATES = (
    NONE, *UNDECIDED, "claim_withdrawn", "refused", "lapsed", "appealed", "upheld",
    *IN_PAYMENT, "paid", *AFTER_PAYMENT,
)  # fmt: skip
MAY_BE_FROZEN = ("proposed", *IN_PAYMENT, "paid")
OPEN = (*UNDECIDED, *IN_PAYMENT, "appealed")
"""States in which something is still to be done about this refund before money has moved."""
APPEAL = "appeal_overturned"
"""The decision of a proposal that rests on a person's word in an appeal, and not on the policy's."""

REFUND = LifeCycle(
    "refund",
    STATES,
    (
        row("file_claim", "claim_filed", [NONE, "proposed"], "claimed", [APPLICANT],
            "The graduate claims the refund. A claim is always stored."),
        row("claim_besides", "claim_filed", ["appealed"], None, [APPLICANT],
            "The graduate claims while an appeal about an earlier answer is heard; the claim is stored with it."),
        row("withdraw_claim", "claim_withdrawn", ["claimed"], "claim_withdrawn", [APPLICANT],
            "The graduate takes the claim back."),
        row("propose", "refund_proposed", [NONE, "claimed", "proposed"], "proposed", [SYSTEM],
            "Approval, refusal or lapse is proposed, with findings and amount, to a person who signs."),
        row("return_proposal", "proposal_returned", ["proposed"], "claimed", [*SIGNERS, SYSTEM],
            "The proposal is not signed, or no longer fits the facts; the claim stands."),
        row("drop_proposal", "proposal_dropped", ["proposed"], NONE, [*SIGNERS, SYSTEM],
            "A proposal that no claim asked for no longer fits the facts."),
        row("approve", "refund_approved", ["proposed"], "approved", SIGNERS,
            "A named person signs that the money is owed."),
        row("refuse", "refund_refused", ["proposed"], "refused", SIGNERS,
            "A named person signs that the money is not owed, clause by clause, and how to appeal."),
        row("sign_lapse", "refund_lapsed", ["proposed"], "lapsed", SIGNERS,
            "A named person signs that the claim came too late or not at all."),
        row("ask_for_account", "account_wanted", ["approved"], None, [SYSTEM],
            "The person is reminded that the money waits for an account."),
        row("void_approval", "approval_voided", ["approved"], "proposed", [SYSTEM],
            "What was approved is no longer what is true; the approval dies and a new proposal is made."),
        row("start_payment", "payment_started", ["approved"], "paying", [FINANCE],
            "Another person orders the payment; the intent is stored before the money is asked to move."),
        row("confirm_share", "share_confirmed", ["paying", "failed", "approved", "proposed"], None, [PARTNER, SYSTEM],
            "One payer's share has arrived."),
        row("confirm_payment", "payment_confirmed", ["paying", "approved"], "paid", [PARTNER, SYSTEM],
            "All that was signed has moved, as the payment partner says."),
        row("fail_payment", "payment_failed", ["paying", "paid", *AFTER_PAYMENT], "failed", [PARTNER, SYSTEM],
            "The payment partner says that the money did not arrive."),
        row("fail_share", "share_failed", ["failed", "approved", "proposed"], None, [PARTNER, SYSTEM],
            "Another payer's share did not arrive either."),
        row("approve_anew", "refund_reapproved", ["failed"], "approved", SIGNERS,
            "After a failed payment a named person signs again."),
        row("appeal", "appeal_filed", ["refused", "lapsed"], "appealed", [APPLICANT],
            "The graduate asks another person to look again."),
        row("uphold", "appeal_upheld", ["appealed"], "upheld", SIGNERS,
            "Another person looked again: the refusal stands."),
        row("overturn", "appeal_overturned", ["appealed"], "approved", SIGNERS,
            "Another person looked again: the money is owed; yet another pays."),
        row("freeze", "refund_frozen", MAY_BE_FROZEN, None, [SYSTEM],
            "Our ledger and the payment partner's list differ; nothing is paid until a person has settled it."),
        row("release", "refund_released", STATES, None, SIGNERS,
            "A named person has settled the difference with the payment partner."),
        row("open_recovery", "recovery_opened", ["paid"], "recovery_open", [SYSTEM],
            "A job that counts was reported after the refund; a person reviews it."),
        row("drop_recovery", "recovery_dropped", ["recovery_open"], "paid", [SYSTEM],
            "The job that was reported counts no longer; nothing is asked back."),
        row("sign_recovery", "recovery_signed", ["recovery_open"], None, SIGNERS,
            "A named person asks for the money back. Nothing is ever debited."),
        row("record_recovery", "recovery_recorded", ["recovery_open"], "recovered", SIGNERS, "The money came back."),
        row("waive_recovery", "recovery_waived", ["recovery_open"], "waived", SIGNERS,
            "A named person lets the money go."),
    ),
)  # fmt: skip


class Share(Record):
    """What one payer gets back, in minor units; `status` is open, sent, succeeded or failed."""

    payer: str
    currency: str
    amount_minor: int
    status: str = "open"
    partner_refund_id: str | None = None


class Proposal(Record):
    """What software proposes and a person signs. `binds` is the hash of facts, decision, terms, amount and payee."""

    id: str
    verdict: str
    shares: list[Share] = Field(default_factory=list)
    decision: str
    clauses: list[str] = Field(default_factory=list)
    terms: str | None = None
    binds: str
    made_at: datetime


class Claim(Record):
    """The graduate asked for the refund. A claim is always stored, in or out of time."""

    id: str
    filed_at: datetime
    refund: str
    withdrawn: bool = False


class Refund(Record):
    """One refund, by its ground. The amount is the policy's; `reference` is what the payment partner knows it by."""

    ground: str
    status: str = NONE
    since: datetime | None = None
    proposal: Proposal | None = None
    approved_by: str | None = None
    attempts: int = 0
    payments: dict[str, Share] = Field(default_factory=dict)
    payee_hash: str | None = None
    paid_on: date | None = None
    account_wanted_days: int = 0
    """After how many days since the approval the person was last reminded to name an account."""
    appeal_reason: str | None = None
    recovery_signed_by: str | None = None
    frozen: str | None = None
    """Why nothing may be paid at present: what the reconciliation found."""
    released_for: int = 0
    """The attempt in which a person last settled a difference with the partner."""

    def shares_due(self) -> list[Share]:
        """What of the proposal's shares each payer has not had yet."""
        arrived: Counter[tuple[str, str]] = Counter()
        for share in self.payments.values():
            if share.status == "succeeded":
                arrived[share.payer, share.currency] += share.amount_minor
        due = [
            Share(payer=each.payer, currency=each.currency,
                  amount_minor=each.amount_minor - arrived[each.payer, each.currency])
            for each in (self.proposal.shares if self.proposal else ())
        ]  # fmt: skip
        return [share for share in due if share.amount_minor > 0]


def fold(case: Case, event: Event) -> None:
    """Add to the case what an event of this cycle says, beyond the state (which the table moves)."""
    refund = case.refunds[str(event.subject)]
    # The facts as seen stay in the event: whoever wants to judge again finds them there.
    data = {name: value for name, value in event.data.items() if name != "judged"}
    if event.kind == "claim_filed":
        case.claims.append(Claim(id=data["claim"], filed_at=event.at, refund=str(event.subject)))
        if refund.status == "proposed":
            refund.proposal = None  # What was proposed without a claim is proposed anew with it.
    elif event.kind == "claim_withdrawn":
        for claim in case.claims:
            claim.withdrawn = claim.withdrawn or claim.id == data["claim"]
    elif event.kind in ("refund_proposed", "approval_voided"):
        refund.proposal = Proposal(made_at=event.at, **data)
    elif event.kind in ("proposal_returned", "proposal_dropped"):
        refund.proposal = None
    elif event.kind in ("refund_approved", "refund_reapproved", "appeal_overturned"):
        refund.approved_by = event.actor.id
        refund.account_wanted_days = 0
        if data:
            refund.proposal = Proposal(made_at=event.at, **data)
    elif event.kind == "account_wanted":
        refund.account_wanted_days = data["after_days"]
    elif event.kind == "payment_started":
        refund.attempts += 1
        refund.payments |= {key: Share(**share) for key, share in data["payments"].items()}
        refund.payee_hash = data.get("payee")
    elif event.kind == "share_confirmed":
        paid = refund.payments[data["reference"]]
        paid.status, paid.partner_refund_id = "succeeded", data["partner_refund_id"]
    elif event.kind == "payment_confirmed":
        refund.paid_on = event.occurred_on
    elif event.kind in ("payment_failed", "share_failed"):
        refund.paid_on = refund.recovery_signed_by = None
        refund.payments[data["reference"]].status = "failed"
    elif event.kind == "appeal_filed":
        refund.appeal_reason = event.reason
    elif event.kind == "refund_frozen":
        refund.frozen = event.reason or "difference"
    elif event.kind == "refund_released":
        refund.frozen = None
        refund.released_for = refund.attempts
    elif event.kind == "recovery_dropped":
        refund.recovery_signed_by = None
    elif event.kind == "recovery_signed":
        refund.recovery_signed_by = event.actor.id

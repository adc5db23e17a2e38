"""The audit: reads what is stored, holds it against itself and the policy, and reports. It repairs nothing."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.domain import four_eyes
from shared.domain.case import Case, fold
from shared.domain.errors import NotFound, PledgeError
from shared.domain.events import Event, verify_chain
from shared.domain.jobs import jobs
from shared.use_cases import deadlines
from shared.use_cases.commands import CASES, events_of, load
from shared.use_cases.guarantee import PAID, judge, step
from shared.use_cases.proposals import received

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.audits")

PAGE = 200
GRACE = timedelta(days=2)


async def run_refund_audit(services: Services, now: datetime) -> dict[str, int]:
    """The daily run: do what each decision asks for, then examine every guarantee that changed or fell due."""
    return await deadlines.run_refund_audit(services, now)


async def examine(services: Services, now: datetime, asked: datetime, case_id: str | None) -> dict[str, Any]:
    """Examine one case, or every case under contract, and keep the run. `asked` is the instant asked about."""
    findings: list[dict[str, Any]] = []
    examined = 0
    async for each in _cases(services, case_id):
        examined += 1
        try:
            case, _ = await load(services, each)
            findings += findings_of(case, await events_of(services, each), services, asked)
        except (PledgeError, ValueError, KeyError) as error:
            # One bad case is a finding, not an end.
            findings.append(_finding("unreadable", each, "high", f"The case cannot be read ({type(error).__name__})."))
    run_id = f"{now:%Y%m%dT%H%M%S%f}"
    run = {
        "id": run_id,
        "kind": "audit",
        "run": run_id,
        "at": now.isoformat(),
        "asked": asked.isoformat(),
        "scope": case_id or "all",
        "examined": examined,
        "counts": dict(Counter(finding["finding"] for finding in findings)),
        "findings": findings[:1000],
    }
    try:
        await services.store.create("audits", run, run_id)
    except AlreadyStored:
        pass
    await services.blobs.put(
        services.blobs.audits, f"{run_id}.json", json.dumps(run, indent=1).encode(), "application/json"
    )
    logger.info("audit examined=%d findings=%d", examined, len(findings))
    return {name: value for name, value in run.items() if name not in ("id", "kind", "op_id")}


async def _cases(services: Services, case_id: str | None) -> Any:
    if case_id is not None:
        yield case_id
        return
    last = ""
    while True:
        rows = await services.store.query(
            CASES,
            "SELECT TOP @most c.case_id FROM c WHERE c.kind = 'case' AND c.case_id > @last ORDER BY c.case_id",
            {"most": PAGE, "last": last},
        )
        for row in rows:
            yield row["case_id"]
        if len(rows) < PAGE:
            return
        last = rows[-1]["case_id"]


def findings_of(case: Case, events: list[Event], services: Services, asked: datetime) -> list[dict[str, Any]]:
    """Everything that is wrong with one case, each with severity, a sentence and the suggested act."""
    found = []
    for problem in verify_chain(events, case.head):
        found.append(_finding("chain_broken", case.case_id, "high", f"The chain does not hold: {problem}."))
    if not found:
        folded = fold(case.case_id, events)
        if folded.facts_of_record() != _comparable(case):
            sentence = "The snapshot is not what its events make."
            found.append(_finding("snapshot_differs", case.case_id, "high", sentence))
    found += _missed(case, services, asked)
    found += _money(case)
    found += _actors(case, events)
    return found


def _comparable(case: Case) -> dict[str, object]:
    return case.facts_of_record()


def _missed(case: Case, services: Services, asked: datetime) -> list[dict[str, Any]]:
    found = []
    programme = services.programmes[case.programme]
    judgement = judge(case, programme, services.terms, asked)
    work = step(case, judgement)
    due = case.agenda.refund_at
    if work is not None and due is not None and due + GRACE < asked:
        found.append(_finding("transition_missed", case.case_id, "medium", f"The sweep should have done: {work}."))
    levels = programme.service_levels
    limits = {
        "claimed": ("claim_undecided", levels.claim_days, "A claim waits for a decision."),
        "proposed": ("claim_undecided", levels.sign_days, "A proposal waits for a signature."),
        "approved": ("refund_unpaid", levels.pay_days, "An approved refund has not been paid."),
        "paying": ("refund_unpaid", levels.pay_days, "A refund has been on its way for too long."),
    }
    waiting_for_window = judgement is not None and judgement.decision.decision in ("open", "paused")
    for refund_id, refund in case.refunds.items():
        if refund.status in limits and refund.since is not None:
            name, days, sentence = limits[refund.status]
            if refund.since + timedelta(days=days) < asked and not (refund.status == "claimed" and waiting_for_window):
                found.append(_finding(name, case.case_id, "medium", sentence, refund_id))
    for job in jobs(case.placements):
        if job.state in ("disputed", "disagreement"):
            sentence = "Sources disagree about this job; a person must settle it."
            found.append(_finding("placement_disputed", case.case_id, "low", sentence, job.id))
    if judgement is not None and judgement.decision.decision == "recovery_review":
        if any(each.status == "paid" for each in case.refunds.values() if each.ground == "guarantee"):
            sentence = "A job that counts was reported after the refund."
            found.append(_finding("placement_after_refund", case.case_id, "medium", sentence))
    return found


def _money(case: Case) -> list[dict[str, Any]]:
    found = []
    for payer, balance in received(case).items():
        if balance < 0:
            sentence = f"More went back to payer {payer} than came in."
            found.append(_finding("ledger_unbalanced", case.case_id, "high", sentence))
    for refund_id, refund in case.refunds.items():
        booked = sum(line.amount_minor for line in case.ledger if line.refund == refund_id and line.kind == "refund")
        booked -= sum(line.amount_minor for line in case.ledger if line.refund == refund_id and line.kind == "payment")
        agreed = sum(share.amount_minor for share in refund.proposal.shares) if refund.proposal else 0
        if refund.status in PAID and booked != agreed:
            name = "paid_twice" if booked > agreed else "amount_differs"
            found.append(_finding(name, case.case_id, "high", "What was paid is not what was approved.", refund_id))
        if refund.status in ("paying", *PAID) and refund.approved_by is None:
            sentence = "Money moved without a signature."
            found.append(_finding("paid_without_approval", case.case_id, "high", sentence, refund_id))
    return found


def _actors(case: Case, events: list[Event]) -> list[dict[str, Any]]:
    steps: list[four_eyes.Step] = []
    for event in events:
        try:
            four_eyes.guard(steps, event.kind, event.actor)
        except PledgeError:
            sentence = f"One person acted twice in one chain ({event.kind})."
            return [_finding("same_person", case.case_id, "high", sentence)]
        four_eyes.remember(steps, event)
    return []


ACTS = {
    "chain_broken": "Restore the case's events from backup and compare.",
    "snapshot_differs": "Compare snapshot and events; have the snapshot rebuilt.",
    "transition_missed": "Run the refund audit; look why it passed this case over.",
    "claim_undecided": "Decide the claim or say what is missing.",
    "refund_unpaid": "Order the payment, or ask the payment partner.",
    "placement_disputed": "Settle the report with the evidence.",
    "placement_after_refund": "Open the recovery review.",
    "ledger_unbalanced": "Compare the ledger with the payment partner's list.",
    "paid_twice": "Compare with the payment partner; open a recovery.",
    "amount_differs": "Compare with the payment partner.",
    "paid_without_approval": "Stop payments on this case; look who ordered it.",
    "same_person": "Have another person decide again.",
    "unreadable": "Look at the stored item.",
}


def _finding(name: str, case_id: str, severity: str, sentence: str, subject: str | None = None) -> dict[str, Any]:
    return {
        "finding": name,
        "case_id": case_id,
        "subject": subject,
        "severity": severity,
        "sentence": sentence,
        "act": ACTS[name],
    }


async def runs(services: Services) -> list[dict[str, Any]]:
    """The last hundred runs, newest first."""
    rows = await services.store.query(
        "audits",
        "SELECT TOP 100 c.run, c.at, c.scope, c.examined, c.counts FROM c WHERE c.kind = 'audit' ORDER BY c.at DESC",
        {},
    )
    return rows


async def run_of(services: Services, run_id: str) -> dict[str, Any]:
    """One run with its findings, or `NotFound`."""
    item = await services.store.read("audits", run_id, run_id)
    if item is None:
        raise NotFound(run_id)
    return {name: value for name, value in item.items() if not name.startswith("_") and name not in ("id", "op_id")}

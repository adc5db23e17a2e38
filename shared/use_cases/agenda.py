"""What is derived of a case beside whose turn it is: the answer of today, and when each timer next has work.

Stored with the snapshot by the write that changes it, so that the work queue can ask for it; recomputed by the audit.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from shared.domain.case import Agenda, Case, Guarantee
from shared.domain.jobs import jobs
from shared.domain.programme import Programme
from shared.policy.refund import revisit_on
from shared.policy.terms import Terms
from shared.use_cases.guarantee import Judgement, claim_until, judge, last_day_to_claim, step
from shared.use_cases.retention import erasable_from
from shared.use_cases.search_log import at_risk_from, contact_overdue_from, next_warning
from shared.use_cases.turns import (
    course_limit,
    needs_account,
    noon,
    refund_turns,
    waits_since,
    wanted_on_the_way_in,
    whose_turn,
)

NEVER = "9999-12-31T00:00:00+00:00"
SWEEP_GRACE = timedelta(days=2)
"""How long a sweep may pass a case over before it counts as missed: one bad night is made up for by the next."""


def settle(case: Case, programme: Programme, terms: dict[str, Terms], now: datetime) -> Judgement | None:
    """Recompute everything derived: the decision as of `now` and the agenda. Returns the judgement."""
    judgement = settle_turn(case, programme, terms, now)
    agenda = case.agenda
    agenda.privacy_at = next_erasure(case, programme)
    agenda.audit_at = next_audit(case, programme, now)
    if case.custody.erasure_begun_at is not None:
        return judgement  # Nobody is reminded, asked or looked after any more.
    agenda.deadlines_at = _earliest(next_deadline(case, programme), _next_search_day(case, programme, judgement))
    agenda.retention_at = next_retention_check(case, programme)
    agenda.risk_at = noon(case, at_risk_from(case, programme))
    return judgement


def settle_turn(case: Case, programme: Programme, terms: dict[str, Terms], now: datetime) -> Judgement | None:
    """The part of it that people see and money follows from: the decision, whose turn it is, the refund's next look."""
    judgement = judge(case, programme, terms, now)
    work = step(case, judgement)
    if judgement is not None:
        decision = judgement.decision
        case.guarantee = Guarantee(
            decision=decision.decision,
            as_of=case.today(now),
            window_end=decision.window_end,
            claim_deadline=last_day_to_claim(case, programme, judgement),
            facts_hash=judgement.facts_hash,
            revisit_on=revisit_on(judgement.read, decision),
        )
    turn = whose_turn(case, programme)
    case.agenda = Agenda(
        turn=turn.who,
        what=turn.what,
        stage=stage(case),
        assignee=case.application.specialist,
        flags=sorted({flag for each in case.application.submissions for flag in each.flags}),
        since=turn.since,
        due_at=turn.due_at,
        queue_at=turn.due_at.isoformat() if turn.due_at else NEVER,
        refund_at=now if work is not None else _next_look(case, programme, terms, now),
    )
    if case.custody.erasure_begun_at is not None:
        case.agenda.refund_at = None
    return judgement


def _next_search_day(case: Case, programme: Programme, judgement: Judgement | None) -> datetime | None:
    """When the graduate is next warned about the log, or careers should have been in touch."""
    if judgement is None:
        return None
    days = [next_warning(case, programme, judgement), contact_overdue_from(case, programme)]
    return noon(case, min((day for day in days if day is not None), default=None))


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def next_audit(case: Case, programme: Programme, now: datetime) -> datetime | None:
    """When waiting alone will next be a finding: a sweep that passed this case over, a refund that nobody acts on."""
    turns = refund_turns(case, programme)
    moments = [
        since + timedelta(days=turns[refund.status][2])
        for refund in case.refunds.values()
        if refund.status in turns and (since := waits_since(case, refund)) is not None
    ]
    if case.agenda.refund_at is not None:
        moments.append(case.agenda.refund_at + SWEEP_GRACE)
    return min((moment for moment in moments if moment > now), default=None)


def _next_look(case: Case, programme: Programme, terms: dict[str, Terms], now: datetime) -> datetime | None:
    """When time alone could next change the answer: the policy's own day, or the end of a clock started anew."""
    days = [case.guarantee.revisit_on]
    contract = case.enrolment.contract
    if contract is not None and contract.terms is not None:
        anew = claim_until(case, programme, terms[contract.terms])
        days.append(anew + timedelta(days=1) if anew is not None and anew >= case.today(now) else None)
    return noon(case, min((day for day in days if day is not None), default=None))


def stage(case: Case) -> str:
    """The part of the case's life that it is in, for the work queue: application, enrolment, search or refund."""
    if any(each.status not in ("none", "claim_withdrawn") for each in case.refunds.values()):
        return "refund"
    if case.enrolment.status == "qualified":
        return "search"
    return "application" if case.is_on_the_way_in else "enrolment"


def account_reminders(case: Case, programme: Programme) -> dict[str, tuple[date, list[int]]]:
    """The approved refunds that wait for an account: the day of approval, and after how many days from it the person
    has still to be reminded."""
    return {
        key: (
            case.today(refund.since),
            [n for n in programme.limits.account_reminders if n > refund.account_wanted_days],
        )
        for key, refund in case.refunds.items()
        if refund.status == "approved" and refund.since is not None and needs_account(case, refund)
    }


def next_deadline(case: Case, programme: Programme) -> datetime | None:
    """When the deadlines timer next has something to do here."""
    days: list[date] = []
    offer, enrolment, limits = case.application.offer, case.enrolment, programme.limits
    if case.application.status == "offered" and offer is not None:
        sent = len(offer.reminders)
        reminders = [offer.answer_by - timedelta(days=before) for before in limits.offer_reminders]
        days.append(reminders[sent] if sent < len(reminders) else offer.answer_by + timedelta(days=1))
    if case.is_on_the_way_in or enrolment.status == "contract_received":
        wanted = wanted_on_the_way_in(case, programme).items()
        days += [day + timedelta(days=1) for key, day in wanted if key not in case.application.fell_due]
    limit = course_limit(case, programme)
    if enrolment.status == "on_leave":
        days += [leave.last_day + timedelta(days=1) for leave in enrolment.leaves
                 if leave.status == "granted" and leave.last_day is not None]  # fmt: skip
    if enrolment.status == "studying" and limit is not None:
        days += limit_warnings(case, programme, limit).values()
        if enrolment.expiry_proposal is None:
            days.append(limit + timedelta(days=1))
    if enrolment.status == "qualified" and case.guarantee.decision in ("open", "paused"):
        days += [day for key, day in window_reminders(case, programme) if key not in enrolment.window_reminders]
    for approved_on, after in account_reminders(case, programme).values():
        days += [approved_on + timedelta(days=number) for number in after]
    return noon(case, min(days)) if days else None


def limit_warnings(case: Case, programme: Programme, limit: date) -> dict[int, date]:
    """The warnings of the twelve-month limit that were not given yet: how many days before it, and the day of each.
    Leave, an extension or a correction that moves the limit makes new ones."""
    return {
        before: limit - timedelta(days=before)
        for before in programme.limits.limit_warnings
        if f"{before}:{limit.isoformat()}" not in case.enrolment.warned_days
    }


def window_reminders(case: Case, programme: Programme) -> list[tuple[str, date]]:
    """The reminders of the window: a key that is sent once, and its day. A pause that moves the end makes new ones."""
    end = case.guarantee.window_end
    if end is None:
        return []
    return [
        (f"{before}:{end.isoformat()}", end - timedelta(days=before)) for before in programme.limits.window_reminders
    ]


def next_retention_check(case: Case, programme: Programme) -> datetime | None:
    """When the graduate is next asked whether a job still holds: 34 days after its start."""
    wait = timedelta(days=programme.limits.retention_check_days)
    days = [starts_on + wait for starts_on in unchecked_starts(case).values()]
    return noon(case, min(days)) if days and case.enrolment.status == "qualified" else None


def next_erasure(case: Case, programme: Programme) -> datetime | None:
    """When what names the person goes; at once where that has begun."""
    begun = case.custody.erasure_begun_at
    return begun if begun and case.erased_at is None else noon(case, erasable_from(case, programme))


def unchecked_starts(case: Case) -> dict[str, date]:
    """The first days of jobs that have not ended, as far as is known, and were not asked after yet; by their report.

    Whoever was asked by another first day than the one that counts is asked again.
    """
    return {
        job.id: job.known.starts_on
        for job in jobs(case)
        if job.known.starts_on is not None
        and job.state != "retracted"
        and job.known.ended_on is None
        and not any(
            case.placements[report].retention_checked and case.placements[report].starts_on == job.known.starts_on
            for report in job.reports
        )
    }

"""What the timers do with a case. They make work visible; the only thing that they end by themselves is an offer
that was not answered after two delivered reminders, and that can be undone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared import telemetry
from shared.domain.change import Change
from shared.domain.errors import NotFound, PledgeError, RecordChanged
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.use_cases import proposals
from shared.use_cases.agenda import account_reminders, limit_warnings, unchecked_starts, window_reminders
from shared.use_cases.commands import CASES, perform
from shared.use_cases.enrolments import propose_expiry
from shared.use_cases.guarantee import Judgement, end_of_claim, judge, last_day_to_claim, step
from shared.use_cases.proposals import own_money_told
from shared.use_cases.search_log import (
    closes_on,
    contact_overdue_from,
    missed_weeks,
    next_warning,
    spans_of,
    weeks_to_warn_of,
)
from shared.use_cases.turns import course_limit, wanted_on_the_way_in

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.sweeps")

RULES = {"deadlines": 1, "privacy": 1, "retention": 1, "refund": 1}
"""The version of the rule that each sweep's code serves; the programme's file says which one is in force."""
NOTICE_DAYS = 14
"""A notice that leaves fewer days to claim than these came too late to be one."""
PAGE = 100
TIME_BUDGET = timedelta(minutes=4)


async def run_deadlines(services: Services, now: datetime) -> dict[str, int]:
    """Offers, the twelve-month limit and the window's reminders: everything due by now and not yet done."""
    return await sweep(services, "deadlines", now, keep_deadlines)


async def run_retention_checks(services: Services, now: datetime) -> dict[str, int]:
    """Ask after jobs that began 34 days ago."""
    return await sweep(services, "retention", now, check_retention)


async def run_refund_audit(services: Services, now: datetime) -> dict[str, int]:
    """Ask the policy about every guarantee whose answer may have changed, and make the work visible."""
    return await sweep(services, "refund", now, audit_refund)


async def sweep(
    services: Services,
    name: str,
    now: datetime,
    act: Callable[[Change, Services], object],
    budget: timedelta = TIME_BUDGET,
) -> dict[str, int]:
    """Take every case whose agenda says that `name` is due, oldest first, each re-checked as it is acted on.

    May be killed anywhere and run twice at once: each item is claimed by its own guarded write, and what is done is
    no longer due. A case that fails is counted and left due; the others go on.
    """
    counts = {"due": 0, "changed": 0, "failed": 0, "lag_seconds": 0}
    actor = Actor(role=Role.SYSTEM, id=f"timer/{name}")
    left, last = services.settings.timer_items_max, ("", "")
    until = _clock() + budget.total_seconds()
    while left > 0 and _clock() < until:
        rows = await _due(services, name, now, last, min(PAGE, left))
        if rows and counts["due"] == 0:
            counts["lag_seconds"] = int((now - datetime.fromisoformat(rows[0]["due"])).total_seconds())
            telemetry.measure("pledge.sweep.lag", counts["lag_seconds"], sweep=name)
        for row in rows:
            if _clock() >= until:
                return counts
            counts["due"] += 1
            await _act_on(services, name, row["case_id"], actor, now, act, counts)
        if len(rows) < min(PAGE, left):
            break
        left -= len(rows)
        last = (rows[-1]["due"], rows[-1]["case_id"])
    return counts


async def _due(services: Services, name: str, now: datetime, last: tuple[str, str], most: int) -> list[dict[str, str]]:
    """The next page by key: many cases share one noon, so the case's id is part of it."""
    field = f"c.agenda.{name}_at"
    return await services.store.query(
        CASES,
        f"SELECT TOP @most c.case_id, {field} AS due FROM c"
        f" WHERE c.kind = 'case' AND {field} <= @now"
        f" AND ({field} > @due OR ({field} = @due AND c.case_id > @last)) ORDER BY {field}, c.case_id",
        {"now": _stored(now), "due": last[0], "last": last[1], "most": most},
    )


def _stored(moment: datetime) -> str:
    """An instant as snapshots store it, so that text compares as time."""
    return moment.isoformat().replace("+00:00", "Z")


def _clock() -> float:
    import time

    return time.monotonic()


async def _act_on(services: Services, name: str, case_id: str, actor: Actor, now: datetime,
                  act: Callable[[Change, Services], object], counts: dict[str, int]) -> None:  # fmt: skip
    async def once(change: Change) -> None:
        if change.programme.timer_rules.get(name) != RULES[name]:
            counts["other_rule"] = counts.get("other_rule", 0) + 1
            return
        done = act(change, services)
        if hasattr(done, "__await__"):
            await done
        if not change.events:
            change.refresh = True

    try:
        outcome = await perform(services, case_id, actor, now, once)
        counts["changed"] += bool(outcome.events)
    except (RecordChanged, NotFound):
        return  # Somebody else was quicker, or it is gone: whatever is still due will be due again.
    except PledgeError as error:
        counts["failed"] += 1
        logger.warning("case left due", extra={"case_id": case_id, "sweep": name, "cause": type(error).__name__})
    except Exception:  # One bad case must not hide the work on all the others.
        counts["failed"] += 1
        logger.exception("case could not be examined", extra={"case_id": case_id, "sweep": name})


async def keep_deadlines(change: Change, services: Services) -> None:
    """Whatever this case's dates ask for today."""
    if change.case.application.status == "offered":
        await _keep_offer(change, services)
    if change.case.is_on_the_way_in or change.case.enrolment.status == "contract_received":
        _hand_over(change)
    if change.case.enrolment.status == "on_leave":
        _end_leave(change)
    if change.case.enrolment.status == "studying":
        _keep_limit(change)
    if change.case.enrolment.status == "qualified":
        _remind_of_window(change)
        _warn_of_search(change, services)
    _ask_for_account(change)


async def _keep_offer(change: Change, services: Services) -> None:
    offer, limits = change.case.application.offer, change.programme.limits
    assert offer is not None
    sent = len(offer.reminders)
    if sent < len(limits.offer_reminders):
        day = offer.answer_by - timedelta(days=limits.offer_reminders[sent])
        if change.today >= day:
            message = f"message:{change.case.sequence + 1:06d}-0"
            change.record("offer_reminded", message=message)
            change.tell("offer_reminder", answer_by=offer.answer_by.isoformat())
        return
    if change.today > offer.answer_by and await _all_delivered(change, services, offer.reminders):
        change.record("offer_lapsed")
        change.tell("offer_lapsed", answer_by=offer.answer_by.isoformat())


async def _all_delivered(change: Change, services: Services, messages: list[str]) -> bool:
    for message_id in messages:
        message = await services.store.read(CASES, message_id, change.case.case_id)
        if message is None or message["status"] != "delivered":
            return False
    return True


def _hand_over(change: Change) -> None:
    """A test, a condition or a signature whose day has passed is staff's to look after: nothing is lost by that."""
    for key, last_day in wanted_on_the_way_in(change.case, change.programme).items():
        if change.today > last_day and key not in change.case.application.fell_due:
            change.record("application_fell_due", key=key)


def _end_leave(change: Change) -> None:
    """A granted leave ends with its last day, and its days are added to the limit."""
    for leave in change.case.enrolment.leaves:
        if leave.status == "granted" and leave.last_day is not None and leave.last_day < change.today:
            change.record("leave_ended", leave.id, on=leave.last_day)


def _keep_limit(change: Change) -> None:
    limit = course_limit(change.case, change.programme)
    enrolment = change.case.enrolment
    if limit is None:
        return
    if change.today > limit:
        if enrolment.expiry_proposal is None:
            propose_expiry(change)
        return
    due = [days for days, day in limit_warnings(change.case, change.programme, limit).items() if day <= change.today]
    for days in due:
        change.record("limit_warned", days_left=days, limit=limit.isoformat())
    if due:
        change.tell("limit_warning", days_left=(limit - change.today).days, limit=limit.isoformat())


def _remind_of_window(change: Change) -> None:
    end = change.case.guarantee.window_end
    if end is None or change.today > end or change.case.guarantee.decision not in ("open", "paused"):
        return
    due = [key for key, day in window_reminders(change.case, change.programme) if day <= change.today]
    unsaid = [key for key in due if key not in change.case.enrolment.window_reminders]
    for key in unsaid:
        change.record("window_reminded", reminder=key)
    if unsaid:
        change.tell("window_reminder", days_left=(end - change.today).days, window_end=end.isoformat())


def _warn_of_search(change: Change, services: Services) -> None:
    """Warn before a right is at risk, and hand the case to careers where they should have been in touch by now."""
    case, programme = change.case, change.programme
    judgement = judge(case, programme, services.terms, change.now)
    if judgement is None:
        return
    warning, overdue = next_warning(case, programme, judgement), contact_overdue_from(case, programme)
    if warning is not None and warning <= change.today:
        missed, allowed = missed_weeks(judgement)
        weeks = weeks_to_warn_of(missed, case, programme, change.today)
        change.record("search_warned", weeks=[monday.isoformat() for monday in weeks])
        first = min(closes_on(case, programme, monday) for monday in weeks)
        change.tell("search_warning", weeks=spans_of(weeks), allowed=allowed, until=str(first))
    if overdue is not None and overdue <= change.today:
        change.record("contact_fell_due")


def _ask_for_account(change: Change) -> None:
    """Remind whoever is owed money that nobody knows where to send it."""
    for refund_id, (approved_on, after) in account_reminders(change.case, change.programme).items():
        due = [number for number in after if approved_on + timedelta(days=number) <= change.today]
        if due and not change.is_forgotten:
            change.record("account_wanted", refund_id, after_days=max(due))
            change.tell("account_wanted", amount=own_money_told(change.case.refunds[refund_id]))


def check_retention(change: Change, services: Services) -> None:
    """Ask after each job that began so many days ago, once."""
    if change.case.enrolment.status != "qualified":
        return
    wait = timedelta(days=change.programme.limits.retention_check_days)
    for placement_id, starts_on in unchecked_starts(change.case).items():
        if change.today >= starts_on + wait:
            change.record("retention_checked", placement_id)
            change.tell("retention_check", starts_on=starts_on.isoformat())


def audit_refund(change: Change, services: Services) -> None:
    """Do what the decision asks of the sweep: notice, proposal, telling, recovery. It proposes; people sign."""
    judgement = judge(change.case, change.programme, services.terms, change.now)
    work = step(change.case, judgement)
    if judgement is None or work is None:
        return
    decision = judgement.decision
    if work == "propose":
        proposals.propose(change, judgement)
    elif work == "notice":
        _give_notice(change, judgement)
    elif work == "tell":
        change.record("outcome_told", decision=decision.decision)
        change.tell("outcome", decision=decision.decision)
    elif work == "drop":
        _drop(change)
    elif work == "recover":
        _recover(change)
    elif work == "drop_recovery":
        _drop_recovery(change)


def _give_notice(change: Change, judgement: Judgement) -> None:
    """Tell of the right to claim, and until when. Whoever hears of it too late to act has all the days from then."""
    days = judgement.terms.claim_days
    deadline = last_day_to_claim(change.case, change.programme, judgement)
    assert days is not None and deadline is not None
    stated: dict[str, Any] = {}
    if deadline < change.today + timedelta(days=NOTICE_DAYS):
        deadline = end_of_claim(change.case, change.programme, days, change.today)
        stated["until"] = deadline.isoformat()
    change.record("claim_notice_sent", **stated)
    change.tell("claim_notice", window_end=str(judgement.decision.window_end), claim_deadline=deadline.isoformat())


def _drop(change: Change) -> None:
    standing = change.case.open_refund("guarantee")
    assert standing is not None
    claimed = any(claim.refund == standing[0] and not claim.withdrawn for claim in change.case.claims)
    change.record("proposal_returned" if claimed else "proposal_dropped", standing[0])


def _recover(change: Change) -> None:
    for refund_id, refund in change.case.refunds.items():
        if refund.ground == "guarantee" and refund.status == "paid":
            change.record("recovery_opened", refund_id)


def _drop_recovery(change: Change) -> None:
    for refund_id, refund in change.case.refunds.items():
        if refund.ground == "guarantee" and refund.status == "recovery_open":
            asked = refund.recovery_signed_by is not None
            change.record("recovery_dropped", refund_id)
            if asked:
                change.tell("recovery_dropped")

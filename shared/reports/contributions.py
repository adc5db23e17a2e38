"""What one case adds to every report: counts that name nobody, and what proves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from shared.domain.calendar import add_months
from shared.domain.case import LIFE_CYCLES, Case
from shared.domain.enrolment import STUDYING
from shared.domain.events import CYCLE_OF, Event
from shared.domain.jobs import VOUCHED, jobs
from shared.domain.jobs import Job as KnownJob
from shared.domain.life_cycle import NONE, Role
from shared.domain.programme import Programme
from shared.policy.employment import Job, accepted_on, final_of, frozen_intent, placement_of
from shared.policy.outcomes import IN_FIELD, Graduate, Placement, Salary
from shared.reports.sums import Sum, key
from shared.use_cases.guarantee import Judgement, owed

_CYCLES = {cycle.name: cycle for cycle in LIFE_CYCLES}

MILESTONES = (
    "submitted", "screening", "assessment", "deciding", "offered", "accepted", "contracted", "studying", "qualified",
    "placed",
)  # fmt: skip
IN_WINDOW = ("open", "paused", "placed_provisional")
PAST_WINDOW = ("awaiting_claim", "eligible", "undetermined")
BEING_PAID = ("approved", "paying", "failed", "appealed")
NOT_SAID, OTHER = "not_said", "other"


def contribution_of(
    case: Case, events: Sequence[Event], programme: Programme, judgement: Judgement | None
) -> tuple[Sum, dict[str, Any] | None]:
    """The counts that this case adds, and for whoever was enrolled the row and the proofs of the auditor's pack.

    Who is exempt (CIRR: died, imprisoned, called up) is in the pack with the document's hash, and in no other figure.
    """
    events = [event for event in events if event.sequence <= case.sequence]
    row = graduate_row(case, events, programme)
    sums: Sum = {"cases": 1, "funnel": {f"{case.country}|{source_of(events, programme)}": _funnel(case, events, row)}}
    if row is None:
        return sums, None
    exempt_by = case.enrolment.exempt_by
    sums["exempt" if exempt_by else "enrolled"] = 1
    if is_on_course(case):
        sums["on_course"] = 1
    if row["qualified_on"] is not None:
        sums["roster"] = {key(row): 1}
        sums |= _guarantee(case, judgement)
    exempt = exempt_by and _hash(case, exempt_by)
    proof = {"row": row, "chain": case.head, "jobs": _proofs(case, events), "exempt": exempt}
    return sums, proof | {"on_course": is_on_course(case)}


def moved_from(case: Case, events: Sequence[Event]) -> list[str]:
    """The intakes with which this person would have begun, had they not been moved to another one."""
    chosen = [event.data["intake"] for event in events if event.kind in ("application_submitted", "intake_moved")]
    return sorted({*chosen[:-1]} - {case.intake})


def is_on_course(case: Case) -> bool:
    """Whether somebody who counts as enrolled may still graduate."""
    return case.enrolment.status in STUDYING and not case.enrolment.exempt_by


def source_of(events: Sequence[Event], programme: Programme) -> str:
    """Where the person heard of the programme, as the application says.

    The form is anybody's: what the programme's file does not list is one source, so that no flood of them fills a sum.
    """
    for event in events:
        if event.kind == "application_submitted" and event.data.get("source"):
            return str(event.data["source"]) if event.data["source"] in programme.sources else OTHER
    return NOT_SAID


def graduate_row(case: Case, events: Sequence[Event], programme: Programme) -> dict[str, Any] | None:
    """One row of the roster: codes, days and numbers. None for whoever was not on the course after the refund date."""
    enrolment = case.enrolment
    if enrolment.started_on is None or enrolment.status == "cancelled":
        return None
    qualified_on = enrolment.qualified_on if enrolment.status != "diploma_revoked" else None
    limit = add_months(
        enrolment.started_on + timedelta(days=enrolment.leave_days), programme.limits.course_months
    )  # An extension gives time; it does not make a late diploma one in time.
    declared = [
        (event.occurred_on or event.at.date(), str(event.data["value"]))
        for event in events
        if event.kind == "declared" and event.data["fact"] == "intent"
    ]
    is_student = "full_time_study" in enrolment.exclusions
    return {
        "qualified_on": qualified_on and qualified_on.isoformat(),
        "on_time": qualified_on is not None and qualified_on <= limit,
        "intent": frozen_intent(declared, enrolment.started_on),
        "authorised": enrolment.right_to_work != "no",
        "student": is_student,
        "final": final_of(is_student, _was_heard(case, events, qualified_on)),
        "country": case.country,
        "jobs": [] if qualified_on is None else _jobs(case, qualified_on),
    }


def _was_heard(case: Case, events: Sequence[Event], qualified_on: date | None) -> bool:
    """Whether anything was heard of the graduate after qualifying. A report that was undone is no word."""
    undone = {report for report, each in case.placements.items() if each.status == "retracted"}
    heard = ("contact_logged", "search_week_logged", "job_offer_reported", "job_offer_answered", "placement_reported")
    return qualified_on is not None and any(
        event.at.date() > qualified_on
        for event in events
        if event.actor.role == Role.APPLICANT or (event.kind in heard and event.subject not in undone)
    )


def _jobs(case: Case, qualified_on: date) -> list[dict[str, Any]]:
    """The jobs that count for something, however many reports there are of each, in an order that no report decides."""
    found = []
    for job in jobs(case):
        placement = placement_of(_job(case, job), qualified_on)
        if placement is not None:
            found.append(_stated(placement))
    told_once = {key(each): each for each in found}
    return [told_once[name] for name in sorted(told_once)]


def _job(case: Case, known: KnownJob) -> Job:
    report = known.known
    attested = (case.enrolment.attested.get(each, False) for each in (known.id, *known.reports))
    return Job(
        is_vouched=known.state in VOUCHED,
        is_retracted=known.state == "retracted",
        contract=report.contract,
        field=report.field,
        employer=report.employer,
        hours=report.hours,
        reported_on=report.reported_on,
        contract_signed_on=report.contract_signed_on,
        offered_on=report.offered_on,
        starts_on=report.starts_on,
        fixed_end=report.fixed_end,
        ended_on=report.ended_on,
        end_reason=report.end_reason,
        is_own_venture=any(attested),
        base_minor=report.base_minor,
        currency=report.base_currency,
    )


def _stated(placement: Placement) -> dict[str, Any]:
    salary = placement.salary
    return {
        "day": placement.day,
        "status": placement.status,
        "contract": placement.contract,
        "full_time": placement.is_full_time,
        "starts": placement.starts,
        "ended": placement.ended,
        "base": None if salary is None else f"{salary.base:f}",
        "currency": None if salary is None else salary.currency,
    }


def graduate_from(row: Mapping[str, Any], graduate_id: str) -> Graduate:
    """A row of the roster as the policy counts it."""
    return Graduate(
        graduate_id,
        row["on_time"],
        row["intent"],
        row["authorised"],
        tuple(_placement_from(job) for job in row["jobs"]),
        row["final"],
        row["student"],
        date.fromisoformat(row["qualified_on"]),
    )


def _placement_from(job: Mapping[str, Any]) -> Placement:
    salary = None if job["base"] is None else Salary(Decimal(job["base"]), job["currency"])
    return Placement(job["day"], job["status"], salary, job["contract"], job["full_time"], job["starts"], job["ended"])


def _proofs(case: Case, events: Sequence[Event]) -> list[dict[str, Any]]:
    """For each report of a job the hashes of its events and of the evidence seen; no name, no file."""
    found: dict[str, dict[str, Any]] = {
        placement_id: {
            "status": report.status,
            "events": [],
            "evidence": [_hash(case, each) for each in report.evidence if each in case.documents],
        }
        for placement_id, report in sorted(case.placements.items())
        if not report.wrong_person
    }
    for event in events:
        if CYCLE_OF[event.kind] == "placement" and event.subject in found:
            found[event.subject]["events"].append(event.hash)
            found[event.subject]["evidence"] += [blob.rsplit("/", 1)[-1] for blob in event.evidence]
    return list(found.values())


def _hash(case: Case, document: str) -> str:
    """A document's name in the store is the hash of its content, behind the case's id."""
    return case.documents[document].blob.rsplit("/", 1)[-1]


# ---- the way from application to outcome


def _funnel(case: Case, events: Sequence[Event], row: dict[str, Any] | None) -> Sum:
    days, reached = _stages(events)
    is_placed = row is not None and any(job["status"] in IN_FIELD for job in row["jobs"])
    reached |= {"placed"} if is_placed else set()
    stage = case.enrolment.status if case.enrolment.status != NONE else case.application.status
    is_refunded = any(each.status == "paid" for each in case.refunds.values() if each.ground == "guarantee")
    now = "refunded" if is_refunded else "placed" if is_placed and stage == "qualified" else stage
    sums: Sum = {
        "cases": 1,
        "reached": {milestone: 1 for milestone in MILESTONES if milestone in reached},
        "now": {now: 1},
        "days": {name: {str(spent): 1} for name, spent in days.items()},
    }
    if case.agenda.turn != "nobody" and case.agenda.since is not None:
        since = case.agenda.since.date().isoformat()
        sums["waiting"] = {f"{case.agenda.turn}|{case.agenda.what}": {since: 1}}
    return {name: each for name, each in sums.items() if each}


def _stages(events: Sequence[Event]) -> tuple[dict[str, int], set[str]]:
    """Whole days spent in every stage that was left, and every stage that was ever reached."""
    state = {"application": NONE, "enrolment": NONE}
    entered = dict.fromkeys(state, events[0].at) if events else {}
    days: dict[str, int] = {}
    reached: set[str] = set()
    for event in events:
        cycle = CYCLE_OF[event.kind]
        if cycle not in state:
            continue
        target = _CYCLES[cycle].row_for(event.kind, state[cycle]).target
        if target is None or target == state[cycle]:
            continue
        if state[cycle] != NONE:
            days[state[cycle]] = days.get(state[cycle], 0) + (event.at - entered[cycle]).days
        state[cycle], entered[cycle] = target, event.at
        reached.add(target)
    return days, reached


# ---- the guarantee: how long graduates search, and what is still open


def _guarantee(case: Case, judgement: Judgement | None) -> Sum:
    if judgement is None or judgement.decision.qualified_on is None or judgement.decision.window is None:
        return {}
    qualified_on, decision = judgement.decision.qualified_on, judgement.decision
    paused: list[list[str | None]] = [
        [pause.first_day.isoformat(), pause.last_day.isoformat() if pause.last_day else None]
        for pause in case.enrolment.pauses
        if pause.status == "approved"
    ]
    sums: Sum = {}
    placed_on = _placed_on(case, judgement)
    if placed_on is not None:
        sums["search"] = {case.country: {"placed": {str(searched(qualified_on, placed_on, paused)): 1}}}
    else:
        sums["search"] = {case.country: {"searching": {key([qualified_on.isoformat(), paused]): 1}}}
    refund = next((each for each in case.refunds.values() if each.status in BEING_PAID), None)
    is_due = decision.decision in PAST_WINDOW or (refund is not None and refund.ground == "guarantee")
    if not is_due and decision.decision not in IN_WINDOW:
        return sums
    amounts: dict[str, int] = {}
    for share in owed(case, judgement.terms.refund_percent):
        amounts[share.currency] = amounts.get(share.currency, 0) + share.amount_minor
    end = decision.window_end
    open_rows = [
        {
            "country": case.country, "currency": currency, "amount_minor": amount, "is_due": is_due,
            "qualified_on": qualified_on.isoformat(), "window_end": end and end.isoformat(), "paused": paused,
        }
        for currency, amount in sorted(amounts.items())
    ]  # fmt: skip
    return sums | ({"open": {key(row): 1 for row in open_rows}} if open_rows else {})


def _placed_on(case: Case, judgement: Judgement) -> date | None:
    """The day on which the first job was found that discharges the promise, or will unless it is lost."""
    verdicts = judgement.decision.jobs or {}
    days = [
        accepted_on(_job(case, job))
        for job in jobs(case)
        if job.id in verdicts and verdicts[job.id].counts in ("yes", "provisional")
    ]
    return min(days, default=None)


def searched(qualified_on: date, until: date, paused: Sequence[Sequence[str | None]]) -> int:
    """The days of search from qualifying to a day: those in which the window stood still do not count."""
    still: set[int] = set()
    first_of_all, last_of_all = qualified_on.toordinal() + 1, until.toordinal()
    for first, last in paused:
        begins = max(date.fromisoformat(str(first)).toordinal(), first_of_all)
        ends = min(date.fromisoformat(last).toordinal() if last else last_of_all, last_of_all)
        still.update(range(begins, ends + 1))
    return max(0, last_of_all - qualified_on.toordinal() - len(still))

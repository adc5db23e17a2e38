"""Whose turn it is, to do what, until when and since when: a function of the facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from shared.domain.application import UNCONFIRMED
from shared.domain.calendar import add_months
from shared.domain.case import Case
from shared.domain.enrolment import STUDYING
from shared.domain.jobs import Job, jobs
from shared.domain.life_cycle import CASE_STAFF
from shared.domain.programme import Programme, ServiceLevels
from shared.domain.refund import OWN_MONEY, Refund
from shared.use_cases.guarantee import PAID


@dataclass(frozen=True)
class Turn:
    """Who has to do what, until when, and since when."""

    who: str
    what: str
    due_at: datetime | None = None
    since: datetime | None = None


NOBODY = Turn("nobody", "nothing")
UNKNOWN = "settle_what_is_unknown"


def whose_turn(case: Case, programme: Programme) -> Turn:
    """Money that waits for staff first; then whatever staff have to do first; then what anybody else has to do."""
    money = _refund_turn(case, programme)
    is_ours = money is not None and money.who in CASE_STAFF
    if money is not None and is_ours and money.what != UNKNOWN:
        return money
    if case.custody.erasure_begun_at is not None:
        return money or NOBODY
    course = _course_turn(case, programme)
    work = [*_data_turns(case, programme), *_staff_turns(case, programme)]
    if money is not None and is_ours:
        # What is unknown about a claim has a name, often: a pause, a job, an offer to rule on.
        work = [*(turn for turn in work if turn.what != UNKNOWN), money]
    if work:
        work += [course] if course.who in CASE_STAFF else []
        return min(work, key=_due)
    return money or _search_turn(case) or course


def _due(turn: Turn) -> tuple[bool, datetime, str]:
    return turn.due_at is None, turn.due_at or datetime.max.replace(tzinfo=UTC), turn.what


def refund_turns(case: Case, programme: Programme) -> dict[str, tuple[str, str, int]]:
    """State of a refund -> who has to do what about it, and within how many days; the most urgent first."""
    levels = programme.service_levels
    rows = {
        "failed": ("finance", "approve_anew", levels.sign_days),
        "approved": ("finance", "pay", levels.pay_days),
        "paying": ("partner", "confirm_payment", levels.pay_days),
        "appealed": ("careers", "decide_appeal", levels.appeal_days),
        "recovery_open": ("finance", "review_recovery", levels.appeal_days),
        "proposed": ("finance", "sign", levels.sign_days),
        "claimed": ("finance", UNKNOWN, levels.claim_days),
    }
    if case.guarantee.decision == "undetermined":
        rows["claimed"] = ("careers", UNKNOWN, levels.claim_days)  # Theirs to rule on, all of it.
    if case.guarantee.decision in ("open", "paused", "placed_provisional"):
        del rows["claimed"]  # A claim that came early waits for the window, not for anybody.
    return rows


def waits_since(case: Case, refund: Refund) -> datetime | None:
    """Since when a refund waits as it stands; a claim that came early waits for nobody before the window is over."""
    window_end = case.guarantee.window_end
    if refund.status != "claimed" or refund.since is None or window_end is None:
        return refund.since
    return max(refund.since, datetime.combine(window_end + timedelta(days=1), time(12), UTC))


def _refund_turn(case: Case, programme: Programme) -> Turn | None:
    for refund in case.refunds.values():
        if refund.frozen and refund.since is not None:
            due = refund.since + timedelta(days=programme.service_levels.pay_days)
            return Turn("finance", "settle_difference", due, refund.since)
    for status, (who, what, days) in refund_turns(case, programme).items():
        for refund in case.refunds.values():
            since = waits_since(case, refund)
            if refund.status != status or since is None:
                continue
            if status == "approved" and needs_account(case, refund):
                who, what = "applicant", "name_payee"
            return Turn(who, what, since + timedelta(days=days), since)
    return None


def needs_account(case: Case, refund: Refund) -> bool:
    """Whether money is owed to the person who has not said yet where it is to go, or has denied the account named."""
    shares = refund.proposal.shares if refund.proposal else []
    return any(share.payer == OWN_MONEY for share in shares) and (case.payee is None or case.payee.denied)


def _data_turns(case: Case, programme: Programme) -> Iterator[Turn]:
    days = timedelta(days=programme.service_levels.data_request_days)
    for request in case.custody.requests:
        if request.status == "asked":
            yield Turn("careers", "call_about_data_request", request.asked_at + days, request.asked_at)
        if request.status == "confirmed":
            yield Turn("admissions", "rule_data_request", request.asked_at + days, request.asked_at)
    if any(correction.status == "proposed" for correction in case.custody.corrections):
        yield Turn("admissions", "sign_correction", None)


def _staff_turns(case: Case, programme: Programme) -> Iterator[Turn]:
    """What staff have to do about this person besides money and data, in whatever order it falls due."""
    enrolment, levels = case.enrolment, programme.service_levels
    soon = timedelta(days=levels.contact_days)
    ring = "careers" if enrolment.status == "qualified" else "specialist"
    if case.bounced_at is not None:
        yield Turn(ring, "call_about_bounced_mail", case.bounced_at + soon, case.bounced_at)
    if not case.contact_confirmed and case.contact_changed_at is not None:
        yield Turn(ring, "call_about_contact", case.contact_changed_at + soon, case.contact_changed_at)
    theirs = (each for each in case.documents.values() if each.kind != UNCONFIRMED)
    last = max(theirs, key=lambda each: each.added_at, default=None)
    if last is not None and last.status == "malicious":
        yield Turn("specialist", "ask_for_another_document", last.added_at + soon, last.added_at)
    for leave in enrolment.leaves:
        if leave.status == "requested" and enrolment.status in STUDYING:
            first = noon(case, leave.first_day)
            yield Turn("admissions", "rule_leave", first and first + soon, enrolment.since)
    limit = course_limit(case, programme)
    if enrolment.expiry_proposal is not None and limit is not None:
        sign = timedelta(days=levels.sign_days)
        yield Turn("finance", "sign_expiry", noon(case, limit + sign), noon(case, limit))
    if enrolment.status == "qualified":
        yield from _careers_turns(case, levels)


def _careers_turns(case: Case, levels: ServiceLevels) -> Iterator[Turn]:
    enrolment, guarantee = case.enrolment, case.guarantee
    soon, verify = timedelta(days=levels.contact_days), timedelta(days=levels.verify_days)
    for job in jobs(case):
        if job.needs_a_person:
            since = noon(case, _doubted_on(case, job))
            due = since and since + verify
            if job.state == "disagreement":
                yield Turn("careers", "settle_disagreement", due, since)
            else:
                yield Turn("careers", "verify_placement", due, since)
    if enrolment.contact_due_on is not None and guarantee.decision == "open":
        due = noon(case, enrolment.contact_due_on)
        yield Turn("careers", "contact_graduate", due, due)
    for pause in enrolment.pauses:
        if pause.status == "requested":
            first = noon(case, pause.first_day)
            yield Turn("careers", "rule_pause", first and first + soon, first)
    for offer in enrolment.job_offers.values():
        if offer.qualifying == "unknown" and offer.outcome:
            made = noon(case, offer.offered_on)
            yield Turn("careers", "rule_offer", made and made + verify, made)
    if guarantee.decision == "undetermined" and guarantee.window_end is not None:
        over = noon(case, guarantee.window_end + timedelta(days=1))
        yield Turn("careers", UNKNOWN, over and over + verify, over)


def _doubted_on(case: Case, job: Job) -> date:
    """The day since which a job waits for a person: that of the newest word about it, as far as it is on record."""
    reports = [case.placements[each] for each in job.reports]
    days = [day for each in reports for day in (each.reported_on, each.ended_on)]
    if any(each.status == "disputed" for each in reports):
        days.append(case.facts_changed_on)
    return max(day for day in days if day is not None)


def _search_turn(case: Case) -> Turn | None:
    if case.enrolment.status != "qualified":
        return None
    guarantee, since = case.guarantee, noon(case, case.enrolment.qualified_on)
    if guarantee.decision in ("open", "paused"):
        return Turn("applicant", "search", noon(case, guarantee.window_end), since)
    paid = any(each.ground == "guarantee" and each.status in PAID for each in case.refunds.values())
    if guarantee.decision == "awaiting_claim" and guarantee.window_end is not None and not paid:
        over = noon(case, guarantee.window_end + timedelta(days=1))
        return Turn("applicant", "claim", noon(case, guarantee.claim_deadline), over)
    return NOBODY


def _course_turn(case: Case, programme: Programme) -> Turn:
    enrolment, levels = case.enrolment, programme.service_levels
    since = enrolment.since
    if case.is_on_the_way_in:
        return _application_turn(case, programme)
    if enrolment.status == "contract_sent" and since:
        return Turn("admissions", "record_receipt", since + timedelta(days=levels.contract_days), since)
    if enrolment.status == "contract_received":
        key, last_day = next(iter(wanted_on_the_way_in(case, programme).items()), ("", None))
        if key in case.application.fell_due:
            return Turn("admissions", "settle_contract", noon(case, last_day), since)  # The course begins without them.
        return Turn("applicant", "sign_contract", noon(case, last_day), since)
    if enrolment.status == "contracted":
        intake = programme.intake(case.intake)
        return Turn("admissions", "start_course", noon(case, intake.starts_on if intake else None), since)
    if any(leave.status == "granted" and leave.last_day is None for leave in enrolment.leaves):
        return Turn("admissions", "end_leave", None, since)  # Nobody has said yet until when it is.
    if enrolment.status in STUDYING:
        return Turn("applicant", "study", noon(case, course_limit(case, programme)), since)
    return NOBODY


def _application_turn(case: Case, programme: Programme) -> Turn:
    application, levels = case.application, programme.service_levels
    since = application.since
    if since is None:
        return NOBODY
    if application.status == "offered" and application.offer:
        return Turn("applicant", "answer_offer", noon(case, application.offer.answer_by), since)
    if application.status == "accepted" and application.offer:
        wanted = wanted_on_the_way_in(case, programme)
        passed = [noon(case, day) for key, day in wanted.items() if key in application.fell_due]
        if passed:
            rule = timedelta(days=levels.decide_days)
            return min((Turn("admissions", "rule_condition", day + rule, day) for day in passed if day), key=_due)
        if wanted:
            return Turn("applicant", "meet_condition", noon(case, min(wanted.values())), since)
        return Turn("admissions", "send_contract", since + timedelta(days=levels.contract_days), since)
    rows = {
        "submitted": ("specialist", "assign", levels.screen_days),
        "screening": ("specialist", "screen", levels.screen_days),
        "assessment": ("applicant", "assess", levels.assess_days),
        "deciding": ("admissions", "decide", levels.decide_days),
        "waitlisted": ("admissions", "offer_seat", levels.waitlist_days),  # In the order in which they came to it.
    }
    if application.status not in rows:
        return NOBODY
    who, what, days = rows[application.status]
    if application.status == "assessment":
        if any(each.accommodation_open for each in application.assessments):
            who, what = "specialist", "settle_accommodation"
        elif any(key in application.fell_due for key in wanted_on_the_way_in(case, programme)):
            who, what = "specialist", "settle_assessment"
    if application.status == "screening" and application.specialist is None:
        who, what = "admissions", "assign"  # Whoever had it declared a conflict.
    return Turn(who, what, since + timedelta(days=days), since)


def wanted_on_the_way_in(case: Case, programme: Programme) -> dict[str, date]:
    """What the person has still to do before a seat is theirs, by a key of what and by when, and its last day.

    A condition whose date is moved has a new key, and falls due anew.
    """
    application, intake = case.application, programme.intake(case.intake)
    if case.enrolment.status == "contract_received" and intake is not None:
        return {f"contract:{intake.starts_on}": intake.starts_on}
    if application.status == "assessment" and application.since is not None:
        last = case.today(application.since) + timedelta(days=programme.service_levels.assess_days)
        return {f"assessment:{last}": last}
    if application.status != "accepted" or application.offer is None:
        return {}
    conditions = application.offer.conditions.items()
    return {f"{key}:{each.due_on}": each.due_on for key, each in conditions if each.status == "open"}


def course_limit(case: Case, programme: Programme, more_days: int = 0) -> date | None:
    """The last day to earn the diploma: twelve months from the start, plus extensions, plus days of leave (and more,
    where a leave has not ended yet)."""
    enrolment = case.enrolment
    if enrolment.started_on is None:
        return None
    months = programme.limits.course_months + enrolment.extension_months
    # The same arithmetic as the criterion `on_time`, which is fed the start moved by the leave's days.
    return add_months(enrolment.started_on + timedelta(days=enrolment.leave_days + more_days), months)


def noon(case: Case, day: date | None) -> datetime | None:
    """Noon UTC of a civil day: by then the day has begun in every zone of the three countries, Hawaii's included."""
    return datetime.combine(day, time(12), UTC) if day is not None else None

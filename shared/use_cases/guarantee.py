"""Feeds the policy with what the case knows, and says what its answer asks the sweep to do.

The service leaves no key of the facts to its default: what it does not know it says in the key's own word for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from shared.domain.calendar import add_days, next_working_day
from shared.domain.case import Case, fold
from shared.domain.enrolment import Enrolment
from shared.domain.errors import invalid
from shared.domain.events import Event, sha256_of
from shared.domain.jobs import Job, jobs
from shared.domain.money import Money
from shared.domain.programme import Programme
from shared.domain.refund import APPEAL, Proposal, Refund, Share
from shared.policy.amounts import Line, amounts
from shared.policy.facts import CONTRACT_ENDS, Facts, parse_facts
from shared.policy.refund import Decision, decide
from shared.policy.terms import Terms

PAID = ("paid", "recovery_open", "waived")
"""States in which the person has the money. What came back by a recovery is paid no longer."""
TOLD = ("satisfied", "not_eligible", "undetermined")
"""Answers that the graduate hears of where no claim asks for a signed one."""
VERDICTS = {"eligible": "approval", "satisfied": "refusal", "not_eligible": "refusal", "lapsed": "lapse"}


@dataclass(frozen=True)
class Judgement:
    """What the policy says of a case at an instant, and the facts that it looked at."""

    decision: Decision
    facts: dict[str, Any]
    terms: Terms
    read: Facts
    """The same facts as the policy reads them."""

    @property
    def facts_hash(self) -> str:
        """The hash of the facts as judged: all of them but the day asked about and the calendar of public holidays."""
        return sha256_of({name: value for name, value in self.facts.items() if name not in ("as_of", "holidays")})

    def as_seen(self) -> dict[str, Any]:
        """What an event keeps of it: facts, version of the terms and findings, so that anybody can judge again."""
        findings = {key: finding.status for key, finding in self.decision.criteria.items()}
        return {
            "facts": self.facts, "terms": self.terms.version, "decision": self.decision.decision, "criteria": findings,
        }  # fmt: skip


def judge(case: Case, programme: Programme, terms: dict[str, Terms], now: datetime) -> Judgement | None:
    """The policy's answer at `now`, under the terms in force on the day of signature; None before a signature."""
    contract = case.enrolment.contract
    if contract is None or contract.terms is None:
        return None
    facts = facts_of(case, programme, terms[contract.terms], now)
    read = parse_facts(facts, terms)
    return Judgement(decide(read), facts, terms[contract.terms], read)


def end_of_day(case: Case, day: date, pointer: str, now: datetime) -> datetime:
    """The last instant of a day where the case's days are counted, at most now. A day to come is refused."""
    if day > case.today(now):
        raise invalid(pointer, "in_the_future")
    return min(now, datetime.combine(day, time.max, case.zone))


def as_known(events: list[Event], case: Case, at: datetime) -> Case:
    """The case as its record stood at an instant: what the events make that had been recorded by then."""
    return fold(case.case_id, [event for event in events if event.at <= at])


def facts_of(case: Case, programme: Programme, terms: Terms, now: datetime) -> dict[str, Any]:
    """The facts of `guarantee/rules.md`, from the case alone."""
    enrolment = case.enrolment
    contract = enrolment.contract
    assert contract is not None and contract.terms is not None
    started = enrolment.started_on
    facts: dict[str, Any] = {
        "terms": contract.terms,
        "time_zone": contract.time_zone,
        "as_of": now.isoformat(),
        # Leave from the course moves its limit by days, which the facts can only say as a later start.
        "started_on": started and (started + timedelta(days=enrolment.leave_days)).isoformat(),
        "extension_months": enrolment.extension_months,
        "qualified_on": enrolment.qualified_on and enrolment.qualified_on.isoformat(),
        "diploma_revoked_on": enrolment.revoked_on and enrolment.revoked_on.isoformat(),
        "right_to_work": enrolment.right_to_work,
        "pauses": [_pause(each) for each in enrolment.pauses],
        "jobs": _jobs(case),
        "offers": _offers(enrolment),
        "search": {
            "default": None,
            "weeks": dict(sorted(enrolment.weeks.items())),
            "exempt": [[first.isoformat(), last.isoformat()] for first, last in enrolment.exempt],
        },
        "exclusions": enrolment.exclusions,
        "waived": sorted({waiver.criterion for waiver in enrolment.waivers}),
        "claims": [{"filed_at": claim.filed_at.isoformat()} for claim in case.claims if not claim.withdrawn],
        "notice_sent": has_notice(case) and not _in_time_anew(case, programme, terms, now),
        "holidays": _holidays(case, programme, contract.country),
        "refund_paid_on": _paid_on(case),
    }
    if enrolment.status in CONTRACT_ENDS:
        facts["contract"] = enrolment.status
    return facts


def has_notice(case: Case) -> bool:
    """Whether a notice of the right to claim went out after the last change that made a claim possible."""
    return (case.enrolment.claim_notice_sequence or 0) > case.facts_changed_at


def claim_until(case: Case, programme: Programme, terms: Terms) -> date | None:
    """The last day of the clock that the last change of facts started (a report retracted in month eleven, a pause
    revoked late), or that a late notice named. Within the window's own time it says nothing new."""
    if terms.claim_days is None:
        return None
    days = [case.enrolment.claim_notice_until]
    if case.facts_changed_on is not None:
        days.append(end_of_claim(case, programme, terms.claim_days, case.facts_changed_on))
    return max((day for day in days if day is not None), default=None)


def end_of_claim(case: Case, programme: Programme, claim_days: int, runs_from: date) -> date:
    """The last day of a clock that runs from a day: rolled to a working day, as the policy rolls its own (step 8)."""
    contract = case.enrolment.contract
    holidays = programme.holidays.get(contract.country, ()) if contract else ()
    return next_working_day(add_days(runs_from, claim_days), holidays)


def last_day_to_claim(case: Case, programme: Programme, judgement: Judgement) -> date | None:
    """Until when a claim is in time, as the person is told; None where no claim is asked for."""
    stated = judgement.decision.claim_deadline
    anew = claim_until(case, programme, judgement.terms)
    return stated if stated is None or anew is None else max(stated, anew)


def _in_time_anew(case: Case, programme: Programme, terms: Terms, now: datetime) -> bool:
    """Whether the new clock is still running, or a claim came while it ran: then no older deadline counts."""
    last_day = claim_until(case, programme, terms)
    if last_day is None:
        return False
    filed = [case.today(claim.filed_at) for claim in case.claims if not claim.withdrawn]
    return case.today(now) <= last_day or any(day <= last_day for day in filed)


def _holidays(case: Case, programme: Programme, country: str) -> list[str]:
    """The public holidays that a claim's deadline could meet: those of the three years from qualifying on."""
    qualified_on = case.enrolment.qualified_on
    if qualified_on is None:
        return []
    years = range(qualified_on.year, qualified_on.year + 4)
    return [day.isoformat() for day in programme.holidays.get(country, ()) if day.year in years]


def _pause(pause: Any) -> dict[str, Any]:
    return {
        "from": pause.first_day.isoformat(),
        "to": pause.last_day and pause.last_day.isoformat(),
        "status": pause.status,
    }


def _jobs(case: Case) -> list[dict[str, Any]]:
    """Each job once, however many reports there are of it. What nobody vouches for, or sources contradict each other
    about, is disputed until a person has settled it."""
    found = jobs(case)
    job_by_report = {report: job.id for job in found for report in job.reports}
    return [_job(case, job, job_by_report) for job in found]


def _job(case: Case, known: Job, job_by_report: dict[str, str]) -> dict[str, Any]:
    report = known.known
    job: dict[str, Any] = {
        "id": known.id,
        "contract_signed_on": report.contract_signed_on,
        "offered_on": report.offered_on,
        "starts_on": report.starts_on,
        "fixed_end": report.fixed_end,
        "renews": job_by_report.get(report.renews or ""),
        "ended_on": report.ended_on,
        "end_reason": report.end_reason,
        "contract": report.contract,
        "field": report.field,
        "employer": report.employer,
        "reported_on": report.reported_on,
    }
    job = {name: getattr(value, "isoformat", lambda v=value: v)() for name, value in job.items() if value}
    job["hours"] = report.hours
    job["verified"] = "disputed" if known.needs_a_person else True
    job["retracted"] = known.state == "retracted"
    for each in (known.id, *known.reports):
        if each in case.enrolment.attested:
            job.setdefault("attested", case.enrolment.attested[each])
    return job


def _offers(enrolment: Enrolment) -> list[dict[str, Any]]:
    qualifying = {"yes": True, "no": False, "unknown": "unknown"}
    return [
        {
            "offered_on": offer.offered_on.isoformat(),
            "qualifying": qualifying[offer.qualifying],
            "outcome": offer.outcome,
        }
        for _, offer in sorted(enrolment.job_offers.items())
        if offer.outcome is not None
    ]


def _paid_on(case: Case) -> str | None:
    paid = [
        each.paid_on
        for each in case.refunds.values()
        if each.ground == "guarantee" and each.status in PAID and each.paid_on
    ]
    return max(paid).isoformat() if paid else None


def owed(case: Case, percent: int, but_for: str | None = None) -> list[Share]:
    """What each payer would get back: what it paid, less what went back already (rules, "Amounts").

    `but_for` leaves out what one refund has paid back itself, so that its own amounts do not shrink as it is paid.
    """
    ledger = [
        Line(line.payer, line.kind, Money(line.amount_minor, line.currency))
        for line in case.ledger
        if line.kind != "cancelled" and (but_for is None or line.refund != but_for)
    ]
    return [
        Share(payer=payer, currency=currency, amount_minor=amount)
        for currency, payers in sorted(amounts(ledger, percent, ()).refund.items())
        for payer, amount in sorted(payers.items())
        if amount > 0
    ]


def binding(judgement: Judgement | None, verdict: str, shares: list[Share], payee: str | None) -> str:
    """The hash that an approval binds: facts as judged, decision, terms, amount and payee."""
    judged = None
    if judgement is not None:
        judged = {
            "facts": judgement.facts_hash,
            "decision": judgement.decision.decision,
            "criteria": {key: finding.status for key, finding in judgement.decision.criteria.items()},
            "terms": judgement.terms.version,
        }
    amounts_due = [[share.payer, share.currency, share.amount_minor] for share in shares]
    return sha256_of({"judged": judged, "verdict": verdict, "shares": amounts_due, "payee": payee})


def last_refund(case: Case, ground: str) -> tuple[str, Refund] | None:
    """The newest refund on this ground that has gone anywhere."""
    found = [(key, each) for key, each in case.refunds.items() if each.ground == ground and each.status != "none"]
    return found[-1] if found else None


def step(case: Case, judgement: Judgement | None) -> str | None:
    """What the sweep has to do now: notice, propose, drop, tell, recover, or nothing (rules, the closing table)."""
    if judgement is None or case.enrolment.status not in ("qualified", "diploma_revoked"):
        return None
    paid = [each for each in case.refunds.values() if each.ground == "guarantee" and each.status in PAID]
    if paid:
        return _step_after_payment(case, paid[-1], judgement)
    latest = last_refund(case, "guarantee")
    standing = case.open_refund("guarantee")
    if standing is not None and standing[1].status not in ("claimed", "proposed"):
        return None
    return _step_before_signature(case, judgement, standing, latest)


def _step_after_payment(case: Case, refund: Refund, judgement: Judgement) -> str | None:
    """Once a refund was paid, its own state is asked first."""
    if judgement.decision.decision == "recovery_review" and _is_news(case, refund, judgement):
        return "recover" if refund.status == "paid" else None
    return "drop_recovery" if refund.status == "recovery_open" else None


def _is_news(case: Case, refund: Refund, judgement: Judgement) -> bool:
    """Whether a job that counts was not known to whoever decided the refund: what an appeal set aside stays so."""
    if refund.proposal is None or refund.proposal.decision != APPEAL:
        return True
    verdicts, decided_on = judgement.decision.jobs or {}, case.today(refund.proposal.made_at)
    return any(
        verdicts[job.id].counts == "yes" and all(case.placements[each].reported_on > decided_on for each in job.reports)
        for job in jobs(case)
        if job.id in verdicts
    )


def wanted(case: Case, judgement: Judgement, refund_id: str | None) -> tuple[str, str] | None:
    """Verdict and decision that are to be proposed now, or None where nothing is.

    A refund that is owed but of nothing, because nothing was paid, is a refusal that says so, and only where claimed.
    What a person decided in an appeal stands, whatever the policy says, as long as anything is there to give back.
    """
    word = judgement.decision.decision
    standing = case.refunds.get(refund_id or "")
    if standing is not None and standing.proposal is not None and standing.proposal.decision == APPEAL:
        return ("approval", APPEAL) if owed(case, judgement.terms.refund_percent, refund_id) else None
    claimed = any(claim.refund == refund_id and not claim.withdrawn for claim in case.claims)
    if word == "eligible" and not owed(case, judgement.terms.refund_percent, refund_id):
        return ("refusal", "nothing_paid") if claimed else None
    if word in ("eligible", "lapsed") or (word in ("satisfied", "not_eligible") and claimed):
        return VERDICTS[word], word
    return None


def not_met(judgement: Judgement) -> list[str]:
    """The clauses that a refusal names."""
    return sorted(key for key, finding in judgement.decision.criteria.items() if finding.status == "not_met")


def _is_as_proposed(case: Case, judgement: Judgement, refund_id: str, proposal: Proposal) -> bool:
    """Whether a proposal of the same verdict would be made word for word again."""
    if proposal.verdict == "approval":
        return proposal.shares == owed(case, judgement.terms.refund_percent, refund_id)
    return proposal.clauses == not_met(judgement)


def _step_before_signature(
    case: Case, judgement: Judgement, standing: tuple[str, Refund] | None, latest: tuple[str, Refund] | None
) -> str | None:
    word = judgement.decision.decision
    proposed = standing[1].proposal if standing else None
    asked = wanted(case, judgement, standing[0] if standing else None)
    if asked is not None:
        if proposed is not None and standing is not None and (proposed.verdict, proposed.decision) == asked:
            return None if _is_as_proposed(case, judgement, standing[0], proposed) else "propose"
        is_concluded = latest is not None and standing is None and latest[1].status != "recovered"
        concluded = latest[1].proposal if latest is not None and is_concluded else None
        if concluded is not None and (concluded.verdict, concluded.decision) == asked:
            return None
        return "propose"
    if proposed is not None:
        return "drop"
    if word == "awaiting_claim":
        return None if has_notice(case) else "notice"
    if word in TOLD and case.enrolment.status == "qualified":
        return "tell" if word not in (case.enrolment.told, _answered(latest)) else None
    return None


def _answered(latest: tuple[str, Refund] | None) -> str | None:
    """The answer that a person signed and that stands: whoever has that letter needs no other one about it."""
    if latest is None or latest[1].status not in ("refused", "appealed", "upheld") or latest[1].proposal is None:
        return None
    return latest[1].proposal.decision

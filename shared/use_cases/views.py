"""What people see of a case: the person in words, staff in facts. Views decide nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from shared.domain import ledger
from shared.domain.calendar import monday_of
from shared.domain.case import LIFE_CYCLES, Case
from shared.domain.enrolment import UNSIGNED
from shared.domain.events import Event
from shared.domain.jobs import jobs
from shared.domain.life_cycle import Role
from shared.domain.money import to_decimal
from shared.domain.placement import Placement
from shared.domain.programme import Programme
from shared.domain.refund import Refund, Share
from shared.policy.criteria import findings_as_json
from shared.policy.refund import standing
from shared.policy.terms import Terms, terms_on
from shared.use_cases.enrolments import signature_wait
from shared.use_cases.guarantee import PAID, judge, last_day_to_claim, last_refund
from shared.use_cases.proposals import unpaid
from shared.use_cases.search_log import closes_on

BACK = ("refund", "chargeback")
STANDS = ("contracted", "studying", "on_leave", "qualified")
"""Where a contract stands and what is not paid of its price is owed."""
MAY_CLAIM = ("qualified", "diploma_revoked")
_CYCLES = {cycle.name: cycle for cycle in LIFE_CYCLES}


@cache
def words() -> dict[str, dict[str, dict[str, str]]]:
    """What states, turns, decisions and events are called, by language."""
    files = [Path(__file__).with_name(name) for name in ("words.toml", "event_words.toml")]
    return {kind: said for file in files for kind, said in tomllib.loads(file.read_text("utf-8")).items()}


def said(kind: str, code: str, language: str) -> str:
    """A state, turn or decision in words."""
    spoken = words()[kind].get(code, {})
    return spoken.get(language) or spoken.get("en") or code


def money(amount_minor: int, currency: str) -> dict[str, str]:
    """Money as it stands on the wire."""
    return {"amount": to_decimal(amount_minor, currency), "currency": currency}


def for_person(
    case: Case, programme: Programme, terms: Mapping[str, Terms], now: datetime, language: str | None = None
) -> dict[str, Any]:
    """The case as its person sees it: where it stands, whose turn it is, what is due, what may be done.

    In the language asked for, else in the one that the person wants to be written to in.
    """
    language = language or case.language
    application, enrolment = case.application, case.enrolment
    seen: dict[str, Any] = {
        "case_id": case.case_id,
        "programme": {"id": programme.id, "name": programme.name_in(language)},
        "intake": case.intake,
        "language": case.language,
        "told_in": language,
        "today": case.today(now).isoformat(),
        "application": _stands("application", application.status, language),
        "enrolment": _stands("enrolment", enrolment.status, language),
        "turn": {"who": case.agenda.turn, "in_words": said("turn", case.agenda.turn, language)},
        "due_at": _iso(case.agenda.due_at),
        "what": case.agenda.what,
        "actions": _actions(case),
        "submissions": [
            {"submission": each.hash, "sent_at": _iso(each.at), "chosen": each.chosen}
            for each in application.submissions
        ],
        "documents": {
            key: {"kind": each.kind, "status": each.status} for key, each in sorted(case.documents.items())
        },
        "offer": application.offer and application.offer.model_dump(mode="json", exclude={"reminders"}),
        "reasons": application.reasons,
        "contract": _contract(case, programme, terms, case.today(now)),
        "money": _money(case),
        "to_pay": _to_pay(case),
        "leaves": [leave.model_dump(mode="json") for leave in enrolment.leaves],
        "pauses": [pause.model_dump(mode="json") for pause in enrolment.pauses],
        "search_weeks": enrolment.weeks,
        "offers": {
            key: each.model_dump(mode="json", include={"offered_on", "qualifying", "outcome"})
            for key, each in sorted(enrolment.job_offers.items())
        },
        "introductions": {
            key: each.model_dump(mode="json") for key, each in sorted(enrolment.introductions.items())
        },
        "consent": enrolment.consent,
        "placements": {
            key: _placement(each, language) for key, each in sorted(case.placements.items()) if not each.wrong_person
        },
        "jobs": _jobs(case, language),
        "claims": [{"claim_id": each.id, "filed_at": _iso(each.filed_at), "withdrawn": each.withdrawn}
                   for each in case.claims],
        "refunds": {key: _refund(each, language) for key, each in case.refunds.items() if each.status != "none"},
        "payee_named": case.payee is not None,
        "data_requests": [{"request_id": each.id, "kind": each.kind, "status": each.status,
                           "asked_at": _iso(each.asked_at)} for each in case.custody.requests],
    }  # fmt: skip
    return seen


def for_staff(case: Case) -> dict[str, Any]:
    """The case as staff see it: every fact of the record, money as on the wire."""
    seen = case.model_dump(mode="json", exclude={"last_told"})
    seen["ledger"] = [
        {**line.model_dump(mode="json", exclude={"amount_minor", "currency"}),
         "amount": money(line.amount_minor, line.currency)}
        for line in case.ledger
    ]  # fmt: skip
    seen["jobs"] = _jobs(case, "en")
    seen["balances"] = [
        {"payer": payer, "accounts": {account: money(amount, currency) for account, amount in accounts.items()}}
        for (payer, currency), accounts in ledger.balances(case.ledger).items()
    ]
    contract = case.enrolment.contract
    if contract is not None:
        priced = seen["enrolment"]["contract"]
        priced["price"] = money(priced.pop("price_minor"), contract.currency)
        priced["deposit"] = money(priced.pop("deposit_minor"), contract.currency)
    for key, placement in case.placements.items():
        seen["placements"][key] = _priced(placement, seen["placements"][key])
    for key, refund in case.refunds.items():
        if refund.proposal is not None:
            seen["refunds"][key]["proposal"]["shares"] = [_share(each) for each in refund.proposal.shares]
        seen["refunds"][key]["payments"] = {name: _share(each) for name, each in refund.payments.items()}
    seen["actions"] = {
        role.value: actions
        for role in (Role.SPECIALIST, Role.ADMISSIONS, Role.CAREERS, Role.FINANCE)
        if (actions := _actions(case, role))
    }
    return seen


def timeline(events: Iterable[Event], language: str) -> list[dict[str, Any]]:
    """What happened, in words; who did it only by role."""
    return [
        {
            "at": _iso(event.at),
            "occurred_on": event.occurred_on and event.occurred_on.isoformat(),
            "what": event.kind,
            "in_words": said("event", event.kind, language),
            "by": event.actor.role.value,
        }
        for event in events
    ]


def guarantee(
    case: Case, programme: Programme, terms: dict[str, Terms], now: datetime, language: str | None = None
) -> dict[str, Any]:
    """The decision asked today: days used and left, the window, every criterion with its sentence and evidence."""
    language = language or case.language
    judgement = judge(case, programme, terms, now)
    if judgement is None:
        not_yet = said("decision", "not_started", language)
        return {"decision": "not_started", "in_words": not_yet, "told_in": language, "criteria": {}}
    decision, today = judgement.decision, case.today(now)
    told = decision.as_json(language)
    if not told.get("criteria"):
        told["criteria"] = findings_as_json(standing(judgement.read), judgement.terms, language)
        told["criteria_are"] = "as_they_stand_today"
    end, qualified = decision.window_end, decision.qualified_on
    told["in_words"] = _answer(case, decision.decision, language)
    told["told_in"] = language
    told["terms"] = judgement.terms.version
    told["as_of"] = today.isoformat()
    told["days_used"] = max(0, (min(today, end) - qualified).days) if end and qualified else None
    told["days_left"] = max(0, (end - today).days) if end else None
    told["first_day_to_claim"] = (end + timedelta(days=1)).isoformat() if end and judgement.terms.claim_days else None
    last_day = last_day_to_claim(case, programme, judgement)
    told["last_day_to_claim"] = last_day.isoformat() if last_day else None
    told["open_weeks"] = _open_weeks(case, programme, today)
    told["refunds"] = {key: _refund(each, language) for key, each in case.refunds.items() if each.status != "none"}
    told["waivers"] = [waiver.model_dump(mode="json", exclude={"by"}) for waiver in case.enrolment.waivers]
    return told


def _answer(case: Case, decision: str, language: str) -> str:
    """What the graduate hears first: what people have signed or paid, where they have, else what the policy says."""
    latest = last_refund(case, "guarantee")
    if latest is not None and latest[1].status in words()["settled"]:
        return said("settled", latest[1].status, language)
    return said("decision", decision, language)


def _open_weeks(case: Case, programme: Programme, today: date) -> dict[str, str]:
    """The weeks that can still be logged, newest first, each with the last day on which it can."""
    started, found = case.enrolment.qualified_on, {}
    monday = monday_of(today)
    while started is not None and case.enrolment.status == "qualified" and monday > started - timedelta(days=7):
        if (last := closes_on(case, programme, monday)) >= today:
            found[monday.isoformat()] = last.isoformat()
        monday -= timedelta(days=7)
    return found


def _stands(cycle: str, status: str, language: str) -> dict[str, str]:
    return {"status": status, "in_words": said(cycle, status, language)}


def _actions(case: Case, role: Role = Role.APPLICANT) -> list[str]:
    found = []
    for cycle in ("application", "enrolment"):
        found += _CYCLES[cycle].actions_from(case.state(cycle), role)
    for placement in case.placements.values():
        found += _CYCLES["placement"].actions_from(placement.status, role)
    for refund_id, refund in case.refunds.items():
        found += set(_CYCLES["refund"].actions_from(refund.status, role)) - _settled(case, refund_id, refund)
    if case.enrolment.status == "qualified" and role == Role.APPLICANT:
        paid = any(each.ground == "guarantee" and each.status in PAID for each in case.refunds.values())
        found += ["report_placement"] if paid or case.open_refund("guarantee") else ["report_placement", "file_claim"]
    return sorted(set(found) - {"apply"} - _out_of_place(case))


def _settled(case: Case, refund_id: str, refund: Refund) -> set[str]:
    """What the table lets be done about a refund in this state and is done, or not called for."""
    done = set() if refund.frozen else {"release"}
    claimed = any(claim.refund == refund_id and not claim.withdrawn for claim in case.claims)
    return done | {"claim_besides"} if claimed else done


def _out_of_place(case: Case) -> set[str]:
    """What one life cycle's table would allow while another one says that its time has passed or has not come."""
    early = set() if case.enrolment.status in MAY_CLAIM else {"file_claim"}
    if case.is_on_the_way_in:
        return early | ({"send_contract"} if case.application.status != "accepted" else set())
    passed = {"withdraw_application", "submit_again", "choose_submission"}
    return early | passed | (set() if case.enrolment.status in UNSIGNED else {"withdraw_offer", "send_contract"})


def _contract(case: Case, programme: Programme, terms: Mapping[str, Terms], today: date) -> dict[str, Any] | None:
    """The contract; until it is signed also from which day it may be, and what terms would bind on the first such."""
    contract = case.enrolment.contract
    if contract is None:
        return None
    stated = contract.model_dump(mode="json", exclude={"price_minor", "deposit_minor", "currency"})
    stated["price"] = money(contract.price_minor, contract.currency)
    stated["deposit"] = money(contract.deposit_minor, contract.currency)
    sign_from = contract.received_on and contract.received_on + signature_wait(case, programme)
    offered = terms_on(terms, max(today, sign_from or today)) if contract.signed_on is None else None
    stated["sign_from"] = sign_from and sign_from.isoformat()
    stated["terms_offered"] = offered and offered.version
    return stated


def _money(case: Case) -> list[dict[str, Any]]:
    """What came in from each payer, what went back, and what of it is left with us: an entry for each currency."""
    moved = [line for line in case.ledger if line.kind in ("payment", *BACK)]
    return [
        {
            "payer": payer,
            "received": money(_sum_of(moved, payer, currency, ("payment",)), currency),
            "paid_back": money(_sum_of(moved, payer, currency, BACK), currency),
            "left": money(left, currency),
        }
        for (payer, currency), left in ledger.held(moved).items()
    ]


def _sum_of(lines: Iterable[ledger.Line], payer: str, currency: str, kinds: tuple[str, ...]) -> int:
    counted = (line for line in lines if line.kind in kinds and (line.payer, line.currency) == (payer, currency))
    return sum(line.amount_minor for line in counted)


def _to_pay(case: Case) -> dict[str, str] | None:
    """What of the price is still to be paid, while the contract stands."""
    contract = case.enrolment.contract
    if contract is None or case.enrolment.status not in STANDS:
        return None
    return money(max(0, unpaid(case)), contract.currency)


def _placement(placement: Placement, language: str) -> dict[str, Any]:
    hidden = {"source_id", "retention_checked", "settled", "wrong_person", "told", "confirmations"}
    stated = _priced(placement, placement.model_dump(mode="json", exclude=hidden))
    return stated | {"in_words": said("placement", placement.status, language)}


def _priced(placement: Placement, stated: dict[str, Any]) -> dict[str, Any]:
    """The same with the base pay as money is written on the wire."""
    minor, currency = stated.pop("base_minor"), stated.pop("base_currency")
    return stated | {"base_pay": money(minor, currency) if placement.base_minor is not None else None}


def _jobs(case: Case, language: str) -> list[dict[str, Any]]:
    """Each job with the reports about it, and whether their sources agree."""
    return [
        {"id": job.id, "state": job.state, "in_words": said("job", job.state, language), "reports": list(job.reports),
         "differs": list(job.differs)}
        for job in jobs(case)
    ]  # fmt: skip


def _share(share: Share) -> dict[str, Any]:
    stated = share.model_dump(mode="json", exclude={"amount_minor", "currency"})
    return stated | {"amount": money(share.amount_minor, share.currency)}


def _refund(refund: Refund, language: str) -> dict[str, Any]:
    proposal = refund.proposal
    decided = refund.status not in ("claimed", "proposed")
    return {
        "ground": refund.ground,
        "status": refund.status,
        "in_words": said("refund", refund.status, language),
        "amounts": [_share(share) for share in proposal.shares] if proposal and decided else [],
        "clauses": proposal.clauses if proposal and decided else [],
        "paid_on": refund.paid_on and refund.paid_on.isoformat(),
        "may_appeal": refund.status in ("refused", "lapsed"),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

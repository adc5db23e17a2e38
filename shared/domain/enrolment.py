"""The enrolment: from the contract to the diploma, and the graduate's months of search after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from shared.domain import custody
from shared.domain.events import Event, Record
from shared.domain.life_cycle import NONE, LifeCycle, Role, row

if TYPE_CHECKING:
    from shared.domain.case import Case

APPLICANT, ADMISSIONS, CAREERS, FINANCE = Role.APPLICANT, Role.ADMISSIONS, Role.CAREERS, Role.FINANCE
PARTNER, SYSTEM = Role.PARTNER, Role.SYSTEM

UNSIGNED = ("contract_sent", "contract_received")
STUDYING = ("studying", "on_leave")
UNDER_CONTRACT = ("contracted", *STUDYING, "qualified")
ENDED = ("cancelled", "withdrawn", "terminated", "expired", "diploma_revoked")
WITHOUT_DIPLOMA = (*STUDYING, "withdrawn", "terminated", "expired")

STATES = (NONE, *UNSIGNED, *UNDER_CONTRACT, *ENDED)
WITH_CONTRACT = STATES[1:]

ENROLMENT = LifeCycle(
    "enrolment",
    STATES,
    (
        row(
            "send_contract",
            "contract_sent",
            [NONE, "contract_sent"],
            "contract_sent",
            [ADMISSIONS, FINANCE],
            "The contract is sent: price, country, time zone and payment plan are fixed in it.",
        ),
        row(
            "receive_contract",
            "contract_received",
            ["contract_sent"],
            "contract_received",
            [ADMISSIONS, FINANCE],
            "The contract reached the person; in France seven days must pass before it may be signed.",
        ),
        row(
            "sign_contract",
            "contract_signed",
            ["contract_received"],
            "contracted",
            [APPLICANT],
            "The person signs; the terms in force on this day bind for ever.",
        ),
        row(
            "cancel",
            "contract_cancelled",
            ["contracted", *STUDYING],
            "cancelled",
            [APPLICANT, ADMISSIONS, FINANCE],
            "The contract is cancelled within fourteen days of signature.",
        ),
        row(
            "withdraw",
            "enrolment_withdrawn",
            [*UNSIGNED, "contracted", *STUDYING],
            "withdrawn",
            [APPLICANT],
            "The person leaves before qualifying; the guarantee ends.",
        ),
        row(
            "terminate",
            "contract_terminated",
            ["contracted", *STUDYING],
            "terminated",
            [APPLICANT, ADMISSIONS, FINANCE],
            "The contract is ended where the law gives that right (France: the first three months).",
        ),
        row(
            "start_course",
            "course_started",
            ["contracted"],
            "studying",
            [ADMISSIONS, PARTNER],
            "The course begins; twelve months run from here.",
        ),
        row(
            "request_leave",
            "leave_requested",
            ["studying"],
            None,
            [APPLICANT],
            "The person asks for leave from the course.",
        ),
        row("grant_leave", "leave_granted", ["studying"], "on_leave", [ADMISSIONS], "Leave is granted."),
        row("refuse_leave", "leave_refused", ["studying"], None, [ADMISSIONS], "Leave is refused, with a reason."),
        row(
            "end_leave",
            "leave_ended",
            ["on_leave"],
            "studying",
            [ADMISSIONS, SYSTEM],
            "The person is back on the course; the leave's days are added to the limit.",
        ),
        row(
            "extend",
            "limit_extended",
            STUDYING,
            None,
            [ADMISSIONS, FINANCE],
            "The twelve months are extended by whole months.",
        ),
        row(
            "warn_of_limit",
            "limit_warned",
            STUDYING,
            None,
            [SYSTEM],
            "The person is told that the twelve-month limit is near.",
        ),
        row(
            "propose_expiry",
            "expiry_proposed",
            STUDYING,
            None,
            [SYSTEM, ADMISSIONS, FINANCE],
            "The limit has passed; ending the enrolment is proposed to a person who signs.",
        ),
        row("drop_expiry", "expiry_dropped", STUDYING, None, [CAREERS, FINANCE], "The proposed end is not signed."),
        row(
            "expire",
            "enrolment_expired",
            STUDYING,
            "expired",
            [CAREERS, FINANCE],
            "A named person signs that the enrolment ended without a diploma.",
        ),
        row(
            "exempt",
            "enrolment_exempted",
            WITHOUT_DIPLOMA,
            None,
            [ADMISSIONS],
            "The person died, was imprisoned or called up, as a document shows: reports do not count them as enrolled.",
        ),
        row("count", "enrolment_counted", WITHOUT_DIPLOMA, None, [ADMISSIONS], "Reports count the person again."),
        row(
            "award_diploma",
            "diploma_awarded",
            STUDYING,
            "qualified",
            [ADMISSIONS, FINANCE, PARTNER],
            "The diploma is awarded; the guarantee's window opens the day after.",
        ),
        row(
            "revoke_diploma",
            "diploma_revoked",
            ["qualified"],
            "diploma_revoked",
            [ADMISSIONS, FINANCE, PARTNER],
            "The diploma is taken back.",
        ),
        row(
            "record_money",
            "money_recorded",
            WITH_CONTRACT,
            None,
            [FINANCE, ADMISSIONS, PARTNER, SYSTEM],
            "A line of the ledger: payment, discount, refund, chargeback, interest or a cancelled instalment.",
        ),
        row(
            "declare",
            "declared",
            UNDER_CONTRACT,
            None,
            [APPLICANT],
            "The person declares a fact: right to work, further study, self-employment, consent, intent.",
        ),
        row(
            "request_pause",
            "pause_requested",
            ["qualified"],
            None,
            [APPLICANT],
            "The graduate asks that the window be paused.",
        ),
        row("rule_pause", "pause_ruled", ["qualified"], None, [CAREERS], "Careers approve, reject or revoke a pause."),
        row(
            "end_pause",
            "pause_ended",
            ["qualified"],
            None,
            [CAREERS],
            "A pause without an end, or too long, gets its last day.",
        ),
        row(
            "exempt_weeks",
            "weeks_exempted",
            ["qualified"],
            None,
            [CAREERS],
            "Careers advised in writing to do something else in these weeks; they need no applications.",
        ),
        row(
            "log_search_week",
            "search_week_logged",
            ["qualified"],
            None,
            [APPLICANT, CAREERS, PARTNER],
            "How many applications the graduate sent in one week; once it is closed, only careers log it.",
        ),
        row(
            "log_earlier_week",
            "search_week_logged",
            ["diploma_revoked"],
            None,
            [PARTNER],
            "A week's log that comes after the diploma was taken back.",
        ),
        row(
            "warn_of_search",
            "search_warned",
            ["qualified"],
            None,
            [SYSTEM],
            "The graduate is told that the short weeks allowed are nearly used, and until when weeks can be logged.",
        ),
        row(
            "ask_for_contact",
            "contact_fell_due",
            ["qualified"],
            None,
            [SYSTEM],
            "Few days are left, nothing was heard, and careers have not been in touch yet.",
        ),
        row(
            "report_offer",
            "job_offer_reported",
            [*STUDYING, "qualified"],
            None,
            [APPLICANT, PARTNER],
            "An employer made the person a job offer.",
        ),
        row(
            "answer_offer",
            "job_offer_answered",
            [*STUDYING, "qualified"],
            None,
            [APPLICANT, PARTNER],
            "The job offer was accepted, declined or left to lapse.",
        ),
        row(
            "rule_offer",
            "job_offer_ruled",
            ["qualified"],
            None,
            [CAREERS],
            "Careers say whether a job offer would have counted.",
        ),
        row(
            "introduce",
            "graduate_introduced",
            ["qualified"],
            None,
            [CAREERS],
            "Careers introduce the graduate, who agreed to it, to an employer with an open position.",
        ),
        row(
            "move_introduction",
            "introduction_moved",
            ["qualified"],
            None,
            [CAREERS],
            "What became of an introduction: an offer, a decline (and whether it would have counted), a contract.",
        ),
        row(
            "waive",
            "criterion_waived",
            ["qualified"],
            None,
            [CAREERS, FINANCE],
            "A named person waives a criterion, with a reason. A waiver only ever helps.",
        ),
        row("log_contact", "contact_logged", WITH_CONTRACT, None, [CAREERS], "Careers were in touch with the person."),
        row(
            "remind_of_window",
            "window_reminded",
            ["qualified"],
            None,
            [SYSTEM],
            "The graduate is told how much of the window is left.",
        ),
        row(
            "notify_claim",
            "claim_notice_sent",
            ["qualified"],
            None,
            [SYSTEM],
            "The graduate is told of the right to claim, and until when.",
        ),
        row(
            "tell_outcome",
            "outcome_told",
            ["qualified"],
            None,
            [SYSTEM],
            "The graduate is told what the guarantee says today, clause by clause.",
        ),
        row(
            "check_retention",
            "retention_checked",
            ["qualified"],
            None,
            [SYSTEM],
            "A job that began 34 days ago is asked after.",
        ),
        row(
            "name_payee",
            "payee_named",
            WITH_CONTRACT,
            None,
            [APPLICANT],
            "The person says where money is to go; a call-back must confirm it.",
        ),
        row(
            "change_contact",
            "contact_changed",
            STATES,
            None,
            [APPLICANT],
            "The person changes an address or a number; a call-back must confirm it.",
        ),
        row(
            "call_back",
            "call_back_recorded",
            STATES,
            None,
            [CAREERS, FINANCE],
            "Staff rang the person back and heard whether a change is theirs.",
        ),
    ),
)


class Contract(Record):
    """What was agreed. Price in minor units; the zone is fixed here and never moves with the person."""

    sent_on: date
    price_minor: int
    currency: str
    country: str
    time_zone: str
    deposit_minor: int = 0
    received_on: date | None = None
    signed_at: datetime | None = None
    signed_on: date | None = None
    terms: str | None = None


class Leave(Record):
    """Time off the course. Not a pause of the window: the two never mix."""

    id: str
    first_day: date
    last_day: date | None = None
    status: str = "requested"


class Pause(Record):
    """A pause of the guarantee's window; both ends count."""

    id: str
    first_day: date
    last_day: date | None = None
    status: str = "requested"
    kind: str = "other"


class JobOffer(Record):
    """An offer made to the graduate, and what became of it."""

    offered_on: date
    qualifying: str = "unknown"
    outcome: str | None = None


INTRODUCTIONS: dict[str, tuple[str, ...]] = {
    "introduced": ("offered", "not_chosen", "signed"),
    "offered": ("declined", "not_chosen", "signed"),
    "not_chosen": (),
    "declined": (),
    "signed": (),
    "withdrawn": (),
}
"""What may become of an introduction; `withdrawn` is what the graduate's consent was."""


class Introduction(Record):
    """The graduate was introduced to a position of the catalogue, and what came of it."""

    position: str
    on: date
    status: str = "introduced"
    placement: str | None = None


class Waiver(Record):
    """A criterion that a named person set aside."""

    criterion: str
    by: str
    reason: str
    on: date


class LedgerLine(Record):
    """Money that moved or was forgiven, in minor units. `id` is its natural key: told twice, it is one line."""

    id: str
    kind: str
    payer: str
    amount_minor: int
    currency: str
    on: date
    refund: str | None = None


class Enrolment(Record):
    """Where the enrolment stands, and every fact of the search that the guarantee looks at."""

    status: str = NONE
    since: datetime | None = None
    contract: Contract | None = None
    started_on: date | None = None
    extension_months: int = 0
    leave_days: int = 0
    leaves: list[Leave] = Field(default_factory=list)
    warned_days: list[int] = Field(default_factory=list)
    expiry_proposal: str | None = None
    qualified_on: date | None = None
    diploma_id: str | None = None
    revoked_on: date | None = None
    ended_on: date | None = None
    right_to_work: str = "unknown"
    exclusions: list[str] = Field(default_factory=list)
    attested: dict[str, bool] = Field(default_factory=dict)
    consent: bool = False
    intent: str | None = None
    pauses: list[Pause] = Field(default_factory=list)
    exempt: list[tuple[date, date]] = Field(default_factory=list)
    weeks: dict[str, int] = Field(default_factory=dict)
    proofs: dict[str, list[str]] = Field(default_factory=dict)
    """Monday -> documents that show the applications of that week."""
    warned_weeks: dict[str, date] = Field(default_factory=dict)
    """Monday -> the day on which a warning named that week."""
    job_offers: dict[str, JobOffer] = Field(default_factory=dict)
    introductions: dict[str, Introduction] = Field(default_factory=dict)
    waivers: list[Waiver] = Field(default_factory=list)
    window_reminders: list[str] = Field(default_factory=list)
    claim_notice_sequence: int | None = None
    told: str | None = None
    exempt_by: str | None = None
    """The document that leaves the person out of everybody enrolled."""
    last_contact_on: date | None = None
    contact_due_on: date | None = None


def fold(case: Case, event: Event) -> None:
    """Add to the case what an event of this cycle says, beyond the state (which the table moves)."""
    FOLDS.get(event.kind, _nothing)(case, event)


def _nothing(case: Case, event: Event) -> None:
    """An event that says all by its state."""


def _day(event: Event) -> date:
    assert event.occurred_on is not None
    return event.occurred_on


def _contract_sent(case: Case, event: Event) -> None:
    case.enrolment.contract = Contract(sent_on=_day(event), **event.data)


def _contract_received(case: Case, event: Event) -> None:
    assert case.enrolment.contract is not None
    case.enrolment.contract.received_on = event.occurred_on


def _contract_signed(case: Case, event: Event) -> None:
    contract = case.enrolment.contract
    assert contract is not None
    contract.signed_at, contract.signed_on, contract.terms = event.at, event.occurred_on, event.data["terms"]


def _ended(case: Case, event: Event) -> None:
    case.enrolment.ended_on = event.occurred_on
    case.enrolment.expiry_proposal = None


def _course_started(case: Case, event: Event) -> None:
    case.enrolment.started_on = event.occurred_on


def _leave_requested(case: Case, event: Event) -> None:
    case.enrolment.leaves.append(Leave(id=str(event.subject), **event.data))


def _leave_ruled(case: Case, event: Event) -> None:
    for leave in case.enrolment.leaves:
        if leave.id == event.subject:
            leave.status = "granted" if event.kind == "leave_granted" else "refused"
            case.enrolment.expiry_proposal = None


def _leave_ended(case: Case, event: Event) -> None:
    for leave in case.enrolment.leaves:
        if leave.id == event.subject:
            leave.status, leave.last_day = "ended", _day(event)
            case.enrolment.leave_days += max(0, (_day(event) - leave.first_day).days + 1)


def _extended(case: Case, event: Event) -> None:
    case.enrolment.extension_months += event.data["months"]
    case.enrolment.warned_days = []
    case.enrolment.expiry_proposal = None


def _limit_warned(case: Case, event: Event) -> None:
    case.enrolment.warned_days.append(event.data["days_left"])


def _expiry_proposed(case: Case, event: Event) -> None:
    case.enrolment.expiry_proposal = event.subject


def _expiry_dropped(case: Case, event: Event) -> None:
    case.enrolment.expiry_proposal = None


def _left_out(case: Case, event: Event) -> None:
    case.enrolment.exempt_by = event.subject


def _counted(case: Case, event: Event) -> None:
    case.enrolment.exempt_by = None


def _qualified(case: Case, event: Event) -> None:
    case.enrolment.qualified_on = event.occurred_on
    case.enrolment.diploma_id = event.subject
    case.enrolment.exempt_by = None  # Who graduates is counted among everybody enrolled.
    case.enrolment.expiry_proposal = None


def _revoked(case: Case, event: Event) -> None:
    case.enrolment.revoked_on = event.occurred_on


def _money(case: Case, event: Event) -> None:
    case.ledger.append(LedgerLine(id=str(event.subject), on=_day(event), **event.data))


def _declared(case: Case, event: Event) -> None:
    enrolment, fact, value = case.enrolment, event.data["fact"], event.data["value"]
    if fact == "right_to_work":
        enrolment.right_to_work = value
    elif fact == "further_study":
        enrolment.exclusions = ["full_time_study"] if value == "yes" else []
    elif fact == "self_employment_attested":
        enrolment.attested.pop(str(event.subject), None)
        if value != "unknown":
            enrolment.attested[str(event.subject)] = value == "yes"
    elif fact == "consent":
        enrolment.consent = value == "yes"
        for introduction in enrolment.introductions.values():
            if not enrolment.consent and introduction.status == "introduced":
                introduction.status = "withdrawn"
    else:
        enrolment.intent = value


def _pause_requested(case: Case, event: Event) -> None:
    case.enrolment.pauses.append(Pause(id=str(event.subject), **event.data))


def _pause_ruled(case: Case, event: Event) -> None:
    for pause in case.enrolment.pauses:
        if pause.id == event.subject:
            pause.status = event.data["outcome"]


def _pause_ended(case: Case, event: Event) -> None:
    for pause in case.enrolment.pauses:
        if pause.id == event.subject:
            pause.last_day = date.fromisoformat(event.data["last_day"])


def _exempted(case: Case, event: Event) -> None:
    span = (date.fromisoformat(event.data["first_day"]), date.fromisoformat(event.data["last_day"]))
    case.enrolment.exempt.append(span)


def _week_logged(case: Case, event: Event) -> None:
    case.enrolment.weeks[event.data["monday"]] = event.data["applications"]
    if documents := event.data.get("documents"):
        proofs = case.enrolment.proofs.setdefault(event.data["monday"], [])
        proofs += [each for each in documents if each not in proofs]


def _search_warned(case: Case, event: Event) -> None:
    case.enrolment.warned_weeks |= dict.fromkeys(event.data["weeks"], _day(event))


def _contact_fell_due(case: Case, event: Event) -> None:
    case.enrolment.contact_due_on = event.occurred_on


def _offer_reported(case: Case, event: Event) -> None:
    case.enrolment.job_offers[str(event.subject)] = JobOffer(offered_on=_day(event))


def _offer_answered(case: Case, event: Event) -> None:
    case.enrolment.job_offers[str(event.subject)].outcome = event.data["outcome"]


def _offer_ruled(case: Case, event: Event) -> None:
    case.enrolment.job_offers[str(event.subject)].qualifying = event.data["qualifying"]


def _introduced(case: Case, event: Event) -> None:
    case.enrolment.introductions[str(event.subject)] = Introduction(position=event.data["position"], on=_day(event))


def _introduction_moved(case: Case, event: Event) -> None:
    outcome, offers = event.data["outcome"], case.enrolment.job_offers
    introduction = case.enrolment.introductions[str(event.subject)]
    introduction.status, introduction.placement = outcome, event.data.get("placement")
    if outcome == "not_chosen":
        offers.pop(f"o-{event.subject}", None)
        return
    offer = offers.setdefault(f"o-{event.subject}", JobOffer(offered_on=_day(event)))
    if outcome != "offered":
        offer.outcome = "declined" if outcome == "declined" else "accepted"
        offer.qualifying = event.data.get("qualifying", "yes")


def _waived(case: Case, event: Event) -> None:
    waiver = Waiver(criterion=event.data["criterion"], by=event.actor.id, reason=str(event.reason), on=event.at.date())
    case.enrolment.waivers.append(waiver)


def _contacted(case: Case, event: Event) -> None:
    case.enrolment.last_contact_on = event.occurred_on
    case.enrolment.contact_due_on = None


def _window_reminded(case: Case, event: Event) -> None:
    case.enrolment.window_reminders.append(event.data["reminder"])


def _claim_notified(case: Case, event: Event) -> None:
    case.enrolment.claim_notice_sequence = event.sequence


def _told(case: Case, event: Event) -> None:
    case.enrolment.told = event.data["decision"]


def _retention_checked(case: Case, event: Event) -> None:
    case.placements[str(event.subject)].retention_checked = True


def _payee_named(case: Case, event: Event) -> None:
    case.payee = Payee(hash=event.data["hash"], named_at=event.at, named_by=event.actor.id)


def _contact_changed(case: Case, event: Event) -> None:
    case.contact_changed_at = event.at
    case.contact_confirmed = False


def _called_back(case: Case, event: Event) -> None:
    confirmed = event.data["outcome"] == "confirmed"
    if event.data["about"] == "contact":
        case.contact_confirmed = True  # Confirmed, it holds from now on; denied, the old one has held all along.
        case.mail_bounced = case.mail_bounced and not confirmed
    elif event.data["about"] == "data_request":
        custody.heard(case, event)
    elif case.payee is not None and case.payee.hash == event.data["hash"]:
        case.payee.confirmed_by = event.actor.id if confirmed else None
        case.payee.denied = not confirmed


class Payee(Record):
    """Where money goes: only the hash of the account, who named it, who confirmed it by ringing back."""

    hash: str
    named_at: datetime
    named_by: str
    confirmed_by: str | None = None
    denied: bool = False


FOLDS: dict[str, Callable[[Case, Event], None]] = {
    "contract_sent": _contract_sent,
    "contract_received": _contract_received,
    "contract_signed": _contract_signed,
    "contract_cancelled": _ended,
    "enrolment_withdrawn": _ended,
    "contract_terminated": _ended,
    "enrolment_expired": _ended,
    "course_started": _course_started,
    "leave_requested": _leave_requested,
    "leave_granted": _leave_ruled,
    "leave_refused": _leave_ruled,
    "leave_ended": _leave_ended,
    "limit_extended": _extended,
    "limit_warned": _limit_warned,
    "expiry_proposed": _expiry_proposed,
    "expiry_dropped": _expiry_dropped,
    "enrolment_exempted": _left_out,
    "enrolment_counted": _counted,
    "diploma_awarded": _qualified,
    "diploma_revoked": _revoked,
    "money_recorded": _money,
    "declared": _declared,
    "pause_requested": _pause_requested,
    "pause_ruled": _pause_ruled,
    "pause_ended": _pause_ended,
    "weeks_exempted": _exempted,
    "search_week_logged": _week_logged,
    "search_warned": _search_warned,
    "contact_fell_due": _contact_fell_due,
    "job_offer_reported": _offer_reported,
    "job_offer_answered": _offer_answered,
    "job_offer_ruled": _offer_ruled,
    "graduate_introduced": _introduced,
    "introduction_moved": _introduction_moved,
    "criterion_waived": _waived,
    "contact_logged": _contacted,
    "window_reminded": _window_reminded,
    "claim_notice_sent": _claim_notified,
    "outcome_told": _told,
    "retention_checked": _retention_checked,
    "payee_named": _payee_named,
    "contact_changed": _contact_changed,
    "call_back_recorded": _called_back,
}

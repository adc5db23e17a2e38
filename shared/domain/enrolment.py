"""The enrolment: from the contract to the diploma, and the graduate's months of search after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from shared.domain import custody, job_search
from shared.domain.events import Event, Record
from shared.domain.job_search import Introduction, JobOffer, Pause, Waiver
from shared.domain.life_cycle import NONE, LifeCycle, Role, row

if TYPE_CHECKING:
    from shared.domain.case import Case

APPLICANT, PARTNER, SYSTEM = Role.APPLICANT, Role.PARTNER, Role.SYSTEM
SPECIALIST, ADMISSIONS, CAREERS, FINANCE = Role.SPECIALIST, Role.ADMISSIONS, Role.CAREERS, Role.FINANCE

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
        row("send_contract", "contract_sent", [NONE, *UNSIGNED, "withdrawn"], "contract_sent", [ADMISSIONS, FINANCE],
            "The contract is sent: price, country, time zone and payment plan are fixed in it. The last sent counts."),
        row("receive_contract", "contract_received", ["contract_sent"], "contract_received", [ADMISSIONS, FINANCE],
            "The contract reached the person; in France seven days must pass before it may be signed."),
        row("sign_contract", "contract_signed", ["contract_received"], "contracted", [APPLICANT],
            "The person signs; the terms in force on this day bind for ever."),
        row("cancel", "contract_cancelled", ["contracted", *STUDYING], "cancelled", [APPLICANT, ADMISSIONS, FINANCE],
            "The contract is cancelled within fourteen days of signature."),
        row("cancel_after_all", "contract_cancelled", ["withdrawn", "terminated"], "cancelled", [ADMISSIONS, FINANCE],
            "A cancellation that was sent in time counts, although the person has left by the page as well."),
        row("withdraw", "enrolment_withdrawn", [*UNSIGNED, "contracted", *STUDYING], "withdrawn", [APPLICANT],
            "The person leaves before qualifying; the guarantee ends."),
        row("terminate", "contract_terminated",
            ["contracted", *STUDYING], "terminated", [APPLICANT, ADMISSIONS, FINANCE],
            "The contract is ended where the law gives that right (France: the first three months)."),
        row("take_back_contract", "contract_taken_back", UNSIGNED, "withdrawn", [ADMISSIONS],
            "The offer is taken back, and the contract that nobody has signed with it."),
        row("start_course", "course_started", ["contracted"], "studying", [ADMISSIONS, PARTNER],
            "The course begins; twelve months run from here."),
        row("request_leave", "leave_requested", ["studying"], None, [APPLICANT],
            "The person asks for leave from the course."),
        row("grant_leave", "leave_granted", ["studying"], "on_leave", [ADMISSIONS], "Leave is granted."),
        row("refuse_leave", "leave_refused", ["studying"], None, [ADMISSIONS], "Leave is refused, with a reason."),
        row("end_leave", "leave_ended", ["on_leave"], "studying", [ADMISSIONS, SYSTEM],
            "The person is back on the course; the leave's days are added to the limit."),
        row("extend", "limit_extended", STUDYING, None, [ADMISSIONS, FINANCE],
            "The twelve months are extended by whole months."),
        row("warn_of_limit", "limit_warned", STUDYING, None, [SYSTEM],
            "The person is told that the twelve-month limit is near."),
        row("propose_expiry", "expiry_proposed", ["studying"], None, [SYSTEM, ADMISSIONS, FINANCE],
            "The limit has passed; ending the enrolment is proposed to a person who signs."),
        row("drop_expiry", "expiry_dropped", STUDYING, None, [CAREERS, FINANCE], "The proposed end is not signed."),
        row("expire", "enrolment_expired", ["studying"], "expired", [CAREERS, FINANCE],
            "A named person signs that the enrolment ended without a diploma."),
        row("exempt", "enrolment_exempted", WITHOUT_DIPLOMA, None, [ADMISSIONS],
            "The person died, was imprisoned or called up, as a document shows: reports leave them out."),
        row("count", "enrolment_counted", WITHOUT_DIPLOMA, None, [ADMISSIONS], "Reports count the person again."),
        row("award_diploma", "diploma_awarded",
            [*STUDYING, "expired", "diploma_revoked"], "qualified", [ADMISSIONS, FINANCE, PARTNER],
            "The diploma is awarded; the guarantee's window opens the day after."),
        row("revoke_diploma", "diploma_revoked", ["qualified"], "diploma_revoked", [ADMISSIONS, FINANCE, PARTNER],
            "The diploma is taken back."),
        row("record_money", "money_recorded", WITH_CONTRACT, None, [FINANCE, ADMISSIONS, PARTNER, SYSTEM],
            "A line of the ledger: payment, discount, refund, chargeback, interest or a cancelled instalment."),
        row("declare", "declared", UNDER_CONTRACT, None, [APPLICANT],
            "The person declares a fact: right to work, further study, self-employment, consent, intent."),
        *job_search.rows(STUDYING, WITH_CONTRACT),
        row("name_payee", "payee_named", WITH_CONTRACT, None, [APPLICANT],
            "The person says where money is to go; a call-back must confirm it."),
        row("change_contact", "contact_changed", STATES, None, [APPLICANT, SPECIALIST, ADMISSIONS, CAREERS],
            "The person changes an address or a number, or tells staff who note it; a call-back must confirm it."),
        row("call_back", "call_back_recorded", STATES, None, [SPECIALIST, ADMISSIONS, CAREERS, FINANCE],
            "Staff rang the person back and heard whether a change is theirs."),
    ),
)  # fmt: skip


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

    @property
    def days(self) -> int:
        """How many days it lasts, both ends counted; none while its last day is not known."""
        return max(0, (self.last_day - self.first_day).days + 1) if self.last_day is not None else 0


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
    warned_days: list[int | str] = Field(default_factory=list)
    """The warnings that were given, as `days before:limit`; a number alone did not say of which limit it was."""
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
    claim_notice_until: date | None = None
    """The last day to claim that a late notice named, where the agreement's own had passed or nearly so."""
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


def _contract_sent(case: Case, event: Event) -> None:
    case.enrolment.contract = Contract(sent_on=event.day, **event.data)
    case.enrolment.ended_on = None


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
            leave.status, leave.last_day = "ended", event.day
            case.enrolment.leave_days += leave.days


def _extended(case: Case, event: Event) -> None:
    case.enrolment.extension_months += event.data["months"]
    case.enrolment.warned_days = []
    case.enrolment.expiry_proposal = None


def _limit_warned(case: Case, event: Event) -> None:
    days, limit = event.data["days_left"], event.data.get("limit")
    case.enrolment.warned_days.append(days if limit is None else f"{days}:{limit}")


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
    case.enrolment.revoked_on = case.enrolment.ended_on = None
    case.enrolment.exempt_by = None  # Who graduates is counted among everybody enrolled.
    case.enrolment.expiry_proposal = None


def _revoked(case: Case, event: Event) -> None:
    case.enrolment.revoked_on = event.occurred_on


def _money(case: Case, event: Event) -> None:
    case.ledger.append(LedgerLine(id=str(event.subject), on=event.day, **event.data))


def _payee_named(case: Case, event: Event) -> None:
    case.payee = Payee(hash=event.data["hash"], named_at=event.at, named_by=event.actor.id)


def _contact_changed(case: Case, event: Event) -> None:
    case.contact_changed_at = event.at
    case.contact_changed_by = event.actor.id
    case.contact_confirmed = False


def _called_back(case: Case, event: Event) -> None:
    confirmed = event.data["outcome"] == "confirmed"
    if event.data["about"] == "contact":
        case.contact_confirmed = True  # Confirmed, it holds from now on; denied, the old one has held all along.
        case.bounced_at = None if confirmed else case.bounced_at
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
    "contract_taken_back": _ended,
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
    "payee_named": _payee_named,
    "contact_changed": _contact_changed,
    "call_back_recorded": _called_back,
} | job_search.FOLDS

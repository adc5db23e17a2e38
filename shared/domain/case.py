"""The case: one person in one intake of one programme, with four life cycles, as the fold of its events.

Codes, ids, dates and numbers only: what is said about the person stands in the person item.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import Field

from shared.domain import application, enrolment, four_eyes, placement, refund
from shared.domain.application import APPLICATION, Application, Document
from shared.domain.custody import Custody
from shared.domain.enrolment import ENROLMENT, Enrolment, LedgerLine, Payee
from shared.domain.errors import NotFound
from shared.domain.events import CYCLE_OF, FIRST_LINK, Event, Record
from shared.domain.four_eyes import Step
from shared.domain.life_cycle import CASE_STAFF, NONE, LifeCycle, Role
from shared.domain.placement import PLACEMENT, Placement
from shared.domain.refund import REFUND, Claim, Refund

SCHEMA_VERSION = 1

LIFE_CYCLES: tuple[LifeCycle, ...] = (APPLICATION, ENROLMENT, PLACEMENT, REFUND)
_BY_NAME = {cycle.name: cycle for cycle in LIFE_CYCLES}
CYCLE_OF.update({event: cycle.name for cycle in LIFE_CYCLES for event in cycle.events})
if len(CYCLE_OF) != sum(len(cycle.events) for cycle in LIFE_CYCLES):
    raise ValueError("an event belongs to two life cycles")

FOLDS = {
    "application": application.fold,
    "enrolment": enrolment.fold,
    "placement": placement.fold,
    "refund": refund.fold,
}


class Guarantee(Record):
    """What the policy said when this case was last looked at. Derived: the audit recomputes it."""

    decision: str = "not_started"
    as_of: date | None = None
    window_end: date | None = None
    claim_deadline: date | None = None
    facts_hash: str = ""
    revisit_on: date | None = None


class Agenda(Record):
    """Whose turn it is, what is due, and when each timer next has work here. Derived from the facts."""

    turn: str = "nobody"
    what: str = ""
    stage: str = "application"
    assignee: str | None = None
    flags: list[str] = Field(default_factory=list)
    """What staff should know before they begin: why an application may be none."""
    since: datetime | None = None
    """Since when it is that one's turn."""
    due_at: datetime | None = None
    queue_at: str = ""
    """`due_at` as text that sorts, with what has no date last: the work queue's key."""
    deadlines_at: datetime | None = None
    retention_at: datetime | None = None
    refund_at: datetime | None = None
    risk_at: datetime | None = None
    """From when the graduate is on the early-risk list."""
    audit_at: datetime | None = None
    privacy_at: datetime | None = None


class Case(Record):
    """The snapshot. `sequence` and `head` are those of the last event folded in."""

    case_id: str
    schema_version: int = SCHEMA_VERSION
    sequence: int = 0
    head: str = FIRST_LINK
    programme: str = ""
    intake: str = ""
    attempt: int = 1
    country: str = ""
    time_zone: str = "Europe/Paris"
    language: str = "en"
    accreditation_read: bool = False
    duplicate_of: str | None = None
    erased_at: datetime | None = None
    contact_changed_at: datetime | None = None
    contact_changed_by: str | None = None
    contact_confirmed: bool = True
    bounced_at: datetime | None = None
    application: Application = Field(default_factory=Application)
    enrolment: Enrolment = Field(default_factory=Enrolment)
    placements: dict[str, Placement] = Field(default_factory=dict)
    refunds: dict[str, Refund] = Field(default_factory=dict)
    claims: list[Claim] = Field(default_factory=list)
    ledger: list[LedgerLine] = Field(default_factory=list)
    documents: dict[str, Document] = Field(default_factory=dict)
    payee: Payee | None = None
    custody: Custody = Field(default_factory=Custody)
    steps: list[Step] = Field(default_factory=list)
    facts_changed_at: int = 0
    facts_changed_on: date | None = None
    last_told: dict[str, str] = Field(default_factory=dict)
    """When partners last spoke about what later words replace. Not in the chain: it decides what enters it."""
    guarantee: Guarantee = Field(default_factory=Guarantee)
    agenda: Agenda = Field(default_factory=Agenda)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this case's days are counted: the contract's, once there is one."""
        contract = self.enrolment.contract
        return ZoneInfo(contract.time_zone if contract else self.time_zone)

    @property
    def is_on_the_way_in(self) -> bool:
        """Whether the application decides what comes next: no contract is out, or it was opened again after one that
        nobody had signed."""
        enrolment, application = self.enrolment, self.application
        if enrolment.status != "withdrawn" or enrolment.since is None or application.since is None:
            return enrolment.status == NONE
        unsigned = enrolment.contract is None or enrolment.contract.signed_on is None
        return unsigned and application.since > enrolment.since

    def today(self, now: datetime) -> date:
        """The civil date of an instant where this case counts its days."""
        return now.astimezone(self.zone).date()

    def state(self, cycle: str, subject: str | None = None) -> str:
        """Where one life cycle stands; a report or refund that is not on record stands at `none`."""
        if cycle == "placement":
            found = self.placements.get(str(subject))
            return found.status if found else NONE
        if cycle == "refund":
            refunded = self.refunds.get(str(subject))
            return refunded.status if refunded else NONE
        return self.application.status if cycle == "application" else self.enrolment.status

    def apply(self, event: Event) -> None:
        """Fold one event in. Raises `ActionNotAllowed` if no row of the tables lets it happen now."""
        cycle = CYCLE_OF[event.kind]
        target = _BY_NAME[cycle].row_for(event.kind, self.state(cycle, event.subject)).target
        if cycle == "refund":
            data = dict(event.data)
            ground = data.pop("ground", "guarantee")
            self.refunds.setdefault(str(event.subject), Refund(ground=ground))
            event = event.model_copy(update={"data": data})
        FOLDS[cycle](self, event)
        if target is not None:
            self._move(cycle, event, target)
        four_eyes.remember(self.steps, event)
        if self._starts_clock(event):
            self.facts_changed_at = event.sequence
            self.facts_changed_on = self.today(event.at)
        self.sequence, self.head = event.sequence, event.hash

    def _starts_clock(self, event: Event) -> bool:
        """Whether this can make a claim possible, so that a notice sent before counts no longer.

        Once a lapse was signed, words about jobs, taken back or settled again, leave all as it was: no right ran.
        """
        if event.kind == "search_week_logged":
            return event.actor.role in CASE_STAFF
        if event.kind not in CHANGES_FACTS or self._is_at_will(event):
            return False
        lapsed = any(each.ground == "guarantee" and each.status == "lapsed" for each in self.refunds.values())
        return not (lapsed and CYCLE_OF[event.kind] == "placement")

    def _is_at_will(self, event: Event) -> bool:
        """Whether the graduate brought this about alone, by a doubt or with a report made when no claim was possible
        any more."""
        if event.actor.role != Role.APPLICANT or event.kind not in AT_WILL:
            return False
        if event.kind == "placement_disputed":
            return True
        qualified_on = self.enrolment.qualified_on
        paused = sum(
            (pause.last_day - pause.first_day).days + 1
            for pause in self.enrolment.pauses
            if pause.status == "approved" and pause.last_day is not None
        )
        reported_on = self.placements[str(event.subject)].reported_on
        return qualified_on is None or (reported_on - qualified_on).days > LONGEST_WINDOW_DAYS + paused

    def _move(self, cycle: str, event: Event, target: str) -> None:
        if cycle == "placement":
            self.placements[str(event.subject)].status = target
        elif cycle == "refund":
            refunded = self.refunds[str(event.subject)]
            refunded.status, refunded.since = target, event.at
        else:
            record = self.application if cycle == "application" else self.enrolment
            record.status, record.since = target, event.at

    def refund_of(self, refund_id: str) -> Refund:
        """The refund, or `NotFound`."""
        if refund_id not in self.refunds:
            raise NotFound(refund_id)
        return self.refunds[refund_id]

    def open_refund(self, ground: str) -> tuple[str, Refund] | None:
        """The refund on this ground that is still being decided or paid, if there is one."""
        for refund_id, each in self.refunds.items():
            if each.ground == ground and each.status in refund.OPEN:
                return refund_id, each
        return None

    def facts_of_record(self) -> dict[str, object]:
        """Everything but what is derived: what the events alone must reproduce."""
        return self.model_dump(mode="json", exclude=DERIVED)

    def facts_that_differ(self, other: Case) -> tuple[str, ...]:
        """By name, which of them are others in another record."""
        if self.model_dump_json(exclude=DERIVED) == other.model_dump_json(exclude=DERIVED):
            return ()  # Nearly always, and told at half the cost.
        facts, others = self.facts_of_record(), other.facts_of_record()
        return tuple(sorted(name for name in facts if facts[name] != others[name]))


DERIVED = {"guarantee", "agenda", "last_told"}

LONGEST_WINDOW_DAYS = 184
"""Six months are never longer."""

AT_WILL = ("placement_disputed", "placement_retracted", "placement_ended", "placement_corrected")
"""Of the events that can make a claim possible, those that the graduate may bring about by a report of their own."""

CHANGES_FACTS = frozenset(
    {
        "diploma_awarded", "pause_ruled", "pause_ended", "placement_verified", "placement_disputed",
        "placement_retracted", "placement_ended", "placement_corrected", "placement_matched", "job_offer_ruled",
        "criterion_waived", "weeks_exempted", "correction_signed",
    }
)  # fmt: skip
"""Events that can make a claim possible: a notice sent before no longer counts, and the claim's clock starts anew.

What the graduate can bring about alone and at will (a declaration, a week's log) is not among them; a week that
staff log for them is.
"""


def fold(case_id: str, events: list[Event]) -> Case:
    """The case that these events make."""
    case = Case(case_id=case_id)
    for event in events:
        case.apply(event)
    return case

"""What is done with the file of a case at any stage: requests for data, holds, erasure, conflicts, repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from shared.domain.events import Event, Record
from shared.domain.life_cycle import Role, Row, row

if TYPE_CHECKING:
    from shared.domain.case import Case

APPLICANT, SPECIALIST, ADMISSIONS = Role.APPLICANT, Role.SPECIALIST, Role.ADMISSIONS
CAREERS, FINANCE, SYSTEM = Role.CAREERS, Role.FINANCE, Role.SYSTEM


AFTER_ERASURE = ("data_erased", "money_recorded")
"""What may still happen to a case whose person is being forgotten, beside what becomes of a refund: money is never
forgotten, and names nobody."""


def rows(states: Iterable[str], on_the_way: Iterable[str]) -> tuple[Row, ...]:
    """The rows of the application's table that hold in every one of these states and change none; and those of a
    person who is on the way in."""
    whenever, on_the_way = frozenset(states), frozenset(on_the_way)
    return (
        row("move_intake", "intake_moved", on_the_way, None, [ADMISSIONS],
            "The person begins with another intake; everything else stays."),
        row("close_duplicate", "duplicate_closed", on_the_way, "duplicate", [ADMISSIONS],
            "The person has another case; this one is closed, and nothing is merged."),
        row("propose_correction", "correction_proposed", whenever, None, [ADMISSIONS, FINANCE],
            "A date on record is wrong; the right one is proposed to another person."),
        row("sign_correction", "correction_signed", whenever, None, [ADMISSIONS, FINANCE],
            "Another person signs the right date; the record carries it from now on."),
        row("drop_correction", "correction_dropped", whenever, None, [ADMISSIONS, FINANCE],
            "A proposed date is not signed."),
        row("replay_event", "partner_event_replayed", whenever, None, [ADMISSIONS, CAREERS, FINANCE],
            "A named person has an event of a partner, which was put aside, tried once more."),
        row("send_message_again", "message_sent_again", whenever, None, [ADMISSIONS, CAREERS, FINANCE],
            "A named person has a message that did not arrive sent once more."),
        row("request_data", "data_requested", whenever, None, [APPLICANT, ADMISSIONS, CAREERS],
            "The person asks for a copy of everything about them, or that it be erased."),
        row("grant_data_request", "data_request_granted", whenever, None, [ADMISSIONS, FINANCE],
            "After a call-back another person grants the request."),
        row("refuse_data_request", "data_request_refused", whenever, None, [ADMISSIONS, FINANCE],
            "A named person refuses the request, with a reason."),
        row("place_hold", "hold_placed", whenever, None, [ADMISSIONS, CAREERS, FINANCE],
            "A named person forbids, with a reason, that anything of this case be erased."),
        row("release_hold", "hold_released", whenever, None, [ADMISSIONS, CAREERS, FINANCE],
            "A named person lifts such a hold, with a reason."),
        row("begin_erasure", "erasure_begun", whenever, None, [SYSTEM],
            "What names the person is about to be deleted; from here on there is no way back."),
        row("erase", "data_erased", whenever, None, [SYSTEM],
            "Everything that names the person is gone; ledger and events stay and name nobody."),
        row("declare_conflict", "conflict_declared", whenever, None, [SPECIALIST, ADMISSIONS, CAREERS, FINANCE],
            "A member of staff is close to the person and sees and does nothing in this case any more."),
        row("lift_conflict", "conflict_lifted", whenever, None, [ADMISSIONS, CAREERS, FINANCE],
            "Another person found that there is no conflict, with a reason."),
    )  # fmt: skip


class Hold(Record):
    """Somebody's word that nothing of this case may be erased, until they or another person take it back."""

    id: str
    placed_on: date
    placed_by: str
    reason: str
    released_on: date | None = None


class DataRequest(Record):
    """A request for a copy or for erasure. `status`: asked, confirmed or denied (by call-back), granted, refused."""

    id: str
    kind: str
    asked_at: datetime
    asked_by: str
    status: str = "asked"
    heard_by: str | None = None
    ruled_at: datetime | None = None


class Conflict(Record):
    """A member of staff who is close to the person. Lifted ones stay on record."""

    id: str
    staff: str
    relation: str
    declared_by: str
    lifted: bool = False


class Correction(Record):
    """A date of the record that somebody found wrong. `status`: proposed, signed or dropped."""

    id: str
    what: str
    day: date
    was: date
    proposed_by: str
    status: str = "proposed"


class Custody(Record):
    """What was asked and ordered about the file itself."""

    requests: list[DataRequest] = Field(default_factory=list)
    holds: list[Hold] = Field(default_factory=list)
    conflicts: list[Conflict] = Field(default_factory=list)
    corrections: list[Correction] = Field(default_factory=list)
    erasure_begun_at: datetime | None = None

    def correction(self, correction_id: str | None) -> Correction | None:
        """The correction of that id, if there is one."""
        return next((each for each in self.corrections if each.id == correction_id), None)

    def binds(self, staff_id: str) -> bool:
        """Whether this member of staff has a conflict here."""
        return any(each.staff.lower() == staff_id and not each.lifted for each in self.conflicts)

    def request(self, request_id: str | None) -> DataRequest | None:
        """The request of that id, if there is one."""
        return next((each for each in self.requests if each.id == request_id), None)


def _requested(case: Case, event: Event) -> None:
    case.custody.requests.append(
        DataRequest(id=str(event.subject), kind=event.data["kind"], asked_at=event.at, asked_by=event.actor.id)
    )


def _ruled(case: Case, event: Event) -> None:
    request = case.custody.request(event.subject)
    assert request is not None
    request.status, request.ruled_at = event.kind.removeprefix("data_request_"), event.at


def heard(case: Case, event: Event) -> None:
    """A call-back told whether the request is the person's own."""
    request = case.custody.request(event.subject)
    assert request is not None
    request.status, request.heard_by = event.data["outcome"], event.actor.id


def _hold_placed(case: Case, event: Event) -> None:
    hold = Hold(id=str(event.subject), placed_on=event.at.date(), placed_by=event.actor.id, reason=str(event.reason))
    case.custody.holds.append(hold)


def _hold_released(case: Case, event: Event) -> None:
    for hold in case.custody.holds:
        if hold.id == event.subject:
            hold.released_on = event.at.date()


def _erasure_begun(case: Case, event: Event) -> None:
    case.custody.erasure_begun_at = event.at


def _erased(case: Case, event: Event) -> None:
    case.erased_at = event.at


def _conflict_declared(case: Case, event: Event) -> None:
    conflict = Conflict(id=str(event.subject), declared_by=event.actor.id, **event.data)
    case.custody.conflicts.append(conflict)
    if case.application.specialist == conflict.staff:
        case.application.specialist = None


def _conflict_lifted(case: Case, event: Event) -> None:
    for conflict in case.custody.conflicts:
        conflict.lifted = conflict.lifted or conflict.id == event.subject


def _intake_moved(case: Case, event: Event) -> None:
    case.intake = event.data["intake"]


def _duplicate_closed(case: Case, event: Event) -> None:
    case.duplicate_of = event.data["duplicate_of"]


def date_of(case: Case, what: str) -> date | None:
    """A date of the record that may be corrected, as it stands."""
    record = case.enrolment.contract if what == "received_on" else case.enrolment
    found: date | None = getattr(record, what, None)
    return found


def _correction_proposed(case: Case, event: Event) -> None:
    case.custody.corrections.append(Correction(id=str(event.subject), proposed_by=event.actor.id, **event.data))


def _correction_signed(case: Case, event: Event) -> None:
    correction = case.custody.correction(event.subject)
    assert correction is not None
    correction.status = "signed"
    setattr(case.enrolment.contract if correction.what == "received_on" else case.enrolment, correction.what,
            correction.day)  # fmt: skip


def _correction_dropped(case: Case, event: Event) -> None:
    correction = case.custody.correction(event.subject)
    assert correction is not None
    correction.status = "dropped"


FOLDS: dict[str, Callable[[Case, Event], None]] = {
    "data_requested": _requested,
    "data_request_granted": _ruled,
    "data_request_refused": _ruled,
    "hold_placed": _hold_placed,
    "hold_released": _hold_released,
    "erasure_begun": _erasure_begun,
    "data_erased": _erased,
    "conflict_declared": _conflict_declared,
    "conflict_lifted": _conflict_lifted,
    "intake_moved": _intake_moved,
    "duplicate_closed": _duplicate_closed,
    "correction_proposed": _correction_proposed,
    "correction_signed": _correction_signed,
    "correction_dropped": _correction_dropped,
}

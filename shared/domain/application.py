"""The application: from the form to the answer to an offer. No rule and no timer rejects."""

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

APPLICANT, SPECIALIST, ADMISSIONS, CAREERS = Role.APPLICANT, Role.SPECIALIST, Role.ADMISSIONS, Role.CAREERS
PARTNER, SYSTEM = Role.PARTNER, Role.SYSTEM

IN_REVIEW = ("submitted", "screening", "assessment", "deciding", "waitlisted")
OPEN = (*IN_REVIEW, "offered", "accepted")
"""States in which the person is still on the way in (or in): another submission belongs to this case."""

CLOSED = (
    "rejected",
    "declined",
    "declined_by_default",
    "withdrawn",
    "offer_withdrawn",
    "conditions_not_met",
    "duplicate",
)
"""States that ended the application; a new submission opens the next attempt."""

STATES = (NONE, *OPEN, *CLOSED)

APPLICATION = LifeCycle(
    "application",
    STATES,
    (
        row("apply", "application_submitted", [NONE], "submitted", [APPLICANT], "A person applies."),
        row("submit_again", "submission_added", OPEN, None, [APPLICANT],
            "Another application came from the same address; its owner will say which one counts."),
        row("choose_submission", "submission_chosen", OPEN, None, [APPLICANT],
            "The person says which of their applications counts."),
        row("correct", "details_corrected", OPEN, None, [APPLICANT],
            "The person corrects what they said about themselves."),
        row("add_document", "document_added", STATES[1:], None, [APPLICANT, ADMISSIONS, CAREERS],
            "The person, or staff who got it by post, add a document; nobody sees it before it is found clean."),
        row("scan_document", "document_scanned", STATES[1:], None, [PARTNER],
            "The scanner says whether a document is clean."),
        row("note_bounce", "mail_bounced", STATES[1:], None, [SYSTEM],
            "The person's address does not take mail; staff will ring."),
        row("assign", "specialist_assigned", ["submitted"], "screening", [SPECIALIST, ADMISSIONS],
            "A specialist takes the application; screening begins."),
        row("assign", "specialist_assigned", OPEN[1:], None, [SPECIALIST, ADMISSIONS],
            "Another specialist takes the case."),
        row("screen", "screening_recorded", ["screening"], None, [SPECIALIST, ADMISSIONS],
            "Staff contacted the person, held the call, verified or doubted the degree, or noted something."),
        row("recommend", "assessment_recommended", ["screening"], "assessment", [SPECIALIST],
            "The specialist recommends going on to tests; screening ends."),
        row("advise_against", "assessment_advised_against", ["screening"], "deciding", [SPECIALIST],
            "The specialist advises against; screening ends and admissions decide."),
        row("fall_due", "application_fell_due", ["assessment", "accepted"], None, [SYSTEM],
            "The day for a test, a condition or a signature has passed; staff look after it. Nothing is lost by that."),
        row("assess", "assessment_recorded", ["assessment", "deciding"], None, [SPECIALIST, ADMISSIONS, PARTNER],
            "A test or an interview took place, or must be taken again; it may come late, or correct one."),
        row("end_assessment", "assessment_completed", ["assessment"], "deciding", [SPECIALIST, ADMISSIONS, PARTNER],
            "The last assessment is in; admissions decide."),
        row("offer", "offer_made", ["deciding", "waitlisted"], "offered", [ADMISSIONS],
            "The person is offered a seat, with conditions or without."),
        row("waitlist", "waitlisted", ["deciding"], "waitlisted", [ADMISSIONS],
            "The person is put on the waiting list; the order is kept."),
        row("reject", "application_rejected", ["deciding", "waitlisted"], "rejected", [ADMISSIONS],
            "A named person rejects, with reasons from a closed list."),
        row("withdraw_offer", "offer_withdrawn", ["offered", "accepted"], "offer_withdrawn", [ADMISSIONS],
            "The offer is taken back, with a reason."),
        row("rule_condition", "condition_ruled", ["offered", "accepted"], None, [ADMISSIONS],
            "A condition of the offer is met, or its date is moved."),
        row("fail_condition", "condition_failed", ["offered", "accepted"], "conditions_not_met", [ADMISSIONS],
            "A condition of the offer was not met."),
        row("accept_offer", "offer_accepted", ["offered"], "accepted", [APPLICANT], "The person accepts."),
        row("decline_offer", "offer_declined", ["offered"], "declined", [APPLICANT], "The person declines."),
        row("remind_of_offer", "offer_reminded", ["offered"], None, [SYSTEM], "The person is reminded of the offer."),
        row("lapse_offer", "offer_lapsed", ["offered"], "declined_by_default", [SYSTEM],
            "The offer was not answered by its date, after two delivered reminders."),
        row("withdraw_application", "application_withdrawn", OPEN, "withdrawn", [APPLICANT],
            "The person withdraws the application."),
        row("reopen", "application_reopened", CLOSED, "deciding", [ADMISSIONS],
            "Staff reopen the application, with a reason."),
        row("undo_lapse", "offer_lapse_undone", ["declined_by_default"], "offered", [ADMISSIONS],
            "Within 30 days a lapsed offer is given back."),
        *custody.rows(STATES[1:], OPEN),
    ),
)  # fmt: skip


class Submission(Record):
    """An application as sent, by the hash of its content; the content itself stands in the submission item."""

    hash: str
    at: datetime
    chosen: bool = False
    flags: list[str] = Field(default_factory=list)


UNCONFIRMED = "unconfirmed_certificate"
"""A file that came with an application which the address's owner has not chosen yet: nobody knows whose it is."""


class Document(Record):
    """A file of the person: unseen until everything kept of it was found clean.

    `copy_blob` is an image written anew, and what staff are shown. `etags` binds a scan to the blob that was stored.
    """

    blob: str
    kind: str
    content_type: str
    size: int = 0
    copy_blob: str | None = None
    etags: dict[str, str] = Field(default_factory=dict)
    found_clean: list[str] = Field(default_factory=list)
    status: str = "scanning"
    added_at: datetime
    by: str = "applicant"


class Assessment(Record):
    """A test or an interview. `outcome` is passed, failed or retake; an open accommodation request blocks refusal."""

    id: str
    kind: str
    outcome: str
    score: int | None = None
    accommodation_open: bool = False
    on: date


class Condition(Record):
    """What must still come true of an offer."""

    kind: str
    due_on: date
    status: str = "open"


class Offer(Record):
    """The offer as made: the deadline is stored, never recomputed."""

    made_on: date
    answer_by: date
    conditions: dict[str, Condition] = Field(default_factory=dict)
    reminders: list[str] = Field(default_factory=list)
    answered_on: date | None = None
    lapsed_on: date | None = None


class Application(Record):
    """Where the application stands."""

    status: str = NONE
    submitted_at: datetime | None = None
    since: datetime | None = None
    submissions: list[Submission] = Field(default_factory=list)
    prerequisite: str = "unknown"
    prerequisite_reasons: list[str] = Field(default_factory=list)
    specialist: str | None = None
    screening: list[str] = Field(default_factory=list)
    recommended: bool | None = None
    assessments: list[Assessment] = Field(default_factory=list)
    offer: Offer | None = None
    waitlisted_at: datetime | None = None
    fell_due: list[str] = Field(default_factory=list)
    """What the person was to do by a day that has passed: a key of what and by when, once each."""
    reasons: list[str] = Field(default_factory=list)


def fold(case: Case, event: Event) -> None:
    """Add to the case what an event of this cycle says, beyond the state (which the table moves)."""
    FOLDS.get(event.kind, _nothing)(case, event)


def _nothing(case: Case, event: Event) -> None:
    """An event that says all by its state."""


def _submitted(case: Case, event: Event) -> None:
    data = event.data
    case.programme, case.intake, case.attempt = data["programme"], data["intake"], data["attempt"]
    case.country, case.time_zone, case.language = data["country"], data["time_zone"], data["language"]
    case.accreditation_read = data["accreditation_read"]
    application = case.application
    application.submitted_at = event.at
    application.prerequisite = data["prerequisite"]
    application.prerequisite_reasons = data["prerequisite_reasons"]
    application.submissions.append(
        Submission(hash=str(event.subject), at=event.at, chosen=True, flags=data.get("flags", []))
    )


def _submission_added(case: Case, event: Event) -> None:
    case.application.submissions.append(
        Submission(hash=str(event.subject), at=event.at, flags=event.data.get("flags", []))
    )


def _submission_chosen(case: Case, event: Event) -> None:
    for submission in case.application.submissions:
        submission.chosen = submission.hash == event.subject
    case.application.prerequisite = event.data["prerequisite"]
    case.application.prerequisite_reasons = event.data["prerequisite_reasons"]
    case.country, case.time_zone = event.data["country"], event.data["time_zone"]


def _details_corrected(case: Case, event: Event) -> None:
    case.time_zone = event.data.get("time_zone", case.time_zone)
    case.language = event.data.get("language", case.language)
    if "prerequisite" in event.data:
        case.application.prerequisite = event.data["prerequisite"]
        case.application.prerequisite_reasons = event.data["prerequisite_reasons"]


def _document_added(case: Case, event: Event) -> None:
    known = case.documents.get(str(event.subject))
    if known is not None:
        known.kind = event.data["kind"]
        return
    case.documents[str(event.subject)] = Document(added_at=event.at, by=event.actor.role, **event.data)


def _document_scanned(case: Case, event: Event) -> None:
    document, blob = case.documents[str(event.subject)], event.data.get("blob")
    if event.data["result"] == "malicious":
        document.status = "malicious"
        return
    if blob is not None:
        document.found_clean.append(blob)
    if blob is None or set(document.etags) <= set(document.found_clean):
        document.status = "clean"


def _fell_due(case: Case, event: Event) -> None:
    case.application.fell_due.append(event.data["key"])


def _bounced(case: Case, event: Event) -> None:
    case.bounced_at = event.at


def _assigned(case: Case, event: Event) -> None:
    case.application.specialist = event.data["specialist"]


def _screened(case: Case, event: Event) -> None:
    kind = event.data["kind"]
    if kind in ("degree_verified", "degree_doubted"):
        case.application.prerequisite = "met" if kind == "degree_verified" else "unknown"
    if kind not in case.application.screening:
        case.application.screening.append(kind)


def _recommended(case: Case, event: Event) -> None:
    case.application.recommended = event.kind == "assessment_recommended"


def _assessed(case: Case, event: Event) -> None:
    assessment = Assessment(id=str(event.subject), on=event.occurred_on or event.at.date(), **event.data)
    kept = [each for each in case.application.assessments if each.id != assessment.id]
    case.application.assessments = [*kept, assessment]


def _offered(case: Case, event: Event) -> None:
    conditions = {key: Condition(**value) for key, value in event.data["conditions"].items()}
    case.application.offer = Offer(
        made_on=event.occurred_on or event.at.date(), answer_by=event.data["answer_by"], conditions=conditions
    )
    case.application.waitlisted_at = None


def _waitlisted(case: Case, event: Event) -> None:
    case.application.waitlisted_at = event.at


def _closed(case: Case, event: Event) -> None:
    case.application.reasons = list(event.data.get("reasons", []))


def _condition(case: Case, event: Event) -> None:
    offer = case.application.offer
    assert offer is not None
    condition = offer.conditions[str(event.subject)]
    condition.status = event.data["outcome"]
    if event.data["outcome"] == "extended":
        condition.status, condition.due_on = "open", date.fromisoformat(event.data["due_on"])


def _answered(case: Case, event: Event) -> None:
    assert case.application.offer is not None
    case.application.offer.answered_on = event.occurred_on


def _reminded(case: Case, event: Event) -> None:
    assert case.application.offer is not None
    case.application.offer.reminders.append(event.data["message"])


def _lapsed(case: Case, event: Event) -> None:
    assert case.application.offer is not None
    case.application.offer.lapsed_on = event.occurred_on


def _given_back(case: Case, event: Event) -> None:
    assert case.application.offer is not None
    case.application.offer.lapsed_on = None
    case.application.offer.reminders = []
    case.application.offer.answer_by = date.fromisoformat(event.data["answer_by"])


FOLDS: dict[str, Callable[[Case, Event], None]] = {
    "application_submitted": _submitted,
    "submission_added": _submission_added,
    "submission_chosen": _submission_chosen,
    "details_corrected": _details_corrected,
    "document_added": _document_added,
    "document_scanned": _document_scanned,
    "mail_bounced": _bounced,
    "application_fell_due": _fell_due,
    "specialist_assigned": _assigned,
    "screening_recorded": _screened,
    "assessment_recommended": _recommended,
    "assessment_advised_against": _recommended,
    "assessment_recorded": _assessed,
    "offer_made": _offered,
    "waitlisted": _waitlisted,
    "application_rejected": _closed,
    "offer_withdrawn": _closed,
    "condition_ruled": _condition,
    "condition_failed": _condition,
    "offer_accepted": _answered,
    "offer_declined": _answered,
    "offer_reminded": _reminded,
    "offer_lapsed": _lapsed,
    "offer_lapse_undone": _given_back,
    **custody.FOLDS,
}

"""The graduate's months of search: weeks, pauses, job offers, introductions, waivers, and what was said about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from pydantic import Field

from shared.domain.events import Event, Record
from shared.domain.life_cycle import Role, Row, row

if TYPE_CHECKING:
    from shared.domain.case import Case

APPLICANT, CAREERS, FINANCE, PARTNER, SYSTEM = Role.APPLICANT, Role.CAREERS, Role.FINANCE, Role.PARTNER, Role.SYSTEM


def rows(studying: Sequence[str], with_contract: Sequence[str]) -> tuple[Row, ...]:
    """What may happen in the search, as rows of the enrolment's table."""
    return (
        row("request_pause", "pause_requested", ["qualified"], None, [APPLICANT],
            "The graduate asks that the window be paused."),
        row("rule_pause", "pause_ruled", ["qualified"], None, [CAREERS], "Careers approve, reject or revoke a pause."),
        row("end_pause", "pause_ended", ["qualified"], None, [CAREERS],
            "A pause without an end, or too long, gets its last day."),
        row("exempt_weeks", "weeks_exempted", ["qualified"], None, [CAREERS],
            "Careers advised in writing to do something else in these weeks; they need no applications."),
        row("log_search_week", "search_week_logged", ["qualified"], None, [APPLICANT, CAREERS, PARTNER],
            "How many applications the graduate sent in one week; once it is closed, only careers log it."),
        row("log_earlier_week", "search_week_logged", ["diploma_revoked"], None, [PARTNER],
            "A week's log that comes after the diploma was taken back."),
        row("warn_of_search", "search_warned", ["qualified"], None, [SYSTEM],
            "The graduate is told that the short weeks allowed are nearly used, and until when weeks can be logged."),
        row("ask_for_contact", "contact_fell_due", ["qualified"], None, [SYSTEM],
            "Few days are left, nothing was heard, and careers have not been in touch yet."),
        row("report_offer", "job_offer_reported", [*studying, "qualified"], None, [APPLICANT, PARTNER],
            "An employer made the person a job offer."),
        row("answer_offer", "job_offer_answered", [*studying, "qualified"], None, [APPLICANT, PARTNER],
            "The job offer was accepted, declined or left to lapse."),
        row("rule_offer", "job_offer_ruled", ["qualified"], None, [CAREERS],
            "Careers say whether a job offer would have counted."),
        row("introduce", "graduate_introduced", ["qualified"], None, [CAREERS],
            "Careers introduce the graduate, who agreed to it, to an employer with an open position."),
        row("move_introduction", "introduction_moved", ["qualified"], None, [CAREERS],
            "What became of an introduction: an offer, a decline (and whether it would have counted), a contract."),
        row("waive", "criterion_waived", ["qualified"], None, [CAREERS, FINANCE],
            "A named person waives a criterion, with a reason. A waiver only ever helps."),
        row("log_contact", "contact_logged", with_contract, None, [CAREERS], "Careers were in touch with the person."),
        row("remind_of_window", "window_reminded", ["qualified"], None, [SYSTEM],
            "The graduate is told how much of the window is left."),
        row("notify_claim", "claim_notice_sent", ["qualified"], None, [SYSTEM],
            "The graduate is told of the right to claim, and until when."),
        row("tell_outcome", "outcome_told", ["qualified"], None, [SYSTEM],
            "The graduate is told what the guarantee says today, clause by clause."),
        row("check_retention", "retention_checked", ["qualified"], None, [SYSTEM],
            "A job that began 34 days ago is asked after."),
    )  # fmt: skip


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
    by: str | None = None
    """The role whose word the outcome is; none where careers said it, or nobody noted who did."""
    said: dict[str, str] = Field(default_factory=dict)
    """Role -> what it last said became of the offer."""
    looked_at: list[str] = Field(default_factory=list)
    """Words, as `role:outcome`, that careers know of: what they have ruled upon is not opened again by one of them."""

    def disagrees(self, role: str, outcome: str) -> bool:
        """Whether this word goes against another's, or against what careers have ruled upon. What became of an offer
        that would not have counted is all the same."""
        if self.outcome in (None, outcome) or self.qualifying == "no":
            return False
        others = {word for voice, word in self.said.items() if voice != role}
        return self.qualifying == "yes" or self.by != role or bool(others - {outcome})

    @property
    def is_agreed(self) -> bool:
        """Whether everybody says of it what stands."""
        return set(self.said.values()) <= {self.outcome}

    def hear(self, role: str, outcome: str, stands: bool) -> None:
        """Note what a role says. What does not stand waits for careers, beside what was said before."""
        self.said[role] = outcome
        if not stands:
            self.qualifying = "unknown"
            self._look_at({role: outcome})
        elif outcome != self.outcome:
            self.outcome, self.by = outcome, role

    def rule(self, qualifying: str, outcome: str | None) -> None:
        """Careers say whether it would have counted, and what became of it where they say that too."""
        self.qualifying = qualifying
        if outcome is not None:
            self.outcome, self.by = outcome, None
        self._look_at(self.said)

    def _look_at(self, said: dict[str, str]) -> None:
        self.looked_at = sorted({*self.looked_at, *(f"{role}:{outcome}" for role, outcome in said.items())})


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
    case.enrolment.warned_weeks |= dict.fromkeys(event.data["weeks"], event.day)


def _contact_fell_due(case: Case, event: Event) -> None:
    case.enrolment.contact_due_on = event.occurred_on


def _offer_reported(case: Case, event: Event) -> None:
    case.enrolment.job_offers[str(event.subject)] = JobOffer(offered_on=event.day)


def _offer_answered(case: Case, event: Event) -> None:
    offer, outcome = case.enrolment.job_offers[str(event.subject)], event.data["outcome"]
    if "stands" in event.data:
        offer.hear(event.actor.role, outcome, event.data["stands"])
    else:
        offer.outcome = outcome  # Told before disagreements were noted.


def _offer_ruled(case: Case, event: Event) -> None:
    case.enrolment.job_offers[str(event.subject)].rule(event.data["qualifying"], event.data.get("outcome"))


def _introduced(case: Case, event: Event) -> None:
    case.enrolment.introductions[str(event.subject)] = Introduction(position=event.data["position"], on=event.day)


def _introduction_moved(case: Case, event: Event) -> None:
    outcome, offers = event.data["outcome"], case.enrolment.job_offers
    introduction = case.enrolment.introductions[str(event.subject)]
    introduction.status, introduction.placement = outcome, event.data.get("placement")
    if outcome == "not_chosen":
        offers.pop(f"o-{event.subject}", None)
        return
    offer = offers.setdefault(f"o-{event.subject}", JobOffer(offered_on=event.day))
    if outcome != "offered":
        offer.rule(event.data.get("qualifying", "yes"), "declined" if outcome == "declined" else "accepted")


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
    if "until" in event.data:
        case.enrolment.claim_notice_until = date.fromisoformat(event.data["until"])


def _told(case: Case, event: Event) -> None:
    case.enrolment.told = event.data["decision"]


def _retention_checked(case: Case, event: Event) -> None:
    case.placements[str(event.subject)].retention_checked = True


FOLDS: dict[str, Callable[[Case, Event], None]] = {
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
}

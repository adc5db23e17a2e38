"""A case in any state with something of everything, and one valid event of each kind: what enumerations need."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from shared.domain.application import Assessment, Condition, Document, Offer, Submission
from shared.domain.case import Case
from shared.domain.custody import Conflict, Correction, DataRequest, Hold
from shared.domain.enrolment import Contract, Leave
from shared.domain.enrolment import Payee as KnownPayee
from shared.domain.events import Actor, Event
from shared.domain.job_search import Introduction, JobOffer, Pause
from shared.domain.life_cycle import NONE, Role
from shared.domain.placement import Placement
from shared.domain.refund import Claim, Proposal, Refund, Share

NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)
DAY = date(2027, 6, 1)
BEFORE = datetime(2027, 5, 1, 12, tzinfo=UTC)
EARLIER = date(2027, 5, 1)

SHARE = {"payer": "self", "currency": "EUR", "amount_minor": 720_000}
PROPOSAL: dict[str, Any] = {
    "id": "r1-1", "verdict": "approval", "shares": [SHARE], "decision": "eligible", "clauses": ["2.1"],
    "terms": "2026-09", "binds": "b" * 64,
}  # fmt: skip
OTHER_PROPOSAL = PROPOSAL | {"id": "r1-2", "binds": "c" * 64}

EXAMPLES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "application_submitted": ("s3", {
        "programme": "ai-diploma", "intake": "2027-spring", "attempt": 2, "country": "GB",
        "time_zone": "Europe/London", "language": "fr", "accreditation_read": True, "prerequisite": "met",
        "prerequisite_reasons": [],
    }),
    "submission_added": ("s3", {}),
    "submission_chosen": ("s2", {
        "prerequisite": "met", "prerequisite_reasons": [], "country": "FR", "time_zone": "Europe/Paris",
    }),
    "details_corrected": (None, {"language": "fr"}),
    "document_added": ("d2", {"blob": "c/d2", "kind": "payslip", "content_type": "application/pdf"}),
    "document_scanned": ("d1", {"result": "clean"}),
    "mail_bounced": (None, {}),
    "application_fell_due": (None, {"key": "assessment:2027-02-01"}),
    "specialist_assigned": (None, {"specialist": "t/another"}),
    "screening_recorded": (None, {"kind": "call_held"}),
    "assessment_recommended": (None, {}),
    "assessment_advised_against": (None, {}),
    "assessment_recorded": ("T2", {"kind": "test", "outcome": "passed", "score": 80}),
    "assessment_completed": (None, {}),
    "offer_made": (None, {"answer_by": "2027-07-01", "conditions": {}}),
    "waitlisted": (None, {}),
    "application_rejected": (None, {"reasons": ["interview"]}),
    "offer_withdrawn": (None, {"reasons": ["false_statement"]}),
    "condition_ruled": ("c1", {"outcome": "extended", "due_on": "2027-08-01"}),
    "condition_failed": ("c1", {"outcome": "not_met"}),
    "offer_accepted": (None, {}),
    "offer_declined": (None, {}),
    "offer_reminded": (None, {"message": "message:000009-0"}),
    "offer_lapsed": (None, {}),
    "application_withdrawn": (None, {}),
    "application_reopened": (None, {}),
    "offer_lapse_undone": (None, {"answer_by": "2027-07-01"}),
    "partner_event_replayed": ("e" * 64, {}),
    "message_sent_again": ("000009-0", {}),
    "intake_moved": (None, {"intake": "2027-autumn"}),
    "duplicate_closed": (None, {"duplicate_of": "e" * 26}),
    "correction_proposed": ("t2", {"what": "started_on", "day": "2027-05-02", "was": "2027-05-01"}),
    "correction_signed": ("t1", {}),
    "correction_dropped": ("t1", {}),
    "data_requested": ("d2", {"kind": "erasure"}),
    "data_request_granted": ("d1", {}),
    "data_request_refused": ("d1", {}),
    "hold_placed": ("h2", {}),
    "hold_released": ("h1", {}),
    "erasure_begun": (None, {}),
    "data_erased": (None, {}),
    "conflict_declared": ("x2", {"staff": "t/friend", "relation": "friend"}),
    "conflict_lifted": ("x1", {}),
    "contract_sent": (None, {
        "price_minor": 800_000, "currency": "EUR", "country": "FR", "time_zone": "Europe/Paris", "deposit_minor": 1,
    }),
    "contract_received": (None, {}),
    "contract_signed": (None, {"terms": "2026-09"}),
    "contract_cancelled": (None, {}),
    "enrolment_withdrawn": (None, {}),
    "contract_taken_back": (None, {}),
    "contract_terminated": (None, {}),
    "course_started": (None, {}),
    "leave_requested": ("l2", {"first_day": "2027-06-10", "last_day": None}),
    "leave_granted": ("l1", {}),
    "leave_refused": ("l1", {}),
    "leave_ended": ("l1", {}),
    "limit_extended": (None, {"months": 2}),
    "limit_warned": (None, {"days_left": 60, "limit": "2027-07-31"}),
    "expiry_proposed": ("x2", {}),
    "expiry_dropped": ("x1", {}),
    "enrolment_expired": ("x1", {}),
    "enrolment_exempted": ("d1", {}),
    "enrolment_counted": (None, {}),
    "diploma_awarded": ("D1", {}),
    "diploma_revoked": (None, {}),
    "money_recorded": ("P2", {"kind": "payment", **SHARE}),
    "declared": (None, {"fact": "right_to_work", "value": "yes"}),
    "pause_requested": ("z2", {"first_day": "2027-06-10", "last_day": None, "kind": "illness"}),
    "pause_ruled": ("z1", {"outcome": "approved"}),
    "pause_ended": ("z1", {"last_day": "2027-06-20"}),
    "weeks_exempted": (None, {"first_day": "2027-06-07", "last_day": "2027-06-13"}),
    "graduate_introduced": ("i2", {"position": "a" * 32}),
    "introduction_moved": ("i1", {"outcome": "offered"}),
    "search_warned": (None, {"weeks": ["2027-05-24", "2027-05-31"]}),
    "contact_fell_due": (None, {}),
    "search_week_logged": (None, {"monday": "2027-05-31", "applications": 7}),
    "job_offer_reported": ("o2", {}),
    "job_offer_answered": ("o1", {"outcome": "declined", "stands": True}),
    "job_offer_ruled": ("o1", {"qualifying": "yes"}),
    "criterion_waived": (None, {"criterion": "searched_actively"}),
    "contact_logged": (None, {}),
    "window_reminded": (None, {"reminder": "60"}),
    "claim_notice_sent": (None, {}),
    "outcome_told": (None, {"decision": "open"}),
    "retention_checked": ("j1", {}),
    "payee_named": (None, {"hash": "e" * 64}),
    "contact_changed": (None, {}),
    "call_back_recorded": (None, {"about": "payee", "outcome": "confirmed", "hash": "d" * 64}),
    "placement_reported": ("j2", {"contract": "permanent"}),
    "placement_verified": ("j1", {"facts": {"hours": 35, "starts_on": "2027-06-15"}}),
    "placement_disputed": ("j1", {}),
    "placement_retracted": ("j1", {}),
    "placement_corrected": ("j1", {"facts": {"hours": 20}, "revision": 1, "told": {"1": "f" * 16}}),
    "placement_matched": ("j1", {"job": "j1"}),
    "confirmation_requested": ("j1", {}),
    "evidence_added": ("j1", {"documents": ["d1"]}),
    "placement_ended": ("j1", {"end_reason": "resigned"}),
    "claim_filed": ("r1", {"claim": "k2"}),
    "claim_withdrawn": ("r1", {"claim": "k1"}),
    "refund_proposed": ("r1", OTHER_PROPOSAL),
    "proposal_returned": ("r1", {}),
    "proposal_dropped": ("r1", {}),
    "refund_approved": ("r1", {}),
    "refund_refused": ("r1", {}),
    "account_wanted": ("r1", {"after_days": 14}),
    "refund_lapsed": ("r1", {}),
    "approval_voided": ("r1", OTHER_PROPOSAL),
    "payment_started": ("r1", {"payments": {"ref-2": SHARE | {"status": "sent"}}}),
    "share_confirmed": ("r1", {"reference": "ref-1", "partner_refund_id": "re_1"}),
    "share_failed": ("r1", {"reference": "ref-1"}),
    "payment_confirmed": ("r1", {}),
    "payment_failed": ("r1", {"reference": "ref-1"}),
    "refund_reapproved": ("r1", {}),
    "appeal_filed": ("r1", {}),
    "appeal_upheld": ("r1", {}),
    "appeal_overturned": ("r1", {}),
    "refund_frozen": ("r1", {}),
    "refund_released": ("r1", {}),
    "recovery_opened": ("r1", {}),
    "recovery_signed": ("r1", {}),
    "recovery_dropped": ("r1", {}),
    "recovery_recorded": ("r1", {}),
    "recovery_waived": ("r1", {}),
}  # fmt: skip
"""Each kind of event once: its subject and data, chosen so that folding it in changes the case of `case_in`."""

REASONS = {"hold_placed": "dispute", "appeal_filed": "facts", "criterion_waived": "hardship"}
ACTOR_ID = "t/somebody"


def event_of(kind: str, role: Role = Role.SYSTEM, sequence: int = 8, subject: str | None = None) -> Event:
    """One valid event of this kind; `subject` replaces the example's own."""
    own, data = EXAMPLES[kind]
    return Event(
        sequence=sequence, kind=kind, subject=subject or own, actor=Actor(role=role, id=ACTOR_ID), at=NOON,
        occurred_on=DAY, reason=REASONS.get(kind), data=data,
    )  # fmt: skip


def case_in(cycle: str, state: str) -> Case:
    """A case with something of everything, in which one life cycle stands in `state`."""
    case = Case(
        case_id="c" * 26, sequence=7, country="US", time_zone="America/New_York", contact_confirmed=False,
    )  # fmt: skip
    application, enrolment = case.application, case.enrolment
    application.submissions = [
        Submission(hash="s1", at=BEFORE, chosen=True),
        Submission(hash="s2", at=BEFORE),
    ]
    application.offer = Offer(
        made_on=EARLIER, answer_by=EARLIER, reminders=["message:000001-0"],
        conditions={"c1": Condition(kind="degree", due_on=EARLIER)}, lapsed_on=EARLIER,
    )  # fmt: skip
    application.assessments = [Assessment(id="T1", kind="test", outcome="retake", on=EARLIER)]
    case.documents = {"d1": Document(blob="c/d1", kind="certificate", content_type="application/pdf", added_at=BEFORE)}
    enrolment.contract = Contract(
        sent_on=EARLIER, price_minor=700_000, currency="EUR", country="FR", time_zone="Europe/Paris"
    )
    enrolment.leaves = [Leave(id="l1", first_day=EARLIER)]
    enrolment.pauses = [Pause(id="z1", first_day=EARLIER)]
    enrolment.introductions = {"i1": Introduction(position="b" * 32, on=EARLIER)}
    enrolment.job_offers = {"o1": JobOffer(offered_on=EARLIER)}
    enrolment.expiry_proposal = "x1"
    enrolment.exempt_by = "d0"
    case.payee = KnownPayee(hash="d" * 64, named_at=BEFORE, named_by="applicant")
    case.custody.requests = [DataRequest(id="d1", kind="export", asked_at=BEFORE, asked_by="applicant")]
    case.custody.holds = [Hold(id="h1", placed_on=EARLIER, placed_by="t/another", reason="dispute")]
    case.custody.corrections = [Correction(id="t1", what="qualified_on", day=DAY, was=EARLIER, proposed_by="t/another")]
    case.custody.conflicts = [Conflict(id="x1", staff="t/aunt", relation="relative", declared_by="t/aunt")]
    case.claims = [Claim(id="k1", filed_at=BEFORE, refund="r1")]
    case.placements["j1"] = Placement(
        status="reported", source="applicant", source_id="applicant", reported_on=EARLIER, contract="permanent"
    )
    case.refunds["r1"] = Refund(
        ground="guarantee", status="proposed", proposal=Proposal(made_at=BEFORE, **PROPOSAL), paid_on=EARLIER,
        payments={"ref-1": Share(status="sent", **SHARE)}, frozen="amount_differs", recovery_signed_by="t/another",
    )  # fmt: skip
    if cycle == "application":
        application.status = state
    elif cycle == "enrolment":
        enrolment.status = state
    elif cycle == "placement":
        case.placements["j1"].status = state
        if state == NONE:
            del case.placements["j1"]
    else:
        case.refunds["r1"].status = state
    return case


def subject_in(cycle: str, kind: str) -> str | None:
    """The subject that makes an event meet the case of `case_in`: reports and refunds have a state each."""
    return {"placement": "j1", "refund": "r1"}.get(cycle) or EXAMPLES[kind][0]

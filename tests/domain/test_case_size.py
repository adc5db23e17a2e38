"""The snapshot stays small: a case in which everything went on for as long as it can is under 200 kB as stored."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from shared.domain.case import Case
from shared.domain.life_cycle import NONE, Role
from shared.use_cases.commands import CASE_BYTES_MAX, case_from, item_from
from tests.domain.records import EXAMPLES, OTHER_PROPOSAL, SHARE, case_in, event_of

LIMIT = 200_000
STAFF = [f"6f1d2b6a-52c5-4b0e-9f0f-7d1f6c3a9e11/{number:08d}-52c5-4b0e-9f0f-7d1f6c3a9e11" for number in range(20)]
FIRST_MONDAY = date(2027, 6, 7)


def stored_bytes(case: Case) -> int:
    """How large the snapshot is on the wire."""
    return len(json.dumps(item_from(case), ensure_ascii=False, separators=(",", ":")).encode())


class Long:
    """A case to which more and more happens, each event folded in as the service folds it."""

    def __init__(self) -> None:
        self.case = case_in("application", NONE)
        self.case.enrolment.status = NONE

    def add(self, kind: str, subject: str | None = None, /, *, by: str = STAFF[0], **data: Any) -> None:
        event = event_of(kind, Role.CAREERS, self.case.sequence + 1, subject)
        actor = event.actor.model_copy(update={"id": by})
        self.case.apply(
            event.model_copy(update={"actor": actor, "data": EXAMPLES[kind][1] | data}).sealed(self.case.head)
        )


def a_maximal_case() -> Case:
    """Two years and more of a busy life: far beyond what one person does, and what a stubborn one might."""
    long = Long()
    long.add("application_submitted", "0" * 64)
    for number in range(40):
        long.add("submission_added", f"{number:064x}", flags=["honeypot"])
    for specialist in STAFF:
        long.add("specialist_assigned", specialist=specialist)
    long.add("assessment_recommended", by=STAFF[0])
    for number in range(20):
        long.add("assessment_recorded", f"assessment-{number:080d}")
    long.add("assessment_completed")
    long.add("offer_made", conditions={f"c{n}": {"kind": "x" * 60, "due_on": "2027-03-01"} for n in range(10)})
    for number in range(30):
        long.add("offer_reminded", message=f"message:{number:06d}-0")
    long.add("offer_accepted")
    for number in range(80):
        blob = f"{'c' * 26}/{number:064x}"
        long.add("document_added", f"{number:064x}", blob=blob, kind="pause_evidence")
        long.add("document_scanned", f"{number:064x}", result="clean")
    for kind in ("contract_sent", "contract_received", "contract_signed", "course_started"):
        long.add(kind)
    for number in range(24):
        long.add("leave_requested", f"leave{number}")
        long.add("leave_granted", f"leave{number}")
        long.add("leave_ended", f"leave{number}")
    for number in range(80):
        long.add("money_recorded", f"payment-{number:080d}", payer="employer:" + "x" * 31)
    long.add("diploma_awarded")
    for number in range(24):
        long.add("pause_requested", f"pause{number}", kind="x" * 60)
        long.add("pause_ruled", f"pause{number}")
        long.add("weeks_exempted")
        long.add("criterion_waived", by=STAFF[number % 20], criterion="searched_actively")
    for week in range(120):
        long.add("search_week_logged", monday=(FIRST_MONDAY + timedelta(weeks=week)).isoformat(), applications=500)
    for number in range(40):
        long.add("job_offer_reported", f"o{number:060d}")
        long.add("job_offer_answered", f"o{number:060d}")
        long.add("job_offer_ruled", f"o{number:060d}", by=STAFF[number % 20])
        long.add("declared", f"p{number:060d}", fact="self_employment_attested", value="yes")
    facts = dict.fromkeys(("contract_signed_on", "offered_on", "starts_on", "fixed_end"), "2027-06-15")
    for number in range(40):
        long.add("placement_reported", f"p{number:060d}", by=STAFF[0], **facts, hours=35, renews=f"p{number:060d}")
        long.add("placement_verified", f"p{number:060d}", by=STAFF[number % 20], facts={"hours": 20})
        long.add("placement_ended", f"p{number:060d}")
        long.add("retention_checked", f"p{number:060d}")
    shares = [SHARE | {"payer": f"payer:{number:030d}", "status": "sent"} for number in range(5)]
    clauses = [f"{number}.{number}" for number in range(30)]
    for number in range(1, 9):
        refund = f"r{number}"
        for claim in range(4):
            long.add("claim_filed", refund, claim=f"k{number}-{claim}")
            long.add("refund_proposed", refund, **OTHER_PROPOSAL | {"shares": shares, "clauses": clauses})
        long.add("refund_approved", refund, by=STAFF[number])
        for attempt in range(3):
            payments = {f"{'c' * 26}-{refund}-{attempt}-{n}": share for n, share in enumerate(shares)}
            long.add("payment_started", refund, by=STAFF[number], payments=payments)
            long.add("payment_failed", refund, reference=f"{'c' * 26}-{refund}-{attempt}-0")
            long.add("refund_reapproved", refund, by=STAFF[number])
    for number in range(1000):
        long.add("contact_logged", by=STAFF[number % 20])
        long.add("contact_changed")
    return long.case


def test_a_maximal_case_is_under_two_hundred_kilobytes_as_stored() -> None:
    case = a_maximal_case()

    assert case.sequence > 2_500
    assert stored_bytes(case) < LIMIT
    assert CASE_BYTES_MAX == LIMIT


def test_a_maximal_case_is_read_back_as_it_was_stored() -> None:
    case = a_maximal_case()

    assert case_from(json.loads(json.dumps(item_from(case)))) == case


def test_what_only_happens_again_does_not_make_a_case_larger() -> None:
    long = Long()
    for kind in ("application_submitted", "specialist_assigned"):
        long.add(kind)
    for kind in ("contract_sent", "contract_received", "contract_signed", "course_started", "diploma_awarded"):
        long.add(kind)
    again = (
        "screening_recorded", "details_corrected", "mail_bounced", "contact_changed", "contact_logged",
        "call_back_recorded", "search_week_logged", "job_offer_ruled", "declared", "outcome_told", "payee_named",
    )  # fmt: skip
    for kind in again:
        long.add(kind)
    before = stored_bytes(long.case)

    for kind in again * 200:
        long.add(kind)

    assert stored_bytes(long.case) - before < 20


def test_a_new_case_is_stored_in_a_few_hundred_bytes() -> None:
    assert stored_bytes(Case(case_id="c" * 26)) < 800

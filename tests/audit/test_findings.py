"""Each finding: exactly that defect planted in the database, from outside, and exactly that finding seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from local.testing import Stack
from shared.audit.findings import KINDS
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines, job_search, payments, placements, refunds
from tests.builders import SERVICES, InMemory
from tests.people import Applicant
from tests.tampering import Vault, event_item, forged, new_case_id, resealed

NOW = "2028-04-25T12:00:00Z"
AMOUNT = {"amount": "7200.00", "currency": "EUR"}


@pytest.fixture(scope="module")
def vault() -> Iterator[Vault]:
    with Stack(now=NOW) as stack:
        yield Vault(stack)


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["finding"] for each in found]


def qualified(signed_on: str = "2027-02-22") -> InMemory:
    """A guarantee whose window ended on 4 April 2028."""
    return InMemory(case_id=new_case_id()).qualified("2027-10-04", signed_on=signed_on)


def swept(case: InMemory, day: str = "2028-04-17") -> InMemory:
    case.do(day, Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))
    return case


def approved() -> InMemory:
    case = swept(qualified()).has_payee("2028-04-17")
    case.signs("2028-04-18", who="finance-1")
    return case


def ordered() -> InMemory:
    case = approved()
    case.do("2028-04-22", Role.FINANCE, lambda c: payments.pay(c, SERVICES, refund="r1"), who="finance-2")
    return case


def told(case: InMemory, **other: Any) -> dict[str, Any]:
    reference = next(iter(case.refund().payments))
    return {"reference": reference, "refund_id": "R-1", "amount": AMOUNT, "refunded_on": "2028-04-23"} | other


def paid() -> InMemory:
    case = ordered()
    case.do("2028-04-23", Role.PARTNER, lambda change: payments.confirm(change, told(case)))
    return case


def claimed() -> InMemory:
    """A claim, after a notice, that is not decided yet, and not late."""
    case = qualified(signed_on="2027-03-15")
    job_free = {"first_day": date(2027, 10, 1), "last_day": date(2028, 5, 1), "note": "Build a portfolio."}
    case.do("2027-10-05", Role.CAREERS, lambda c: job_search.exempt_weeks(c, **job_free))
    swept(case, "2028-04-20")
    case.do("2028-04-24", Role.APPLICANT, lambda c: refunds.file_claim(c, SERVICES))
    return case


def placed(case: InMemory, day: str) -> InMemory:
    job = {"contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2028, 2, 1)}
    case.do(day, Role.APPLICANT, lambda c: placements.report_placement(c, **job, starts_on=date(2028, 2, 7)))
    return case


@pytest.mark.parametrize("build", [qualified, claimed, approved, ordered, paid])
def test_case_that_nobody_tampered_with_has_no_finding(vault: Vault, build: Callable[[], InMemory]) -> None:
    case = build() if build is not qualified else swept(qualified())

    assert vault.findings(vault.lay(case)) == []


# -- the record ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [{"enrolment__extension_months": 3}, {"refunds__r1__status": "paid"}, {"country": "US"}, {"sequence_of": 1}],
)
def test_snapshot_that_was_rewritten(vault: Vault, values: dict[str, Any]) -> None:
    case_id = vault.lay(approved())
    if "sequence_of" in values:
        values = {"agenda__turn": "nobody", "agenda__what": "nothing"}

    vault.change(case_id, "case", **values)

    assert names(vault.findings(case_id)) == ["snapshot_differs"]


def test_snapshot_that_cannot_be_read(vault: Vault) -> None:
    case_id = vault.lay(approved())

    vault.change(case_id, "case", enrolment="gone")

    assert names(vault.findings(case_id)) == ["snapshot_differs"]


def test_event_that_was_changed(vault: Vault) -> None:
    case_id = vault.lay(approved())

    vault.change(case_id, "event:000009", data={"amount_minor": 1})

    assert names(vault.findings(case_id)) == ["chain_broken"]


def test_event_that_is_missing(vault: Vault) -> None:
    case_id = vault.lay(approved())

    vault.container().delete_item("event:000007", case_id)

    assert names(vault.findings(case_id)) == ["chain_broken"]


def test_event_that_was_inserted(vault: Vault) -> None:
    case = approved()
    case_id = vault.lay(case)
    forged(case, "2028-04-19", Role.CAREERS, "careers-3", "contact_logged", None)

    vault.container().create_item(event_item(case.events[-1]) | {"case_id": case_id})

    assert names(vault.findings(case_id)) == ["chain_broken"]


def test_events_that_changed_places(vault: Vault) -> None:
    case = approved()
    case_id = vault.lay(case)
    seventh, eighth = case.events[6], case.events[7]

    for number, event in ((7, eighth), (8, seventh)):
        item = event_item(event) | {"case_id": case_id, "id": f"event:{number:06d}"}
        vault.container().replace_item(f"event:{number:06d}", item)

    assert names(vault.findings(case_id)) == ["chain_broken"]


def test_chain_that_was_cut_off(vault: Vault) -> None:
    case = approved()
    case_id = vault.lay(case)

    vault.container().delete_item(f"event:{case.case.sequence:06d}", case_id)

    assert names(vault.findings(case_id)) == ["chain_broken"]


def test_chain_that_was_cut_off_together_with_its_snapshot_shows_at_the_anchored_head(vault: Vault) -> None:
    case = swept(qualified()).has_payee("2028-04-17")
    before = InMemory(case_id=case.case.case_id)
    before.case, before.events = case.case.model_copy(deep=True), list(case.events)
    case.signs("2028-04-18", who="finance-1")
    case_id = vault.lay(case)
    clean = vault.findings(case_id)

    vault.container().delete_item(f"event:{case.case.sequence:06d}", case_id)
    vault.container().delete_item("case", case_id)
    vault.container().create_item(item(before))

    assert (clean, names(vault.findings(case_id))) == ([], ["chain_broken"])


def test_chain_that_was_rewritten_from_end_to_end_shows_at_the_anchored_head(vault: Vault) -> None:
    case = swept(qualified())
    case_id = vault.lay(case)
    clean = vault.findings(case_id)
    payment = next(event for event in case.events if event.kind == "money_recorded")

    resealed(case, payment.sequence, payment.data | {"amount_minor": 1_000})
    for event in case.events:
        stored = event_item(event) | {"case_id": case_id}
        vault.container().replace_item(stored["id"], stored)
    vault.container().replace_item("case", item(case))

    assert (clean, "chain_broken" in names(vault.findings(case_id))) == ([], True)


def test_case_that_is_gone_altogether_shows_by_its_anchors(vault: Vault) -> None:
    case = swept(qualified())
    case_id = vault.lay(case)
    clean = vault.findings(case_id)
    for name in ("case", *(f"event:{event.sequence:06d}" for event in case.events)):
        vault.container().delete_item(name, case_id)

    found = [each for each in vault.findings() if each["case_id"] == case_id]

    assert (clean, names(found), found[0]["evidence"]) == ([], ["chain_broken"], ["the whole case is gone"])


def item(case: InMemory) -> dict[str, Any]:
    from shared.use_cases.commands import item_from

    return item_from(case.case) | {"case_id": case.case.case_id}


# -- decisions and waiting -------------------------------------------------------------------------------------------


def test_stored_decision_that_the_policy_does_not_give(vault: Vault) -> None:
    case = claimed()
    claim = case.events[-1]
    judged = claim.data["judged"] | {"decision": "lapsed"}
    resealed(case, claim.sequence, claim.data | {"judged": judged})

    assert names(vault.findings(vault.lay(case))) == ["decision_differs"]


def test_decision_in_the_snapshot_that_the_policy_does_not_give(vault: Vault) -> None:
    case_id = vault.lay(swept(qualified()))

    vault.change(case_id, "case", guarantee__decision="not_eligible")

    assert names(vault.findings(case_id)) == ["decision_differs"]


def test_guarantee_that_the_sweep_passed_over(vault: Vault) -> None:
    assert names(vault.findings(vault.lay(qualified()))) == ["transition_missed"]


def test_proposal_that_nobody_signs(vault: Vault) -> None:
    assert names(vault.findings(vault.lay(swept(qualified(), "2028-04-14")))) == ["claim_undecided"]


def test_approved_refund_that_nobody_pays(vault: Vault) -> None:
    case = swept(qualified(), "2028-04-06").has_payee("2028-04-06")
    case.signs("2028-04-07", who="finance-1")

    assert names(vault.findings(vault.lay(case))) == ["refund_unpaid"]


# -- money -----------------------------------------------------------------------------------------------------------


def money(case: InMemory, line_id: str, amount_minor: int, kind: str = "refund", refund: str | None = "r1") -> None:
    about = {"kind": kind, "payer": "self", "amount_minor": amount_minor, "currency": "EUR", "refund": refund}
    forged(case, "2028-04-24", Role.PARTNER, "payments", "money_recorded", line_id, **about)


def test_money_that_went_out_without_a_signature(vault: Vault) -> None:
    case = swept(qualified())
    money(case, "refund:x", 720_000)

    found = vault.findings(vault.lay(case))

    assert names(found) == ["paid_without_approval"]


def test_money_that_went_out_on_a_refund_that_is_not_there(vault: Vault) -> None:
    case = swept(qualified())
    money(case, "refund:x", 100, refund="r9")

    found = vault.findings(vault.lay(case))

    assert names(found) == ["paid_without_approval"]


def test_money_that_went_out_twice(vault: Vault) -> None:
    case = paid()
    money(case, "refund:again", 720_000)

    assert names(vault.findings(vault.lay(case))) == ["paid_twice"]


def test_amount_that_is_not_the_approved_one(vault: Vault) -> None:
    case = ordered()
    reference = next(iter(case.refund().payments))
    day, partner = "2028-04-23", (Role.PARTNER, "payments")
    forged(case, day, *partner, "share_confirmed", "r1", reference=reference, partner_refund_id="R")
    money(case, f"refund:{reference}", 719_999)
    forged(case, day, *partner, "payment_confirmed", "r1")

    assert names(vault.findings(vault.lay(case))) == ["amount_differs"]


def test_more_that_went_back_than_came_in(vault: Vault) -> None:
    case = paid()
    money(case, "charged-back", 720_000, kind="chargeback", refund=None)

    assert names(vault.findings(vault.lay(case))) == ["ledger_unbalanced"]


def test_one_person_who_signs_and_pays(vault: Vault) -> None:
    case = approved()
    share = case.refund().proposal.shares[0].model_dump(mode="json")
    about = {"payments": {f"{case.case.case_id}-r1-1-1": share}, "payee": case.case.payee.hash}  # type: ignore[union-attr]
    forged(case, "2028-04-22", Role.FINANCE, "finance-1", "payment_started", "r1", **about)

    assert names(vault.findings(vault.lay(case))) == ["same_person"]


# -- jobs, people, files ---------------------------------------------------------------------------------------------


def test_job_that_was_reported_after_the_refund(vault: Vault) -> None:
    assert names(vault.findings(vault.lay(placed(paid(), "2028-04-25")))) == ["placement_after_refund"]


def test_job_that_is_disputed(vault: Vault) -> None:
    case = placed(swept(qualified()), "2028-04-24")
    case.do(
        "2028-04-24", Role.CAREERS, lambda c: placements.rule_placement(c, placement="p1", outcome="disputed"), who="c"
    )
    swept(case, "2028-04-24")

    assert names(vault.findings(vault.lay(case))) == ["placement_disputed"]


def test_two_claiming_cases_with_one_account(vault: Vault) -> None:
    first, second = claimed().has_payee("2028-04-24"), claimed().has_payee("2028-04-24")
    case_id, other = vault.lay(first), vault.lay(second)

    found = vault.findings(case_id)

    # Accounts of the other tests' people are the same, but those have not claimed.
    assert [(each["finding"], each["subject"]) for each in found] == [("duplicate_person", other)]


def test_two_claiming_cases_with_one_address(vault: Vault) -> None:
    first, second = claimed(), claimed()
    stack = vault.stack
    stack.move_clock("2027-01-11T12:00:00Z", timers=False)
    somebody = Applicant(stack).applied()
    stack.move_clock(NOW, timers=False)
    ids = [vault.lay(each, somebody.email) for each in (first, second)]
    row = next(each for each in vault.container("addresses").read_all_items() if somebody.case_id in each["cases"])
    vault.change(row["id"], row["id"], "addresses", cases=[*row["cases"], *ids])

    found = vault.findings(ids[0])

    assert [(each["finding"], each["subject"]) for each in found] == [("duplicate_person", ids[1])]


def test_nothing_is_never_the_same_as_nothing(vault: Vault) -> None:
    first, second = claimed(), claimed()
    vault.lay(second)

    assert vault.findings(vault.lay(first)) == []


@pytest.mark.parametrize("planted", ["gone", "another content"])
def test_file_that_is_gone_or_another_one(vault: Vault, planted: str) -> None:
    case = swept(qualified())
    content = f"what was stored for {case.case.case_id}".encode()
    digest = hashlib.sha256(content).hexdigest()
    blob = f"{case.case.case_id}/{digest}"
    about = {"blob": blob, "kind": "certificate", "content_type": "application/pdf", "size": len(content)}
    forged(case, "2028-04-20", Role.APPLICANT, "applicant", "document_added", digest[:16], **about)
    case_id = vault.lay(case)
    account = vault.stack.info["blob"]
    with BlobServiceClient(account["url"], credential=account["key"], retry_total=0) as service:
        container = service.get_container_client("evidence")
        container.upload_blob(blob, content)
        clean = vault.findings(case_id)
        container.delete_blob(blob)
        if planted == "another content":
            container.upload_blob(blob, b"something else")

    found = vault.findings(case_id)

    assert clean == []
    assert [(each["finding"], each["evidence"]) for each in found] == [("evidence_missing", [planted])]


# -- promises and timers ---------------------------------------------------------------------------------------------


def whole(vault: Vault, name: str) -> list[dict[str, Any]]:
    """What a run over everything finds of one kind; the cases of the other tests are in it too."""
    return [each for each in vault.findings() if each["finding"] == name]


def test_message_that_is_dead_and_one_that_was_passed_over(vault: Vault) -> None:
    case_id = vault.lay(swept(qualified()))
    before = whole(vault, "promise_unanswered")
    letter = {"kind": "message", "case_id": case_id, "channel": "mail", "template": "outcome", "language": "en",
              "parameters": {}, "tries": 9, "next_try_at": "2999-01-01T00:00:00+00:00"}  # fmt: skip
    for number, status, day in ((1, "dead", "2028-04-24"), (2, "pending", "2028-04-20"), (3, "pending", "2028-04-24")):
        stated = {"id": f"message:{number}", "status": status, "created_at": f"{day}T12:00:00+00:00"}
        vault.container().create_item(letter | stated)

    found = [each for each in whole(vault, "promise_unanswered") if each not in before]

    assert [(each["case_id"], each["subject"]) for each in found] == [(case_id, "message:1"), (case_id, "message:2")]


def test_mail_that_an_employer_never_got(vault: Vault) -> None:
    case_id = vault.lay(swept(qualified()))
    mail = {"kind": "message", "case_id": case_id, "status": "bounced", "tries": 1,
            "created_at": "2028-04-24T12:00:00+00:00", "next_try_at": "2999-01-01T00:00:00+00:00"}  # fmt: skip
    vault.container().create_item(mail | {"id": "message:1", "channel": "employer"})
    vault.container().create_item(mail | {"id": "message:2", "channel": "mail"})  # Of this staff know.

    found = [each for each in whole(vault, "promise_unanswered") if each["case_id"] == case_id]

    assert [(each["subject"], each["evidence"]) for each in found] == [("message:1", ["bounced", "employer"])]


def test_event_of_a_partner_that_was_put_aside(vault: Vault) -> None:
    before = whole(vault, "promise_unanswered")
    row = {"id": "in-1", "kind": "inbox", "partner": "learning", "status": "dead_letter", "reason": "NotFound",
           "received_at": "2028-04-25T11:00:00+00:00", "tries": 10}  # fmt: skip
    vault.container("inbox").create_item(row)

    found = [each for each in whole(vault, "promise_unanswered") if each not in before]

    assert [each["subject"] for each in found] == ["in-1"]
    assert found[0]["evidence"] == ["dead_letter", "learning", "NotFound"]


def test_timer_that_fell_silent(vault: Vault) -> None:
    row_id = "heartbeat:run_deadlines"
    beat = {"id": row_id, "kind": "heartbeat", "timer": "run_deadlines", "counts": {}}
    beat |= {"first_at": "2028-04-24T20:00:00+00:00", "at": "2028-04-24T20:00:00+00:00"}
    vault.container("counters").upsert_item(beat)
    in_time = [each["subject"] for each in whole(vault, "late_sweep")]

    vault.change(row_id, row_id, "counters", at="2028-04-23T20:00:00+00:00")
    late = [each["subject"] for each in whole(vault, "late_sweep")]

    assert "run_deadlines" not in in_time
    assert "run_deadlines" in late


def test_every_finding_of_the_table_is_planted_here() -> None:
    from pathlib import Path

    text = Path(__file__).read_text("utf-8")

    assert [name for name in KINDS if f'"{name}"' not in text] == []

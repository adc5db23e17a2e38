"""What every act on a case promises: its cost, its races, its repeats."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local.testing import Stack
from tests.people import Applicant, calls_so_far, store_calls


def cost(stack: Stack, since: int) -> list[tuple[str, str, str | None]]:
    """The store calls of one act: links and kill-list apart, and what is sent after the batch."""
    calls = [call for call in store_calls(stack, since) if call["container"] == "cases"]
    until = next(n for n, call in enumerate(calls) if call["operation"] == "Batch")
    return [(call["operation"], call["container"], call.get("id")) for call in calls[: until + 1]]


def test_staff_command_costs_one_point_read_and_one_batch(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    headers = applicant.staff_headers("admissions") | {"Idempotency-Key": uuid.uuid4().hex}
    before = calls_so_far(stack)

    url = f"{applicant.api}/cases/{applicant.case_id}/assignment"
    answer = applicant.client.post(url, json={"specialist": "t/specialist"}, headers=headers)

    assert answer.status_code == 200, answer.text
    assert cost(stack, before) == [("Read", "cases", "case"), ("Batch", "cases", None)]


def test_persons_command_costs_one_point_read_and_one_batch(stack: Stack, applicant: Applicant) -> None:
    applicant.to_offer()
    before = calls_so_far(stack)

    answer = applicant.does("offer-answer", answer="accept")

    assert answer.status_code == 200, answer.text
    assert cost(stack, before) == [("Read", "cases", "case"), ("Batch", "cases", None)]


def test_webhook_costs_one_inbox_write_one_read_and_one_batch(stack: Stack, applicant: Applicant) -> None:
    applicant.to_contract()
    before = calls_so_far(stack)

    sent = stack.partner("learning").send("course.started", {"case_id": applicant.case_id, "started_on": "2027-01-11"})

    assert sent["status"] == 202
    calls = [(call["operation"], call["container"]) for call in store_calls(stack, before)]
    assert calls[:4] == [("Batch", "inbox"), ("Read", "cases"), ("Batch", "cases"), ("Batch", "inbox")]
    assert {container for _, container in calls[4:]} == {"inbox"}, "what waited for it is looked for"
    assert applicant.record()["enrolment"]["status"] == "studying"


def test_two_staff_deciding_at_once_one_wins_and_the_other_stores_nothing(stack: Stack, applicant: Applicant) -> None:
    applicant.to_decision()
    first, second = (applicant.staff_headers("admissions", number) for number in (0, 1))
    url = f"{applicant.api}/cases/{applicant.case_id}/admission-decision"
    asked = [
        (first, {"outcome": "offer"}),
        (second, {"outcome": "reject", "reasons": ["test_below_mark"]}),
    ]

    def decide(each: tuple[dict[str, str], dict[str, object]]) -> httpx.Response:
        headers, body = each
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.post(url, json=body, headers=headers | {"Idempotency-Key": uuid.uuid4().hex})

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(decide, asked))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    kinds = [event["kind"] for event in applicant.events()]
    assert kinds.count("offer_made") + kinds.count("application_rejected") == 1


def test_stale_version_is_refused_and_absent_version_is_asked_for(applicant: Applicant) -> None:
    applicant.applied()
    headers = applicant.staff_headers("admissions")
    url = f"{applicant.api}/cases/{applicant.case_id}/assignment"
    body = {"specialist": "t/specialist"}

    stale = applicant.client.post(url, json=body, headers=headers | {"If-Match": '"0000"'})
    absent = applicant.client.post(url, json=body, headers={"Authorization": headers["Authorization"]})
    star = applicant.client.post(url, json=body, headers=headers | {"If-Match": "*"})

    assert [stale.status_code, absent.status_code, star.status_code] == [412, 428, 400]
    assert applicant.record()["application"]["status"] == "submitted"


def test_repeated_decision_with_its_key_is_answered_again_and_done_once(applicant: Applicant) -> None:
    applicant.to_decision()
    key = uuid.uuid4().hex
    headers = applicant.staff_headers("admissions") | {"Idempotency-Key": key}
    url = f"{applicant.api}/cases/{applicant.case_id}/admission-decision"

    answers = [applicant.client.post(url, json={"outcome": "offer"}, headers=headers) for _ in range(3)]
    other = applicant.client.post(url, json={"outcome": "waitlist"}, headers=headers)

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert [event["kind"] for event in applicant.events()].count("offer_made") == 1


def test_refused_decision_is_refused_again_with_its_key_and_examined_anew_with_another(applicant: Applicant) -> None:
    applicant.applied()
    key = uuid.uuid4().hex
    early = applicant.staff("admissions", "admission-decision", key=key, outcome="offer")
    applicant.staff("admissions", "assignment", specialist="t/specialist")
    for act, body in (
        ("recommendation", {"outcome": "assess"}),
        ("assessments", {"assessment_id": "T1", "kind": "test", "outcome": "passed"}),
        ("assessments", {"assessment_id": "I1", "kind": "interview", "outcome": "passed"}),
    ):
        assert applicant.staff("specialist", act, **body).status_code == 200

    again = applicant.staff("admissions", "admission-decision", key=key, outcome="offer")
    other = applicant.staff("admissions", "admission-decision", key=key, outcome="waitlist")
    anew = applicant.staff("admissions", "admission-decision", outcome="offer")

    assert (early.status_code, early.headers.get("idempotent-replayed")) == (409, None)
    assert (again.status_code, again.json()) == (409, early.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert other.json()["type"] == "/problems/idempotency-key-reused"
    assert anew.status_code == 200, anew.text


def test_decision_without_its_key_is_refused(applicant: Applicant) -> None:
    applicant.to_decision()
    url = f"{applicant.api}/cases/{applicant.case_id}/admission-decision"

    answer = applicant.client.post(url, json={"outcome": "offer"}, headers=applicant.staff_headers("admissions"))

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-missing")


@pytest.mark.parametrize("who", ["webhook first", "staff first"])
def test_assessment_told_by_staff_and_by_webhook_is_one_assessment(
    stack: Stack, applicant: Applicant, who: str
) -> None:
    applicant.applied()
    applicant.staff("admissions", "assignment", specialist="t/specialist")
    applicant.staff("specialist", "recommendation", outcome="assess")
    staff = {"assessment_id": "X-1", "kind": "test", "outcome": "passed", "score": 60}
    told = {"case_id": applicant.case_id, "attempt_id": "X-1", "assessment": "test", "outcome": "passed", "score": 60}

    if who == "staff first":
        assert applicant.staff("specialist", "assessments", **staff).status_code == 200
    stack.partner("assessment").send("assessment.completed", told)
    if who == "webhook first":
        assert applicant.staff("specialist", "assessments", **staff).status_code == 200

    assert [event["kind"] for event in applicant.events()].count("assessment_recorded") == 1


def test_webhook_delivered_ten_times_at_once_has_one_effect(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    applicant.staff("admissions", "assignment", specialist="t/specialist")
    applicant.staff("specialist", "recommendation", outcome="assess")
    told = {"case_id": applicant.case_id, "attempt_id": "Y-1", "assessment": "test", "outcome": "passed"}
    event_id = f"evt_{uuid.uuid4().hex}"

    def send(_: int) -> int:
        with httpx.Client(trust_env=False, timeout=60) as client:
            url = f"{stack.info['partners']['assessment']['control']}/send"
            body = {"type": "assessment.completed", "data": told, "id": event_id}
            return int(client.post(url, json=body).json()["status"])

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(send, range(10)))

    assert set(statuses) <= {200, 202}
    assert [event["kind"] for event in applicant.events()].count("assessment_recorded") == 1


def test_event_before_its_time_waits_and_is_applied_when_it_fits(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    told = {"case_id": applicant.case_id, "attempt_id": "Z-1", "assessment": "test", "outcome": "passed"}

    early = stack.partner("assessment").send("assessment.completed", told)
    applicant.staff("admissions", "assignment", specialist="t/specialist")
    applicant.staff("specialist", "recommendation", outcome="assess")

    assert early["status"] == 202
    for _ in range(100):
        stack.run_timer("run_deliveries")
        if "assessment_recorded" in {event["kind"] for event in applicant.events()}:
            break
        time.sleep(0.2)
    assert [event["kind"] for event in applicant.events()].count("assessment_recorded") == 1


def test_same_person_in_two_roles_may_not_decide_what_they_screened(stack: Stack, applicant: Applicant) -> None:
    both = next(each for each in stack.info["staff"] if sorted(each["roles"]) == ["finance", "specialist"])
    own_id = f"{stack.info['issuer']['tenant']}/{both['object_id']}"
    applicant.applied()
    applicant.staff("admissions", "assignment", specialist=own_id)
    bearer = {"Authorization": f"Bearer {both['token']}"}
    seen = applicant.client.get(f"{applicant.api}/cases/{applicant.case_id}", headers=bearer)

    answer = applicant.client.post(
        f"{applicant.api}/cases/{applicant.case_id}/call-backs",
        json={"about": "contact", "outcome": "confirmed"},
        headers=bearer | {"If-Match": seen.headers["etag"]},
    )

    assert (answer.status_code, answer.json()["reason"]) == (403, "same-person")


@pytest.mark.parametrize(("heard", "address_then"), [("confirmed", "new"), ("denied", "old")])
def test_new_address_holds_only_once_a_call_back_confirmed_it(
    stack: Stack, applicant: Applicant, heard: str, address_then: str
) -> None:
    applicant.applied()
    old, new = applicant.email, f"new-{applicant.email}"

    changed = applicant.does("contact", email=new)
    before = applicant.record()["person"]["email"]
    applicant.staff("careers", "call-backs", about="contact", outcome=heard)
    after = applicant.record()["person"]["email"]

    assert changed.status_code == 200
    assert (before, after) == (old, {"new": new, "old": old}[address_then])
    assert [mail["subject"] for mail in stack.mail(old)][-1].startswith("New contact details")
    assert stack.mail(new) == []


def test_person_need_not_say_which_version_they_saw_but_is_taken_at_their_word(applicant: Applicant) -> None:
    applicant.applied()
    url = f"{applicant.api}/cases/{applicant.case_id}/corrections"

    def corrects(**headers: str) -> int:
        stated = applicant.bearer | headers
        return applicant.client.post(url, json={"motivation": "Still I."}, headers=stated).status_code

    seen = applicant.sees().headers["etag"]
    right, stale, odd = [corrects(**{"If-Match": each}) for each in (seen, '"old"', "*")]

    assert (right, stale, odd, corrects()) == (200, 412, 412, 200)


@pytest.mark.parametrize(("names_a_version", "told"), [(False, 200), (True, 412)], ids=["none", "one"])
def test_whoever_names_no_version_is_tried_again_until_no_other_writer_is_in_between(
    stack: Stack, applicant: Applicant, names_a_version: bool, told: int
) -> None:
    """A scan's word of the last file may come in while the next one is stored: nothing that its sender looked at."""
    applicant.applied()
    headers = applicant.bearer | ({"If-Match": applicant.sees().headers["etag"]} if names_a_version else {})
    faults = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    lost = {"operation": "Batch", "container": "cases", "times": 4, "effect": {"kind": "status", "status": 412}}
    stack.client.put(faults, json={"rules": [lost]}).raise_for_status()

    url = f"{applicant.api}/cases/{applicant.case_id}/corrections"
    answer = applicant.client.post(url, json={"motivation": "Still I."}, headers=headers)
    stack.client.delete(faults)

    assert answer.status_code == told, answer.text

"""Rows of the corpus about money on its way back (R, P): who signs, who pays, and what the partner says of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.testing import Stack
from tests.corpus.conftest import FIRST_DAY
from tests.people import Applicant

SAME_NIGHT, PAYDAY = "2027-01-12T00:00:00Z", "2027-01-15T14:00:00Z"
OTHER_ACCOUNT = "DE89370400440532013000"
PAID = {"amount": "1000.00", "currency": "GBP"}
PERSON, STATE = "same-person", "/problems/state-conflict"


@pytest.fixture
def person(world: Stack) -> Applicant:
    """Somebody who paid, named an account, and cancelled within fourteen days: a refund is proposed."""
    one = Applicant(world).to_contract()
    booked = {"payment_id": f"p-{uuid.uuid4().hex}", "payer": "self", "amount": PAID, "received_on": FIRST_DAY[:10]}
    return one.do_all(
        ("finance 0", "payments", booked),
        ("", "payee", {"account_holder": "A O", "iban": "FR7630006000011234567890189"}),
        ("careers", "call-backs", {"about": "payee", "outcome": "confirmed"}),
        ("", "withdrawal", {}),
    )


@pytest.fixture
def approved(world: Stack, person: Applicant) -> Applicant:
    """The same, signed, on a day on which it may be paid."""
    assert signs(person).status_code == 200
    world.move_clock(PAYDAY, timers=False)
    return person


def signs(person: Applicant, number: int = 1, **headers: str) -> httpx.Response:
    """A member of the finance team signs what is proposed."""
    proposal = refund(person)["proposal"]["id"]
    stated = person.staff_headers("finance", number) | {"Idempotency-Key": uuid.uuid4().hex} | headers
    url = f"{person.api}/cases/{person.case_id}/proposals/{proposal}/signature"
    return person.client.post(url, json={"outcome": "sign"}, headers=stated)


def pays(person: Applicant, number: int = 2) -> httpx.Response:
    """Another one orders the payment."""
    return person.staff("finance", "refunds/r1/payment", number=number)


def refund(person: Applicant) -> dict[str, Any]:
    found: dict[str, Any] = person.record()["refunds"]["r1"]
    return found


def reference(person: Applicant, attempt: int = 1) -> str:
    return f"{person.case_id}-r1-{attempt}-1"


def orders(person: Applicant) -> list[dict[str, Any]]:
    """What the partner was asked to move for this person."""
    found = person.stack.partner("payments").get("refunds")
    return [each for each in found if each["reference"].startswith(person.case_id)]


def came_and_went(person: Applicant) -> list[tuple[str, str]]:
    """The ledger, but for what is owed no longer."""
    ledger = [(line["kind"], line["amount"]["amount"]) for line in person.record()["ledger"]]
    return [line for line in ledger if line[0] in ("payment", "refund", "chargeback")]


def everything(person: Applicant) -> tuple[Any, ...]:
    """All that a refusal must leave as it is."""
    return person.events(), refund(person), orders(person), len(person.stack.mail(person.email))


def is_refused(person: Applicant, ask: Callable[[], httpx.Response], status: int, reason: str) -> None:
    """Ask; it is refused for this reason, and nothing has happened."""
    before = everything(person)

    answer = ask()

    told = answer.json()
    assert (answer.status_code, told.get("reason", told["type"])) == (status, reason), answer.text
    assert everything(person) == before


def tells(person: Applicant, kind: str = "payment.refunded", **other: Any) -> None:
    """The partner tells what became of the first order, under an id of its own."""
    data = {"reference": reference(person), "refund_id": "R-1", "amount": PAID, "refunded_on": PAYDAY[:10]} | other
    told = {name: value for name, value in data.items() if value is not None}
    assert person.stack.partner("payments").send(kind, told)["status"] == 202


def later(person: Applicant, day: str) -> None:
    """Another day comes, and what is due then is sent."""
    person.stack.move_clock(f"2027-01-{day}T14:00:00Z", timers=False)
    assert person.stack.run_timer("run_deliveries")


def test_r10c_r14c_r17c_whoever_took_one_step_takes_no_other_and_money_waits_for_the_hold(
    world: Stack, person: Applicant
) -> None:
    is_refused(person, lambda: signs(person, 0), 403, PERSON)  # Who booked what came in.
    assert signs(person, 1).status_code == 200
    world.move_clock(SAME_NIGHT, timers=False)
    is_refused(person, lambda: pays(person, 2), 409, "payee-hold")
    world.move_clock(PAYDAY, timers=False)
    is_refused(person, lambda: pays(person, 1), 403, PERSON)

    assert pays(person, 2).status_code == 200
    assert [order["amount"] for order in orders(person)] == [PAID]


def test_r10c_r12c_account_named_after_the_look_wants_another_look(world: Stack, person: Applicant) -> None:
    seen = person.staff_headers("finance", 1)["If-Match"]
    assert person.does("payee", account_holder="A O", iban=OTHER_ACCOUNT).status_code == 200

    is_refused(person, lambda: signs(person, **{"If-Match": seen}), 412, "/problems/precondition-failed")
    person.do_all(("finance 1", "call-backs", {"about": "payee", "outcome": "confirmed"}))
    is_refused(person, lambda: signs(person, 1), 403, PERSON)  # Who rang back.

    assert signs(person, 2).status_code == 200


def test_r11c_one_person_in_two_roles_is_one_person(world: Stack, person: Applicant) -> None:
    assert person.does("payee", account_holder="A O", iban=OTHER_ACCOUNT).status_code == 200
    as_careers = {"Authorization": f"Bearer {world.token('finance', 1, roles=['careers'])}"}
    seen = person.staff_headers("careers") | as_careers
    rang = {"about": "payee", "outcome": "confirmed"}
    url = f"{person.api}/cases/{person.case_id}/call-backs"
    assert person.client.post(url, json=rang, headers=seen).status_code == 200

    is_refused(person, lambda: signs(person, 1), 403, PERSON)

    assert signs(person, 2).status_code == 200


def test_r13c_approval_sent_twice_is_one(person: Applicant) -> None:
    proposal, key = refund(person)["proposal"]["id"], uuid.uuid4().hex
    headers = person.staff_headers("finance", 1) | {"Idempotency-Key": key}
    url = f"{person.api}/cases/{person.case_id}/proposals/{proposal}/signature"

    answers = [person.client.post(url, json={"outcome": "sign"}, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert [event["kind"] for event in person.events()].count("refund_approved") == 1


def test_r18c_twenty_orders_at_once_are_one(approved: Applicant) -> None:
    headers = approved.staff_headers("finance", 2)
    url = f"{approved.api}/cases/{approved.case_id}/refunds/r1/payment"

    def pay(_: int) -> int:
        with httpx.Client(trust_env=False, timeout=120) as client:
            key = {"Idempotency-Key": uuid.uuid4().hex}
            return client.post(url, json={}, headers=headers | key).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(pay, range(20)))

    assert statuses[0] == 200
    assert set(statuses[1:]) <= {409, 412}
    assert [(order["reference"], order["requests"]) for order in orders(approved)] == [(reference(approved), 1)]


def test_r19c_order_that_failed_is_not_tried_again_without_a_signature(approved: Applicant) -> None:
    approved.stack.partner("payments").post("behaviour", {"next": "failed"})
    assert pays(approved).status_code == 200

    later(approved, "16")

    assert (refund(approved)["status"], orders(approved)[0]["requests"]) == ("failed", 1)
    is_refused(approved, lambda: pays(approved), 409, STATE)
    assert signs(approved, 1).status_code == 200
    assert pays(approved).status_code == 200
    assert [order["reference"] for order in orders(approved)] == [reference(approved), reference(approved, 2)]


@pytest.mark.parametrize("fault", ["error_500", "lost_answer"])
def test_r21c_order_whose_answer_is_not_known_is_asked_again_under_its_reference(
    approved: Applicant, fault: str
) -> None:
    approved.stack.partner("payments").post("behaviour", {"next": fault})
    assert pays(approved).status_code == 200
    unknown = refund(approved)["status"]

    later(approved, "16")
    approved.stack.partner("payments").post("settle", {"reference": reference(approved)})
    later(approved, "18")

    assert unknown == "paying"
    assert refund(approved)["status"] == "paid"
    assert len(orders(approved)) == 1
    assert came_and_went(approved) == [("payment", "1000.00"), ("refund", "1000.00")]


def test_r18c_try_that_arrived_after_all_is_not_paid_again_before_a_person_settled_it(approved: Applicant) -> None:
    approved.stack.partner("payments").post("behaviour", {"next": "failed"})
    assert pays(approved).status_code == 200
    later(approved, "16")
    approved.stack.partner("payments").post("settle", {"reference": reference(approved), "outcome": "succeeded"})
    assert signs(approved, 1).status_code == 200

    assert pays(approved).status_code == 200
    later(approved, "17")
    stopped, asked = refund(approved)["frozen"], [order["reference"] for order in orders(approved)]
    assert approved.staff("careers", "refunds/r1/release", number=1, reason="money_came_back").status_code == 200
    later(approved, "19")

    assert (stopped, asked) == ("paid_twice", [reference(approved)])
    assert [order["reference"] for order in orders(approved)] == [reference(approved), reference(approved, 2)]


def test_r18c_share_of_one_payer_goes_out_whatever_became_of_anothers(world: Stack) -> None:
    one = Applicant(world).to_contract()
    for payer in ("self", "employer:acme"):
        booked = {"payment_id": f"p-{uuid.uuid4().hex}", "payer": payer, "amount": PAID, "received_on": FIRST_DAY[:10]}
        one.do_all(("finance 0", "payments", booked))
    one.do_all(
        ("", "payee", {"account_holder": "A O", "iban": "FR7630006000011234567890189"}),
        ("careers", "call-backs", {"about": "payee", "outcome": "confirmed"}),
        ("", "withdrawal", {}),
    )
    assert signs(one).status_code == 200
    world.move_clock(PAYDAY, timers=False)
    world.partner("payments").post("behaviour", {"next": ["failed", "error_500"]})
    assert pays(one).status_code == 200
    assert refund(one)["status"] == "failed"

    later(one, "16")
    world.partner("payments").post("settle", {})
    later(one, "18")

    assert sorted(share["status"] for share in refund(one)["payments"].values()) == ["failed", "succeeded"]
    assert signs(one, 1).status_code == 200
    assert pays(one).status_code == 200
    assert len(orders(one)) == 3


def test_r21c_order_is_asked_after_a_day_later_even_if_nobody_noted_that_it_was_sent(approved: Applicant) -> None:
    busy = {"kind": "status", "status": 503}
    rules = [
        {"operation": "Batch", "container": "cases", "nth": nth, "times": 1, "effect": busy} for nth in range(2, 20)
    ]
    faults = f"{approved.stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    assert approved.client.put(faults, json={"rules": rules}).status_code == 200
    paid = pays(approved).status_code
    assert approved.client.put(faults, json={"rules": []}).status_code == 200
    sent = orders(approved)[0]["requests"]

    approved.stack.partner("payments").post("settle", {"reference": reference(approved)})
    later(approved, "17")

    assert (paid, sent) == (200, 1)
    assert orders(approved)[0]["requests"] == 1
    assert refund(approved)["status"] == "paid"


def test_r22c_reference_that_the_partner_knows_for_another_order_stops_the_refund(approved: Applicant) -> None:
    other = {"reference": reference(approved), "amount": {"amount": "1.00", "currency": "GBP"}}
    approved.stack.partner("payments").post("order", other)
    assert pays(approved).status_code == 200
    for timer in ("run_audit", "run_reconciliation"):
        approved.stack.move_clock("2027-01-16T14:00:00Z", timers=False)
        assert approved.stack.run_timer(timer)

    asked = orders(approved)[0]["requests"]
    later(approved, "18")

    assert (refund(approved)["status"], refund(approved)["frozen"]) == ("paying", "amount_differs")
    assert orders(approved)[0]["requests"] == asked, "what is stopped is not ordered again"
    assert came_and_went(approved) == [("payment", "1000.00")]


def test_r23c_cent_that_went_back_to_the_bank_is_not_paid_out_again(approved: Applicant) -> None:
    cent = {"amount": "0.01", "currency": "GBP"}
    charged = {"case_id": approved.case_id, "chargeback_id": f"C-{approved.case_id}", "payer": "self", "amount": cent,
               "charged_back_on": PAYDAY[:10]}  # fmt: skip
    assert approved.stack.partner("payments").send("payment.charged_back", charged)["status"] == 202

    answer = pays(approved)

    assert (answer.status_code, answer.json()["reason"]) == (409, "approval-void"), answer.text
    assert (refund(approved)["status"], orders(approved)) == ("proposed", [])
    assert signs(approved, 1).status_code == 200
    assert pays(approved).status_code == 200
    assert [order["amount"]["amount"] for order in orders(approved)] == ["999.99"]


def test_r24c_nothing_changes_under_a_payment_that_is_on_its_way(approved: Applicant) -> None:
    assert pays(approved).status_code == 200
    approved.ask_for_link()
    named = {"account_holder": "B", "iban": OTHER_ACCOUNT}

    is_refused(approved, lambda: approved.does("payee", **named), 409, "payment-under-way")
    is_refused(approved, lambda: pays(approved), 409, STATE)

    tells(approved)
    assert refund(approved)["status"] == "paid"
    assert approved.does("payee", **named).status_code == 200


def test_p1_partner_whose_word_is_here_before_its_answer_has_paid_once(approved: Applicant) -> None:
    tells(approved)
    early = refund(approved)["status"]
    approved.stack.partner("payments").post("behaviour", {"next": "lost_answer"})
    assert pays(approved).status_code == 200

    later(approved, "16")

    assert early == "approved"
    assert refund(approved)["status"] == "paid"
    assert came_and_went(approved) == [("payment", "1000.00"), ("refund", "1000.00")]
    assert len(orders(approved)) == 1


def test_p3_money_that_came_back_is_booked_back_and_wants_a_new_signature(approved: Applicant) -> None:
    assert pays(approved).status_code == 200
    tells(approved)
    paid = refund(approved)["status"]

    tells(approved, "payment.refund_failed", amount=None, refunded_on=None, refund_id=None, reason="account_closed")

    assert (paid, refund(approved)["status"]) == ("paid", "failed")
    assert [kind for kind, _ in came_and_went(approved)] == ["payment", "refund", "payment"]
    is_refused(approved, lambda: pays(approved), 409, STATE)
    assert signs(approved, 1).status_code == 200


def test_p5_p7_partner_is_believed_once_and_about_our_own_order_only(approved: Applicant) -> None:
    assert pays(approved).status_code == 200
    before = everything(approved)

    for stated in ({"amount": "1000.01", "currency": "GBP"}, {"amount": "1000.00", "currency": "EUR"}):
        tells(approved, amount=stated)
        assert everything(approved) == before
    tells(approved)
    paid = everything(approved)
    tells(approved)

    assert everything(approved) == paid
    assert came_and_went(approved) == [("payment", "1000.00"), ("refund", "1000.00")]

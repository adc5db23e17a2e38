"""Rows of the corpus about claims, money and accounts (R, I13): refused, nothing kept, and the next is taken."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.testing import Stack
from tests.people import Applicant, calls_so_far, store_calls

READING = ("Read", "SqlQuery", "QueryPlan", "ReadFeed")
GOOD_IBAN = "FR7630006000011234567890189"


@pytest.fixture(scope="module")
def graduate(stack: Stack) -> Applicant:
    """Somebody who has qualified and paid."""
    person = Applicant(stack).to_diploma()
    assert paid(person).status_code == 200
    return person


@pytest.fixture(autouse=True)
def _next_one_is_served(stack: Stack) -> Iterator[None]:
    """Whatever a row sends, whoever comes right after it is served."""
    yield
    assert Applicant(stack).apply().status_code == 202


def paid(person: Applicant, amount: Any = "1000.00", currency: str = "GBP") -> httpx.Response:
    """Finance book a payment."""
    body = {"payment_id": f"p-{uuid.uuid4().hex}", "payer": "self", "received_on": person.stack.now()[:10]}
    return person.staff("finance", "payments", **body, amount={"amount": amount, "currency": currency})


def written(stack: Stack, since: int) -> set[str]:
    """The containers about people that anything was written to."""
    calls = [call for call in store_calls(stack, since) if call["operation"] not in READING]
    return {call["container"] for call in calls} & {"cases", "links", "addresses", "inbox"}


AMOUNTS = [
    "-1",
    "1.00500",
    "1e3",
    "100,00",
    100,
    1.5,
    None,
    "NaN",
    "Infinity",
    "１２",
    "1_0",
    " 1",
    "1 ",
    "",
    "+1",
    "01",
    "0x1",
]


@pytest.mark.parametrize("amount", AMOUNTS, ids=repr)
def test_r3c_amount_that_is_none_is_refused(stack: Stack, graduate: Applicant, amount: object) -> None:
    since = calls_so_far(stack)

    answer = paid(graduate, amount)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith("/amount")
    assert written(stack, since) == set()


@pytest.mark.parametrize("amount", ["0", "0.00", "1.005"])
def test_r3c_amount_that_cannot_be_money_here_is_refused(stack: Stack, graduate: Applicant, amount: str) -> None:
    since = calls_so_far(stack)

    answer = paid(graduate, amount)

    assert answer.status_code in (409, 422), answer.text
    assert written(stack, since) == set()


@pytest.mark.parametrize("payment_id", ["ada@people.example", "Ada Okafor", "", "-1", "p" * 101, "p\n"])
def test_payment_whose_id_may_name_somebody_is_refused(stack: Stack, graduate: Applicant, payment_id: str) -> None:
    since = calls_so_far(stack)

    body = {"payment_id": payment_id, "payer": "self", "received_on": stack.now()[:10]}
    answer = graduate.staff("finance", "payments", **body, amount={"amount": "1000.00", "currency": "GBP"})
    told = stack.partner("payments").send("payment.received", body | {
        "case_id": graduate.case_id, "amount": {"amount": "1000.00", "currency": "GBP"},
    })  # fmt: skip

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/payment_id")
    assert told["status"] == 202
    assert written(stack, since) == {"inbox"}


@pytest.mark.parametrize("currency", ["EUR", "USD", "XXX", "gbp", "GB", "£££", ""])
def test_r4c_other_currency_is_refused(stack: Stack, graduate: Applicant, currency: str) -> None:
    since = calls_so_far(stack)

    answer = paid(graduate, currency=currency)

    assert answer.status_code in (409, 422), answer.text
    assert written(stack, since) == set()


@pytest.mark.parametrize(
    "iban",
    ["FR7630006000011234567890188", "FR76", "XX7630006000011234567890189", "FR763000600001123456789O189",
     "FR763000600001123456789\u041e189", "FR76\u200b30006000011234567890189", "12345678", ""],
)  # fmt: skip
def test_r16c_account_that_is_none_is_refused(stack: Stack, graduate: Applicant, iban: str) -> None:
    since = calls_so_far(stack)

    answer = graduate.does("payee", account_holder="A O", iban=iban)

    assert answer.status_code == 422, answer.text
    assert iban not in answer.text or not iban
    assert written(stack, since) == set()


def test_r16c_account_in_small_letters_and_with_spaces_is_the_same_account(graduate: Applicant) -> None:
    for stated in (GOOD_IBAN, GOOD_IBAN.lower(), "FR76 3000 6000 0112 3456 7890 189"):
        answer = graduate.does("payee", account_holder="A O", iban=stated)
        assert answer.status_code == 200, answer.text

    kinds = [event["kind"] for event in graduate.events()]
    hashes = {event["data"]["hash"] for event in graduate.events() if event["kind"] == "payee_named"}
    assert "payee_named" in kinds
    assert len(hashes) == 1


def test_r2c_r5c_i13_one_claim_at_a_time_and_only_by_the_person(stack: Stack, graduate: Applicant) -> None:
    stranger = Applicant(stack).applied()
    since = calls_so_far(stack)
    address = f"{graduate.api}/cases/{graduate.case_id}/claims"
    key = {"Idempotency-Key": uuid.uuid4().hex}
    strange = stack.client.post(address, json={}, headers=stranger.bearer | key)
    unknown = stack.client.post(address.replace(graduate.case_id, "z" * 26), json={}, headers=stranger.bearer | key)
    more = graduate.does("claims", amount={"amount": "9.00", "currency": "GBP"})
    kept = written(stack, since)

    first = graduate.does("claims")
    second = graduate.does("claims")

    assert (strange.status_code, strange.content) == (404, unknown.content)
    assert (more.status_code, kept) == (422, set())
    assert first.status_code == 200, first.text
    assert (second.status_code, second.json()["type"]) == (409, "/problems/already-exists")
    assert [event["kind"] for event in graduate.events()].count("claim_filed") == 1


def test_r6c_document_of_somebody_else_is_no_evidence(stack: Stack, graduate: Applicant) -> None:
    reported = graduate.does("placements", contract="permanent", starts_on=stack.now()[:10], employer_name="Acme")
    assert reported.status_code == 200, reported.text
    placement = reported.json()["placement_id"]
    since = calls_so_far(stack)

    for document in ("a" * 64, "d1", "d999"):
        answer = graduate.does(f"placements/{placement}/evidence", documents=[document])
        assert answer.status_code in (404, 422), answer.text
    assert written(stack, since) == set()


def test_r15c_token_of_a_program_signs_and_pays_nothing(stack: Stack, graduate: Applicant) -> None:
    token = stack.token("finance", claims={"idtyp": "app", "scp": None})
    headers = {"Authorization": f"Bearer {token}", "If-Match": '"1"', "Idempotency-Key": uuid.uuid4().hex}
    since = calls_so_far(stack)

    for act, body in (("proposals/pr1/signature", {"outcome": "sign"}), ("refunds/r1/payment", {})):
        answer = stack.client.post(f"{graduate.api}/cases/{graduate.case_id}/{act}", json=body, headers=headers)
        assert answer.status_code == 403, answer.text
    assert written(stack, since) == set()

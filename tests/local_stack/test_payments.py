"""The payment partner keeps exactly one refund for each reference, through lost answers and its own restart."""

import json
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Services


def asked(reference: str, amount: str = "8000.00") -> bytes:
    return json.dumps(
        {
            "reference": reference,
            "amount": {"amount": amount, "currency": "EUR"},
            "payee": {"name": "Zoë", "iban": "FR7630006000011234567890189"},
            "payer": "participant",
        }
    ).encode()


def a_reference() -> str:
    return f"refund-{uuid.uuid4().hex}"


def refunds(services: Services, reference: str) -> list[dict[str, Any]]:
    return [one for one in services.control("payments/refunds") if one["reference"] == reference]


def announced(services: Services, reference: str, count: int = 1) -> list[dict[str, Any]]:
    """The events about one refund, once there are so many."""
    deadline = time.monotonic() + 5
    while True:
        events = [one for one in services.control("payments/sent") if one["data"].get("reference") == reference]
        if len(events) >= count or time.monotonic() > deadline:
            return events
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def usual_behaviour(services: Services) -> None:
    services.control("payments/behaviour", {"auto_settle": True, "next": []})


def test_refund_is_settled_by_itself_and_announced(services: Services) -> None:
    reference = a_reference()

    answer = services.payments("POST", "/refunds", asked(reference))
    (event,) = announced(services, reference)

    assert (answer.status_code, answer.json()["status"]) == (201, "pending")
    assert event["type"] == "payment.refunded"
    assert event["data"]["refund_id"] == answer.json()["refund_id"]
    assert event["data"]["amount"] == {"amount": "8000.00", "currency": "EUR"}
    assert services.payments("GET", f"/refunds/{reference}").json()["status"] == "succeeded"


def test_same_reference_is_the_same_refund(services: Services) -> None:
    reference = a_reference()

    first, second = (services.payments("POST", "/refunds", asked(reference)) for _ in range(2))
    other = services.payments("POST", "/refunds", asked(reference, "1.00"))

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["refund_id"] == second.json()["refund_id"]
    assert (other.status_code, other.json()) == (409, {"code": "reference-reused"})
    assert len(refunds(services, reference)) == 1


def test_unsigned_or_stale_request_is_refused(services: Services) -> None:
    reference = a_reference()

    stale = services.payments("POST", "/refunds", asked(reference), now=time.time() - 301)
    unsigned = services.client.get(f"{services.base['partners']}/payments/api/refunds/{reference}")

    assert (stale.status_code, unsigned.status_code) == (401, 401)
    assert refunds(services, reference) == []


def test_unknown_reference_is_not_found(services: Services) -> None:
    assert services.payments("GET", f"/refunds/{a_reference()}").status_code == 404


def test_refund_whose_answer_was_lost_is_found_and_not_repeated(services: Services) -> None:
    reference = a_reference()
    services.control("payments/behaviour", {"next": "lost_answer"})

    with pytest.raises(httpx.RemoteProtocolError):
        services.payments("POST", "/refunds", asked(reference))
    found = services.payments("GET", f"/refunds/{reference}")
    again = services.payments("POST", "/refunds", asked(reference))

    assert (found.status_code, again.status_code) == (200, 200)
    assert len(refunds(services, reference)) == 1


def test_server_error_leaves_no_refund(services: Services) -> None:
    reference = a_reference()
    services.control("payments/behaviour", {"next": "error_500"})

    assert services.payments("POST", "/refunds", asked(reference)).status_code == 500
    assert refunds(services, reference) == []


@pytest.mark.parametrize(("outcome", "event"), [("succeeded", "payment.refunded"), ("failed", "payment.refund_failed")])
def test_outcome_can_be_chosen_beforehand_or_told_later(services: Services, outcome: str, event: str) -> None:
    at_once, later = a_reference(), a_reference()
    services.control("payments/behaviour", {"next": [outcome, "pending"]})

    status = services.payments("POST", "/refunds", asked(at_once)).json()["status"]
    services.payments("POST", "/refunds", asked(later))
    services.control("payments/settle", {"reference": later, "outcome": outcome})

    assert status == outcome
    assert [one["type"] for one in announced(services, at_once) + announced(services, later)] == [event, event]


def test_day_lists_what_was_accepted(services: Services) -> None:
    reference = a_reference()
    day = services.payments("POST", "/refunds", asked(reference)).json()["accepted_on"]

    listed = services.payments("GET", f"/refunds?day={day}").json()["refunds"]
    other = services.payments("GET", "/refunds?day=2001-01-01").json()["refunds"]

    assert reference in [one["reference"] for one in listed]
    assert other == []


def test_refund_and_its_announcement_survive_a_kill(tmp_path: Path) -> None:
    killed = Services(tmp_path)
    reference = a_reference()
    before = killed.payments("POST", "/refunds", asked(reference)).json()

    killed.end(signal.SIGKILL)
    killed.start()
    after = killed.payments("POST", "/refunds", asked(reference))
    events = announced(killed, reference)
    kept = refunds(killed, reference)
    killed.end()
    killed.client.close()

    assert (after.status_code, after.json()["refund_id"]) == (200, before["refund_id"])
    assert len(kept) == 1
    assert len({one["id"] for one in events}) == 1

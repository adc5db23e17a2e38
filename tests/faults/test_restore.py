"""The store is put back to an instant while files, partners, mail and anchors go on: what the runbook's page rests on.

On Azure the copy is made by Cosmos DB's continuous backup; what the app does with a store that is older than the world
around it is the same here.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from local.testing import Stack
from tests.corpus.conftest import FIRST_DAY
from tests.corpus.test_refunds import PAID, came_and_went, orders, pays, refund, signs
from tests.people import Applicant

THE_INSTANT, NEXT_DAY = "2027-01-15T14:00:00Z", "2027-01-16T14:00:00Z"
PERSONAL = {"person", "payee", "note", "submission"}


def to_payment(stack: Stack) -> Applicant:
    """Somebody whose refund is signed and may be paid."""
    booked = {"payment_id": "p-1", "payer": "self", "amount": PAID, "received_on": FIRST_DAY[:10]}
    person = Applicant(stack).to_contract()
    person.do_all(
        ("finance 0", "payments", booked),
        ("", "payee", {"account_holder": "A O", "iban": "FR7630006000011234567890189"}),
        ("careers", "call-backs", {"about": "payee", "outcome": "confirmed"}),
        ("", "withdrawal", {}),
    )
    assert signs(person).status_code == 200
    return person


def to_erasure(stack: Stack) -> Applicant:
    """Somebody whose data are to be erased with the next run of the timer."""
    return Applicant(stack).applied().do_all(
        ("", "withdrawal", {}),
        ("", "data-requests", {"kind": "erasure"}),
        ("careers", "call-backs", {"about": "data_request", "outcome": "confirmed"}),
        ("finance", "data-requests/d1/ruling", {"outcome": "granted", "reason": "own_data"}),
    )  # fmt: skip


def copy_of_store(data: Path) -> Path:
    """The store as it is at this moment."""
    copy = data / "copy"
    with sqlite3.connect(data / "cosmos.sqlite") as running, sqlite3.connect(copy) as target:
        running.backup(target)
    return copy


def put_back(data: Path, copy: Path) -> None:
    """A store that knows nothing of what came after the copy."""
    for file in data.glob("cosmos.sqlite*"):
        file.unlink()
    copy.rename(data / "cosmos.sqlite")


def run(stack: Stack, *timers: str) -> None:
    for timer in timers:
        assert stack.run_timer(timer), timer


def audited(stack: Stack) -> dict[str, set[str]]:
    """What an audit of everything finds about cases: finding -> cases."""
    bearer = {"Authorization": f"Bearer {stack.token('auditor')}"}
    answer = stack.client.post(f"{stack.api}/audits", json={}, headers=bearer)
    assert answer.status_code == 201, answer.text
    found: dict[str, set[str]] = {}
    for each in answer.json()["findings"]:
        if each["case_id"]:
            found.setdefault(each["finding"], set()).add(each["case_id"])
    return found


def kinds_of(person: Applicant) -> set[str]:
    """The kinds of items that lie in a case."""
    door = f"{person.stack.info['cosmos']['endpoint'].rstrip('/')}/_local/query"
    asked: dict[str, Any] = {"container": "cases", "query": "SELECT * FROM c", "partition_key": [person.case_id]}
    return {row["kind"] for row in person.client.post(door, json=asked).json()["rows"]}


def test_store_put_back_pays_nobody_twice_erases_again_and_tells_what_was_lost(tmp_path: Path) -> None:
    with Stack(now=FIRST_DAY, data=tmp_path) as stack:
        paid, erased, quiet = to_payment(stack), to_erasure(stack), Applicant(stack).applied()
        stack.move_clock(THE_INSTANT, timers=False)
        run(stack, "run_deliveries", "run_audit")
        copy = copy_of_store(tmp_path)

        assert pays(paid).status_code == 200
        told = {"reference": f"{paid.case_id}-r1-1-1"}
        stack.partner("payments").post("settle", told)
        lost = Applicant(stack).applied()
        run(stack, "run_privacy_retention")
        stack.move_clock(NEXT_DAY, timers=False)
        run(stack, "run_deliveries", "run_audit", "run_reconciliation")
        assert (refund(paid)["status"], audited(stack)) == ("paid", {})
        stack.stop()

        put_back(tmp_path, copy)
        stack.start()
        stack.move_clock(NEXT_DAY, timers=False)
        before = refund(paid)["status"], kinds_of(erased) & PERSONAL != set(), kinds_of(lost)
        run(stack, "run_privacy_retention", "run_audit", "run_reconciliation")
        bearer = {"Authorization": f"Bearer {stack.token('auditor')}"}
        daily = stack.client.get(f"{stack.api}/audits", headers=bearer).json()["audits"]
        findings = audited(stack)

        assert before == ("approved", True, set())
        # Whoever was erased since is erased again; whoever went on since is told by the anchors, and nobody else.
        assert kinds_of(erased) & PERSONAL == set()
        assert findings == {"chain_broken": {paid.case_id, erased.case_id, lost.case_id}}
        assert quiet.sees().status_code == 200
        # What the partner did is told, and ordering it again asks for the same: it moves once.
        assert {"paid_without_approval": 1} in [each["counts"] for each in daily]
        assert pays(paid).status_code == 200
        assert [(order["status"], order["requests"]) for order in orders(paid)] == [("succeeded", 2)]
        assert came_and_went(paid) == [("payment", "1000.00"), ("refund", "1000.00")]
        # Whose application was lost applies again, and is nobody who applied before.
        assert lost.apply().status_code == 202
        lost.ask_for_link()
        assert lost.sees().status_code == 200

"""Our ledger against the payment partner's list, and the monthly sample of decided claims."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from local.testing import Stack
from shared.audit import sample
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines, payments
from tests.builders import SERVICES, InMemory
from tests.tampering import Vault, forged, new_case_id

TOOL = Path(__file__).parents[2] / "tools" / "draw_sample.py"
AMOUNT = {"amount": "7200.00", "currency": "EUR"}


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Stack(now="2028-04-23T12:00:00Z") as stack:
        yield Vault(stack)


def auditor(vault: Vault) -> dict[str, str]:
    return {"Authorization": f"Bearer {vault.stack.token('auditor', 0)}"}


def told(vault: Vault, path: str) -> Any:
    answer = vault.stack.client.get(f"{vault.stack.api}/{path}", headers=auditor(vault))
    assert answer.status_code == 200, answer.text
    return answer.json()


def approved(who: str = "finance-1", *, has_account: bool = True) -> InMemory:
    case = InMemory(case_id=new_case_id()).qualified("2027-10-04")
    case.do("2028-04-17", Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))
    if has_account:
        case.has_payee("2028-04-17")
    case.signs("2028-04-18", who=who)
    return case


def ordered() -> InMemory:
    case = approved()
    case.do("2028-04-22", Role.FINANCE, lambda c: payments.pay(c, SERVICES, refund="r1"), who="finance-2")
    return case


def arrived(case: InMemory, refund_id: str = "R-1", when: str = "2028-04-23T12:00:00+00:00") -> None:
    reference = next(iter(case.refund().payments))
    about = {"reference": reference, "refund_id": refund_id, "amount": AMOUNT, "refunded_on": when[:10]}
    case.do(datetime.fromisoformat(when), Role.PARTNER, lambda change: payments.confirm(change, about))


def reconciled(vault: Vault) -> tuple[dict[str, Any], bool]:
    """The day's run over payments, after the next day's audit has ended; and whether both timers ran well."""
    vault.stack.run_timer("run_audit")
    vault.stack.move_clock("2028-04-24T12:00:00Z", timers=False)
    ran = [vault.stack.run_timer("run_audit"), vault.stack.run_timer("run_reconciliation")]
    return told(vault, "audits/20280423-payments"), all(ran)


def at_the_partner(vault: Vault, reference: str, **amount: str) -> str:
    """The partner moves money under a reference, as if it had been ordered; its id for that."""
    import httpx

    from local.testing import Partner

    partner: Partner = vault.stack.partner("payments")
    control = vault.stack.info["partners"]["payments"]["control"]
    body = {"reference": reference, "amount": AMOUNT | amount, "payer": "self", "payee": {"iban": "X"}}
    answer = httpx.post(f"{control}/order", json=body, trust_env=False)
    assert answer.status_code in (200, 201), answer.text
    partner.post("settle", {"reference": reference, "outcome": "succeeded"})
    return str(answer.json()["refund_id"])


def test_day_on_which_both_sides_agree_has_no_difference(vault: Vault) -> None:
    case = ordered()
    reference = next(iter(case.refund().payments))
    arrived(case, at_the_partner(vault, reference))
    vault.lay(case)

    run, ran = reconciled(vault)

    assert ran
    assert (run["examined"], run["counts"]) == (1, {})


def test_reference_under_which_the_partner_moved_money_again_on_another_day_is_paid_twice(vault: Vault) -> None:
    case = ordered()
    arrived(case)
    vault.lay(case)
    at_the_partner(vault, next(iter(case.refund().payments)))

    run, _ = reconciled(vault)

    assert run["counts"] == {"paid_twice": 1}


def test_payment_that_we_booked_and_the_partner_does_not_have_is_told_and_the_refund_stopped(vault: Vault) -> None:
    case = ordered()
    arrived(case)
    case_id = vault.lay(case)

    run, _ = reconciled(vault)
    record = told(vault, f"cases/{case_id}")

    assert run["counts"] == {"ledger_unbalanced": 1}
    assert record["refunds"]["r1"]["frozen"] == "ledger_unbalanced"
    assert record["agenda"]["what"] == "settle_difference"


def test_amount_that_the_partner_states_otherwise_is_told_and_the_refund_stopped(vault: Vault) -> None:
    case = ordered()
    reference = next(iter(case.refund().payments))
    case_id = vault.lay(case)
    at_the_partner(vault, reference, amount="7200.01")

    run, _ = reconciled(vault)

    assert run["counts"] == {"amount_differs": 1}
    assert told(vault, f"cases/{case_id}")["refunds"]["r1"]["frozen"] == "amount_differs"


def test_payment_that_only_the_partner_knows_is_told(vault: Vault) -> None:
    vault.lay(approved())
    at_the_partner(vault, f"{'z' * 26}-r1-1-1")

    run, _ = reconciled(vault)

    assert run["counts"] == {"paid_without_approval": 1}


def test_days_that_were_missed_are_made_up_for_oldest_first_and_each_once(vault: Vault) -> None:
    vault.lay(approved())
    vault.stack.run_timer("run_audit")
    for day in ("24", "25", "26", "27"):
        vault.stack.move_clock(f"2028-04-{day}T12:00:00Z", timers=False)
        vault.stack.run_timer("run_audit")
        if day in ("24", "27"):
            assert vault.stack.run_timer("run_reconciliation")
    vault.stack.run_timer("run_reconciliation")

    runs = [each["run"] for each in told(vault, "audits")["audits"] if each["scope"] == "payments"]
    assert sorted(runs) == ["20280423-payments", "20280424-payments", "20280425-payments", "20280426-payments"]


def test_finance_sees_each_share_once_on_its_way_and_when_it_has_arrived(vault: Vault) -> None:
    waiting, sent, done = vault.lay(approved()), vault.lay(ordered()), ordered()
    arrived(done)
    vault.lay(done)
    vault.stack.run_timer("run_audit")

    def lines(**asked: str) -> list[tuple[str, ...]]:
        answer = vault.stack.client.get(f"{vault.stack.api}/reports/payments", params=asked, headers=finance)
        return [(line["case_id"], line["amount"], line["status"], line["on"]) for line in answer.json()["payments"]]

    finance = {"Authorization": f"Bearer {vault.stack.token('finance', 0)}"}
    table = vault.stack.client.get(f"{vault.stack.api}/reports/payments?format=csv", headers=finance).text

    assert sorted(lines(), key=str) == sorted([
        (waiting, "7200.00", "approved", "2028-04-18"), (sent, "7200.00", "open", "2028-04-22"),
        (done.case.case_id, "7200.00", "succeeded", "2028-04-23"),
    ], key=str)  # fmt: skip
    assert lines(month="2028-03") == lines(month="2028-05") == []
    assert len(table.splitlines()) == 4
    assert table.splitlines()[0].endswith("reference,case_id,refund,ground,payer,amount,currency,status,on")


def test_refund_that_waits_for_an_account_is_in_finances_list_and_counts_as_unpaid(vault: Vault) -> None:
    waiting = vault.lay(approved(has_account=False))
    finance = {"Authorization": f"Bearer {vault.stack.token('finance', 0)}"}

    answer = vault.stack.client.get(f"{vault.stack.api}/reports/payments", headers=finance)
    vault.stack.run_timer("run_deliveries")

    found = [(line["case_id"], line["amount"], line["status"]) for line in answer.json()["payments"]]
    beat = vault.container("counters").read_item("heartbeat:run_deliveries", "heartbeat:run_deliveries")
    assert found == [(waiting, "7200.00", "approved")]
    assert beat["counts"]["unpaid"] == 1


def test_share_that_arrives_while_the_audit_runs_is_in_finances_list_and_in_the_comparison(vault: Vault) -> None:
    vault.lay(approved())
    vault.stack.run_timer("run_audit")
    vault.stack.move_clock("2028-04-24T00:00:00Z", timers=False)
    case = ordered()
    arrived(case, when="2028-04-24T00:30:00+00:00")  # After the instant that the run asks about, before it has read.
    vault.lay(case)
    for day in ("24T00:01", "25T00:00"):
        vault.stack.move_clock(f"2028-04-{day}:00Z", timers=False)
        vault.stack.run_timer("run_audit")
        vault.stack.run_timer("run_reconciliation")

    finance = {"Authorization": f"Bearer {vault.stack.token('finance', 0)}"}
    answer = vault.stack.client.get(f"{vault.stack.api}/reports/payments", headers=finance)

    found = {line["case_id"]: line["status"] for line in answer.json()["payments"]}
    assert found[case.case.case_id] == "succeeded"
    assert told(vault, "audits/20280424-payments")["counts"] == {"ledger_unbalanced": 1}  # The partner has no such.


def test_audit_of_a_past_day_notes_nothing_that_came_later(vault: Vault) -> None:
    case = ordered()
    arrived(case)
    order = {"case_id": vault.lay(case), "on": "2028-04-20"}

    answer = vault.stack.client.post(f"{vault.stack.api}/audits", json=order, headers=auditor(vault))

    assert answer.status_code == 201, answer.text
    (page,) = [row for row in vault.container("audits").read_all_items() if row["kind"] == "audit_page"]
    assert ([row["verdict"] for row in page["decided"]], page["paid"]) == (["approved"], [])


def test_one_bad_case_neither_hides_the_money_of_others_nor_is_left_out(vault: Vault) -> None:
    good, bad = vault.lay(approved()), vault.lay(approved())
    vault.change(bad, "case", refunds="nonsense")
    finance = {"Authorization": f"Bearer {vault.stack.token('finance', 0)}"}

    answer = vault.stack.client.get(f"{vault.stack.api}/reports/payments", headers=finance)

    found = {line["case_id"]: line["status"] for line in answer.json()["payments"]}
    assert found == {good: "approved", bad: "unreadable"}


def test_sample_is_committed_to_before_it_is_drawn_and_anybody_draws_the_same(vault: Vault, tmp_path: Path) -> None:
    ids = [vault.lay(approved(f"finance-{number}")) for number in range(5)]
    refused = approved()
    forged(refused, "2028-04-20", Role.FINANCE, "f", "approval_voided", "r1",
           **refused.refund().proposal.model_dump(mode="json", exclude={"made_at"}))  # fmt: skip
    vault.stack.run_timer("run_audit")
    listed = told(vault, "audit-samples")
    commitments = [row for row in vault.container("audits").read_all_items() if row["kind"] == "sample_commitment"]
    vault.stack.move_clock("2028-05-02T12:00:00Z", timers=False)
    vault.stack.run_timer("run_audit")
    vault.stack.run_timer("run_audit")

    drawn = told(vault, "audit-samples/2028-04")
    (tmp_path / "sample.json").write_text(json.dumps(drawn))
    checked = subprocess.run(
        [sys.executable, TOOL, tmp_path / "sample.json"], capture_output=True, text=True, check=False
    )
    (tmp_path / "sample.json").write_text(json.dumps(drawn | {"seed": "another"}))
    forged_seed = subprocess.run([sys.executable, TOOL, tmp_path / "sample.json"], capture_output=True, check=False)

    assert listed == {"samples": []}
    assert [row["commitment"] for row in commitments] == [drawn["commitment"]]
    assert sample.commitment(drawn["seed"]) == drawn["commitment"]
    assert (drawn["list_length"], len(drawn["drawn"])) == (5, 2)
    assert {row["case_id"] for row in drawn["list"]} == set(ids)
    assert (checked.returncode, forged_seed.returncode) == (0, 1), checked.stdout


def test_review_of_a_drawn_decision_is_said_once(vault: Vault) -> None:
    vault.lay(approved())
    vault.stack.run_timer("run_audit")
    vault.stack.move_clock("2028-05-02T12:00:00Z", timers=False)
    vault.stack.run_timer("run_audit")
    row = told(vault, "audit-samples/2028-04")["drawn"][0]
    url = f"{vault.stack.api}/audit-samples/2028-04/reviews"
    said = {"case_id": row["case_id"], "sequence": row["sequence"], "outcome": "disagree", "reason": "wrong_clause"}

    answers = [
        vault.stack.client.post(url, json=body, headers=auditor(vault)).status_code
        for body in (said, said, said | {"outcome": "agree"}, said | {"sequence": 1})
    ]

    assert answers == [201, 201, 409, 404]
    after = told(vault, "audit-samples/2028-04")
    assert (after["reviewed"], after["disagreed"]) == (1, 1)


def test_draw_takes_of_every_stratum_and_depends_on_nothing_but_seed_and_list() -> None:
    rows = [
        {"case_id": f"c{number}", "sequence": 9, "verdict": verdict, "is_large": large}
        for number, (verdict, large) in enumerate(
            [("approved", False)] * 40 + [("approved", True)] * 3 + [("refused", False)] * 15
        )
    ]

    drawn = sample.draw(rows, "seed", 10, 2)

    assert [sum((r["verdict"], r["is_large"]) == stratum for r in drawn) for stratum in (
        ("approved", False), ("approved", True), ("refused", False),
    )] == [4, 2, 2]  # fmt: skip
    assert sample.draw([*reversed(rows), *rows], "seed", 10, 2) == drawn
    assert sample.draw(rows, "another", 10, 2) != drawn

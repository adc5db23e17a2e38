"""A run looks at what it must and no more, goes on where it was cut off, and tells the past from events alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from local.testing import Stack
from shared.domain.life_cycle import Role
from shared.use_cases import deadlines
from tests.builders import SERVICES, InMemory
from tests.people import calls_so_far, store_calls
from tests.tampering import Vault, items_of, new_case_id

NOW = "2028-04-25T12:00:00Z"


@pytest.fixture
def vault() -> Iterator[Vault]:
    with Stack(now=NOW) as stack:
        yield Vault(stack)


def case_of(day: str | None = "2028-04-17") -> InMemory:
    """A guarantee whose refund was proposed on a day; without one the sweep has passed it over."""
    case = InMemory(case_id=new_case_id()).qualified("2027-10-04")
    if day:
        case.do(day, Role.SYSTEM, lambda change: deadlines.audit_refund(change, SERVICES))
    return case


def auditor(vault: Vault) -> dict[str, str]:
    return {"Authorization": f"Bearer {vault.stack.token('auditor', 0)}"}


def run(vault: Vault, run_id: str) -> dict[str, Any]:
    answer = vault.stack.client.get(f"{vault.stack.api}/audits/{run_id}", headers=auditor(vault))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_daily_run_looks_at_what_changed_fell_due_or_was_found_before_and_at_nothing_else(vault: Vault) -> None:
    for _ in range(5):
        vault.lay(case_of())  # Proposed on the 17th: overdue from the 27th on.
    found_before = vault.lay(case_of(None))
    vault.stack.run_timer("run_audit")
    first = run(vault, "202804-full")

    vault.stack.move_clock("2028-04-26T12:00:00Z", timers=False)
    changed = vault.lay(case_of("2028-04-25"))
    vault.stack.run_timer("run_audit")
    second = run(vault, "20280426-changes")
    vault.stack.move_clock("2028-04-28T12:00:00Z", timers=False)
    vault.stack.run_timer("run_audit")
    third = run(vault, "20280428-changes")

    assert (first["scope"], first["examined"], first["counts"]) == ("full", 6, {"transition_missed": 1})
    assert (second["scope"], second["examined"]) == ("changes", 2)
    assert [each["case_id"] for each in second["findings"] if each["case_id"]] == [found_before]
    assert changed not in str(second["findings"])
    assert third["examined"] == 6
    assert third["counts"]["claim_undecided"] == 5


def test_run_of_a_day_is_one_run_however_often_its_timer_comes(vault: Vault) -> None:
    vault.lay(case_of())
    for _ in range(3):
        assert vault.stack.run_timer("run_audit")
    before = calls_so_far(vault.stack)

    vault.stack.run_timer("run_audit")

    rows = list(vault.container("audits").read_all_items())
    assert sum(row["id"] == "20280425-changes" for row in rows) == 1
    assert sum(row["kind"] == "audit" and row["run"] == "20280425-changes" for row in rows) == 1
    assert not [call for call in store_calls(vault.stack, before) if call["container"] == "cases"]


def test_quiet_days_cost_the_same_one_after_the_other(vault: Vault) -> None:
    for _ in range(4):
        vault.lay(case_of(None))
    vault.stack.run_timer("run_audit")
    costs = []
    for day in range(26, 31):
        vault.stack.move_clock(f"2028-04-{day}T12:00:00Z", timers=False)
        before = calls_so_far(vault.stack)
        vault.stack.run_timer("run_audit")
        costs.append(len(store_calls(vault.stack, before)))

    assert max(costs[1:]) - min(costs[1:]) <= 10, costs
    rows = [row["id"] for row in vault.container("audits").read_all_items() if row["kind"] == "audit_page"]
    assert {sum(row.startswith(f"202804{day}-changes") for row in rows) for day in range(27, 31)} == {4}


def test_changed_cases_are_read_by_the_block_and_of_the_run_before_only_what_was_found(vault: Vault) -> None:
    life, case_ids = items_of(case_of()), [new_case_id() for _ in range(130)]
    for case_id in case_ids:
        batch = [("create", (item | {"case_id": case_id},)) for item in life]
        vault.container().execute_item_batch(batch, case_id)
    vault.stack.run_timer("run_audit")
    examined, of_cases, of_audits = [], [], []
    for day, changed in ((26, 2), (27, 45)):
        vault.stack.move_clock(f"2028-04-{day}T11:00:00Z", timers=False)
        for case_id in case_ids[:changed]:
            vault.change(case_id, "case")
        before = calls_so_far(vault.stack)
        vault.stack.run_timer("run_audit")
        examined.append(run(vault, f"202804{day}-changes")["examined"])
        calls = store_calls(vault.stack, before)
        of_cases.append(Counter(call["operation"] for call in calls if call["container"] == "cases"))
        of_audits.append([call["id"] for call in calls if call["container"] == "audits" and call["id"]])

    pages = [row for row in vault.container("audits").read_all_items() if row["id"].startswith("202804-full:0")]
    empty = {row["id"] for row in pages if row["examined"] and not row["findings"]}
    assert (len(empty), examined) == (3, [2, 45])
    assert of_cases[0] == of_cases[1]
    assert not empty & set(of_audits[0])
    assert len(of_audits[1]) - len(of_audits[0]) <= 3


def test_run_goes_on_from_one_that_has_noted_only_how_much_it_found(vault: Vault) -> None:
    found_before = vault.lay(case_of(None))
    vault.stack.run_timer("run_audit")
    vault.change("202804-full:end", "202804-full:end", "audits", noted={"decided": 0, "paid": 0})
    vault.stack.move_clock("2028-04-26T12:00:00Z", timers=False)

    vault.stack.run_timer("run_audit")

    told = run(vault, "20280426-changes")
    assert (told["examined"], found_before in {each["case_id"] for each in told["findings"]}) == (1, True)


def test_audit_of_an_earlier_day_does_not_make_the_daily_run_forget_what_is_open(vault: Vault) -> None:
    found_before = vault.lay(case_of("2028-04-24"))
    vault.change(found_before, "case", country="GB")
    vault.stack.run_timer("run_audit")
    past = vault.stack.client.post(f"{vault.stack.api}/audits", json={"on": "2028-01-10"}, headers=auditor(vault))
    vault.stack.move_clock("2028-04-26T12:00:00Z", timers=False)

    vault.stack.run_timer("run_audit")

    assert found_before not in {each["case_id"] for each in past.json()["findings"]}
    found = run(vault, "20280426-changes")["findings"]
    assert found_before in {each["case_id"] for each in found}


SOME_CALLS = (3, 15, 27)


@pytest.mark.parametrize(
    "nth", [nth if nth in SOME_CALLS else pytest.param(nth, marks=pytest.mark.soak) for nth in range(1, 36)]
)
def test_run_that_was_killed_goes_on_and_tells_the_same(vault: Vault, nth: int) -> None:
    for _ in range(3):
        vault.lay(case_of(None))
    vault.lay(case_of())
    faults = f"{vault.stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    pid = vault.stack.host_pid()
    effect = {"kind": "kill", "pid": pid, "when": "after"}
    rule = {"operation": "*", "container": None, "nth": nth, "times": 1, "effect": effect}
    vault.stack.client.put(faults, json={"rules": [rule]})

    try:
        vault.stack.run_timer("run_audit")
    except Exception:  # The host died under the request; that is what is tried here.
        vault.stack.wait_for_host(after=pid)
    vault.stack.client.delete(faults)
    assert any(vault.stack.run_timer("run_audit") for _ in range(3))  # What fails is tried again at the next tick.

    told = run(vault, "202804-full")
    assert (told["status"], told["examined"], told["counts"]) == ("ended", 4, {"transition_missed": 3})
    names = vault.stack.client.get(f"{vault.stack.api}/audits/202804-full/files/findings.csv", headers=auditor(vault))
    assert names.text.count("transition_missed") == 3


def test_full_run_of_many_pages_examines_each_case_once(vault: Vault) -> None:
    life = items_of(case_of(None))
    for _ in range(130):
        case_id = new_case_id()
        batch = [("create", (item | {"case_id": case_id},)) for item in life]
        vault.container().execute_item_batch(batch, case_id)

    vault.stack.run_timer("run_audit")

    told = run(vault, "202804-full")
    pages = [row for row in vault.container("audits").read_all_items() if row["kind"] == "audit_page"]
    assert (told["examined"], told["counts"]) == (130, {"transition_missed": 130})
    assert sum(row["examined"] > 0 for row in pages) == 3


def test_one_bad_case_is_a_finding_and_not_an_end(vault: Vault) -> None:
    bad, good = vault.lay(case_of()), vault.lay(case_of(None))
    vault.change(bad, "case", refunds="nonsense", enrolment=7, sequence="x")

    found = {each["case_id"]: each["finding"] for each in vault.findings()}

    assert found[good] == "transition_missed"
    assert found[bad] in ("chain_broken", "snapshot_differs")


def test_audit_of_a_past_day_leaves_out_what_was_recorded_later(vault: Vault) -> None:
    case_id = vault.lay(case_of("2028-04-24"))
    url = f"{vault.stack.api}/audits"

    then = vault.stack.client.post(url, json={"case_id": case_id, "on": "2028-04-20"}, headers=auditor(vault)).json()
    now = vault.stack.client.post(url, json={"case_id": case_id}, headers=auditor(vault)).json()

    assert (then["counts"], now["counts"]) == ({"transition_missed": 1}, {})


def test_case_that_is_not_there_is_not_found(vault: Vault) -> None:
    url = f"{vault.stack.api}/audits"

    answer = vault.stack.client.post(url, json={"case_id": "z" * 26}, headers=auditor(vault))

    assert answer.status_code == 404


def test_run_writes_its_report_in_both_languages_and_names_nobody(vault: Vault) -> None:
    vault.lay(case_of("2028-04-10"), "zq-canary@people.example")
    signed = case_of()
    signed.signs("2028-04-20", who="finance-1")
    vault.lay(signed)
    vault.findings()
    (row,) = [row for row in vault.container("audits").read_all_items() if row["kind"] == "audit"]
    url = f"{vault.stack.api}/audits/{row['run']}/files"

    answers = {
        name: vault.stack.client.get(f"{url}/{name}", headers=auditor(vault))
        for name in ("report.en.html", "report.fr.html", "findings.csv", "findings.json", "x.html")
    }

    assert [answer.status_code for answer in answers.values()] == [200, 200, 200, 200, 404]
    assert "<svg" in answers["report.en.html"].text
    assert "learn where the money is to go" in answers["report.en.html"].text
    assert "depuis trop longtemps" in answers["report.fr.html"].text
    assert "has waited for a person for too long" in answers["findings.csv"].text
    assert not any("zq-canary" in answer.text for answer in answers.values())
    assert answers["report.en.html"].headers["content-security-policy"].startswith("default-src 'none'")

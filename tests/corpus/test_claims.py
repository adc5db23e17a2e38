"""Rows of the corpus about claims and what counts against them (R), and about days that are over (G): by the clock."""

from __future__ import annotations

from typing import Any

import pytest

from local.testing import Stack
from tests.corpus.conftest import FIRST_DAY
from tests.people import Applicant

JOB = {"contract": "permanent", "field": "in", "hours": 37}


def books(person: Applicant) -> None:
    """The whole price came in."""
    money = {"amount": {"amount": "6300.00", "currency": "GBP"}, "received_on": person.stack.now()[:10]}
    person.do_all(("finance 0", "payments", {"payment_id": f"p-{person.case_id}", "payer": "self"} | money))


def graduate(world: Stack) -> Applicant:
    """Somebody who has qualified under the published terms, which ask for no claim."""
    person = Applicant(world).to_diploma()
    books(person)
    return person


def seen(person: Applicant) -> dict[str, Any]:
    """What the guarantee says, as staff see it."""
    bearer = {"Authorization": f"Bearer {person.stack.token('careers')}"}
    url = f"{person.api}/cases/{person.case_id}/guarantee"
    found: dict[str, Any] = person.client.get(url, headers=bearer).json()
    return found


def swept(person: Applicant, now: str) -> dict[str, Any]:
    """The refund after the night's sweep."""
    person.stack.move_clock(now, timers=False)
    assert person.stack.run_timer("run_refund_audit")
    found: dict[str, Any] = person.record()["refunds"].get("r1", {})
    return found


def approved(person: Applicant) -> None:
    """The window has ended without a job: the refund is proposed, the account confirmed, the approval signed."""
    assert swept(person, "2027-07-20T14:00:00Z")["status"] == "proposed"
    person.ask_for_link().do_all(
        ("", "payee", {"account_holder": "A O", "iban": "FR7630006000011234567890189"}),
        ("careers", "call-backs", {"about": "payee", "outcome": "confirmed"}),
    )
    proposal = person.record()["refunds"]["r1"]["proposal"]["id"]
    person.do_all(("finance 1", f"proposals/{proposal}/signature", {"outcome": "sign"}))
    person.stack.move_clock("2027-07-24T14:00:00Z", timers=False)


def claimant(world: Stack) -> Applicant:
    """Somebody whose contract asks for a claim, and who has every right to the refund but for the day."""
    world.move_clock(FIRST_DAY, timers=False)
    person = Applicant(world).to_decision(country="GB")
    world.move_clock("2027-03-15T14:00:00Z", timers=False)
    person.do_all(("admissions", "admission-decision", {"outcome": "offer"}))
    person.ask_for_link().do_all(
        ("", "offer-answer", {"answer": "accept"}),
        ("admissions", "contract", {}),
        ("admissions", "contract-receipt", {}),
        ("", "contract-signature", {}),
        ("admissions", "course-start", {"started_on": "2027-03-15"}),
        ("", "declarations", {"fact": "right_to_work", "value": "yes"}),
        ("admissions 1", "diploma", {"diploma_id": f"D-{person.case_id}", "awarded_on": "2027-03-15"}),
        ("careers", "exemption", {"first_day": "2027-03-15", "last_day": "2027-12-31", "note": "Build something."}),
    )
    books(person)
    return person


CLAIMS = [
    ("2027-09-15T21:59:59Z", "open", "approval"),
    ("2027-11-15T22:59:58Z", "awaiting_claim", "approval"),
    ("2027-11-15T23:00:00Z", "lapsed", "lapse"),
]
"""Just before the window's last day ends, in summer time; just before and just after the last day to claim ends, in
winter time; what the guarantee says then; what becomes of a claim that is made then."""


def test_r1c_claim_is_always_taken_and_judged_by_the_day_on_which_it_came(world: Stack) -> None:
    people = [claimant(world) for _ in CLAIMS]

    for person, (at, decision, verdict) in zip(people, CLAIMS, strict=True):
        world.move_clock(at, timers=False)
        before = seen(person)
        claimed, again = person.ask_for_link().does("claims"), person.does("claims")
        refund = swept(person, at.replace("-15T", "-18T"))  # Which also tells the others that they may claim.

        assert before["decision"] == decision
        assert (before["window_end"], before["first_day_to_claim"]) == ("2027-09-15", "2027-09-16")
        assert (claimed.status_code, again.status_code) == (200, 409), claimed.text
        assert refund["proposal"]["verdict"] == verdict


def test_r7c_claim_of_somebody_with_a_job_is_taken_and_the_answer_names_the_job(world: Stack) -> None:
    person = graduate(world)
    person.do_all(("", "placements", JOB | {"contract_signed_on": FIRST_DAY[:10], "starts_on": FIRST_DAY[:10]}))

    claimed = person.does("claims")
    refund = swept(person, "2027-07-20T14:00:00Z")

    assert claimed.status_code == 200, claimed.text
    assert (refund["status"], refund["proposal"]["verdict"]) == ("proposed", "refusal")
    assert seen(person)["criteria"]["no_qualifying_job"]["value"] == ["p1"]


def told_of_a_job(person: Applicant, kind: str = "placement.reported", **more: Any) -> None:
    """An employer tells of a job that began within the window."""
    stated = {"case_id": person.case_id, "placement_id": f"J-{person.case_id}"} | more
    assert person.stack.partner("northwind").send(kind, stated)["status"] == 202


LATE_JOB = JOB | {"contract_signed_on": "2027-07-01", "starts_on": "2027-07-05"}


def test_r8c_job_that_is_told_of_after_the_approval_stops_the_payment(world: Stack) -> None:
    person = graduate(world)
    approved(person)
    told_of_a_job(person, **LATE_JOB)

    stopped = person.staff("finance", "refunds/r1/payment", number=2)
    proposed = person.record()["refunds"]["r1"]

    assert (stopped.status_code, stopped.json()["reason"]) == (409, "approval-void")
    assert (proposed["status"], proposed["proposal"]["shares"], proposed["payments"]) == ("proposed", [], {})
    told_of_a_job(person, "placement.retracted")
    anew = swept(person, "2027-07-25T14:00:00Z")["proposal"]["id"]
    person.do_all(
        ("finance 1", f"proposals/{anew}/signature", {"outcome": "sign"}), ("finance 2", "refunds/r1/payment", {})
    )


def test_r9c_job_that_is_told_of_while_money_moves_is_paid_once_and_looked_at(world: Stack) -> None:
    person = graduate(world)
    approved(person)
    person.do_all(("finance 2", "refunds/r1/payment", {}))
    told_of_a_job(person, **LATE_JOB)
    told = {"reference": f"{person.case_id}-r1-1-1", "refund_id": "R-1", "refunded_on": "2027-07-24",
            "amount": {"amount": "6300.00", "currency": "GBP"}}  # fmt: skip
    assert world.partner("payments").send("payment.refunded", told)["status"] == 202
    paid = person.record()["refunds"]["r1"]["status"]

    facts = LATE_JOB | {"employer": "external"}
    (report,) = person.record()["placements"]
    person.do_all(("careers 1", f"placements/{report}/verification", {"outcome": "verified", "facts": facts}))
    after = swept(person, "2027-11-01T14:00:00Z")

    assert (paid, after["status"]) == ("paid", "recovery_open")
    assert [line["kind"] for line in person.record()["ledger"]] == ["payment", "refund"]


def test_g15_week_that_is_still_to_come_or_long_past_cannot_be_logged(world: Stack) -> None:
    person = graduate(world)
    before = person.events()

    refused = [person.does("search-weeks", monday=monday, applications=5) for monday in ("2027-01-18", "2026-10-05")]

    assert [(each.status_code, each.json()["reason"]) for each in refused] == [(409, "week-closed")] * 2
    assert person.events() == before
    assert person.does("search-weeks", monday="2027-01-11", applications=5).status_code == 200


@pytest.mark.parametrize(
    ("act", "last", "over"),
    [
        ("corrections", "2027-01-12T13:59:00Z", "2027-01-12T14:01:00Z"),
        ("", "2027-02-10T13:59:00Z", "2027-02-10T14:01:00Z"),
    ],
    ids=["to decide", "to look"],
)
def test_g3_link_is_good_to_its_end_and_not_a_minute_longer(world: Stack, act: str, last: str, over: str) -> None:
    person = Applicant(world).applied()

    def asks() -> int:
        return (person.does(act, motivation="Still I.") if act else person.sees()).status_code

    world.move_clock(last, timers=False)
    in_time = asks()
    world.move_clock(over, timers=False)
    events, late = person.events(), asks()

    assert (in_time, late) == (200, 410)
    assert person.events() == events
    person.ask_for_link()
    assert asks() == 200

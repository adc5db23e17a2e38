"""Events of partners: rotation of secrets, refusals counted, what is put aside and why, and one more try by staff."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from local import config
from local.signatures import sign
from local.testing import Stack
from shared.settings import BadSettings, load_settings
from tests.architecture.conftest import settings_of_nowhere
from tests.people import Applicant, calls_so_far, store_calls

FIRST_DAY = "2027-01-11T14:00:00Z"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYq="


@pytest.fixture(scope="module")
def calm() -> Iterator[Stack]:
    """A stack of our own, whose clock tests turn."""
    with Stack(now=FIRST_DAY) as running:
        yield running


@pytest.fixture(autouse=True)
def _first_day(calm: Stack) -> None:
    calm.move_clock(FIRST_DAY, timers=False)


@pytest.fixture
def person(calm: Stack) -> Applicant:
    return Applicant(calm).applied()


def post(stack: Stack, partner: str, body: bytes, secret: str, event_id: str | None = None) -> httpx.Response:
    """Send raw bytes as a partner would, signed now with this secret."""
    moment = datetime.fromisoformat(stack.now().replace("Z", "+00:00")).timestamp()
    headers = sign(secret, event_id or f"evt_{uuid.uuid4().hex}", moment, body)
    return stack.client.post(
        f"{stack.api}/webhooks/{partner}", content=body, headers={**headers, "content-type": "application/json"}
    )


def secret_of(stack: Stack, partner: str) -> str:
    return str(stack.info["partners"][partner]["secret"])


def put_aside(stack: Stack, status: str) -> list[dict[str, Any]]:
    bearer = {"Authorization": f"Bearer {stack.token('auditor')}"}
    answer = stack.client.get(f"{stack.api}/partner-events", params={"status": status}, headers=bearer)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


def replay(stack: Stack, event: str, role: str = "admissions", number: int = 0) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {stack.token(role, number)}"}
    return stack.client.post(f"{stack.api}/partner-events/{event}/replay", json={"reason": "told_us"}, headers=bearer)


def body_of(kind: str, **data: Any) -> bytes:
    return json.dumps({"type": kind, "data": data}).encode()


def partners_setting(*secrets: Any, **more: Any) -> dict[str, str]:
    stated = {"learning": {"kind": "learning", "secrets": list(secrets), **more}}
    return settings_of_nowhere() | {"PARTNERS": json.dumps(stated)}


def test_old_secret_is_good_until_its_end_and_the_new_one_at_once() -> None:
    old = {"secret": config.random_key(), "until": "2027-02-01T00:00:00Z"}
    partner = load_settings(partners_setting(config.random_key(), old)).partners["learning"]
    end = datetime(2027, 2, 1, tzinfo=UTC)

    assert len(partner.live(end - timedelta(seconds=1))) == 2
    assert len(partner.live(end)) == 1


@pytest.mark.parametrize(
    ("secrets", "more"),
    [
        ((), {}),
        ((config.random_key(),) * 4, {}),
        (({"secret": config.random_key(), "until": "2027-02-01T00:00:00Z"},), {}),
        (({"secret": config.random_key(), "until": "2027-02-01T00:00:00"}, config.random_key()), {}),
        (({"secret": config.random_key(), "until": "soon"}, config.random_key()), {}),
        ((config.random_key(),), {"kind": "stranger"}),
        ((config.random_key(),), {"secret": "x"}),
        ((config.random_key(),), {"events": ["contract_signed"]}),
        (("whsec_YQ",), {}),
    ],
)
def test_partner_that_is_not_configured_soundly_stops_the_start(secrets: tuple[Any, ...], more: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match="PARTNERS"):
        load_settings(partners_setting(*secrets, **more))


def test_flood_of_bad_signatures_is_counted_and_costs_next_to_nothing_at_the_store(calm: Stack) -> None:
    def refused() -> int:
        bearer = {"Authorization": f"Bearer {calm.token('admin')}"}
        rows = calm.client.get(f"{calm.api}/partners", headers=bearer).json()["partners"]
        return sum(row["refused"] for row in rows if row["partner"] == "history")

    calm.move_clock("2027-01-11T15:00:00Z", timers=False)
    before, since = refused(), calls_so_far(calm)
    answers = [post(calm, "history", b"{}", WHSEC) for _ in range(40)]
    cost = store_calls(calm, since)
    calm.move_clock("2027-01-11T15:02:00Z", timers=False)
    post(calm, "history", b"{}", WHSEC)

    assert {answer.status_code for answer in answers} == {401}
    assert len(cost) <= 3
    assert refused() - before == 41


def test_event_that_came_too_early_waits_and_says_what_for(calm: Stack, person: Applicant) -> None:
    placement = {"case_id": person.case_id, "placement_id": "J-1", "ended_on": "2027-01-08"}
    early = calm.partner("northwind").send("placement.ended", placement)
    waiting = [each for each in put_aside(calm, "waiting") if each["case_id"] == person.case_id]

    assert early["status"] == 202
    assert [(each["type"], each["reason"]) for each in waiting] == [("placement.ended", "not-there-yet")]


def test_assessment_that_waited_is_applied_by_the_next_event_of_its_case(calm: Stack, person: Applicant) -> None:
    told = {"case_id": person.case_id, "assessment": "test", "outcome": "passed"}
    calm.partner("assessment").send("assessment.completed", told | {"attempt_id": "W-1"})
    person.staff("admissions", "assignment", specialist="t/specialist")
    person.staff("specialist", "recommendation", outcome="assess")

    calm.partner("assessment").send("assessment.completed", told | {"attempt_id": "W-2", "assessment": "interview"})

    assert [event["kind"] for event in person.events()].count("assessment_recorded") == 2


def test_dead_letter_says_why_and_is_applied_once_by_replay(calm: Stack, person: Applicant) -> None:
    told = {"case_id": person.case_id, "attempt_id": "D-1", "assessment": "test", "outcome": "passed"}
    calm.partner("assessment").send("assessment.completed", told)
    for day in range(12, 23):
        calm.move_clock(f"2027-01-{day}T14:00:00Z", timers=False)
        calm.run_timer("run_deliveries")
    dead = next(each for each in put_aside(calm, "dead_letter") if each["case_id"] == person.case_id)
    person.staff("admissions", "assignment", specialist="t/specialist")
    person.staff("specialist", "recommendation", outcome="assess")

    answers = [replay(calm, dead["id"]) for _ in range(3)]

    assert dead["reason"] == "assess-when-submitted"
    assert [answer.json() for answer in answers] == [{"status": "processed"}] * 3
    kinds = [event["kind"] for event in person.events()]
    assert (kinds.count("assessment_recorded"), kinds.count("partner_event_replayed")) == (1, 1)


def test_event_that_is_never_to_be_applied_is_closed_with_a_reason_and_a_name(calm: Stack) -> None:
    assert post(calm, "learning", b"no json", secret_of(calm, "learning")).status_code == 202
    aside = put_aside(calm, "quarantined")[-1]
    bearer = {"Authorization": f"Bearer {calm.token('admissions')}"}
    url = f"{calm.api}/partner-events/{aside['id']}/dismissal"

    answers = [calm.client.post(url, json={"reason": "not_ours"}, headers=bearer) for _ in range(2)]

    assert [answer.json() for answer in answers] == [{"status": "dismissed"}] * 2
    assert aside["id"] not in {each["id"] for each in put_aside(calm, "quarantined")}


def test_what_a_partner_says_of_money_is_closed_by_finance_alone(calm: Stack, person: Applicant) -> None:
    told = {"case_id": person.case_id, "payment_id": 7}
    assert calm.partner("payments").send("payment.received", told)["status"] == 202
    aside = next(each for each in put_aside(calm, "quarantined") if each["type"] == "payment.received")
    url = f"{calm.api}/partner-events/{aside['id']}/dismissal"

    answers = [
        calm.client.post(url, json={"reason": "typo"}, headers={"Authorization": f"Bearer {calm.token(role)}"})
        for role in ("admissions", "careers", "finance")
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 200]


def test_second_body_under_one_id_is_kept_aside_and_applied_only_by_replay(calm: Stack, person: Applicant) -> None:
    event_id, secret = f"evt_{uuid.uuid4().hex}", secret_of(calm, "learning")
    first = body_of("course.started", case_id=person.case_id, started_on="2027-01-11")
    second = body_of("course.started", case_id=person.case_id, started_on="2027-01-12")

    statuses = [post(calm, "learning", body, secret, event_id).status_code for body in (first, second, first)]

    mine = [each for each in put_aside(calm, "quarantined") if each["case_id"] == person.case_id]
    aside = [each for each in mine if each["reason"] == "event_id_reused"]
    assert statuses == [202, 202, 200]
    assert len(aside) == 1
    assert replay(calm, aside[0]["id"]).json() == {"status": "waiting"}  # There is no contract yet.


def test_event_that_cannot_be_read_is_put_aside_and_cannot_be_replayed(calm: Stack) -> None:
    sent = post(calm, "learning", b"not json", secret_of(calm, "learning"))

    aside = next(each for each in put_aside(calm, "quarantined") if each["reason"] == "not_json")
    answer = replay(calm, aside["id"])

    assert sent.status_code == 202
    assert (answer.status_code, answer.json()["reason"]) == (409, "not-readable")


def test_kind_of_event_that_is_none_holds_up_nobody_who_looks(calm: Stack) -> None:
    body = json.dumps({"type": ["placement.reported"], "data": {}}).encode()
    event_id, secret = f"evt_{uuid.uuid4().hex}", secret_of(calm, "northwind")
    before = [each["id"] for each in put_aside(calm, "quarantined")]
    for stated in (body, body + b" "):  # The second is put aside, because the id was used.
        assert post(calm, "northwind", stated, secret, event_id).status_code == 202

    (added,) = [each for each in put_aside(calm, "quarantined") if each["id"] not in before]
    assert added["type"] is None


def test_event_about_a_case_is_not_listed_to_whoever_is_close_to_its_person(calm: Stack, person: Applicant) -> None:
    told = {"case_id": person.case_id, "placement_id": "J-2", "ended_on": "2027-01-08"}
    calm.partner("northwind").send("placement.ended", told)
    close = f"{calm.info['issuer']['tenant']}/{calm.person('careers', 1)['object_id']}"
    assert person.staff("careers", "conflicts", relation="friend", staff=close).status_code == 201

    def listed(number: int) -> bool:
        bearer = {"Authorization": f"Bearer {calm.token('careers', number)}"}
        found = calm.client.get(f"{calm.api}/partner-events", params={"status": "waiting"}, headers=bearer)
        return person.case_id in found.text

    assert (listed(0), listed(1)) == (True, False)


@pytest.mark.parametrize("event", ["x" * 64, "0" * 64, "0" * 64 + "-" + "0" * 16, "evt_1"])
def test_replay_of_what_is_not_there_is_refused(calm: Stack, event: str) -> None:
    assert replay(calm, event).status_code == 404


def test_partner_of_another_kind_touches_nothing(calm: Stack, person: Applicant) -> None:
    before = len(person.events())

    sent = calm.partner("northwind").send("diploma.awarded", {
        "case_id": person.case_id, "diploma_id": "D-1", "awarded_on": "2027-01-11",
    })  # fmt: skip

    assert sent["status"] == 202
    assert len(person.events()) == before
    assert "not_this_partners" in {each["reason"] for each in put_aside(calm, "quarantined")}


def test_secret_of_one_partner_is_not_good_at_another_ones_door(calm: Stack) -> None:
    answer = post(calm, "contoso", b"{}", secret_of(calm, "northwind"))

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/bad-signature")


def test_clock_that_is_a_minute_from_the_stores_is_told(calm: Stack) -> None:
    door = f"{calm.info['cosmos']['endpoint'].rstrip('/')}/_local/clock"
    log = calm.data / "logs" / "host.log"
    assert calm.run_timer("run_deliveries")
    before = log.read_text("utf-8")

    calm.client.post(door, json={"now": "2027-01-11T14:02:00Z"}).raise_for_status()
    assert calm.run_timer("run_deliveries")

    told = log.read_text("utf-8").removeprefix(before)
    assert "our clock is off" not in before
    assert "our clock is off" in told

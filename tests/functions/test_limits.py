"""What is counted, by whom it cannot be fooled, and what happens when it is too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import azure.functions as func
import httpx
import pytest

from functions.http import client_address
from local.testing import Stack
from shared.use_cases.limits import network_of
from tests.conftest import NOW
from tests.people import Applicant, application, calls_so_far, store_calls


@pytest.fixture(scope="module")
def crowded() -> Iterator[Stack]:
    """A stack of its own, for the counters of the shared one are everybody's."""
    with Stack(now=NOW) as running:
        admin = {"Authorization": f"Bearer {running.token('admin')}"}
        assert (
            running.client.get(f"{running.api}/health/ready", headers=admin).status_code == 200
        )  # Warm, before we count.
        yield running


def staff(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.token('specialist')}"}


def flags_in_queue(stack: Stack, applicant: Applicant) -> list[str]:
    """What the queue says beside a case."""
    queue = stack.client.get(f"{stack.api}/work-queue?limit=200", headers=staff(stack)).json()["work"]
    return next(row["flags"] for row in queue if row["case_id"] == applicant.case_id)


def test_twenty_first_application_from_one_network_is_taken_like_any_other_and_flagged(crowded: Stack) -> None:
    people = [Applicant(crowded) for _ in range(21)]

    answers = [
        person.client.post(
            f"{person.api}/applications",
            json=application(person.email),
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
        )
        for number, person in enumerate(people)
    ]
    for person in people:
        person.open_mail()
    since = calls_so_far(crowded)
    assert Applicant(crowded).apply().status_code == 202
    counted = [call["operation"] for call in store_calls(crowded, since) if call["container"] == "counters"]

    assert counted == ["Read"], "a rush waits for no counter"
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert flags_in_queue(crowded, people[19]) == []
    assert flags_in_queue(crowded, people[20]) == ["many_from_one_network"]


def test_filled_honeypot_is_flagged_for_staff_and_told_to_nobody(stack: Stack, applicant: Applicant) -> None:
    honest = Applicant(stack).apply()

    answer = applicant.apply(website="https://buy.example\t" * 40)
    applicant.open_mail()

    assert (answer.status_code, answer.content) == (202, honest.content)
    assert "honeypot" in flags_in_queue(stack, applicant)
    assert applicant.record()["application"]["status"] == "submitted"


def test_fourth_link_of_an_hour_to_one_address_is_refused_known_or_not(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()

    def asks(address: str) -> list[httpx.Response]:
        return [applicant.client.post(f"{applicant.api}/links", json={"email": address}) for _ in range(4)]

    known, unknown = asks(applicant.email), asks(f"nobody-{applicant.email}")

    for answers in (known, unknown):
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
        assert 0 < int(answers[3].headers["retry-after"]) <= 3600
    assert [answer.content for answer in known] == [answer.content for answer in unknown]


def test_case_is_found_by_address_only_through_a_body(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    search = f"{stack.api}/case-searches"

    by_email = stack.client.post(search, json={"email": applicant.email}, headers=staff(stack))
    by_reference = stack.client.post(search, json={"reference": applicant.case_id}, headers=staff(stack))
    plain = stack.client.get(f"{stack.api}/cases?reference={applicant.case_id}", headers=staff(stack))
    in_address = stack.client.get(f"{stack.api}/cases?email={applicant.email}", headers=staff(stack))
    neither = stack.client.post(search, json={}, headers=staff(stack))

    assert by_email.json() == by_reference.json() == plain.json()
    assert by_email.json()["cases"][0]["case_id"] == applicant.case_id
    assert (in_address.status_code, neither.status_code) == (422, 422)


@pytest.mark.parametrize(
    ("noted", "hops", "address"),
    [
        ("203.0.113.7:41234", 1, "203.0.113.7"),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7:41234", 1, "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7, 147.243.0.1:8080", 2, "203.0.113.7"),
        ("[2001:db8::7]:41234", 1, "2001:db8::7"),
        ("1.2.3.4,2001:db8::7", 1, "2001:db8::7"),
        ("147.243.0.1:8080", 2, None),
        ("1.2.3.4, nonsense", 1, None),
        ("", 1, None),
    ],
)
def test_address_of_a_caller_is_what_our_own_front_end_noted(noted: str, hops: int, address: str | None) -> None:
    headers: Any = {"X-Forwarded-For": noted}
    request = func.HttpRequest("POST", "/", headers=headers, body=b"")

    assert client_address(request, hops) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("1.2.3", None),
        (None, None),
    ],
)
def test_network_is_an_ipv4_address_or_sixty_four_bits(address: str | None, network: str | None) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize("origin", ["null", "https://www.pledge.example.evil.com", "https://wwwXpledge.example"])
def test_other_sites_than_those_listed_may_read_nothing(stack: Stack, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    asked = stack.client.options(f"{stack.api}/applications", headers=headers)
    answered = stack.client.get(f"{stack.api}/health/live", headers=headers)

    assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in answered.headers
    assert answered.status_code == 200


def test_listed_site_may_read_answers_but_sends_no_cookies(stack: Stack) -> None:
    answer = stack.client.get(f"{stack.api}/health/live", headers={"Origin": "https://www.pledge.example"})

    assert answer.headers["access-control-allow-origin"] == "https://www.pledge.example"
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers

"""Nothing that names a person, and no token, gets where it cannot be erased: logs, events, ids, addresses, answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.access import ACCESS
from local.testing import Stack
from tests.conftest import NOW
from tests.files import a_pdf
from tests.people import Applicant

CANARY = "zq7canary"
PHONE = "+33699887766"
IBAN = "FR7630006000011234567890189"
SAID = {
    "given_names": f"{CANARY}given",
    "family_names": f"{CANARY}family",
    "phone": PHONE,
    "motivation": f"{CANARY}motivation",
    "degree": {
        "level": "bachelor",
        "subject": f"{CANARY}subject",
        "institution": f"{CANARY}institution",
        "country": "FR",
        "awarded_on": "2025-06-30",
    },
}
PERSONAL = ("person", "payee", "contact", "note", "submission")
"""The kinds of item in which a person may be named: erasure deletes them."""


@dataclass
class Walk:
    """A stack on which somebody was named everywhere, and every route was called by everybody, well and badly."""

    stack: Stack
    applicant: Applicant
    secrets: list[str]
    answers: list[tuple[str, httpx.Response]]

    def items(self, container: str) -> list[dict[str, Any]]:
        """Everything in a container."""
        door = f"{self.stack.info['cosmos']['endpoint'].rstrip('/')}/_local/dump?container={container}"
        answer = self.stack.client.get(door)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """The person applies, sends a document; then every route, as the person, as staff and as nobody."""
    with Stack(now=NOW) as stack:
        applicant = Applicant(stack)
        applicant.email = f"{CANARY}@people.example"
        applicant.applied(**SAID)
        assert applicant.does("contact", email=f"{CANARY}2@people.example").status_code == 200
        noted = applicant.staff("admissions", "assignment", specialist="t/specialist")
        assert noted.status_code == 200, noted.text
        noted = applicant.staff("specialist", "screening-events", kind="note", note=f"{CANARY} said so")
        # After what staff do on the version that they saw: the scan writes when it likes.
        file = {"file": (f"{CANARY} diploma.pdf", a_pdf(), "application/pdf")}
        address = f"{applicant.api}/cases/{applicant.case_id}/documents"
        sent = applicant.client.post(address, data={"kind": "transcript"}, files=file, headers=applicant.bearer)
        assert sent.status_code == 200, sent.text
        _qualified_and_named(stack)
        secrets = [applicant.link, *(stack.token(role) for role in ("careers", "finance", "admin"))]
        for timer in ("run_audit", "run_reports"):
            assert stack.run_timer(timer)
        found = Walk(stack, applicant, secrets, [])
        _call_everything(found)
        _with_a_store_that_fails(found)
        yield found


def _qualified_and_named(stack: Stack) -> None:
    """A graduate names an account, an employer and who there can be asked."""
    graduate = Applicant(stack).to_diploma()
    told = [
        graduate.does("payee", account_holder=f"{CANARY} holder", iban=IBAN),
        graduate.does("placements", contract="permanent", starts_on=NOW[:10], employer_name=f"{CANARY} employer"),
        graduate.does("placements/p1/confirmation-requests", email=f"{CANARY}3@people.example"),
    ]
    assert [answer.status_code for answer in told] == [200] * 3, [answer.text for answer in told]


def _call_everything(walk: Walk) -> None:
    bodies: tuple[Any, ...] = (
        dict.fromkeys(("unknown", "note", "email", "reference", "iban", "case_id", "kind", "outcome"), CANARY),
        f'{{"note": {CANARY}',
    )
    ids = {"case_id": walk.applicant.case_id}
    for route in ACCESS:
        method, _, template = route.partition(" ")
        path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], f"{CANARY}-x"), template)
        for token in ("", *walk.secrets):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            headers |= {"Idempotency-Key": f"{CANARY}0123456789", "If-Match": '"1"', "Content-Type": "application/json"}
            for body in bodies[: 1 if method == "GET" else 2]:
                content = body if isinstance(body, str) else json.dumps(body)
                answer = walk.stack.client.request(method, f"{walk.stack.api}/{path}", content=content, headers=headers)
                walk.answers.append((route, answer))


def _with_a_store_that_fails(walk: Walk) -> None:
    door = f"{walk.stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    rule = {"operation": "Read", "container": "cases", "effect": {"kind": "status", "status": 403}}
    walk.stack.client.put(door, json={"rules": [rule]}).raise_for_status()
    try:
        for route in ("", "/guarantee"):
            walk.answers.append(("GET cases/{case_id}", walk.applicant.sees(route)))
    finally:
        walk.stack.client.delete(door).raise_for_status()


def test_no_log_names_the_person_or_holds_a_token(walk: Walk) -> None:
    logs = list(Path(walk.stack.data, "logs").glob("host*"))
    assert logs
    for log in logs:
        text = log.read_bytes()
        for secret in (CANARY, PHONE, PHONE[1:], IBAN, *walk.secrets):
            assert secret.encode() not in text, log.name


def test_no_refusal_echoes_what_came_in(walk: Walk) -> None:
    refused = [(route, answer) for route, answer in walk.answers if answer.status_code >= 400]

    assert len(refused) > 200
    for route, answer in refused:
        assert answer.status_code < 500 or answer.status_code == 503, route
        assert CANARY not in answer.text, route
        assert CANARY not in str(answer.headers), route


def test_only_items_that_erasure_deletes_name_the_person(walk: Walk) -> None:
    for item in walk.items("cases"):
        if item["kind"] not in PERSONAL:
            assert CANARY not in json.dumps(item), item["kind"]
            assert PHONE not in json.dumps(item), item["kind"]
        assert IBAN not in json.dumps(item), item["kind"]
        assert CANARY not in item["id"]


@pytest.mark.parametrize("container", ["links", "addresses", "counters", "reads", "inbox", "audits", "reports"])
def test_no_other_container_names_the_person(walk: Walk, container: str) -> None:
    items = walk.items(container)
    told = json.dumps(items)

    assert items, "where nothing is, nothing was looked at"
    for secret in (CANARY, PHONE, IBAN, *walk.secrets):
        assert secret not in told


def test_no_call_to_the_store_has_the_person_in_its_address(walk: Walk) -> None:
    door = f"{walk.stack.info['cosmos']['endpoint'].rstrip('/')}/_local/calls"
    told = walk.stack.client.get(door).text

    assert walk.applicant.case_id in told
    assert PHONE not in told
    assert IBAN not in told
    # An id in a path is the caller's own word, looked for and not kept; nothing else of theirs is in an address.
    assert f"{CANARY}@" not in told
    assert not re.search(rf"{CANARY}(given|family|motivation|subject| holder| employer)", told)

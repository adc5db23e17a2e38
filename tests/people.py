"""People as tests need them: an applicant with a mailbox, and staff who act on their case."""

from __future__ import annotations

import itertools
import os
import re
import uuid
from typing import Any

import httpx

from local.testing import Stack


def application(email: str, **other: Any) -> dict[str, Any]:
    """A valid application; a test states only what it is about."""
    return {
        "programme": "ai-diploma",
        "intake": "2027-spring",
        "given_names": "Ada",
        "family_names": "Okafor",
        "email": email,
        "phone": "+33612345678",
        "country": "FR",
        "time_zone": "Europe/Paris",
        "language": "en",
        "degree": {
            "level": "bachelor",
            "subject": "Mathematics",
            "institution": "Université de Lyon",
            "country": "FR",
            "awarded_on": "2025-06-30",
        },
        "motivation": "I like proofs.",
        "terms_and_privacy": "2026-09",
        "accreditation_notice_read": True,
    } | other


class Applicant:
    """One person on a running stack, whom nobody else knows."""

    _numbers = itertools.count(1)

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client: httpx.Client = stack.client
        self.api: str = stack.info["api"]
        self.email = f"a{next(self._numbers)}-{os.getpid()}@people.example"
        self.case_id = ""
        self.link = ""

    def apply(self, **other: Any) -> httpx.Response:
        """Send the form as JSON."""
        return self.client.post(f"{self.api}/applications", json=application(self.email, **other))

    def applied(self, **other: Any) -> Applicant:
        """Send the form and open the mail."""
        answer = self.apply(**other)
        assert answer.status_code == 202, answer.text
        self.open_mail()
        return self

    def open_mail(self) -> None:
        """Take case and link from the newest mail."""
        mails = self.stack.wait_for_mail(self.email)
        found = re.search(r"#([a-z2-7]{26})\.([A-Za-z0-9_-]{43})", mails[-1]["text"])
        assert found, mails[-1]["text"]
        self.case_id, self.link = found.groups()

    def sees(self, what: str = "") -> httpx.Response:
        """What the person's page asks for."""
        return self.client.get(f"{self.api}/cases/{self.case_id}{what}", headers=self.bearer)

    @property
    def bearer(self) -> dict[str, str]:
        """The person's link as a header."""
        return {"Authorization": f"Bearer {self.link}"}

    def does(self, act: str, key: str | None = None, **body: Any) -> httpx.Response:
        """The person acts."""
        headers = self.bearer | {"Idempotency-Key": key or uuid.uuid4().hex}
        return self.client.post(f"{self.api}/cases/{self.case_id}/{act}", json=body, headers=headers)

    def staff_headers(self, role: str, number: int = 0) -> dict[str, str]:
        """A member of staff who has just looked at the case."""
        bearer = {"Authorization": f"Bearer {self.stack.token(role, number)}"}
        seen = self.client.get(f"{self.api}/cases/{self.case_id}", headers=bearer)
        assert seen.status_code == 200, seen.text
        return bearer | {"If-Match": seen.headers["etag"]}

    def staff(self, role: str, act: str, number: int = 0, key: str | None = None, **body: Any) -> httpx.Response:
        """A member of staff looks, then acts."""
        headers = self.staff_headers(role, number) | {"Idempotency-Key": key or uuid.uuid4().hex}
        return self.client.post(f"{self.api}/cases/{self.case_id}/{act}", json=body, headers=headers)

    def record(self) -> dict[str, Any]:
        """The case as staff see it."""
        bearer = {"Authorization": f"Bearer {self.stack.token('careers', 0)}"}
        seen: dict[str, Any] = self.client.get(f"{self.api}/cases/{self.case_id}", headers=bearer).json()
        return seen

    def events(self) -> list[dict[str, Any]]:
        """The chain of events."""
        bearer = {"Authorization": f"Bearer {self.stack.token('careers', 0)}"}
        answer = self.client.get(f"{self.api}/cases/{self.case_id}/events", headers=bearer)
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    def to_decision(self, **other: Any) -> Applicant:
        """Through screening and assessment to the admissions office."""
        self.applied(**other)
        specialist = next(each for each in self.stack.info["staff"] if each["roles"] == ["specialist"])
        tenant = self.stack.info["issuer"]["tenant"]
        steps: list[tuple[str, str, dict[str, Any]]] = [
            ("admissions", "assignment", {"specialist": f"{tenant}/{specialist['object_id']}"}),
            ("specialist", "screening-events", {"kind": "call_held"}),
            ("specialist", "recommendation", {"outcome": "assess"}),
            ("specialist", "assessments", {"assessment_id": "T1", "kind": "test", "outcome": "passed"}),
            ("specialist", "assessments", {"assessment_id": "I1", "kind": "interview", "outcome": "passed"}),
        ]
        for role, act, body in steps:
            answer = self.staff(role, act, **body)
            assert answer.status_code == 200, answer.text
        return self

    def to_offer(self, **decision: Any) -> Applicant:
        """To an offer."""
        self.to_decision()
        answer = self.staff("admissions", "admission-decision", outcome="offer", **decision)
        assert answer.status_code == 200, answer.text
        return self

    def to_contract(self, **other: Any) -> Applicant:
        """To a signed contract, all on one day, in a country where it may be signed at once."""
        self.to_decision(country="GB", **other)
        return self.do_all(
            ("admissions", "admission-decision", {"outcome": "offer"}),
            ("", "offer-answer", {"answer": "accept"}),
            ("admissions", "contract", {}),
            ("admissions", "contract-receipt", {}),
            ("", "contract-signature", {}),
        )

    def to_course(self) -> Applicant:
        """To the first day of the course, all on one day."""
        return self.to_contract().do_all(("admissions", "course-start", {"started_on": self.stack.now()[:10]}))

    def to_diploma(self) -> Applicant:
        """To the diploma, all on one day."""
        # Who admits and who awards are different people: nobody acts twice in one chain.
        diploma = {"diploma_id": f"D-{self.case_id}", "awarded_on": self.stack.now()[:10]}
        return self.to_course().do_all(("admissions 1", "diploma", diploma))

    def do_all(self, *steps: tuple[str, str, dict[str, Any]]) -> Applicant:
        """One act after the other: of the first (or that) member of staff with a role, without one of the person."""
        for who, act, body in steps:
            role, _, number = who.partition(" ")
            answer = self.staff(role, act, number=int(number or 0), **body) if role else self.does(act, **body)
            assert answer.status_code == 200, (act, answer.text)
        return self

    def ask_for_link(self) -> Applicant:
        """Have a new link mailed, and open it: what binds needs one of today."""
        known = len(self.stack.mail(self.email))
        assert self.client.post(f"{self.api}/links", json={"email": self.email}).status_code == 202
        self.stack.wait_for_mail(self.email, known + 1)
        self.open_mail()
        return self


def store_calls(stack: Stack, since: int) -> list[dict[str, Any]]:
    """The calls that reached the store after call number `since`, account and container look-ups apart."""
    answer = stack.client.get(f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/calls", params={"since": since})
    return [call for call in answer.json()["calls"] if not call.get("meta")]


def calls_so_far(stack: Stack) -> int:
    """The number of the last call that reached the store."""
    answer = stack.client.get(f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/calls", params={"since": 10**9})
    return int(answer.json()["next"])

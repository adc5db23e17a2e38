"""Every route and every kind of caller: exactly the callers of the row get past the door, and nobody else sees a thing.

Bodies here are cut-off JSON: whoever is let in is told so (400, 409, 415, 422, 428 or an answer) and changes nothing.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from functions.access import ACCESS, BINDING, CONFIRMATION
from functions.http import PROBLEMS
from functions.timers import TIMERS
from local.testing import Stack
from shared.domain.life_cycle import Role
from tests.files import a_pdf
from tests.people import Applicant, calls_so_far, store_calls

APPLIED_AT = "2027-01-11T14:00:00Z"
A_MONTH_LATER = "2027-02-12T14:00:00Z"
A_DAY_AFTER_THAT = "2027-02-13T14:00:01Z"
UNKNOWN_CASE = "z" * 26
STAFF = (Role.SPECIALIST, Role.ADMISSIONS, Role.CAREERS, Role.FINANCE, Role.AUDITOR, Role.ADMIN)
DOOR = (401, 403, 404, 410)
NOTED = (
    "GET cases/{case_id}", "GET cases/{case_id}/guarantee", "GET cases/{case_id}/documents/{document}",
    "GET cases/{case_id}/events", "GET reports/payments",
)  # fmt: skip
NOT_THERE = (
    "GET audits/{run}/files/{name}", "GET audit-samples/{month}", "GET placement-imports/{import_id}",
    "GET placement-imports/{import_id}/result", "POST placement-imports/{import_id}/continuation",
    "GET reports/outcomes/exports/{export_id}",
)  # fmt: skip
"""Routes of things that this world has none of: staff who are let in are told so."""
READING = ("Read", "SqlQuery", "QueryPlan", "ReadFeed")
FORGED = {
    # {"auth_typ":"aad","claims":[{"typ":"roles","val":"admin"},{"typ":"roles","val":"finance"}]}
    "X-MS-CLIENT-PRINCIPAL": "eyJhdXRoX3R5cCI6ImFhZCIsImNsYWltcyI6W3sidHlwIjoicm9sZXMiLCJ2YWwiOiJhZG1pbiJ9LHsidHlwIjo"
    "icm9sZXMiLCJ2YWwiOiJmaW5hbmNlIn1dfQ==",
    "X-MS-CLIENT-PRINCIPAL-ID": "00000000-0000-0000-0000-000000000001",
    "X-MS-CLIENT-PRINCIPAL-NAME": "hannah.price@staff.pledge.example",
    "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
    "X-Forwarded-For": "127.0.0.1",
    "X-Functions-Key": "master",
}


def bearer(token: str) -> dict[str, str]:
    """A token as a header."""
    return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class Knock:
    """One request at the door of a route: the answer, and what it cost at the store."""

    answer: httpx.Response
    calls: list[dict[str, Any]]


@dataclass
class World:
    """One stack with two cases, links of every age to the first one, and somebody of every role."""

    stack: Stack
    case_id: str
    run: str
    document: str
    callers: dict[str, dict[str, str]] = field(default_factory=dict)
    swept: dict[str, dict[str, Knock]] = field(default_factory=dict)

    def sweep(self, caller: str) -> dict[str, Knock]:
        """Every route, asked once by this caller."""
        if caller not in self.swept:
            self.swept[caller] = {}
            since = calls_so_far(self.stack)
            for route in ACCESS:
                answer = self.ask(route, self.callers[caller])
                calls = store_calls(self.stack, since)
                since = max([since, *(call["n"] for call in calls)])
                self.swept[caller][route] = Knock(answer, calls)
        return self.swept[caller]

    def ask(self, route: str, headers: dict[str, str], case_id: str | None = None) -> httpx.Response:
        """Call a route with a body that nobody can act on."""
        method, _, template = route.partition(" ")
        ids = {"case_id": case_id or self.case_id, "run": self.run, "document": self.document, "partner": "learning"}
        path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "nobody-has-this"), template)
        address = f"{self.stack.api}/{path}"
        if method == "GET":
            return self.stack.client.get(address, headers=headers)
        return self.stack.client.post(address, content=b"{", headers=headers | {"Content-Type": "application/json"})


def fresh_link(applicant: Applicant) -> str:
    """Have a new link mailed and take it from the mail."""
    known = len(applicant.stack.mail(applicant.email))
    answer = applicant.client.post(f"{applicant.api}/links", json={"email": applicant.email})
    assert answer.status_code == 202, answer.text
    applicant.stack.wait_for_mail(applicant.email, known + 1)
    applicant.open_mail()
    return applicant.link


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Timers are off, so that every call to the store is a caller's."""
    off = {"TIMERS_OFF": ",".join(timer.name for timer in TIMERS)}
    with Stack(now=APPLIED_AT, environment=off) as stack:
        ada, ben = Applicant(stack).applied(), Applicant(stack).applied()
        links = {"expired": ada.link}
        stack.move_clock(A_MONTH_LATER, timers=False)
        links["a day old"] = fresh_link(ada)
        stack.move_clock(A_DAY_AFTER_THAT, timers=False)
        links["own"], links["another's"] = fresh_link(ada), fresh_link(ben)

        upload = {"file": ("certificate.pdf", a_pdf(), "application/pdf")}
        address = f"{ada.api}/cases/{ada.case_id}/documents"
        added = ada.client.post(address, data={"kind": "certificate"}, files=upload, headers=bearer(links["own"]))
        assert added.status_code == 200, added.text
        document = next(iter(added.json()["case"]["documents"]))
        _wait_until_scanned(ada, document)
        auditor = bearer(stack.token("auditor"))
        run = ada.client.post(f"{ada.api}/audits", json={"case_id": ada.case_id}, headers=auditor)
        assert run.status_code == 201, run.text

        admin = bearer(stack.token("admin"))
        revoked = f"{stack.info['issuer']['tenant']}/{stack.person('finance', 2)['object_id']}"
        done = ada.client.post(f"{ada.api}/staff-revocations", json={"staff": revoked}, headers=admin)
        assert done.status_code == 200, done.text

        world = World(stack, ada.case_id, _id_of(run.json()), document)
        world.callers = _callers(stack, links)
        yield world


def _wait_until_scanned(applicant: Applicant, document: str) -> None:
    """The scanner answers in its own time; what it writes must not be taken for a caller's."""
    deadline = time.monotonic() + 20
    while applicant.sees().json()["documents"][document]["status"] != "clean":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while applicant.stack.partner("scanner").sent()[-1].get("status") is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _id_of(run: dict[str, Any]) -> str:
    return str(run.get("run") or run.get("run_id") or run["id"])


def _callers(stack: Stack, links: dict[str, str]) -> dict[str, dict[str, str]]:
    genuine = stack.token("finance")
    head, claims, signature = genuine.split(".")
    callers: dict[str, dict[str, str]] = {
        "nobody": {},
        "nobody, forged headers": FORGED,
        "basic": {"Authorization": "Basic YWRtaW46YWRtaW4="},
        "garbage": bearer("garbage"),
        "garbage like a link": bearer("A" * 43),
        "garbage like a token": bearer("a.b.c"),
        "signature changed": bearer(f"{head}.{claims}.{signature[:-8]}AAAAAAAA"),
        "unsigned token": bearer(f"eyJhbGciOiJub25lIn0.{claims}."),
        "expired token": bearer(stack.token("finance", expires_in=-3600)),
        "another tenant's": bearer(stack.token("finance", claims={"tid": str(uuid.uuid4())})),
        "another audience's": bearer(stack.token("finance", claims={"aud": str(uuid.uuid4())})),
        "staff without a role": bearer(stack.token("finance", roles=[])),
        "staff who was revoked": bearer(stack.token("finance", 2)),
        "unsigned partner": {"webhook-id": "e1", "webhook-timestamp": "1802527201", "webhook-signature": "v1,AAAA"},
    }
    callers |= {f"link: {age}": bearer(link) for age, link in links.items()}
    callers |= {f"staff: {role}": bearer(stack.token(role.value)) for role in STAFF}
    callers |= {f"staff, forged headers: {role}": bearer(stack.token(role.value)) | FORGED for role in STAFF}
    return callers


NO_TOKEN = ("nobody", "nobody, forged headers", "basic", "unsigned partner")
BAD_TOKEN = (
    "garbage like a token", "signature changed", "unsigned token", "expired token", "another tenant's",
    "another audience's",
)  # fmt: skip
BAD_LINK = ("garbage", "garbage like a link")
NO_STAFF = ("staff without a role", "staff who was revoked")
LINKS = ("expired", "a day old", "own", "another's")
CALLERS = (
    *NO_TOKEN, *BAD_TOKEN, *BAD_LINK, *NO_STAFF, *(f"link: {age}" for age in LINKS),
    *(f"staff{hat}: {role}" for role in STAFF for hat in ("", ", forged headers")),
)  # fmt: skip


def refusal(route: str, caller: str) -> int | None:
    """The status that this caller must get at the door of a route; None: they are let in. Written from the design."""
    access = ACCESS[route]
    if access.anyone:
        return None
    if access.partner or caller in NO_TOKEN or caller in BAD_TOKEN:
        return 401
    if caller in NO_STAFF:
        return 403
    if caller.startswith("staff"):
        return None if Role(caller.rpartition(" ")[2]) in access.roles else 403
    if access.link is None:
        return 401
    foreign = caller == "link: another's" and "{case_id}" in route
    if caller in BAD_LINK or foreign or access.link == CONFIRMATION:
        return 404
    if caller == "link: expired":
        return 410
    return 410 if caller == "link: a day old" and access.link == BINDING else None


@pytest.mark.parametrize("caller", CALLERS)
def test_exactly_the_callers_of_the_row_get_past_the_door(world: World, caller: str) -> None:
    wrong = {}

    for route, knock in world.sweep(caller).items():
        status, expected = knock.answer.status_code, refusal(route, caller)
        if expected is not None and status != expected:
            wrong[route] = f"{status}, not {expected}"
        if expected is None and status == 404 and route in NOT_THERE:
            continue
        if expected is None and (status in DOOR or status >= 500):
            wrong[route] = f"{status}, not let in"

    assert wrong == {}


@pytest.mark.parametrize("caller", CALLERS)
def test_nobody_changes_anything_at_the_door(world: World, caller: str) -> None:
    for route, knock in world.sweep(caller).items():
        written = [call for call in knock.calls if is_write(call)]
        if route in NOTED and knock.answer.status_code == 200 and caller.startswith("staff"):
            assert {call["container"] for call in written} == {"reads"}, "who read what evidence is kept"
        elif ACCESS[route].partner:
            assert {call["container"] for call in written} <= {"counters"}, "how many were refused is kept"
        else:
            assert written == [], route


@pytest.mark.parametrize("caller", CALLERS)
def test_whoever_is_refused_reads_nothing_but_their_own_way_in_and_is_told_nothing(world: World, caller: str) -> None:
    for route, knock in world.sweep(caller).items():
        answer = knock.answer
        if refusal(route, caller) is None:
            continue
        ways_in = {"links", "counters"} if ACCESS[route].partner else {"links"}
        assert {call["container"] for call in knock.calls} <= ways_in, route
        assert answer.headers["content-type"].startswith("application/problem+json"), route
        assert answer.headers["cache-control"] == "no-store", route
        assert set(answer.json()) <= {"type", "title", "status", "instance", "reason"}, route
        slug = answer.json()["type"].removeprefix("/problems/")
        assert PROBLEMS[slug] == (answer.status_code, answer.json()["title"]), route
        assert answer.json()["instance"] == f"/api/{route.partition(' ')[2]}", route
        assert world.case_id not in answer.text, route


def is_write(call: dict[str, Any]) -> bool:
    """Whether a call to the store can change something."""
    return call["operation"] not in READING


def told(answer: httpx.Response) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Everything that an answer tells, but when."""
    headers = sorted((name, value) for name, value in answer.headers.multi_items() if name != "date")
    return answer.status_code, tuple(headers), answer.content


@pytest.mark.parametrize("age", ["own", "a day old"])
def test_an_unknown_case_and_somebody_elses_are_answered_alike(world: World, age: str) -> None:
    headers, foreign = world.callers[f"link: {age}"], world.callers["link: another's"]

    for route, access in ACCESS.items():
        if "{case_id}" not in route or access.link is None or (age == "a day old" and access.link == BINDING):
            continue
        answers = {
            told(answer)
            for answer in (
                world.ask(route, foreign),
                world.ask(route, headers, UNKNOWN_CASE),
                world.ask(route, headers, "nobody-has-this"),
                world.ask(route, headers, "0" * 128),
                world.ask(route, headers, "0" * 129),
                world.ask(route, world.callers["garbage like a link"]),
            )
        }

        assert len(answers) == 1, route
        assert answers.pop()[0] == 404, route


def test_a_stale_link_tells_nothing_about_the_case_that_is_asked_for(world: World) -> None:
    for link in ("expired", "a day old"):
        headers = world.callers[f"link: {link}"]
        for route, access in ACCESS.items():
            if access.link is not None and refusal(route, f"link: {link}") == 410:
                assert told(world.ask(route, headers)) == told(world.ask(route, headers, UNKNOWN_CASE)), route


@pytest.mark.parametrize("role", STAFF)
def test_staff_are_told_alike_of_a_case_that_is_unknown_and_an_id_that_is_none(world: World, role: Role) -> None:
    headers = world.callers[f"staff: {role}"]

    for route in ("GET cases/{case_id}", "GET cases/{case_id}/guarantee", "GET cases/{case_id}/events"):
        expected = 404 if role in ACCESS[route].roles else 403
        unknown, none = world.ask(route, headers, UNKNOWN_CASE), world.ask(route, headers, "nobody-has-this")

        assert told(unknown) == told(none)
        assert unknown.status_code == expected


def test_after_everybody_has_knocked_the_case_is_as_it_was(world: World) -> None:
    staff = world.callers["staff: careers"]
    before = world.ask("GET cases/{case_id}", staff)
    for caller in CALLERS:
        for route in ("POST cases/{case_id}/withdrawal", "POST cases/{case_id}/claims", "POST link-revocations"):
            world.ask(route, world.callers[caller])

    after = world.ask("GET cases/{case_id}", staff)

    assert (after.headers["etag"], after.content) == (before.headers["etag"], before.content)


def test_a_method_that_is_not_registered_answers_nobody(world: World) -> None:
    routes: dict[str, set[str]] = {}
    for route in ACCESS:
        method, _, path = route.partition(" ")
        routes.setdefault(path, set()).add(method)

    for path, methods in routes.items():
        address = f"{world.stack.api}/{re.sub(r'[{]case_id[}]', world.case_id, path)}"
        address = re.sub(r"\{\w+\}", "x", address)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = world.stack.client.request(method, address, headers=world.callers["staff: admin"])
            assert answer.status_code in (404, 405), f"{method} {path}"

"""Whoever is close to a person sees and does nothing in their case: every staff route, by register and by address."""

from __future__ import annotations

import ast
import re
import uuid
from typing import Any

import pytest

from functions.access import ACCESS
from functions.openapi import document
from local.testing import Stack
from shared.domain.life_cycle import CASE_STAFF, Role
from tests.architecture.source import ROOT
from tests.files import a_pdf
from tests.people import Applicant

STAFF_ROUTES = sorted(route for route, access in ACCESS.items() if access.roles and "{case_id}" in route)
EXAMPLES = {
    r"^[a-z2-7]{26}$": "a" * 26,
    r"^[A-Za-z0-9-]{1,64}/[A-Za-z0-9-]{1,64}$": "t/somebody-else",
    r"^[a-z0-9][a-z0-9_-]{0,59}$": "code",
    r"^[A-Za-z0-9][A-Za-z0-9._:/+=#~-]{0,99}$": "id-1",
    r"^[a-z0-9][a-z0-9:_-]{0,39}$": "self",
}
BY_LENGTH = {3: "EUR", 254: "somebody@people.example"}
SCHEMAS = document()["components"]["schemas"]


def example_of(schema: dict[str, Any]) -> Any:
    """A value that a schema of the published interface admits."""
    if "$ref" in schema:
        return example_of(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "enum" in schema or "const" in schema:
        return schema.get("const") or schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0])
    if schema["type"] == "object":
        return {name: example_of(schema["properties"][name]) for name in schema.get("required", [])}
    if schema["type"] == "array":
        return [example_of(schema["items"])] * schema.get("minItems", 0)
    if schema["type"] == "string" and schema.get("format") == "date":
        return "2027-01-11"
    if schema["type"] == "string" and schema.get("maxLength") in BY_LENGTH:
        return BY_LENGTH[schema["maxLength"]]
    if schema["type"] == "string":
        return EXAMPLES.get(schema.get("pattern", ""), "7" if "pattern" in schema else "words")
    return {"integer": 1, "boolean": False}[schema["type"]]


@pytest.fixture(scope="module")
def people(stack: Stack) -> tuple[Applicant, dict[str, str]]:
    """Somebody with a case, and one member of staff of every role who was declared to be close to them."""
    person = Applicant(stack).applied()
    tenant = stack.info["issuer"]["tenant"]
    for role in (*CASE_STAFF, Role.AUDITOR, Role.ADMIN):
        close = f"{tenant}/{stack.person(role.value, 1)['object_id'].upper()}"  # As some tools show it.
        done = person.staff("admissions", "conflicts", 0, relation="relative", staff=close)
        assert done.status_code == 201, done.text
    tokens = {role.value: stack.token(role.value, 1) for role in (*CASE_STAFF, Role.AUDITOR, Role.ADMIN)}
    return person, tokens


def ask(person: Applicant, route: str, token: str) -> Any:
    """Call a route with a body that it would take."""
    method, _, template = route.partition(" ")
    path = re.sub(r"\{(\w+)\}", lambda found: person.case_id if found[1] == "case_id" else "x1", template)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
    if method == "GET":
        return person.client.get(f"{person.api}/{path}", headers=headers)
    operation = document()["paths"][f"/api/{template}"]["post"]
    content = operation.get("requestBody", {"content": {}})["content"]
    if "multipart/form-data" in content:
        paper = {"data": {"kind": "other"}, "files": {"file": ("p.pdf", a_pdf(), "application/pdf")}}
        return person.client.post(f"{person.api}/{path}", headers=headers, **paper)
    schema = content["application/json"]["schema"] if content else None
    body = example_of(schema) if schema else {}
    headers["If-Match"] = '"whatever"'
    return person.client.post(f"{person.api}/{path}", json=body, headers=headers)


@pytest.mark.parametrize("route", STAFF_ROUTES)
def test_who_declared_a_conflict_is_refused_at_every_staff_route(
    people: tuple[Applicant, dict[str, str]], route: str
) -> None:
    person, tokens = people

    answers = {role: ask(person, route, tokens[role.value]) for role in ACCESS[route].roles}

    told = {role: (answer.status_code, answer.json().get("reason")) for role, answer in answers.items()}
    assert told == dict.fromkeys(answers, (403, "conflict"))
    assert not any(person.email in answer.text for answer in answers.values())


@pytest.mark.parametrize("route", STAFF_ROUTES)
def test_whose_own_address_opened_the_case_is_refused_at_every_staff_route(
    people: tuple[Applicant, dict[str, str]], route: str
) -> None:
    person, _ = people
    role = ACCESS[route].roles[0].value
    claims = ({"verified_primary_email": [person.email.upper()]}, {"email": person.email})

    answers = [ask(person, route, person.stack.token(role, 0, claims=each)) for each in claims]

    assert {(answer.status_code, answer.json().get("reason")) for answer in answers} == {(403, "conflict")}


@pytest.mark.parametrize("route", ["POST audits", "POST link-revocations"])
def test_neither_audits_nor_revocations_reach_the_case_of_somebody_close(
    people: tuple[Applicant, dict[str, str]], route: str
) -> None:
    person, tokens = people
    role = "auditor" if route == "POST audits" else "admin"
    address, body = f"{person.api}/{route.partition(' ')[2]}", {"case_id": person.case_id}
    own = person.stack.token(role, 0, claims={"email": person.email})

    answers = [
        person.client.post(address, json=body, headers={"Authorization": f"Bearer {token}"})
        for token in (tokens[role], own)
    ]

    assert [(answer.status_code, answer.json().get("reason")) for answer in answers] == [(403, "conflict")] * 2


def test_lists_leave_the_case_out_for_whoever_is_close_and_for_nobody_else(
    people: tuple[Applicant, dict[str, str]],
) -> None:
    person, tokens = people

    def listed(token: str) -> set[bool]:
        headers = {"Authorization": f"Bearer {token}"}
        found = set()
        for question in ({"reference": person.case_id}, {"email": person.email}):
            answer = person.client.post(f"{person.api}/case-searches", json=question, headers=headers)
            found.add(person.case_id in answer.text)
        after: str | None = ""
        queue = ""
        while after is not None:
            asked = {"limit": "200"} | ({"after": after} if after else {})
            answer = person.client.get(f"{person.api}/work-queue", params=asked, headers=headers)
            queue, after = queue + answer.text, answer.json()["next"]
        return found | {person.case_id in queue}

    assert listed(tokens["finance"]) == {False}
    assert listed(person.stack.token("finance", 0, claims={"email": person.email})) == {False}
    assert listed(person.stack.token("finance", 0)) == {True}


def test_case_cannot_be_given_to_whoever_is_close_and_is_taken_from_them(applicant: Applicant) -> None:
    tenant = applicant.stack.info["issuer"]["tenant"]
    close = f"{tenant}/{applicant.stack.person('specialist', 1)['object_id']}"
    applicant.applied()
    assert applicant.staff("admissions", "assignment", specialist=close).status_code == 200

    said = applicant.client.post(
        f"{applicant.api}/cases/{applicant.case_id}/conflicts",
        json={"relation": "friend"},
        headers={"Authorization": f"Bearer {applicant.stack.token('specialist', 1)}"},
    )
    taken = applicant.record()
    again = applicant.staff("admissions", "assignment", specialist=close)

    assert (said.status_code, said.json()) == (201, {"status": "declared"})
    assert taken["application"]["specialist"] is None
    assert (taken["agenda"]["turn"], taken["agenda"]["what"]) == ("admissions", "assign")
    assert (again.status_code, again.json()["reason"]) == (403, "conflict")


def test_conflict_is_lifted_by_a_third_person_only(applicant: Applicant) -> None:
    tenant = applicant.stack.info["issuer"]["tenant"]
    close = f"{tenant}/{applicant.stack.person('careers', 1)['object_id']}"
    applicant.applied()
    assert applicant.staff("admissions", "conflicts", 0, relation="employer", staff=close).status_code == 201
    twice = applicant.staff("admissions", "conflicts", 0, relation="other", staff=close)
    token = applicant.stack.token("careers", 1)

    by_declarer = applicant.staff("admissions", "conflicts/x1/lifting", 0, reason="mistake")
    by_themselves = ask(applicant, "POST cases/{case_id}/conflicts/{conflict}/lifting", token)
    by_another = applicant.staff("finance", "conflicts/x1/lifting", 0, reason="mistake")
    seen = applicant.client.get(
        f"{applicant.api}/cases/{applicant.case_id}", headers={"Authorization": f"Bearer {token}"}
    )

    assert twice.status_code == 201
    assert len(applicant.record()["custody"]["conflicts"]) == 1
    assert (by_declarer.status_code, by_declarer.json()["reason"]) == (403, "same-person")
    assert (by_themselves.status_code, by_themselves.json()["reason"]) == (403, "conflict")
    assert by_another.status_code == 200, by_another.text
    assert seen.status_code == 200


def test_nobody_who_asks_of_a_case_goes_unnamed() -> None:
    unnamed = [
        f"{path.name}:{call.lineno}"
        for path in sorted((ROOT / "functions").glob("*.py"))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "load" and len(call.args) < 3
    ]

    assert unnamed == []

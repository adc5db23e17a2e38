"""The published interface is valid OpenAPI 3.1 and lists exactly the routes of the access table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.access import ACCESS
from functions.http import PROBLEMS
from local.testing import Stack

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document(stack: Stack) -> dict[str, Any]:
    """The document as anyone gets it."""
    answer = stack.client.get(f"{stack.api}/openapi.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Route -> operation."""
    return {
        f"{method.upper()} {path.removeprefix('/api/')}": item[method]
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_document_lists_exactly_the_routes_of_the_access_table(document: dict[str, Any]) -> None:
    assert sorted(operations(document)) == sorted(ACCESS)
    assert all(path.startswith("/api/") for path in document["paths"])


def test_every_operation_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document).values()]

    assert len(ids) == len(set(ids))


def test_an_operation_says_how_its_row_lets_callers_in(document: dict[str, Any]) -> None:
    for route, operation in operations(document).items():
        access = ACCESS[route]
        expected = [{"link": []}] * (access.link is not None) + [{"staff": []}] * bool(access.roles)
        assert operation["security"] == expected, route
        assert {role.value for role in access.roles} <= set(re.findall(r"[a-z]+", operation["description"])), route


def test_an_operation_says_which_headers_its_row_needs(document: dict[str, Any]) -> None:
    for route, operation in operations(document).items():
        headers = {each["name"]: each["required"] for each in operation["parameters"] if each["in"] == "header"}
        assert headers.get("Idempotency-Key", False) == ACCESS[route].key_required, route
        if ACCESS[route].roles and route.startswith("POST cases/") and not ACCESS[route].unseen:
            assert headers["If-Match"] == (ACCESS[route].link is None), route


def test_every_parameter_in_a_path_is_described(document: dict[str, Any]) -> None:
    for route, operation in operations(document).items():
        named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", route)), route


def test_an_operation_lists_only_problems_of_the_table(document: dict[str, Any]) -> None:
    statuses = {str(status) for status, _ in PROBLEMS.values()}

    for route, operation in operations(document).items():
        failures = {status for status in operation["responses"] if status >= "400"}
        assert failures <= statuses, route
        assert len(set(operation["responses"]) - statuses) >= 1, route


def test_every_form_refuses_what_it_does_not_know(document: dict[str, Any]) -> None:
    schemas = {name: each for name, each in document["components"]["schemas"].items() if name != "Problem"}

    assert {name for name, each in schemas.items() if each.get("additionalProperties") is not False} == set()


def test_money_is_a_decimal_string_everywhere(document: dict[str, Any]) -> None:
    def numbers(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [value] * (value.get("type") == "number") + [x for each in value.values() for x in numbers(each)]
        return [x for each in value for x in numbers(each)] if isinstance(value, list) else []

    assert numbers(document) == []

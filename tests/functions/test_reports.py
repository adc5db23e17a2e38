"""Reports over HTTP: their forms, their headers, what bad questions get; all that costs is one read."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from typing import Any

import pytest

from local.testing import Stack
from tests.people import Applicant, calls_so_far, store_calls
from tests.tampering import Vault

PUBLIC = "reports/outcomes/public"


@pytest.fixture(scope="module")
def counted(stack: Stack) -> Stack:
    """A stack whose nightly run has seen somebody apply."""
    Applicant(stack).applied(source="open-day")
    assert stack.run_timer("run_reports")
    return stack


def ask(stack: Stack, route: str, role: str | None = "auditor", **params: str) -> Any:
    headers = {"Authorization": f"Bearer {stack.token(role)}"} if role else {}
    return stack.client.get(f"{stack.api}/{route}", params=params, headers=headers)


@pytest.mark.parametrize("route", ["reports/outcomes", PUBLIC, "reports/refund-liability", "reports/funnel"])
@pytest.mark.parametrize("form", ["json", "csv", "html"])
def test_every_report_comes_as_json_csv_and_page(counted: Stack, route: str, form: str) -> None:
    intake = {"intake": "2027-spring"} if "outcomes" in route else {}

    answer = ask(counted, route, role=None if route == PUBLIC else "auditor", format=form, lang="fr", **intake)

    assert answer.status_code == 200, answer.text
    kinds = {"json": "application/json", "csv": "text/csv", "html": "text/html"}
    assert answer.headers["content-type"].startswith(kinds[form])
    assert answer.headers["x-content-type-options"] == "nosniff"
    if form == "csv":
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert answer.headers["content-disposition"].startswith("attachment")
    if form == "html":
        (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
        assert '<html lang="fr">' in answer.text


def test_the_pack_is_a_zip_that_opens(counted: Stack) -> None:
    answer = ask(counted, "reports/outcomes", intake="2027-spring", format="zip")

    assert answer.headers["content-type"] == "application/zip"
    assert "people.csv" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


def test_the_pack_is_written_to_a_file_fetched_and_gone_two_days_later(counted: Stack) -> None:
    bearer = {"Authorization": f"Bearer {counted.token('auditor')}"}
    order = {"intake": "2027-spring", "yardstick": "france"}
    answer = counted.client.post(f"{counted.api}/reports/outcomes/exports", json=order, headers=bearer)
    export = answer.json()

    fetched = ask(counted, f"reports/outcomes/exports/{export['export_id']}")
    assert counted.run_timer("run_privacy_retention")  # To the stack's clock the file came long ago.
    later = ask(counted, f"reports/outcomes/exports/{export['export_id']}")

    assert answer.status_code == 201
    assert fetched.content == ask(counted, "reports/outcomes", **order, format="zip").content
    assert (len(fetched.content), hashlib.sha256(fetched.content).hexdigest()) == (export["bytes"], export["sha256"])
    assert later.status_code == 404


@pytest.mark.parametrize("role", ["careers", "finance", "admin"])
def test_the_pack_with_its_rows_goes_into_an_auditors_hands_only(counted: Stack, role: str) -> None:
    order = {"intake": "2027-spring"}
    bearer = {"Authorization": f"Bearer {counted.token(role)}"}

    asked = ask(counted, "reports/outcomes", role=role, **order, format="zip")
    ordered = counted.client.post(f"{counted.api}/reports/outcomes/exports", json=order, headers=bearer)

    assert [(each.status_code, each.json()["reason"]) for each in (asked, ordered)] == [(403, "role")] * 2


@pytest.mark.parametrize("name", ["0" * 32, "x", f"{'0' * 31}G"])
def test_an_export_that_nobody_made_is_not_found(counted: Stack, name: str) -> None:
    assert ask(counted, f"reports/outcomes/exports/{name}").status_code == 404


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({}, 422),
        ({"intake": "2027-spring", "yardstick": "ours"}, 422),
        ({"intake": "2027-spring", "yardstick": "../x"}, 422),
        ({"intake": "2027-spring", "on": "2099-01-01"}, 422),
        ({"intake": "2027-spring", "on": "yesterday"}, 422),
        ({"intake": "2027-spring", "format": "xlsx"}, 422),
        ({"intake": "2027-spring", "more": "1"}, 422),
        ({"intake": "1999-spring"}, 404),
        ({"intake": "x.2027-spring"}, 404),
        ({"intake": "2027-autumn"}, 404),
        ({"intake": "ai-diploma.2027-spring", "yardstick": "cirr@2016"}, 200),
    ],
)
def test_a_bad_question_gets_its_problem(counted: Stack, params: dict[str, str], status: int) -> None:
    answer = ask(counted, "reports/outcomes", **params)

    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("route", [PUBLIC, "reports/outcomes", "reports/funnel", "reports/refund-liability"])
def test_a_report_costs_one_read_of_reports_and_looks_at_no_case(counted: Stack, route: str) -> None:
    role, asked = None if route == PUBLIC else "finance", {"intake": "2027-spring"} if "outcomes" in route else {}
    ask(counted, route, role, **asked)  # The caches of who may come in are warm then.
    before = calls_so_far(counted)

    answer = ask(counted, route, role, **asked)

    calls = store_calls(counted, before)
    assert answer.status_code == 200
    assert [(call["operation"], call["container"]) for call in calls if call["container"] == "reports"] == [
        ("Read", "reports")
    ]
    assert not [call for call in calls if call["container"] == "cases"]


def test_who_takes_away_what_of_many_is_on_record(counted: Stack, applicant: Applicant) -> None:
    applicant.to_course()
    assert counted.run_timer("run_reports")
    zipped = ask(counted, "reports/outcomes", intake="2027-spring", format="zip")
    listed = zipfile.ZipFile(io.BytesIO(zipped.content)).read("people.csv").decode("utf-8-sig")
    people = csv.DictReader(io.StringIO(listed))
    person = next(iter(people))["person"]
    traced = ask(counted, f"reports/outcomes/people/{person}", intake="2027-spring").json()["case_id"]
    assert ask(counted, "reports/payments", role="finance", format="csv").status_code == 200
    assert ask(counted, f"cases/{traced}/events", role="finance").status_code == 200

    def noted(partition: str) -> set[tuple[str, str]]:
        rows = Vault(counted).container("reads").query_items("SELECT * FROM c", partition_key=partition)
        return {(row["what"], row["role"]) for row in rows}

    assert {("pack", "auditor"), ("payments", "finance")} <= noted("reports")
    assert {("pseudonym", "auditor"), ("events", "finance")} <= noted(traced)


def test_the_funnel_counts_who_applied_and_on_whom_they_wait(counted: Stack) -> None:
    told = ask(counted, "reports/funnel", role="admissions", intake="2027-spring").json()

    assert told["cases"] >= 1
    assert told["reached"]["submitted"] == told["cases"]
    assert {"open-day"} <= {row["source"] for row in told["rows"]}
    assert any((each["who"], each["what"]) == ("specialist", "assign") for each in told["waiting"])


def test_a_person_of_no_pack_is_not_found(counted: Stack) -> None:
    answer = ask(counted, f"reports/outcomes/people/{'0' * 16}", intake="2027-spring")

    assert answer.status_code == 404

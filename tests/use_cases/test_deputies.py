"""Somebody absent is stood in for by a named person, for a time; the guard of four eyes asks who, not in what role."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from local.testing import Stack
from tests.people import Applicant

TODAY = date(2027, 1, 11)


def staff_id(stack: Stack, role: str, number: int) -> str:
    return f"{stack.info['issuer']['tenant']}/{stack.person(role, number)['object_id']}"


def names(stack: Stack, by: tuple[str, int] = ("admin", 0), **other: Any) -> httpx.Response:
    """An administrator names a deputy: a specialist for admissions, today and tomorrow."""
    body = {
        "staff": staff_id(stack, "specialist", 2), "role": "admissions", "absent": staff_id(stack, "admissions", 0),
        "from_on": TODAY.isoformat(), "until_on": (TODAY + timedelta(days=1)).isoformat(),
    } | other  # fmt: skip
    bearer = {"Authorization": f"Bearer {stack.token(*by)}"}
    return stack.client.post(f"{stack.api}/deputies", json=body, headers=bearer)


def test_deputy_acts_in_the_role_on_the_days_named_and_on_no_others(stack: Stack, applicant: Applicant) -> None:
    applicant.to_decision()

    def decide() -> int:
        return applicant.staff("specialist", "admission-decision", number=2, outcome="offer").status_code

    names(stack, until_on=(TODAY - timedelta(days=1)).isoformat(), from_on=(TODAY - timedelta(days=2)).isoformat())
    before = decide()
    later = {"from_on": (TODAY + timedelta(days=1)).isoformat()}
    named = [names(stack, **later).status_code, decide(), names(stack).status_code]
    during = decide()

    assert (before, named, during) == (403, [201, 403, 201], 200)
    names(stack, from_on=(TODAY - timedelta(days=9)).isoformat(), until_on=(TODAY - timedelta(days=1)).isoformat())
    other = Applicant(stack).to_decision()
    assert other.staff("specialist", "admission-decision", number=2, outcome="offer").status_code == 403


def test_who_screened_a_case_cannot_decide_it_as_a_deputy(stack: Stack, applicant: Applicant) -> None:
    applicant.to_decision()
    screened_by = staff_id(stack, "specialist", 0).upper()
    assert names(stack, staff=screened_by).status_code == 201

    refused = applicant.staff("specialist", "admission-decision", number=0, outcome="offer")

    assert (refused.status_code, refused.json()["reason"]) == (403, "same-person")


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"until_on": "2027-01-10"}, 422),
        ({"until_on": "2027-03-20"}, 422),
        ({"role": "admin"}, 422),
        ({"role": "auditor"}, 422),
    ],
)
def test_odd_deputies_are_refused(stack: Stack, other: dict[str, Any], status: int) -> None:
    assert names(stack, **other).status_code == status


def test_nobody_names_themselves_or_stands_in_for_themselves(stack: Stack) -> None:
    admin = staff_id(stack, "admin", 0)
    absent = staff_id(stack, "admissions", 0)

    answers = [names(stack, staff=admin), names(stack, absent=admin), names(stack, staff=absent)]

    assert [(answer.status_code, answer.json()["reason"]) for answer in answers] == [(403, "same-person")] * 3


def test_only_administrators_name_deputies_and_auditors_see_them(stack: Stack) -> None:
    names(stack)

    refused = names(stack, by=("finance", 0)).status_code
    bearer = {"Authorization": f"Bearer {stack.token('auditor', 0)}"}
    seen = stack.client.get(f"{stack.api}/deputies", headers=bearer).json()["deputies"]

    assert refused == 403
    assert staff_id(stack, "specialist", 2) in {row["staff"] for row in seen}

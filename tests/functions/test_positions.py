"""Positions that partners publish, and introductions to them: with consent only, tracked to what came of them."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from local.testing import Stack
from tests.people import Applicant

POSITION: dict[str, Any] = {
    "title": "Data engineer", "employer_name": "Northwind", "country": "GB", "contract": "permanent", "field": "in",
    "hours": 37, "pay_from": {"amount": "40000.00", "currency": "GBP"},
    "pay_to": {"amount": "48000.00", "currency": "GBP"}, "closes_on": "2027-06-30",
}  # fmt: skip
_numbers = itertools.count(1)


def published(stack: Stack, **other: Any) -> str:
    """A position of Northwind; its id in the catalogue."""
    number = f"POS-{next(_numbers)}"
    title = f"Data engineer {number}"
    data = POSITION | {"position_id": number, "title": title} | other
    assert stack.partner("northwind").send("position.published", data)["status"] == 202
    return next(each["position"] for each in every(stack, data["country"]) if each["title"] == title)


def ask(stack: Stack, headers: dict[str, str] | None = None, **params: str) -> httpx.Response:
    bearer = headers or {"Authorization": f"Bearer {stack.token('careers')}"}
    return stack.client.get(f"{stack.api}/positions", params=params, headers=bearer)


def every(stack: Stack, country: str, **params: str) -> list[dict[str, Any]]:
    """All of a country's positions, page by page."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = ask(stack, country=country, limit="2", **params, **after).json()
        found += page["positions"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


@pytest.fixture(scope="module")
def graduate(stack: Stack) -> Applicant:
    """Somebody with a diploma, who agreed to be introduced."""
    found = Applicant(stack).to_diploma()
    assert found.does("declarations", fact="consent", value="yes").status_code == 200
    return found


def introduced(graduate: Applicant, position: str) -> str:
    answer = graduate.staff("careers", "introductions", position=position)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["introduction_id"])


def moves(graduate: Applicant, introduction: str, **what: Any) -> httpx.Response:
    return graduate.staff("careers", f"introductions/{introduction}/outcome", **{"on": "2027-01-11"} | what)


def test_positions_are_listed_by_country_and_page_until_they_close(stack: Stack) -> None:
    ids = [published(stack, country="FR") for _ in range(3)]
    assert {each["position"] for each in every(stack, "FR")} == set(ids)
    first = next(each for each in every(stack, "FR") if each["position"] == ids[0])
    number = first["title"].removeprefix("Data engineer ")
    assert stack.partner("northwind").send("position.closed", {"position_id": number})["status"] == 202
    again = POSITION | {"position_id": number, "country": "FR"}
    assert stack.partner("northwind").send("position.published", again)["status"] == 202

    assert first["pay_from"] == {"amount": "40000.00", "currency": "GBP"}
    assert {each["position"] for each in every(stack, "FR")} == set(ids[1:])
    assert [each["position"] for each in every(stack, "FR", open="no")] == ids[:1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0)])
def test_what_a_partner_said_last_of_a_position_stands_in_whatever_order_it_comes(
    stack: Stack, order: tuple[int, ...]
) -> None:
    number = f"POS-{next(_numbers)}"
    for place in order:
        data = POSITION | {"position_id": number, "title": f"{number} told {place}"}
        said_at = f"2027-01-11T13:00:0{place}Z"
        assert stack.partner("northwind").send("position.published", data, occurred_at=said_at)["status"] == 202

    assert [each["title"] for each in every(stack, "GB") if number in each["title"]] == [f"{number} told 1"]


def test_position_that_was_closed_stays_closed_whenever_that_was_said(stack: Stack) -> None:
    number = f"POS-{next(_numbers)}"
    data = POSITION | {"position_id": number, "title": f"Closed {number}"}
    closed = {"position_id": number}
    told = (("position.published", data, 3), ("position.closed", closed, 1), ("position.published", data, 4))
    for kind, said, second in told:
        said_at = f"2027-01-11T13:00:0{second}Z"
        assert stack.partner("northwind").send(kind, said, occurred_at=said_at)["status"] == 202

    assert f"Closed {number}" not in [each["title"] for each in every(stack, "GB")]


def test_position_published_anew_without_its_pay_has_none(stack: Stack) -> None:
    position = published(stack)
    title = next(each["title"] for each in every(stack, "GB") if each["position"] == position)
    data = {name: said for name, said in POSITION.items() if not name.startswith("pay_")}
    anew = data | {"position_id": title.removeprefix("Data engineer "), "title": title}
    assert stack.partner("northwind").send("position.published", anew)["status"] == 202

    assert next(each["pay_from"] for each in every(stack, "GB") if each["position"] == position) is None


def test_position_whose_last_day_has_passed_is_not_open(stack: Stack) -> None:
    number = f"POS-{next(_numbers)}"
    late = POSITION | {"position_id": number, "title": "Late", "closes_on": "2027-01-10"}
    stack.partner("northwind").send("position.published", late)

    assert "Late" not in [each["title"] for each in every(stack, "GB")]
    assert "Late" in [each["title"] for each in every(stack, "GB", open="no")]


@pytest.mark.parametrize(
    "other", [{"country": "gb"}, {"closes_on": "soon"}, {"hours": 500}, {"pay_to": {"amount": "1", "currency": "EUR"}}]
)
def test_position_that_is_none_is_put_aside(stack: Stack, other: dict[str, Any]) -> None:
    number = f"POS-{next(_numbers)}"
    data = POSITION | {"position_id": number, "title": f"Odd {number}"} | other

    assert stack.partner("northwind").send("position.published", data)["status"] == 202
    assert f"Odd {number}" not in [each["title"] for each in every(stack, "GB")]


def test_only_students_and_graduates_and_careers_look(stack: Stack, graduate: Applicant, applicant: Applicant) -> None:
    applicant.applied()

    assert ask(stack, graduate.bearer).status_code == 200
    assert ask(stack, applicant.bearer).json()["reason"] == "not-enrolled"
    assert ask(stack, {"Authorization": f"Bearer {stack.token('finance')}"}).status_code == 403
    assert ask(stack, after="nothing").status_code == 422


def test_consent_takes_effect_at_once_both_ways(stack: Stack, graduate: Applicant) -> None:
    first, second = published(stack), published(stack)
    introduction = introduced(graduate, first)
    graduate.does("declarations", fact="consent", value="no")
    refused = graduate.staff("careers", "introductions", position=second)
    ended = graduate.record()["enrolment"]["introductions"][introduction]["status"]
    late = moves(graduate, introduction, outcome="offered")
    graduate.does("declarations", fact="consent", value="yes")
    anew = graduate.staff("careers", "introductions", position=first)

    assert (refused.status_code, refused.json()["reason"]) == (409, "no-consent")
    assert ended == "withdrawn"
    assert late.json()["reason"] == "introduction-over"
    assert anew.status_code == 200


def test_graduate_is_introduced_to_a_position_once_and_only_while_it_is_open(stack: Stack, graduate: Applicant) -> None:
    position = published(stack)
    introduced(graduate, position)
    twice = graduate.staff("careers", "introductions", position=position)
    unknown = graduate.staff("careers", "introductions", position="0" * 32)
    closed = published(stack)
    title = next(each["title"] for each in every(stack, "GB") if each["position"] == closed)
    stack.partner("northwind").send("position.closed", {"position_id": title.removeprefix("Data engineer ")})
    late = graduate.staff("careers", "introductions", position=closed)

    assert (twice.status_code, unknown.status_code) == (409, 404)
    assert late.json()["reason"] == "position-closed"


def test_declined_offer_says_whether_it_would_have_counted_and_the_graduate_is_told(graduate: Applicant) -> None:
    introduction = introduced(graduate, published(graduate.stack))
    too_early = moves(graduate, introduction, outcome="declined", qualifying="no")
    assert moves(graduate, introduction, outcome="offered").status_code == 200
    unsaid = moves(graduate, introduction, outcome="declined")
    assert moves(graduate, introduction, outcome="declined", qualifying="no").status_code == 200

    offer = graduate.record()["enrolment"]["job_offers"][f"o-{introduction}"]
    subjects = [mail["subject"] for mail in graduate.stack.mail(graduate.email)]
    assert too_early.json()["reason"] == "introduction-over"
    assert unsaid.status_code == 422
    assert (offer["outcome"], offer["qualifying"]) == ("declined", "no")
    assert "We noted that you declined a job offer" in subjects


def test_contract_that_came_of_an_introduction_is_reported_and_waits_to_be_verified(graduate: Applicant) -> None:
    introduction = introduced(graduate, published(graduate.stack))
    signed = moves(graduate, introduction, outcome="signed", starts_on="2027-02-01")
    assert signed.status_code == 200, signed.text
    placement = signed.json()["placement_id"]

    record = graduate.record()
    job = next(each for each in record["jobs"] if placement in each["reports"])
    assert record["enrolment"]["introductions"][introduction] | {"position": ""} == {
        "position": "", "on": "2027-01-11", "status": "signed", "placement": placement,
    }  # fmt: skip
    assert (job["state"], record["placements"][placement]["hours"]) == ("told", 37)
    assert record["person"]["employers"][placement] == "Northwind"

"""A case cannot be filled by the person's link, and one that is full stops nobody who must act on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from local.testing import Stack
from shared.domain.change import Change
from shared.domain.errors import RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import enrolments, job_search, placements
from shared.use_cases.commands import OWN_MAX, PERSONS_BYTES_MAX, PERSONS_LAST_BYTES_MAX
from tests.builders import InMemory
from tests.people import Applicant, application
from tests.tampering import Vault

DAY = date(2027, 10, 5)
Told = Callable[..., Any]


def filled_up(person: Applicant, size: int) -> None:
    """Partners' offers lie in the case until its snapshot is so large."""
    container = Vault(person.stack).container()
    item = container.read_item("case", person.case_id)
    offers = item.setdefault("enrolment", {}).setdefault("job_offers", {})
    while len(json.dumps(item)) < size + 1_000:  # What the store adds for itself is not counted.
        offers[f"o-{len(offers):016d}"] = {"offered_on": "2027-01-11"}
    container.replace_item("case", item)


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        ("placement", lambda change, **named: placements.report_placement(change, contract="permanent", **named)),
        ("job offer", lambda change, **named: job_search.report_offer(change, offered_on=DAY, **named)),
        ("pause", lambda change: job_search.request_pause(change, first_day=DAY)),
    ],
)
def test_person_may_report_many_and_no_end_of_them(kind: str, act: Told) -> None:
    case = InMemory().qualified()

    def report(change: Change) -> Any:
        return act(change)

    for _ in range(OWN_MAX[kind]):
        case.do("2027-10-05", Role.APPLICANT, report)
    with pytest.raises(RuleBroken, match="That many"):
        case.do("2027-10-05", Role.APPLICANT, report)


def test_student_may_ask_for_leave_often_and_not_without_end() -> None:
    case = InMemory().studying()

    def ask(change: Change) -> None:
        enrolments.request_leave(change, first_day=DAY)

    for _ in range(OWN_MAX["leave"]):
        case.do("2027-04-06", Role.APPLICANT, ask)
    with pytest.raises(RuleBroken, match="That many"):
        case.do("2027-04-06", Role.APPLICANT, ask)


def test_partner_is_heard_however_much_the_person_has_said() -> None:
    case = InMemory().qualified()
    for _ in range(OWN_MAX["job offer"]):
        case.do("2027-10-05", Role.APPLICANT, lambda change: job_search.report_offer(change, offered_on=DAY))

    case.do("2027-10-05", Role.PARTNER, lambda change: job_search.report_offer(change, offered_on=DAY, offer_id="O1"))

    assert len(case.case.enrolment.job_offers) == OWN_MAX["job offer"] + 1


def test_case_that_the_person_cannot_make_larger_is_open_to_all_others_and_to_what_is_theirs_by_right(
    stack: Stack, applicant: Applicant
) -> None:
    graduate = applicant.to_diploma()
    filled_up(graduate, PERSONS_BYTES_MAX)

    refused = graduate.does("offers", offered_on="2027-01-11")
    told = stack.partner("northwind").send(
        "offer.made", {"case_id": graduate.case_id, "offer_id": "O1", "offered_on": "2027-01-11"}
    )
    stranger = graduate.client.post(
        f"{graduate.api}/applications", json=application(graduate.email, motivation="Another one.")
    )
    by_right = [graduate.does("claims"), graduate.does("data-requests", kind="export")]
    by_staff = graduate.staff("careers", "holds", reason="court_order")

    assert (refused.status_code, refused.json()["reason"]) == (409, "case-full")
    assert (told["status"], stranger.status_code, by_staff.status_code) == (202, 202, 200)
    assert [answer.status_code for answer in by_right] == [200, 200]
    kinds = {event["kind"] for event in graduate.events()}
    assert {"job_offer_reported", "claim_filed", "data_requested", "hold_placed"} <= kinds


def test_what_is_the_persons_by_right_leaves_room_for_those_who_answer_it(applicant: Applicant) -> None:
    applicant.applied()
    filled_up(applicant, PERSONS_LAST_BYTES_MAX)

    refused = applicant.does("data-requests", kind="export")
    held = applicant.staff("careers", "holds", reason="court_order")

    assert (refused.status_code, refused.json()["reason"], held.status_code) == (409, "case-full", 200)

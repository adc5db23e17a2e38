"""What a person is shown of their own case."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.domain.case import LIFE_CYCLES
from shared.domain.life_cycle import Role
from shared.use_cases import applications, enrolments, views
from tests.builders import PROGRAMME, TERMS, InMemory, at


def seen(case: InMemory, day: str, language: str | None = None) -> dict[str, Any]:
    return views.for_person(case.case, PROGRAMME, TERMS, at(day), language)


@pytest.mark.parametrize(("country", "sign_from"), [("FR", "2027-06-09"), ("GB", "2027-06-01")])
def test_a_person_is_told_from_which_day_the_contract_may_be_signed(country: str, sign_from: str) -> None:
    case = InMemory(country).received("2027-06-01")

    assert seen(case, "2027-06-02")["contract"]["sign_from"] == sign_from


def test_a_contract_that_has_not_arrived_names_no_day_to_sign() -> None:
    case = InMemory("FR").accepted()
    case.do("2027-06-01", Role.ADMISSIONS, enrolments.send_contract, who="d")

    assert seen(case, "2027-06-02")["contract"]["sign_from"] is None


def test_a_person_is_shown_the_terms_that_bind_on_the_first_day_on_which_they_may_sign() -> None:
    binds_from = TERMS["reference"].binds_from
    assert binds_from == date(2027, 3, 15)
    case = InMemory("FR").received("2027-03-06")
    late = InMemory("FR").received("2027-03-07")

    offered = [seen(each, "2027-03-08")["contract"]["terms_offered"] for each in (case, late)]
    tomorrow = seen(case, "2027-03-15")["contract"]["terms_offered"]

    assert offered == ["published", "reference"]
    assert tomorrow == "reference"


def test_a_signed_contract_offers_no_terms_but_names_those_that_bind() -> None:
    contract = seen(InMemory().signed("2027-02-22"), "2027-04-01")["contract"]

    assert (contract["terms"], contract["terms_offered"]) == ("published", None)


def test_a_person_sees_what_came_in_what_went_back_and_what_is_left_of_each_payer() -> None:
    case = InMemory().studying().paid("2000.00").paid("500.00", payer="employer", payment_id="P2")
    back = {"amount": "300.00", "currency": "EUR"}
    case.do(
        "2027-04-06",
        Role.PARTNER,
        lambda c: enrolments.record_money(
            c, payment_id="P3", kind="chargeback", payer="self", amount=back, received_on=date(2027, 4, 6)
        ),
    )

    told = seen(case, "2027-04-07")

    assert [[each["payer"], each["received"], each["paid_back"], each["left"]] for each in told["money"]] == [
        ["employer", *({"amount": amount, "currency": "EUR"} for amount in ("500.00", "0.00", "500.00"))],
        ["self", *({"amount": amount, "currency": "EUR"} for amount in ("2000.00", "300.00", "1700.00"))],
    ]
    assert told["to_pay"] == {"amount": "5000.00", "currency": "EUR"}


def test_nothing_is_to_be_paid_of_a_contract_that_was_cancelled() -> None:
    case = InMemory("GB", "Europe/London").signed("2027-02-22").paid("1000.00", day="2027-02-23")
    case.do("2027-03-08", Role.APPLICANT, applications.withdraw)

    told = seen(case, "2027-03-09")

    assert told["to_pay"] is None
    assert "file_claim" not in told["actions"], "what the law gives back needs no claim"
    assert told["money"][0]["left"] == {"amount": "1000.00", "currency": "GBP"}


@pytest.mark.parametrize(("language", "words"), [("en", "A seat was offered."), ("fr", "Une place a été proposée.")])
def test_what_happened_is_told_in_the_language_that_was_asked_for(language: str, words: str) -> None:
    events = InMemory().accepted_offer_pending().events

    assert words in [each["in_words"] for each in views.timeline(events, language)]


def test_every_event_has_words_in_both_languages() -> None:
    kinds = {event for cycle in LIFE_CYCLES for event in cycle.events}

    assert {
        kind for kind in kinds for language in ("en", "fr") if language not in views.words()["event"][kind]
    } == set()


def test_a_case_is_told_in_the_language_that_was_asked_for_else_in_its_own() -> None:
    case = InMemory().accepted()

    own, other = seen(case, "2027-01-17"), seen(case, "2027-01-17", "fr")

    assert (own["told_in"], other["told_in"], other["language"]) == ("en", "fr", "en")
    assert own["application"]["in_words"] != other["application"]["in_words"]
    guaranteed = InMemory().qualified()
    told = [views.guarantee(guaranteed.case, PROGRAMME, TERMS, at("2027-12-01"), each) for each in (None, "fr")]
    assert [each["told_in"] for each in told] == ["en", "fr"]
    assert told[0]["criteria"]["qualified"]["sentence"] != told[1]["criteria"]["qualified"]["sentence"]

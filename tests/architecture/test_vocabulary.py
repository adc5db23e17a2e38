"""Words that two layers must both know, because neither may import the other: they are the same words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

import pytest

from shared.domain import case, wire
from shared.domain.calendar import add_months
from shared.policy import facts
from tests.builders import TERMS


@pytest.mark.parametrize(
    ("forms", "policys"),
    [
        pytest.param(wire.ContractKind, facts.CONTRACT_KINDS, id="kinds of contract"),
        pytest.param(wire.EndReason, facts.END_REASONS, id="reasons of an end"),
        pytest.param(wire.JobField, facts.FIELDS, id="fields"),
        pytest.param(wire.Employer, facts.EMPLOYERS, id="employers"),
        pytest.param(wire.OfferOutcome, facts.OFFER_OUTCOMES, id="outcomes of an offer"),
    ],
)
def test_forms_take_the_words_that_the_policy_reads(forms: Any, policys: frozenset[str]) -> None:
    assert set(get_args(forms)) == policys


@pytest.mark.parametrize("version", sorted(TERMS))
def test_no_window_of_any_terms_is_longer_than_the_record_thinks(version: str) -> None:
    terms, longest = TERMS[version], 0
    for ordinal in range(date(2027, 1, 1).toordinal(), date(2031, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        end = add_months(day, terms.window_months) if terms.window_months else day + timedelta(terms.window_days or 0)
        longest = max(longest, (end - day).days)

    assert longest <= case.LONGEST_WINDOW_DAYS

"""A programme's file with a slip in it is refused, with a sentence for whoever wrote it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from shared.bootstrap import PROGRAMMES
from shared.domain.programme import parse_programme

TEXT = (PROGRAMMES / "ai-diploma.toml").read_text("utf-8")
INTAKE = 'id = "2027-spring"\nopens_on = 2026-09-01\ncloses_on = 2027-02-14\nstarts_on = 2027-04-05'
PRICE = 'country = "FR"\nbinds_from = 2026-01-01\namount = "7200.00"\ncurrency = "EUR"'


def read(right: str = "", wrong: str = "") -> Any:
    assert right in TEXT
    return parse_programme(tomllib.loads(TEXT.replace(right, wrong, 1)))


def test_every_programme_is_well() -> None:
    for path in PROGRAMMES.glob("*.toml"):
        if path.name not in ("terms.toml", "holidays.toml"):
            assert parse_programme(tomllib.loads(path.read_text("utf-8"))).intakes


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (INTAKE, INTAKE.replace("2027-02-14", "2026-02-14"), "The intake 2027-spring opens, closes and starts in anot"),
        (INTAKE, INTAKE.replace("2027-04-05", "2027-02-14"), "The intake 2027-spring opens, closes and starts in anot"),
        (INTAKE, INTAKE.replace("2027-spring", "2027-autumn"), "There are two intakes 2027-autumn."),
        (INTAKE, INTAKE.replace("2027-spring", "2027.Spring"), "The intake 2027.Spring needs an id of small letters"),
        (PRICE, PRICE.replace('"FR"', '"FX"'), "There is no country FX."),
        (PRICE, PRICE.replace('"FR"', '"GB"').replace("EUR", "GBP"), "Two rows for GB bind from 2026-01-01."),
        (PRICE, PRICE.replace("EUR", "USD"), "The price in FR is not in that country's currency."),
        (PRICE, PRICE.replace("7200.00", "7 200"), "The price in FR from 2026-01-01 is no amount: 7 200."),
        ('"open-day"', '"Open day"', "The source Open day needs small letters"),
        ('"open-day"', '"other"', "The source other is what reports call those that are not listed"),
        ("contact@pledge.example", "Pledge <contact@pledge.example>", "The contact's address is none: Pledge"),
        ("+33 1 99 00 12 34", "01 99 00 12 34", "The contact's phone number needs a + and digits: 01 99 00 12 34."),
        ("seats = 1000", "seats = 0", "greater than 0"),
        ("seats = 1000", "seats = 1000\nplaces = 3", "places"),
        ("seats = 1000\n", "", "seats"),
    ],
)
def test_a_slip_is_named(right: str, wrong: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read(right, wrong)

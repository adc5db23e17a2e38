"""What letters say of days, money and codes: words, as the reader's language writes them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from shared.policy.criteria import CRITERIA_BY_ID
from shared.use_cases.guarantee import TOLD
from shared.use_cases.letters import LANGUAGES, LETTERS, WORDS
from tests.builders import PROGRAMME
from tests.domain.test_words import placeholders

LINK = "https://www.pledge.example/case.html#token"
RAW = re.compile(r"\d{4}-\d\d-\d\d|_|\d\.\d\d [A-Z]{3}|\{|\}|\.\.")

CODES: dict[str, list[str]] = {
    "clauses": ["lapsed", "satisfied", "not_eligible", "nothing_paid", *CRITERIA_BY_ID],
    "account": ["missing", "unconfirmed", "known", "of_others"],
    "condition": ["degree_awarded", "degree_certificate"],
    "decision": list(TOLD),
    "how": ["cancelled", "withdrawn", "terminated", "expired"],
    "later": ["when_it_ends"],
    "money": ["nothing_back", "nothing_paid"],
    "office": ["careers", "finance"],
    "outcome": ["granted", "refused", "approved", "rejected", "revoked", "ended"],
    "reasons": [*PROGRAMME.rejection_reasons, "legal_hold", "application_open", "contract_running", "refund_open",
                "bookkeeping"],
    "what": ["received_on", "started_on", "qualified_on", "ended_on", "revoked_on"],
}  # fmt: skip
"""Every code that a letter may be given from a closed list, by the name of its parameter."""
GIVEN: dict[str, list[Any]] = {
    "allowed": [0, 2],
    "back": [[], ["2160.00 EUR"]],
    "amount": [["1500.00 GBP"], ["7200.00 EUR", "800.50 USD"], ["1234567 JPY"]],
    "cancellation_days": [14],
    "clauses": [[each] for each in CODES["clauses"]] + [CODES["clauses"]],
    "days": [7, "2028-05-01/2028-05-09", "2028-05-01/.."],
    "days_left": [1, 60],
    "reason": ["looked_again", "a_word_of_staff"],
    "reasons": [[each] for each in CODES["reasons"]] + [CODES["reasons"]],
    "reference": ["abcdefghijklmnopqrstuvwxyz"],
    "weeks": [["2028-03-06/2028-06-25", "2028-07-10/2028-07-16"]],
}
"""Parameters that are no single day and no single code; all others are days."""


def a_parameter(name: str) -> list[Any]:
    return GIVEN.get(name) or CODES.get(name) or ["2028-05-01", "2026-12-10"]


def written(letter: str, language: str) -> list[str]:
    """A letter, subject and text, as often as it takes to give each of its parameters every value once."""
    stated = LETTERS[letter]
    names = placeholders(stated.subject["en"]) | placeholders(stated.text["en"])
    values = {name: a_parameter(name) for name in names - {"name", "link"}}
    return [
        "\n".join(
            stated.written(
                language, "Zoé", {name: each[n % len(each)] for name, each in values.items()}, LINK, PROGRAMME
            )
        )
        for n in range(max((len(each) for each in values.values()), default=1))
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", sorted(LETTERS))
def test_a_letter_says_days_money_and_codes_in_words(letter: str, language: str) -> None:
    for text in written(letter, language):
        assert RAW.findall(text) == [], text


@pytest.mark.parametrize("letter", sorted(LETTERS))
def test_no_code_stands_in_a_french_letter_as_it_is_stored(letter: str) -> None:
    codes = {code for said in CODES.values() for code in said}

    for text in written(letter, "fr"):
        assert codes & set(re.findall(r"\w+", text)) == set(), text


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_that_a_letter_may_be_given_has_words(name: str) -> None:
    assert set(CODES[name]) - set(WORDS.get(name, {})) - set(WORDS["code"]) == set()


def said(language: str, value: Any) -> str:
    parameters = {"amount": value, "paid_on": "2028-05-01"}
    return LETTERS["refund_paid"].written(language, "Zoé", parameters, LINK, PROGRAMME)[1]


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        ("2026-12-10", "10 December 2026", "10 décembre 2026"),
        ("2028-05-01", "1 May 2028", "1er mai 2028"),
        ("2028-05-01/2028-05-09", "from 1 May 2028 to 9 May 2028", "du 1er mai 2028 au 9 mai 2028"),
        ("2028-05-01/2028-05-01", "on 1 May 2028", "le 1er mai 2028"),
        ("2028-05-02/..", "from 2 May 2028 on, with no last day yet", "à partir du 2 mai 2028, sans dernier jour"),
        ("1500.00 GBP", "£1,500.00", "1\u202f500,00\u00a0£GB"),
        ("1500.00 EUR", "€1,500.00", "1\u202f500,00\u00a0€"),
        ("70.50 USD", "$70.50", "70,50\u00a0$US"),
        ("1234567 JPY", "JPY\u00a01,234,567", "1\u202f234\u202f567\u00a0JPY"),
        (["70.50 USD"], "$70.50 was", "70,50\u00a0$US a été"),
        (["1.00 EUR", "2.00 GBP"], "€1.00 and £2.00", "1,00\u00a0€ et 2,00\u00a0£GB"),
        (["1.00 EUR", "2.00 GBP", "3.00 USD"], "€1.00, £2.00 and $3.00", "1,00\u00a0€, 2,00\u00a0£GB et 3,00\u00a0$US"),
        ("a_word_of_staff", "a word of staff", "a word of staff"),
    ],
)
def test_a_value_is_written_as_its_language_writes_it(value: Any, english: str, french: str) -> None:
    assert english in said("en", value)
    assert french in said("fr", value)


def test_a_line_that_names_what_nothing_is_said_of_is_left_out() -> None:
    text = LETTERS["rejected"].written("en", "Zoé", {"reasons": []}, LINK, PROGRAMME)[1]

    assert "reasons" not in text
    assert LINK in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", sorted(LETTERS))
def test_every_letter_ends_with_where_to_write_and_ring(letter: str, language: str) -> None:
    for text in written(letter, language):
        programme, where = text.splitlines()[-2:]

        assert programme == PROGRAMME.name[language]
        assert PROGRAMME.contact.email in where
        assert PROGRAMME.contact.phone in where

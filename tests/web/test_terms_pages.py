"""The terms as pages: each version that a contract may name, in both languages, as the code examines it."""

from __future__ import annotations

from datetime import date
from html import unescape

import pytest

from shared.policy.handbook import clauses
from tests.builders import TERMS
from tools import terms_pages


def test_the_pages_of_the_terms_are_current() -> None:
    written = {path.name: path.read_text("utf-8") for path in terms_pages.WEB.glob("terms.*.html")}

    assert written == terms_pages.pages(), "run: make docs"


def test_there_is_a_page_for_every_version_in_both_languages() -> None:
    assert set(terms_pages.pages()) == {f"terms.{each}.{language}.html" for each in TERMS for language in ("en", "fr")}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_page_holds_every_clause_of_its_version(language: str) -> None:
    terms = TERMS["reference"]
    text = unescape(terms_pages.page(terms, language))

    for clause in clauses():
        said = f"<strong>{clause.number}</strong> {clause.sentence.say(terms, language)}"
        assert (said in text) is clause.is_part_of(terms), clause.number


def test_the_first_of_a_month_is_said_as_people_say_it() -> None:
    days = [terms_pages.day_in_words(date(2027, 5, 1), language) for language in ("en", "fr")]

    assert days == ["1 May 2027", "1er mai 2027"]

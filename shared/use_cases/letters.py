"""The letters that the service writes, in English and French. Their words stand in `letters.toml`."""

from __future__ import annotations

import re
import string
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.domain.calendar import day_in_words, parse_day
from shared.domain.programme import Programme

LANGUAGES = ("en", "fr")

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SPAN = re.compile(rf"({_DAY.pattern})/({_DAY.pattern}|\.\.)", re.ASCII)
_AMOUNT = re.compile(r"(\d+)(?:\.(\d+))? ([A-Z]{3})", re.ASCII)


@dataclass(frozen=True)
class Letter:
    """One template: subject and text by language. Placeholders are codes, days and numbers, and the person's name."""

    name: str
    subject: dict[str, str]
    text: dict[str, str]
    has_link: bool

    def written(
        self, language: str, name: str, parameters: dict[str, Any], link: str | None, programme: Programme
    ) -> tuple[str, str]:
        """Subject and text, filled in, with where to write and ring. Personal data goes into the text only.

        A line that names something which there is nothing to say about is left out.
        """
        spoken = language if language in self.subject else "en"
        values = {key: _said(key, value, spoken) for key, value in parameters.items() if value not in (None, [])}
        values |= {"name": name, "link": link or ""}
        return self.subject[spoken].format_map(values), _filled(self.text[spoken], values) + _footer(programme, spoken)


def _filled(text: str, values: dict[str, str]) -> str:
    lines = [line.format_map(values) for line in text.splitlines() if _named(line) <= values.keys()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _footer(programme: Programme, language: str) -> str:
    contact = programme.contact
    where = {"programme": programme.name_in(language), "email": contact.email, "phone": contact.phone}
    return "\n-- \n" + WORDS["footer"]["letter"][language].format_map(where) + "\n"


def _named(line: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(line) if name is not None}


def _said(name: str, value: Any, language: str) -> str:
    """A parameter as its reader should see it: days and amounts as their language writes them, codes in words."""
    if isinstance(value, list):
        return _listed([_said(name, each, language) for each in value], language)
    text = str(value)
    if _DAY.fullmatch(text):
        return day_in_words(parse_day(text), language)
    if span := _SPAN.fullmatch(text):
        return _days(span[1], span[2], language)
    if amount := _AMOUNT.fullmatch(text):
        return _money(int(amount[1]), amount[2], amount[3], language)
    words = WORDS.get(name, {}).get(text) or WORDS["code"].get(text)
    return words[language] if words else text.replace("_", " ")


def _listed(said: list[str], language: str) -> str:
    *others, last = said
    return f"{', '.join(others)} {WORDS['list']['and'][language]} {last}" if others else last


def _days(first: str, last: str, language: str) -> str:
    """A span of days as ISO 8601 writes it (`first/last`, `first/..` where nobody knows the last one)."""
    kind = "open" if last == ".." else "one" if first == last else "closed"
    days = {"first": first} if kind != "closed" else {"first": first, "last": last}
    spoken = {name: day_in_words(parse_day(day), language) for name, day in days.items()}
    return WORDS["span"][kind][language].format_map(spoken)


def _money(whole: int, decimals: str | None, currency: str, language: str) -> str:
    symbol = WORDS["currency"].get(currency, {}).get(language)
    if language == "fr":
        # French typography: a narrow no-break space between thousands, a no-break space before the unit.
        number = f"{whole:,}".replace(",", "\u202f") + (f",{decimals}" if decimals else "")
        return f"{number}\u00a0{symbol or currency}"
    number = f"{whole:,}" + (f".{decimals}" if decimals else "")
    return f"{symbol}{number}" if symbol else f"{currency}\u00a0{number}"


def _load() -> dict[str, Letter]:
    data = tomllib.loads(Path(__file__).with_name("letters.toml").read_text("utf-8"))
    return {
        name: Letter(
            name,
            {language: stated[language]["subject"] for language in LANGUAGES},
            {language: stated[language]["text"] for language in LANGUAGES},
            any("{link}" in stated[language]["text"] for language in LANGUAGES),
        )
        for name, stated in data.items()
    }


LETTERS = _load()
WORDS: dict[str, dict[str, dict[str, str]]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))

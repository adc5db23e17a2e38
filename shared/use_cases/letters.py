"""The letters that the service writes, in English and French. Their words stand in `letters.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "fr")


@dataclass(frozen=True)
class Letter:
    """One template: subject and text by language. Placeholders are codes, days and numbers, and the person's name."""

    name: str
    subject: dict[str, str]
    text: dict[str, str]
    has_link: bool

    def written(self, language: str, name: str, parameters: dict[str, Any], link: str | None) -> tuple[str, str]:
        """Subject and text, filled in. Personal data goes into the text only, never into a link."""
        spoken = language if language in self.subject else "en"
        values = {key: _said(value, spoken) for key, value in parameters.items()} | {"name": name, "link": link or ""}
        return self.subject[spoken].format_map(values), self.text[spoken].format_map(values)


def _said(value: Any, language: str) -> str:
    """A parameter as its reader should see it; a code that has words is said in words."""
    if isinstance(value, list):
        return ", ".join(_said(each, language) for each in value)
    return CODES.get(str(value), {}).get(language, str(value))


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
CODES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))["code"]

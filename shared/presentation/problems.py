"""A problem as a page, for browsers that sent a form without a script that could have read JSON."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from shared.presentation.frame import LANGUAGES, Speaker, page, paragraph, section


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("problem_words.toml").read_text("utf-8"))


def language_of(accepted: str) -> str:
    """The first language of an Accept-Language header that we speak, else English."""
    named = re.findall(r"(?:^|,)\s*([a-z]{2})\b", accepted.lower())
    return next((each for each in named if each in LANGUAGES), LANGUAGES[0])


def problem_page(told: Mapping[str, Any], language: str) -> str:
    """What was wrong, by field, and how to go on. `told` is the problem as its JSON has it."""
    words = _words()[language]
    what = words.get(f"problem.{told['type'].rpartition('/')[2]}", told["title"])
    complaints = list(_complaints(told.get("errors", ()), words))
    listed = f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in complaints)}</ul>" if complaints else ""
    title = words["problem.page_title"]
    return page(Speaker(language), title, section(what, listed, paragraph(words["problem.page_back"])))


def _complaints(errors: Iterable[Mapping[str, str]], words: Mapping[str, str]) -> Iterable[str]:
    for each in errors:
        said = words.get(f"complaint.{each['code']}", words["complaint.other"])
        field = words.get(f"field.{each['pointer'].rpartition('/')[2]}")
        yield f"{field} \u2013 {said}" if field else said

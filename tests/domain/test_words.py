"""What people read: every state in both languages, every letter in both, with the same placeholders."""

from __future__ import annotations

import ast
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest

from shared.domain.case import LIFE_CYCLES
from shared.domain.life_cycle import Role
from shared.use_cases.letters import LANGUAGES, LETTERS

USE_CASES = Path(__file__).parents[2] / "shared" / "use_cases"
WORDS: dict[str, dict[str, dict[str, str]]] = tomllib.loads((USE_CASES / "words.toml").read_text("utf-8"))
STATED: dict[str, dict[str, dict[str, str]]] = tomllib.loads((USE_CASES / "letters.toml").read_text("utf-8"))
ALWAYS = {"name", "link"}


def told() -> dict[str, list[tuple[str, set[str]]]]:
    """Template -> where the use cases send it, and with which parameters."""
    found: dict[str, list[tuple[str, set[str]]]] = {}
    for path in sorted(USE_CASES.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_tell = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "tell"
            if is_tell:
                assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno} tells what no test can read"
                names = {str(each.arg) for each in node.keywords}
                found.setdefault(node.args[0].value, []).append((f"{path.name}:{node.lineno}", names))
    return found


TOLD = told()


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_every_state_has_words_in_both_languages_and_no_words_lack_a_state(cycle: Any) -> None:
    assert set(WORDS[cycle.name]) == set(cycle.states)
    for state in cycle.states:
        assert set(WORDS[cycle.name][state]) == set(LANGUAGES)
        assert all(text.strip() for text in WORDS[cycle.name][state].values())


def test_all_words_are_in_both_languages() -> None:
    assert {code for words in WORDS.values() for code, said in words.items() if set(said) != set(LANGUAGES)} == set()


def test_every_role_whose_turn_it_may_be_has_words() -> None:
    at_work = set(Role) - {Role.SYSTEM, Role.AUDITOR, Role.ADMIN}

    assert set(WORDS["turn"]) >= {role.value for role in at_work} | {"nobody"}


def test_every_letter_that_is_sent_exists() -> None:
    assert set(TOLD) - set(LETTERS) == set()


def test_every_letter_is_sent_by_somebody() -> None:
    elsewhere = {
        node.value
        for path in USE_CASES.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert set(LETTERS) - set(TOLD) - elsewhere == set()


@pytest.mark.parametrize("name", sorted(STATED))
def test_a_letter_has_both_languages_with_equal_placeholders(name: str) -> None:
    letter = STATED[name]

    assert set(letter) == set(LANGUAGES)
    for language in LANGUAGES:
        assert set(letter[language]) == {"subject", "text"}
        assert letter[language]["subject"].strip()
        assert "\n" not in letter[language]["subject"]
    for part in ("subject", "text"):
        assert placeholders(letter["en"][part]) == placeholders(letter["fr"][part])


@pytest.mark.parametrize("name", sorted(TOLD))
def test_a_letter_is_given_every_parameter_that_it_names_wherever_it_is_sent(name: str) -> None:
    named = {each for part in STATED[name]["en"].values() for each in placeholders(part)} - ALWAYS

    for where, given in TOLD[name]:
        assert named <= given, where


def test_no_subject_holds_a_link_or_a_name() -> None:
    for letter in STATED.values():
        for language in LANGUAGES:
            assert not placeholders(letter[language]["subject"]) & ALWAYS

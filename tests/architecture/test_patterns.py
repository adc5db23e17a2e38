"""No pattern of the product can be made to run for hours: none repeats without end what is itself repeated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from tests.architecture.source import ROOT, product, tree

CALLS = ("compile", "match", "fullmatch", "search", "sub", "findall", "finditer", "split")


def patterns() -> Iterator[tuple[str, str]]:
    """File and line, and the pattern, of every call of `re` and of every form's `pattern`."""
    for path in product():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            stated: list[ast.expr] = [each.value for each in node.keywords if each.arg == "pattern"]
            if isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
                if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
                    stated += node.args[:1]
            for each in stated:
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield where, each.value


def repeats_what_is_repeated(pattern: str) -> bool:
    """Whether something is repeated without end inside something that is."""
    # Python spells the end of a text \\Z, the forms' own engine \\z, which older Pythons do not know.
    return _looks(parser.parse(pattern.replace("\\z", "\\Z")), within=False)


def _looks(parsed: Any, within: bool) -> bool:
    for operation, argument in parsed:
        endless = operation in (constants.MAX_REPEAT, constants.MIN_REPEAT) and argument[1] is constants.MAXREPEAT
        if endless and within:
            return True
        parts = argument if isinstance(argument, tuple | list) else (argument,)
        for part in parts:
            inner = part if isinstance(part, list) else [part]
            for each in inner:
                if isinstance(each, parser.SubPattern) and _looks(each, within or endless):
                    return True
    return False


def test_there_are_patterns_to_look_at() -> None:
    assert len(list(patterns())) > 30


@pytest.mark.parametrize(("where", "pattern"), list(patterns()))
def test_no_pattern_repeats_what_is_repeated(where: str, pattern: str) -> None:
    assert not repeats_what_is_repeated(pattern), where


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"(?:x|(a*))*", r"([a-z]+,?)*$", r"((?:a+){2})+"])
def test_pattern_that_could_is_seen(pattern: str) -> None:
    assert repeats_what_is_repeated(pattern)
    assert re.compile(pattern)

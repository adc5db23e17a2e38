"""The pages of requirements and of threats: complete, and each promise held by a test that exists."""

from __future__ import annotations

import re

import pytest

from tests.named import ROOT, is_there

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("requirements", "threat-model")}
NUMBERS = range(1, 91)


def named_in(page: str) -> list[str]:
    """The tests that a page's tables name."""
    return re.findall(r"^\|.*\| `([^`]+)` \|$", page, re.MULTILINE)


def test_every_requirement_has_one_row() -> None:
    rows = [int(number) for number in re.findall(r"^\| R(\d+) \| .+ \| `.+` \|$", PAGES["requirements"], re.MULTILINE)]

    assert rows == list(NUMBERS)


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = named_in(PAGES[page])

    assert len(named) > 30
    assert [each for each in named if "::" not in each or not is_there(f"tests/{each}")] == []


def test_every_kind_of_threat_has_its_controls() -> None:
    rows = re.findall(r"^\| ([STRIDE]) \| (\d) \|", PAGES["threat-model"], re.MULTILINE)

    assert len(rows) == len(named_in(PAGES["threat-model"]))
    assert {kind for kind, _ in rows} == set("STRIDE")
    assert {where for _, where in rows} == set("1234567")

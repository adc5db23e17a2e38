"""What is measured is a table: every measurement is a row, every row is measured, every alert asks for one."""

from __future__ import annotations

import ast
import re

import pytest

from shared.telemetry import METRICS
from tests.architecture.source import ROOT, product, tree


def measured() -> set[str]:
    """The names that the product measures."""
    return {
        node.args[0].value
        for path in product()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == "measure"
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_measurement_is_a_row_and_every_row_is_measured() -> None:
    assert measured() == set(METRICS)


@pytest.mark.parametrize("file", ["alerts.json", "workbook.json", "queries.json"])
def test_alerts_workbook_and_queries_ask_for_what_is_measured(file: str) -> None:
    asked = set(re.findall(r"pledge\.[a-z.]+", (ROOT / "infra" / file).read_text("utf-8")))

    assert asked <= set(METRICS)

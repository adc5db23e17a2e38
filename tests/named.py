"""Tests that pages and tables name, as `tests/folder/test_file.py::test_name`: whether there are such tests."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def tests_in(file: str) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def is_there(reference: str) -> bool:
    """Whether the test that is named, or the file of tests, exists."""
    file, _, name = reference.partition("::")
    if not file.startswith("tests/") or not (ROOT / file).is_file():
        return False
    return name in tests_in(file) if name else bool(tests_in(file))

"""No row of the list of bad inputs is forgotten: each is run here or named where it is run, or says why it is not."""

from __future__ import annotations

import tomllib

from tests.corpus import test_callers, test_corpus
from tests.corpus.requests import HERE
from tests.named import is_there

ROWS = tomllib.loads((HERE / "rows.toml").read_text("utf-8"))
LISTED = ROWS["listed"].split()
IN_TABLES = {case["id"] for case in test_corpus.CASES} | set(test_callers.ROWS)


def test_every_row_is_run_or_has_a_reason() -> None:
    known = IN_TABLES | set(ROWS["run"]) | set(ROWS["reasons"])

    assert len(LISTED) == len(set(LISTED)) > 170
    assert [row for row in LISTED if row not in known] == []


def test_every_row_is_answered_for_once() -> None:
    assert set(ROWS["run"]) & set(ROWS["reasons"]) == set()
    assert IN_TABLES & (set(ROWS["run"]) | set(ROWS["reasons"])) == set()
    assert {*ROWS["run"], *ROWS["reasons"]} <= set(LISTED)
    assert set(ROWS["not_over_http"]) <= set(ROWS["run"])


def test_every_test_that_a_row_names_is_there() -> None:
    assert [row for row, test in ROWS["run"].items() if not is_there(test)] == []
    assert not is_there("tests/corpus/test_rows.py::test_that_nobody_wrote")
    assert not is_there("tests/corpus/nothing.py")

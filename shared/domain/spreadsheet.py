"""Tables as CSV that a spreadsheet may open: nothing that somebody wrote becomes a formula (R83)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import islice

INVISIBLE = " \ufeff\u200b\u200c\u200d\u2060"
STARTS_A_FORMULA = frozenset("=+-@\t\r\n\x00|%＝＋－＠")
ROWS_MAX = 50_000
CELL_MAX = 32_767
"""As much as a cell can hold; what is longer is cut, and ends in dots."""


def cell(value: object) -> str:
    """A value as a cell. Numbers stand as they are; a text that a spreadsheet would run gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    safe = f"'{text}" if text.lstrip(INVISIBLE)[:1] in STARTS_A_FORMULA else text
    return safe if len(safe) <= CELL_MAX else safe[: CELL_MAX - 1] + "…"


def as_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """RFC 4180, UTF-8 with a mark, by which spreadsheets know the encoding; at most fifty thousand rows."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([cell(each) for each in header])
    writer.writerows([cell(each) for each in row] for row in islice(rows, ROWS_MAX))
    return b"\xef\xbb\xbf" + written.getvalue().encode()

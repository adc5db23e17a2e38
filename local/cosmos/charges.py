"""Request units, by the published rules: what an operation would cost on the service, roughly."""

from collections.abc import Iterable
from typing import Any

KILOBYTE = 1024
READ_FIRST_KILOBYTE = 1.0
READ_PER_KILOBYTE = 10 / 110  # 1 KB costs 1 and 100 KB cost 10.
WRITE_BASE = 4.95  # an item of 1 KB of which nothing is indexed
WRITE_PER_KILOBYTE = 0.45
WRITE_PER_INDEXED_VALUE = 0.19
QUERY_PER_RANGE = 2.5
QUERY_PER_ROW = 0.03
QUERY_PER_KILOBYTE = 0.02
SYSTEM_TERMS = 2  # of the properties that the service adds; so an item of id and key alone costs 5.71


def _extra_kilobytes(size: int) -> float:
    return max(size / KILOBYTE - 1, 0)


def read(size: int) -> float:
    return round(READ_FIRST_KILOBYTE + READ_PER_KILOBYTE * _extra_kilobytes(size), 2)


def indexed_values(value: dict[str, Any]) -> int:
    """How many values of an item the index would hold, besides those that the service adds."""
    return _scalars(part for name, part in value.items() if not name.startswith("_"))


def _scalars(parts: Iterable[Any]) -> int:
    count = 0
    for part in parts:
        if type(part) is dict:
            count += _scalars(part.values())
        elif type(part) is list:
            count += _scalars(part)
        else:
            count += 1
    return count


def create(item: dict[str, Any], size: int, is_indexed: bool = True) -> float:
    terms = indexed_values(item) + SYSTEM_TERMS if is_indexed else 0
    return round(WRITE_BASE + WRITE_PER_KILOBYTE * _extra_kilobytes(size) + WRITE_PER_INDEXED_VALUE * terms, 2)


def replace(item: dict[str, Any], size: int, is_indexed: bool = True) -> float:
    """The old version leaves the index and the new one enters it, so this is nearly two writes."""
    return round(2 * create(item, size, is_indexed) - 0.5, 2)


def delete(size: int) -> float:
    return round(WRITE_BASE + WRITE_PER_KILOBYTE * _extra_kilobytes(size), 2)


def query(ranges: int, rows: int, size: int) -> float:
    """`size` is that of the page's rows in bytes."""
    return round(QUERY_PER_RANGE * ranges + QUERY_PER_ROW * rows + QUERY_PER_KILOBYTE * size / KILOBYTE, 2)

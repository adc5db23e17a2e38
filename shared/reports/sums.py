"""Sums that a case can be taken out of again: nested counters, added and subtracted exactly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Sum = dict[str, Any]
"""Names to counts, or to further sums. A count of nothing is left out, so that what is undone leaves no trace."""


def add(to: Sum, more: Mapping[str, Any], sign: int = 1) -> None:
    """Add (or, with sign -1, take away) every count of `more`."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            inner = to.setdefault(name, {})
            add(inner, value, sign)
            if not inner:
                del to[name]
        else:
            count = to.get(name, 0) + sign * value
            if count:
                to[name] = count
            else:
                to.pop(name, None)


def total(parts: Iterable[Mapping[str, Any]]) -> Sum:
    """All of them together."""
    found: Sum = {}
    for part in parts:
        add(found, part)
    return found


def key(value: Any) -> str:
    """A record as the name of a counter: one text for one record, whatever order its keys were written in."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def counted(counter: Mapping[str, int]) -> list[tuple[Any, int]]:
    """The records of a counter with their counts, in one order."""
    return [(json.loads(name), count) for name, count in sorted(counter.items())]

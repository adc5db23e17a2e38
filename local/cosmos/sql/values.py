"""Values as the query language sees them: undefined, equality, comparison and sort order."""

import json
from typing import Any


class Undefined:
    """What a missing property is. It is not null, and it vanishes from results."""

    def __repr__(self) -> str:
        return "undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED = Undefined()
NUMBERS = (int, float)


def is_number(value: Any) -> bool:
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


def rank(value: Any) -> int:
    """The place of the value's type in the order of types."""
    if value is UNDEFINED:
        return 0
    if value is None:
        return 1
    if value is False:
        return 2
    if value is True:
        return 3
    if isinstance(value, str):
        return 5
    if isinstance(value, NUMBERS):
        return 4
    return 6 if isinstance(value, list) else 7


def sort_key(value: Any) -> tuple[int, Any]:
    """Sorts any mixture of values: undefined, null, false, true, numbers, strings, arrays, objects."""
    place = rank(value)
    if place in (4, 5):
        return place, value
    return place, canonical(value) if place >= 6 else 0


def equal(left: Any, right: Any) -> bool:
    """Deep equality where true is not 1 and the order of properties does not matter."""
    if left is right:
        return True
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and left == right
    if rank(left) != rank(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(value, right[name]) for name, value in left.items())
    return bool(left == right)


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 for two values of one ordered type, None where no order is defined."""
    if isinstance(left, bool) or isinstance(right, bool):
        if not (isinstance(left, bool) and isinstance(right, bool)):
            return None
    elif isinstance(left, str):
        if not isinstance(right, str):
            return None
    elif isinstance(left, NUMBERS):
        if not isinstance(right, NUMBERS):
            return None
    else:
        return 0 if left is None and right is None else None
    return int(left > right) - int(left < right)


def canonical(value: Any) -> str:
    """One text per value: equal values, and only they, have the same."""
    return json.dumps(_normal(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _normal(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_normal(part) for part in value]
    if isinstance(value, dict):
        return {name: _normal(part) for name, part in value.items()}
    # No JSON value can be mistaken for this one.
    return {"\0": "undefined"} if value is UNDEFINED else value


def number(value: float) -> Any:
    """A result of arithmetic: whole numbers without a fraction, undefined where there is no finite result."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return UNDEFINED
        if value.is_integer() and abs(value) < 1e15:
            return int(value)
        return value
    # Numbers are doubles; beyond 64 bits nothing would be kept exactly.
    return value if -(1 << 63) <= value < (1 << 63) else _as_double(value)


def _as_double(value: int) -> Any:
    try:
        return float(value)
    except OverflowError:
        return UNDEFINED

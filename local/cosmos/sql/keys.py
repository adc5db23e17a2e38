"""What a query's text says of the items it is about: their keys, the order of their keys, what they have in them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from local.cosmos.partition_key import HALF_PAIR
from local.cosmos.sql.syntax import (
    Binary,
    Expression,
    In,
    Literal,
    Logical,
    Name,
    Parameter,
    Select,
    aggregates_in,
    path_of,
)
from local.cosmos.wire import dumps

Path = tuple[str, ...]

# SQLite takes no condition of any length.
TEXTS_MAX = 8
KEYS_MAX = 1000
OPEN = object()
MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def pinned_key(query: Select, parameters: dict[str, Any], paths: list[Path]) -> list[Any] | None:
    """The values that WHERE fixes for all these paths by equality, or None if it leaves one open."""
    pinned = {path: value for path, operator, value in _comparisons(query, parameters) if operator == "="}
    if not all(path in pinned for path in paths):
        return None
    return [pinned[path] for path in paths]


def first_key(query: Select, parameters: dict[str, Any], paths: list[Path]) -> str | None:
    """The string from which on the query wants all items in the order of their keys.

    None if it wants them otherwise, or what stands at the path may be no string.
    """
    if len(paths) != 1 or len(query.sources) != 1 or len(query.order_by) != 1 or query.distinct or query.group_by:
        return None
    order, path = query.order_by[0], path_of(query.order_by[0].expression)
    if order.descending or path is None or (path[0], tuple(path[1])) != (query.root, paths[0]):
        return None
    if any(aggregates_in(column.expression) for column in query.columns):
        return None
    bounds = [
        value
        for of, operator, value in _comparisons(query, parameters)
        if of == paths[0] and operator in (">", ">=") and _is_plain(value)
    ]
    return max(bounds, default=None)


def keys_among(query: Select, parameters: dict[str, Any], paths: list[Path]) -> tuple[str, ...] | None:
    """The strings among which WHERE ... IN wants the items' keys to be, or None if it names no such list."""
    for part in _insisted(query):
        if isinstance(part, In) and not part.negated and len(paths) == 1 and _path_in(query, part.operand) == paths[0]:
            values = [_constant(choice, parameters) for choice in part.choices]
            strings = tuple(value for value in values if _is_plain(value))
            if len(strings) == len(values) <= KEYS_MAX:
                return strings
    return None


def keys_between(query: Select, parameters: dict[str, Any], paths: list[Path]) -> tuple[str, str] | None:
    """The strings between which WHERE wants the items' keys to be, or None if it leaves an end open."""
    bounds = [(operator, value) for path, operator, value in _comparisons(query, parameters)
              if len(paths) == 1 and path == paths[0] and _is_plain(value)]  # fmt: skip
    first = max((value for operator, value in bounds if operator in (">", ">=")), default=None)
    last = min((value for operator, value in bounds if operator in ("<", "<=")), default=None)
    return None if first is None or last is None else (first, last)


def texts_of(query: Select, parameters: dict[str, Any]) -> tuple[bytes, ...]:
    """What an item must have in its text to match at all, so that most need not be parsed to be passed over."""
    wanted = (value for _, operator, value in _comparisons(query, parameters) if operator == "=")
    texts = (dumps(value) for value in wanted if _is_plain(value))
    return tuple(islice(texts, TEXTS_MAX))


def _comparisons(query: Select, parameters: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    """Path, operator and constant of each comparison of the item that WHERE insists on."""
    for part in _insisted(query):
        if not isinstance(part, Binary) or part.operator not in MIRRORED:
            continue
        for operator, side, other in (
            (part.operator, part.left, part.right),
            (MIRRORED[part.operator], part.right, part.left),
        ):
            path, value = _path_in(query, side), _constant(other, parameters)
            if path is not None and value is not OPEN:
                yield path, operator, value


def _insisted(query: Select) -> Iterator[Expression]:
    """The conditions all of which WHERE wants of the item."""
    source = query.sources[0] if query.sources else None
    if source is None or source.iterates or not isinstance(source.expression, Name):
        return  # What is compared is something in the item, or made of it.
    pending = [query.where]
    while pending:
        part = pending.pop()
        if isinstance(part, Logical) and part.operator == "AND":
            pending += reversed(part.parts)
        elif part is not None:
            yield part


def _path_in(query: Select, expression: Expression) -> tuple[str | int, ...] | None:
    path = path_of(expression)
    return tuple(path[1]) if path is not None and path[0] == query.root else None


def _constant(expression: Expression, parameters: dict[str, Any]) -> Any:
    if isinstance(expression, Literal):
        return expression.value
    return parameters.get(expression.name, OPEN) if isinstance(expression, Parameter) else OPEN


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and not HALF_PAIR.search(value)

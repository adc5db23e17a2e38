"""What a query's text says of the items it is about: their keys, the order of their keys, what they have in them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from local.cosmos.partition_key import HALF_PAIR
from local.cosmos.sql.syntax import Binary, Literal, Logical, Name, Parameter, Select, aggregates_in, path_of
from local.cosmos.wire import dumps

Path = tuple[str, ...]

# SQLite takes no condition of any length.
TEXTS_MAX = 8
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
        if of == paths[0] and operator in (">", ">=") and isinstance(value, str) and not HALF_PAIR.search(value)
    ]
    return max(bounds, default=None)


def texts_of(query: Select, parameters: dict[str, Any]) -> tuple[bytes, ...]:
    """What an item must have in its text to match at all, so that most need not be parsed to be passed over."""
    wanted = (value for _, operator, value in _comparisons(query, parameters) if operator == "=")
    texts = (dumps(value) for value in wanted if isinstance(value, str) and not HALF_PAIR.search(value))
    return tuple(islice(texts, TEXTS_MAX))


def _comparisons(query: Select, parameters: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    """Path, operator and constant of each comparison of the item that WHERE insists on."""
    source = query.sources[0] if query.sources else None
    if source is None or source.iterates or not isinstance(source.expression, Name):
        return  # What is compared is something in the item, or made of it.
    pending = [query.where]
    while pending:
        part = pending.pop()
        if isinstance(part, Logical) and part.operator == "AND":
            pending += reversed(part.parts)
        if not isinstance(part, Binary) or part.operator not in MIRRORED:
            continue
        for operator, side, other in (
            (part.operator, part.left, part.right),
            (MIRRORED[part.operator], part.right, part.left),
        ):
            path = path_of(side)
            if path is None or path[0] != query.root:
                continue
            if isinstance(other, Literal):
                yield tuple(path[1]), operator, other.value
            elif isinstance(other, Parameter) and other.name in parameters:
                yield tuple(path[1]), operator, parameters[other.name]

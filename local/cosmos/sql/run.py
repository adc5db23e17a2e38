"""Runs a query over items in the order of their creation, a page at a time, resuming by key."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from local.cosmos.sql.evaluate import (
    Aggregate,
    Evaluated,
    Patience,
    Scope,
    Slots,
    compile_expression,
    compile_select_names,
    object_of,
)
from local.cosmos.sql.syntax import (
    Call,
    Expression,
    Literal,
    Member,
    Name,
    Parameter,
    Select,
    Source,
    Subquery,
    aggregates_in,
    children,
    path_of,
    query_error,
)
from local.cosmos.sql.values import UNDEFINED, canonical, is_number, sort_key
from local.cosmos.wire import CosmosError, dumps

PAGE_BYTES_MAX = 4 * 1024 * 1024
# How long a query may take where others have to wait for it.
SECONDS_MAX = 5.0
ROWS_A_PAGE_INSIDE = 500

Rows = Callable[[Slots], Iterator[None]]
# All items beyond a number, as number and text, in the order of their numbers.
Items = Callable[[int], Iterable[tuple[int, bytes]]]
# A row that matched: its sort keys, its item's number, its place among the item's rows, and its text.
Entry = tuple[list[Any], int, int, bytes]


@dataclass
class Cursor:
    """Where a page ended: the last row's sort keys, item number and place among the item's rows, rows so far."""

    n: int = 0
    place: int = -1
    keys: list[Any] = field(default_factory=list)
    emitted: int = 0
    skipped: int = 0


@dataclass
class Page:
    """Rows as JSON texts; `cursor` is None at the end of the results."""

    rows: list[bytes]
    cursor: Cursor | None


class Program:
    """A query compiled for one set of parameters. Not to be shared: its slots hold the row under way."""

    def __init__(self, query: Select, parameters: dict[str, Any], now: float) -> None:
        self.inner: Program | None = None
        if query.sources and isinstance(query.sources[0].expression, Subquery):
            # FROM (SELECT ...) AS x: the rows of the inner query are the items of the outer one.
            alias = query.sources[0].alias
            self.inner = Program(query.sources[0].expression.query, parameters, now)
            query = replace(query, sources=[Source(alias, Name(alias), False), *query.sources[1:]])
        self.query = query
        try:
            self._compile(query, parameters, now)
        except RecursionError:
            raise _too_deep() from None

    def _compile(self, query: Select, parameters: dict[str, Any], now: float) -> None:
        scope = Scope(parameters, now)
        self.root_slot = scope.declare("")
        self.rows = _compile_sources(query, scope, self.root_slot)
        self.where = compile_expression(query.where, scope) if query.where is not None else None
        self.is_grouped = bool(query.group_by) or any(aggregates_in(column.expression) for column in query.columns)
        if self.is_grouped:
            _check_grouping(query)
        self.group_by = [compile_expression(column.expression, scope) for column in query.group_by]
        scope.aggregates = [] if self.is_grouped else None
        # Where the item itself is given, its text is: all of the row, or what the last property of the row holds.
        columns, self.is_item, self.item_name = query, self._is_item(query), self._item_name(query)
        if self.item_name is not None:
            columns = replace(query, columns=query.columns[:-1])
        self.project = _compile_columns(columns, scope)
        self.aggregates: list[Aggregate] = scope.aggregates or []
        scope.aggregates = None
        self.order_by = [compile_expression(order.expression, scope) for order in query.order_by]
        self.top = _count_of(query.top, parameters, "TOP")
        self.offset = _count_of(query.offset, parameters, "OFFSET") or 0
        self.limit = _count_of(query.limit, parameters, "LIMIT")
        if query.order_by and self.is_grouped and query.group_by:
            raise query_error("SC2204", "'ORDER BY' is not supported together with 'GROUP BY'.")
        self.slot_count = scope.slot_count
        self.patience = scope.patience
        self.is_heavy = scope.has_subquery or len(query.sources) > 1 or self.inner is not None
        # Only the main thread can break off a match of a pattern.
        self.needs_main_thread: bool = "REGEXMATCH" in scope.functions or (
            self.inner is not None and self.inner.needs_main_thread
        )

    @property
    def most(self) -> int | None:
        """How many rows there may be, by TOP and LIMIT."""
        bounds = [bound for bound in (self.top, self.limit) if bound is not None]
        return min(bounds) if bounds else None

    @property
    def streams(self) -> bool:
        """Whether rows can be given out as items are read, without looking at the rest."""
        return not (self.is_grouped or self.order_by or self.query.distinct)

    @property
    def is_index_only(self) -> bool:
        """Whether the service could answer from its index alone, as it does when rows are only counted."""
        counted = [call for column in self.query.columns for call in aggregates_in(column.expression)]
        return bool(counted) and all(
            call.name == "COUNT" and isinstance(call.arguments[0], Literal) for call in counted
        )

    def run(
        self,
        items: Items,
        cursor: Cursor | None,
        page_size: int,
        seconds: float = SECONDS_MAX,
        is_in_order: bool = False,
    ) -> Page:
        """One page of at most `page_size` rows and 4 MB. `items(n)` gives all items beyond number n, in order.

        With `is_in_order` it gives them as ORDER BY wants them instead, and only as many as the page needs are read.
        """
        self.patience.begin(seconds)
        if self.inner is not None:
            items = self.inner.as_items(items, seconds)
        try:
            if self.streams:
                return self._stream(items, cursor, page_size)
            entries = self._groups(items(0)) if self.is_grouped else self._entries(items(0))
            return self._ordered(entries if is_in_order else self._sorted(entries), cursor, page_size)
        except RecursionError:
            raise _too_deep() from None

    def as_items(self, items: Items, seconds: float) -> Items:
        """All rows of this query, numbered, in the place of items."""
        rows: list[tuple[int, bytes]] = []
        cursor = None
        while True:
            page = self.run(items, cursor, ROWS_A_PAGE_INSIDE, seconds)
            rows += [(len(rows) + index, row) for index, row in enumerate(page.rows, 1)]
            cursor = page.cursor
            if cursor is None:
                return lambda after: [row for row in rows if row[0] > after]

    # -- rows --------------------------------------------------------------------------------------------------

    def _matches(self, items: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, int, bytes, Slots]]:
        """Item number, place among the item's rows, the item's text and the variables of each row that matches."""
        slots: Slots = [UNDEFINED] * self.slot_count
        where, rows, root = self.where, self.rows, self.root_slot
        needs_document = not self.is_item or where is not None or bool(self.order_by)
        for n, body in items:
            self.patience.look_at_the_clock()
            if not needs_document:
                yield n, 0, body, slots
                continue
            slots[root] = json.loads(body)
            for place, _ in enumerate(rows(slots)):
                if where is None or where(slots) is True:
                    yield n, place, body, slots

    def _is_plain(self, query: Select) -> bool:
        """Whether each row is about one item."""
        if len(query.sources) != 1 or self.is_grouped or not isinstance(query.sources[0].expression, Name):
            return False
        return not query.sources[0].iterates

    def _is_item(self, query: Select) -> bool:
        is_named = query.value and query.columns[0].expression == Name(query.sources[0].alias if query.sources else "")
        return self._is_plain(query) and (query.star or is_named)

    def _item_name(self, query: Select) -> bytes | None:
        """What the last column of several is called, if it is the item."""
        if not self._is_plain(query) or query.star or query.value or len(query.columns) < 2:
            return None
        *others, last = compile_select_names(query)
        if query.columns[-1].expression != Name(query.sources[0].alias) or last in others:
            return None
        return dumps(last)

    def _row(self, body: bytes, slots: Slots) -> bytes | None:
        if self.is_item:
            return body
        value = self.project(slots)
        if value is UNDEFINED:
            return None
        row = dumps(value)
        if self.item_name is None:
            return row
        return row[:-1] + (b"," if value else b"") + self.item_name + b":" + body + b"}"

    def _stream(self, items: Items, cursor: Cursor | None, page_size: int) -> Page:
        at = cursor or Cursor()
        rows: list[bytes] = []
        size, most, skipped, emitted = 0, self.most, at.skipped, at.emitted
        if most is not None and emitted >= most:
            return Page([], None)
        last = (at.n, at.place)
        # An item may have been left in the middle of its rows, so reading starts at that item again.
        for n, place, body, slots in self._matches(items(at.n - 1)):
            if (n, place) <= (at.n, at.place):
                continue
            row = self._row(body, slots)
            if row is None:
                continue
            if skipped < self.offset:
                skipped += 1
                last = (n, place)
                continue
            if len(rows) >= page_size or (rows and size + len(row) > PAGE_BYTES_MAX):
                return Page(rows, Cursor(*last, [], emitted, skipped))
            rows.append(row)
            size += len(row)
            emitted += 1
            last = (n, place)
            if most is not None and emitted >= most:
                return Page(rows, None)
        return Page(rows, None)

    def _sorted(self, found: Iterable[Entry]) -> list[Entry]:
        entries = list(found)
        for index in range(len(self.order_by) - 1, -1, -1):
            descending = self.query.order_by[index].descending
            entries.sort(key=_order_key(index), reverse=descending)
        if self.query.distinct:
            # Of equal rows the first in the order stays.
            first: dict[str, Entry] = {}
            for entry in entries:
                first.setdefault(canonical(json.loads(entry[3])), entry)
            entries = list(first.values())
        return entries

    def _ordered(self, ordered: Iterable[Entry], cursor: Cursor | None, page_size: int) -> Page:
        emitted = 0 if cursor is None else cursor.emitted
        # One more than fits tells whether this page is the last.
        count = page_size + 1 if self.most is None else min(page_size + 1, max(self.most - emitted, 0))
        if cursor is None:
            ordered = islice(ordered, self.offset, None)
        else:
            ordered = (entry for entry in ordered if self._is_after(entry, cursor))
        entries = list(islice(ordered, count))
        size, count = 0, 0
        for entry in entries[:page_size]:
            size += len(entry[3])
            if count and size > PAGE_BYTES_MAX:
                break
            count += 1
        rows = [entry[3] for entry in entries[:count]]
        if count == len(entries):
            return Page(rows, None)
        keys, n, place, _ = entries[count - 1]
        return Page(rows, Cursor(n, place, keys, emitted + count))

    def _is_after(self, entry: Entry, cursor: Cursor) -> bool:
        for order, key, last in zip(self.query.order_by, entry[0], cursor.keys, strict=False):
            key, last = tuple(key), tuple(last)
            if key != last:
                return (key > last) is not order.descending
        return (entry[1], entry[2]) > (cursor.n, cursor.place)

    def _entries(self, items: Iterable[tuple[int, bytes]]) -> Iterator[Entry]:
        for n, place, body, slots in self._matches(items):
            row = self._row(body, slots)
            if row is not None:
                yield [sort_key(key(slots)) for key in self.order_by], n, place, row

    def _groups(self, items: Iterable[tuple[int, bytes]]) -> list[Entry]:
        """One entry for each group, in the order of their first items; without GROUP BY there is exactly one."""
        groups: dict[tuple[str, ...], tuple[Slots, int, int, list[list[Any]]]] = {}
        for n, place, _, slots in self._matches(items):
            key = tuple(canonical(part(slots)) for part in self.group_by)
            if key not in groups:
                groups[key] = (list(slots), n, place, [[] for _ in self.aggregates])
            for aggregate, values in zip(self.aggregates, groups[key][3], strict=True):
                value = aggregate.argument(slots)
                if value is not UNDEFINED:
                    values.append(value)
        if not groups and not self.group_by:
            groups[()] = ([UNDEFINED] * self.slot_count, 1, 0, [[] for _ in self.aggregates])
        entries: list[Entry] = []
        for slots, n, place, collected in groups.values():
            for aggregate, values in zip(self.aggregates, collected, strict=True):
                slots[aggregate.slot] = aggregate.result(values)
            row = self.project(slots)
            if row is not UNDEFINED:
                entries.append(([sort_key(UNDEFINED) for _ in self.order_by], n, place, dumps(row)))
        return entries


def _order_key(index: int) -> Callable[[Any], Any]:
    return lambda entry: entry[0][index]


def _too_deep() -> CosmosError:
    return query_error("SC3102", "The query exceeded the maximum nesting depth.")


def _count_of(node: Expression | None, parameters: dict[str, Any], clause: str) -> int | None:
    if node is None:
        return None
    value: Any = parameters.get(node.name) if isinstance(node, Parameter) else getattr(node, "value", None)
    if not is_number(value) or value != int(value) or not 0 <= value < 1 << 31:
        raise query_error("SC2062", f"The {clause} value specified is not a valid non-negative integer.")
    return int(value)


def _check_grouping(query: Select) -> None:
    """Refuse what stands neither in an aggregate nor in GROUP BY."""
    if query.star:
        raise query_error("SC2103", "'SELECT *' is not allowed together with GROUP BY or aggregates.")
    allowed = [path_of(column.expression) for column in query.group_by]
    for column in query.columns:
        pending: list[Expression] = [column.expression]
        while pending:
            node = pending.pop()
            path = path_of(node)
            if path is not None and path[0] != "undefined":
                if not any(_is_within(path, group) for group in allowed):
                    message = (
                        f"Property reference '{column.text}' is invalid in the select list because it is not contained"
                        " in either an aggregate function or the GROUP BY clause."
                    )
                    raise query_error("SC2103", message)
            elif not (isinstance(node, Call) and node in aggregates_in(node)):
                if any(node == group.expression for group in query.group_by):
                    continue
                pending.extend(children(node))


def _is_within(path: tuple[str, list[Any]], group: tuple[str, list[Any]] | None) -> bool:
    return group is not None and path[0] == group[0] and path[1][: len(group[1])] == group[1]


def _compile_columns(query: Select, scope: Scope) -> Evaluated:
    if query.star:
        if len(query.sources) != 1:
            message = "'SELECT *' is only valid with a single input set."
            raise query_error("SC2040", message)
        slot = scope.slots[query.sources[0].alias]
        return lambda slots: slots[slot]
    compiled = [compile_expression(column.expression, scope) for column in query.columns]
    if query.value:
        return compiled[0]
    return object_of(list(zip(compile_select_names(query), compiled, strict=True)))


def _compile_sources(query: Select, scope: Scope, root_slot: int | None) -> Rows:
    """The function that sets the variables to each combination of the sources' elements in turn."""
    steps: list[tuple[int, Evaluated, bool]] = []
    for index, source in enumerate(query.sources):
        if index == 0 and root_slot is not None:
            expression = _bind_root(source.expression, scope, root_slot)
        else:
            expression = compile_expression(source.expression, scope)
        steps.append((scope.declare(source.alias), expression, source.iterates))
    if not steps:
        return lambda slots: iter((None,))
    if len(steps) == 1 and not steps[0][2]:
        slot, expression, _ = steps[0]

        def single(slots: Slots) -> Iterator[None]:
            slots[slot] = expression(slots)
            if slots[slot] is not UNDEFINED:
                yield None

        return single
    return lambda slots: _combinations(slots, steps, 0, scope.patience)


def _combinations(
    slots: Slots, steps: list[tuple[int, Evaluated, bool]], index: int, patience: Patience
) -> Iterator[None]:
    if index == len(steps):
        patience.look_at_the_clock()
        yield None
        return
    slot, expression, iterates = steps[index]
    value = expression(slots)
    if not iterates:
        value = [value]
    for element in value if isinstance(value, list) else []:
        if element is UNDEFINED:
            continue
        slots[slot] = element
        yield from _combinations(slots, steps, index + 1, patience)


def _bind_root(expression: Expression, scope: Scope, root_slot: int) -> Evaluated:
    """The first name in FROM means the container, whatever it is."""
    node = expression
    while isinstance(node, Member):
        node = node.target
    if isinstance(node, Name):
        shadowed = dict(scope.slots)
        scope.slots[node.name] = root_slot
        compiled = compile_expression(expression, scope)
        scope.slots = shadowed
        return compiled
    return compile_expression(expression, scope)


def compile_subquery(query: Select, outer: Scope) -> Callable[[Slots], Iterator[Any]]:
    """The function that gives a subquery's rows for the outer variables' present values."""
    scope = Scope(outer.parameters, outer.now, outer)
    rows = _compile_sources(query, scope, None)
    where = compile_expression(query.where, scope) if query.where is not None else None
    grouped = any(aggregates_in(column.expression) for column in query.columns)
    if query.group_by:
        raise query_error("SC2104", "'GROUP BY' is not supported in a subquery by this endpoint.")
    scope.aggregates = [] if grouped else None
    project = _compile_columns(query, scope)
    aggregates = scope.aggregates or []
    scope.aggregates = None
    order_by = [(compile_expression(order.expression, scope), order.descending) for order in query.order_by]
    top = _count_of(query.top, outer.parameters, "TOP")
    limit = _count_of(query.limit, outer.parameters, "LIMIT")
    offset = _count_of(query.offset, outer.parameters, "OFFSET") or 0

    def matching(slots: Slots) -> Iterator[Any]:
        collected: list[list[Any]] = [[] for _ in aggregates]
        for _ in rows(slots):
            if where is not None and where(slots) is not True:
                continue
            if not grouped:
                value = project(slots)
                if value is not UNDEFINED:
                    yield [sort_key(key(slots)) for key, _ in order_by], value
                continue
            for aggregate, values in zip(aggregates, collected, strict=True):
                value = aggregate.argument(slots)
                if value is not UNDEFINED:
                    values.append(value)
        if grouped:
            for aggregate, values in zip(aggregates, collected, strict=True):
                slots[aggregate.slot] = aggregate.result(values)
            value = project(slots)
            if value is not UNDEFINED:
                yield [sort_key(None) for _ in order_by], value

    def results(slots: Slots) -> Iterator[Any]:
        found: Iterable[Any] = matching(slots)
        if order_by:
            entries = list(found)
            for index in range(len(order_by) - 1, -1, -1):
                entries.sort(key=_order_key(index), reverse=order_by[index][1])
            found = entries
        seen: set[str] = set()
        emitted = skipped = 0
        for _, value in found:
            if query.distinct:
                text = canonical(value)
                if text in seen:
                    continue
                seen.add(text)
            if skipped < offset:
                skipped += 1
                continue
            if (top is not None and emitted >= top) or (limit is not None and emitted >= limit):
                return
            emitted += 1
            yield value

    return results

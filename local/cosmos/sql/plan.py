"""The query plan: how a client runs a query over several physical partitions and merges what they give."""

import json
from typing import Any

from local.cosmos.sql.evaluate import compile_select_names
from local.cosmos.sql.run import Program
from local.cosmos.sql.syntax import Call, Select, Subquery, aggregates_in
from local.cosmos.wire import CosmosError

# The names that plans have for the aggregates.
AGGREGATE_NAMES = {
    "COUNT": "Count", "SUM": "Sum", "MIN": "Min", "MAX": "Max", "AVG": "Average", "COUNTIF": "CountIf",
    "MAKELIST": "MakeList", "MAKESET": "MakeSet",
}  # fmt: skip
# Clients replace this by a filter of their own when they resume in the middle, and by true otherwise.
FILTER_PLACE = "{documentdb-formattableorderbyquery-filter}"


def needs_plan(query: Select) -> bool:
    """Whether the gateway leaves merging to the client, so that it refuses to run the query over all partitions."""
    if query.sources and isinstance(query.sources[0].expression, Subquery):
        return needs_plan(query.sources[0].expression.query)
    return bool(
        query.order_by or query.group_by or query.distinct or query.top or query.offset
        or any(aggregates_in(column.expression) for column in query.columns)
    )  # fmt: skip


def plan_of(query: Select, parameters: dict[str, Any], features: str | None) -> dict[str, Any]:
    """The plan for a client with these features (None: all); 400 if it lacks one that the query needs."""
    program = Program(query, parameters, 0)
    needed = _needed_features(query)
    supported = needed if features is None else [feature.strip() for feature in features.split(",")]
    lacking = [feature for feature in needed if feature not in supported]
    if lacking:
        message = "Query contains the following features, which the calling client does not support: " + " ".join(
            lacking
        )
        raise CosmosError(400, message)
    if program.inner is not None:
        raise CosmosError(400, "A subquery in FROM is only served within one partition.")
    info: dict[str, Any] = {
        "distinctType": _distinct_type(query),
        "top": program.top,
        "offset": program.offset if query.offset is not None else None,
        "limit": program.limit,
        "orderBy": ["Descending" if order.descending else "Ascending" for order in query.order_by],
        "orderByExpressions": [order.text for order in query.order_by],
        "groupByExpressions": [column.text for column in query.group_by],
        "groupByAliases": [],
        "aggregates": [],
        "groupByAliasToAggregateType": {},
        "rewrittenQuery": "",
        "hasSelectValue": query.value,
        "hasNonStreamingOrderBy": False,
    }
    if program.is_grouped:
        _plan_aggregates(query, info)
    elif query.order_by:
        info["rewrittenQuery"] = _ordered(query, program)
    elif query.offset is not None:
        info["rewrittenQuery"] = _limited(query, program)
    everything = {"min": "", "max": "FF", "isMinInclusive": True, "isMaxInclusive": False}
    return {"partitionedQueryExecutionInfoVersion": 2, "queryInfo": info, "queryRanges": [everything]}


def _is_plain_aggregate(query: Select) -> bool:
    """SELECT VALUE COUNT(1) and its like: the only aggregates that every client can merge."""
    return (
        query.value
        and not query.group_by
        and isinstance(query.columns[0].expression, Call)
        and aggregates_in(query.columns[0].expression) == [query.columns[0].expression]
    )


def _needed_features(query: Select) -> list[str]:
    found = [call for column in query.columns for call in aggregates_in(column.expression)]
    needed = []
    if query.group_by:
        needed.append("GroupBy")
    if found:
        needed.append("Aggregate")
        if not _is_plain_aggregate(query):
            needed.append("NonValueAggregate")
        if len(found) > 1:
            needed.append("MultipleAggregates")
        if any(call.name == "COUNTIF" for call in found):
            needed.append("CountIf")
        if any(call.name in ("MAKELIST", "MAKESET") for call in found):
            needed.append("ListAndSetAggregate")
    wanted = {
        "Distinct": query.distinct,
        "Top": query.top is not None,
        "OffsetAndLimit": query.offset is not None,
        "OrderBy": bool(query.order_by),
        "MultipleOrderBy": len(query.order_by) > 1,
    }
    return needed + [feature for feature, is_wanted in wanted.items() if is_wanted]


def _distinct_type(query: Select) -> str:
    if not query.distinct:
        return "None"
    single = query.columns[0].expression if len(query.columns) == 1 else None
    ordered = len(query.order_by) == 1 and query.order_by[0].expression == single
    return "Ordered" if ordered else "Unordered"


def _columns(query: Select) -> str:
    if query.star:
        return "*"
    texts = [column.text + (f' AS "{column.alias}"' if column.alias else "") for column in query.columns]
    return ("VALUE " if query.value else "") + ", ".join(texts)


def _payload(query: Select) -> str:
    if query.star:
        return query.root or ""
    if query.value:
        return query.columns[0].text
    names = compile_select_names(query)
    pairs = [f"{json.dumps(name)}: {column.text}" for name, column in zip(names, query.columns, strict=True)]
    return "{" + ", ".join(pairs) + "}"


def _limit_clause(query: Select, program: Program) -> str:
    # Each partition may hold all of the first rows, so the client does the skipping. With DISTINCT the client also
    # drops rows, and only it can tell how many it needs.
    if query.offset is None or query.distinct:
        return ""
    return f" OFFSET 0 LIMIT {program.offset + (program.limit or 0)}"


def _ordered(query: Select, program: Program) -> str:
    top = f"TOP {program.top} " if program.top is not None and not query.distinct else ""
    items = ", ".join(f'{{"item": {order.text}}}' for order in query.order_by)
    where = f"({query.where_text}) AND " if query.where is not None else ""
    order_by = ", ".join(f"{order.text} {'DESC' if order.descending else 'ASC'}" for order in query.order_by)
    return (
        f"SELECT {top}{query.root}._rid, [{items}] AS orderByItems, {_payload(query)} AS payload {query.from_text}"
        f" WHERE {where}({FILTER_PLACE}) ORDER BY {order_by}{_limit_clause(query, program)}"
    )


def _limited(query: Select, program: Program) -> str:
    distinct = "DISTINCT " if query.distinct else ""
    where = f" WHERE {query.where_text}" if query.where is not None else ""
    return f"SELECT {distinct}{_columns(query)} {query.from_text}{where}{_limit_clause(query, program)}"


def _plan_aggregates(query: Select, info: dict[str, Any]) -> None:
    # With an aggregate there is one row, or one for each group, and nothing to order.
    info["orderBy"], info["orderByExpressions"] = [], []
    where = f" WHERE {query.where_text}" if query.where is not None else ""
    group_by = ", ".join(column.text for column in query.group_by)
    tail = f"{query.from_text}{where}" + (f" GROUP BY {group_by}" if group_by else "")
    if _is_plain_aggregate(query):
        call = query.columns[0].expression
        assert isinstance(call, Call)
        info["aggregates"] = [AGGREGATE_NAMES[call.name]]
        info["rewrittenQuery"] = f"SELECT VALUE [{_partial(call, query.columns[0].text)}] {tail}"
        return
    items = ", ".join(f'{{"item": {column.text}}}' for column in query.group_by)
    payload = []
    for name, column in zip(compile_select_names(query), query.columns, strict=True):
        calls = aggregates_in(column.expression)
        if calls and calls != [column.expression]:
            raise CosmosError(400, "Arithmetic on aggregates is not supported in a cross partition query.")
        info["groupByAliasToAggregateType"][name] = AGGREGATE_NAMES[calls[0].name] if calls else None
        payload.append((name, _partial(calls[0], column.text) if calls else column.text))
    info["groupByAliases"] = [] if query.value else [name for name, _ in payload]
    if query.value:
        kinds = list(info["groupByAliasToAggregateType"].values())
        info["aggregates"] = [kind for kind in kinds if kind]
        info["groupByAliasToAggregateType"] = {}
        shape = f"[{payload[0][1]}]" if kinds[0] else payload[0][1]
    else:
        shape = "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in payload) + "}"
    info["rewrittenQuery"] = f"SELECT [{items}] AS groupByItems, {shape} AS payload {tail}"


def _partial(call: Call, text: str) -> str:
    """One partition's contribution to an aggregate: under item, and for MIN and MAX under item2 for newer clients."""
    argument = text[text.index("(") :]
    if call.name == "AVG":
        return f'{{"item": {{"sum": SUM{argument}, "count": COUNT{argument}}}}}'
    if call.name in ("MIN", "MAX"):
        # A partition without a value contributes a count of 0 and no item, which all clients pass over.
        return f'{{"item": {text}, "item2": {{"{call.name.lower()}": {text}, "count": COUNT{argument}}}}}'
    return f'{{"item": {text}}}'

"""The query language by itself: what an expression comes to, and which texts are no queries."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cosmos.sql.parser import parse
from local.cosmos.sql.plan import plan_of
from local.cosmos.sql.run import Cursor, Program
from local.cosmos.sql.values import sort_key
from local.cosmos.wire import CosmosError, dumps

ITEM: dict[str, Any] = {
    "id": "a",
    "n": 3,
    "zero": 0,
    "none": None,
    "yes": True,
    "text": "Hello World",
    "tags": ["x", "y", "x"],
    "people": [{"name": "Ann", "age": 30}, {"name": "Bob", "age": 20}, {"name": "Cyd"}],
    "nested": {"a": {"b": 1}, "x y": 2},
    "order": 7,
}


def results(query: str, *items: Any, parameters: dict[str, Any] | None = None) -> list[Any]:
    """All rows of a query over these items, or over the one above."""
    program = Program(parse(query), parameters or {}, now=1_700_000_000)
    rows = [(n, dumps(item)) for n, item in enumerate(items or (ITEM,), 1)]
    page = program.run(lambda after: [row for row in rows if row[0] > after], None, 1000)
    return [json.loads(row) for row in page.rows]


def is_answered_or_refused(query: str) -> bool:
    """Whether the query comes to rows or to a 400; anything else is raised."""
    try:
        results(query, parameters={"@p": 1})
    except CosmosError as error:
        return error.status == 400
    return True


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("c.n + 1 * 2", 5),
        ("(c.n + 1) * 2", 8),
        ("7 / 2", 3.5),
        ("6 / 2", 3),
        ("-7 % 3", -1),
        ("-c.n", -3),
        ("5 & 3 | 8", 9),
        ("1 << 4", 16),
        ("'a' || 'b' || c.text", "abHello World"),
        ("c.missing ?? 'else'", "else"),
        ("c.none ?? 'else'", None),
        ("c.yes ? 1 : 2", 1),
        ("c.none ? 1 : 2", 2),
        ("[1, c.missing, 2]", [1, 2]),
        ("{'a': c.n, b: c.missing}", {"a": 3}),
        ('c.nested["x y"]', 2),
        ("c.people[1].name", "Bob"),
        ("c['tags'][0]", "x"),
        ("c.order", 7),
        ("c.n = 3 AND NOT c.zero = 1", True),
        ("c.none = null", True),
        ("1 = true", False),
        ("1 = 1.0", True),
        ("{a: 1, b: [true]} = {b: [true], a: 1}", True),
        ("c.n != null", True),
        ("c.text LIKE 'Hel%d'", True),
        ("c.text LIKE '_ello%'", True),
        ("c.text LIKE 'hello%'", False),
        ("c.text NOT LIKE '%z%'", True),
        ("'50%' LIKE '50!%' ESCAPE '!'", True),
        ("'cat' LIKE '[a-d]at'", True),
        ("'cat' LIKE '[^a-d]at'", False),
        ("c.n BETWEEN 1 AND 3", True),
        ("c.n NOT BETWEEN 1 AND 3", False),
        ("c.n IN (1, 2, 3)", True),
        ("'x' NOT IN ('y', 'z')", True),
        ("ARRAY_CONTAINS(c.tags, 'y')", True),
        ("ARRAY_CONTAINS(c.people, {name: 'Ann'}, true)", True),
        ("ARRAY_CONTAINS(c.people, {name: 'Ann'})", False),
        ("ARRAY_LENGTH(c.tags)", 3),
        ("ARRAY_SLICE(c.tags, -2, 1)", ["y"]),
        ("CONTAINS(c.text, 'WORLD', true)", True),
        ("STARTSWITH(c.text, 'Hello')", True),
        ("SUBSTRING(c.text, 6, 5)", "World"),
        ("INDEX_OF(c.text, 'o')", 4),
        ("LOWER(c.text)", "hello world"),
        ("TOSTRING(1.0)", "1"),
        ("STRINGTONUMBER('12.5')", 12.5),
        ("REGEXMATCH(c.text, '^hello', 'i')", True),
        ("ROUND(2.5)", 3),
        ("FLOOR(-1.5)", -2),
        ("IS_DEFINED(c.none)", True),
        ("IS_DEFINED(c.missing)", False),
        ("IS_NULL(c.none)", True),
        ("IS_INTEGER(c.n)", True),
        ("DateTimeAdd('mm', 1, '2024-01-31T00:00:00Z')", "2024-02-29T00:00:00.0000000Z"),
        ("DateTimeDiff('day', '2024-01-01T23:00:00Z', '2024-01-02T01:00:00Z')", 1),
        ("DateTimePart('yyyy', '2024-01-01')", 2024),
        ("GetCurrentTimestamp()", 1_700_000_000_000),
        ("EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = 'y')", True),
        ("ARRAY(SELECT VALUE p.name FROM p IN c.people WHERE p.age > 20)", ["Ann"]),
        ("(SELECT VALUE COUNT(1) FROM t IN c.tags WHERE t = 'x')", 2),
        ("ARRAY(SELECT DISTINCT VALUE t FROM t IN c.tags)", ["x", "y"]),
        ("'caf\\u00e9 \\'s'", "café 's"),
        ("0x1F", 31),
        ("1e3", 1000),
    ],
)
def test_expression_comes_to_its_value(expression: str, expected: Any) -> None:
    assert results(f"SELECT VALUE {expression} FROM c") == [expected]


@pytest.mark.parametrize(
    "expression",
    [
        "c.missing",
        "c.missing = 1",
        "c.missing != 1",
        "c.text < 1",
        "c.none < 1",
        "c.n + 'a'",
        "1 / 0",
        "NOT c.n",
        "c.missing AND true",
        "c.n OR false",
        "c.missing IN (1)",
        "c.n LIKE 'a'",
        "c.tags[7]",
        "c.text.x",
        "LENGTH(c.n)",
        "SQRT(-1)",
        "undefined",
        "REPLICATE('x', 1000000)",
        "StringToNumber('x')",
        "DateTimeAdd('mm', 1, 'yesterday')",
    ],
)
def test_expression_without_value_gives_no_row(expression: str) -> None:
    assert results(f"SELECT VALUE {expression} FROM c") == []


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("c.missing OR true", True),
        ("c.missing AND false", False),
        ("NOT (c.missing AND false)", True),
        ("NOT c.missing", False),
        ("c.n", False),
        ("true", True),
    ],
)
def test_where_keeps_only_what_is_true(condition: str, holds: bool) -> None:
    assert bool(results(f"SELECT * FROM c WHERE {condition}")) is holds


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT c.n, c.nested.a, c.missing FROM c", [{"n": 3, "a": {"b": 1}}]),
        ("SELECT c.n + 1, c.n AS m, c['n'], 5 FROM c", [{"$1": 4, "m": 3, "n": 3, "$2": 5}]),
        ("SELECT VALUE t FROM c JOIN t IN c.tags", ["x", "y", "x"]),
        ("SELECT c.id, p.name FROM c JOIN p IN c.people WHERE p.age > 20", [{"id": "a", "name": "Ann"}]),
        ("SELECT VALUE p.name FROM p IN c.people", ["Ann", "Bob", "Cyd"]),
        ("SELECT VALUE x.b FROM c.nested.a AS x", [1]),
        ("SELECT VALUE r.n FROM ROOT r", [3]),
        ("SELECT VALUE p.name FROM c JOIN (SELECT VALUE p FROM p IN c.people WHERE p.age < 25) AS p", ["Bob"]),
        ("SELECT TOP 2 VALUE t FROM c JOIN t IN c.tags", ["x", "y"]),
        ("SELECT VALUE t FROM c JOIN t IN c.tags OFFSET 1 LIMIT 1", ["y"]),
        ("SELECT DISTINCT VALUE t FROM c JOIN t IN c.tags", ["x", "y"]),
        ("SELECT VALUE t FROM c JOIN t IN c.tags ORDER BY t DESC", ["y", "x", "x"]),
        ("SELECT t, COUNT(1) AS n FROM c JOIN t IN c.tags GROUP BY t", [{"t": "x", "n": 2}, {"t": "y", "n": 1}]),
        ("SELECT VALUE COUNT(p.age) FROM p IN c.people", [2]),
        ("SELECT SUM(p.age) AS s, AVG(p.age) AS a FROM p IN c.people", [{"s": 50, "a": 25}]),
        ("SELECT VALUE MIN(p.name) FROM p IN c.people", ["Ann"]),
        ("SELECT VALUE SUM(p.name) FROM p IN c.people", []),
        ("SELECT VALUE COUNT(1) FROM c WHERE false", [0]),
        ("SELECT VALUE MAX(c.n) FROM c WHERE false", []),
        ("SELECT VALUE COUNT(1) FROM (SELECT DISTINCT t FROM c JOIN t IN c.tags) AS x", [2]),
        ("SELECT VALUE {n: c.n, 't': [c.text]} FROM c", [{"n": 3, "t": ["Hello World"]}]),
        ("SELECT 1 AS one -- a comment\n FROM c", [{"one": 1}]),
        ("select value c.n from c where c.n = 3 order by c.n asc", [3]),
    ],
)  # fmt: skip
def test_query_gives_its_rows(query: str, expected: list[Any]) -> None:
    assert results(query) == expected


@pytest.mark.parametrize("name", ["MIN", "MAX"])
def test_partition_without_a_value_contributes_no_extreme_but_a_count(name: str) -> None:
    plan = plan_of(parse(f"SELECT VALUE {name}(c.n) FROM c WHERE c.n > 9"), {}, None)

    assert results(plan["queryInfo"]["rewrittenQuery"]) == [[{"item2": {"count": 0}}]]


def test_parameters_stand_for_values_everywhere() -> None:
    found = results(
        "SELECT TOP @top VALUE c.n FROM c WHERE c.n IN (@a, @b) AND ARRAY_CONTAINS(@list, c.n) ORDER BY c.n",
        *({"n": n} for n in range(5)),
        parameters={"@top": 1, "@a": 2, "@b": 3, "@list": [1, 2, 3]},
    )

    assert found == [2]


def test_a_choice_of_many_pairs_is_what_comparing_them_one_by_one_would_be() -> None:
    items: list[Any] = [{"id": f"i{n}", "pk": f"p{n}"} for n in range(30)]
    items += [{"id": "i1"}, {"id": "i1", "pk": 1}, {"id": "i1", "pk": "p2"}, {"pk": "p1"}]
    pairs = [f"(c.id = 'i{n}' AND c.pk = @p{n})" for n in range(0, 20, 2)]
    parameters = {f"@p{n}": f"p{n}" for n in range(20)}

    def numbers(condition: str) -> list[Any]:
        return results(f"SELECT VALUE c.id FROM c WHERE {condition}", *items, parameters=parameters)

    # Something that is no equality makes it an ordinary OR.
    for condition in (" OR ".join(pairs), f"NOT ({' OR '.join(pairs)})"):
        assert numbers(condition) == numbers(condition.replace(" OR ", " OR false OR "))
    assert numbers(" OR ".join(pairs)) == [f"i{n}" for n in range(0, 20, 2)]


def test_order_of_types_is_the_services() -> None:
    values: list[Any] = [{"a": 1}, [1], "s", 2, True, False, None]
    items = [{"v": value} for value in values] + [{}]

    ascending = results("SELECT c.v FROM c ORDER BY c.v", *items)

    assert ascending == [{}, {"v": None}, {"v": False}, {"v": True}, {"v": 2}, {"v": "s"}, {"v": [1]}, {"v": {"a": 1}}]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "SC1001"),
        ("SELECT", "SC1001"),
        ("SELECT * FROM c WHERE", "SC1001"),
        ("SELECT * FROM c WHERE c.n = ", "SC1001"),
        ("SELECT * FROM c WHERE c.n == 1", "SC1001"),
        ("SELECT * FROM c ORDER c.n", "SC1001"),
        ("SELECT 'open FROM c", "SC1001"),
        ("SELECT * FROM c; DROP", "SC1001"),
        ("SELECT VALUE d.n FROM c", "SC2001"),
        ("SELECT VALUE NOSUCH(c.n) FROM c", "SC2005"),
        ("SELECT VALUE LOWER() FROM c", "SC2050"),
        ("SELECT * FROM c WHERE COUNT(1) = 1", "SC2102"),
        ("SELECT c.n, COUNT(1) AS k FROM c GROUP BY c.text", "SC2103"),
        ("SELECT * FROM c JOIN t IN c.tags", "SC2040"),
        ("SELECT VALUE @p FROM c", "SC2090"),
    ],
)
def test_what_is_no_query_is_refused_with_its_code(query: str, code: str) -> None:
    with pytest.raises(CosmosError) as refused:
        results(query)

    assert refused.value.status == 400
    assert refused.value.errors is not None
    assert refused.value.errors[0]["code"] == code


QUERY_PARTS = """
    SELECT VALUE * FROM c WHERE c.n = 1 AND OR NOT ( ) [ ] { } , . ? : ?? || 'x' "y" @p IN BETWEEN LIKE ORDER BY GROUP
    JOIN t IN c.tags TOP 3 OFFSET 0 LIMIT 1 COUNT ( 1 ) EXISTS ARRAY DISTINCT AS a null undefined -1 1e999 ~
"""
WORDS = st.sampled_from(QUERY_PARTS.split())


@settings(deadline=None)
@given(st.lists(WORDS, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_is_answered_or_refused(text: str) -> None:
    assert is_answered_or_refused(text)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT VALUE " + "(" * 5000 + "1" + ")" * 5000,
        "SELECT VALUE " + "-" * 5000 + "1",
        "SELECT VALUE " + "NOT " * 5000 + "true",
        "SELECT VALUE " + "[" * 5000 + "]" * 5000,
        "SELECT VALUE 1" + " + 1" * 5000 + " FROM c",
        "SELECT VALUE c" + ".a" * 5000 + " FROM c",
        "SELECT * FROM c WHERE " + "(SELECT VALUE " * 500,
        "SELECT VALUE 1 " + "?? 1 " * 5000,
    ],
)
def test_absurdly_deep_query_is_answered_or_refused(query: str) -> None:
    assert is_answered_or_refused(query)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional={"v": JSON}), max_size=12), st.integers(1, 4), st.booleans())
def test_pages_joined_are_the_whole_result(items: list[Any], size: int, descending: bool) -> None:
    query = f"SELECT c.v FROM c ORDER BY c.v {'DESC' if descending else 'ASC'}"
    rows = [(n, dumps(item)) for n, item in enumerate(items, 1)]
    program = Program(parse(query), {}, now=0)
    found: list[Any] = []
    cursor: Cursor | None = None
    while True:
        page = program.run(lambda after: [row for row in rows if row[0] > after], cursor, size)
        found += [json.loads(row) for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break

    assert found == results(query, *items) if items else found == []
    assert len(found) == len(items)
    assert all(len(keys) == 2 for keys in map(sort_key, found))

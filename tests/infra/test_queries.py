"""Every query is served by an index, and every use of a container by the role that the app has there.

The emulators sort without a composite index and never ask for a role; Azure refuses both.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
import re

import pytest

from tests.infra.queries import Query, queries, queries_of, store_calls
from tests.infra.reading import INFRA, texts

CONTAINERS = {each["id"]: each for each in json.loads((INFRA / "cosmos-containers.json").read_text("utf-8"))}
QUERIES = queries()

NEEDS = {
    "read": {"items/read"},
    "time": {"items/read"},
    "query": {"executeQuery"},
    "page": {"executeQuery"},
    "changes": {"readChangeFeed"},
    "create": {"items/create"},
    "replace": {"items/replace"},
    "delete": {"items/delete"},
    "commit": {"items/create", "items/replace"},
}


def lacking(query: Query) -> list[str]:
    """What the container's policy does not offer to a query."""
    policy = CONTAINERS[query.container]["indexingPolicy"]
    included = [each["path"].removesuffix("/?") for each in policy["includedPaths"]]
    asked = query.conditions | {path for path, _ in query.order}
    missing = [path for path in sorted(asked) if not any(fnmatch.fnmatch(each, path) for each in included)]
    if len(query.order) > 1:
        composites = [[(p["path"], p.get("order", "ascending")) for p in c] for c in policy.get("compositeIndexes", [])]
        for order in meant(query.order, included):
            reverse = [(path, "descending" if way == "ascending" else "ascending") for path, way in order]
            if order not in composites and reverse not in composites:
                missing.append(f"composite {order}")
    return missing


def meant(order: list[tuple[str, str]], included: list[str]) -> list[list[tuple[str, str]]]:
    """Every order that a text with a star may become: each included path that fits it."""
    choices = [
        [(each, way) for each in included if fnmatch.fnmatch(each, path)] or [(path, way)] for path, way in order
    ]
    return [list(chosen) for chosen in itertools.product(*choices)]


def test_the_queries_are_found() -> None:
    assert len(QUERIES) >= 10
    assert all(query.text.startswith("SELECT") for query in QUERIES), QUERIES


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_every_query_is_served_by_an_index(query: Query) -> None:
    assert lacking(query) == []


def test_every_query_is_bounded_or_within_one_case_or_a_block_of_them() -> None:
    unbounded = [query for query in QUERIES if "TOP" not in query.text]
    within_one_case = tuple(f"shared/use_cases/{name}.py" for name in ("privacy", "export", "documents"))
    # The ids that are listed are filled in.
    of_a_block = ("c.case_id IN ()", "c.case_id > @after AND c.case_id <= @end")
    assert all(
        query.where.startswith(within_one_case)
        or (query.where.startswith("shared/audit/dossiers.py") and query.text.endswith(of_a_block))
        for query in unbounded
    ), unbounded


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("SELECT * FROM c WHERE c.kind = 'case' AND c.email = @x", ["/email"]),
        ("SELECT * FROM c WHERE c.kind = 'case' ORDER BY c.birthday", ["/birthday"]),
        ("SELECT * FROM c ORDER BY c.case_id, c.agenda.queue_at", ["composite"]),
        ("SELECT * FROM c ORDER BY c.agenda.queue_at, c.case_id DESC", ["composite"]),
        ("SELECT * FROM c ORDER BY c.agenda.queue_at DESC, c.case_id DESC", []),
    ],
)
def test_a_query_without_an_index_is_found(text: str, missing: list[str]) -> None:
    source = f'async def ask(store):\n    return await store.query("cases", "{text}", {{}})\n'
    (query,) = queries_of("here", source)
    found = lacking(query)
    assert len(found) == len(missing)
    assert all(one.startswith(other) for one, other in zip(found, missing, strict=True))


def permitted(container: str, text: str) -> str:
    append_only = re.findall(r"'(\w+)'", text.split("var appendOnly = ")[1].split("\n")[0])
    role = "appender" if container in append_only else "writer"
    block = text.split(f"resource {role} '")[1].split("\n}")[0]
    return block + text.split("var readActions")[1].split("\n]")[0]


def not_permitted(act: str, container: str, text: str) -> list[str]:
    """What a call of the store needs and the app may not do in that container."""
    return [action for action in sorted(NEEDS[act]) if f"/{action}'" not in permitted(container, text)]


@pytest.mark.parametrize(("where", "act", "container"), list(store_calls()))
def test_the_app_may_do_what_it_does(where: str, act: str, container: str) -> None:
    assert container in CONTAINERS, where
    assert not_permitted(act, container, texts()["modules/cosmos.bicep"]) == [], where


@pytest.mark.parametrize("action", sorted(set().union(*NEEDS.values())))
def test_a_right_that_is_missing_is_found(action: str) -> None:
    text = texts()["modules/cosmos.bicep"]
    faulty = text.replace(f"/{action}'", "/nothing'")

    assert faulty != text
    assert any(not_permitted(act, container, faulty) for _, act, container in store_calls())


def test_audits_and_reads_can_be_added_to_only() -> None:
    for container in ("audits", "reads"):
        may = permitted(container, texts()["modules/cosmos.bicep"])
        assert "items/create" in may
        assert "items/replace" not in may
        assert "items/delete" not in may


def test_every_container_has_a_key_and_excludes_what_it_does_not_name() -> None:
    for container in CONTAINERS.values():
        assert container["partitionKey"].startswith("/")
        assert {"path": "/*"} in container["indexingPolicy"]["excludedPaths"]

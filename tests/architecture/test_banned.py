"""What no file of the product may do, read from its tree: own clocks, unguarded writes, lenient reading, and more."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, product, tree

Finder = Callable[[ast.Module], Iterator[int]]


def _called(node: ast.Call) -> str:
    """The dotted name of what is called, as far as it has one."""
    parts: list[str] = []
    target: ast.expr = node.func
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    parts.append(target.id if isinstance(target, ast.Name) else "?")
    return ".".join(reversed(parts))


def calls(module: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the name of what it calls."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield node, _called(node)


def reads_a_clock(module: ast.Module) -> Iterator[int]:
    for node, name in calls(module):
        owner, _, method = name.rpartition(".")
        last = owner.rpartition(".")[2]
        if method in ("now", "utcnow", "today") and last in ("datetime", "date", "dt"):
            yield node.lineno
        if method in ("time", "time_ns", "gmtime", "localtime") and last == "time":
            yield node.lineno


UNGUARDED = (
    "upsert_item", "upsert", "incr", "increment", "patch_item", "delete_all_items_by_partition_key", "delete_container",
    "delete_database", "replace_item", "create_item",
)  # fmt: skip


def writes_unguarded(module: ast.Module) -> Iterator[int]:
    for node, name in calls(module):
        method = name.rpartition(".")[2]
        keywords = {each.arg for each in node.keywords}
        if method in UNGUARDED:
            yield node.lineno
        if method == "delete_item" and not {"etag", "match_condition"} <= keywords:
            yield node.lineno
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and node.value in ("upsert", "incr"):
            yield node.lineno
        if isinstance(node, ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant):
            if node.elts[0].value == "delete":
                yield node.lineno


def reads_leniently(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in ("get_json", "form", "files"):
            owner = node.value
            if node.attr == "get_json" or (isinstance(owner, ast.Name) and owner.id in ("req", "request")):
                yield node.lineno


def runs_what_it_reads(module: ast.Module) -> Iterator[int]:
    for node, name in calls(module):
        if name in ("eval", "exec", "compile", "__import__", "os.system"):
            yield node.lineno
    for node in ast.walk(module):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if set(names) & {"pickle", "marshal", "shelve", "dill", "yaml"}:
            yield node.lineno


def prints(module: ast.Module) -> Iterator[int]:
    for node, name in calls(module):
        if name in ("print", "pprint.pprint", "breakpoint", "input"):
            yield node.lineno


def knows_a_status(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and type(node.value) is int and 400 <= node.value <= 599:
            yield node.lineno


def reads_the_platforms_identity(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node.value.lower().startswith("x-ms-") and " " not in node.value:
            yield node.lineno


BANNED: dict[str, tuple[Finder, dict[str, int]]] = {
    "reads a clock of its own": (reads_a_clock, {"shared/bootstrap.py": 1}),
    "writes without a guard": (writes_unguarded, {}),
    # An event of Event Grid, which the host has read already; what is in it is checked like any other input.
    "reads a request leniently": (reads_leniently, {"functions/webhooks.py": 1}),
    "runs what it reads": (runs_what_it_reads, {}),
    "prints": (prints, {"shared/policy/__main__.py": 1}),
    "reads the platform's identity headers": (
        # Cosmos DB's own answer headers, not a request's.
        reads_the_platforms_identity, {"shared/adapters/cosmos.py": 2},
    ),
    "knows a status code": (
        knows_a_status,
        {
            "shared/domain/calendar.py": 1,  # leap years
            "shared/settings.py": 2,  # the port of mail, and items in one run of a timer
            "shared/partners/events.py": 1,  # applications in one week
            "functions/job_search.py": 1,  # the same
        },
    ),
}  # fmt: skip
"""What is banned -> how it is found, and how often which file may after all."""

STATUS_CODES_LIVE_IN = ("functions/http.py", "shared/adapters/")


def found_in_product(what: str) -> dict[str, list[int]]:
    """File -> lines on which it is done."""
    finder, _ = BANNED[what]
    found = {}
    for path in product():
        file = path.relative_to(ROOT).as_posix()
        if what == "knows a status code" and file.startswith(STATUS_CODES_LIVE_IN):
            continue
        if lines := sorted(finder(tree(path))):
            found[file] = lines
    return found


@pytest.mark.parametrize("what", sorted(BANNED))
def test_no_file_of_the_product(what: str) -> None:
    allowed = BANNED[what][1]

    found = found_in_product(what)

    assert {file: lines for file, lines in found.items() if len(lines) > allowed.get(file, 0)} == {}
    assert {file for file, times in allowed.items() if len(found.get(file, [])) < times} == set(), "no longer needed"


def test_the_one_clock_is_the_one_at_the_edge() -> None:
    module = tree(ROOT / "shared" / "bootstrap.py")

    clock = next(
        node for node in module.body if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "clock"
    )

    assert list(reads_a_clock(module)) == [clock.lineno]


@pytest.mark.parametrize(
    ("what", "source"),
    [
        ("reads a clock of its own", "datetime.now(UTC)"),
        ("reads a clock of its own", "datetime.datetime.utcnow()"),
        ("reads a clock of its own", "date.today()"),
        ("reads a clock of its own", "time.time()"),
        ("writes without a guard", "container.upsert_item(item)"),
        ("writes without a guard", "container.delete_item(item_id, key)"),
        ("writes without a guard", "operations.append(('delete', (item_id,)))"),
        ("writes without a guard", "x = {'op': 'incr', 'path': '/n'}"),
        ("reads a request leniently", "req.get_json()"),
        ("reads a request leniently", "req.form['a']"),
        ("reads a request leniently", "x = req.files"),
        ("runs what it reads", "eval(text)"),
        ("runs what it reads", "import pickle"),
        ("runs what it reads", "from pickle import loads"),
        ("prints", "print(1)"),
        ("knows a status code", "x = 404 if y else 200"),
        ("reads the platform's identity headers", "req.headers.get('X-MS-CLIENT-PRINCIPAL')"),
    ],
)
def test_each_ban_sees_what_it_bans(what: str, source: str) -> None:
    assert list(BANNED[what][0](ast.parse(source)))


def test_success_codes_are_numbers_of_the_edge_too() -> None:
    stray = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
        for path in product()
        if "functions" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.keyword) and node.arg == "status_code"
    ]

    assert stray == []


def test_every_file_says_in_one_sentence_what_it_is_for() -> None:
    without = [path for path in product() if path.stat().st_size and not ast.get_docstring(tree(path))]

    assert [path.relative_to(ROOT).as_posix() for path in without] == []


def test_only_packages_of_the_grid_hold_code() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in product()}

    assert folders == {
        ".", "functions", "shared", "shared/adapters", "shared/audit", "shared/domain", "shared/presentation",
        "shared/partners", "shared/policy", "shared/reports", "shared/use_cases",
    }  # fmt: skip
    assert not [path for path in product() if Path(path).name in ("utils.py", "helpers.py", "common.py")]

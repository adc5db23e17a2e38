"""Every query of the code, found in its source: which container it asks, by what it filters and how it sorts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASKING = ("query", "page")
"""The store's methods that take the text of a query."""


@dataclass(frozen=True)
class Query:
    """One query. Where the code fills something in, the text has a star."""

    where: str
    container: str
    text: str

    @property
    def conditions(self) -> set[str]:
        """The paths that it filters by."""
        body = re.split(r"\bWHERE\b", self.text, maxsplit=1)
        return _paths(body[1].split("ORDER BY")[0]) if len(body) > 1 else set()

    @property
    def order(self) -> list[tuple[str, str]]:
        """The paths that it sorts by, each with its direction."""
        said = self.text.split("ORDER BY")
        if len(said) < 2:
            return []
        parts = [part.split() for part in said[1].split(",")]
        return [
            (path, "descending" if part[-1] == "DESC" else "ascending") for part in parts for path in _paths(part[0])
        ]


def _paths(text: str) -> set[str]:
    return {"/" + name.replace(".", "/") for name in re.findall(r"\bc\.([\w.*]+)", text)}


def queries() -> list[Query]:
    """Every query that shared/ and functions/ put to the store."""
    return [
        query
        for folder in ("shared", "functions")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for query in queries_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]


def queries_of(where: str, source: str) -> Iterator[Query]:
    """The queries in one file."""
    tree = ast.parse(source)
    constants = _constants(tree)
    for function in ast.walk(tree):
        if isinstance(function, ast.AsyncFunctionDef):
            local = constants | _constants(function)
            loose = " AND ".join(_conditions(function, local))
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ASKING:
                    text = _text(call.args[1], local).replace(" AND .join", loose)
                    yield Query(f"{where}:{call.lineno}", _text(call.args[0], local), text)


def store_calls() -> Iterator[tuple[str, str, str]]:
    """Where, what (read, create, ...) and on which container: every use of the store outside its adapter."""
    for folder in ("shared/use_cases", "shared/partners", "shared/reports", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _calls(path)


def _calls(path: Path) -> Iterator[tuple[str, str, str]]:
    tree = ast.parse(path.read_text("utf-8"))
    constants = _constants(tree)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _is_store(call.func.value):
            where = f"{path.relative_to(ROOT).as_posix()}:{call.lineno}"
            yield where, call.func.attr, _text(call.args[0], constants)


def _is_store(value: ast.expr) -> bool:
    return ast.unparse(value).split(".")[-1] == "store"


def _constants(tree: ast.AST) -> dict[str, str]:
    found: dict[str, str] = {"CASES": "cases", "REPORTS": "reports"}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            text = _text(node.value, found)
            if text != "*":
                found[node.targets[0].id] = text
    return found


def _conditions(function: ast.AST, local: dict[str, str]) -> Iterator[str]:
    """Conditions that a function gathers in a list and joins with AND."""
    for node in ast.walk(function):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            text = _text(node, local)
            if re.match(r"\(?c\.[\w*.]+ (=|>|<|IN)", text):
                yield text


def _text(node: ast.expr, constants: dict[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return constants.get(node.id, "*")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, constants)
    if isinstance(node, ast.BinOp):
        return _text(node.left, constants) + _text(node.right, constants)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
        return " AND .join"
    return "*"

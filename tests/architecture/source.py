"""The product's source as trees, and what each file imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("shared", "functions", "local")


@cache
def tree(path: Path) -> ast.Module:
    """A file as a tree."""
    return ast.parse(path.read_text("utf-8"), str(path))


def product() -> list[Path]:
    """Every file of the product."""
    return [
        *sorted((ROOT / "shared").rglob("*.py")),
        *sorted((ROOT / "functions").rglob("*.py")),
        ROOT / "function_app.py",
    ]


@dataclass(frozen=True)
class Import:
    """One module that a file brings in: where, whether only for type checking, whether only inside a function."""

    file: str
    line: int
    module: str
    typing_only: bool = False
    in_function: bool = False

    @property
    def is_of_the_standard_library(self) -> bool:
        """Whether Python itself brings it."""
        return self.module.split(".")[0] in sys.stdlib_module_names


def imports(path: Path, module: ast.Module | None = None) -> list[Import]:
    """Everything that a file imports. `from package import name` counts as `package.name` within our packages."""
    return list(_imports(module or tree(path), path.relative_to(ROOT).as_posix()))


def _imports(node: ast.AST, file: str, typing_only: bool = False, in_function: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(file, child.lineno, alias.name, typing_only, in_function)
        elif isinstance(child, ast.ImportFrom):
            base = "." * child.level + (child.module or "")
            for alias in child.names:
                yield Import(file, child.lineno, _full(base, alias.name), typing_only, in_function)
        elif isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for part in child.body:
                yield from _imports(ast.Module([part], []), file, True, in_function)
            for part in child.orelse:
                yield from _imports(ast.Module([part], []), file, typing_only, in_function)
        else:
            inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports(child, file, typing_only, inside)


def _full(base: str, name: str) -> str:
    path = ROOT.joinpath(*base.split("."), f"{name}.py")
    return (
        f"{base}.{name}"
        if base.split(".")[0] in PACKAGES and (path.exists() or path.with_suffix("").is_dir())
        else base
    )

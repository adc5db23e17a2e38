"""The directions of import, as a table: inwards only, and the outside stays where it is built."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, Import, imports, product

PURE = ("pydantic", "pydantic_core")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "shared/domain": (*PURE, "shared.domain"),
    "shared/policy": (*PURE, "shared.policy", "shared.domain.calendar", "shared.domain.money"),
    "shared/use_cases": (
        "pydantic", "cryptography", "shared.domain", "shared.policy", "shared.adapters", "shared.use_cases",
        "shared.settings", "shared.telemetry",
    ),
    "shared/partners": (
        "pydantic", "shared.domain", "shared.adapters", "shared.use_cases", "shared.partners", "shared.settings",
        "shared.telemetry",
    ),
    "shared/audit": (
        "shared.domain", "shared.policy", "shared.adapters", "shared.use_cases", "shared.presentation", "shared.audit",
    ),
    "shared/reports": ("shared.domain", "shared.policy", "shared.adapters", "shared.use_cases", "shared.reports"),
    "shared/presentation": ("shared.presentation", "shared.domain.spreadsheet"),
    "shared/adapters": ("shared.domain", "shared.settings", "shared.adapters", "shared.telemetry"),
    "shared/settings.py": (),
    "shared/telemetry.py": (),
    "shared/bootstrap.py": ("shared.domain", "shared.policy", "shared.settings", "shared.adapters"),
    "functions": (
        *PURE, "azure.functions", "functions", "shared.use_cases", "shared.partners", "shared.audit",
        "shared.reports", "shared.presentation", "shared.bootstrap", "shared.domain", "shared.telemetry",
    ),
    "function_app.py": ("azure.functions", "functions", "shared.bootstrap"),
}  # fmt: skip
"""Layer -> what it may import besides the standard library. A file has a row of its own or its folder's."""

ONE_FILE_MAY: dict[str, tuple[str, ...]] = {
    "functions/webhooks.py": ("shared.adapters.defender", "shared.adapters.webhooks"),
}
"""What one file may besides, at its head: the signature is checked over raw bytes, where they arrive; so is whether
an event of Azure's is about a file of ours."""

INSIDE_A_FUNCTION: dict[str, tuple[str, ...]] = {
    "shared/domain/wire.py": ("email_validator", "phonenumbers"),
    "shared/adapters/blobs.py": ("azure.core", "azure.storage"),
    "shared/adapters/cosmos.py": ("azure.core", "azure.cosmos"),
    "shared/adapters/documents.py": ("PIL", "pikepdf"),
    "shared/adapters/entra.py": ("aiohttp", "jwt"),
    "shared/adapters/outbound.py": ("aiohttp",),
    "shared/bootstrap.py": ("aiohttp", "azure.cosmos", "azure.identity", "azure.storage"),
    "shared/telemetry.py": ("opentelemetry",),
    "functions/bodies.py": ("multipart",),
}
"""What is imported only where it is used. `wire.py`: whether an address or a number can exist is asked of two
libraries that hold nothing but tables; they are the one exception to the purity of the domain."""

FOR_TYPES_ONLY: dict[str, tuple[str, ...]] = {
    "shared/use_cases": ("shared.bootstrap",),
    "shared/partners": ("shared.bootstrap",),
    "shared/audit": ("shared.bootstrap",),
    "shared/reports": ("shared.bootstrap",),
    "shared/adapters": ("azure.cosmos", "azure.storage", "aiohttp", "PIL"),
    "shared/telemetry.py": ("opentelemetry",),
    "functions": ("shared.bootstrap",),
}

INSIDE_ONLY = ("cryptography",)
"""Costly at import: where a layer may use it, it does so inside a function."""

PURE_LAYERS = ("shared/domain", "shared/policy")
OUTSIDE = (
    "asyncio", "socket", "ssl", "http", "urllib.request", "smtplib", "subprocess", "threading", "sqlite3", "random",
    "secrets", "time", "os",
)  # fmt: skip
"""Standard library, yet neither pure nor repeatable: no place in domain and policy."""


def layer_of(file: str) -> str:
    """The row of the table that a file falls under."""
    return file if file in MAY_IMPORT else file.rpartition("/")[0]


def is_under(module: str, allowed: tuple[str, ...]) -> bool:
    """Whether the module is one of these or inside one."""
    return any(module == each or module.startswith(f"{each}.") for each in allowed)


def may(each: Import) -> bool:
    """Whether the tables allow this import."""
    layer = layer_of(each.file)
    if each.is_of_the_standard_library:
        return True
    if each.typing_only and is_under(each.module, FOR_TYPES_ONLY.get(layer, ())):
        return True
    if each.in_function and is_under(each.module, INSIDE_A_FUNCTION.get(each.file, ())):
        return True
    if is_under(each.module, INSIDE_ONLY) and not each.in_function:
        return False
    return is_under(each.module, (*MAY_IMPORT[layer], *ONE_FILE_MAY.get(each.file, ())))


@pytest.mark.parametrize("path", product(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    forbidden = [f"{each.file}:{each.line} imports {each.module}" for each in imports(path) if not may(each)]

    assert forbidden == []


def test_every_file_of_the_product_has_a_row() -> None:
    layers = {layer_of(path.relative_to(ROOT).as_posix()) for path in product() if path.name != "__init__.py"}

    assert layers == set(MAY_IMPORT)


def test_every_exception_of_the_tables_is_still_needed() -> None:
    found = [each for path in product() for each in imports(path)]

    for table, needed in ((ONE_FILE_MAY, lambda each: True), (INSIDE_A_FUNCTION, lambda each: each.in_function)):
        for file, modules in table.items():
            for module in modules:
                assert any(each.file == file and is_under(each.module, (module,)) and needed(each) for each in found), (
                    f"{file} no longer imports {module}"
                )
    for layer, modules in FOR_TYPES_ONLY.items():
        for module in modules:
            assert any(
                layer_of(each.file) == layer and each.typing_only and is_under(each.module, (module,)) for each in found
            ), f"{layer} no longer imports {module} for types"


@pytest.mark.parametrize("layer", PURE_LAYERS)
def test_domain_and_policy_touch_nothing_outside(layer: str) -> None:
    files = [path for path in product() if layer_of(path.relative_to(ROOT).as_posix()) == layer]
    found = [each for path in files if path.name != "__main__.py" for each in imports(path)]  # A command writes.

    assert [f"{each.file}:{each.line} {each.module}" for each in found if is_under(each.module, OUTSIDE)] == []


def test_nothing_of_the_product_imports_the_local_stack_or_the_tests() -> None:
    found = [each for path in product() for each in imports(path)]

    assert [each for each in found if each.module.split(".")[0] in ("local", "tests", "tools")] == []


def test_no_import_is_relative_or_of_everything() -> None:
    for path in product():
        for each in imports(path):
            assert not each.module.startswith("."), each
        assert not [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        ]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("shared/domain/case.py", "import azure.cosmos"),
        ("shared/domain/case.py", "from shared.policy import terms"),
        ("shared/domain/case.py", "def f():\n    import email_validator"),
        ("shared/domain/wire.py", "import email_validator"),
        ("shared/policy/refund.py", "from shared import adapters"),
        ("shared/policy/refund.py", "from shared.domain.case import Case"),
        ("shared/use_cases/refunds.py", "from shared import bootstrap"),
        ("shared/use_cases/refunds.py", "import azure.functions"),
        ("shared/use_cases/refunds.py", "from functions import http"),
        ("shared/adapters/cosmos.py", "import azure.cosmos"),
        ("shared/adapters/cosmos.py", "from shared.use_cases import refunds"),
        ("functions/refunds.py", "from shared.adapters.webhooks import verify"),
        ("functions/refunds.py", "from shared.adapters.cosmos import Store"),
        ("functions/refunds.py", "from local.clock import Clock"),
        ("function_app.py", "from shared.use_cases import refunds"),
    ],
)
def test_an_import_in_a_wrong_direction_is_seen(file: str, source: str) -> None:
    found = imports(ROOT / file, ast.parse(source))

    assert found
    assert not any(may(each) for each in found)

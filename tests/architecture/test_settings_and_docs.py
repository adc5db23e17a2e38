"""Settings have an example, timers a switch, and the generated pages say what the tables say."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest

from functions.timers import TIMERS
from shared.settings import BadSettings, load_settings
from tests.architecture.conftest import settings_of_nowhere
from tests.architecture.source import ROOT, product, tree

EXAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]
OF_THE_HOST = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"}
READERS = {"text", "optional", "number", "listed", "networks", "secret", "partners"}


def settings_read() -> set[str]:
    """Every name that `shared/settings.py` asks its reader for."""
    return {
        node.args[0].value
        for node in ast.walk(tree(ROOT / "shared" / "settings.py"))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READERS
        and getattr(node.func.value, "id", "") == "reader"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def other_settings() -> set[str]:
    """Names of settings that only a comparison reads: text in capitals given to the reader some other way."""
    text = (ROOT / "shared" / "settings.py").read_text("utf-8")
    return set(re.findall(r'\("([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', text))


def test_every_setting_is_in_the_example_and_the_example_has_no_other() -> None:
    schedules = {timer.schedule.strip("%") for timer in TIMERS}

    assert set(EXAMPLE) == settings_read() | other_settings() | schedules | OF_THE_HOST


def test_the_example_holds_no_secret() -> None:
    assert {name: value for name, value in EXAMPLE.items() if name.endswith("_KEY")} == {
        "COSMOS_KEY": "", "BLOB_ACCOUNT_KEY": "", "AUDIT_ACCOUNT_KEY": "", "ADDRESS_KEY": "", "PAYEE_KEY": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["COSMOS_ENDPOINT", "BLOB_ACCOUNT_URL", "AUDIT_ACCOUNT_URL", "SMTP_HOST", "TENANT_ID", "ADDRESS_KEY"]
)
def test_a_setting_that_is_needed_and_missing_is_named(name: str) -> None:
    stated = {key: value for key, value in settings_of_nowhere().items() if key != name}

    with pytest.raises(BadSettings, match=f"{name} is not set"):
        load_settings(stated)


def test_nothing_but_the_settings_reads_the_environment() -> None:
    reading = [
        path.relative_to(ROOT).as_posix()
        for path in product()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and getattr(node.value, "id", "") == "os"
    ]

    assert set(reading) - {"shared/policy/__main__.py"} == {"shared/bootstrap.py"}


def test_nothing_of_the_product_asks_whether_it_runs_locally() -> None:
    for path in product():
        assert not re.search(r"127\.0\.0\.1|localhost|is_local|AZURE_FUNCTIONS_ENVIRONMENT", path.read_text("utf-8")), (
            path
        )


def test_the_page_of_life_cycles_is_current() -> None:
    printed = subprocess.run(
        [sys.executable, "tools/lifecycle_page.py"], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60,
        env={"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    assert printed.returncode == 0, printed.stderr
    page = (ROOT / "docs" / "lifecycle.md").read_text("utf-8")
    assert page == printed.stdout, "run: python tools/lifecycle_page.py --write"


@pytest.mark.parametrize("name", ["data", "audit"])
def test_the_page_that_is_made_of_a_table_is_current(name: str) -> None:
    printed = subprocess.run(
        [sys.executable, f"tools/{name}_page.py"], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60,
        env={"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    assert printed.returncode == 0, printed.stderr
    page = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    assert page == printed.stdout, f"run: python tools/{name}_page.py --write"


def test_every_timer_has_a_limit_of_silence_in_every_programme() -> None:
    from functions.timers import TIMERS
    from shared import bootstrap

    for programme in bootstrap.programmes()[0].values():
        assert set(programme.sweep_hours) == {timer.name for timer in TIMERS}, programme.id


def test_make_docs_writes_every_generated_page() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    assert "shared.policy handbook --write" in makefile
    assert "tools/lifecycle_page.py --write" in makefile

"""What is deployed: all that the app needs, nothing else, and as many functions as the smoke test expects."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

from functions.access import ACCESS
from functions.timers import TIMERS
from tests.infra.reading import INFRA, ROOT

NEEDED = {"function_app.py", "functions", "host.json", "programmes", "requirements.txt", "shared"}


def _package_module():  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location("pledge_package", INFRA / "package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_package_holds_what_the_app_needs_and_nothing_else() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    at_top = {line.split("/")[0] for line in tracked.splitlines()} or {path.name for path in ROOT.iterdir()}
    deployed = {path.name for path in _package_module().packaged()}
    assert deployed & (at_top | NEEDED) == NEEDED


def test_bytecode_is_not_left_out() -> None:
    patterns = [line for line in (ROOT / ".funcignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert not [pattern for pattern in patterns if "pyc" in pattern or "python_packages" in pattern]
    assert all(pattern.startswith("/") for pattern in patterns if pattern), "A name below the top could be a package's."


def test_the_smoke_test_expects_the_functions_that_there_are() -> None:
    of_event_grid = 1
    assert _package_module().count_functions() == len(ACCESS) + len(TIMERS) + of_event_grid


def test_scripts_can_be_run() -> None:
    for name in ("check.sh", "smoke.sh"):
        assert Path(INFRA / name).stat().st_mode & 0o111

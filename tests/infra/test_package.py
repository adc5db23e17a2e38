"""What is deployed: all that the app needs, nothing else, and as many functions as the smoke test expects."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest

from functions.access import ACCESS
from functions.timers import TIMERS
from shared import bootstrap
from tests.infra.reading import INFRA, ROOT

NEEDED = {"function_app.py", "functions", "host.json", "programmes", "requirements.txt", "shared", "version.txt"}


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


def test_everything_that_is_deployed_is_named_by_version_and_hash() -> None:
    """Red after a change of requirements.txt: python3.13 tools/lock.py writes the file anew."""
    locked = [line.split() for line in (INFRA / "deployed.lock").read_text("utf-8").splitlines()[1:]]
    stated = re.findall(r"^([\w.-]+)==([^;\s]+)(?:; (.*))?$", (ROOT / "requirements.txt").read_text("utf-8"), re.M)
    wanted = {f"{name.lower()}=={version}" for name, version, marker in stated if "<" not in marker}

    assert wanted <= {pin for pin, _ in locked}
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", digest) for _, digest in locked)
    assert len({pin.partition("==")[0] for pin, _ in locked}) == len(locked) > len(wanted) > 10


def test_nothing_else_is_installed_where_the_package_is_made_and_listed() -> None:
    for place in (INFRA / "package.py", ROOT / ".github/workflows/deploy.yml", ROOT / ".github/workflows/ci.yml"):
        text = place.read_text("utf-8")
        assert "--require-hashes" in text
        assert "-r requirements.txt" not in text


def test_the_smoke_test_can_be_run() -> None:
    assert Path(INFRA / "smoke.sh").stat().st_mode & 0o111


def test_the_package_says_which_version_and_which_commit_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "0123456789abcdef")

    assert _package_module().version() == f"{bootstrap.version()}+0123456789ab"
    assert f"template: pledge@{bootstrap.version()}" in (ROOT / "azure.yaml").read_text("utf-8")


def smoke_test(answer: str, functions: str, version: str, folder: Path, failures: int = 0) -> int:
    """Run the smoke test against an `az`, which fails so often first, and a `curl` that answer as said."""
    az = f"echo tried >> {folder}/tries; [ $(wc -l < {folder}/tries) -gt {failures} ] || exit 1; echo 74"
    for name, says in (("az", az), ("curl", f"echo '{answer}'"), ("sleep", "true")):
        (folder / name).write_text(f"#!/bin/sh\n{says}\n")
        (folder / name).chmod(0o755)
    command = [INFRA / "smoke.sh", "app", "group", "https://pledge.example", functions, version]
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("answer", "functions", "version", "passes"),
    [
        ('{"status": "alive", "version": "0.1.0+abc"}', "74", "0.1.0+abc", True),
        ('{"status": "alive", "version": "0.1.0+abc"}', "", "", True),
        ('{"status": "alive", "version": "0.1.0+old"}', "74", "0.1.0+abc", False),
        ('{"status": "alive"}', "74", "0.1.0+abc", False),
        ('{"status": "alive", "version": "0.1.0+abc"}', "75", "0.1.0+abc", False),
        ("<html>", "74", "0.1.0+abc", False),
    ],
)
def test_the_smoke_test_sees_a_missing_function_and_an_old_version(
    answer: str, functions: str, version: str, passes: bool, tmp_path: Path
) -> None:
    assert (smoke_test(answer, functions, version, tmp_path) == 0) is passes


def test_the_smoke_test_goes_on_when_azure_does_not_answer_at_once(tmp_path: Path) -> None:
    alive = '{"status": "alive", "version": "0.1.0+abc"}'

    assert smoke_test(alive, "74", "0.1.0+abc", tmp_path, failures=2) == 0
    assert smoke_test(alive, "74", "0.1.0+abc", tmp_path, failures=99) != 0


def named_pythons(text: dict[str, str]) -> dict[str, set[str]]:
    """Which version of Python each place says that is deployed."""
    patterns = {
        "infra/modules/functions.bicep": r"runtime: \{ name: 'python', version: '([\d.]+)' \}",
        ".github/workflows/ci.yml": r'python-version: "([\d.]+)"',
        ".github/workflows/deploy.yml": r'python-version: "([\d.]+)"',
        "azure.yaml": r"\bpython(3[\d.]*\d)\b",
        ".devcontainer/compose.yml": r"devcontainers/python:([\d.]+)",
        "tools/lock.py": r"^PYTHON = \((\d+, \d+)\)",
        "requirements.txt": r'^azure-functions==2\S*; python_version >= "([\d.]+)"',
        ".ci/run": r"^for version in \S+ ([\d.]+);",
    }
    return {
        file: {found.replace(", ", ".") for found in re.findall(pattern, text[file], re.MULTILINE)}
        for file, pattern in patterns.items()
    }


PLACES = (
    "infra/modules/functions.bicep", ".github/workflows/ci.yml", ".github/workflows/deploy.yml", "azure.yaml",
    ".devcontainer/compose.yml", "tools/lock.py", "requirements.txt", ".ci/run",
)  # fmt: skip


def test_every_place_that_names_the_deployed_python_names_the_same() -> None:
    text = {file: (ROOT / file).read_text("utf-8") for file in PLACES}
    (deployed,) = named_pythons(text)["infra/modules/functions.bicep"]

    assert named_pythons(text) == {place: {deployed} for place in PLACES}
    assert f'"{deployed}"]' in text[".github/workflows/ci.yml"], "The newer of the two that tests run on."
    for file in PLACES:
        faulty = text | {file: text[file].replace(deployed, "3.99").replace(deployed.replace(".", ", "), "3, 99")}
        assert named_pythons(faulty)[file] != {deployed}


def test_the_lock_is_for_the_deployed_python() -> None:
    """What only another version would get (or would not) is not in it."""
    text = (ROOT / "infra/modules/functions.bicep").read_text("utf-8")
    (deployed,) = re.findall(r"name: 'python', version: '([\d.]+)'", text)
    locked = set(re.findall(r"^(\S+)==", (INFRA / "deployed.lock").read_text("utf-8"), re.MULTILINE))
    stated = re.findall(
        r'^([\w.-]+)==\S+; python_version (>=|<) "([\d.]+)"', (ROOT / "requirements.txt").read_text("utf-8"), re.M
    )
    as_number = [int(part) for part in deployed.split(".")]
    for name, sign, limit in stated:
        if (as_number >= [int(part) for part in limit.split(".")]) == (sign == ">="):
            assert name in locked


def test_the_page_on_what_changes_each_year_names_every_place_of_the_python() -> None:
    page = (ROOT / "docs/yearly.md").read_text("utf-8")
    (line,) = [each for each in page.splitlines() if each.startswith("- Python:")]

    assert {
        place for place in (*PLACES, "infra/deployed.lock", ".github/ruleset.json") if f"`{place}`" not in line
    } == set()

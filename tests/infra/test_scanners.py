"""What scanners say of workflows and templates, and that each of them sees the fault that it is there for.

checkov gets an environment of its own (`infra/requirements.txt`). What it cannot read it passes over in silence.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.infra.reading import ROOT, parse, resources, texts

BIN = Path(sys.executable).parent
CHECKOV = ROOT / ".venv-infra" / "bin" / "checkov"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what scanners read, in which a fault can be planted."""
    for name in (".github", "infra"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy2(ROOT / ".checkov.yaml", tmp_path)
    return tmp_path


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=240)


def plant(file: Path, right: str, wrong: str) -> None:
    text = file.read_text("utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong, 1), "utf-8")


def zizmor(root: Path) -> int:
    return run(BIN / "zizmor", "--offline", "--no-progress", ".github/workflows", cwd=root).returncode


def schema(root: Path, which: str, *files: str) -> int:
    return run(BIN / "check-jsonschema", "--builtin-schema", which, *files, cwd=root).returncode


def test_workflows_are_well_by_zizmor_and_by_schema() -> None:
    workflows = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / ".github/workflows").glob("*.yml"))]

    assert zizmor(ROOT) == 0
    assert schema(ROOT, "vendor.github-workflows", *workflows) == 0
    assert schema(ROOT, "vendor.dependabot", ".github/dependabot.yml") == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "actions/checkout@v5", id="by tag"),
        pytest.param("make check", "echo ${{ github.event.pull_request.title }}", id="a stranger's text is run"),
        pytest.param("        with:\n          persist-credentials: false\n", "", id="a token stays behind"),
    ],
)
def test_zizmor_sees_a_fault(copy: Path, right: str, wrong: str) -> None:
    plant(copy / ".github/workflows/ci.yml", right, wrong)

    assert zizmor(copy) != 0


def test_the_schema_sees_a_misspelling(copy: Path) -> None:
    plant(copy / ".github/workflows/ci.yml", "runs-on:", "runs-onn:")
    plant(copy / ".github/dependabot.yml", "package-ecosystem", "package-ecosistem")

    assert schema(copy, "vendor.github-workflows", ".github/workflows/ci.yml") != 0
    assert schema(copy, "vendor.dependabot", ".github/dependabot.yml") != 0


def checkov(root: Path) -> tuple[list[str], dict[str, int]]:
    """What it finds fault with, and how much it read: it ends well when it could read nothing."""
    assert CHECKOV.exists(), "make test installs checkov"
    done = run(CHECKOV, "--config-file", ".checkov.yaml", "-d", "infra", "-o", "json", cwd=root)
    report = json.loads(done.stdout)
    return sorted(each["check_id"] for each in report["results"]["failed_checks"]), report["summary"]


def test_checkov_reads_every_template_and_finds_no_fault() -> None:
    faults, read = checkov(ROOT)

    assert faults == []
    assert read["parsing_errors"] == 0
    assert read["resource_count"] >= len(resources(texts())), "modules count for it, too"


@pytest.mark.parametrize(
    ("file", "right", "wrong", "seen"),
    [
        pytest.param("storage.bicep", "'TLS1_2'", "'TLS1_0'", ["CKV_AZURE_44"], id="old TLS"),
        pytest.param(
            "vault.bicep", "enablePurgeProtection: true", "enablePurgeProtection: false", ["CKV_AZURE_110"], id="purge"
        ),
    ],
)
def test_checkov_sees_a_fault(copy: Path, file: str, right: str, wrong: str, seen: list[str]) -> None:
    plant(copy / "infra/modules" / file, right, wrong)

    assert set(checkov(copy)[0]) >= set(seen)


def test_checkov_says_that_it_could_not_read_a_file(copy: Path) -> None:
    plant(copy / "infra/modules/identity.bicep", "param name string", "param name string?")

    assert checkov(copy)[1]["parsing_errors"] == 1


def test_every_file_can_be_read_by_the_parser_that_checkov_has() -> None:
    installed = run(CHECKOV.parent / "python", "-m", "pip", "list", "--format", "freeze", cwd=ROOT).stdout.split()

    assert f"pycep-parser=={version('pycep-parser')}" in installed, "What checkov reads, we read."
    assert all(parse(text) for text in texts().values())
    assert len(resources(texts())) >= 50

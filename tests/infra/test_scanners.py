"""What scanners say of workflows and templates, and that each of them sees the fault that it is there for.

checkov is heavy and gets an environment of its own (`make infra-check`, and CI): its tests need that to be there.
What it cannot read it passes over in silence, so that every file can be read by its parser is tested always.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.reading import ROOT, parse, resources, texts

BIN = Path(sys.executable).parent
CHECKOV = Path(os.environ.get("INFRA_VENV", ROOT / ".venv-infra")) / "bin" / "checkov"


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


def test_every_file_can_be_read_by_the_parser_that_checkov_has() -> None:
    requirements = (ROOT / "requirements-dev.txt").read_text("utf-8")

    assert "pycep-parser==0.5.1\n" in requirements, "The version that checkov 3.3.30 asks for: what it reads, we read."
    assert "checkov==3.3.30" in (ROOT / "infra/check.sh").read_text("utf-8")
    assert all(parse(text) for text in texts().values())
    assert len(resources(texts())) >= 50


def test_the_same_scanners_run_here_and_in_the_check() -> None:
    requirements = (ROOT / "requirements-dev.txt").read_text("utf-8")

    for package in ("zizmor", "check-jsonschema"):
        version = requirements.split(f"\n{package}==")[1].split("\n")[0]
        assert f"{package}=={version}" in (ROOT / "infra/check.sh").read_text("utf-8")


@pytest.mark.skipif(not CHECKOV.exists(), reason="checkov is installed by `make infra-check`; CI runs it each time")
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        pytest.param("main.bicep", "", "", id="nothing"),
        pytest.param("modules/storage.bicep", "'TLS1_2'", "'TLS1_0'", id="old TLS"),
        pytest.param("modules/vault.bicep", "enablePurgeProtection: true", "enablePurgeProtection: false", id="purge"),
        pytest.param("modules/identity.bicep", "param name string", "param name string?", id="it cannot be read"),
    ],
)
def test_checkov_sees_a_fault_and_what_it_cannot_read(copy: Path, file: str, right: str, wrong: str) -> None:
    plant(copy / "infra" / file, right, wrong)

    done = run("sh", copy / "infra/check.sh", cwd=copy)

    assert (done.returncode == 0) is (right == wrong), done.stdout + done.stderr

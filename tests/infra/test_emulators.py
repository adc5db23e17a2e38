"""What CI runs against Microsoft's emulators runs against the local ones too: it is not found broken only there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from typing import Any

import pytest
import yaml

from local.testing import Stack
from tests.infra.emulators import asked, try_blobs, try_cosmos
from tests.infra.queries import queries
from tests.infra.reading import ROOT

CI: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]


@pytest.fixture(scope="module")
def apart() -> Iterator[Stack]:
    """A stack of its own: the script writes what is no case."""
    with Stack() as running:
        yield running


async def test_the_blobs_part_runs_against_azurite(apart: Stack) -> None:
    await try_blobs(apart.info["blob"]["url"], apart.info["blob"]["key"])


async def test_the_store_part_runs_against_the_local_endpoint(apart: Stack) -> None:
    await try_cosmos(apart.info["cosmos"]["endpoint"], apart.info["cosmos"]["key"])


def test_the_script_needs_only_what_is_deployed() -> None:
    """CI installs nothing else for it."""
    named = re.findall(r"^([\w.-]+)==", (ROOT / "requirements-dev.txt").read_text("utf-8"), re.MULTILINE)
    locked = (ROOT / "infra/deployed.lock").read_text("utf-8")
    absent = {module for name in named if f"{name}==" not in locked for module in modules_of(name)}
    assert {"pycep", "yaml", "pytest"} <= absent
    without = f"import sys; sys.modules.update(dict.fromkeys({sorted(absent - {'tests', 'local'})}))"
    program = f"{without}; import tests.infra.emulators, tests.infra.queries"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def modules_of(package: str) -> set[str]:
    """What can be imported of an installed package."""
    try:
        return {path.parts[0].removesuffix(".py") for path in files(package) or () if path.suffix == ".py"} - {".."}
    except PackageNotFoundError:
        return set()  # For another Python only.


def test_no_query_is_asked_with_an_empty_list_or_a_star() -> None:
    for query in queries():
        text, values = asked(query.text)
        assert "()" not in text
        assert "*_" not in text
        assert values.keys() <= {part.strip("@,()") for part in text.replace("(", " ").split()}


def test_azurite_is_told_to_take_the_versions_of_newer_packages() -> None:
    steps = [str(each.get("run", "")) for each in CI["emulators"]["steps"]]
    compose = yaml.safe_load((ROOT / ".devcontainer/compose.yml").read_text("utf-8"))["services"]

    assert "azurite" not in CI["emulators"]["services"], "A service of Actions takes no command."
    assert [each for each in steps if "azurite-blob" in each and "--skipApiVersionCheck" in each]
    assert "--skipApiVersionCheck" in compose["azurite"]["command"]
    assert "azurite" in json.loads((ROOT / "package.json").read_text("utf-8")).get("dependencies", {}) | json.loads(
        (ROOT / "package.json").read_text("utf-8")
    ).get("devDependencies", {})

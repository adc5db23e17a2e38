"""The shell in workflows and in infra/, run against an `az` and a `curl` that answer as the real ones do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from functions.webhooks import run_scan_result
from tests.infra.reading import ROOT

SCAN_FUNCTION = run_scan_result._function.get_function_name()


def step(workflow: str, job: str, name: str) -> str:
    """What one step of a workflow runs."""
    jobs: dict[str, Any] = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text("utf-8"))["jobs"]
    (found,) = [each for each in jobs[job]["steps"] if each.get("name") == name]
    return str(found["run"])


def run(
    script: str | list[str], folder: Path, programs: dict[str, str], **given: str
) -> subprocess.CompletedProcess[str]:
    """Run it as Actions does (or as a file with arguments), with these programs in front of the real ones."""
    for name, text in ({"sleep": "true"} | programs).items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    command = ["bash", "-eo", "pipefail", "-c", script] if isinstance(script, str) else script
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"} | given
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


AZ_WITH_APPS = """
case "$*" in
  *--tag*--resource-group* | *--resource-group*--tag*)
    echo "you cannot use '--tag' with '--resource-group'" >&2; exit 2 ;;
  "group exists"*) echo "$GROUP_EXISTS" ;;
  "functionapp list"*) [ "$GROUP_EXISTS" = true ] || exit 3; echo "$APP" ;;
  "functionapp function show"*"--function-name $DEPLOYED"*) ;;
  *) exit 3 ;;
esac"""


def noted(folder: Path, exists: str, app: str, deployed: str) -> str:
    """What the step that looks for the function of scan results notes for the steps after it."""
    script = step("stage", "deploy", "Is there an app already that takes scan results?")
    told = folder / "environment"
    told.touch()
    given = {"GITHUB_ENV": str(told), "AZURE_ENV_NAME": "dev", "PLEDGE_APP_LOCATION": "francecentral"}
    done = run(script, folder, {"az": AZ_WITH_APPS}, GROUP_EXISTS=exists, APP=app, DEPLOYED=deployed, **given)
    assert done.returncode == 0, done.stderr
    return told.read_text()


def test_scan_results_are_led_to_the_function_once_it_is_deployed(tmp_path: Path) -> None:
    assert noted(tmp_path, "true", "func-pledge", SCAN_FUNCTION) == f"PLEDGE_SCAN_FUNCTION={SCAN_FUNCTION}\n"


def test_the_first_run_finds_no_group_and_a_stopped_one_no_function(tmp_path: Path) -> None:
    assert noted(tmp_path, "false", "", "") == ""
    assert noted(tmp_path, "true", "", "") == ""
    assert noted(tmp_path, "true", "func-pledge", "another") == ""

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


AZ_OF_AN_APP = """
case "$*" in
  "resource show"*) echo func-pledge.scm.azurewebsites.net ;;
  "account get-access-token"*) echo a.token ;;
  *) exit 3 ;;
esac"""

CURL_THAT_TAKES_PACKAGES = """
asked=$(cat)
[ "$asked" = 'header = "Authorization: Bearer a.token"' ] || { printf 401; exit 0; }
while [ $# -gt 0 ]; do
  case $1 in --output) out=$2 ;; --data-binary) sent=$2 ;; https://*) address=$1 ;; esac
  shift
done
case $address in
  https://func-pledge.scm.azurewebsites.net/api/publish\\?RemoteBuild=false\\&*)
    [ "$sent" = @package.zip ] || exit 26
    echo taken >> "$FOLDER/publishes"
    if [ "$(wc -l < "$FOLDER/publishes")" -le "$REFUSALS" ]; then
      echo '{"Message": "403 from storage"}' > "$out"; printf 400
    else printf '"deployment-1"' > "$out"; printf 202; fi ;;
  https://func-pledge.scm.azurewebsites.net/api/deployments/deployment-1)
    echo looked >> "$FOLDER/looks"
    if [ "$(wc -l < "$FOLDER/looks")" -le 2 ]; then ENDS=1; fi
    echo "{\\"status\\": $ENDS}" > "$out"; printf 200 ;;
  *) printf 404 ;;
esac"""


def published(folder: Path, refusals: int, ends: int) -> subprocess.CompletedProcess[str]:
    """Hand a package over to an app that refuses it so often and whose deployment ends so."""
    (folder / "package.zip").write_bytes(b"PK")
    programs = {"az": AZ_OF_AN_APP, "curl": CURL_THAT_TAKES_PACKAGES}
    command = [str(ROOT / "infra/publish.sh"), "func-pledge", "rg-pledge-dev", "package.zip"]
    return run(command, folder, programs, FOLDER=str(folder), REFUSALS=str(refusals), ENDS=str(ends))


def test_a_package_is_handed_over_and_waited_for(tmp_path: Path) -> None:
    done = published(tmp_path, 0, 4)

    assert (done.returncode, done.stdout) == (0, "func-pledge: package taken.\n"), done.stderr
    assert len((tmp_path / "looks").read_text().split()) == 3


def test_a_role_that_does_not_hold_yet_is_waited_for(tmp_path: Path) -> None:
    assert published(tmp_path, 2, 4).returncode == 0


def test_a_package_that_is_never_taken_or_whose_deployment_fails_ends_in_an_error(tmp_path: Path) -> None:
    failed = published(tmp_path, 0, 3)
    refused = published(tmp_path, 99, 4)

    assert (failed.returncode, refused.returncode) == (1, 1)
    assert "The deployment failed" in failed.stderr
    assert "403 from storage" in refused.stderr


def test_a_token_is_no_argument() -> None:
    assert "$token" not in (ROOT / "infra/publish.sh").read_text("utf-8").split("curl --config -")[1]

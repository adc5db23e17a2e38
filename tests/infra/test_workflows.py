"""GitHub Actions: least rights, actions by hash, no password, and the one package through all stages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.reading import ROOT, parameter_file

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def load(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text("utf-8")))


def complaints(text: str) -> list[str]:
    """What is wrong with a workflow, a sentence each."""
    workflow = dict(yaml.safe_load(text))
    found = [] if workflow["permissions"] == {} else ["Rights that no job asks for."]
    for name, job in workflow["jobs"].items():
        rights = job.get("permissions")
        if not isinstance(rights, dict) or "contents" not in rights:
            found.append(f"{name} does not say what it may.")
    for action, version in re.findall(r"uses: ([\w./-]+)@(\S+)", text):
        if not re.fullmatch(r"[0-9a-f]{40}", version):
            found.append(f"{action} is not named by its hash.")
    for word in ("secrets.", "pull_request_target", "AZURE_CREDENTIALS", "publish-profile"):
        if word in text:
            found.append(f"{word} is used.")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_is_wrong_with_a_workflow(path: Path) -> None:
    assert complaints(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("permissions: {}", "permissions: write-all", "Rights that no job asks for."),
        ("    permissions:\n      contents: read\n    strategy:", "    strategy:", "test does not say what it may."),
        ("checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "checkout@v5", "actions/checkout is not named by its"),
        (
            "uses: actions/upload-artifact",
            "token: secrets.TOKEN\n        uses: actions/upload-artifact",
            "secrets. is used.",
        ),
        ("  pull_request:\n", "  pull_request_target:\n", "pull_request_target is used."),
        ('node-version: "22"', "creds: ${{ vars.AZURE_CREDENTIALS }}", "AZURE_CREDENTIALS"),
    ],
)
def test_a_fault_in_a_workflow_is_found(right: str, wrong: str, complaint: str) -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert right in text

    assert complaint in "\n".join(complaints(text.replace(right, wrong)))


def test_ci_tries_both_pythons_and_the_emulators() -> None:
    ci = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    assert ci["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert set(ci["emulators"]["services"]) == {"cosmos"}
    assert {"codeql", "dependencies", "sbom", "infrastructure"} <= set(ci)


def test_nothing_is_deployed_that_was_not_checked() -> None:
    jobs = load(ROOT / ".github/workflows/deploy.yml")["jobs"]
    ci = load(ROOT / ".github/workflows/ci.yml")
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs["build"]["needs"] == "ci"
    assert "workflow_call" in ci[True], "`on` is read as a truth."
    for right, level in {key: to for job in ci["jobs"].values() for key, to in job["permissions"].items()}.items():
        assert jobs["ci"]["permissions"].get(right) == level, "What is called may do no more than its caller."


def test_the_rules_of_the_repository_ask_for_two_people_and_every_check() -> None:
    ruleset = json.loads((ROOT / ".github/ruleset.json").read_text("utf-8"))
    rules = {rule["type"]: rule.get("parameters", {}) for rule in ruleset["rules"]}
    checks = {each["context"] for each in rules["required_status_checks"]["required_status_checks"]}
    ci = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    pythons = ci["test"]["strategy"]["matrix"]["python"]

    assert checks == {f"test ({python})" for python in pythons} | set(ci) - {"test"}
    assert rules["pull_request"]["required_approving_review_count"] == 2
    assert rules["pull_request"]["require_code_owner_review"]
    assert rules["pull_request"]["require_last_push_approval"]
    assert ruleset["enforcement"] == "active"
    assert not ruleset["bypass_actors"]


def test_a_run_that_waits_for_prod_holds_up_no_other_stage() -> None:
    stage = load(ROOT / ".github/workflows/stage.yml")["jobs"]["deploy"]
    assert stage["concurrency"] == {"group": "stage-${{ inputs.stage }}", "cancel-in-progress": False}
    assert "concurrency" not in load(ROOT / ".github/workflows/deploy.yml")


def test_a_preview_can_be_asked_for_by_who_may_write_nothing() -> None:
    job = load(ROOT / ".github/workflows/preview.yml")["jobs"]["what-if"]
    text = (ROOT / ".github/workflows/preview.yml").read_text("utf-8")
    page = (ROOT / "docs/first-deployment.md").read_text("utf-8")
    role = json.loads((ROOT / "infra/preview-role.json").read_text("utf-8"))

    assert job["environment"] == "preview", "Without one it sees no variables."
    assert text.count("what-if --location") == text.count("--validation-level ProviderNoRbac") > 0
    assert "repo:<owner>/<repo>:environment:preview" in page
    assert {act for act in role["Actions"] if not act.endswith("/read")} == {
        f"Microsoft.Resources/deployments/{act}" for act in ("validate/action", "whatIf/action", "write")
    }
    for name in re.findall(r"readEnvironmentVariable\('(\w+)'\)", "\n".join(parameter_file("prod").values())):
        assert name in job["env"], name


def test_the_stages_follow_each_other_with_one_package() -> None:
    jobs = load(ROOT / ".github/workflows/deploy.yml")["jobs"]
    assert jobs["dev"]["needs"] == "build"
    assert jobs["test"]["needs"] == ["build", "dev"]
    assert jobs["prod"]["needs"] == ["build", "test"]
    assert sum("infra/package.py package.zip" in str(job) for job in jobs.values()) == 1
    assert all(jobs[stage]["uses"] == "./.github/workflows/stage.yml" for stage in ("dev", "test", "prod"))


def test_the_workflow_leads_scan_results_to_the_function_that_takes_them() -> None:
    from functions.webhooks import run_scan_result

    text = (ROOT / ".github/workflows/stage.yml").read_text("utf-8")
    name = run_scan_result._function.get_function_name()
    assert f"PLEDGE_SCAN_FUNCTION={name}" in text
    assert f"--function-name {name}" in text
    assert f"PLEDGE_SCAN_FUNCTION {name}" in (ROOT / "azure.yaml").read_text("utf-8")


def test_what_parameter_files_read_the_workflow_gives() -> None:
    text = (ROOT / ".github/workflows/stage.yml").read_text("utf-8")
    for stage in ("dev", "test", "prod"):
        for name in re.findall(r"readEnvironmentVariable\('(\w+)'", "\n".join(parameter_file(stage).values())):
            assert f"{name}:" in text or f"{name}=" in text, name


def test_the_package_is_handed_over_as_it_is_by_workflow_azd_and_by_hand() -> None:
    stage, azure = (ROOT / ".github/workflows/stage.yml").read_text("utf-8"), (ROOT / "azure.yaml").read_text("utf-8")
    runbook = (ROOT / "docs/runbook.md").read_text("utf-8")
    for text, app in ((stage, "$OUT_SERVICE_API_NAME"), (azure, "$SERVICE_API_NAME"), (runbook, "$app")):
        assert f'infra/publish.sh "{app}"' in text
    assert "config-zip --" not in stage + azure + runbook, "That would build anew, on another Python."
    assert "RemoteBuild=false" in (ROOT / "infra/publish.sh").read_text("utf-8")
    assert "python3.13 infra/package.py package.zip" in azure


def test_other_files_of_github_and_azure_can_be_read() -> None:
    assert load(ROOT / ".github/dependabot.yml")["version"] == 2
    services = load(ROOT / "azure.yaml")["services"]
    assert {name: each["host"] for name, each in services.items()} == {"web": "staticwebapp"}
    assert (ROOT / services["web"]["project"]).is_dir()
    assert "loadJsonContent" not in json.dumps(load(ROOT / ".devcontainer/compose.yml"))
    assert json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))["service"] == "work"
    assert json.loads((ROOT / "bicepconfig.json").read_text("utf-8"))["analyzers"]["core"]["enabled"]

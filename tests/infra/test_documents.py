"""Documents that people rely on at three in the morning, or once a year, say what is there."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from functions.timers import TIMERS
from tests.infra.reading import ROOT, parameter_file, resources, texts
from tools import intake_list

DOCS = ROOT / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text("utf-8")
TASKS = (
    "Run a timer now", "Get into prod", "Roll back", "Restore, and erase again",
    "Undo a deletion of evidence", "Fail over", "Rotation",
    "Lock the retention of audits", "Legal hold", "A partner floods", "Data breach",
)  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_the_runbook_says_how(task: str) -> None:
    (section,) = re.findall(rf"^## {task}\n(.+?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)

    assert len(section.split()) > 30


LOGGED = "\n".join(path.read_text("utf-8") for f in ("functions", "shared") for path in (ROOT / f).rglob("*.py"))
COMMANDS = {
    "account get-access-token", "ad sp show", "ad user show", "afd custom-domain show",
    "cosmosdb failover-priority-change", "cosmosdb offline-region", "cosmosdb restore", "cosmosdb show",
    "cosmosdb sql role assignment list",
    "functionapp deployment source config-zip", "functionapp function list", "functionapp keys list",
    "functionapp restart", "functionapp stop", "keyvault list", "keyvault network-rule add", "keyvault secret set",
    "keyvault update", "login", "monitor action-group test-notifications create", "network vnet peering create",
    "network vnet show", "rest", "role assignment list", "role definition create", "storage account failover",
    "storage account show", "storage account update", "storage blob undelete",
    "storage container immutability-policy lock", "storage container immutability-policy show",
    "storage container legal-hold set",
}  # fmt: skip
"""Looked up in the reference of the CLI. What is not there is found out when it is needed."""


def quoted(page: str) -> set[str]:
    """The words of log lines that a page tells to look for."""
    found = set()
    for code in (piece for line in page.splitlines() for piece in line.split("`")[1::2]):
        if "AppTraces" in code:
            found |= {single or double for single, double in re.findall(r"'([^'\"]+)'|\"([^\"]+)\"", code)}
        elif re.fullmatch(r"[a-z']+( [a-z']+)+", code) and not code.startswith(("az ", "azd ", "gh ")):
            found.add(code)
    return found


def test_what_the_runbook_looks_for_is_what_the_code_writes() -> None:
    words = quoted(RUNBOOK)
    assert {
        "delivery put off",
        "our clock is off",
        "unexpected error",
        "a case's files could not be told apart",
    } <= words
    timers = {timer.name for timer in TIMERS} | {"<timer>"}
    assert {each for each in words if f'"{each}' not in LOGGED and each not in timers} == set()
    assert "payment frozen" in quoted("`AppTraces | where Message startswith 'payment frozen'`")


@pytest.mark.parametrize("page", ["runbook.md", "first-deployment.md", "yearly.md"])
def test_a_page_names_commands_that_there_are(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    named = re.findall(r"(?:`|\$\(|\| |^ {4,})az ([a-z-]+(?: [a-z][a-z-]+)*)(?=[ `)\n])", text, re.MULTILINE)
    assert {name for name in named if name not in COMMANDS} == set()


def test_why_a_file_was_not_scanned_is_logged() -> None:
    by_name = {each.name: each for each in resources({"scan": texts()["modules/scan.bicep"]})}
    assert by_name["diagnostics"].body["scope"] == "defender"
    assert "'category': 'ScanResults'" in str(by_name["diagnostics"].body)
    assert "StorageMalwareScanningResults" in RUNBOOK


def test_the_runbook_says_of_every_timer_when_it_runs_and_what_waits_for_it() -> None:
    listed = dict(re.findall(r"^\| `(run_\w+)` \| ([^|]+) \|", RUNBOOK, re.MULTILINE))
    example = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]

    assert set(listed) == {timer.name for timer in TIMERS}
    for timer in TIMERS:
        _, minute, hour, *_ = example[timer.schedule.strip("%")].split()
        said = {"*": "each minute", "*/10": "every ten minutes"}.get(minute) or f"{int(hour):02}:{int(minute):02}"
        assert listed[timer.name] == said


@pytest.mark.parametrize(("file", "where"), [("requirements.txt", "deployed"), ("requirements-dev.txt", "local")])
def test_the_page_of_licences_lists_what_is_installed_and_nothing_else(file: str, where: str) -> None:
    page = (DOCS / "licences.md").read_text("utf-8")
    listed = re.findall(r"^\| ([\w.-]+) \| [^|]*\w[^|]* \| (\w+) \|", page, re.MULTILINE)
    needed = set(re.findall(r"^([\w.-]+)==", (ROOT / file).read_text("utf-8"), re.MULTILINE))

    assert {name for name, said in listed if said == where} == needed
    assert len({name for name, _ in listed}) == len(listed)


def test_the_page_of_licences_names_what_npm_brings() -> None:
    page = (DOCS / "licences.md").read_text("utf-8").lower()
    stated = json.loads((ROOT / "package.json").read_text("utf-8"))

    assert all(name in page for kind in ("dependencies", "devDependencies") for name in stated.get(kind, ()))


def test_every_decision_is_listed_and_every_number_is_used_once() -> None:
    files = sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))
    listed = re.findall(r"^\| \[(\d+)\]\(([\w.-]+)\)", (DOCS / "decisions/README.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(name for _, name in listed) == files
    assert all(int(name[:4]) == int(number) for number, name in listed)
    assert len({number for number, _ in listed}) == len(listed)


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


def test_the_forms_list_of_intakes_is_the_programmes() -> None:
    form = intake_list.FORM.read_text("utf-8")

    assert intake_list.filled(form) == form, "run: make docs"
    assert intake_list.filled(form.replace("2027-autumn", "2028-autumn")) == form


def test_the_example_of_the_yearly_page_is_an_intake() -> None:
    page = (DOCS / "yearly.md").read_text("utf-8")
    example = "\n".join(line.strip() for line in page.splitlines() if line.startswith("       "))
    programme = tomllib.loads((ROOT / "programmes/ai-diploma.toml").read_text("utf-8"))

    assert set(tomllib.loads(example)["intakes"][0]) == set(programme["intakes"][-1])


def test_the_page_on_where_data_lives_names_the_regions_of_prod() -> None:
    names = {"francecentral": "France Central", "germanywestcentral": "Germany West Central"}
    said = (ROOT / "SECURITY.md").read_text("utf-8")
    prod = parameter_file("prod")

    for parameter in ("location", "secondaryLocation"):
        (region,) = re.findall(r"'([a-z]+)'\)?$", prod[parameter])
        assert names[region] in said
    assert f"after {prod['evidenceSoftDeleteDays']} days in storage" in said
    assert f"{prod['logRetentionDays']} days in prod" in said

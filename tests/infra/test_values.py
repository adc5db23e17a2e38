"""Each place of the templates, the parameter files and the data beside them says what it must; each slip is seen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.infra.reading import INFRA, ROOT, parameter_file, texts
from tests.infra.values import VALUES, found, stated, wrong

STAGES: dict[str, dict[str, str]] = {
    "dev": {
        "stage": "'dev'", "isPrivate": "false", "isServerless": "true", "storageSku": "'Standard_LRS'",
        "isLocked": "false", "isZoneRedundant": "false",
    },
    "test": {
        "stage": "'test'", "isPrivate": "false", "isServerless": "true", "storageSku": "'Standard_ZRS'",
        "isLocked": "false", "isZoneRedundant": "false",
    },
    "prod": {
        "stage": "'prod'", "isPrivate": "true", "isServerless": "false", "storageSku": "'Standard_GZRS'",
        "isLocked": "true", "isZoneRedundant": "true", "evidenceSoftDeleteDays": "14", "auditImmutableDays": "3650",
        "logRetentionDays": "180", "requestsPerMinute": "600", "alwaysReadyHttp": "2",
    },
}  # fmt: skip
CONTAINERS: dict[str, tuple[str, int | None]] = {
    # Who lives longer than a day says so in its own item; what must stay has no end at all.
    "cases": ("/case_id", -1),
    "inbox": ("/id", -1),
    "addresses": ("/id", None),
    "links": ("/id", -1),
    "counters": ("/id", 86_400),
    "reads": ("/case_id", -1),
    "catalogue": ("/id", -1),
    "audits": ("/id", None),
    "reports": ("/intake", None),
}


def test_every_place_says_what_it_must() -> None:
    assert wrong(texts()) == []


def test_every_template_but_the_identity_has_its_places() -> None:
    assert set(texts()) - set(VALUES) == {"modules/identity.bicep"}


def test_a_value_is_told_from_another_and_from_none() -> None:
    assert stated("isPrivate ? 'Disabled' : 'Enabled'") != stated("isPrivate ? 'Enabled' : 'Disabled'")
    assert found("resource a 'b@1' = {\n  name: 'x'\n}\n", "a properties.none") is None
    assert found("resource a 'b@1' = {\n  name: 'x'\n}\n", "c name") is None


@pytest.mark.parametrize(
    ("file", "right", "fault"),
    [
        ("modules/monitoring.bicep", "3913510d-42f4", "3913510d-42f5"),
        ("modules/vault.bicep", "4633458b-17de-408a-b874-0445c86b69e6", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
        ("main.bicep", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
        ("modules/network.bicep", "Microsoft.App/environments", "Microsoft.Web/serverFarms"),
        ("main.bicep", "zones: ['privatelink.blob.${environment().suffixes.storage}', ", "zones: ["),
        ("main.bicep", "group: 'Sql'", "group: 'sql'"),
        ("main.bicep", "      { name: 'cosmos', group: 'Sql'", "      { name: 'other', group: 'Sql'"),
        ("modules/cosmos.bicep", "isPrivate ? 'Disabled' : 'Enabled'", "'Enabled'"),
        ("modules/storage.bicep", "isPrivate ? 'Deny' : 'Allow'", "isPrivate ? 'Allow' : 'Deny'"),
        ("main.bicep", "isPrivate ? network!.outputs.appSubnetId : ''", "''"),
        ("modules/functions.bicep", "subnetId == '' ? null : subnetId", "null"),
        ("modules/functions.bicep", "frontDoorId == '' ? 'Allow' : 'Deny'", "'Allow'"),
        ("modules/functions.bicep", "          headers: { 'x-azure-fdid': [frontDoorId] }\n", ""),
        ("modules/functions.bicep", "version: '3.13'", "version: '3.11'"),
        ("modules/functions.bicep", "    keyVaultReferenceIdentity: identityId\n", ""),
        ("modules/functions.bicep", "properties: { allow: false }", "properties: { allow: true }"),
        ("modules/functions.bicep", "['ftp', 'scm']", "['ftp']"),
        ("main.bicep", "stage == 'dev' ? '1' : '2'", "'1'"),
        ("main.bicep", "SMTP_TLS: 'on'", "SMTP_TLS: 'off'"),
        ("main.bicep", "BLOB_ACCOUNT_URL: evidenceStorage", "BLOB_ACCOUNT_URL: auditStorage"),
        ("modules/cosmos.bicep", "'Continuous30Days'", "'Continuous7Days'"),
        ("modules/cosmos.bicep", "if (isLocked)", "if (!isLocked)"),
        ("modules/vault.bicep", "'CanNotDelete'", "'ReadOnly'"),
        ("modules/cosmos.bicep", "isServerless ? -1 : totalThroughputLimit", "-1"),
        ("modules/alerts.bicep", "[people.id, onCall.id] : [people.id]", "[people.id, onCall.id] : []"),
        ("modules/alerts.bicep", "severity\n    enabled: true", "severity\n    enabled: false"),
        ("modules/alerts.bicep", "operator: 'GreaterThan'", "operator: 'LessThan'"),
        ("modules/door.bicep", ", 'FrontDoorWebApplicationFirewallLog'", ""),
        ("modules/cosmos.bicep", "  'DataPlaneRequests'\n", ""),
        ("modules/storage.bicep", "'StorageRead', 'StorageWrite', 'StorageDelete'", "'StorageRead'"),
        ("modules/budget.bicep", "'Monthly'", "'Annually'"),
        ("modules/scan.bicep", "      scanResultsEventGridTopicResourceId: results.id\n", ""),
        ("modules/scan.bicep", "Microsoft.Security.MalwareScanningResult", "Microsoft.Storage.BlobCreated"),
        ("modules/scan.bicep", "onUpload: { isEnabled: true", "onUpload: { isEnabled: false"),
        ("modules/edge.bicep", "action: 'Block'", "action: 'Log'"),
        ("modules/edge.bicep", "mode: 'Prevention'", "mode: 'Detection'"),
        ("modules/edge.bicep", "[{ id: address.id }, { id: domain.id }]", "[{ id: address.id }]"),
        ("modules/edge.bicep", "    customDomains: domainName == '' ? [] : [{ id: domain.id }]\n", ""),
        ("modules/edge.bicep", "minimumTlsVersion: 'TLS12'", "minimumTlsVersion: 'TLS10'"),
        ("modules/edge.bicep", "pattern: '/api/*'", "pattern: '/ap/*'"),
    ],
)  # fmt: skip
def test_a_slip_is_seen(file: str, right: str, fault: str) -> None:
    written = texts()
    assert right in written[file]

    assert wrong(written | {file: written[file].replace(right, fault)}) != []


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_is_what_it_is_for(stage: str) -> None:
    given = parameter_file(stage)

    assert {name: given[name] for name in STAGES[stage]} == STAGES[stage]


def test_containers_are_keyed_and_end_as_they_must() -> None:
    listed = json.loads((INFRA / "cosmos-containers.json").read_text("utf-8"))

    assert {each["id"]: (each["partitionKey"], each["defaultTtl"]) for each in listed} == CONTAINERS


def test_the_host_gives_a_function_five_minutes_and_the_pages_one_address() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))

    assert host["functionTimeout"] == "00:05:00", "Sweeps stop themselves well before, and the runbook says five."
    assert host["extensions"]["http"]["routePrefix"] == "api"
    assert host["extensions"]["http"]["hsts"]["isEnabled"] is True


def delivery(stage: str, deploy: str, azure: str, package: str) -> list[str]:
    """What is wrong with the way of the package to the people."""
    job: dict[str, Any] = yaml.safe_load(stage)["jobs"]["deploy"]
    jobs: dict[str, Any] = yaml.safe_load(deploy)["jobs"]
    hooks: dict[str, Any] = yaml.safe_load(azure)["hooks"]
    steps = [str(each.get("run", "")) for each in job["steps"]]
    must = {
        "It is no environment of GitHub.": job.get("environment") == "${{ inputs.stage }}",
        "Nobody looks whether it answers.": bool(steps) and steps[-1].startswith("infra/smoke.sh ")
        and '"$FUNCTIONS" "$VERSION"' in steps[-1],
        "The package is built anew.": any(each.startswith("infra/publish.sh ") for each in steps)
        and not any("config-zip" in each or "RemoteBuild=true" in each for each in steps),
        "A stage cannot log in.": all(
            jobs[name]["permissions"] == {"contents": "read", "id-token": "write"} for name in ("dev", "test", "prod")
        ),
        "A stage is another one.": all(jobs[name]["with"]["stage"] == name for name in ("dev", "test", "prod")),
        "azd reads another file.": "infra/main.${PLEDGE_STAGE:?" in hooks["preprovision"]["run"]
        and hooks["preprovision"]["run"].rstrip().endswith(".bicepparam\" infra/main.bicepparam"),
        "azd does not note the function of scan results.": "azd env set PLEDGE_SCAN_FUNCTION run_scan_result"
        in hooks["postdeploy"]["run"],
        "Bytecode is compiled again where it cannot be written.": "PycInvalidationMode.UNCHECKED_HASH" in package,
    }  # fmt: skip
    return [sentence for sentence, holds in must.items() if not holds]


FILES = (".github/workflows/stage.yml", ".github/workflows/deploy.yml", "azure.yaml", "infra/package.py")


def test_nothing_is_wrong_with_the_delivery() -> None:
    assert delivery(*((ROOT / file).read_text("utf-8") for file in FILES)) == []


@pytest.mark.parametrize(
    ("file", "right", "fault", "complaint"),
    [
        (FILES[0], "    environment: ${{ inputs.stage }}\n", "", "no environment"),
        (FILES[0], "run: infra/smoke.sh", "run: echo infra/smoke.sh", "Nobody looks"),
        (FILES[0], "run: infra/publish.sh", "run: az functionapp deployment source config-zip", "built anew"),
        (FILES[1], "  prod:\n    needs: [build, test]\n    permissions:\n      contents: read\n      id-token: write\n",
         "  prod:\n    needs: [build, test]\n    permissions:\n      contents: read\n", "cannot log in"),
        (FILES[1], "stage: prod", "stage: test", "another one"),
        (FILES[2], "\" infra/main.bicepparam", "\" infra/main.parameters.json", "another file"),
        (FILES[2], "PLEDGE_SCAN_FUNCTION run_scan", "SCAN_FUNCTION run_scan", "does not note"),
        (FILES[3], "UNCHECKED_HASH", "TIMESTAMP", "compiled again"),
    ],
)  # fmt: skip
def test_a_slip_in_the_delivery_is_seen(file: str, right: str, fault: str, complaint: str) -> None:
    text = {each: (ROOT / each).read_text("utf-8") for each in FILES}
    assert right in text[file]

    faulty = text | {file: text[file].replace(right, fault)}
    assert complaint in "\n".join(delivery(*(faulty[each] for each in FILES)))


def test_the_workbook_asks_over_the_period_that_is_chosen_in_it() -> None:
    items = json.loads((INFRA / "workbook.json").read_text("utf-8"))["items"]
    (parameters,) = [item["content"]["parameters"] for item in items if item["type"] == 9]
    queries = [item["content"] for item in items if item["type"] == 3]

    assert [each["name"] for each in parameters] == ["period"]
    assert queries
    assert all(each["timeContextFromParameter"] == "period" for each in queries)
    assert all(re.fullmatch(r"table|timechart", each["visualization"]) for each in queries)

"""The infrastructure as written: what must hold, holds; and each check finds the fault that it is for."""

from __future__ import annotations

import itertools
import json
import re
import tomllib

import pytest
import yaml

from tests.infra.checks import problems
from tests.infra.reading import INFRA, ROOT, bare, modules, parameter_file, parse, resources, texts

STAGES = ("dev", "test", "prod")
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")


def test_nothing_is_wrong() -> None:
    assert problems(texts()) == []


@pytest.mark.parametrize(
    ("file", "right", "wrong", "complaint"),
    [
        ("modules/storage.bicep", "allowBlobPublicAccess:", "allowBlobPublicAcess:", "not on the list"),
        ("modules/storage.bicep", "storageAccounts@2026-04-01", "storageAccounts@2021-01-01", "not on the list"),
        ("modules/storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "allowSharedKeyAccess"),
        ("modules/storage.bicep", "'TLS1_2'", "'TLS1_0'", "minimumTlsVersion"),
        ("modules/storage.bicep", "supportsHttpsTrafficOnly: true\n", "", "supportsHttpsTrafficOnly"),
        ("modules/storage.bicep", "defaultToOAuthAuthentication: true\n", "", "defaultToOAuthAuthentication"),
        ("modules/storage.bicep", "allowCrossTenantReplication: false\n", "", "allowCrossTenantReplication"),
        ("modules/storage.bicep", "allowBlobPublicAccess: false", "allowBlobPublicAccess: true", "allowBlobPublic"),
        ("modules/storage.bicep", "principalType: 'ServicePrincipal'", "", "principalType"),
        ("modules/storage.bicep", "  scope: container[i]\n", "", "whole group"),
        ("modules/cosmos.bicep", "disableLocalAuth: true", "disableLocalAuth: false", "disableLocalAuth"),
        ("modules/cosmos.bicep", "/colls/${container[i].name}", "", "more than one container"),
        ("modules/cosmos.bicep", "['${data}/items/create'])", "['${data}/items/replace'])", "appender may replace"),
        ("modules/cosmos.bicep", "'${data}/items/delete'", "'${data}/items/upsert'", "writer may upsert"),
        ("modules/cosmos.bicep", "concat(readActions, ['${data}/items/create'])", "['${data}/items/*']", "everything"),
        ("modules/vault.bicep", "enablePurgeProtection: true\n", "", "enablePurgeProtection"),
        ("modules/functions.bicep", "http: { perInstanceConcurrency: perInstanceConcurrency }", "", "one request at a"),
        ("modules/functions.bicep", "type: 'UserAssignedIdentity'", "type: 'StorageAccountConnectionString'", "a key"),
        ("modules/functions.bicep", "  AZURE_CLIENT_ID:", "  TZ: 'UTC'\n  AZURE_CLIENT_ID:", "Flex"),
        ("modules/functions.bicep", "ipAddress: 'AzureEventGrid'", "ipAddress: 'AzureCloud'", "Event Grid could not"),
        ("modules/identity.bicep", "output id string = identity.id", "output apiKey string = identity.id", "a secret"),
        ("main.bicep", "COSMOS_DATABASE:", "COSMOS_KEY: ''\n      COSMOS_DATABASE:", "COSMOS_KEY is set"),
        ("main.bicep", "COSMOS_DATABASE:", "AUTHORITY: ''\n      COSMOS_DATABASE:", "AUTHORITY is set"),
        ("main.bicep", "COSMOS_DATABASE:", "OUTBOUND_NETWORKS: ''\n      COSMOS_DATABASE:", "OUTBOUND_NETWORKS is"),
        ("main.bicep", "COSMOS_DATABASE:", "BLOB_ACCOUNT_KEY: ''\n      COSMOS_DATABASE:", "BLOB_ACCOUNT_KEY is"),
        ("main.bicep", "PAYEE_KEY: '${secret}payee-key)'", "PAYEE_KEY: 'abc'", "PAYEE_KEY does not come"),
        ("main.bicep", "COSMOS_DATABASE:", "AUDIT_ACCOUNT_KEY: ''\n      COSMOS_DATABASE:", "AUDIT_ACCOUNT_KEY is"),
        ("main.bicep", "/delete'], immutableDays: 0", "/delete'], immutableDays: 30", "could not be erased"),
        ("main.bicep", "immutableDays: auditImmutableDays", "immutableDays: 0", "could be changed"),
        ("main.bicep", "'${blobs}/add/action'], imm", "'${blobs}/write'], imm", "audits: the app may write"),
        ("main.bicep", "'${blobs}/add/action'], imm", "'${blobs}/delete'], imm", "anchors: the app may delete"),
        ("main.bicep", "softDeleteDays: 30", "softDeleteDays: 7", "Audits that were deleted"),
        ("main.bicep", "accountRoleId: ''", "accountRoleId: blobOwner", "all containers at once"),
    ],
)  # fmt: skip
def test_a_fault_is_found(file: str, right: str, wrong: str, complaint: str) -> None:
    written = texts()
    assert right in written[file]
    faulty = written | {file: written[file].replace(right, wrong)}
    assert complaint in "\n".join(problems(faulty))


def test_containers_are_those_of_the_one_list() -> None:
    assert "loadJsonContent('../cosmos-containers.json')" in texts()["modules/cosmos.bicep"]
    assert "[for each in containers: {\n  parent: database" in texts()["modules/cosmos.bicep"]


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_sets_every_parameter_and_nothing_else(stage: str) -> None:
    declared = parse(texts()["main.bicep"])["parameters"]
    with_default = {name for name, said in declared.items() if said.get("default") is not None}
    given = set(parameter_file(stage))
    assert given <= set(declared)
    assert set(declared) - given <= with_default


def test_modules_get_every_parameter_and_nothing_else() -> None:
    main = texts()["main.bicep"]
    for name, said in parse(main)["modules"].items():
        declared = set(parse(texts()[said["detail"]["path"]])["parameters"])
        assert set(modules(main)[name]["params"]) == declared, name


def test_prod_is_private_locked_and_in_more_than_one_zone() -> None:
    prod = parameter_file("prod")
    assert [prod[name] for name in ("isPrivate", "isZoneRedundant", "isLocked")] == ["true", "true", "true"]
    assert prod["isServerless"] == "false"
    assert int(prod["auditImmutableDays"]) >= 365 * 6
    assert int(prod["alwaysReadyHttp"]) >= 2


def test_what_the_containers_may_use_in_all_regions_is_under_the_limit_of_the_account() -> None:
    prod = parameter_file("prod")
    containers = json.loads((INFRA / "cosmos-containers.json").read_text("utf-8"))
    most = sum(int(prod["casesMaxThroughput"]) if each["id"] == "cases" else 1000 for each in containers)
    regions = 1 if prod["secondaryLocation"] == "''" else 2

    assert "each.id == 'cases' ? casesMaxThroughput : 1000" in texts()["modules/cosmos.bicep"]
    assert most * regions <= int(prod["totalThroughputLimit"])
    for stage in ("dev", "test"):
        assert parameter_file(stage)["isServerless"] == "true"
        assert parameter_file(stage)["totalThroughputLimit"] == "-1", "Serverless has no limit; none is pretended."


@pytest.mark.parametrize("first", ["francecentral", "germanywestcentral"])
def test_the_second_region_of_prod_is_another_one_whichever_is_first(first: str) -> None:
    said = re.fullmatch(
        r"readEnvironmentVariable\('AZURE_LOCATION', '\w+'\) == '(\w+)' \? '(\w+)' : '(\w+)'",
        parameter_file("prod")["secondaryLocation"],
    )
    assert said is not None
    assert first != (said[2] if first == said[1] else said[3])


def test_an_app_that_moves_to_another_region_uses_the_same_accounts() -> None:
    main = texts()["main.bicep"]
    stated = modules(main)
    moves = {"hostStorage", "network", "functions"}
    assert {name for name, said in stated.items() if said["params"].get("location") == "appRegion"} == moves
    assert {name for name, said in stated.items() if "appName" in str(said["params"].get("name"))} == {
        "network", "functions",
    }  # fmt: skip
    assert "hostPlain" in str(stated["hostStorage"]["params"]["name"])
    assert "var appRegion = appLocation == '' ? location : appLocation" in main
    for stage in STAGES:
        assert parameter_file(stage)["appLocation"] == "readEnvironmentVariable('PLEDGE_APP_LOCATION', '')"


def test_a_retention_that_was_locked_is_not_written_again() -> None:
    storage, main = texts()["modules/storage.bicep"], modules(texts()["main.bicep"])
    assert "= [for (each, i) in containers: if (each.immutableDays > 0 && !isRetentionLocked) {" in storage
    assert main["auditStorage"]["params"]["isRetentionLocked"] == "isAuditLocked"
    assert not main["evidenceStorage"]["params"]["isRetentionLocked"]
    (page,) = re.findall(r"^## Lock the retention of audits\n(.+?)(?=^## )", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert page.index("isAuditLocked = true") < page.index("immutability-policy lock")
    for stage in STAGES:
        assert parameter_file(stage)["isAuditLocked"] in ("true", "false")


def test_there_is_a_way_into_prod() -> None:
    by_name = {each.name: each for each in resources({"n": texts()["modules/network.bicep"]})}
    peering, link = by_name["peering"].body["properties"], by_name["managementLink"].body["properties"]
    assert peering["remoteVirtualNetwork"] == {"id": "peeredNetworkId"}
    assert link["virtualNetwork"] == {"id": "peeredNetworkId"}, "Names have to lead to the private addresses too."
    assert (peering["allowVirtualNetworkAccess"], peering["allowForwardedTraffic"]) == (True, True)
    assert "PLEDGE_PEERED_NETWORK_ID" in parameter_file("prod")["peeredNetworkId"]


def test_roles_on_the_data_are_made_one_after_the_other() -> None:
    """Cosmos DB refuses a second change of an account's roles while one is under way."""
    said = parse(texts()["modules/cosmos.bicep"])["resources"]
    chain = ["container", "visitor", "appender", "writer", "visitorRole", "containerRole"]
    assert {name for name, each in said.items() if "/sqlRole" in each["type"]} == set(chain[1:])
    for before, name in itertools.pairwise(chain):
        assert bare(said[name]["config"])["dependsOn"] == [before]
    for name in ("container", "containerRole"):
        assert {"batchSize": 1} in [{each["type"]: each["argument"]} for each in said[name]["decorators"]]


def test_a_budget_begins_when_its_environment_does() -> None:
    for stage in STAGES:
        assert parameter_file(stage)["budgetStart"] == "readEnvironmentVariable('PLEDGE_BUDGET_START')"


def test_no_parameter_file_holds_a_secret() -> None:
    for stage in STAGES:
        assert not re.search(r"key|secret|password", "\n".join(parameter_file(stage)), re.IGNORECASE)


def test_browsers_are_let_in_from_the_sites_of_the_programmes() -> None:
    told = {
        origin
        for path in (ROOT / "programmes").glob("*.toml")
        for origin in tomllib.loads(path.read_text("utf-8")).get("cors_origins", [])
    }
    for stage in STAGES:
        assert set(re.findall(r"'([^']+)'", parameter_file(stage)["corsOrigins"])) == told


def without_reason(scans: str, prefix: str = "CKV") -> list[str]:
    """The checks that a scanner leaves out and nobody says why."""
    lines = [line.strip() for line in scans.splitlines()]
    return [
        line.removeprefix("- ")
        for before, line in itertools.pairwise(lines)
        if line.startswith(f"- {prefix}") and not before.startswith("# ")
    ]


@pytest.mark.parametrize(("file", "prefix"), [(".checkov.yaml", "CKV"), ("ps-rule.yaml", "Azure.")])
def test_every_skipped_scan_has_its_reason(file: str, prefix: str) -> None:
    scans = (ROOT / file).read_text("utf-8")

    assert scans.count(f"- {prefix}") > 0
    assert without_reason(scans, prefix) == []
    assert without_reason(f"{scans}    - {prefix}1\n", prefix) == [f"{prefix}1"]


def test_what_dev_and_test_may_lack_prod_may_not() -> None:
    (group,) = yaml.safe_load_all((ROOT / ".ps-rule/Stages.Rule.yaml").read_text("utf-8"))
    assert group["spec"]["if"] == {"field": "tags.stage", "in": ["dev", "test"]}
    everywhere = yaml.safe_load((ROOT / "ps-rule.yaml").read_text("utf-8"))["rule"]["exclude"]
    assert {"Azure.Storage.Firewall", "Azure.Cosmos.PublicAccess", "Azure.KeyVault.Firewall"} <= set(
        group["spec"]["rule"]
    ) - set(everywhere)
    assert "stage: stage" in texts()["main.bicep"].split("var tags")[1].split("\n")[0]


def test_the_rules_of_psrule_are_of_one_version() -> None:
    stated = yaml.safe_load((ROOT / "ps-rule.yaml").read_text("utf-8"))["requires"]
    ci = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    for module, version in stated.items():
        assert re.fullmatch(r"=\d+\.\d+\.\d+", version), "A newer one has rules that nobody has read."
        assert f"Install-Module {module} -RequiredVersion {version[1:]} " in ci


def test_a_module_that_nothing_uses_does_not_lie_about() -> None:
    used = {said["detail"]["path"] for said in parse(texts()["main.bicep"])["modules"].values()}
    assert used == {f"modules/{path.name}" for path in (INFRA / "modules").glob("*.bicep")}

"""What must hold for the Bicep files. Each check gives a sentence for what is wrong, so that faults can be tried."""

from __future__ import annotations

import json
import re

from tests.infra.reading import INFRA, modules, parse, resources

STORAGE_FLAGS = {
    "allowBlobPublicAccess": False,
    "allowSharedKeyAccess": False,
    "defaultToOAuthAuthentication": True,
    "allowCrossTenantReplication": False,
    "supportsHttpsTrafficOnly": True,
    "minimumTlsVersion": "TLS1_2",
}
COSMOS_FLAGS = {
    "disableLocalAuth": True,
    "disableKeyBasedMetadataWriteAccess": True,
    "minimalTlsVersion": "Tls12",
    "enableMultipleWriteLocations": False,
}
VAULT_FLAGS = {"enableRbacAuthorization": True, "enablePurgeProtection": True, "enableSoftDelete": True}
FLAGS = {
    "Microsoft.Storage/storageAccounts": STORAGE_FLAGS,
    "Microsoft.DocumentDB/databaseAccounts": COSMOS_FLAGS,
    "Microsoft.KeyVault/vaults": VAULT_FLAGS,
    "Microsoft.Web/sites": {"httpsOnly": True, "clientAffinityEnabled": False},
    "Microsoft.Insights/components": {"DisableLocalAuth": True},
    "Microsoft.EventGrid/topics": {"disableLocalAuth": True, "minimumTlsVersionAllowed": "1.2"},
}

KEYS = re.compile(r"listKeys|listSecrets|listConnectionStrings|primaryKey|accountKey|sharedKey=|AccountKey=", re.I)
NEVER_SET = ("COSMOS_KEY", "BLOB_ACCOUNT_KEY", "AUDIT_ACCOUNT_KEY", "AUTHORITY", "OUTBOUND_NETWORKS")
"""A key instead of the identity, another issuer than Microsoft's, addresses that are not public: local only."""

FORBIDDEN_ON_FLEX = re.compile(
    r"\b(FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|SCM_DO_BUILD_DURING_DEPLOYMENT"
    r"|ENABLE_ORYX_BUILD|WEBSITE_CONTENT\w+|WEBSITE_TIME_ZONE|TZ|healthCheckPath|linuxFxVersion)\b"
)
KEPT_IN_VAULT = ("ADDRESS_KEY", "PAYEE_KEY", "PARTNERS", "SMTP_PASSWORD")


def uncommented(text: str) -> str:
    return re.sub(r"//[^\n]*", "", re.sub(r"(https:)//", r"\1", text))


def names(files: dict[str, str]) -> list[str]:
    """A misspelt property is taken silently by scanners and by Azure: every name must be on the list."""
    allowed = json.loads((INFRA.parent / "tests/infra/allowed.json").read_text("utf-8"))
    problems = []
    for resource in resources(files):
        versioned = f"{resource.type}@{resource.api_version}"
        if versioned not in allowed:
            problems.append(f"{resource}: {versioned} is not on the list.")
        else:
            unknown = resource.paths() - set(allowed[versioned])
            problems += [f"{resource}: {path} is not on the list." for path in sorted(unknown)]
    return problems


def flags(files: dict[str, str]) -> list[str]:
    problems, seen = [], set()
    for resource in resources(files):
        if resource.existing:
            continue
        seen.add(resource.type)
        for name, value in FLAGS.get(resource.type, {}).items():
            if resource.body["properties"].get(name) != value:
                problems.append(f"{resource}: {name} must be {value}.")
    return problems + [f"There is no {each}." for each in sorted(set(FLAGS) - seen)]


def roles(files: dict[str, str]) -> list[str]:
    """Without a principal type a role fails for an identity that is new; data roles are never for the account."""
    problems = []
    for resource in resources(files):
        given = resource.body.get("properties", {})
        if resource.type == "Microsoft.Authorization/roleAssignments":
            if given.get("principalType") != "ServicePrincipal":
                problems.append(f"{resource}: principalType must be ServicePrincipal.")
            if "scope" not in resource.body:
                problems.append(f"{resource}: a role for the whole group.")
        if resource.type.endswith("/sqlRoleAssignments") and resource.name != "visitorRole":
            if "/colls/" not in str(given.get("scope")):
                problems.append(f"{resource}: a data role for more than one container.")
    return problems


def data_actions(files: dict[str, str]) -> list[str]:
    """What the custom roles permit: the appender never changes, nobody may do everything."""
    text = files["modules/cosmos.bicep"]
    definitions = {
        name: "\n".join(line for line in block.splitlines() if "dataActions" in line)
        for name, block in re.findall(r"resource (\w+) '[^']+/sqlRoleDefinitions@[^']+' = \{(.*?)\n\}", text, re.DOTALL)
    }
    problems = [f"{name}: everything at once." for name, said in definitions.items() if "*" in said]
    for name, forbidden in {
        "visitor": ("items", "executeQuery", "readActions"),
        "appender": ("replace", "delete", "upsert"),
        "writer": ("upsert",),
    }.items():
        said = definitions.get(name)
        if said is None:
            problems.append(f"There is no {name}.")
        else:
            problems += [f"{name} may {word}." for word in forbidden if word in said]
    if "items/create" not in definitions.get("appender", ""):
        problems.append("The appender may not append.")
    return problems


def no_keys(files: dict[str, str]) -> list[str]:
    problems = []
    for file, text in files.items():
        code = uncommented(text)
        problems += [f"{file}: {found}" for found in KEYS.findall(code)]
        problems += [f"{file}: {name} is set." for name in NEVER_SET if re.search(rf"\b{name}\b", code)]
        problems += [f"{file}: {found} is not for Flex." for found in FORBIDDEN_ON_FLEX.findall(code)]
        for name, output in parse(text).get("outputs", {}).items():
            if re.search(r"key|secret|password|token|sas\b", f"{name} {output['value']}", re.IGNORECASE):
                problems.append(f"{file}: the output {name} looks like a secret.")
    return problems


def secrets_in_vault(files: dict[str, str]) -> list[str]:
    settings = modules(files["main.bicep"])["functions"]["params"]["settings"]
    return [f"{name} does not come from the vault." for name in KEPT_IN_VAULT if "${secret}" not in str(settings[name])]


def records(files: dict[str, str]) -> list[str]:
    """Evidence can be erased, audits cannot and can only be added to; and they lie in accounts apart."""
    stated = modules(files["main.bicep"])
    evidence, audits, host = (stated[name]["params"] for name in ("evidenceStorage", "auditStorage", "hostStorage"))
    problems = []
    if [each["immutableDays"] for each in evidence["containers"]] != [0] or evidence["isVersioned"]:
        problems.append("Evidence could not be erased.")
    if {each["immutableDays"] for each in audits["containers"]} != {"auditImmutableDays"}:
        problems.append("Audits could be changed.")
    if evidence["softDeleteDays"] != "evidenceSoftDeleteDays":
        problems.append("Evidence that was deleted by mistake could not be brought back.")
    if audits["softDeleteDays"] < 30 or audits["isVersioned"] is not True:
        problems.append("Audits that were deleted could not be brought back.")
    for account, may in ((evidence, {"read", "add/action", "write", "delete"}), (audits, {"read", "add/action"})):
        for each in account["containers"]:
            acts = {act.split("}/")[-1] for act in each["dataActions"]}
            problems += [f"{each['name']}: the app may {act}." for act in sorted(acts - may)]
        if account["accountRoleId"] != "":
            problems.append("A role for all containers at once.")
    if any(each["dataActions"] for each in host["containers"]) or host["accountRoleId"] != "blobOwner":
        problems.append("The host's storage is not the host's alone.")
    return problems


def flex(files: dict[str, str]) -> list[str]:
    by_name = {each.name: each for each in resources({"f": files["modules/functions.bicep"]})}
    app, plan = by_name["app"].body["properties"], by_name["plan"].body
    triggers = app["functionAppConfig"]["scaleAndConcurrency"].get("triggers", {})
    problems = []
    if "perInstanceConcurrency" not in triggers.get("http", {}):
        problems.append("Each instance would work on one request at a time.")
    if plan["sku"]["name"] != "FC1" or plan["properties"].get("reserved") is not True:
        problems.append("The plan is not Flex Consumption on Linux.")
    if app["functionAppConfig"]["deployment"]["storage"]["authentication"]["type"] != "UserAssignedIdentity":
        problems.append("Deployment uses a key.")
    if app["siteConfig"]["minTlsVersion"] != "1.2" or app["siteConfig"]["ftpsState"] != "Disabled":
        problems.append("Old protocols are open.")
    if "AzureEventGrid" not in str(app["siteConfig"]["ipSecurityRestrictions"]):
        problems.append("Event Grid could not deliver what the scanner found.")
    return problems


ALL = (names, flags, roles, data_actions, no_keys, secrets_in_vault, records, flex)


def problems(files: dict[str, str]) -> list[str]:
    """Everything that is wrong."""
    return [sentence for check in ALL for sentence in check(files)]

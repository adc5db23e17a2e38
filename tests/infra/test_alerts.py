"""Every alert has its page in the runbook, every timer an alert on its silence, every query a table that is filled."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from functions.timers import TIMERS
from tests.infra.reading import INFRA, ROOT, parameter_file, resources, texts

ALERTS: dict[str, list[dict[str, Any]]] = json.loads((INFRA / "alerts.json").read_text("utf-8"))
EACH = [alert for kind in ALERTS.values() for alert in kind]
QUERIES: list[dict[str, Any]] = json.loads((INFRA / "queries.json").read_text("utf-8"))
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
TABLES = {
    "AppTraces": {"TimeGenerated": "datetime", "Message": "string", "SeverityLevel": "int"},
    "AppRequests": {
        "TimeGenerated": "datetime", "Name": "string", "ResultCode": "string", "Success": "bool", "DurationMs": "real",
    },
    "AppMetrics": {"TimeGenerated": "datetime", "Name": "string", "Sum": "real", "Properties": "dynamic"},
    "StorageBlobLogs": {
        "TimeGenerated": "datetime", "OperationName": "string", "Uri": "string", "StatusCode": "string",
        "StatusText": "string",
    },
    "AzureDiagnostics": {
        "TimeGenerated": "datetime", "Category": "string", "OperationName": "string", "ResourceProvider": "string",
        "action_s": "string", "clientIP_s": "string",
    },
    "CDBDataPlaneRequests": {
        "TimeGenerated": "datetime", "CollectionName": "string", "OperationName": "string", "RequestCharge": "real",
    },
}  # fmt: skip
"""What is filled, and what of it may be asked: names and types as Azure's reference of tables has them."""
MAYBE = {"identity_claim_oid_g", "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g"}
"""Columns of AzureDiagnostics that come with the first line that has them; asked with column_ifexists only."""
FUZZY = r"union isfuzzy=true \(datatable\(([^)]+)\) \[\]\), (\w+)"
KQL = frozenset({
    "union", "isfuzzy", "datatable", "let", "where", "extend", "summarize", "order", "top", "join", "kind", "leftouter",
    "leftanti", "on", "by", "and", "or", "in", "has", "contains", "startswith", "matches", "regex", "count", "countif",
    "sum", "min", "max", "avg", "percentile", "round", "bin", "ago", "extract", "toint", "todouble", "tostring",
    "coalesce", "column_ifexists", "isnull", "datetime", "string", "bool", "real", "true", "false", "desc", "count_",
})  # fmt: skip
OPERATIONS = {
    "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/locks/delete",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write",
    "Microsoft.DocumentDB/databaseAccounts/failoverPriorityChange/action",
    "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies/delete",
}  # fmt: skip
METRICS: dict[str, tuple[str, str, float, list[tuple[str, list[str]]]]] = {
    "TotalRequests": ("Count", "GreaterThan", 0, [("StatusCode", ["429"])]),
    "NormalizedRUConsumption": ("Maximum", "GreaterThan", 90, []),
    "ServiceAvailability": ("Average", "LessThan", 99.9, []),
}
"""As Azure's references of operations and metrics have them: a name that is not there is never seen, and never told."""
SPANS = {
    # How often it is asked, over what time, and what of its sentence its query says.
    "deliveries-silent": ("PT5M", "PT15M", "15 minutes", "runs == 0"),
    "sweep-silent": ("PT1H", "P2D", "26 hours", "ago(26h)"),
    "audit-silent": ("PT15M", "PT1H", "an hour", "runs == 0"),
    "sweep-left-cases": ("PT15M", "PT15M", "some cases", "failed=[1-9]"),
    "deliveries-behind": ("PT5M", "PT30M", "as much as it may", "runs > 5 and least >= 500"),
    "function-failed": ("PT15M", "PT15M", "A timer", "Success == false and Name startswith 'run_'"),
    "server-errors": ("PT5M", "PT15M", "one request in fifty", "failed * 50 > asked"),
    "slow": ("PT15M", "PT30M", "One request in twenty takes longer than three", "p95 > 3000"),
    "unexpected-error": ("PT15M", "PT15M", "no answer", "'unexpected error'"),
    "store-unavailable": ("PT5M", "PT15M", "with 503", "ResultCode == '503'"),
    "payment-frozen": ("PT15M", "PT15M", "no answer we know", "not understood"),
    "audit-findings": ("PT1H", "PT1H", "found", "findings=[1-9]"),
    "audit-not-stored": ("PT1H", "PT1H", "could not be written", "toint(StatusCode) >= 400"),
    "event-id-reused": ("PT15M", "PT15M", "used before", "event id reused"),
    "clock-off": (
        "PT15M",
        "PT15M",
        "Our clock, or a partner's",
        "in ('our clock is off', \"a partner's clock is off\")",
    ),
    "many-refused": ("PT5M", "PT15M", "Many", "refused > 200 and refused * 2 > asked"),
    "flood-stopped": ("PT5M", "PT15M", "turned away", "action_s == 'Block'"),
    "secret-read": ("PT15M", "PT1H", "other than the function app", "caller !~ '{app}'"),
    "task-overdue": ("PT6H", "PT6H", "three days", "least > 3 * 24 * 3600"),
    "message-old": ("PT15M", "PT30M", "an hour ago", "least > 3600"),
    "store-retried": ("PT15M", "PT15M", "again and again", "again > 100"),
    "file-not-scanned": ("PT15M", "PT6H", "half an hour", "ago(30m)"),
    "scan-failed": ("PT15M", "PT15M", "could not scan", "scan without result"),
    "event-put-aside": ("PT15M", "PT15M", "never be applied", "event put aside"),
    "logs-capped": ("PT15M", "PT1H", "in a day", "'OverQuota'"),
}
LOGGED = "\n".join(path.read_text("utf-8") for f in ("functions", "shared") for path in (ROOT / f).rglob("*.py"))


@pytest.mark.parametrize("name", [*(alert["name"] for alert in EACH), "not-reachable"])
def test_an_alert_has_its_page(name: str) -> None:
    page = re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)
    (found,) = [part for part in page if part.startswith(f"{name}\n")]
    for word in ("**Means**", "**Look**", "**Do**"):
        assert word in found, word


def test_a_page_has_its_alert() -> None:
    pages = set(re.findall(r"^### ([a-z-]+)$", RUNBOOK, re.MULTILINE))
    assert pages == {alert["name"] for alert in EACH} | {"not-reachable"}


def action_groups(part: str) -> str:
    """What a resource of alerts.bicep says of whom it tells."""
    (found,) = re.findall(rf"^resource {part} .*?^    actions: (.+?)$", texts()["modules/alerts.bicep"], re.M | re.S)
    return str(found)


def test_what_cannot_wait_wakes_somebody_and_the_rest_is_mail() -> None:
    both = {
        "query": "[people.id, onCall.id] : [people.id]",
        "metric": "[{ actionGroupId: people.id }, { actionGroupId: onCall.id }] : [{ actionGroupId: people.id }]",
    }
    for part, groups in both.items():
        assert f"each.severity <= 1 ? {groups}" in action_groups(part)
    assert f"each.wakes ? {both['metric']}" in action_groups("activity")
    assert action_groups("alive") == "[{ actionGroupId: people.id }, { actionGroupId: onCall.id }]"
    woken = {alert["name"] for alert in ALERTS["activities"] if alert["wakes"]}
    assert woken == {"lock-deleted", "policy-deleted"}


def test_whoever_is_called_has_a_telephone_in_prod() -> None:
    by_name = {each.name: each for each in resources({"a": texts()["modules/alerts.bicep"]})}
    receivers = by_name["onCall"].body["properties"]
    assert {"voiceReceivers", "smsReceivers", "azureAppPushReceivers"} <= set(receivers)
    assert parameter_file("prod")["wakePhones"] == "split(readEnvironmentVariable('PLEDGE_WAKE_PHONES'), ',')"


def test_a_mail_leads_to_the_page_of_its_alert() -> None:
    text = texts()["modules/alerts.bicep"]
    assert "var runbook = '${repositoryUrl}/blob/main/docs/runbook.md'" in text
    assert text.count("${runbook}#${each.name}") == 3
    assert "${runbook}#not-reachable" in text


def test_names_are_used_once() -> None:
    assert len({alert["name"] for alert in EACH}) == len(EACH)


def test_every_timer_has_an_alert_on_its_silence() -> None:
    silent = {alert["name"]: alert["query"] for alert in ALERTS["queries"] if alert["name"].endswith("-silent")}
    for timer in TIMERS:
        assert any(timer.name in query for query in silent.values()), timer.name
    named = set(re.findall(r"'(run_[a-z_]+) ?'", "".join(silent.values()))) - {"run_"}
    assert named == {timer.name for timer in TIMERS}


def strange(query: str) -> list[str]:
    """Words of a query that are neither its language's, nor a column of what it asks, nor made in it."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "", query)
    made = set(re.findall(r"\b(\w+) = |\blet (\w+)", plain)) | set(
        re.findall(r"datatable\((\w+):(?= string\) \[[^]])()", plain)
    )
    asked = [columns for table, columns in TABLES.items() if re.search(rf"\b{table}\b", plain)]
    known = KQL | set(TABLES) | {"_LogOperation"} | {name for pair in made for name in pair}
    known = known.union(*asked, {"Category", "Detail"} if plain.startswith("_LogOperation") else ())
    return [word for word in re.findall(r"(?<![\w.])[A-Za-z_]\w*", plain) if word not in known]


@pytest.mark.parametrize("each", [*ALERTS["queries"], *QUERIES], ids=lambda each: each["name"])
def test_a_query_is_made_of_words_that_there_are(each: dict[str, Any]) -> None:
    assert strange(each["query"]) == []
    operations = set(re.findall(r"OperationName (?:in \(|== )([^)|\n]+)", each["query"]))
    assert operations <= {"'PutBlob', 'AppendBlock'", "'SecretGet'"}
    for category in re.findall(r"Category =[=~] '(\w+)'", each["query"]):
        assert category in ("FrontDoorWebApplicationFirewallLog", "Ingestion")


@pytest.mark.parametrize("alert", ALERTS["queries"], ids=lambda alert: alert["name"])
@pytest.mark.parametrize("pattern", [r"\b(Message|Name|ResultCode|Uri|action_s|Detail)\b", r"\b(where|summarize)\b"])
def test_a_misspelt_word_is_found(alert: dict[str, Any], pattern: str) -> None:
    for word in set(re.findall(pattern, re.sub(FUZZY, "", alert["query"]))):
        assert strange(re.sub(rf"\b{word}\b", f"{word}x", alert["query"])) != []


@pytest.mark.parametrize("alert", ALERTS["queries"], ids=lambda alert: alert["name"])
def test_an_alert_looks_over_the_time_that_its_sentence_says(alert: dict[str, Any]) -> None:
    every, window, says, asks = SPANS[alert["name"]]
    assert (alert["every"], alert["window"]) == (every, window)
    assert says in alert["means"]
    assert asks in alert["query"]


def test_metrics_and_operations_are_those_that_there_are() -> None:
    for alert in ALERTS["cosmosMetrics"]:
        dimensions = [(each["name"], each["values"]) for each in alert["dimensions"]]
        said = (alert["aggregation"], alert["operator"], alert["threshold"], dimensions)
        assert said == METRICS[alert["metric"]]
        assert all(each["operator"] == "Include" for each in alert["dimensions"])
    assert {alert["metric"] for alert in ALERTS["cosmosMetrics"]} == set(METRICS)
    whens = [alert["when"] for alert in ALERTS["activities"]]
    assert {when["operationName"] for when in whens if when["category"] == "Administrative"} == OPERATIONS
    assert [when for when in whens if when["category"] != "Administrative"] == [{"category": "ServiceHealth"}]


def test_severities_are_known() -> None:
    severe = {
        alert["name"] for kind in ("queries", "cosmosMetrics") for alert in ALERTS[kind] if alert["severity"] <= 1
    }
    assert severe == {
        "deliveries-silent", "sweep-silent", "server-errors", "store-unavailable", "payment-frozen", "audit-findings",
        "audit-not-stored", "secret-read", "logs-capped", "store-not-available",
    }  # fmt: skip


def unsafe(query: str) -> list[str]:
    """Why a rule with this query could not be made where no table and no column has been filled yet."""
    asked, rest = re.findall(FUZZY, query), re.sub(FUZZY, "", query)
    found = [] if asked or query.startswith("_LogOperation") else ["It asks no table."]
    found += [f"{table} may not be there." for table in TABLES if re.search(rf"\b{table}\b", rest)]
    for columns, table in asked:
        declared, known = dict(column.split(": ") for column in columns.split(", ")), TABLES.get(table, {})
        for name in {*declared, *known}:
            if name not in known:
                found.append(f"{table} has no {name}.")
            elif declared.get(name, known[name]) != known[name]:
                found.append(f"{name} is a {known[name]}.")
            elif name not in declared and re.search(rf"\b{name}\b", rest):
                found.append(f"{name} is not declared.")
    found += [f"{name} is no column." for name in re.findall(r"column_ifexists\('(\w+)'", rest) if name not in MAYBE]
    custom = re.findall(r"\b\w+_[sgd]\b", re.sub(r"column_ifexists\('\w+'", "", rest))
    return found + [f"{name} may not be there." for name in custom if name not in TABLES["AzureDiagnostics"]]


@pytest.mark.parametrize("alert", ALERTS["queries"], ids=lambda alert: alert["name"])
def test_a_query_asks_a_table_that_is_filled_but_can_do_without(alert: dict[str, Any]) -> None:
    assert unsafe(alert["query"]) == []
    for said in re.findall(r"Message startswith '([^']+)'", alert["query"]):
        if not said.startswith("run_"):
            assert f'"{said}' in LOGGED, said


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("AppTraces\n| where Message == 'x'", "AppTraces may not be there."),
        ("union isfuzzy=true (datatable(Mesage: string) []), AppTraces", "AppTraces has no Mesage."),
        ("union isfuzzy=true (datatable(Message: int) []), AppTraces", "Message is a string."),
        ("union isfuzzy=true (datatable(Name: string) []), AppRequests | where Success", "Success is not declared."),
        ("union isfuzzy=true (datatable(Category: string) []), AzureDiagnostics | where a_s == ''", "a_s may not be"),
        ("union isfuzzy=true (datatable(Category: string) []), AzureDiagnostics | where column_ifexists('a_s', 0)",
         "a_s is no column."),
        ("print 1", "It asks no table."),
    ],
)  # fmt: skip
def test_a_query_that_a_new_workspace_would_refuse_is_found(query: str, complaint: str) -> None:
    assert complaint in "\n".join(unsafe(query))


def test_a_rule_can_be_made_before_its_tables_are_filled_and_knows_the_app() -> None:
    (rule,) = [each for each in resources(texts()) if each.type == "Microsoft.Insights/scheduledQueryRules"]
    assert rule.body["properties"]["skipQueryValidation"] is True
    assert "replace(each.query, '{app}', appPrincipalId)" in texts()["modules/alerts.bicep"]
    (secret,) = [each["query"] for each in ALERTS["queries"] if each["name"] == "secret-read"]
    assert secret.endswith("| where caller !~ '{app}'"), "Programs have an object id too, but no name."


def lines() -> list[str]:
    """Lines as the code writes them: each text of a logger with something filled in, and each timer's own."""
    texts_logged = re.findall(r'\blogger\.\w+\(\s*"([^"]+)"', LOGGED) + re.findall(r'commands\.\w+\("([^"]+)"', LOGGED)
    filled = [text.replace("%s", "x").replace("%d", "1") for text in texts_logged]
    return filled + [f"{timer.name} due=1 changed=1 failed=1 calls=1 units=1 retries=1" for timer in TIMERS]


@pytest.mark.parametrize("each", [*ALERTS["queries"], *QUERIES], ids=lambda each: each["name"])
def test_a_pattern_finds_a_line_that_the_code_writes(each: dict[str, Any]) -> None:
    for pattern in re.findall(r"Message matches regex '([^']+)'", each["query"]):
        if pattern.startswith(("^run_", "^audit")):
            assert any(re.search(pattern, line) for line in lines()), pattern


def test_the_workbook_is_deployed_and_asks_filled_tables() -> None:
    workbook = json.loads((INFRA / "workbook.json").read_text("utf-8"))
    shown = {item["name"]: item["content"]["query"] for item in workbook["items"] if item["type"] == 3}
    assert shown == {each["name"]: each["query"] for each in QUERIES}
    titles = {item["name"]: item["content"]["json"] for item in workbook["items"] if item["type"] == 1}
    assert titles == {f"{each['name']}-title": f"## {each['asks']}" for each in QUERIES}
    assert "loadTextContent('../workbook.json')" in texts()["modules/alerts.bicep"]
    assert "loadJsonContent('../queries.json')" in texts()["modules/alerts.bicep"]


@pytest.mark.parametrize("question", ["What is late", "Who waits on whom", "What failed", "What it cost",
                                      "Is anyone attacking"])  # fmt: skip
def test_a_saved_query_answers(question: str) -> None:
    assert [each for each in QUERIES if each["asks"].startswith(question)]


@pytest.mark.parametrize("each", QUERIES, ids=lambda each: each["name"])
def test_a_saved_query_asks_for_what_is_logged(each: dict[str, Any]) -> None:
    assert re.match(r"\w+", each["query"])[0] in TABLES  # type: ignore[index]
    for said in re.findall(r"Message startswith '([^']+)'", each["query"]):
        assert said.startswith("run_") or f'"{said}' in LOGGED, said


@pytest.mark.parametrize("each", [*ALERTS["queries"], *QUERIES], ids=lambda each: each["name"])
def test_a_query_reads_fields_that_lines_have(each: dict[str, Any]) -> None:
    for name in re.findall(r"[ '(]([a-z_]+)=\(", each["query"]):
        assert re.search(rf"[\"' ]{name}[\"'=]", LOGGED) or name.startswith("late_"), name

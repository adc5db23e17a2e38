"""Every setting that the code reads is set in Azure and shown in the example, and nothing else is."""

from __future__ import annotations

import base64
import json
import re

import pytest
from croniter import croniter

from functions.timers import TIMERS
from shared.settings import load_settings
from tests.infra.checks import KEPT_IN_VAULT, NEVER_SET
from tests.infra.reading import ROOT, modules, parse, texts

HOST = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"}
"""Read by the host, in both places."""

PLATFORM = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "OTEL_SERVICE_NAME",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
}
"""Read by the platform and by what it loads into the worker."""
LAPTOP = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}


def read_by_code() -> set[str]:
    text = (ROOT / "shared/settings.py").read_text("utf-8")
    return set(re.findall(r'reader\.\w+\(\s*"([A-Z_]+)"', text)) | schedules()


def schedules() -> set[str]:
    return {timer.schedule.strip("%") for timer in TIMERS}


def set_in_azure() -> dict[str, object]:
    platform = parse(texts()["modules/functions.bicep"])["variables"]["platformSettings"]["value"]
    return platform | modules(texts()["main.bicep"])["functions"]["params"]["settings"]


def shown() -> dict[str, str]:
    return dict(json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"])


def differences(code: set[str], azure: set[str], example: set[str]) -> list[str]:
    """Where the code, Azure and the example do not speak of the same settings."""
    wanted = {"Azure": (azure, code - set(NEVER_SET) | HOST | PLATFORM), "the example": (example, code | HOST | LAPTOP)}
    found = []
    for where, (has, should) in wanted.items():
        found += [f"{where} lacks {name}." for name in sorted(should - has)]
        found += [f"{where} sets {name}, which nothing reads." for name in sorted(has - should)]
    return found


def test_code_azure_and_example_speak_of_the_same_settings() -> None:
    assert differences(read_by_code(), set(set_in_azure()), set(shown())) == []


@pytest.mark.parametrize("name", ["SITE_URL", "TIMERS_OFF", "DELIVERIES_SCHEDULE", "AUDIT_ACCOUNT_URL"])
def test_a_setting_that_is_missing_or_too_many_is_found(name: str) -> None:
    code, azure, example = read_by_code(), set(set_in_azure()), set(shown())

    assert differences(code, azure - {name}, example) == [f"Azure lacks {name}."]
    assert differences(code, azure, example - {name}) == [f"the example lacks {name}."]
    assert differences(code - {name}, azure, example) == [
        f"Azure sets {name}, which nothing reads.", f"the example sets {name}, which nothing reads.",
    ]  # fmt: skip
    assert "Azure sets COSMOS_KEY, which nothing reads." in differences(code, azure | {"COSMOS_KEY"}, example)


def test_there_is_one_exporter_and_the_worker_is_told_to_load_it() -> None:
    packages = re.findall(r"^(azure-monitor-[a-z-]+|opentelemetry-exporter-[a-z-]+)==", needed(), re.MULTILINE)

    assert packages == ["azure-monitor-opentelemetry"]
    assert set_in_azure()["PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"] == "true"
    assert "azure_sdk" in str(set_in_azure()["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"])
    assert json.loads((ROOT / "host.json").read_text("utf-8"))["telemetryMode"] == "OpenTelemetry"
    for folder in ("functions", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "configure_azure_monitor" not in path.read_text("utf-8"), "The worker does that; twice is double."


def needed() -> str:
    return (ROOT / "requirements.txt").read_text("utf-8")


def test_the_example_holds_no_secret() -> None:
    assert all(
        shown()[name] in ("", "{}") for name in (*KEPT_IN_VAULT, "COSMOS_KEY", "BLOB_ACCOUNT_KEY", "AUDIT_ACCOUNT_KEY")
    )


@pytest.mark.parametrize("name", sorted(schedules()))
def test_a_timer_has_six_fields_and_runs_as_on_a_laptop(name: str) -> None:
    said = str(set_in_azure()[name])
    assert len(said.split()) == 6
    assert croniter.is_valid(said, second_at_beginning=True)
    assert said == shown()[name]


def test_the_code_reads_no_setting_behind_the_model() -> None:
    for folder in ("functions", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name not in ("settings.py", "bootstrap.py"):
                assert not re.search(r"os\.environ|getenv", path.read_text("utf-8")), path


def test_a_secret_that_was_put_into_the_vault_from_a_file_is_read_without_its_line_end() -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    other = base64.b64encode(bytes(range(1, 33))).decode()
    given = {name: value or "x" for name, value in shown().items() if not name.endswith("_ACCOUNT_KEY")}
    secrets = {"ADDRESS_KEY": f"{key}\n", "PAYEE_KEY": other, "SMTP_PASSWORD": "a b\n", "AZURE_CLIENT_ID": ""}
    settings = load_settings(given | secrets)

    assert settings.address_key == bytes(range(32))
    assert settings.smtp_password == "a b"


def test_the_page_on_the_first_deployment_puts_secrets_in_without_a_line_end_and_before_the_app() -> None:
    page = (ROOT / "docs/first-deployment.md").read_text("utf-8")
    order = ["az login", "azd auth login", "azd provision", "az keyvault secret set", "azd deploy"]

    assert [page.index(f"    {each}") for each in order] == sorted(page.index(f"    {each}") for each in order)
    assert all("tr -d '\\n'" in line for line in page.splitlines() if "openssl rand" in line)
    assert "    azd up" not in page

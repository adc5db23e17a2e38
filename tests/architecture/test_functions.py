"""The functions table: what the host finds, written down once more. A new route changes this file in the same diff."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from croniter import croniter

from functions.access import ACCESS
from local.config import ROOT

HTTP = [
    ("post_submissions_choice", "POST cases/{case_id}/submissions/{submission}/choice", "ANONYMOUS"),
    ("post_corrections", "POST cases/{case_id}/corrections", "ANONYMOUS"),
    ("post_offer_answer", "POST cases/{case_id}/offer-answer", "ANONYMOUS"),
    ("post_withdrawal", "POST cases/{case_id}/withdrawal", "ANONYMOUS"),
    ("post_contact", "POST cases/{case_id}/contact", "ANONYMOUS"),
    ("post_applications", "POST applications", "ANONYMOUS"),
    ("post_links", "POST links", "ANONYMOUS"),
    ("get_case", "GET cases/{case_id}", "ANONYMOUS"),
    ("get_guarantee", "GET cases/{case_id}/guarantee", "ANONYMOUS"),
    ("post_documents", "POST cases/{case_id}/documents", "ANONYMOUS"),
    ("get_document", "GET cases/{case_id}/documents/{document}", "ANONYMOUS"),
    ("get_events", "GET cases/{case_id}/events", "ANONYMOUS"),
    ("get_cases", "GET cases", "ANONYMOUS"),
    ("post_case_searches", "POST case-searches", "ANONYMOUS"),
    ("get_work_queue", "GET work-queue", "ANONYMOUS"),
    ("post_assignment", "POST cases/{case_id}/assignment", "ANONYMOUS"),
    ("post_screening_events", "POST cases/{case_id}/screening-events", "ANONYMOUS"),
    ("post_recommendation", "POST cases/{case_id}/recommendation", "ANONYMOUS"),
    ("post_assessments", "POST cases/{case_id}/assessments", "ANONYMOUS"),
    ("post_admission_decision", "POST cases/{case_id}/admission-decision", "ANONYMOUS"),
    ("post_offer_withdrawal", "POST cases/{case_id}/offer-withdrawal", "ANONYMOUS"),
    ("post_conditions", "POST cases/{case_id}/conditions/{condition_id}", "ANONYMOUS"),
    ("post_reopening", "POST cases/{case_id}/reopening", "ANONYMOUS"),
    ("post_contract", "POST cases/{case_id}/contract", "ANONYMOUS"),
    ("post_contract_receipt", "POST cases/{case_id}/contract-receipt", "ANONYMOUS"),
    ("post_contract_signature", "POST cases/{case_id}/contract-signature", "ANONYMOUS"),
    ("post_cancellation", "POST cases/{case_id}/cancellation", "ANONYMOUS"),
    ("post_course_start", "POST cases/{case_id}/course-start", "ANONYMOUS"),
    ("post_enrolment_exemption", "POST cases/{case_id}/enrolment-exemption", "ANONYMOUS"),
    ("post_extension", "POST cases/{case_id}/extension", "ANONYMOUS"),
    ("post_leave_requests", "POST cases/{case_id}/leave-requests", "ANONYMOUS"),
    ("post_leave_ruling", "POST cases/{case_id}/leave-ruling", "ANONYMOUS"),
    ("post_leave_end", "POST cases/{case_id}/leave-end", "ANONYMOUS"),
    ("post_expiry", "POST cases/{case_id}/expiry", "ANONYMOUS"),
    ("post_payments", "POST cases/{case_id}/payments", "ANONYMOUS"),
    ("post_diploma", "POST cases/{case_id}/diploma", "ANONYMOUS"),
    ("post_diploma_revocation", "POST cases/{case_id}/diploma-revocation", "ANONYMOUS"),
    ("post_contact_logged", "POST cases/{case_id}/contact-logged", "ANONYMOUS"),
    ("post_call_backs", "POST cases/{case_id}/call-backs", "ANONYMOUS"),
    ("post_declarations", "POST cases/{case_id}/declarations", "ANONYMOUS"),
    ("post_pause_requests", "POST cases/{case_id}/pause-requests", "ANONYMOUS"),
    ("post_pause_ruling", "POST cases/{case_id}/pause-ruling", "ANONYMOUS"),
    ("post_pause_end", "POST cases/{case_id}/pause-end", "ANONYMOUS"),
    ("post_exemption", "POST cases/{case_id}/exemption", "ANONYMOUS"),
    ("post_search_weeks", "POST cases/{case_id}/search-weeks", "ANONYMOUS"),
    ("post_offers", "POST cases/{case_id}/offers", "ANONYMOUS"),
    ("post_offers_answer", "POST cases/{case_id}/offers/{offer_id}/answer", "ANONYMOUS"),
    ("post_offers_ruling", "POST cases/{case_id}/offers/{offer_id}/ruling", "ANONYMOUS"),
    ("post_placements", "POST cases/{case_id}/placements", "ANONYMOUS"),
    ("get_positions", "GET positions", "ANONYMOUS"),
    ("post_introductions", "POST cases/{case_id}/introductions", "ANONYMOUS"),
    ("post_introductions_outcome", "POST cases/{case_id}/introductions/{introduction}/outcome", "ANONYMOUS"),
    ("post_placement_imports", "POST placement-imports", "ANONYMOUS"),
    ("post_placement_imports_continuation", "POST placement-imports/{import_id}/continuation", "ANONYMOUS"),
    ("get_placement_import", "GET placement-imports/{import_id}", "ANONYMOUS"),
    ("get_placement_import_result", "GET placement-imports/{import_id}/result", "ANONYMOUS"),
    ("get_early_risk", "GET early-risk", "ANONYMOUS"),
    ("post_placements_correction", "POST cases/{case_id}/placements/{placement}/correction", "ANONYMOUS"),
    (
        "post_placements_confirmation_requests",
        "POST cases/{case_id}/placements/{placement}/confirmation-requests",
        "ANONYMOUS",
    ),
    ("get_confirmation", "GET confirmation", "ANONYMOUS"),
    ("post_confirmation", "POST confirmation", "ANONYMOUS"),
    ("post_placements_evidence", "POST cases/{case_id}/placements/{placement}/evidence", "ANONYMOUS"),
    ("post_placements_job", "POST cases/{case_id}/placements/{placement}/job", "ANONYMOUS"),
    ("post_placements_end", "POST cases/{case_id}/placements/{placement}/end", "ANONYMOUS"),
    ("post_placements_verification", "POST cases/{case_id}/placements/{placement}/verification", "ANONYMOUS"),
    ("post_waivers", "POST cases/{case_id}/waivers", "ANONYMOUS"),
    ("post_claims", "POST cases/{case_id}/claims", "ANONYMOUS"),
    ("post_claims_withdrawal", "POST cases/{case_id}/claims/{claim}/withdrawal", "ANONYMOUS"),
    ("post_payee", "POST cases/{case_id}/payee", "ANONYMOUS"),
    ("post_appeals", "POST cases/{case_id}/appeals", "ANONYMOUS"),
    ("post_proposals_signature", "POST cases/{case_id}/proposals/{proposal}/signature", "ANONYMOUS"),
    ("post_refunds_payment", "POST cases/{case_id}/refunds/{refund}/payment", "ANONYMOUS"),
    ("post_appeals_decision", "POST cases/{case_id}/appeals/{appeal}/decision", "ANONYMOUS"),
    ("post_refunds_release", "POST cases/{case_id}/refunds/{refund}/release", "ANONYMOUS"),
    ("post_recovery_outcome", "POST cases/{case_id}/recovery/{recovery}/outcome", "ANONYMOUS"),
    ("post_data_requests", "POST cases/{case_id}/data-requests", "ANONYMOUS"),
    ("post_data_requests_ruling", "POST cases/{case_id}/data-requests/{request}/ruling", "ANONYMOUS"),
    ("post_intake_move", "POST cases/{case_id}/intake-move", "ANONYMOUS"),
    ("post_duplicate", "POST cases/{case_id}/duplicate", "ANONYMOUS"),
    ("post_date_corrections", "POST cases/{case_id}/date-corrections", "ANONYMOUS"),
    ("post_date_corrections_signature", "POST cases/{case_id}/date-corrections/{correction}/signature", "ANONYMOUS"),
    ("post_messages_sending", "POST cases/{case_id}/messages/{message}/sending", "ANONYMOUS"),
    ("post_holds", "POST cases/{case_id}/holds", "ANONYMOUS"),
    ("post_holds_release", "POST cases/{case_id}/holds/{hold}/release", "ANONYMOUS"),
    ("get_export", "GET cases/{case_id}/export", "ANONYMOUS"),
    ("post_conflicts", "POST cases/{case_id}/conflicts", "ANONYMOUS"),
    ("post_conflicts_lifting", "POST cases/{case_id}/conflicts/{conflict}/lifting", "ANONYMOUS"),
    ("get_reads", "GET cases/{case_id}/reads", "ANONYMOUS"),
    ("post_webhooks", "POST webhooks/{partner}", "ANONYMOUS"),
    ("get_partner_events", "GET partner-events", "ANONYMOUS"),
    ("post_partner_events_dismissal", "POST partner-events/{event}/dismissal", "ANONYMOUS"),
    ("post_partner_events_replay", "POST partner-events/{event}/replay", "ANONYMOUS"),
    ("get_partners", "GET partners", "ANONYMOUS"),
    ("post_audits", "POST audits", "ANONYMOUS"),
    ("get_audits", "GET audits", "ANONYMOUS"),
    ("get_audit", "GET audits/{run}", "ANONYMOUS"),
    ("get_audit_file", "GET audits/{run}/files/{name}", "ANONYMOUS"),
    ("get_anchors", "GET cases/{case_id}/anchors", "ANONYMOUS"),
    ("get_audit_samples", "GET audit-samples", "ANONYMOUS"),
    ("get_audit_sample", "GET audit-samples/{month}", "ANONYMOUS"),
    ("post_audit_samples_reviews", "POST audit-samples/{month}/reviews", "ANONYMOUS"),
    ("post_deputies", "POST deputies", "ANONYMOUS"),
    ("get_deputies", "GET deputies", "ANONYMOUS"),
    ("post_link_revocations", "POST link-revocations", "ANONYMOUS"),
    ("post_staff_revocations", "POST staff-revocations", "ANONYMOUS"),
    ("get_outcomes", "GET reports/outcomes", "ANONYMOUS"),
    ("get_outcomes_public", "GET reports/outcomes/public", "ANONYMOUS"),
    ("post_outcomes_exports", "POST reports/outcomes/exports", "ANONYMOUS"),
    ("get_outcomes_export", "GET reports/outcomes/exports/{export_id}", "ANONYMOUS"),
    ("get_outcomes_person", "GET reports/outcomes/people/{person}", "ANONYMOUS"),
    ("get_refund_liability", "GET reports/refund-liability", "ANONYMOUS"),
    ("get_payments", "GET reports/payments", "ANONYMOUS"),
    ("get_funnel", "GET reports/funnel", "ANONYMOUS"),
    ("get_health_live", "GET health/live", "ANONYMOUS"),
    ("get_health_ready", "GET health/ready", "ANONYMOUS"),
    ("get_openapi", "GET openapi.json", "ANONYMOUS"),
]
TIMERS = [
    ("run_audit", "%AUDIT_SCHEDULE%", "0 */10 * * * *"),
    ("run_deadlines", "%DEADLINES_SCHEDULE%", "0 0 13 * * *"),
    ("run_deliveries", "%DELIVERIES_SCHEDULE%", "0 * * * * *"),
    ("run_privacy_retention", "%PRIVACY_RETENTION_SCHEDULE%", "0 30 3 * * *"),
    ("run_reconciliation", "%RECONCILIATION_SCHEDULE%", "0 0 5 * * *"),
    ("run_refund_audit", "%REFUND_AUDIT_SCHEDULE%", "0 30 13 * * *"),
    ("run_reports", "%REPORTS_SCHEDULE%", "0 45 2 * * *"),
    ("run_retention_checks", "%RETENTION_CHECKS_SCHEDULE%", "0 15 13 * * *"),
]
EVENTS = ["run_scan_result"]
SDKS = (
    "azure.cosmos",
    "azure.storage",
    "azure.identity",
    "azure.core",
    "aiohttp",
    "jwt",
    "cryptography",
    "opentelemetry",
)
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]


def http_functions(app: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that HTTP calls."""
    return [each for each in app["functions"] if each["trigger"]["type"] == "httpTrigger"]


def test_names_routes_methods_and_auth_levels_are_as_written_down(app: dict[str, Any]) -> None:
    found = [
        (
            each["name"],
            f"{' '.join(each['trigger']['methods'])} {each['trigger']['route']}",
            each["trigger"]["authLevel"],
        )
        for each in http_functions(app)
    ]

    assert sorted(found) == sorted(HTTP)


def test_timers_and_their_schedules_are_as_written_down(app: dict[str, Any]) -> None:
    timers = [each for each in app["functions"] if each["trigger"]["type"] == "timerTrigger"]

    found = [
        (each["name"], each["trigger"]["schedule"], EXAMPLE[each["trigger"]["schedule"].strip("%")]) for each in timers
    ]

    assert sorted(found) == TIMERS
    assert [each["name"] for each in timers if each["trigger"]["runOnStartup"]] == []


def test_what_event_grid_calls_is_as_written_down(app: dict[str, Any]) -> None:
    events = [each for each in app["functions"] if each["trigger"]["type"] == "eventGridTrigger"]

    assert [each["name"] for each in events] == EVENTS
    assert len(HTTP) + len(TIMERS) + len(EVENTS) == len(app["functions"])


@pytest.mark.parametrize("schedule", [schedule for _, _, schedule in TIMERS])
def test_a_schedule_is_ncrontab_with_seconds_first(schedule: str) -> None:
    seconds, *rest = schedule.split()

    assert seconds == "0"
    assert len(rest) == 5
    assert croniter.is_valid(" ".join(rest))


def test_every_route_is_a_row_of_the_access_table_and_every_row_a_route(app: dict[str, Any]) -> None:
    found = [
        f"{method} {each['trigger']['route']}" for each in http_functions(app) for method in each["trigger"]["methods"]
    ]

    assert sorted(found) == sorted(ACCESS)


def test_every_row_of_the_access_table_admits_somebody() -> None:
    assert [
        route
        for route, access in ACCESS.items()
        if not (access.anyone or access.partner or access.link or access.roles)
    ] == []


def test_only_these_routes_are_open_to_whoever_comes() -> None:
    assert {route for route, access in ACCESS.items() if access.anyone} == {
        "POST applications", "POST links", "GET health/live", "GET openapi.json",
        "GET reports/outcomes/public",
    }  # fmt: skip
    assert {route for route, access in ACCESS.items() if access.partner} == {"POST webhooks/{partner}"}


def test_a_function_is_named_for_method_or_run(app: dict[str, Any]) -> None:
    for each in app["functions"]:
        methods = each["trigger"].get("methods")
        start = methods[0].lower() if methods else "run"
        assert re.fullmatch(rf"{start}_[a-z]+(_[a-z]+)*", each["name"])


def test_importing_the_app_brings_in_no_sdk(app: dict[str, Any]) -> None:
    assert [
        module for module in app["modules"] if any(module == sdk or module.startswith(f"{sdk}.") for sdk in SDKS)
    ] == []


def test_importing_the_app_brings_in_nothing_of_the_local_stack(app: dict[str, Any]) -> None:
    assert [module for module in app["modules"] if module.split(".")[0] == "local"] == []


def test_a_missing_setting_stops_the_import_with_a_sentence(environment: dict[str, str]) -> None:
    without = {name: value for name, value in environment.items() if name not in ("SMTP_HOST", "PAYEE_KEY")}

    done = subprocess.run(
        [sys.executable, "-c", "import function_app"], env=without, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode != 0
    assert "SMTP_HOST is not set." in done.stderr
    assert "PAYEE_KEY is not set." in done.stderr


MICROSOFTS = """
import json, sys
sys.path.insert(0, ".")
from types import SimpleNamespace
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import Registry
from azure_functions_runtime.loader import index_function_app, process_indexed_function

class Message:
    def __init__(self, **fields): self.__dict__.update(fields)
    def __getattr__(self, name): return None

class Protos:
    class BindingInfo(Message):
        undefined, out, inout = None, 1, 2
    RpcFunctionMetadata = RpcRetryOptions = Message

load_binding_registry()
functions = index_function_app("function_app.py")
metadata, _ = process_indexed_function(Protos, Registry(), functions, ".")
print(json.dumps([[each.name, [json.loads(raw) for raw in each.raw_bindings]] for each in metadata]))
"""


@pytest.mark.skipif(sys.version_info < (3, 13), reason="azure-functions-runtime, Microsoft's own, needs Python 3.13")
def test_microsofts_own_runtime_indexes_the_same_functions(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MICROSOFTS], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    indexed = json.loads(done.stdout.splitlines()[-1])
    triggers = {name: bindings[0] for name, bindings in indexed}
    assert sorted(triggers) == sorted([name for name, _, _ in [*HTTP, *TIMERS]] + EVENTS)
    for name, route, _ in HTTP:
        method, _, path = route.partition(" ")
        assert (triggers[name]["methods"], triggers[name]["route"]) == ([method], path)

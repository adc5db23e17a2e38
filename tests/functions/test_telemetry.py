"""What can be seen from outside of what the service does: one trace, one line, and no name in either."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from local import spans
from local.config import ROOT
from local.testing import Stack
from tests.people import Applicant

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def trace_of(applicant: Applicant) -> list[dict[str, Any]]:
    """The spans of the trace in which this person's application was taken."""
    written = spans.written(applicant.stack.data)
    (taken,) = {each["trace"] for each in written if is_of(each, applicant)}
    return [each for each in written if each["trace"] == taken]


def is_of(span: dict[str, Any], applicant: Applicant) -> bool:
    return span["name"] == "POST applications" and span["attributes"].get("case") == applicant.case_id


def log_of(stack: Stack) -> str:
    return (stack.data / "logs" / "host.log").read_text("utf-8")


def test_an_application_is_one_trace_from_the_form_to_the_mail(applicant: Applicant) -> None:
    applicant.applied()

    found = trace_of(applicant)

    by_span = {each["span"]: each["name"] for each in found}
    below = {each["name"]: by_span.get(each["parent"]) for each in found if each["name"] != "store.write"}
    assert below["post_applications"] is None
    assert below["POST applications"] == "post_applications"
    assert below["message"] == "POST applications"
    assert below["mail.send"] == "message"
    assert "store.write" in by_span.values()


def test_a_message_keeps_the_trace_of_the_act_that_caused_it(stack: Stack, applicant: Applicant) -> None:
    from azure.cosmos import CosmosClient

    applicant.applied()

    stated = stack.info["cosmos"]
    container = CosmosClient(stated["endpoint"], stated["key"]).get_database_client(stated["database"])
    rows = container.get_container_client("cases").query_items(
        "SELECT c.trace FROM c WHERE c.kind = 'message'", partition_key=applicant.case_id
    )
    assert {row["trace"].split("-")[1] for row in rows} == {trace_of(applicant)[0]["trace"]}


def test_what_a_caller_traces_goes_on_here(applicant: Applicant) -> None:
    applicant.client.headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
    try:
        applicant.applied()
    finally:
        del applicant.client.headers["traceparent"]

    assert {each["trace"] for each in trace_of(applicant)} == {TRACE}


def test_an_event_of_a_partner_is_applied_in_the_trace_in_which_it_came(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    data = {"case_id": applicant.case_id, "started_on": "2027-01-11"}

    stack.partner("learning").send("course.started", data)

    written = spans.written(stack.data)
    event = [each for each in written if each["name"] == "event" and each["attributes"]["partner"] == "learning"][-1]
    names = [each["name"] for each in written if each["trace"] == event["trace"]]
    assert "POST webhooks/{partner}" in names


def test_a_command_leaves_one_line_with_ids_and_counts_and_no_name(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()

    lines = [line for line in log_of(stack).splitlines() if f"case={applicant.case_id}" in line]

    (line,) = [line for line in lines if "pledge.commands" in line]
    told = (
        r"command POST applications status=202 calls=\d+ units=\d+\.\d+ retries=\d+ events=application_submitted case="
    )
    assert re.search(told, line)
    everything = log_of(stack) + json.dumps(trace_of(applicant))
    for name in (applicant.email, "Okafor", "I like proofs", "33612345678", applicant.link):
        assert name not in everything


def test_a_refused_command_leaves_its_line_too(stack: Stack) -> None:
    stack.client.post(f"{stack.api}/cases/{'a' * 26}/withdrawal", json={})

    assert "command POST cases/{case_id}/withdrawal status=401 calls=0" in log_of(stack)


def test_a_timer_leaves_its_heartbeat_and_what_is_late(stack: Stack) -> None:
    assert stack.run_timer("run_deliveries")

    measured = stack.client.get(f"{stack.info['host']}/local/metrics").json()
    runs = [each for each in measured if each["name"] == "pledge.sweep.runs"]
    assert {"timer": "run_deliveries"} in [each["attributes"] for each in runs]
    assert {"pledge.case.overdue", "pledge.message.age", "pledge.refunds.unpaid"} <= {each["name"] for each in measured}
    assert re.search(r"run_deliveries .*waited_seconds=\d+ .*overdue_seconds=\d+ unpaid=\d+ .*calls=\d+", log_of(stack))


def test_the_same_spans_can_be_looked_at_with_one_command(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    command = [sys.executable, "-m", "local.spans", "--data", str(stack.data), "--last", "500"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    assert re.search(rf"ms    POST applications  calls=.* case={applicant.case_id}\n", done.stdout)

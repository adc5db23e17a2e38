"""What a scanner says opens a file to staff: for that version only, once, and never after it was found malicious."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.testing import Stack
from tests.files import a_pdf
from tests.people import Applicant

PDF = a_pdf(text="a degree")


@pytest.fixture
def unscanned(stack: Stack) -> Iterator[Stack]:
    """The stack with its own scanner held back."""
    stack.partner("scanner").post("behaviour", {"paused": True})
    yield stack
    stack.partner("scanner").post("behaviour", {"paused": False})


@pytest.fixture
def uploaded(unscanned: Stack, applicant: Applicant) -> Applicant:
    """Somebody who applied and has sent a document."""
    applicant.applied()
    answer = applicant.client.post(
        f"{applicant.api}/cases/{applicant.case_id}/documents",
        headers=applicant.bearer | {"Idempotency-Key": uuid.uuid4().hex},
        data={"kind": "certificate"},
        files={"file": ("degree.pdf", PDF, "application/pdf")},
    )
    assert answer.status_code == 200, answer.text
    return applicant


def document(applicant: Applicant) -> dict[str, Any]:
    (found,) = applicant.record()["documents"].items()
    return {"id": found[0], **found[1]}


def blob_of(applicant: Applicant) -> str:
    with evidence(applicant) as service:
        (name,) = service.get_container_client("evidence").list_blob_names(name_starts_with=f"{applicant.case_id}/")
        return str(name)


def evidence(applicant: Applicant) -> BlobServiceClient:
    account = applicant.stack.info["blob"]
    return BlobServiceClient(account["url"], credential=account["key"], retry_total=0)


def version(applicant: Applicant) -> str:
    with evidence(applicant) as service:
        return str(service.get_blob_client("evidence", blob_of(applicant)).get_blob_properties().etag).strip('"')


def result(applicant: Applicant, **other: Any) -> dict[str, Any]:
    """An event as Defender sends it; a test states only what differs."""
    data = {
        "correlationId": str(uuid.uuid4()),
        "blobUri": f"{applicant.stack.info['blob']['url']}/evidence/{blob_of(applicant)}",
        "eTag": version(applicant),
        "scanFinishedTimeUtc": "2027-01-11T14:00:00.0127867Z",
        "scanResultType": "No threats found",
        "scanResultDetails": None,
    }
    return {
        "id": str(uuid.uuid4()),
        "subject": f"storageAccounts/devstoreaccount1/containers/evidence/blobs/{blob_of(applicant)}",
        "data": data | other,
        "eventType": "Microsoft.Security.MalwareScanningResult",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": "2027-01-11T14:00:00.0127867Z",
        "topic": "/subscriptions/0/resourceGroups/rg/providers/Microsoft.EventGrid/topics/scans",
    }


def deliver(stack: Stack, *events: dict[str, Any], name: str = "run_scan_result") -> httpx.Response:
    return stack.client.post(
        f"{stack.info['host']}/runtime/webhooks/EventGrid",
        params={"functionName": name},
        headers={"aeg-event-type": "Notification"},
        json=list(events),
    )


def read(applicant: Applicant) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {applicant.stack.token('admissions', 0)}"}
    where = f"{applicant.api}/cases/{applicant.case_id}/documents/{document(applicant)['id']}"
    return applicant.client.get(where, headers=bearer)


def scans(applicant: Applicant) -> list[str]:
    return [each["data"]["result"] for each in applicant.events() if each["kind"] == "document_scanned"]


def test_a_file_is_unseen_until_defender_finds_nothing_in_it(uploaded: Applicant) -> None:
    before = read(uploaded)

    other = deliver(uploaded.stack, result(uploaded) | {"eventType": "Microsoft.Storage.BlobCreated"})
    between = read(uploaded)
    answer = deliver(uploaded.stack, result(uploaded))

    assert (other.status_code, between.status_code) == (202, 409)
    assert before.status_code == 409
    assert answer.status_code == 202
    assert read(uploaded).content == PDF


def test_a_malicious_file_is_never_seen_whatever_is_said_later(uploaded: Applicant) -> None:
    deliver(uploaded.stack, result(uploaded, scanResultType="Malicious"), result(uploaded))

    assert read(uploaded).status_code == 404
    assert scans(uploaded) == ["malicious"]


def test_a_clean_file_that_is_found_malicious_later_is_closed(uploaded: Applicant) -> None:
    deliver(uploaded.stack, result(uploaded), result(uploaded, scanResultType="Malicious"))

    assert read(uploaded).status_code == 404


def test_the_same_event_twice_is_one(uploaded: Applicant) -> None:
    event = result(uploaded)

    first, second = deliver(uploaded.stack, event), deliver(uploaded.stack, event)

    assert (first.status_code, second.status_code) == (202, 202)
    assert scans(uploaded) == ["clean"]


SAYS_NOTHING: dict[str, dict[str, Any]] = {
    "another version": {"eTag": "0x8DCE730957D80DE"},
    "no version": {"eTag": None},
    "the scan failed": {"scanResultType": "Error"},
    "the cap was reached": {"scanResultType": "Not scanned"},
    "another account": {"blobUri": "https://elsewhere.blob.core.windows.net/evidence/x"},
}


def test_a_result_that_is_not_of_this_version_opens_nothing(uploaded: Applicant) -> None:
    answers = {
        why: deliver(uploaded.stack, result(uploaded, **fault)).status_code for why, fault in SAYS_NOTHING.items()
    }

    assert answers == dict.fromkeys(SAYS_NOTHING, 202)
    assert read(uploaded).status_code == 409
    assert scans(uploaded) == []


def test_a_result_about_a_file_of_our_own_is_kept_from_the_inbox(uploaded: Applicant) -> None:
    own = f"{uploaded.stack.info['blob']['url']}/evidence/exports/{'0' * 32}"
    bearer = {"Authorization": f"Bearer {uploaded.stack.token('admin')}"}
    unclear = f"{uploaded.api}/partner-events"
    before = uploaded.client.get(unclear, headers=bearer).json()

    answer = deliver(uploaded.stack, result(uploaded, blobUri=own))

    assert answer.status_code == 202
    assert uploaded.client.get(unclear, headers=bearer).json() == before


def test_a_signed_result_for_another_version_opens_nothing_either(uploaded: Applicant) -> None:
    data = {"blob": blob_of(uploaded), "etag": "0x8DCE730957D80DE", "result": "clean"}

    answer = uploaded.stack.partner("scanner").send("document.scanned", data)

    assert answer["status"] == 202
    assert read(uploaded).status_code == 409


def test_a_file_that_was_replaced_after_its_scan_is_not_sent(uploaded: Applicant) -> None:
    deliver(uploaded.stack, result(uploaded))
    with evidence(uploaded) as service:
        service.get_blob_client("evidence", blob_of(uploaded)).upload_blob(b"%PDF-1.4 another", overwrite=True)

    assert read(uploaded).status_code == 404


def test_defender_cannot_be_spoken_for_over_the_webhook(stack: Stack) -> None:
    answer = stack.client.post(f"{stack.api}/webhooks/defender", json={"type": "document.scanned"})

    assert answer.status_code == 401


def test_the_admin_endpoint_hands_an_event_over_too(uploaded: Applicant) -> None:
    answer = uploaded.client.post(
        f"{uploaded.stack.info['host']}/admin/functions/run_scan_result", json={"input": json.dumps(result(uploaded))}
    )

    assert answer.json() == {"ok": True}
    assert scans(uploaded) == ["clean"]


def test_event_grid_shakes_hands_before_its_first_event(stack: Stack) -> None:
    answer = stack.client.post(
        f"{stack.info['host']}/runtime/webhooks/EventGrid",
        params={"functionName": "run_scan_result"},
        headers={"aeg-event-type": "SubscriptionValidation"},
        json=[{"id": "1", "data": {"validationCode": "512d38b6"}}],
    )

    assert answer.json() == {"validationResponse": "512d38b6"}
    assert deliver(stack, name="run_nothing").status_code == 404

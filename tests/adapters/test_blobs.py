"""What audits write lies in an account apart, which the key of the evidence does not open."""

from __future__ import annotations

import uuid

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobServiceClient

from local.testing import Stack


def test_an_audit_is_written_to_the_account_of_audits_only(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token('auditor')}", "Idempotency-Key": str(uuid.uuid4())}
    evidence, audits = stack.info["blob"], stack.info["audit_blob"]

    run = stack.client.post(f"{stack.api}/audits", json={}, headers=headers).json()["run"]

    with BlobServiceClient(audits["url"], credential=audits["key"], retry_total=0) as service:
        assert list(service.get_container_client("audits").list_blob_names(name_starts_with=run))
        assert service.get_container_client("anchors").exists()
    with BlobServiceClient(evidence["url"], credential=evidence["key"], retry_total=0) as service:
        assert [each.name for each in service.list_containers()] == ["evidence"]


def test_the_key_of_the_evidence_does_not_open_the_audits(stack: Stack) -> None:
    evidence, audits = stack.info["blob"], stack.info["audit_blob"]

    service = BlobServiceClient(audits["url"], credential=evidence["key"], retry_total=0)
    with service, pytest.raises((ClientAuthenticationError, HttpResponseError)):
        list(service.list_containers())

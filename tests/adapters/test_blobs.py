"""What audits write lies in an account apart, which the key of the evidence does not open."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobServiceClient

from local.testing import Stack
from shared.adapters.blobs import BLOCK_BYTES, Blobs
from shared.domain.errors import NotFound


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


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 7])
async def test_what_is_written_in_blocks_is_read_back_whole(blobs: Blobs, size: int) -> None:
    name, content = f"exports/{uuid.uuid4().hex}", secrets.token_bytes(size)
    pieces = [content[start : start + 700_001] for start in range(0, size, 700_001)]

    await blobs.put_in_blocks(blobs.evidence, name, pieces, "application/zip")
    committed, _ = await blobs._blob(blobs.evidence, name).get_block_list("committed")
    await blobs.put_in_blocks(blobs.evidence, name, pieces, "application/zip")  # The answer to the first was lost.

    assert len(committed) == -(-size // BLOCK_BYTES)
    assert await blobs.get(blobs.evidence, name) == content


async def test_what_was_cut_short_between_blocks_is_not_there(blobs: Blobs) -> None:
    def dying() -> Iterator[bytes]:
        yield bytes(2 * BLOCK_BYTES)
        raise KeyboardInterrupt

    name = f"exports/{uuid.uuid4().hex}"
    with pytest.raises(KeyboardInterrupt):
        await blobs.put_in_blocks(blobs.evidence, name, dying(), "application/zip")

    with pytest.raises(NotFound):
        await blobs.get(blobs.evidence, name)

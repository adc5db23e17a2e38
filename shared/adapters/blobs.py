"""Blob storage: evidence in one account, and in another, to which can only be added, what audits write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.domain.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, BlobServiceClient

TIMEOUT_SECONDS = 10


class Blobs:
    """Containers: evidence (erasable); audits and anchors (append-only, an account apart). Nothing is overwritten."""

    def __init__(
        self, client: BlobServiceClient, audit_client: BlobServiceClient, evidence: str, audits: str, anchors: str
    ) -> None:
        self._client = client
        self._audit_client = audit_client
        self.evidence = evidence
        self.audits = audits
        self.anchors = anchors

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
        await self._audit_client.close()

    def _account(self, container: str) -> BlobServiceClient:
        return self._audit_client if container in (self.audits, self.anchors) else self._client

    def _blob(self, container: str, name: str) -> BlobClient:
        return self._account(container).get_blob_client(container, name)

    async def put(self, container: str, name: str, content: bytes, content_type: str) -> None:
        """Store content under a name that only this content can have; the same again is well.

        The SDK may answer "exists" to our own first write whose answer was lost, so "exists" is success here.
        """
        from azure.core.exceptions import AzureError, ResourceExistsError
        from azure.storage.blob import ContentSettings

        blob = self._blob(container, name)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await blob.upload_blob(
                    content, overwrite=False, content_settings=ContentSettings(content_type=content_type)
                )
        except ResourceExistsError:
            return
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not take the file") from error

    async def get(self, container: str, name: str) -> bytes:
        """The content, or `NotFound`."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        blob = self._blob(container, name)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                download = await blob.download_blob()
                return bytes(await download.readall())
        except ResourceNotFoundError as error:
            raise NotFound(name) from error
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not answer") from error

    async def delete_all(self, container: str, prefix: str) -> None:
        """Remove every blob whose name begins so; none there is well."""
        from azure.core.exceptions import AzureError

        listed = self._account(container).get_container_client(container)
        try:
            names = [name async for name in listed.list_blob_names(name_starts_with=prefix)]
        except AzureError as error:
            raise Unavailable("blob storage did not answer") from error
        for name in names:
            await self.delete(container, name)

    async def delete(self, container: str, name: str) -> None:
        """Remove a blob; gone already is well."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._blob(container, name).delete_blob()
        except ResourceNotFoundError:
            return
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not answer") from error

"""Blob storage: evidence in one account, and in another, to which can only be added, what audits write."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.domain.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from datetime import datetime

    from azure.storage.blob.aio import BlobClient, BlobServiceClient

RENEWED_AFTER = timedelta(days=1)
BLOCK_BYTES = 1 << 18
EXPORTS = "exports/"
"""What the app wrote for somebody to fetch: beside the evidence, under a name that is no case's."""


class Blobs:
    """Containers: evidence (erasable); audits and anchors (append-only, an account apart). Nothing is overwritten."""

    def __init__(
        self,
        client: BlobServiceClient,
        audit_client: BlobServiceClient,
        evidence: str,
        audits: str,
        anchors: str,
        timeout_seconds: float,
    ) -> None:
        self._client = client
        self._audit_client = audit_client
        self.evidence = evidence
        self.audits = audits
        self.anchors = anchors
        self._timeout_seconds = timeout_seconds

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
        await self._audit_client.close()

    def _account(self, container: str) -> BlobServiceClient:
        return self._audit_client if container in (self.audits, self.anchors) else self._client

    def _blob(self, container: str, name: str) -> BlobClient:
        return self._account(container).get_blob_client(container, name)

    async def put(
        self, container: str, name: str, content: bytes, content_type: str, now: datetime | None = None
    ) -> str:
        """Store content under a name that only this content can have; the same again is well. Returns its version.

        With `now`, one that has lain there for long is renewed (it may be about to be taken for an orphan); without,
        nothing is asked about what is there.

        The SDK may answer "exists" to our own first write whose answer was lost, so "exists" is success here.
        """
        from azure.core.exceptions import AzureError, ResourceExistsError
        from azure.storage.blob import ContentSettings

        blob = self._blob(container, name)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                stored = await blob.upload_blob(
                    content, overwrite=False, content_settings=ContentSettings(content_type=content_type)
                )
                return bare(str(stored["etag"]))
        except ResourceExistsError:
            return "" if now is None else await self._renewed(blob, now)
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not take the file") from error

    async def put_in_blocks(self, container: str, name: str, pieces: Iterable[bytes], content_type: str) -> None:
        """Store what is too large for one request, block by block, each in its own time; there once all of it is."""
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError, ResourceExistsError
        from azure.storage.blob import BlobBlock, ContentSettings

        blob = self._blob(container, name)
        blocks: list[BlobBlock] = []
        try:
            for number, block in enumerate(_blocks(pieces)):
                block_id = base64.b64encode(f"{number:08d}".encode()).decode()
                async with asyncio.timeout(self._timeout_seconds):
                    await blob.stage_block(block_id, block)
                blocks.append(BlobBlock(block_id))
            async with asyncio.timeout(self._timeout_seconds):
                await blob.commit_block_list(
                    blocks,
                    content_settings=ContentSettings(content_type=content_type),
                    match_condition=MatchConditions.IfMissing,
                )
        except ResourceExistsError:
            return  # Our own first commit, whose answer was lost.
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not take the file") from error

    async def _renewed(self, blob: BlobClient, now: datetime) -> str:
        """The version of a blob that is there already; a new one, which no removal of the old one touches."""
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError

        try:
            async with asyncio.timeout(self._timeout_seconds):
                stored = await blob.get_blob_properties()
                if stored.last_modified > now - RENEWED_AFTER:
                    return bare(stored.etag)
                renewed = await blob.set_blob_metadata(
                    {"renewed": "yes"}, etag=stored.etag, match_condition=MatchConditions.IfNotModified
                )
                return bare(str(renewed["etag"]))
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not say what it holds") from error

    async def older_than(self, container: str, moment: datetime, prefix: str = "") -> AsyncIterator[tuple[str, str]]:
        """Name and version of what begins so and was last written before this moment, in the order of the names."""
        from azure.core.exceptions import AzureError

        try:
            listed = self._account(container).get_container_client(container)
            async for blob in listed.list_blobs(name_starts_with=prefix or None):
                if blob.last_modified < moment:
                    yield blob.name, bare(blob.etag)
        except AzureError as error:
            raise Unavailable("blob storage did not answer") from error

    async def written(self, container: str, prefix: str) -> AsyncIterator[tuple[str, datetime]]:
        """Name of every blob that begins so, and when it was last written."""
        from azure.core.exceptions import AzureError

        listed = self._account(container).get_container_client(container)
        try:
            async for blob in listed.list_blobs(name_starts_with=prefix):
                yield blob.name, blob.last_modified
        except AzureError as error:
            raise Unavailable("blob storage did not answer") from error

    async def names(self, container: str, continuation: str | None) -> tuple[list[str], str | None]:
        """The next page of all names, in their order, and where to go on (None: that was the last)."""
        from azure.core.exceptions import AzureError

        listed = self._account(container).get_container_client(container)
        pages = listed.list_blob_names(results_per_page=5000).by_page(continuation)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                found = [name async for name in await anext(pages)]
        except StopAsyncIteration:
            return [], None
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not answer") from error
        return found, getattr(pages, "continuation_token", None) or None

    async def get(self, container: str, name: str) -> bytes:
        """The content, or `NotFound`."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        blob = self._blob(container, name)
        try:
            async with asyncio.timeout(self._timeout_seconds):
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

    async def delete(self, container: str, name: str, version: str | None = None) -> None:
        """Remove a blob; gone already, or another version than the one meant, is well."""
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError, ResourceModifiedError, ResourceNotFoundError

        meant: dict[str, Any] = (
            {"etag": f'"{version}"', "match_condition": MatchConditions.IfNotModified} if version else {}
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._blob(container, name).delete_blob(**meant)
        except (ResourceNotFoundError, ResourceModifiedError):
            return
        except (AzureError, TimeoutError) as error:
            raise Unavailable("blob storage did not answer") from error


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, but for the last."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= BLOCK_BYTES:
            yield bytes(waiting[:BLOCK_BYTES])
            del waiting[:BLOCK_BYTES]
    if waiting:
        yield bytes(waiting)


def bare(etag: str) -> str:
    """A version as events tell it: without the quotes that HTTP puts around it."""
    return etag.removeprefix("W/").strip('"')

"""The malware scanner: looks at each new document in the evidence container and reports what it found."""

import asyncio
import hashlib
import logging
import sqlite3
import time
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local import config
from local.partners import Partners

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

logger = logging.getLogger("local.scanner")
SCHEMA = "CREATE TABLE IF NOT EXISTS scanned (blob TEXT, etag TEXT, result TEXT NOT NULL, PRIMARY KEY (blob, etag));"
NAME = "scanner"
CONTAINER = "evidence"
EXPORTS = "exports/"  # What the app wrote itself: nobody waits for a word about it.
POLL_SECONDS = 0.3
# The test file every scanner knows, in two halves so that none objects to this one.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD" + rb"-ANTIVIRUS-TEST-FILE!$H+H*"


class Scanner:
    """Reports every version of every document once; `paused` holds it back."""

    def __init__(self, database: sqlite3.Connection, partners: Partners, account_url: str) -> None:
        self._database = database
        self._partners = partners
        self._account_url = account_url
        self._paused = False

    async def run_forever(self) -> None:
        """Look again and again; a storage account that is not there yet is waited for."""
        from azure.storage.blob.aio import BlobServiceClient  # Slow to import: the services must be up first.

        async with BlobServiceClient(self._account_url, credential=config.BLOB_KEY, retry_total=0) as service:
            container = service.get_container_client(CONTAINER)
            trouble = ""
            while True:
                started = time.monotonic()
                try:
                    if not self._paused:
                        await self._scan_new(container)
                    trouble = ""
                except Exception as error:  # Whatever the account answers, the next look may find it well.
                    if trouble != type(error).__name__:
                        trouble = type(error).__name__
                        logger.warning("could not look, trying on: %s", trouble)
                # A large container is listed less often, so that looking never takes more than a small share.
                await asyncio.sleep(max(POLL_SECONDS, 5 * (time.monotonic() - started)))

    async def _scan_new(self, container: "ContainerClient") -> None:
        known = {(row["blob"], row["etag"]) for row in self._database.execute("SELECT blob, etag FROM scanned")}
        async for blob in container.list_blobs():
            etag = str(blob.etag).strip('"')
            if (blob.name, etag) in known or blob.name.startswith(EXPORTS):
                continue
            download = await container.download_blob(blob.name)
            self._report(blob.name, etag, "malicious" if EICAR in await download.readall() else "clean")

    def _report(self, blob: str, etag: str, result: str) -> None:
        """Remember and announce. Killed in between, it would announce again: with the same id."""
        event_id = f"scan_{hashlib.sha256(f'{blob} {etag}'.encode()).hexdigest()[:40]}"
        data = {"blob": blob, "etag": etag, "result": result}
        self._partners.announce(NAME, {"type": "document.scanned", "data": data, "id": event_id})
        self._database.execute("INSERT OR IGNORE INTO scanned VALUES (?, ?, ?)", (blob, etag, result))

    def routes(self) -> list[Route]:
        """Control: POST {"paused": true} lets documents wait."""
        return [Route(f"/{NAME}/behaviour", self._behave, methods=["POST"])]

    async def _behave(self, request: Request) -> Response:
        self._paused = bool((await request.json()).get("paused"))
        return JSONResponse({"paused": self._paused})

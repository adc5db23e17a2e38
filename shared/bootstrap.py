"""Builds the clients once, on first use, inside the running loop; and says what time it is."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.domain.programme import Programme, parse_programme
from shared.policy.terms import Terms, parse_terms
from shared.settings import Settings, load_settings

if TYPE_CHECKING:
    from shared.adapters.blobs import Blobs
    from shared.adapters.cosmos import Store
    from shared.adapters.documents import Documents
    from shared.adapters.entra import Entra
    from shared.adapters.mail import Mail
    from shared.adapters.outbound import Outbound

ROOT = Path(__file__).parent.parent
PROGRAMMES = ROOT / "programmes"

clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 - a name that a host may replace
"""What time it is, in UTC. Read once for each request or run, at the edge; everything further in takes it as `now`."""


@dataclass(frozen=True)
class Services:
    """Everything a use case needs from outside."""

    settings: Settings
    programmes: dict[str, Programme]
    terms: dict[str, Terms]
    store: Store
    blobs: Blobs
    documents: Documents
    mail: Mail
    entra: Entra
    outbound: Outbound


@cache
def settings() -> Settings:
    """The settings of this process, checked on first use (which is when `function_app` is imported)."""
    return load_settings(os.environ)


@cache
def version() -> str:
    """Which version this is; a package that was built for deployment adds the commit that it was made from."""
    return (ROOT / "version.txt").read_text("utf-8").strip()


@cache
def programmes() -> tuple[dict[str, Programme], dict[str, Terms]]:
    """Every programme by id, and every version of the terms by name, from `programmes/*.toml`."""
    terms = parse_terms(_read("terms.toml"))
    holidays = {
        country: [day for days in by_year.values() for day in days]
        for country, by_year in _read("holidays.toml").items()
    }
    found: dict[str, Programme] = {}
    for path in sorted(PROGRAMMES.glob("*.toml")):
        if path.name not in ("terms.toml", "holidays.toml"):
            programme = parse_programme(_read(path.name) | {"holidays": holidays})
            found[programme.id] = programme
    return found, terms


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((PROGRAMMES / name).read_text("utf-8"))


_built: dict[asyncio.AbstractEventLoop, Services] = {}
_lock = asyncio.Lock()


async def services() -> Services:
    """The clients of this process: one set for its loop, never closed by a request."""
    loop = asyncio.get_running_loop()
    if loop not in _built:
        async with _lock:
            if loop not in _built:
                _built[loop] = await _build(settings())
    return _built[loop]


async def _build(stated: Settings) -> Services:
    import aiohttp
    from azure.cosmos.aio import CosmosClient
    from azure.storage.blob.aio import BlobServiceClient

    from shared.adapters.blobs import Blobs
    from shared.adapters.cosmos import Store
    from shared.adapters.documents import Documents
    from shared.adapters.entra import Entra
    from shared.adapters.mail import Mail
    from shared.adapters.outbound import Outbound, checked_resolver

    identity = _identity(stated)
    cosmos = CosmosClient(
        stated.cosmos_endpoint,
        credential=stated.cosmos_key or identity(),
        consistency_level="Session",
        # The store adapter is the only one that retries: the SDK's own retries send writes twice (ADR 6).
        retry_total=0,
        retry_connect=0,
        retry_read=0,
        retry_throttle_total=1,
        retry_throttle_backoff_max=1,
        connection_timeout=3,
        read_timeout=stated.store_read_timeout_seconds,
        enable_compact_utf8_item_writes=True,
    )
    await cosmos.__aenter__()
    patience = stated.outside_timeout_seconds
    evidence, audits = (
        BlobServiceClient(
            url,
            credential=_blob_key(url, key) or identity(),
            # The SDK's own waits (a second try after 15 s) would outlast our patience with the whole call.
            retry_total=2,
            initial_backoff=patience / 20,
            increment_base=patience / 10,
            random_jitter_range=patience / 20,
            read_timeout=patience,
        )
        for url, key in (
            (stated.blob_account_url, stated.blob_account_key),
            (stated.audit_account_url, stated.audit_account_key),
        )
    )
    connector = aiohttp.TCPConnector(resolver=checked_resolver(stated.outbound_networks))
    session = aiohttp.ClientSession(connector=connector)
    found, terms = programmes()
    return Services(
        settings=stated,
        programmes=found,
        terms=terms,
        store=Store(cosmos, stated.cosmos_database, stated.store_read_timeout_seconds * 2),
        blobs=Blobs(
            evidence, audits, stated.evidence_container, stated.audit_container, stated.anchor_container, patience
        ),
        documents=Documents(),
        mail=Mail(stated),
        entra=Entra(stated, session),
        outbound=Outbound(session, stated.outbound_networks, patience),
    )


def _blob_key(url: str, key: str | None) -> dict[str, str] | None:
    if not key:
        return None
    account = url.rstrip("/").rsplit("/", 1)[-1].split(".")[0]
    return {"account_name": account, "account_key": key}


def _identity(stated: Settings) -> Callable[[], Any]:
    """The managed identity, named outright so that nothing is probed; built only where no key is set."""

    def build() -> Any:
        from azure.identity.aio import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=stated.managed_identity_client_id)

    return build

"""The keys of the tenant: fetched over the wire, believed only if they are keys for signatures, kept when they fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.adapters.entra import KEYS_BYTES_MAX, KEYS_KEPT_SECONDS, REFRESH_EVERY_SECONDS, Entra
from shared.domain.errors import Unauthenticated, Unavailable
from shared.settings import load_settings
from tests.architecture.conftest import settings_of_nowhere

NOW = datetime(2027, 1, 11, 14, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": "k1"}
CURVE = ec.generate_private_key(ec.SECP256R1()).public_key()
ELLIPTIC: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(CURVE, as_dict=True) | {"kid": "k1"}


class Tenant:
    """Publishes what the test says, and counts who asks."""

    def __init__(self) -> None:
        self.status, self.content, self.asked = b"200 OK", keys(RSA), 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        head = b"HTTP/1.1 %s\r\nLocation: http://127.0.0.1:1/keys\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (self.status, len(self.content)) + self.content)
        try:
            await writer.drain()
        except ConnectionError:
            pass  # The caller has heard enough.
        writer.close()


def keys(*stated: Any) -> bytes:
    return json.dumps({"keys": stated}).encode()


@asynccontextmanager
async def examined_by(tenant: Tenant) -> AsyncIterator[tuple[Entra, str]]:
    """The adapter before a tenant, and a token that is right if its key is known."""
    server = await asyncio.start_server(tenant.answer, "127.0.0.1", 0)
    authority = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = load_settings(settings_of_nowhere() | {"AUTHORITY": authority})
    moment = int(NOW.timestamp())
    claims = {
        "iss": f"{authority}/{settings.tenant_id}/v2.0", "aud": settings.api_audience, "tid": settings.tenant_id,
        "oid": "o", "sub": "s", "ver": "2.0", "iat": moment, "nbf": moment, "exp": moment + 3600,
        "azp": settings.api_client_ids[0], "scp": "access_as_user", "roles": ["finance"],
    }  # fmt: skip
    async with server, aiohttp.ClientSession() as session:
        yield Entra(settings, session), jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k1"})


UNBELIEVABLE = {
    "a page": (b"200 OK", b"<html>Sign in</html>"),
    "no list": (b"200 OK", b'{"keys": {}}'),
    "an elliptic key": (b"200 OK", keys(ELLIPTIC)),
    "a key for secrecy": (b"200 OK", keys(RSA | {"use": "enc"})),
    "a key without a name": (b"200 OK", keys({name: value for name, value in RSA.items() if name != "kid"})),
    "ten megabytes": (b"200 OK", keys(RSA | {"x": "y" * (10 * KEYS_BYTES_MAX)})),
    "an error": (b"500 Oh", keys(RSA)),
    "another address": (b"302 Found", keys(RSA)),
}


@pytest.mark.parametrize("what", UNBELIEVABLE)
async def test_keys_that_are_none_are_not_believed_and_nobody_passes(what: str) -> None:
    tenant = Tenant()
    tenant.status, tenant.content = UNBELIEVABLE[what]
    async with examined_by(tenant) as (entra, token):
        with pytest.raises(Unavailable):
            await entra.staff(token, NOW)


@pytest.mark.parametrize("what", UNBELIEVABLE)
async def test_keys_that_were_known_go_on_serving_when_new_ones_are_none(what: str) -> None:
    tenant = Tenant()
    async with examined_by(tenant) as (entra, token):
        before = await entra.staff(token, NOW)
        tenant.status, tenant.content = UNBELIEVABLE[what]
        entra._fetched_at = entra._tried_at = asyncio.get_running_loop().time() - KEYS_KEPT_SECONDS - 1  # A day passes.
        after = await entra.staff(token, NOW)

    assert (before, tenant.asked) == (after, 2)


async def test_unknown_key_is_asked_for_once_and_not_again_by_everybody() -> None:
    tenant = Tenant()
    async with examined_by(tenant) as (entra, token):
        await entra.staff(token, NOW)
        strange = jwt.encode({}, KEY, algorithm="RS256", headers={"kid": "k2"})
        for _ in range(20):
            with pytest.raises(Unauthenticated):
                await entra.staff(strange, NOW)

    assert tenant.asked == 1


async def test_tenant_that_answers_nothing_is_asked_once_and_holds_up_nobody_whose_key_is_known() -> None:
    tenant = Tenant()
    async with examined_by(tenant) as (entra, token):
        known = await entra.staff(token, NOW)
        tenant.status = b"500 Oh"
        entra._tried_at = asyncio.get_running_loop().time() - REFRESH_EVERY_SECONDS - 1  # Half a minute passes.
        strange = jwt.encode({}, KEY, algorithm="RS256", headers={"kid": "k2"})
        for _ in range(20):
            with pytest.raises(Unauthenticated):
                await entra.staff(strange, NOW)
        async with entra._lock:  # Somebody is being waited for.
            assert await entra.staff(token, NOW) == known

    assert tenant.asked == 2

"""Who a member of staff is: Entra ID access tokens, validated by us. `X-MS-*` headers are never read."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.domain.errors import Forbidden, Unauthenticated, Unavailable
from shared.domain.life_cycle import CASE_STAFF, Role
from shared.settings import Settings

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

LEEWAY_SECONDS = 60
KEYS_KEPT_SECONDS = 24 * 3600
REFRESH_EVERY_SECONDS = 30
TOKEN_CHARACTERS_MAX = 16_384
KEYS_BYTES_MAX = 1_048_576
REQUIRED = ("exp", "nbf", "iat", "iss", "aud", "tid", "oid", "sub", "ver")
STAFF_ROLES = frozenset({*CASE_STAFF, Role.AUDITOR, Role.ADMIN})


@dataclass(frozen=True)
class Staff:
    """A member of staff: `id` is `tenant/object`, the only identity that lets anybody do anything.

    Their addresses only ever keep them from something: from the case that was opened with one of them.
    """

    id: str
    roles: frozenset[Role]
    emails: frozenset[str] = frozenset()


ADDRESSES = ("verified_primary_email", "verified_secondary_email", "email", "preferred_username", "upn")
"""Claims that may hold an address of the person, verified ones first."""


def _emails(claims: dict[str, Any]) -> frozenset[str]:
    """Every address that a token states, lower case; a claim may hold one or a list."""
    stated: list[Any] = []
    for name in ADDRESSES:
        value = claims.get(name)
        stated += value if isinstance(value, list) else [value]
    return frozenset(each.lower() for each in stated if isinstance(each, str) and "@" in each)


NAMES = frozenset(role.value for role in STAFF_ROLES)


def _refuse_doubles(token: str) -> None:
    """Refuse a token that says something twice: readers differ in which of the two they believe."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Unauthenticated("token")
        return dict(pairs)

    for part in token.split(".")[:2]:
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=once)


async def _bounded(answer: ClientResponse) -> bytes:
    """The answer's body, as far as keys may reach."""
    read = b""
    async for chunk in answer.content.iter_chunked(65_536):
        read += chunk
        if len(read) > KEYS_BYTES_MAX:
            raise ValueError("more than keys")
    return read


class Entra:
    """Validates tokens against the tenant's published keys, kept for a day and refreshed on an unknown key id."""

    def __init__(self, settings: Settings, session: ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._keys: dict[str, Any] = {}
        self._fetched_at = self._tried_at = 0.0
        self._lock = asyncio.Lock()

    async def staff(self, token: str, now: datetime) -> Staff:
        """The person behind a token. Raises `Unauthenticated`, `Forbidden`, or `Unavailable` without any key."""
        import jwt

        if len(token) > TOKEN_CHARACTERS_MAX:
            raise Unauthenticated("token")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise Unauthenticated("token") from error
        if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
            raise Unauthenticated("token")
        key = await self._key(header["kid"])
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._settings.api_audience,
                issuer=f"{self._settings.authority}/{self._settings.tenant_id}/v2.0",
                # Time is an argument here: ours is compared below, PyJWT's own clock is not asked.
                options={
                    "require": list(REQUIRED),
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated("token") from error
        _refuse_doubles(token)
        self._check(claims, now.timestamp())
        return self._person(claims)

    def _check(self, claims: dict[str, Any], now: float) -> None:
        times = [claims[name] for name in ("exp", "nbf", "iat")]
        if not all(isinstance(moment, int) and not isinstance(moment, bool) for moment in times):
            raise Unauthenticated("token")
        expires, not_before, issued = times
        if now > expires + LEEWAY_SECONDS or now < max(not_before, issued) - LEEWAY_SECONDS:
            raise Unauthenticated("token")
        client = claims.get("azp") or claims.get("appid")
        if claims["tid"] != self._settings.tenant_id or client not in self._settings.api_client_ids:
            raise Unauthenticated("token")

    def _person(self, claims: dict[str, Any]) -> Staff:
        if claims.get("idtyp") == "app" or not claims.get("scp") or claims.get("acct") == 1:
            raise Forbidden("role")
        roles = claims.get("roles")
        if not isinstance(roles, list):
            raise Forbidden("role")
        known = frozenset(Role(role) for role in roles if isinstance(role, str) and role in NAMES)
        if not known:
            raise Forbidden("role")
        return Staff(id=f"{claims['tid']}/{claims['oid']}".lower(), roles=known, emails=_emails(claims))

    async def _key(self, kid: str) -> Any:
        if self._is_due(kid):
            async with self._lock:
                if self._is_due(kid):
                    self._tried_at = asyncio.get_running_loop().time()
                    await self._refresh()
        if not self._keys:
            raise Unavailable("no signing key of the tenant is known")
        if kid not in self._keys:
            raise Unauthenticated("token")
        return self._keys[kid]

    def _is_due(self, kid: str) -> bool:
        """Whether to ask the tenant: no key is known, or this one is not, or all are a day old.

        With keys at hand never twice within half a minute, whatever was answered: strangers with odd tokens, and a
        tenant that does not answer, hold up nobody whose key is known.
        """
        if not self._keys:
            return True
        now = asyncio.get_running_loop().time()
        if now - self._tried_at <= REFRESH_EVERY_SECONDS:
            return False
        return kid not in self._keys or now - self._fetched_at > KEYS_KEPT_SECONDS

    async def _refresh(self) -> None:
        import aiohttp
        import jwt

        url = f"{self._settings.authority}/{self._settings.tenant_id}/discovery/v2.0/keys"
        try:
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=3), allow_redirects=False) as answer:
                if answer.status != 200:
                    return
                stated = json.loads(await _bounded(answer))
            keys = {
                each["kid"]: jwt.PyJWK(each).key
                for each in stated["keys"]
                if each.get("kty") == "RSA" and each.get("use", "sig") == "sig"
            }
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, jwt.PyJWTError):
            return  # The keys known so far go on serving; without any, the caller answers 503.
        if keys:
            self._keys = keys
            self._fetched_at = asyncio.get_running_loop().time()

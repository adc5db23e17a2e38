"""Calls to configured partners: signed, to allowed networks only, with an end to every wait."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared import telemetry
from shared.adapters.breaker import Breaker
from shared.adapters.webhooks import sign
from shared.domain.errors import OutcomeUnknown, PledgeError, Unavailable
from shared.settings import Partner

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import AbstractResolver

ANSWER_BYTES_MAX = 1_048_576
CONNECT_SECONDS = 3
# Python calls these global, yet they lead inside: Azure's platform address, NAT64 and 6to4 wrap any IPv4 address.
NEVER = tuple(ipaddress.ip_network(each) for each in ("168.63.129.16/32", "64:ff9b::/96", "2002::/16"))


RETRY_AFTER_MAX = 3_600


class Gone(PledgeError):
    """The partner wants no more of this; trying again does not help."""


@dataclass(frozen=True)
class Answer:
    """What a partner answered: `body` is the JSON object, or None if it was not one."""

    status: int
    body: dict[str, Any] | None
    retry_after: int | None = None

    @property
    def is_done(self) -> bool:
        """The partner did what was asked, now or before."""
        return self.status in (200, 201)

    @property
    def is_taken(self) -> bool:
        """The partner took what it was told."""
        return 200 <= self.status < 300

    @property
    def is_goodbye(self) -> bool:
        """The partner wants no more of this kind."""
        return self.status == 410

    @property
    def is_missing(self) -> bool:
        """The partner knows nothing of what was asked about."""
        return self.status == 404

    @property
    def is_refused(self) -> bool:
        """The partner will not do this, however often it is asked."""
        return self.status in (400, 402, 404, 422)


def is_allowed(address: str, networks: tuple[str, ...]) -> bool:
    """Whether we may connect to this address: in one of `networks`, or global where none are set."""
    ip = ipaddress.ip_address(address)
    if networks:
        return any(ip in ipaddress.ip_network(each) for each in networks)
    return ip.is_global and not ip.is_multicast and not any(ip in each for each in NEVER)


def checked_resolver(networks: tuple[str, ...]) -> AbstractResolver:
    """Resolves names to allowed addresses only; the connection uses what was checked, so a name cannot rebind."""
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class CheckedResolver(AbstractResolver):
        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await self._inner.resolve(host, port, family)
            allowed = [each for each in found if is_allowed(each["host"], networks)]
            if not allowed:
                raise OSError(f"{host} does not resolve to an allowed address")
            return allowed

        async def close(self) -> None:
            await self._inner.close()

    return CheckedResolver()


class Outbound:
    """Signed JSON calls to partners."""

    def __init__(self, session: ClientSession, networks: tuple[str, ...], timeout_seconds: float) -> None:
        self._session = session
        self._networks = networks
        self._timeout_seconds = timeout_seconds
        self._breakers: dict[str, Breaker] = {}

    async def call(
        self, partner: Partner, method: str, path: str, body: dict[str, Any] | None, message_id: str, now: int
    ) -> Answer:
        """Call a partner. `Unavailable`: it surely did not act; `OutcomeUnknown`: it may have, ask before repeating."""
        if partner.url is None:
            raise Unavailable(f"no address is configured for {partner.name}")
        url = partner.url.rstrip("/") + path
        self._check_literal(url)
        breaker = self._breakers.setdefault(partner.name, Breaker(partner.name))
        breaker.admit(now)
        try:
            answer = await self._call(partner, method, url, body, message_id, now)
        except PledgeError:
            breaker.note(failed=True)
            raise
        breaker.note(failed=answer.status >= 500)
        return answer

    async def _call(
        self, partner: Partner, method: str, url: str, body: dict[str, Any] | None, message_id: str, now: int
    ) -> Answer:
        import aiohttp

        raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        secret = partner.live(datetime.fromtimestamp(now, UTC))[0]
        headers = sign(raw, message_id, now, secret) | {"Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=self._timeout_seconds, connect=CONNECT_SECONDS)
        try:
            with telemetry.span("partner.call", partner=partner.name, method=method):
                where = telemetry.here()
                headers |= {"traceparent": where} if where else {}
                async with self._session.request(
                    method, url, data=raw, headers=headers, timeout=timeout, allow_redirects=False
                ) as answer:
                    content = await _bounded(answer)
                    return Answer(answer.status, _json_object(content), _seconds(answer.headers.get("Retry-After")))
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"{partner.name} could not be reached") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(partner.name) from error

    def _check_literal(self, url: str) -> None:
        """An address written as a number never reaches the resolver, so it is checked here.

        Nor does a name in other signs than DNS has: which number it becomes is found out too late.
        """
        from urllib.parse import urlsplit

        host = urlsplit(url).hostname or ""
        if not host.isascii():
            raise Unavailable("the partner's address is not allowed")
        try:
            allowed = is_allowed(host, self._networks)
        except ValueError:
            return
        if not allowed:
            raise Unavailable("the partner's address is not allowed")


async def _bounded(answer: ClientResponse) -> bytes:
    """The whole body; of one that is longer than any answer, nothing."""
    read = b""
    async for chunk in answer.content.iter_chunked(65_536):
        read += chunk
        if len(read) > ANSWER_BYTES_MAX:
            return b""
    return read


def _json_object(content: bytes) -> dict[str, Any] | None:
    """The object that a body holds, read as strictly as what comes in: each name once, numbers that are numbers."""
    try:
        value = json.loads(content, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _seconds(stated: str | None) -> int | None:
    """How long a partner asks us to wait: from a second to an hour, whatever it says. A date is not read."""
    if stated is None or not re.fullmatch(r"[0-9]{1,9}", stated, re.ASCII):
        return None
    return min(max(int(stated), 1), RETRY_AFTER_MAX)

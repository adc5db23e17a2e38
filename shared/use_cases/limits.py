"""How often something was done within the hour, counted in the store, so that it holds across instances."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.cosmos import AlreadyStored
from shared.domain.errors import PledgeError, RateLimited, RecordChanged, Unavailable
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.limits")

HOUR = 3600
TRIES = 8
PATIENCE_SECONDS = 5
LINKS_PER_ADDRESS = 3


async def flags_of_crowd(services: Services, network: str | None, now: datetime) -> list[str]:
    """What staff should know about where an application came from. A store that cannot count stops nobody."""
    if network is None:
        return []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            many = await _is_more(services, "applications", network, services.settings.applications_per_hour, now)
    except (PledgeError, TimeoutError):
        logger.warning("applications are not being counted")
        return []
    return ["many_from_one_network"] if many else []


async def limit_links(services: Services, network: str | None, email: str, now: datetime) -> None:
    """Raise `RateLimited` if too many links were asked for, whether the address is known or not."""
    for kind, subject, most in (
        ("links-from", network or "unknown", services.settings.links_per_hour),
        ("links-to", email.lower(), LINKS_PER_ADDRESS),
    ):
        if await _is_more(services, kind, subject, most, now):
            raise RateLimited(HOUR - now.timestamp() % HOUR)


def network_of(address: str | None) -> str | None:
    """What one caller's addresses share: all of IPv4, the first 64 bits of IPv6. None for what is no address."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


async def _is_more(services: Services, kind: str, subject: str, most: int, now: datetime) -> bool:
    """Count once more; whether it has been more than `most` times in this hour.

    The id tells nobody whose counter it is. After the first one too many the hour's answer is known and nothing is
    written: a rush waits for no counter.
    """
    said = f"{kind}|{subject}|{int(now.timestamp()) // HOUR}".encode()
    counter_id = hmac.new(services.settings.address_key, said, hashlib.sha256).hexdigest()
    for _ in range(TRIES):
        stored = await services.store.read("counters", counter_id, counter_id)
        if stored is not None and stored["count"] > most:
            return True
        count = stored["count"] + 1 if stored is not None else 1
        item = {"id": counter_id, "kind": kind, "count": count, "ttl": seconds_kept("counters", kind)}
        try:
            if stored is None:
                await services.store.create("counters", item, counter_id)
            else:
                await services.store.replace("counters", item, stored["_etag"], counter_id)
            return count > most
        except (AlreadyStored, RecordChanged):
            continue
    raise Unavailable("a counter is too busy")

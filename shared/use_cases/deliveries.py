"""What leaves the service: mail, address rows, partners. Tried at once after the batch; the timer is the net.

A message was written with the change that caused it, so nothing is lost; what it does is keyed, so nothing repeats.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared import telemetry
from shared.adapters.breaker import Resting
from shared.adapters.cosmos import AlreadyStored
from shared.adapters.mail import Bounced
from shared.adapters.outbound import Gone
from shared.domain.errors import ActionNotAllowed, NotFound, PledgeError, RecordChanged, RuleBroken, Unavailable
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.use_cases import letters
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services
    from shared.domain.programme import Programme

logger = logging.getLogger("pledge.deliveries")

CASES = "cases"
# Ten tries over 75 hours (Standard Webhooks); after the last one a message is dead and a person looks at it.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
LINK_DAYS = 30
TIME_BUDGET = timedelta(minutes=2)
"""A server that is dead takes ten seconds for each mail, and the run, which does more than this, has five minutes."""


async def try_now(services: Services, messages: list[dict[str, Any]], now: datetime) -> None:
    """One try of each new message, within the request. Failing is well: the message is stored, the timer goes on."""
    for message in messages:
        try:
            await deliver(services, message, now)
        except PledgeError:
            logger.info("delivery put off", extra={"message_id": message["id"], "channel": message["channel"]})


async def try_what_waits(services: Services, messages: list[dict[str, Any]], now: datetime) -> None:
    """The same a moment later: what the timer has sent meanwhile is not sent again."""
    for message in messages:
        stored = await services.store.read(CASES, message["id"], message["case_id"])
        if stored is not None and stored["status"] == "pending":
            await try_now(services, [stored], now)


async def deliver(services: Services, message: dict[str, Any], now: datetime) -> bool:
    """Try a message once and note the result on it. True if it has reached its end (delivered, bounced or dead)."""
    with telemetry.span("message", message.get("trace"), channel=message["channel"], template=message.get("template")):
        return await _deliver(services, message, now)


async def _deliver(services: Services, message: dict[str, Any], now: datetime) -> bool:
    tries, told_to_wait = message["tries"] + 1, None
    try:
        await CHANNELS[message["channel"]](services, message, now)
        status = "delivered"
    except Bounced:
        status = "bounced"
    except Gone:
        status = "dead"
    except Exception as error:  # One odd message must not hold up all the others: it is noted and tried again.
        if not isinstance(error, PledgeError):
            logger.exception("delivery failed", extra={"message_id": message["id"]})
        status = "pending"
        message = message | {"cause": type(error).__name__}
        told_to_wait = error.retry_after if isinstance(error, Unavailable) else None
        tries -= isinstance(error, Resting)
    if status == "pending" and tries > len(WAITS) and message["channel"] != "payment":
        status = "dead"
    noted = {name: value for name, value in message.items() if not name.startswith("_")}
    noted |= {"status": status, "tries": tries, "tried_at": now.isoformat()}
    if status == "pending":
        # Money is never given up: its order is asked after, day by day, until the partner says what became of it.
        wait = max(WAITS[min(max(tries, 1), len(WAITS)) - 1], timedelta(seconds=told_to_wait or 0))
        noted["next_try_at"] = (now + wait).isoformat()
    elif status == "delivered":
        is_question = message["channel"] == "links"  # Of somebody who may have no case, so that no erasure ends it.
        noted["ttl"] = seconds_kept("counters", "links-to") if is_question else seconds_kept(CASES, "message")
    if status in ("bounced", "dead") and message["channel"] == "mail":
        # Told first: what is noted is not tried again, and a bounce that is told twice is one.
        await _tell_staff(services, message["case_id"], now)
    await _note(services, noted, message.get("_etag"))
    return status != "pending"


async def _note(services: Services, noted: dict[str, Any], etag: str | None) -> None:
    if etag is None:
        stored = await services.store.read(CASES, noted["id"], noted["case_id"])
        if stored is None or stored["status"] != "pending":
            return
        etag = stored["_etag"]
    await services.store.replace(CASES, noted, etag, noted["case_id"])


async def _tell_staff(services: Services, case_id: str, now: datetime) -> None:
    """Have somebody ring whose mail does not arrive; of who was erased meanwhile there is nothing to tell."""
    from shared.use_cases.commands import perform

    def bounce(change: Any) -> None:
        if change.case.bounced_at is None:
            change.record("mail_bounced")

    try:
        await perform(services, case_id, Actor(role=Role.SYSTEM, id="deliveries"), now, bounce)
    except (NotFound, ActionNotAllowed, RuleBroken) as error:  # It never will be told: no reason to mail for ever.
        logger.warning("bounce not told", extra={"case_id": case_id, "cause": type(error).__name__})


async def run_deliveries(services: Services, now: datetime) -> dict[str, int]:
    """Everything that is due to be sent and has not been: up to the limit of a run and its time, oldest first."""
    until = time.monotonic() + TIME_BUDGET.total_seconds()
    counts = {"due": 0, "ended": 0, "failed": 0}
    rows = await services.store.query(
        CASES,
        "SELECT TOP @most * FROM c WHERE c.kind = 'message' AND c.status = 'pending' AND c.next_try_at <= @now"
        " ORDER BY c.next_try_at",
        {"now": now.isoformat(), "most": services.settings.timer_items_max},
    )
    counts["waited_seconds"] = max((_seconds_since(row["next_try_at"], now) for row in rows), default=0)
    telemetry.measure("pledge.message.age", counts["waited_seconds"])
    counts["due"] = len(rows)
    for message in rows:
        if time.monotonic() >= until:
            break
        try:
            counts["ended"] += await deliver(services, message, now)
        except Exception:  # One message that cannot be noted must not hold up the others; it stays due.
            counts["failed"] += 1
            logger.exception("message could not be noted", extra={"message_id": message["id"]})
    return counts


def _seconds_since(moment: str, now: datetime) -> int:
    return int((now - datetime.fromisoformat(moment)).total_seconds())


async def _mail(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Fill in the person's name and address, make a fresh link if the letter has one, and send."""
    case_id = message["case_id"]
    person = await services.store.read(CASES, "person", case_id)
    if person is None:
        return  # Erased: there is nobody left to write to.
    letter, programme = letters.LETTERS[message["template"]], _programme_of(services, message)
    link = None
    if letter.has_link:
        link = await new_link(services, case_id, now)
    subject, text = letter.written(message["language"], person["given_names"], message["parameters"], link, programme)
    mail_id = _mail_id(case_id, message["id"])
    await services.mail.send(person["email"], subject, text, mail_id, now, reply_to=programme.contact.email)


def _programme_of(services: Services, message: dict[str, Any]) -> Programme:
    """The programme of a letter; those that were written before there were several say none."""
    return services.programmes.get(message.get("programme", "")) or next(iter(services.programmes.values()))


def _mail_id(case_id: str, message_id: str) -> str:
    return hashlib.sha256(f"{case_id}|{message_id}".encode()).hexdigest()[:40]


async def new_link(services: Services, case_id: str, now: datetime) -> str:
    """A capability link to a case: 32 random bytes, stored hashed, told only in the fragment of an address."""
    token = secrets.token_urlsafe(32)
    link: dict[str, Any] = {
        "id": hashlib.sha256(token.encode()).hexdigest(),
        "kind": "link",
        "case_id": case_id,
        "issued_at": now.isoformat(),
        "expires_at": (now + timedelta(days=LINK_DAYS)).isoformat(),
        "revoked": False,
        "ttl": seconds_kept("links", "link"),
    }
    await services.store.create("links", link, link["id"])
    return f"{services.settings.site_url}/case.html#{case_id}.{token}"


async def _links(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Mail a link to whoever asked for one, if they have a case. See `applications.send_links`."""
    from shared.use_cases.applications import send_links

    await send_links(services, message, now)


async def _address(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Enter the case under the keyed hash of its e-mail, so that it can be found by its owner's address."""
    await remember_address(services, message["address"], message["case_id"])


async def remember_address(services: Services, address: str, case_id: str) -> None:
    """Add a case to an address row; there already is well."""
    for _ in range(5):
        row = await services.store.read("addresses", address, address)
        if row is None:
            try:
                await services.store.create(
                    "addresses", {"id": address, "kind": "address", "cases": [case_id]}, address
                )
                return
            except AlreadyStored:
                continue
        if case_id in row["cases"]:
            return
        changed = {"id": address, "kind": "address", "cases": [*row["cases"], case_id]}
        try:
            await services.store.replace("addresses", changed, row["_etag"], address)
            return
        except RecordChanged:
            continue
    raise Unavailable("the address row is busy")


def address_key(services: Services, email: str) -> str:
    """The keyed hash of a normalised address."""
    return hmac.new(services.settings.address_key, email.lower().encode(), hashlib.sha256).hexdigest()


async def _payment(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Ask the payment partner to move money. See `payments.ask_partner`."""
    from shared.use_cases.payments import ask_partner

    await ask_partner(services, message, now)


async def _employer(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Ask an employer's contact to confirm a report. See `confirmations.mail_employer`."""
    from shared.use_cases.confirmations import mail_employer

    await mail_employer(services, message, now)


async def _partner(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Tell a partner what has happened. See `announcements.tell_partner`."""
    from shared.use_cases.announcements import tell_partner

    await tell_partner(services, message, now)


CHANNELS = {
    "mail": _mail,
    "employer": _employer,
    "address": _address,
    "links": _links,
    "payment": _payment,
    "partner": _partner,
}

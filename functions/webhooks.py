"""What partners send: verified over raw bytes, stored, then answered; applied at once if time allows, else by timer.

Microsoft's scanner has no signature: Azure delivers its results, and they go the same way.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime

import azure.functions as func

from functions.bodies import WEBHOOK_BYTES_MAX, raw_body, read_json
from functions.http import Refused, accepted, answers_problems, ok
from shared import bootstrap, telemetry
from shared.adapters.defender import is_our_own, scan_told
from shared.adapters.webhooks import verify
from shared.domain.errors import InvalidInput, PledgeError
from shared.partners import inbox, refusals

logger = logging.getLogger("pledge.webhooks")

SKEW_SECONDS = 60

bp = func.Blueprint()


@bp.route(route="webhooks/{partner}", methods=["POST"])
@answers_problems("webhooks/{partner}")
async def post_webhooks(req: func.HttpRequest) -> func.HttpResponse:
    """Keep a partner's event. Validly signed is always answered 2xx once it is stored, whatever it says."""
    now = bootstrap.clock()
    raw = raw_body(req, WEBHOOK_BYTES_MAX)
    name = req.route_params.get("partner", "")
    partner = bootstrap.settings().partners.get(name) if re.fullmatch(r"[a-z0-9-]{1,40}", name) else None
    headers = {each: req.headers.get(each, "") for each in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    services = await bootstrap.services()
    verdict = verify(raw, headers, partner.live(now), int(now.timestamp())) if partner else "bad-signature"
    if partner is None or verdict != "ok":
        await refusals.count(services, partner.name if partner else "unknown", verdict, now)
        raise Refused(verdict)
    _watch_clock(partner.name, headers["webhook-timestamp"], now)
    try:
        body = read_json(raw)
    except (Refused, InvalidInput):
        body = None
    new, item = await inbox.receive(services, partner, headers["webhook-id"], raw, body, now)
    if not new:
        return ok({"status": "known"})
    if item["status"] == "received":
        try:
            await inbox.process(services, item, now)
        except PledgeError:
            pass  # It is stored; the timer goes on with it.
    return accepted({"status": "received"})


def _watch_clock(partner: str, stated: str, now: datetime) -> None:
    """A partner whose clock is off by more than a minute is still heard; somebody should know (R31)."""
    skew = int(stated) - int(now.timestamp())
    if abs(skew) > SKEW_SECONDS:
        logger.error("a partner's clock is off", extra={"partner": partner, "seconds": skew})


@bp.function_name("run_scan_result")
@bp.event_grid_trigger(arg_name="event")
async def run_scan_result(event: func.EventGridEvent) -> None:
    """Keep what Defender found in a file. If it cannot be kept now, Event Grid delivers it again."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    stated = services.settings
    found = event.get_json()
    evidence_url = f"{stated.blob_account_url.rstrip('/')}/{stated.evidence_container}/"
    if is_our_own(found, evidence_url):
        return
    told = scan_told(event.event_type, found, evidence_url)
    if told is None:
        logger.error("scan without result", extra={"event_id": event.id})
        return
    raw = json.dumps(told, sort_keys=True).encode()
    with telemetry.tallied("run_scan_result") as tally:
        new, item = await inbox.receive(services, inbox.DEFENDER, event.id, raw, told, now)
        if new and item["status"] == "received":
            await inbox.process(services, item, now)
        logger.info("run_scan_result %s", telemetry.told(tally.attributes))

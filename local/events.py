"""Event Grid triggers as the functions host runs them: its webhook for events, and the handshake before the first."""

import json
import logging
from typing import Any

from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.invocation import Function

logger = logging.getLogger("local.events")
PATH = "/runtime/webhooks/eventgrid"


class Events:
    """The functions of one app that Event Grid calls."""

    def __init__(self, functions: list[Function]) -> None:
        self.by_name = {function.name: function for function in functions}

    async def deliver(self, name: str, event: dict[str, Any]) -> bool:
        """Hand one event to a function, decoded as the worker does; the answer is whether it succeeded."""
        try:
            decoded = EventGridEventInConverter.decode(Datum(json.dumps(event), "json"), trigger_metadata=None)
            await self.by_name[name].call(decoded)
        except Exception:  # The host logs a failed delivery and answers that it failed; Event Grid comes again.
            logger.exception("event for %s failed", name)
            return False
        logger.info("event for %s done", name)
        return True

    def routes(self) -> list[Route]:
        """Where Event Grid delivers, in both spellings that are in use."""
        return [Route(path, self._take, methods=["POST"]) for path in (PATH, "/runtime/webhooks/EventGrid")]

    async def _take(self, request: Request) -> Response:
        name = request.query_params.get("functionName", "")
        events = await request.json()
        if name not in self.by_name:
            return Response(status_code=404)
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
        if request.headers.get("aeg-event-type") != "Notification":
            return Response(status_code=400)
        done = [await self.deliver(name, event) for event in events]
        return Response(status_code=202 if all(done) else 500)

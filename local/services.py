"""One process for all the outside services: identity provider, mail, partners, scanner.

    python -m local.services --data DIR

Its ports, keys and secrets are those of the data folder (made there if it is new). Loopback only.
"""

import argparse
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from local import config, mail, partners, payments, scanner
from local.clock import Clock, instant_text, parse_instant
from local.database import open_database
from local.host import PAGES, serve, with_stack_date
from local.identity import Issuer
from local.mail import Mailbox
from local.partners import Partners
from local.payments import Payments
from local.scanner import Scanner

logger = logging.getLogger("local.services")


def build(data: Path, stack: dict[str, Any], clock: Clock) -> ASGIApp:
    """All services of one stack as one application; its start opens the mail port too."""
    base = config.addresses(stack)
    database = open_database(data / "services.sqlite", mail.SCHEMA, partners.SCHEMA, payments.SCHEMA, scanner.SCHEMA)
    issuer = Issuer(base["authority"], stack["issuer_key"], clock)
    mailbox = Mailbox(database, clock, PAGES)
    all_partners = Partners(database, stack["partner_secrets"], base["api"], clock)
    payment_partner = Payments(database, all_partners, clock)
    virus_scanner = Scanner(database, all_partners, base["blob"])

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        smtp = await loop.create_server(mailbox.smtp, "127.0.0.1", stack["ports"]["smtp"])
        works = (all_partners.run_forever(), payment_partner.run_forever(), virus_scanner.run_forever())
        tasks = [asyncio.create_task(keep_running(work)) for work in works]
        yield
        for task in tasks:
            task.cancel()
        smtp.close()

    async def move_clock(request: Request) -> Response:
        clock.move(parse_instant((await request.json()).get("now")))
        return JSONResponse({"now": instant_text(clock())})

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": True, "now": instant_text(clock())})

    routes = [
        Route("/ready", ready, methods=["GET"]),
        Route("/clock", move_clock, methods=["POST"]),
        Mount("/identity", routes=issuer.routes()),
        *mailbox.routes(),
        Mount("/partners", routes=[*payment_partner.routes(), *virus_scanner.routes(), *all_partners.routes()]),
    ]
    # The start page is the host's, another origin; nobody else's page may ask for tokens.
    cors = Middleware(CORSMiddleware, allow_origins=own_origins(base["host"]), allow_methods=["*"], allow_headers=["*"])
    return with_stack_date(Starlette(routes=routes, lifespan=lifespan, middleware=[cors]), clock)


def own_origins(host: str) -> list[str]:
    """The host's address by number and by name."""
    return [host, host.replace("127.0.0.1", "localhost")]


async def keep_running(work: Coroutine[Any, Any, None]) -> None:
    """Run background work; its end would be a fault, and must be seen in the log."""
    try:
        await work
    except Exception:
        logger.exception("background work ended")
        raise


def main() -> None:
    """Run the services until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.services", description="The outside world on one machine.")
    parser.add_argument("--data", type=Path, default=Path("data"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("azure", "httpx", "httpcore", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    if (arguments.data / "stack.json").exists():
        stack = config.load(arguments.data)
    else:
        stack = config.load_or_create(arguments.data, port=7071)
    serve(build(arguments.data, stack, Clock(arguments.data / "clock.json")), stack["ports"]["services"])


if __name__ == "__main__":
    main()

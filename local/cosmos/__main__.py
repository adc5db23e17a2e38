"""Starts the endpoint alone: python -m local.cosmos --port 8081 --data FILE."""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from local.cosmos.app import Endpoint
from local.cosmos.auth import EMULATOR_KEY

HOST = "127.0.0.1"
# SDKs keep idle connections; one closed under them would look like a fault that nobody asked for.
KEEP_ALIVE_SECONDS = 3600


class Server(uvicorn.Server):
    """Says on stdout where it is, once it accepts requests."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or []:
            print("ready " + json.dumps({"endpoint": f"http://{HOST}:{listening.getsockname()[1]}/"}), flush=True)


def listen(port: int) -> socket.socket:
    """A socket that listens on this port of the loopback interface; 0 is any free port."""
    # asyncio switches Nagle's algorithm off only for sockets that say they are TCP; left on, it makes every answer
    # that is written in two pieces wait 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen(1024)
    return listening


def serve(endpoint: Any, listening: socket.socket) -> None:
    """Serve this ASGI application until interrupted."""
    config = uvicorn.Config(
        endpoint,
        log_level="warning",
        access_log=False,
        lifespan="off",
        http="h11",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
        # A header may hold the continuation token of a long query.
        h11_max_incomplete_event_size=256 * 1024,
    )
    asyncio.run(Server(config).serve(sockets=[listening]))


def arguments() -> Any:
    parser = argparse.ArgumentParser(prog="python -m local.cosmos", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="the SQLite file; it is created if it is missing")
    parser.add_argument("--key", default=EMULATOR_KEY, help="account key in base64 (default: the emulator's)")
    parser.add_argument("--now", help="the instant it is at the start, in ISO 8601")
    parser.add_argument("--partitions", type=int, default=1, help="physical partitions of a new container")
    parser.add_argument("--query-seconds", type=float, default=60, help="how long a query may take before it gets 408")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    if not 1 <= given.partitions <= 100:
        print("--partitions must be between 1 and 100.", file=sys.stderr)
        return 1
    try:
        listening = listen(given.port)
    except (OSError, OverflowError):
        print(f"Port {given.port} cannot be used: another program has it, or it is no port.", file=sys.stderr)
        return 1
    try:
        given.data.parent.mkdir(parents=True, exist_ok=True)
        endpoint = Endpoint(given.data, given.key, given.now, given.partitions, given.query_seconds)
    except ValueError as error:
        print(f"The endpoint cannot start: {error}.", file=sys.stderr)
        return 1
    try:
        with contextlib.suppress(KeyboardInterrupt):
            serve(endpoint, listening)
    finally:
        endpoint.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

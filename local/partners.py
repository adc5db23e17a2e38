"""The partners: each can send a signed webhook to the product, and keeps what was sent and what it received."""

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
import uuid
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local import config
from local.clock import Now, instant_text
from local.signatures import is_signed, sign

logger = logging.getLogger("local.partners")
SCHEMA = """
CREATE TABLE IF NOT EXISTS sent (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    partner TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    sent_at TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    response TEXT,
    again_at REAL
);
CREATE INDEX IF NOT EXISTS sent_again ON sent (again_at) WHERE again_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS received (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    partner TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0,
    UNIQUE (partner, id)
);
"""
# Long enough to outlast a restart of the functions host.
RETRY_SECONDS = (0.2, 0.4, 0.8, 1.6, 3.0)
AGAIN_SECONDS_MAX = 10.0
PARALLEL_MAX = 8


class Partners:
    """All partners' webhooks, out and in.

    `send` tries a few times and says how it went. `announce` is for what a partner does by itself: it is kept with
    the change it tells of and tried until it is taken.
    """

    def __init__(self, database: sqlite3.Connection, secrets: dict[str, str], api: str, clock: Now) -> None:
        self._database = database
        self._secrets = secrets
        self._api = api
        self._clock = clock
        self._client = httpx.AsyncClient(trust_env=False, timeout=30)

    async def send(self, partner: str, event: dict[str, Any]) -> dict[str, Any]:
        """Send one event now and answer with what the product said; status is null if it said nothing."""
        number = self._keep(partner, event)
        for seconds in (*RETRY_SECONDS, None):
            status = await self._try(number)
            if (status is not None and status < 500) or seconds is None:
                break
            await asyncio.sleep(seconds)
        row = self._row(number)
        return {"id": row["id"], "status": row["status"], "body": decoded(row["response"])}

    def announce(self, partner: str, event: dict[str, Any]) -> None:
        """Keep an event that will be sent until the product takes it."""
        self._keep(partner, event, again_at=time.time())

    async def run_forever(self) -> None:
        """Send what was announced, several at a time; what was refused or lost again after a while."""
        running: dict[int, asyncio.Task[None]] = {}
        while True:
            running = {number: task for number, task in running.items() if not task.done()}
            due = self._database.execute(
                "SELECT number, tries FROM sent WHERE again_at <= ? ORDER BY number LIMIT ?",
                (time.time(), PARALLEL_MAX),
            ).fetchall()
            for row in due:
                # One that gets no answer for long must not hold up the others, nor be sent beside itself.
                if row["number"] not in running and len(running) < PARALLEL_MAX:
                    running[row["number"]] = asyncio.create_task(self._announce(row["number"], row["tries"]))
            await asyncio.sleep(0.05)

    async def _announce(self, number: int, tries: int) -> None:
        status = await self._try(number)
        taken = status is not None and 200 <= status < 300
        again_at = None if taken else time.time() + min(0.2 * 2**tries, AGAIN_SECONDS_MAX)
        self._database.execute("UPDATE sent SET again_at = ? WHERE number = ?", (again_at, number))

    def _keep(self, partner: str, event: dict[str, Any], again_at: float | None = None) -> int:
        now = instant_text(self._clock())
        body = {"type": event["type"], "timestamp": event.get("occurred_at") or now, "data": event.get("data", {})}
        cursor = self._database.execute(
            "INSERT INTO sent (partner, id, body, sent_at, again_at) VALUES (?, ?, ?, ?, ?)",
            (
                partner,
                event.get("id") or f"evt_{uuid.uuid4().hex}",
                json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
                now,
                again_at,
            ),
        )
        return int(cursor.lastrowid or 0)

    def _row(self, number: int) -> sqlite3.Row:
        row: sqlite3.Row = self._database.execute("SELECT * FROM sent WHERE number = ?", (number,)).fetchone()
        return row

    async def _try(self, number: int) -> int | None:
        """Post one event once, signed at this moment as the standard wants it for every try."""
        row = self._row(number)
        headers = sign(self._secrets[row["partner"]], row["id"], self._clock().timestamp(), row["body"])
        status, text = None, None
        with contextlib.suppress(httpx.HTTPError):
            answer = await self._client.post(
                f"{self._api}/webhooks/{row['partner']}",
                content=row["body"],
                headers={**headers, "content-type": "application/json"},
            )
            status, text = answer.status_code, answer.text
        self._database.execute(
            "UPDATE sent SET tries = tries + 1, status = ?, response = ? WHERE number = ?", (status, text, number)
        )
        return status

    def is_signed(self, partner: str, request: Request, body: bytes) -> bool:
        """Whether a request of the product carries this partner's signature."""
        return is_signed(self._secrets[partner], request.headers, self._clock().timestamp(), body)

    def routes(self) -> list[Route]:
        """Control of every partner, and the endpoint for the product's own webhooks."""
        return [
            Route("/{name}/send", self._send, methods=["POST"]),
            Route("/{name}/sent", self._sent, methods=["GET"]),
            Route("/{name}/inbox", self._inbox, methods=["POST"]),
            Route("/{name}/received", self._received, methods=["GET"]),
        ]

    async def _send(self, request: Request) -> Response:
        name = request.path_params["name"]
        event = await request.json()
        if name not in config.PARTNERS or not isinstance(event, dict) or not isinstance(event.get("type"), str):
            return JSONResponse({"error": "Send {type, data} to one of: " + ", ".join(config.PARTNERS)}, 400)
        return JSONResponse(await self.send(name, event))

    async def _sent(self, request: Request) -> Response:
        rows = self._database.execute(
            "SELECT * FROM sent WHERE partner = ? ORDER BY number", (request.path_params["name"],)
        )
        return JSONResponse(
            [
                {
                    "id": row["id"],
                    **json.loads(row["body"]),
                    "sent_at": row["sent_at"],
                    "tries": row["tries"],
                    "status": row["status"],
                    "body": decoded(row["response"]),
                }
                for row in rows
            ]
        )

    async def _inbox(self, request: Request) -> Response:
        """Take a webhook of the product; the same id is one event, told how often it came."""
        name, body = request.path_params["name"], await request.body()
        if config.OUTBOUND.get(config.PARTNERS.get(name, "")) != "inbox":
            return Response(status_code=404)
        if not self.is_signed(name, request, body):
            return JSONResponse({"code": "bad-signature"}, status_code=401)
        self._database.execute(
            "INSERT INTO received (partner, id, body, received_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (partner, id) DO UPDATE SET repeats = repeats + 1",
            (name, request.headers["webhook-id"], body.decode("utf-8", "replace"), instant_text(self._clock())),
        )
        return Response(status_code=202)

    async def _received(self, request: Request) -> Response:
        rows = self._database.execute(
            "SELECT * FROM received WHERE partner = ? ORDER BY number", (request.path_params["name"],)
        )
        return JSONResponse(
            [
                {
                    "id": row["id"],
                    "body": decoded(row["body"]),
                    "received_at": row["received_at"],
                    "repeats": row["repeats"],
                }
                for row in rows
            ]
        )


def decoded(text: str | None) -> object:
    """JSON if it is JSON, else the text itself."""
    try:
        return json.loads(text) if text else text
    except ValueError:
        return text

"""The payment partner's own interface: exactly one refund for each reference, whatever happens to whoever asks.

POST {url}/refunds, GET {url}/refunds/{reference} and GET {url}/refunds?day=YYYY-MM-DD, signed with the partner's
secret as webhooks are. Control, unsigned: POST .../order, POST .../settle, POST .../behaviour, GET .../refunds.
"""

import asyncio
import json
import re
import sqlite3
import time
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.clock import Now
from local.partners import Partners

SCHEMA = """
CREATE TABLE IF NOT EXISTS refund (
    reference TEXT PRIMARY KEY,
    refund_id TEXT NOT NULL,
    asked TEXT NOT NULL,
    status TEXT NOT NULL,
    accepted_on TEXT NOT NULL,
    settled_on TEXT,
    settle_at REAL,
    requests INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS behaviour (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
NAME = "payments"
SETTLE_SECONDS = 0.2
SILENT_SECONDS = 120
OUTCOMES = ("succeeded", "failed", "pending")
FAULTS = ("error_500", "timeout", "lost_answer")
# For each outcome the event that tells of it, and how the event calls the day.
EVENTS = {"succeeded": ("payment.refunded", "refunded_on"), "failed": ("payment.refund_failed", "failed_on")}


class Payments:
    """Refunds, what became of them, and how the partner is to behave towards the next request."""

    def __init__(self, database: sqlite3.Connection, partners: Partners, clock: Now) -> None:
        self._database = database
        self._partners = partners
        self._clock = clock

    async def run_forever(self) -> None:
        """Settle what is accepted and due to be settled by itself."""
        while True:
            rows = self._database.execute(
                "SELECT reference FROM refund WHERE status = 'pending' AND settle_at <= ?", (time.time(),)
            ).fetchall()
            for row in rows:
                self.settle(row["reference"], "succeeded")
            await asyncio.sleep(0.05)

    def settle(self, reference: str, outcome: str) -> None:
        """End a refund and announce it, in one transaction. One that succeeded may still fail: money comes back."""
        today = self._clock().date().isoformat()
        with self._transaction():
            self._database.execute(
                "UPDATE refund SET status = ?, settled_on = ?, settle_at = NULL WHERE reference = ?",
                (outcome, today, reference),
            )
            self._announce(self._row(reference), outcome)

    def _announce(self, row: sqlite3.Row, outcome: str) -> None:
        event_type, day = EVENTS[outcome]
        told = {
            "reference": row["reference"],
            "refund_id": row["refund_id"],
            "amount": json.loads(row["asked"])["amount"],
            day: row["settled_on"],
        }
        self._partners.announce(NAME, {"type": event_type, "data": told})

    def _transaction(self) -> "Transaction":
        return Transaction(self._database)

    def _row(self, reference: str) -> sqlite3.Row:
        found: sqlite3.Row = self._database.execute("SELECT * FROM refund WHERE reference = ?", (reference,)).fetchone()
        return found

    def _behaviour(self) -> dict[str, Any]:
        rows = self._database.execute("SELECT name, value FROM behaviour").fetchall()
        return {"auto_settle": True, "next": [], **{row["name"]: json.loads(row["value"]) for row in rows}}

    def _set_behaviour(self, **wanted: object) -> None:
        for name, value in wanted.items():
            self._database.execute("INSERT OR REPLACE INTO behaviour VALUES (?, ?)", (name, json.dumps(value)))

    def _next_behaviour(self, *, is_new: bool) -> str | None:
        """Take the next behaviour from the queue; an outcome waits there for the next new refund."""
        queue: list[str] = self._behaviour()["next"]
        if not queue or (queue[0] in OUTCOMES and not is_new):
            return None
        self._set_behaviour(next=queue[1:])
        return queue[0]

    def routes(self) -> list[Route]:
        """The interface the product calls, and its control."""
        return [
            Route(f"/{NAME}/api/refunds", self._create, methods=["POST"]),
            Route(f"/{NAME}/api/refunds", self._day, methods=["GET"]),
            Route(f"/{NAME}/api/refunds/{{reference}}", self._read, methods=["GET"]),
            Route(f"/{NAME}/order", self._order, methods=["POST"]),
            Route(f"/{NAME}/settle", self._settle, methods=["POST"]),
            Route(f"/{NAME}/behaviour", self._behave, methods=["GET", "POST"]),
            Route(f"/{NAME}/refunds", self._all, methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        body = await request.body()
        if not self._partners.is_signed(NAME, request, body):
            return JSONResponse({"code": "bad-signature"}, status_code=401)
        asked = parse_refund(body)
        if asked is None:
            return JSONResponse({"code": "invalid-refund"}, status_code=422)
        once = self._next_behaviour(is_new=self._row(asked["reference"]) is None)
        if once == "error_500":
            return JSONResponse({"code": "internal"}, status_code=500)
        if once == "timeout":
            await asyncio.sleep(SILENT_SECONDS)
            return JSONResponse({"code": "timeout"}, status_code=504)
        is_new = self._record(asked, once)
        row = self._row(asked["reference"])
        if json.loads(row["asked"]) != asked:
            return JSONResponse({"code": "reference-reused"}, status_code=409)
        if once == "lost_answer":
            cut(request)
        return JSONResponse(as_answer(row), status_code=201 if is_new else 200)

    def _record(self, asked: dict[str, Any], once: str | None) -> bool:
        """Write the refund before anything is answered; False if the reference was known."""
        status = once if once in EVENTS else "pending"
        by_itself = self._behaviour()["auto_settle"] and once in (None, "lost_answer")
        today = self._clock().date().isoformat()
        with self._transaction():
            known = self._database.execute(
                "UPDATE refund SET requests = requests + 1 WHERE reference = ?", (asked["reference"],)
            )
            if known.rowcount:
                return False
            self._database.execute(
                "INSERT INTO refund (reference, refund_id, asked, status, accepted_on, settled_on, settle_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    asked["reference"],
                    f"ref_{uuid.uuid4().hex[:20]}",
                    json.dumps(asked),
                    status,
                    today,
                    today if status in EVENTS else None,
                    time.time() + SETTLE_SECONDS if by_itself else None,
                ),
            )
            if status in EVENTS:
                self._announce(self._row(asked["reference"]), status)
        return True

    async def _read(self, request: Request) -> Response:
        if not self._partners.is_signed(NAME, request, await request.body()):
            return JSONResponse({"code": "bad-signature"}, status_code=401)
        row = self._row(request.path_params["reference"])
        return JSONResponse(as_answer(row)) if row else JSONResponse({"code": "unknown-reference"}, status_code=404)

    async def _day(self, request: Request) -> Response:
        """Refunds accepted or settled on one day."""
        if not self._partners.is_signed(NAME, request, await request.body()):
            return JSONResponse({"code": "bad-signature"}, status_code=401)
        day = request.query_params.get("day", "")
        rows = self._database.execute(
            "SELECT * FROM refund WHERE accepted_on = ? OR settled_on = ? ORDER BY rowid", (day, day)
        )
        return JSONResponse({"day": day, "refunds": [as_answer(row) for row in rows]})

    async def _order(self, request: Request) -> Response:
        """Take an order that nobody signed: what the partner's books may hold without our doing."""
        asked = parse_refund(await request.body())
        if asked is None:
            return JSONResponse({"error": "This is no refund."}, status_code=400)
        self._record(asked, "pending")
        return JSONResponse(as_answer(self._row(asked["reference"])), status_code=201)

    async def _settle(self, request: Request) -> Response:
        wanted = json.loads(await request.body() or b"{}")
        outcome, reference = wanted.get("outcome", "succeeded"), wanted.get("reference")
        if outcome not in EVENTS:
            return JSONResponse({"error": "outcome is succeeded or failed."}, status_code=400)
        pending = self._database.execute("SELECT reference FROM refund WHERE status = 'pending' ORDER BY rowid")
        references = [reference] if reference else [row["reference"] for row in pending.fetchall()]
        if any(self._row(one) is None for one in references):
            return JSONResponse({"error": "There is no refund with this reference."}, status_code=404)
        for one in references:
            self.settle(one, outcome)
        return JSONResponse({"settled": references})

    async def _behave(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = await request.json()
            once = wanted.get("next", [])
            queue = [once] if isinstance(once, str) else once
            if any(one not in OUTCOMES + FAULTS for one in queue):
                return JSONResponse({"error": "next is one of: " + ", ".join(OUTCOMES + FAULTS)}, status_code=400)
            if "next" in wanted:
                self._set_behaviour(next=queue)
            if "auto_settle" in wanted:
                self._set_behaviour(auto_settle=bool(wanted["auto_settle"]))
        return JSONResponse(self._behaviour())

    async def _all(self, _: Request) -> Response:
        rows = self._database.execute("SELECT * FROM refund ORDER BY rowid")
        return JSONResponse(
            [{**as_answer(row), **json.loads(row["asked"]), "requests": row["requests"]} for row in rows]
        )


class Transaction:
    """All or nothing, on disk when it ends: money is why `synchronous` is raised here."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, failed: object, *_: object) -> None:
        self._database.execute("ROLLBACK" if failed else "COMMIT")
        self._database.execute("PRAGMA synchronous = NORMAL")


def parse_refund(body: bytes) -> dict[str, Any] | None:
    """A refund as asked for, or None if it isn't one."""
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    amount = asked.get("amount") if isinstance(asked, dict) else None
    if not isinstance(amount, dict) or not isinstance(asked.get("reference"), str) or not asked["reference"]:
        return None
    if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{2}", str(amount.get("amount")), re.ASCII):
        return None
    return {name: asked.get(name) for name in ("reference", "amount", "payee", "payer")}


def as_answer(row: sqlite3.Row) -> dict[str, Any]:
    """A refund as the partner tells it."""
    return {
        "refund_id": row["refund_id"],
        "reference": row["reference"],
        "amount": json.loads(row["asked"])["amount"],
        "status": row["status"],
        "accepted_on": row["accepted_on"],
        "refunded_on": row["settled_on"] if row["status"] == "succeeded" else None,
    }


def cut(request: Request) -> None:
    """Cut the connection without an answer: the caller can't know whether the refund was taken.

    ASGI has no word for this, so the server's own connection is reached for.
    """
    cycle = getattr(request.receive, "__self__", None)
    if cycle is not None and hasattr(cycle, "transport"):
        cycle.transport.abort()

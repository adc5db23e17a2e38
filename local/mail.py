"""The mail server: takes every mail, delivers none, shows all. Local parts that begin with `bounce` are refused."""

import email
import email.policy
import json
import sqlite3
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from local.clock import Now, instant_text

SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT UNIQUE,
    recipients TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT,
    html TEXT,
    headers TEXT NOT NULL,
    received_at TEXT NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0
);
"""
MESSAGE_BYTES_MAX = 25 * 1024 * 1024


class Mailbox:
    """All mail of the stack, by SMTP in and by HTTP out. The same Message-ID is one mail, told how often it came."""

    def __init__(self, database: sqlite3.Connection, clock: Now, pages: Path) -> None:
        self._database = database
        self._clock = clock
        self._page = pages / "mail.html"

    def smtp(self) -> SMTP:
        """The protocol of one connection."""
        return SMTP(self, enable_SMTPUTF8=True, data_size_limit=MESSAGE_BYTES_MAX, hostname="localhost", ident="Pledge")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.lower().startswith("bounce"):
            return "550 5.1.1 There is nobody with this address"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail, then say so: after the 250 the sender forgets it."""
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)  # The default policy builds nothing else.
        self._database.execute(
            "INSERT INTO mail (message_id, recipients, sender, subject, text, html, headers, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO UPDATE SET repeats = repeats + 1",
            (
                message["message-id"],
                ", ".join(envelope.rcpt_tos),
                str(message["from"] or envelope.mail_from or ""),
                str(message["subject"] or ""),
                body_of(message, "plain"),
                body_of(message, "html"),
                json.dumps({name.lower(): str(value) for name, value in message.items()}),
                instant_text(self._clock()),
            ),
        )
        return "250 OK"

    def routes(self) -> list[Route]:
        """The mail as JSON and as a page."""
        return [
            Route("/mail", self._list, methods=["GET"]),
            Route("/mail", self._clear, methods=["DELETE"]),
            Route("/mail/", self._show, methods=["GET"]),
        ]

    async def _list(self, request: Request) -> Response:
        """Newest last. With `since_id` the first mails after it, else the newest."""
        query = request.query_params
        to, since, limit = query.get("to"), query.get("since_id"), int(query.get("limit", -1))
        rows = self._database.execute(
            "SELECT * FROM mail WHERE id > ? AND (? IS NULL OR ', ' || lower(recipients) || ',' LIKE ? ESCAPE '\\')"
            f" ORDER BY id {'ASC' if since else 'DESC'} LIMIT ?",
            (int(since or 0), to, f"%, {literal(to or '').lower()},%", limit),
        ).fetchall()
        return JSONResponse([as_json(row) for row in sorted(rows, key=lambda row: int(row["id"]))])

    async def _clear(self, _: Request) -> Response:
        self._database.execute("DELETE FROM mail")
        return Response(status_code=204)

    async def _show(self, _: Request) -> Response:
        return FileResponse(self._page)


def body_of(message: EmailMessage, kind: str) -> str | None:
    """The text or HTML of a mail, if it has one that can be read."""
    part = message.get_body((kind,))
    try:
        return str(part.get_content()) if part is not None else None
    except (LookupError, ValueError):  # An encoding nobody knows: the mail stays, without this part.
        return None


def literal(text: str) -> str:
    """Text in which LIKE finds no wildcard."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def as_json(row: sqlite3.Row) -> dict[str, object]:
    """One mail as clients get it."""
    return {
        "id": row["id"],
        "to": row["recipients"],
        "from": row["sender"],
        "subject": row["subject"],
        "text": row["text"],
        "html": row["html"],
        "headers": json.loads(row["headers"]),
        "received_at": row["received_at"],
        "repeats": row["repeats"],
    }

"""Mail over SMTP. The text comes from templates by language; a name is filled in here and nowhere earlier."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from shared import telemetry
from shared.adapters.breaker import Breaker
from shared.domain.errors import PledgeError, Unavailable

if TYPE_CHECKING:
    from datetime import datetime

    from shared.settings import Settings


class Bounced(PledgeError):
    """The address does not take mail; trying again does not help."""


class Mail:
    """Sends one message at a time; the Message-ID is deterministic, so a provider can drop a repeat."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._breaker = Breaker("the mail server")

    async def send(self, to: str, subject: str, text: str, message_id: str, at: datetime, *, reply_to: str) -> None:
        """Hand a mail to the provider. Raises `Bounced` for good, `Unavailable` for now, `Resting` if it was not tried.

        Where TLS is asked for, nothing is told to a server that does not prove the name under which it was called.
        """
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = to
        message["Reply-To"] = reply_to
        message["Subject"] = subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{message_id}@pledge>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        if [each.addr_spec for each in message["To"].addresses] != [to]:
            raise Bounced("an address that is read as another one")
        self._breaker.admit(int(at.timestamp()))
        with telemetry.span("mail.send"):
            await asyncio.to_thread(self._deliver, message, to)

    def _deliver(self, message: EmailMessage, to: str) -> None:
        settings = self._settings
        try:
            with smtplib.SMTP(
                settings.smtp_host, settings.smtp_port, timeout=settings.outside_timeout_seconds
            ) as server:
                if settings.smtp_tls:
                    server.starttls(context=ssl.create_default_context())
                if settings.smtp_username:
                    server.login(settings.smtp_username, settings.smtp_password or "")
                server.send_message(message, to_addrs=[to])
                self._breaker.note(failed=False)
        except smtplib.SMTPRecipientsRefused as error:
            # The server is well; were these counted, whoever gives five such addresses would hold up everybody's mail.
            self._breaker.note(failed=False)
            code = next(iter(error.recipients.values()))[0]
            raise (Bounced("refused") if code >= 500 else Unavailable("mail")) from error
        except (smtplib.SMTPException, OSError) as error:
            self._breaker.note(failed=not isinstance(error, smtplib.SMTPDataError))
            raise Unavailable("the mail provider did not take the message") from error

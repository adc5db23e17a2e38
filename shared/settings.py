"""Every setting of the app, checked when the app is imported: a missing or weak one is a sentence, not a 500 later."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MICROSOFT = "https://login.microsoftonline.com"
SECRET_BYTES_MIN = 24
SECRET_KINDS_MIN = 8
"""So few different bytes do not come about by chance."""
SECRETS_MAX = 3
PARTNER_KINDS = frozenset({"assessment", "learning", "payments", "scanner", "employer", "history"})
PLATFORM_LOGIN = "WEBSITE_AUTH_ENABLED"
DEBUG_FLAGS = frozenset({
    "PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONINSPECT", "PYTHON_ENABLE_DEBUG_LOGGING", "AZURE_LOG_LEVEL",
    "AZURE_SDK_TRACING_IMPLEMENTATION",
})  # fmt: skip
"""What makes the platform or its libraries write bodies, headers or addresses into logs."""


class BadSettings(Exception):
    """One sentence for each setting that is missing, weak or at odds with another."""


@dataclass(frozen=True)
class Secret:
    """A secret shared with a partner. The last one has no end; one that is being replaced has."""

    value: bytes = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True)
class Partner:
    """An outside system that may send webhooks, and perhaps receives ours.

    Up to three secrets may live at once; what we send is signed with the first. `events` are the kinds of event of a
    case that it is told of at `url`; `programmes`, if any are named, are those whose cases it may speak about.
    """

    name: str
    kind: str
    secrets: tuple[Secret, ...] = ()
    url: str | None = None
    events: frozenset[str] = frozenset()
    programmes: frozenset[str] = frozenset()

    def live(self, now: datetime) -> tuple[bytes, ...]:
        """The secrets that are good at an instant."""
        return tuple(each.value for each in self.secrets if each.until is None or now < each.until)


@dataclass(frozen=True)
class Settings:
    """What the app needs to know about where it runs. Keys are never shown."""

    cosmos_endpoint: str
    cosmos_key: str | None = field(repr=False)
    cosmos_database: str
    store_read_timeout_seconds: float
    outside_timeout_seconds: float
    blob_account_url: str
    blob_account_key: str | None = field(repr=False)
    evidence_container: str
    audit_account_url: str
    audit_account_key: str | None = field(repr=False)
    audit_container: str
    anchor_container: str
    smtp_host: str
    smtp_port: int
    smtp_tls: bool
    smtp_username: str | None
    smtp_password: str | None = field(repr=False)
    mail_from: str
    site_url: str
    authority: str
    tenant_id: str
    api_audience: str
    api_client_ids: tuple[str, ...]
    outbound_networks: tuple[str, ...]
    address_key: bytes = field(repr=False)
    payee_key: bytes = field(repr=False)
    partners: dict[str, Partner]
    timers_off: frozenset[str]
    timer_items_max: int
    forwarded_hops: int
    applications_per_hour: int
    links_per_hour: int
    managed_identity_client_id: str | None


def load_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that an environment gives, or `BadSettings` with a sentence for each problem."""
    reader = _Reader(environment)
    settings = Settings(
        cosmos_endpoint=reader.text("COSMOS_ENDPOINT"),
        cosmos_key=reader.optional("COSMOS_KEY"),
        cosmos_database=reader.text("COSMOS_DATABASE", "pledge"),
        store_read_timeout_seconds=reader.number("STORE_READ_TIMEOUT_SECONDS", 10.0),
        outside_timeout_seconds=reader.number("OUTSIDE_TIMEOUT_SECONDS", 10.0),
        blob_account_url=reader.text("BLOB_ACCOUNT_URL"),
        blob_account_key=reader.optional("BLOB_ACCOUNT_KEY"),
        evidence_container=reader.text("EVIDENCE_CONTAINER", "evidence"),
        audit_account_url=reader.text("AUDIT_ACCOUNT_URL"),
        audit_account_key=reader.optional("AUDIT_ACCOUNT_KEY"),
        audit_container=reader.text("AUDIT_CONTAINER", "audits"),
        anchor_container=reader.text("ANCHOR_CONTAINER", "anchors"),
        smtp_host=reader.text("SMTP_HOST"),
        smtp_port=int(reader.number("SMTP_PORT", 587)),
        smtp_tls=reader.optional("SMTP_TLS") != "off",
        smtp_username=reader.optional("SMTP_USERNAME"),
        smtp_password=reader.optional("SMTP_PASSWORD"),
        mail_from=reader.text("MAIL_FROM"),
        site_url=reader.text("SITE_URL").rstrip("/"),
        authority=reader.text("AUTHORITY", MICROSOFT).rstrip("/"),
        tenant_id=reader.text("TENANT_ID"),
        api_audience=reader.text("API_AUDIENCE"),
        api_client_ids=reader.listed("API_CLIENT_IDS"),
        outbound_networks=reader.networks("OUTBOUND_NETWORKS"),
        address_key=reader.secret("ADDRESS_KEY"),
        payee_key=reader.secret("PAYEE_KEY"),
        partners=reader.partners("PARTNERS"),
        timers_off=frozenset(reader.listed("TIMERS_OFF", needed=False)),
        timer_items_max=int(reader.number("TIMER_ITEMS_MAX", 500)),
        forwarded_hops=int(reader.number("FORWARDED_HOPS", 1)),
        applications_per_hour=int(reader.number("APPLICATIONS_PER_HOUR", 20)),
        links_per_hour=int(reader.number("LINKS_PER_HOUR", 10)),
        managed_identity_client_id=reader.optional("AZURE_CLIENT_ID"),
    )
    reader.check_https(settings)
    reader.check_together(settings)
    if reader.problems:
        raise BadSettings("\n".join(reader.problems))
    return settings


class _Reader:
    """Reads one setting after the other and keeps what is wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def optional(self, name: str) -> str | None:
        # What was put into the vault from a file ends with the file's last line end.
        return self._environment.get(name, "").rstrip("\r\n") or None

    def text(self, name: str, default: str | None = None) -> str:
        value = self.optional(name) or default
        if value is None:
            self.problems.append(f"{name} is not set.")
        return value or ""

    def number(self, name: str, default: float) -> float:
        value = self.optional(name)
        try:
            number = float(value) if value is not None else default
        except ValueError:
            number = -1.0
        if number <= 0:
            self.problems.append(f"{name} must be a number above zero.")
        return number

    def listed(self, name: str, needed: bool = True) -> tuple[str, ...]:
        values = tuple(part.strip() for part in (self.optional(name) or "").split(",") if part.strip())
        if needed and not values:
            self.problems.append(f"{name} is not set.")
        return values

    def networks(self, name: str) -> tuple[str, ...]:
        values = self.listed(name, needed=False)
        for value in values:
            try:
                ipaddress.ip_network(value)
            except ValueError:
                self.problems.append(f"{name} holds something that is no network.")
        return values

    def secret(self, name: str) -> bytes:
        value = self.text(name)
        return self._decoded(name, value) if value else b""

    def _decoded(self, name: str, value: str) -> bytes:
        try:
            secret = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            self.problems.append(f"{name} is not base64.")
            return b""
        if len(secret) < SECRET_BYTES_MIN:
            self.problems.append(f"{name} is weaker than {SECRET_BYTES_MIN} bytes.")
        elif len(set(secret)) < SECRET_KINDS_MIN:
            self.problems.append(f"{name} is not random: it repeats a few bytes.")
        return secret

    def partners(self, name: str) -> dict[str, Partner]:
        try:
            stated: Any = json.loads(self.optional(name) or "{}")
            return {key: self._partner(f"{name} ({key})", key, value) for key, value in stated.items()}
        except (ValueError, KeyError, AttributeError, TypeError):
            self.problems.append(f"{name} is not the JSON object it must be.")
            return {}

    def _partner(self, name: str, key: str, stated: dict[str, Any]) -> Partner:
        if set(stated) - {"kind", "secrets", "url", "events", "programmes"}:
            self.problems.append(f"{name} has a key that is not known.")
        secrets = tuple(self._secret(name, each) for each in stated["secrets"])
        events, programmes = frozenset(stated.get("events", [])), frozenset(stated.get("programmes", []))
        if events and not stated.get("url"):
            self.problems.append(f"{name} is to be told of events and has no url.")
        return Partner(key, stated["kind"], secrets, stated.get("url"), events, programmes)

    def _secret(self, name: str, stated: Any) -> Secret:
        """A secret as text, or `{secret, until}` while it is being replaced."""
        until = None
        if isinstance(stated, dict):
            until = datetime.fromisoformat(stated["until"].replace("Z", "+00:00"))
            if until.tzinfo is None:
                self.problems.append(f"{name} has a secret whose end has no offset.")
                until = until.replace(tzinfo=UTC)
            stated = stated["secret"]
        return Secret(self._decoded(name, stated.removeprefix("whsec_")), until)

    def check_https(self, settings: Settings) -> None:
        """Without networks of our own every address that we call must be https."""
        if settings.outbound_networks:
            return
        addresses = {"AUTHORITY": settings.authority, "COSMOS_ENDPOINT": settings.cosmos_endpoint,
                     "BLOB_ACCOUNT_URL": settings.blob_account_url,
                     "AUDIT_ACCOUNT_URL": settings.audit_account_url, "SITE_URL": settings.site_url}  # fmt: skip
        addresses |= {f"PARTNERS ({name})": each.url for name, each in settings.partners.items() if each.url}
        for name, address in addresses.items():
            if address and not address.startswith("https://"):
                self.problems.append(f"{name} needs https.")
        if not settings.smtp_tls:
            self.problems.append("SMTP_TLS is off: mail would go out for everybody to read.")

    def check_together(self, settings: Settings) -> None:
        """What each by itself may be, and together may not."""
        for flag in sorted(DEBUG_FLAGS):
            if self.optional(flag):
                self.problems.append(f"{flag} is set: a service for people is not run with what is for debugging.")
        if (self.optional(PLATFORM_LOGIN) or "").lower() == "true":
            self.problems.append(f"{PLATFORM_LOGIN} is on, but it is this app that examines tokens: switch it off.")
        keys = (settings.cosmos_key, settings.blob_account_key, settings.audit_account_key)
        if settings.managed_identity_client_id and any(keys):
            self.problems.append("AZURE_CLIENT_ID names an identity, yet an account key is set: one or the other.")
        if bool(settings.smtp_username) != bool(settings.smtp_password):
            self.problems.append("SMTP_USERNAME and SMTP_PASSWORD are set together or not at all.")
        if (self.optional("SMTP_TLS") or "on") not in ("on", "off"):
            self.problems.append("SMTP_TLS is neither on nor off.")
        if "@" not in settings.mail_from:
            self.problems.append("MAIL_FROM holds no address.")
        secrets = [("ADDRESS_KEY", settings.address_key), ("PAYEE_KEY", settings.payee_key)]
        for name, partner in settings.partners.items():
            self._check_partner(name, partner)
            secrets += [(f"PARTNERS ({name})", secret.value) for secret in partner.secrets]
        for position, (name, secret) in enumerate(secrets):
            for other, same in secrets[:position]:
                if secret and secret == same:
                    self.problems.append(f"{other} and {name} share a secret.")

    def _check_partner(self, name: str, partner: Partner) -> None:
        if not re.fullmatch(r"[a-z0-9-]{1,40}", name, re.ASCII):
            self.problems.append("PARTNERS holds a name that no address can hold.")
        if partner.kind not in PARTNER_KINDS:
            self.problems.append(f"PARTNERS ({name}) is of a kind that nobody knows.")
        lasting = [secret for secret in partner.secrets if secret.until is None]
        if not lasting or len(partner.secrets) > SECRETS_MAX:
            self.problems.append(f"PARTNERS ({name}) needs one to {SECRETS_MAX} secrets, one of them without an end.")

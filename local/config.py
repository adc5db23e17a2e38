"""What one local stack is given once and keeps in its data folder: ports, secrets, keys, people and partners."""

import base64
import itertools
import json
import os
import secrets
import socket
import uuid
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.clock import write_json

ROOT = Path(__file__).resolve().parent.parent

# The keys every copy of Microsoft's emulators has; they open nothing else.
COSMOS_KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
BLOB_ACCOUNT = "devstoreaccount1"
BLOB_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
COSMOS_DATABASE = "pledge"
AUDIT_ACCOUNT = "devstoreaudits"
AUDIT_KEY = base64.b64encode(b"audits lie apart: a key that opens this account opens no other.").decode()
BLOB_CONTAINERS = {
    BLOB_ACCOUNT: {"evidence": "EVIDENCE_CONTAINER"},
    AUDIT_ACCOUNT: {"audits": "AUDIT_CONTAINER", "anchors": "ANCHOR_CONTAINER"},
}

PARTNERS = {
    "assessment": "assessment",
    "learning": "learning",
    "payments": "payments",
    "scanner": "scanner",
    "northwind": "employer",
    "contoso": "employer",
    "history": "history",
}
# Where the product's own calls to a partner go, by kind; the other kinds are never called.
OUTBOUND = {"payments": "api", "employer": "inbox", "learning": "inbox"}

PEOPLE = [
    ("Ines Moreau", ["specialist"]),
    ("Daniel Okafor", ["specialist"]),
    ("Grace Whitfield", ["specialist"]),
    ("Marta Lindqvist", ["admissions"]),
    ("Tom Achterberg", ["admissions"]),
    ("Priya Raman", ["admissions"]),
    ("Samuel Adeyemi", ["careers"]),
    ("Claire Fontaine", ["careers"]),
    ("Rosa Delgado", ["careers"]),
    ("Henrik Solberg", ["finance"]),
    ("Amara Nwosu", ["finance"]),
    ("Julia Brandt", ["finance"]),
    ("Victor Castellan", ["auditor"]),
    ("Naomi Feld", ["auditor"]),
    ("Idris Kamara", ["auditor"]),
    ("Hannah Price", ["admin"]),
    ("Luc Bertrand", ["admin"]),
    ("Sofia Rinaldi", ["admin"]),
    ("Oliver Stanton", ["specialist", "finance"]),
]
# The same ids in every stack, so that what is written down about one can be read beside another.
_IDS = uuid.UUID("6f1d2b6a-52c5-4b0e-9f0f-7d1f6c3a9e11")
TENANT = str(uuid.uuid5(_IDS, "tenant"))
AUDIENCE = str(uuid.uuid5(_IDS, "api"))
CLIENT = str(uuid.uuid5(_IDS, "staff web"))
STAFF = [{"name": name, "object_id": str(uuid.uuid5(_IDS, name)), "roles": roles} for name, roles in PEOPLE]


class PortInUse(Exception):
    """The port asked for is another program's; the message is for the person who asked."""


def load(data: Path) -> dict[str, Any]:
    """What the stack of this folder was given."""
    stack: dict[str, Any] = json.loads((data / "stack.json").read_text())
    return stack


def load_or_create(data: Path, port: int) -> dict[str, Any]:
    """As `load`, for a folder that may be new; the host gets `port`, and ports another program took are replaced.

    Secrets and keys are made once, so that what is stored stays readable after a restart.
    """
    data.mkdir(parents=True, exist_ok=True)
    file = data / "stack.json"
    stack = json.loads(file.read_text()) if file.exists() else new_stack()
    old = stack["ports"]
    if port and not is_free(port):
        other = next_free(port)
        raise PortInUse(
            f"Port {port} is in use by another program: stop it, or choose another"
            f" (make run PORT={other}, or python -m local --port {other})."
        )
    ports = {"host": port or reusable(old.get("host"))}
    for name in ("services", "smtp", "cosmos", "blob"):
        ports[name] = reusable(old.get(name), taken=set(ports.values()))
    stack["ports"] = ports
    file.touch(mode=0o600)
    write_json(file, stack)
    file.chmod(0o600)
    return stack


def new_stack() -> dict[str, Any]:
    """Fresh secrets and keys."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "ports": {},
        "keys": {name: random_key() for name in ("ADDRESS_KEY", "LINK_KEY", "PAYEE_KEY")},
        "partner_secrets": {name: f"whsec_{random_key()}" for name in PARTNERS},
        "issuer_key": pem.decode(),
    }


def random_key() -> str:
    """32 random bytes as base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def is_free(port: int) -> bool:
    """Whether a server may listen here (a port whose last connections still linger counts as free)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def next_free(port: int) -> int:
    """A port near this one to suggest."""
    return next(near for near in range(port + 1, 65535) if is_free(near))


def reusable(port: int | None, taken: set[int] | None = None) -> int:
    """The port itself if nobody has it, else a free one below the range systems take for outgoing connections.

    The search begins at a place of this process's own: two stacks that start at once must not choose the same.
    """
    taken = taken or set()
    first = 20_000 + os.getpid() % 2_000 * 6
    candidates = itertools.chain([port] if port else [], itertools.count(first))
    return next(one for one in candidates if one not in taken and is_free(one))


def addresses(stack: dict[str, Any]) -> dict[str, str]:
    """The base address of each part."""
    ports = stack["ports"]
    host, services = f"http://127.0.0.1:{ports['host']}", f"http://127.0.0.1:{ports['services']}"
    return {
        "host": host,
        "api": f"{host}/api",
        "site": f"{host}/web",
        "services": services,
        "authority": f"{services}/identity",
        "mail": f"{services}/mail",
        "partners": f"{services}/partners",
        "cosmos": f"http://127.0.0.1:{ports['cosmos']}",
        "blob": f"http://127.0.0.1:{ports['blob']}/{BLOB_ACCOUNT}",
        "audit_blob": f"http://127.0.0.1:{ports['blob']}/{AUDIT_ACCOUNT}",
    }


def partner_url(stack: dict[str, Any], name: str) -> str | None:
    """Where the product calls a partner, or None if it never does."""
    path = OUTBOUND.get(PARTNERS[name])
    return f"{addresses(stack)['partners']}/{name}/{path}" if path else None


def product_settings(stack: dict[str, Any]) -> dict[str, str]:
    """The settings the functions host gets; in the cloud they come from the templates in infra."""
    base = addresses(stack)
    partners = {
        name: {"kind": kind, "secrets": [stack["partner_secrets"][name]], "url": partner_url(stack, name)}
        for name, kind in PARTNERS.items()
    }
    return {
        "COSMOS_ENDPOINT": base["cosmos"],
        "COSMOS_KEY": COSMOS_KEY,
        "COSMOS_DATABASE": COSMOS_DATABASE,
        "BLOB_ACCOUNT_URL": base["blob"],
        "BLOB_ACCOUNT_KEY": BLOB_KEY,
        "AUDIT_ACCOUNT_URL": base["audit_blob"],
        "AUDIT_ACCOUNT_KEY": AUDIT_KEY,
        **{setting: name for containers in BLOB_CONTAINERS.values() for name, setting in containers.items()},
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(stack["ports"]["smtp"]),
        "SMTP_TLS": "off",
        "MAIL_FROM": "Pledge <no-reply@pledge.example>",
        "SITE_URL": base["site"],
        "AUTHORITY": base["authority"],
        "TENANT_ID": TENANT,
        "API_AUDIENCE": AUDIENCE,
        "API_CLIENT_IDS": CLIENT,
        "OUTBOUND_NETWORKS": "127.0.0.0/8",
        "LINKS_PER_HOUR": "1000",  # Everybody here comes from one address.
        "PARTNERS": json.dumps(partners),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "12582912",
        **stack["keys"],
        # What a test sets otherwise, to put itself in between.
        **stack.get("settings", {}),
    }


def info(data: Path, stack: dict[str, Any]) -> dict[str, Any]:
    """Everything an outside client needs but the staff's tokens, which live an hour."""
    base = addresses(stack)
    return {
        "api": base["api"],
        "host": base["host"],
        "host_pid_file": str((data / "host.pid").resolve()),
        "clock": f"{base['host']}/local/clock",
        "site": base["site"],
        "cosmos": {"endpoint": base["cosmos"], "key": COSMOS_KEY, "database": COSMOS_DATABASE},
        "blob": blob_account(base["blob"], BLOB_ACCOUNT, BLOB_KEY),
        "audit_blob": blob_account(base["audit_blob"], AUDIT_ACCOUNT, AUDIT_KEY),
        "mail": {"url": base["mail"], "page": f"{base['mail']}/", "smtp_port": stack["ports"]["smtp"]},
        "issuer": {
            "url": base["authority"],
            "tenant": TENANT,
            "audience": AUDIENCE,
            "client_id": CLIENT,
            "token_url": f"{base['authority']}/token",
        },
        "staff": STAFF,
        "partners": {
            name: {
                "kind": kind,
                "secret": stack["partner_secrets"][name],
                "url": partner_url(stack, name),
                "control": f"{base['partners']}/{name}",
            }
            for name, kind in PARTNERS.items()
        },
    }


def blob_account(url: str, account: str, key: str) -> dict[str, Any]:
    """What a client needs to use one Blob storage account."""
    return {"url": url, "account": account, "key": key, "containers": list(BLOB_CONTAINERS[account])}

"""A stack in which a chosen call to the store, to Blob storage, to the mail provider or a partner goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from local import config
from local.clock import instant_text
from local.testing import Stack
from tests.faults.between import Between, http, smtp

TIMEOUT_SECONDS = 0.5
SLOW_SECONDS = 0.75
PATIENCE_SECONDS = 90
CALLS_MAX = 100


class Patient(httpx.Client):
    """Says everything again until it is heard: what a test prepares must not hang on how fast the machine is."""

    def request(self, *what: Any, **more: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = super().request(*what, **more)
                if answer.status_code < 500 or time.monotonic() > deadline:
                    return answer
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)


class Places:
    """The stack, and what can go wrong around it: `store`, `blob`, `mail`, `partner`."""

    def __init__(self, stack: Stack, between: dict[str, Between]) -> None:
        self.stack = stack
        self.between = between
        self.client = httpx.Client(trust_env=False, timeout=30)
        """Says everything once."""
        self._is_armed = False
        self.now = datetime.fromisoformat(stack.now().replace("Z", "+00:00")).replace(second=0, microsecond=0)
        self._faults = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"

    def arm(self, place: str, nth: int, kind: str) -> None:
        """Let the `nth` call to a place go wrong, counted from now."""
        self._is_armed = True
        if place != "store":
            self.between[place].arm(nth, kind)
            return
        kill = {"kind": "kill", "pid_file": self.stack.info["host_pid_file"]}
        effect: dict[str, Any] = {
            "not_applied": {"kind": "status", "status": 503},
            "down": {"kind": "status", "status": 503},
            "lost": {"kind": "reset", "when": "after"},
            "killed_before": kill | {"when": "before"},
            "killed_after": kill | {"when": "after"},
            "slow": {"kind": "delay", "ms": int(SLOW_SECONDS * 1000)},
        }[kind]
        calls = range(nth, nth + CALLS_MAX) if kind == "down" else [nth]
        self._set([{"operation": "*", "nth": each, "times": 1, "effect": effect} for each in calls])

    def count(self) -> None:
        """Count the calls from now on, all being well."""
        self._is_armed = True
        never = {"operation": "*", "nth": 1_000_000, "times": 1, "effect": {"kind": "delay", "ms": 0}}
        self._set([never])
        for each in self.between.values():
            each.arm(0, "")

    def heal(self) -> dict[str, int]:
        """Let all be well again; the calls to each place since `count` or `arm`, none if neither was asked for."""
        if not self._is_armed:
            return {}
        self._is_armed = False
        rules = self.stack.client.get(self._faults).json()["rules"]
        self._set([])
        calls = {place: each.heal() for place, each in self.between.items()}
        return calls | {"store": rules[0]["matched"] if rules else 0}

    def _set(self, rules: list[dict[str, Any]]) -> None:
        assert self.stack.client.put(self._faults, json={"rules": rules}).status_code == 200

    def turn_back(self, now: str) -> None:
        """Put the clock to an earlier instant; no timer runs by itself."""
        self.now = datetime.fromisoformat(now.replace("Z", "+00:00"))
        self.stack.move_clock(now, timers=False)

    def pass_minutes(self, minutes: int) -> None:
        """Let time pass, to the beginning of a minute; no timer runs by itself."""
        self.now += timedelta(minutes=minutes)
        self.stack.move_clock(instant_text(self.now), timers=False)

    def run_timer(self, name: str) -> None:
        """Run a timer until it has run to its end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.stack.run_timer(name):
            assert time.monotonic() < deadline, f"{name} fails again and again"

    def items(self, case_id: str, container: str = "cases") -> list[dict[str, Any]]:
        """What is stored of a case."""
        url = self._faults.replace("/faults", "/query")
        asked = {"container": container, "query": f"SELECT * FROM c WHERE c.case_id = '{case_id}'"}
        rows = self.stack.client.post(url, json=asked).json()["rows"]
        return [row.get("item", row) for row in rows]


@contextmanager
def places(data: Path, now: str) -> Iterator[Places]:
    """A stack of its own with short time-outs, all of whose calls to others go through here."""
    between = {"blob": Between(http, SLOW_SECONDS), "mail": Between(smtp, SLOW_SECONDS)}
    between["partner"] = Between(http, SLOW_SECONDS)
    given = config.new_stack()
    partners = {
        name: {"kind": kind, "secrets": [given["partner_secrets"][name]]} for name, kind in config.PARTNERS.items()
    }
    partners["payments"]["url"] = f"http://127.0.0.1:{between['partner'].port}/partners/payments/api"
    given["settings"] = {
        "STORE_READ_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "OUTSIDE_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "BLOB_ACCOUNT_URL": f"http://127.0.0.1:{between['blob'].port}/{config.BLOB_ACCOUNT}",
        "SMTP_PORT": str(between["mail"].port),
        "PARTNERS": json.dumps(partners),
    }
    (data / "stack.json").write_text(json.dumps(given))
    with Stack(now=now, data=data) as stack:
        stack.client.close()
        stack.client = Patient(trust_env=False, timeout=60)
        ports = json.loads((data / "stack.json").read_text())["ports"]
        for place, part in {"blob": "blob", "mail": "smtp", "partner": "services"}.items():
            between[place].target = ports[part]
            between[place].pid_file = Path(stack.info["host_pid_file"])
        stack.partner("scanner").post("behaviour", {"paused": True})
        running = Places(stack, between)
        yield running
        running.client.close()

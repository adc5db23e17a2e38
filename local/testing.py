"""The whole stack for tests, on free ports in its own folder: `with Stack(now="2026-01-01T12:00:00Z") as stack`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from local.clock import instant_text
from local.config import ROOT


class Partner:
    """One partner of a running stack."""

    def __init__(self, control: str, client: httpx.Client) -> None:
        self._control = control
        self._client = client

    def send(self, type: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Send a signed event; `id` and `occurred_at` may be given. Answers with id, status and body."""
        answer: dict[str, Any] = self.post("send", {"type": type, "data": data, **more})
        return answer

    def sent(self) -> list[dict[str, Any]]:
        """What it sent, oldest first, with the last answer to each."""
        sent: list[dict[str, Any]] = self.get("sent")
        return sent

    def received(self) -> list[dict[str, Any]]:
        """The product's webhooks it took, oldest first."""
        received: list[dict[str, Any]] = self.get("received")
        return received

    def get(self, what: str) -> Any:
        """Any other view of it, such as the payment partner's `refunds`."""
        return _json(self._client.get(f"{self._control}/{what}"))

    def post(self, what: str, body: dict[str, Any]) -> Any:
        """Any other control of it, such as the payment partner's `settle` and `behaviour`."""
        return _json(self._client.post(f"{self._control}/{what}", json=body))


class Stack:
    """A running stack; starts with `with` or `start()`, and is gone when the test process is, however that ends."""

    def __init__(
        self,
        now: str | datetime | None = None,
        *,
        data: Path | None = None,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self._now = instant_text(now) if isinstance(now, datetime) else now
        self._own_folder = data is None
        self.data = data or Path(tempfile.mkdtemp(prefix="pledge-stack-"))
        self._arguments = arguments
        self._environment = {**os.environ, **(environment or {})}
        # Moving the clock answers after every timer has run, and each may take what the host allows: five minutes.
        self.client = httpx.Client(trust_env=False, timeout=330)
        self.info: dict[str, Any] = {}
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Stack":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> "Stack":
        """Start it and wait until it is ready; a second start after `stop` goes on with the same data."""
        command = [sys.executable, "-m", "local", "--data", str(self.data), "--port", "0", "--end-with-stdin"]
        command += ["--now", self._now] if self._now else []
        self.process = subprocess.Popen(
            [*command, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self._environment,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"the stack did not start: {self.process.stderr.read()}")
        # Nobody may wait for a full pipe: what the supervisor says later goes where the test's output goes.
        threading.Thread(target=_pass_on, args=(self.process.stderr,), daemon=True).start()
        self.info = json.loads(line.removeprefix("ready "))
        self._now = None
        return self

    def stop(self) -> None:
        """Stop it as Ctrl-C does; data stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process = None

    def close(self) -> None:
        """Stop it and remove its folder, unless the test gave one."""
        self.stop()
        self.client.close()
        if self._own_folder:
            shutil.rmtree(self.data, ignore_errors=True)

    @property
    def api(self) -> str:
        """Base address of the product's API."""
        return str(self.info["api"])

    def person(self, role: str, n: int = 0) -> dict[str, Any]:
        """The n-th member of staff who has this role; those with one role come first."""
        people = [person for person in self.info["staff"] if role in person["roles"]]
        found: dict[str, Any] = people[n]
        return found

    def token(self, role: str, n: int = 0, **overrides: Any) -> str:
        """A fresh token, valid for an hour by the stack's clock; overrides: roles, expires_in, claims."""
        wanted = {"object_id": self.person(role, n)["object_id"], **overrides}
        return str(_json(self.client.post(self.info["issuer"]["token_url"], json=wanted))["access_token"])

    def mail(self, to: str | None = None) -> list[dict[str, Any]]:
        """All mail (to one address), oldest first."""
        found: list[dict[str, Any]] = _json(self.client.get(self.info["mail"]["url"], params={"to": to} if to else {}))
        return found

    def wait_for_mail(self, to: str, count: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """The mail to an address once there are so many; fails if they don't come."""
        deadline = time.monotonic() + seconds
        while len(found := self.mail(to)) < count:
            assert time.monotonic() < deadline, f"{to} has {len(found)} mails after {seconds} s, not {count}"
            time.sleep(0.05)
        return found

    def now(self) -> str:
        """The stack's time."""
        return str(_json(self.client.get(self.info["clock"]))["now"])

    def move_clock(self, now: str | datetime, *, timers: bool = True) -> list[dict[str, Any]]:
        """Move the time of the whole stack; answers with the timers that ran."""
        wanted = {"now": instant_text(now) if isinstance(now, datetime) else now, "timers": timers}
        ran: list[dict[str, Any]] = _json(self.client.post(self.info["clock"], json=wanted))["ran"]
        return ran

    def run_timer(self, name: str) -> bool:
        """Run one timer now and wait for it; False if it failed."""
        address = f"{self.info['host']}/admin/functions/{name}"
        return bool(_json(self.client.post(address, headers={"x-local-wait": "true"}))["ok"])

    def partner(self, name: str) -> Partner:
        """One of the partners."""
        return Partner(self.info["partners"][name]["control"], self.client)

    def host_pid(self) -> int:
        """Process id of the functions host that runs now."""
        return int(Path(self.info["host_pid_file"]).read_text())

    def kill_host(self, *, wait: bool = True) -> None:
        """Kill -9 the functions host; wait until the next one answers."""
        pid = self.host_pid()
        os.kill(pid, signal.SIGKILL)
        if wait:
            self.wait_for_host(after=pid)

    def wait_for_host(self, after: int, seconds: float = 30) -> None:
        """Wait until another host than the one with this process id answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.host_pid() != after:
                try:
                    self.client.get(self.info["clock"])
                    return
                except httpx.TransportError:
                    pass
            time.sleep(0.02)
        raise AssertionError(f"the functions host did not come back in {seconds} s")


def _json(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()


def _pass_on(lines: Any) -> None:
    with lines:
        for line in lines:
            sys.stderr.write(line)

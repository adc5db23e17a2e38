"""The supervisor: starts every part of the stack as a process, waits for it, starts it again if it dies, stops it.

No part outlives the supervisor: each holds the other end of a pipe and ends when that closes.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from local import config
from local.clock import Clock, instant_text
from local.identity import Issuer

START_SECONDS = 60.0
STOP_SECONDS = 6.0
RESTART_SECONDS = 1.0
AZURITE = config.ROOT / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
# Node has no leash of ours; these lines are one. Azurite writes its memory to disk when it gets the signal, and must
# then be able to end: hence unref.
AZURITE_LEASHED = (
    "process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume(); process.stdin.unref();"
    "require(process.argv[1]);"
)


class CannotStart(Exception):
    """The stack can't start; the message is for the person who wanted it."""


class Part:
    """One process of the stack: what it is called, how it is started, where its log is."""

    def __init__(self, name: str, command: Callable[[], list[str]], logs: Path, port: int | None = None) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self.started_at = 0.0
        self._command = command
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str], lock: int) -> None:
        """Start it, holding the folder's lock with it."""
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            # A session of its own, so that Ctrl-C reaches only the supervisor, which stops the parts in order.
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=config.ROOT,
                env=environment,
                start_new_session=True,
                pass_fds=(lock,),  # Held until the last part is gone, also when the supervisor is gone first.
            )

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative if a signal did it; None while it runs."""
        return self._process.poll() if self._process else None

    def is_up(self) -> bool:
        """Whether it takes connections (or, without a port, is done)."""
        if self._port is None:
            return self.exit_code == 0
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self._port)) == 0 and self.exit_code is None

    def ask_to_stop(self) -> None:
        """Send SIGTERM if it runs."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for its end; kill it when patience ends."""
        if self._process is None:
            return
        try:
            self._process.wait(max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join("  " + line for line in text.splitlines()[-lines:])


class Supervisor:
    """All parts of one stack."""

    def __init__(self, data: Path, lock: int, stack: dict[str, Any], clock: Clock, host_arguments: list[str]) -> None:
        self._lock = lock
        # A plain flag: an Event's lock may be held by what the signal interrupts, which would wait for itself.
        self.is_stopping = False
        logs = data / "logs"
        logs.mkdir(exist_ok=True)
        ports = stack["ports"]

        def python(module: str, *arguments: str) -> list[str]:
            return [sys.executable, "-m", "local.leash", module, *arguments]

        folder = str(data)
        self._cosmos = Part(
            "cosmos",
            lambda: python(
                *("local.cosmos", "--port", str(ports["cosmos"]), "--data", str(data / "cosmos.sqlite")),
                *("--now", instant_text(clock())),
            ),
            logs,
            ports["cosmos"],
        )
        self._blob = Part("blob", lambda: azurite(data / "azurite", ports["blob"]), logs, ports["blob"])
        self._services = Part("services", lambda: python("local.services", "--data", folder), logs, ports["services"])
        self._prepare = Part("prepare", lambda: python("local.prepare", "--data", folder), logs)
        self._host = Part(
            "host",
            lambda: [
                *(sys.executable, "-m", "local.nursery", "--data", folder, "--port", str(ports["host"])),
                *host_arguments,
            ],
            logs,
            ports["host"],
        )
        self._parts = [self._cosmos, self._blob, self._services, self._host]
        self._environment = environment(stack)
        replace_text(data / "info.json", json.dumps(config.info(data, stack), indent=1))

    def start(self) -> None:
        """Start everything and return when it is ready, or raise CannotStart with what the failing part said last."""
        # The host last: a timer that is past due runs at once, and must find its containers.
        for parts in ([self._blob, self._cosmos, self._services, self._prepare], [self._host]):
            for part in parts:
                if not self.is_stopping:
                    self._start(part)
            self._wait_until_up(parts)

    def watch(self) -> None:
        """Start again whatever ends, until `stop` is asked for."""
        while not self.is_stopping:
            for part in self._parts:
                code = part.exit_code
                # One killed from outside comes back at once; one that ends by itself, say over a typing error, slower.
                if code is None or (code >= 0 and time.monotonic() < part.started_at + RESTART_SECONDS):
                    continue
                how = f"signal {-code}" if code < 0 else f"code {code}"
                print(f"{part.name} ended ({how}); starting it again. Its log: {part.log}", file=sys.stderr)
                self._start(part)
            time.sleep(0.05)

    def ask_to_stop(self, *_: object) -> None:
        """End `start` and `watch`; may be called from a signal handler."""
        self.is_stopping = True

    def stop(self) -> None:
        """Stop the host first, so that it can finish what it does, then everything else."""
        for group in ([self._host], [self._services, self._prepare], [self._blob, self._cosmos]):
            deadline = time.monotonic() + STOP_SECONDS
            for part in group:
                part.ask_to_stop()
            for part in group:
                part.wait(deadline - time.monotonic())

    def _start(self, part: Part) -> None:
        part.start(self._environment, self._lock)

    def _wait_until_up(self, parts: list[Part]) -> None:
        deadline = time.monotonic() + START_SECONDS
        waiting = list(parts)
        while waiting and not self.is_stopping:
            waiting = [part for part in waiting if not part.is_up()]
            for part in waiting:
                if part.exit_code:
                    raise CannotStart(f"{part.name} ended while starting. It said ({part.log}):\n{part.last_words()}")
                if time.monotonic() > deadline:
                    raise CannotStart(f"{part.name} is not ready after {START_SECONDS:.0f} s. See {part.log}.")
            time.sleep(0.02)


def azurite(location: Path, port: int) -> list[str]:
    """The command for Microsoft's Blob storage emulator."""
    node = shutil.which("node")
    if node is None:
        raise CannotStart("Node is not installed; Blob storage (Azurite) needs it. See https://nodejs.org.")
    if not AZURITE.exists():
        raise CannotStart("Azurite is not installed: run `make setup`, or `npm ci`.")
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(location.resolve())]
    return [
        node,
        "-e",
        AZURITE_LEASHED,
        str(AZURITE),
        *options,
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--silent",
    ]


def environment(stack: dict[str, Any]) -> dict[str, str]:
    """What every part gets: the example's settings, over them the caller's environment, over both the stack's own."""
    example = config.ROOT / "local.settings.json.example"
    values = json.loads(example.read_text()).get("Values", {}) if example.exists() else {}
    base = config.addresses(stack)
    return {
        **{name: str(value) for name, value in values.items()},
        **os.environ,
        **config.product_settings(stack),
        # Whom the host tells when the time is moved.
        "LOCAL_CLOCKS": f"{base['services']}/clock,{base['cosmos']}/_local/clock",
        "AZURITE_ACCOUNTS": f"{config.BLOB_ACCOUNT}:{config.BLOB_KEY};{config.AUDIT_ACCOUNT}:{config.AUDIT_KEY}",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def ready(data: Path, stack: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """Everything an outside client needs to use the stack, with a fresh token for each member of staff."""
    issuer = Issuer(config.addresses(stack)["authority"], stack["issuer_key"], clock)
    staff = [{**person, "token": issuer.token(person)} for person in config.STAFF]
    return {**config.info(data, stack), "staff": staff}


def run(supervisor: Supervisor, announce: Callable[[], None]) -> None:
    """Run the stack until SIGINT, SIGTERM or SIGHUP; `announce` is called when it is ready."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, supervisor.ask_to_stop)
    try:
        supervisor.start()
        if not supervisor.is_stopping:
            announce()
        supervisor.watch()
    finally:
        supervisor.stop()


@contextlib.contextmanager
def locked(data: Path) -> Iterator[int]:
    """Hold the folder for one stack, as two would write the same files; gives the lock's file descriptor.

    Parts of a killed stack still hold it until they have ended; they are waited for.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("a+") as lock:
        deadline = time.monotonic() + STOP_SECONDS
        while not try_lock(lock):
            lock.seek(0)
            if is_running(lock.read()) or time.monotonic() > deadline:
                raise CannotStart(f"A stack is already running in {data}: stop it, or choose another folder.")
            time.sleep(0.05)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()


def try_lock(file: IO[str]) -> bool:
    """Take the lock if nobody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_running(pid: str) -> bool:
    """Whether a process with this id exists (and has not just ended, unnoticed by its parent)."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid or "0"], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def replace_text(file: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone: it may hold secrets."""
    temporary = file.with_name(file.name + ".tmp")
    temporary.write_text(text)
    temporary.chmod(0o600)
    os.replace(temporary, file)

"""The whole stack: starts, moves its time as one, survives kills, stops without leaving anything behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from local.clock import Clock
from local.config import ROOT, load_or_create
from local.scanner import EICAR
from local.stack import Supervisor
from local.testing import Stack

from .conftest import TINY_APP


def children(pid: int) -> set[int]:
    """Processes whose parent this is."""
    table = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return {int(child) for child, parent in (line.split() for line in table.splitlines()) if int(parent) == pid}


def alive(pids: set[int]) -> set[int]:
    """Those that still run; one that ended and is not yet reaped does not."""
    table = subprocess.run(["ps", "-axo", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    running = {int(pid) for pid, state in (line.split() for line in table.splitlines()) if not state.startswith("Z")}
    return pids & running


def run_local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=20
    )


def test_ready_names_everything(stack: Stack) -> None:
    info = stack.info

    assert stack.client.get(f"{stack.api}/things/1").status_code == 200
    assert len(info["staff"]) == 19
    assert all(person["token"] for person in info["staff"])
    assert info["partners"]["payments"]["url"].startswith("http://127.0.0.1:")
    assert info["partners"]["payments"]["secret"].startswith("whsec_")
    assert set(info) >= {"api", "host", "clock", "site", "cosmos", "blob", "mail", "issuer"}
    assert "<title>" in stack.client.get(info["host"]).text
    assert stack.client.get(f"{info['host']}/local/info").json()["partners"] == info["partners"]


SENDS_SIGNALS = """
import os, signal, sys, time
end = time.monotonic() + 1
while time.monotonic() < end:
    os.kill(int(sys.argv[1]), signal.SIGUSR1)
"""


@pytest.mark.timeout(30)
def test_signals_that_come_while_one_is_answered_stop_it_all_the_same(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, 0, load_or_create(tmp_path, 0), Clock(None), [])
    before = signal.signal(signal.SIGUSR1, supervisor.ask_to_stop)
    try:
        with subprocess.Popen([sys.executable, "-c", SENDS_SIGNALS, str(os.getpid())]):
            supervisor.watch()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert supervisor.is_stopping


def test_clock_moves_every_part(stack: Stack) -> None:
    stack.move_clock("2027-03-01T12:00:00Z")

    token = stack.client.post(stack.info["issuer"]["token_url"], json={"name": "Ines Moreau"})
    dates = {
        "host": stack.client.get(stack.info["clock"]).headers["date"],
        "services": token.headers["date"],
        "cosmos": stack.client.get(stack.info["cosmos"]["endpoint"]).headers["date"],
    }

    assert stack.now().startswith("2027-03-01T12:00:")
    assert {part: date[:22] for part, date in dates.items()} == dict.fromkeys(dates, "Mon, 01 Mar 2027 12:00")


def test_clock_move_runs_timers_and_restart_keeps_time(stack: Stack) -> None:
    stack.move_clock("2027-05-02T12:00:00Z", timers=False)

    ran = stack.move_clock("2027-06-02T12:00:00Z")
    stack.kill_host()

    assert ran == [{"name": "run_and_fail_monthly", "ok": False}, {"name": "run_daily", "ok": True}]
    assert stack.move_clock("2027-06-02T13:00:00Z") == []
    assert stack.now().startswith("2027-06-02T13:00:")


def test_killed_host_is_started_again(stack: Stack) -> None:
    before = stack.host_pid()

    stack.kill_host()

    assert stack.host_pid() != before
    assert stack.client.get(f"{stack.api}/things/1").status_code == 200


def test_host_ends_with_the_process_that_forked_it_and_both_are_started_again(stack: Stack) -> None:
    assert stack.process is not None
    before = stack.host_pid()
    nursery = next(pid for pid in children(stack.process.pid) if before in children(pid))

    os.kill(nursery, signal.SIGKILL)
    stack.wait_for_host(after=before)

    assert alive({nursery, before}) == set()
    assert stack.client.get(f"{stack.api}/things/1").status_code == 200


def test_partner_event_survives_a_restart_of_the_host(stack: Stack) -> None:
    stack.kill_host(wait=False)

    answer = stack.partner("learning").send("course.started", {"name": "Zoë"}, id="evt_42")

    assert answer["status"] == 200
    assert answer["body"]["headers"]["webhook-id"] == "evt_42"
    assert json.loads(answer["body"]["body"])["data"] == {"name": "Zoë"}


def test_scanner_reports_each_document_once(stack: Stack) -> None:
    blob = stack.info["blob"]
    with BlobServiceClient(blob["url"], credential=blob["key"], retry_total=0) as service:
        evidence = service.get_container_client("evidence")
        evidence.upload_blob("clean", b"%PDF-1.7")
        evidence.upload_blob("infected", b"%PDF-1.7" + EICAR)

    deadline = time.monotonic() + 10
    while len(events := [one for one in stack.partner("scanner").sent() if one["status"] == 200]) < 2:
        assert time.monotonic() < deadline, "the scanner reported nothing"
        time.sleep(0.1)
    time.sleep(0.7)

    assert sorted((one["data"]["blob"], one["data"]["result"]) for one in events) == [
        ("clean", "clean"),
        ("infected", "malicious"),
    ]
    assert len(stack.partner("scanner").sent()) == 2


def test_make_runs_it_on_the_port_that_was_asked_for() -> None:
    asked, unasked = (
        subprocess.run(["make", "-n", "run", *port], capture_output=True, text=True, cwd=ROOT, check=True).stdout
        for port in (["PORT=7072"], [])
    )

    assert "-m local --guide --port 7072" in asked
    assert "-m local --guide --port 7071" in unasked


def test_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        ended = run_local("--data", str(tmp_path), "--port", str(port))

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Port {port} is in use")
    assert "make run PORT=" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_second_stack_in_the_same_folder_is_refused(stack: Stack) -> None:
    ended = run_local("--data", str(stack.data), "--port", "0")

    assert ended.returncode == 1
    assert ended.stderr.startswith("A stack is already running in")


def test_host_that_cannot_start_says_why(tmp_path: Path) -> None:
    ended = run_local("--data", str(tmp_path), "--port", "0", "--app", "tests.local_stack.no_such_app:app")

    assert ended.returncode == 1
    assert "host ended while starting" in ended.stderr
    assert "no_such_app" in ended.stderr


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own, to be ended in its own way."""
    environment = {**os.environ, "DAILY_SCHEDULE": "0 30 3 * * *"}
    with Stack("2026-01-01T12:00:00Z", data=tmp_path, arguments=TINY_APP, environment=environment) as running:
        yield running


def test_ctrl_c_stops_everything(own: Stack) -> None:
    assert own.process is not None
    parts = children(own.process.pid)

    own.process.send_signal(signal.SIGINT)

    assert own.process.wait(10) == 0
    assert len(parts) == 4
    assert alive(parts) == set()


def test_nothing_outlives_a_killed_supervisor_but_the_data(own: Stack) -> None:
    assert own.process is not None
    parts, before = children(own.process.pid), own.info

    own.process.kill()
    own.stop()
    own.start()  # It waits for what the killed one left, which would write the same files.

    assert alive(parts) == set()
    assert [one["secret"] for one in own.info["partners"].values()] == [
        one["secret"] for one in before["partners"].values()
    ]
    assert own.now().startswith("2026-01-01T12:00:")

"""Rows of the corpus about what answers us (O, R19c to R21c, P9, A31) and about much or old work (Q5, Q7)."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from local import config
from local.clock import parse_instant
from local.testing import Stack
from tests.corpus.conftest import FIRST_DAY
from tests.faults.between import Between, smtp
from tests.people import Applicant

AT_ONCE = 3
PATIENCE_SECONDS = 3
ANSWER_BYTES_MAX = 1_048_576


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Outside(ThreadingTCPServer):
    """Whoever we call: answers each request with the bytes it was given, and keeps what it was asked.

    With `knows_nothing`, whoever only looks is told that there is no such thing.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.parts: tuple[bytes, ...] = ()
        self.knows_nothing = False
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def says(self, body: bytes | dict[str, Any] | list[Any], status: str = "200 OK") -> None:
        """From now on, answer with this."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(raw)}"
        self.parts = (head.encode() + b"\r\n\r\n" + raw,)

    def sends(self, *parts: bytes) -> None:
        """From now on, send these bytes, with a pause after each part, and hang up."""
        self.parts = parts


class _Call(StreamRequestHandler):
    server: Outside

    def handle(self) -> None:
        line = self.rfile.readline().decode()
        length = 0
        while header := self.rfile.readline().strip().lower():
            if header.startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        self.rfile.read(length)
        self.server.asked.append(line.rpartition(" ")[0])
        is_unknown = self.server.knows_nothing and line.startswith("GET ")
        with suppress(OSError):  # Whoever has heard enough hangs up.
            for part in (NOT_FOUND,) if is_unknown else self.server.parts:
                self.wfile.write(part)
                if len(self.server.parts) > 1:
                    threading.Event().wait(0.2)


class Abroad(Stack):
    """A stack whose tokens are of a tenant elsewhere."""

    authority = ""

    def token(self, role: str, n: int = 0, **overrides: Any) -> str:
        issuer = f"{self.authority}/{config.TENANT}/v2.0"
        return super().token(role, n, **overrides | {"claims": {"iss": issuer}})


@pytest.fixture(scope="module")
def bank() -> Iterator[Outside]:
    """The payment partner."""
    with Outside() as running:
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def tenant() -> Iterator[Outside]:
    """Who publishes the keys of staff's tokens."""
    with Outside() as running:
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def within() -> Iterator[Outside]:
    """What stands behind an address that leads inside."""
    with Outside() as running:
        yield running
        running.shutdown()


INSIDE = ("169.254.169.254", "168.63.129.16", "10.1.2.3", "[64:ff9b::7f00:1]", "192.168.0.1", "[::1]")


@pytest.fixture(scope="module")
def post() -> Between:
    """Stands before the mail provider."""
    return Between(smtp, 0.0)


@pytest.fixture(scope="module")
def world(
    bank: Outside, tenant: Outside, within: Outside, post: Between, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Abroad]:
    folder = tmp_path_factory.mktemp("stack")
    given = config.new_stack()

    def partner(kind: str, url: str) -> dict[str, Any]:
        return {
            "kind": kind,
            "secrets": [f"whsec_{config.random_key()}"],
            "url": url,
            "events": ["application_withdrawn"],
        }

    led_inside = [f"0.0.0.0:{within.port}", f"[::ffff:127.0.0.1]:{within.port}", *INSIDE]
    partners = {f"inside{number}": partner("learning", f"http://{host}/") for number, host in enumerate(led_inside)}
    partners["payments"] = partner("payments", f"http://127.0.0.1:{bank.port}") | {"events": []}
    partners["assessment"] = {"kind": "assessment", "secrets": [given["partner_secrets"]["assessment"]]}
    Abroad.authority = f"http://127.0.0.1:{tenant.port}"
    given["settings"] = {
        "PARTNERS": json.dumps(partners),
        "AUTHORITY": Abroad.authority,
        "OUTSIDE_TIMEOUT_SECONDS": str(PATIENCE_SECONDS),
        "TIMER_ITEMS_MAX": str(AT_ONCE),
        "SMTP_PORT": str(post.port),
    }
    (folder / "stack.json").write_text(json.dumps(given), "utf-8")
    with Abroad(now=FIRST_DAY, data=folder) as running:
        stack = config.load(folder)
        post.target = stack["ports"]["smtp"]
        keys = f"{config.addresses(stack)['authority']}/{config.TENANT}/discovery/v2.0/keys"
        tenant.says(running.client.get(keys).json())
        yield running


@pytest.fixture(autouse=True)
def _first_day(world: Abroad, bank: Outside) -> None:
    world.move_clock(FIRST_DAY, timers=False)
    bank.knows_nothing = False


def refund(person: Applicant) -> dict[str, Any]:
    found: dict[str, Any] = person.record()["refunds"]["r1"]
    return found


def paying(world: Stack) -> Applicant:
    """Somebody whose refund was signed and may be paid today."""
    person = Applicant(world).to_contract()
    money = {"amount": {"amount": "1000.00", "currency": "GBP"}, "received_on": FIRST_DAY[:10]}
    person.do_all(
        ("finance 0", "payments", {"payment_id": f"p-{uuid.uuid4().hex}", "payer": "self"} | money),
        ("", "payee", {"account_holder": "A O", "iban": "FR7630006000011234567890189"}),
        ("careers", "call-backs", {"about": "payee", "outcome": "confirmed"}),
        ("", "withdrawal", {}),
    )
    sign(person)
    world.move_clock("2027-01-15T14:00:00Z", timers=False)
    return person


def sign(person: Applicant) -> None:
    proposal = refund(person)["proposal"]["id"]
    person.do_all(("finance 1", f"proposals/{proposal}/signature", {"outcome": "sign"}))


def is_served(world: Stack) -> None:
    """Somebody else is served as if nothing were the matter."""
    assert Applicant(world).apply().status_code == 202


def tomorrow(world: Stack) -> None:
    """A day goes by, and what is due then is tried."""
    day = parse_instant(world.now()) + timedelta(hours=25)
    world.move_clock(day, timers=False)
    for _ in range(40):  # A run takes a few only, and what another test left undeliverable is older.
        assert world.run_timer("run_deliveries")
        if not messages(world, f"c.status = 'pending' AND c.next_try_at <= '{day.isoformat()}'"):
            return
    raise AssertionError("what is due is not sent")


def messages(world: Stack, which: str, partition: list[str] | None = None) -> list[dict[str, Any]]:
    """Messages as they are stored."""
    door = f"{world.info['cosmos']['endpoint'].rstrip('/')}/_local/query"
    query = f"SELECT * FROM c WHERE c.kind = 'message' AND {which}"
    asked = {"container": "cases", "query": query, "partition_key": partition}
    found: list[dict[str, Any]] = world.client.post(door, json=asked).json()["rows"]
    return found


def answered(status: str, amount: str = "1000.00", **more: Any) -> dict[str, Any]:
    return {"status": status, "refund_id": "R-1", "amount": {"amount": amount, "currency": "GBP"}} | more


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
SAYS_NOTHING: dict[str, tuple[bytes, ...] | bytes | dict[str, Any]] = {
    "O9 without an end": (HEAD, b" " * (2 * ANSWER_BYTES_MAX), b" " * ANSWER_BYTES_MAX),
    "O9 by the byte": (HEAD, *[b" "] * 20),
    "O11 a page": b"<html>Paid</html>",
    "O11 no number": b'{"fee": NaN, ' + json.dumps(answered("succeeded")).encode()[1:],
    "O11 two answers": b'{"status": "failed", ' + json.dumps(answered("succeeded")).encode()[1:],
    "O11 ten megabytes": json.dumps(answered("succeeded", note="x" * 10 * ANSWER_BYTES_MAX)).encode(),
    "P9 requires_action": answered("requires_action"),
    "P9 canceled": answered("canceled"),
    "P7 other money": answered("succeeded", "999.99"),
    "R21c hung up": (b"",),
    "R21c cut short": (HEAD + b'{"status": "succeeded"',),
}


def test_o9_o11_p9_r20c_r21c_answer_that_says_nothing_leaves_the_refund_on_its_way(
    world: Abroad, bank: Outside
) -> None:
    person = paying(world)
    bank.asked.clear()
    bank.says(answered("pending"), "409 Conflict")  # R20c: the same order is in flight.
    person.do_all(("finance 2", "refunds/r1/payment", {}))
    events = person.events()

    for name, said in SAYS_NOTHING.items():
        bank.sends(*said) if isinstance(said, tuple) else bank.says(said)
        tomorrow(world)
        assert bank.asked[-1] == f"GET /refunds/{person.case_id}-r1-1-1", name
        assert (refund(person)["status"], person.events()) == ("paying", events), name
        is_served(world)

    bank.says(answered("succeeded"))
    tomorrow(world)
    assert refund(person)["status"] == "paid"
    assert [each for each in bank.asked if not each.startswith("GET ")] == ["POST /refunds"]


def test_r19c_order_that_the_partner_refuses_is_not_tried_again_without_a_signature(
    world: Abroad, bank: Outside
) -> None:
    person = paying(world)
    bank.asked.clear()
    bank.knows_nothing = True

    for number, status in enumerate(("400 Bad Request", "402 Payment Required", "404 Not Found"), start=1):
        bank.says({"code": "no"}, status)
        person.do_all(("finance 2", "refunds/r1/payment", {}))
        tomorrow(world)
        assert (refund(person)["status"], bank.asked.count("POST /refunds")) == ("failed", number), status
        is_served(world)
        sign(person)

    bank.says(answered("succeeded"))
    person.do_all(("finance 2", "refunds/r1/payment", {}))
    assert refund(person)["status"] == "paid"


def test_o1_partner_whose_address_leads_inside_is_never_called(world: Abroad, within: Outside) -> None:
    person = Applicant(world).applied()
    assert person.does("withdrawal").status_code == 200

    told = messages(world, "c.channel = 'partner'", [person.case_id])

    assert within.asked == []
    assert len(told) == 2 + len(INSIDE)
    assert {(message["status"], message["cause"]) for message in told} == {("pending", "Unavailable")}
    is_served(world)


def test_a31_keys_that_are_none_let_nobody_in_and_drive_nobody_out(world: Abroad, tenant: Outside) -> None:
    person, good = Applicant(world).applied(), tenant.parts
    bearer = {"Authorization": f"Bearer {world.token('admissions')}"}
    world.kill_host()  # The next one knows no keys yet.

    def looks() -> int:
        return world.client.get(f"{world.api}/cases/{person.case_id}", headers=bearer).status_code

    keys = json.loads(good[0].partition(b"\r\n\r\n")[2])["keys"]
    for_secrets = {"keys": [key | {"use": "enc"} for key in keys]}
    too_long = {"keys": [key | {"note": "x" * 10 * ANSWER_BYTES_MAX} for key in keys]}
    for said in (b"<html>Sign in</html>", for_secrets, too_long):
        tenant.says(said)
        assert looks() == 503
        is_served(world)
    tenant.sends(*good)
    known = looks()
    tenant.says(for_secrets)

    assert (known, looks()) == (200, 200)
    tenant.sends(*good)


def test_q7_more_than_one_run_takes_is_done_by_the_next_ones(world: Abroad, post: Between) -> None:
    people = [Applicant(world) for _ in range(3 * AT_ONCE)]
    post.arm(1, "down")
    assert {person.apply().status_code for person in people} == {202}
    post.heal()
    world.move_clock("2027-01-11T14:10:00Z", timers=False)

    had = []
    for _ in range(12):
        assert world.run_timer("run_deliveries")
        had.append(sum(len(world.mail(person.email)) for person in people))

    assert had[0] <= AT_ONCE, had
    assert {len(world.mail(person.email)) for person in people} == {1}
    assert had[-1] == len(people)


def test_q5_word_of_last_week_counts_if_nothing_newer_was_said(world: Abroad) -> None:
    person = Applicant(world).applied()
    specialist = f"{world.info['issuer']['tenant']}/{world.person('specialist')['object_id']}"
    person.do_all(
        ("admissions", "assignment", {"specialist": specialist}),
        ("specialist", "screening-events", {"kind": "call_held"}),
        ("specialist", "recommendation", {"outcome": "assess"}),
    )

    def tells(outcome: str, said_at: str) -> list[str]:
        told = {"case_id": person.case_id, "attempt_id": "T-1", "assessment": "test", "outcome": outcome}
        sent = world.partner("assessment").send("assessment.completed", told, occurred_at=said_at)
        assert sent["status"] == 202
        return [each["outcome"] for each in person.record()["application"]["assessments"]]

    late = tells("failed", "2027-01-02T09:00:00Z")
    newer = tells("passed", "2027-01-03T09:00:00Z")
    superseded = tells("failed", "2027-01-02T10:00:00Z")

    assert (late, newer, superseded) == (["failed"], ["passed"], ["passed"])

"""What partners are told: signed, once for each event, for three days, until they want no more; again by staff."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local import config
from local.clock import parse_instant
from local.signatures import is_signed
from local.testing import Stack
from shared.adapters.breaker import FAILURES_MAX
from shared.use_cases.deliveries import WAITS
from tests.people import Applicant

FIRST_DAY = "2027-01-11T14:00:00Z"
SECRET = f"whsec_{config.random_key()}"
EVENTS = ["application_withdrawn", "placement_reported"]


class Listener(ThreadingHTTPServer):
    """A partner's own address: keeps what reaches it and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.status = 200
        self.headers: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"

    def about(self, case_id: str) -> list[dict[str, Any]]:
        """What it was told about a case, oldest first, with the id of the webhook."""
        told = [(headers["webhook-id"], json.loads(body)) for _, headers, body in self.calls]
        return [{"id": each, **body} for each, body in told if body["data"]["case_id"] == case_id]


class _Call(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test says what matters."""


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with Listener() as running:
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def world(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one partner who wants to hear of withdrawals, and one who hears only of its own reports."""
    one = {"kind": "learning", "secrets": [SECRET], "url": listener.url, "events": EVENTS}
    other = {"kind": "employer", "secrets": [f"whsec_{config.random_key()}"], "url": listener.url, "events": EVENTS}
    stranger = one | {"secrets": [f"whsec_{config.random_key()}"], "programmes": ["another"]}
    partners = {"learning": one, "northwind": other, "elsewhere": stranger}
    folder = tmp_path_factory.mktemp("stack")
    settings = {"settings": {"PARTNERS": json.dumps(partners)}}
    (folder / "stack.json").write_text(json.dumps(config.new_stack() | settings), "utf-8")
    with Stack(now=FIRST_DAY, data=folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _well(world: Stack, listener: Listener) -> Iterator[None]:
    """Every test begins on the first day, with a partner that takes everything and nothing left that it should take."""
    world.move_clock(FIRST_DAY, timers=False)
    yield
    listener.status, listener.headers = 200, {}
    world.kill_host()  # The next one knows of no failure.
    world.move_clock(parse_instant(world.now()) + timedelta(days=4), timers=False)
    assert world.run_timer("run_deliveries")


@pytest.fixture
def person(world: Stack) -> Applicant:
    return Applicant(world).applied()


def message_of(stack: Stack, case_id: str) -> dict[str, Any]:
    """The message to the partner, as it is stored."""
    door = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/query"
    query = "SELECT * FROM c WHERE c.kind = 'message' AND c.channel = 'partner'"
    asked = {"container": "cases", "query": query, "partition_key": [case_id]}
    (row,) = stack.client.post(door, json=asked).json()["rows"]
    found: dict[str, Any] = row
    return found


def send_again(person: Applicant, message: dict[str, Any]) -> Any:
    number = message["id"].removeprefix("message:")
    answer = person.staff("careers", f"messages/{number}/sending", reason="partner_is_back")
    person.stack.move_clock(parse_instant(person.stack.now()) + timedelta(seconds=1), timers=False)
    assert person.stack.run_timer("run_deliveries")
    return answer


def standing(stack: Stack) -> dict[str, Any]:
    bearer = {"Authorization": f"Bearer {stack.token('auditor')}"}
    rows = stack.client.get(f"{stack.api}/partners", headers=bearer).json()["partners"]
    found: dict[str, Any] = next(row for row in rows if row["partner"] == "learning")
    return found


def test_partner_is_told_at_once_signed_and_without_a_word_about_the_person(
    world: Stack, listener: Listener, person: Applicant
) -> None:
    assert person.does("withdrawal").status_code == 200

    (told,) = listener.about(person.case_id)
    path, headers, body = next(each for each in listener.calls if person.case_id.encode() in each[2])
    assert path == "/hooks"
    assert is_signed(SECRET, headers, parse_instant(world.now()).timestamp(), body)
    assert told["type"] == "application_withdrawn"
    assert set(told["data"]) == {"case_id", "sequence", "subject", "occurred_on"}
    assert person.email.encode() not in body
    assert message_of(world, person.case_id)["status"] == "delivered"


def test_partner_that_does_not_answer_is_tried_ten_times_in_three_days_with_one_id(
    world: Stack, listener: Listener, person: Applicant
) -> None:
    listener.status = 500
    assert person.does("withdrawal").status_code == 200

    for _ in range(3 * len(WAITS)):  # A partner that fails is left alone for minutes on end: not each run is a try.
        due = parse_instant(message_of(world, person.case_id)["next_try_at"])
        world.move_clock(max(due, parse_instant(world.now())) + timedelta(seconds=1), timers=False)
        assert world.run_timer("run_deliveries")
    message = message_of(world, person.case_id)
    world.move_clock(parse_instant(world.now()) + timedelta(days=3), timers=False)
    assert world.run_timer("run_deliveries")

    told = listener.about(person.case_id)
    assert (message["status"], message["tries"]) == ("dead", 10)
    assert len(told) == 10
    assert len({each["id"] for each in told}) == 1
    assert timedelta(hours=74) < sum(WAITS, timedelta()) < timedelta(hours=76)

    listener.status = 200
    assert send_again(person, message).status_code == 200
    assert message_of(world, person.case_id)["status"] == "delivered"
    assert [event["kind"] for event in person.events()][-1] == "message_sent_again"
    assert listener.about(person.case_id)[-1]["id"] == told[0]["id"]


def test_partner_that_wants_no_more_hears_no_more_until_staff_try_and_it_is_taken(
    world: Stack, listener: Listener, person: Applicant
) -> None:
    other = Applicant(world).applied()
    listener.status = 410
    assert person.does("withdrawal").status_code == 200
    closed = standing(world)["closed_at"]
    listener.status = 200
    assert other.does("withdrawal").status_code == 200

    assert closed is not None
    assert [message_of(world, each.case_id)["status"] for each in (person, other)] == ["dead", "dead"]
    assert listener.about(other.case_id) == []

    assert send_again(person, message_of(world, person.case_id)).status_code == 200
    assert message_of(world, person.case_id)["status"] == "delivered"
    assert standing(world)["closed_at"] is None


def test_delivered_message_is_not_sent_again(world: Stack, listener: Listener, person: Applicant) -> None:
    assert person.does("withdrawal").status_code == 200

    answer = send_again(person, message_of(world, person.case_id))

    assert answer.status_code == 200
    assert len(listener.about(person.case_id)) == 1
    unknown = person.staff("careers", "messages/000999-0/sending", reason="partner_is_back")
    assert unknown.status_code == 404


def test_partner_that_asks_for_patience_gets_it_but_no_more_than_an_hour(
    world: Stack, listener: Listener, person: Applicant
) -> None:
    listener.status, listener.headers = 503, {"Retry-After": "99999999"}
    assert person.does("withdrawal").status_code == 200

    message = message_of(world, person.case_id)

    waits = parse_instant(message["next_try_at"]) - parse_instant(message["tried_at"])
    assert waits == timedelta(hours=1)


def test_message_to_a_partner_that_is_left_alone_was_no_try(world: Stack, listener: Listener) -> None:
    listener.status = 500
    people = [Applicant(world).applied() for _ in range(FAILURES_MAX + 1)]
    for each in people:
        assert each.does("withdrawal").status_code == 200

    last = message_of(world, people[-1].case_id)

    assert (last["status"], last["tries"], last["cause"]) == ("pending", 0, "Resting")
    assert listener.about(people[-1].case_id) == []

"""One call goes wrong in each way: whatever was answered with 2xx is kept and reaches its end, and happens once."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from local.signatures import sign
from shared.domain.events import verify_chain
from shared.use_cases.commands import event_from
from tests.faults.between import KINDS
from tests.faults.places import PATIENCE_SECONDS, Places, places
from tests.files import a_pdf
from tests.people import Applicant, application

NOW = "2027-01-11T14:00:00Z"
NOON, AFTERNOON, EVENING = 12, 14, 22
PDF = a_pdf(text="a degree")
PROBLEM_FIELDS = {"type", "title", "status", "instance", "retry"}
Ask = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """Something that is asked, what comes before it, and what must be so when all is over.

    `prepare` answers with the request; it is sent again, the same, until it is heard.
    """

    prepare: Callable[[Applicant, Places], Ask]
    events: dict[str, int]
    """Kinds of events that it makes, and how many of each: no more, no less."""
    mails: dict[str, int]
    check: Callable[[Applicant, Places], None] = lambda person, places: None
    net: str = "run_deliveries"
    """The timer that catches what was put off, when it runs next."""


def post(person: Applicant, path: str, **what: Any) -> Ask:
    return {"method": "POST", "url": f"{person.api}/{path}"} | what


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def to_apply(person: Applicant, places: Places) -> Ask:
    return post(person, "applications", json=application(person.email))


def to_upload(person: Applicant, places: Places) -> Ask:
    person.applied()
    return post(
        person, f"cases/{person.case_id}/documents", headers=person.bearer | key(), data={"kind": "certificate"},
        files={"file": ("degree.pdf", PDF, "application/pdf")},
    )  # fmt: skip


def to_hear(person: Applicant, places: Places) -> Ask:
    """A partner's event."""
    person.applied()
    specialist = person.stack.person("specialist")["object_id"]
    tenant = person.stack.info["issuer"]["tenant"]
    person.staff("admissions", "assignment", specialist=f"{tenant}/{specialist}")
    person.staff("specialist", "screening-events", kind="call_held", note="A good talk.")
    person.staff("specialist", "recommendation", outcome="assess")
    now = places.now.timestamp()
    data = {"case_id": person.case_id, "attempt_id": "T1", "assessment": "test", "outcome": "passed"}
    raw = json.dumps({"type": "assessment.completed", "timestamp": NOW, "data": data}).encode()
    headers = sign(person.stack.info["partners"]["assessment"]["secret"], f"evt_{uuid.uuid4().hex}", now, raw)
    return post(person, "webhooks/assessment", content=raw, headers=headers | {"content-type": "application/json"})


def to_decide(person: Applicant, places: Places) -> Ask:
    person.to_decision()
    headers = person.staff_headers("admissions") | key()
    return post(person, f"cases/{person.case_id}/admission-decision", headers=headers, json={"outcome": "offer"})


def to_mail(person: Applicant, places: Places) -> Ask:
    person.applied()
    return post(person, "links", json={"email": person.email})


def to_erase(person: Applicant, places: Places) -> Ask:
    """A granted request, with a document, a note and a partner's event to be forgotten."""
    assert person.client.request(**to_hear(person, places)).status_code in (200, 202)
    upload = {"file": ("degree.pdf", PDF, "application/pdf")}
    url = f"{person.api}/cases/{person.case_id}/documents"
    sent = person.client.post(url, data={"kind": "certificate"}, files=upload, headers=person.bearer | key())
    assert sent.status_code == 200, sent.text
    steps = [
        person.does("withdrawal"),
        person.does("data-requests", kind="erasure"),
        person.staff("careers", "call-backs", about="data_request", outcome="confirmed"),
        person.staff("finance", "data-requests/d1/ruling", outcome="granted", reason="own_data"),
    ]
    assert [each.status_code for each in steps] == [200] * 4, [each.text for each in steps]
    url = f"{person.stack.info['host']}/admin/functions/run_privacy_retention"
    return {"method": "POST", "url": url, "headers": {"x-local-wait": "true"}}


def files_of(person: Applicant) -> list[bytes]:
    account = person.stack.info["blob"]
    with BlobServiceClient(account["url"], credential=account["key"]) as service:
        evidence = service.get_container_client("evidence")
        names = list(evidence.list_blob_names(name_starts_with=f"{person.case_id}/"))
        return [evidence.download_blob(name).readall() for name in names]


def has_its_file(person: Applicant, places: Places) -> None:
    assert files_of(person) == [PDF]


def has_heard(person: Applicant, places: Places) -> None:
    assert [item["status"] for item in places.items(person.case_id, "inbox")] == ["processed"]


def names_nobody(person: Applicant, places: Places) -> None:
    kinds = {item["kind"] for item in places.items(person.case_id)}
    assert kinds <= {"case", "event", "receipt"}
    assert files_of(person) == []
    for container in ("inbox", "links", "addresses"):
        assert places.items(person.case_id, container) == []
    assert person.client.post(
        f"{person.api}/case-searches", json={"email": person.email},
        headers={"Authorization": f"Bearer {person.stack.token('careers')}"},
    ).json()["cases"] == []  # fmt: skip


SCENARIOS = {
    "apply": Scenario(to_apply, {"application_submitted": 1}, {"We have your application": 1}),
    "upload": Scenario(to_upload, {"document_added": 1}, {}, has_its_file),
    "webhook": Scenario(to_hear, {"assessment_recorded": 1}, {}, has_heard),
    "decide": Scenario(to_decide, {"offer_made": 1}, {"We offer you a seat": 1}),
    "mail": Scenario(to_mail, {}, {"Your link": 1}),
    "erase": Scenario(to_erase, {"erasure_begun": 1, "data_erased": 1}, {}, names_nobody, net="run_privacy_retention"),
}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with places(tmp_path_factory.mktemp("stack"), NOW) as running:
        yield running


def events_of(person: Applicant, places: Places) -> list[dict[str, Any]]:
    found = [item for item in places.items(person.case_id) if item["kind"] == "event"]
    return sorted(found, key=lambda item: item["sequence"])


def mails_of(person: Applicant) -> Counter[str]:
    return Counter(mail["subject"] for mail in person.stack.mail(person.email))


def asked_until_heard(ask: Ask, around: Places) -> tuple[int, dict[str, int]]:
    """Ask, heal at the first answer or at none, ask the same again until it is heard.

    The status, and the calls that the first try made.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    calls: dict[str, int] = {}
    while time.monotonic() < deadline:
        try:
            answer = around.client.request(**ask)
        except httpx.TransportError:
            calls |= around.heal()
            time.sleep(0.05)
            continue
        calls |= around.heal()
        if answer.status_code < 500 and answer.json().get("ok", True):
            return answer.status_code, calls
        if answer.status_code >= 500:
            assert answer.status_code == 503, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert set(answer.json()) <= PROBLEM_FIELDS
            assert answer.headers["retry-after"]
    raise AssertionError("not heard")


def run_cell(around: Places, name: str, place: str, nth: int, kind: str) -> dict[str, int]:
    """One scenario with a person of its own, one thing going wrong; the calls to each place."""
    scenario, person = SCENARIOS[name], Applicant(around.stack)
    # What falls due on a day is due at its noon, where the person lives: at night one would wait for it.
    is_day = NOON < around.now.hour < EVENING
    around.pass_minutes(1 if is_day else (60 * (24 + AFTERNOON - around.now.hour)) % (24 * 60))
    ask = scenario.prepare(person, around)
    drained(person, around)
    kinds, mails = Counter(each["event"] for each in events_of(person, around)), mails_of(person)

    around.arm(place, nth, kind) if kind else around.count()
    status, calls = asked_until_heard(ask, around)
    assert status in (200, 202)
    around.pass_minutes(2)
    around.run_timer(scenario.net)
    if not person.case_id:
        person.open_mail()
    drained(person, around)

    events = events_of(person, around)
    assert Counter(each["event"] for each in events) - kinds == scenario.events
    assert mails_of(person) - mails == scenario.mails
    assert verify_chain([event_from(each) for each in events], events[-1]["hash"]) == []
    scenario.check(person, around)
    return calls


def drained(person: Applicant, around: Places) -> None:
    """Nothing of this person waits for anything any more."""
    for _ in range(6):
        if not person.case_id or not waiting(person, around):
            return
        around.pass_minutes(6)
        around.run_timer("run_deliveries")
    raise AssertionError(f"still waiting: {waiting(person, around)}")


def waiting(person: Applicant, around: Places) -> list[dict[str, Any]]:
    messages = [item for item in around.items(person.case_id) if item["kind"] == "message"]
    events = around.items(person.case_id, "inbox")
    return [item for item in (*messages, *events) if item["status"] in ("pending", "received", "waiting")]


ONE_OF_EACH_PLACE = [
    ("apply", "store", 1, "lost"),
    ("apply", "store", 3, "killed_after"),
    ("apply", "mail", 1, "slow"),
    ("upload", "store", 3, "slow"),
    ("upload", "blob", 1, "lost"),
    ("webhook", "store", 2, "killed_before"),
    ("decide", "store", 3, "down"),
    ("decide", "mail", 1, "killed_after"),
    ("mail", "store", 2, "not_applied"),
    ("mail", "mail", 1, "lost"),
    ("erase", "store", 9, "killed_after"),
    ("erase", "blob", 2, "not_applied"),
]


@pytest.mark.parametrize(("name", "place", "nth", "kind"), ONE_OF_EACH_PLACE)
def test_whatever_was_heard_is_kept_and_happens_once(
    around: Places, name: str, place: str, nth: int, kind: str
) -> None:
    run_cell(around, name, place, nth, kind)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_call_going_wrong_in_every_way(around: Places, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    calls = run_cell(around, name, "", 0, "")
    cells = [(place, nth, kind) for place in calls for nth in range(1, calls[place] + 1) for kind in KINDS]
    failed = []
    for number, (place, nth, kind) in enumerate(cells, start=1):
        with capsys.disabled():
            print(f"\r{name}: {number} of {len(cells)} ({place} {nth} {kind})".ljust(70), end="", flush=True)
        try:
            run_cell(around, name, place, nth, kind)
        except AssertionError as error:
            around.heal()
            failed.append((place, nth, kind, str(error)[:500]))

    assert failed == []

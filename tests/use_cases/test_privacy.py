"""A person's own data: a copy on request, erasure on request, holds, and who has looked."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.testing import Stack
from shared.domain.events import Event, verify_chain
from shared.use_cases.retention import KINDS
from tests.files import a_pdf, a_photo
from tests.people import Applicant

FIRST_DAY = "2026-09-07T14:00:00Z"
PDF = a_pdf(text="a degree")
CONTAINERS = ("cases", "inbox", "addresses", "links", "reads", "counters", "catalogue", "audits", "reports")


@pytest.fixture(scope="module")
def calendar() -> Iterator[Stack]:
    """A stack of our own, whose clock each test turns."""
    with Stack(now=FIRST_DAY) as running:
        yield running


@pytest.fixture(autouse=True)
def _first_day(calendar: Stack) -> None:
    calendar.move_clock(FIRST_DAY, timers=False)


_people = iter(range(801, 900))


@pytest.fixture
def person(calendar: Stack) -> Applicant:
    """Somebody whose every word is a canary, with a note and a file."""
    each = Applicant(calendar)
    each.email = f"zq{each.email}"
    given, family, motivation, note, institution = canaries(each)
    degree = {"level": "bachelor", "subject": "Mathematics", "institution": institution, "country": "FR",
              "awarded_on": "2025-06-30"}  # fmt: skip
    each.applied(given_names=given, family_names=family, motivation=motivation, degree=degree, language="fr")
    upload = {"file": ("certificate.pdf", PDF, "application/pdf")}
    url = f"{each.api}/cases/{each.case_id}/documents"
    sent = each.client.post(url, data={"kind": "certificate"}, files=upload, headers=each.bearer)
    assert sent.status_code == 200, sent.text
    wait_until_scanned(each)
    assert each.staff("admissions", "assignment", specialist="t/specialist").status_code == 200
    noted = each.staff("specialist", "screening-events", kind="note", note=f"{note}: said so on the phone")
    assert noted.status_code == 200, noted.text
    return each


def canaries(person: Applicant) -> tuple[str, ...]:
    """This person's names and words, which nobody else has."""
    own = person.email.partition("-")[0]
    return tuple(f"{what}{own}" for what in ("Given", "Family", "motivation", "note", "Institution"))


def wait_until_scanned(person: Applicant) -> None:
    """The scanner answers in its own time, and what it says changes the case."""
    deadline = time.monotonic() + 20
    while {each["status"] for each in person.sees().json()["documents"].values()} != {"clean"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asks(person: Applicant, kind: str) -> str:
    """The person asks, and careers ring back."""
    asked = person.does("data-requests", kind=kind)
    assert asked.status_code == 200, asked.text
    rang = person.staff("careers", "call-backs", about="data_request", outcome="confirmed")
    assert rang.status_code == 200, rang.text
    return str(asked.json()["request_id"])


def grants(person: Applicant, request: str, role: str = "finance", number: int = 0) -> httpx.Response:
    return person.staff(role, f"data-requests/{request}/ruling", number, outcome="granted", reason="own_data")


def stored(stack: Stack, container: str) -> list[dict[str, Any]]:
    url = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/dump"
    answer = httpx.get(url, params={"container": container}, trust_env=False, timeout=60)
    rows = [json.loads(line) for line in answer.text.splitlines() if line]
    return [row.get("item", row) for row in rows]


def erase_by_timer(stack: Stack) -> None:
    stack.move_clock("2026-09-10T14:00:00Z", timers=False)
    assert stack.run_timer("run_privacy_retention")


def test_copy_holds_everything_about_the_person_and_no_id_of_staff(calendar: Stack, person: Applicant) -> None:
    colleague = next(each["object_id"] for each in calendar.info["staff"] if len(each["roles"]) > 1)
    close = {"relation": "relative", "staff": f"{calendar.info['issuer']['tenant']}/{colleague}"}
    assert person.staff("admissions", "conflicts", **close).status_code == 201
    request = asks(person, "export")
    assert grants(person, request).status_code == 200

    answer = person.sees("/export")

    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    data, page = archive.read("data.json").decode(), archive.read("index.html").decode()
    files = [name for name in archive.namelist() if name.startswith("documents/")]
    assert [archive.read(name) for name in files] == [PDF]
    assert [name for name in (*canaries(person), person.email) if name not in data or name not in page] == []
    assert '<html lang="fr">' in page
    assert "Tout ce que nous détenons" in page
    assert not [each["object_id"] for each in calendar.info["staff"] if each["object_id"] in data + page]


def test_copy_that_staff_hand_over_does_not_tell_where_a_picture_was_made(calendar: Stack, person: Applicant) -> None:
    upload = {"file": ("me.jpg", a_photo("zq7here"), "image/jpeg")}
    url = f"{person.api}/cases/{person.case_id}/documents"
    sent = person.client.post(url, data={"kind": "identity"}, files=upload, headers=person.bearer)
    assert sent.status_code == 200, sent.text
    wait_until_scanned(person)
    assert grants(person, asks(person, "export")).status_code == 200
    admissions = {"Authorization": f"Bearer {calendar.token('admissions')}"}

    own, theirs = (
        person.client.get(f"{person.api}/cases/{person.case_id}/export", headers=headers)
        for headers in (person.bearer, admissions)
    )

    def pictures(answer: httpx.Response) -> list[bytes]:
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        return [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")]

    assert [b"zq7here" in each for each in pictures(own)] == [True]
    assert [b"zq7here" in each for each in pictures(theirs)] == [False]


def test_copy_holds_account_employer_and_who_was_asked_about_the_job(calendar: Stack) -> None:
    graduate = Applicant(calendar).to_diploma()
    iban, contact = "FR7630006000011234567890189", "boss@canary.example"
    told = [
        graduate.does("payee", account_holder="Holder Canary", iban=iban),
        graduate.does("placements", contract="permanent", starts_on=calendar.now()[:10], employer_name="Canary Ltd"),
        graduate.does("placements/p1/confirmation-requests", email=contact),
    ]
    assert [answer.status_code for answer in told] == [200] * 3, [answer.text for answer in told]
    assert grants(graduate, asks(graduate, "export"), number=1).status_code == 200

    archive = zipfile.ZipFile(io.BytesIO(graduate.sees("/export").content))

    data, page = archive.read("data.json").decode(), archive.read("index.html").decode()
    said = ("Holder Canary", iban, "Canary Ltd", contact)
    assert [name for name in said if name not in data or name not in page] == []


def test_copy_is_handed_out_only_while_granted_and_a_call_back_comes_first(calendar: Stack, person: Applicant) -> None:
    before = person.sees("/export")
    person.does("data-requests", kind="export")
    unheard = person.staff("finance", "data-requests/d1/ruling", outcome="granted", reason="own_data")
    person.staff("careers", "call-backs", about="data_request", outcome="confirmed")
    assert grants(person, "d1").status_code == 200
    granted = person.sees("/export")
    calendar.move_clock("2026-09-15T14:00:00Z", timers=False)
    person.ask_for_link()
    late = person.sees("/export")

    assert (before.status_code, before.json()["reason"]) == (409, "export-not-granted")
    assert (unheard.status_code, unheard.json()["reason"]) == (409, "not-called-back")
    assert granted.status_code == 200
    assert (late.status_code, late.json()["reason"]) == (409, "export-over")


def test_neither_who_rang_nor_who_asked_for_the_person_grants(calendar: Stack, person: Applicant) -> None:
    asked = person.staff("admissions", "data-requests", 0, kind="export")
    rang = person.staff("finance", "call-backs", 0, about="data_request", outcome="confirmed")
    assert (asked.status_code, rang.status_code) == (200, 200)

    refused = [grants(person, "d1", "admissions", 0), grants(person, "d1", "finance", 0)]
    other = grants(person, "d1", "finance", 1)

    assert [(each.status_code, each.json()["reason"]) for each in refused] == [(403, "same-person")] * 2
    assert other.status_code == 200, other.text


def test_denied_call_back_leaves_nothing_to_grant(person: Applicant) -> None:
    person.does("data-requests", kind="erasure")
    person.staff("careers", "call-backs", about="data_request", outcome="denied")

    answer = grants(person, "d1")

    assert (answer.status_code, answer.json()["reason"]) == (409, "not-called-back")


def test_erasure_on_request_leaves_no_name_anywhere_and_the_chain_whole(calendar: Stack, person: Applicant) -> None:
    assert person.does("withdrawal").status_code == 200
    assert grants(person, asks(person, "erasure")).status_code == 200
    before = person.events()

    erase_by_timer(calendar)

    left = {
        (container, name)
        for container in CONTAINERS
        for name in (*canaries(person), person.email)
        if name in json.dumps(stored(calendar, container))
    }
    mine = [item for item in stored(calendar, "cases") if item["case_id"] == person.case_id]
    assert {item["kind"] for item in mine} <= {"case", "event", "receipt"}
    assert left == set()
    assert [event["hash"] for event in person.events()][: len(before)] == [event["hash"] for event in before]
    events = [Event.model_validate(event) for event in person.events()]
    snapshot = next(item for item in mine if item["kind"] == "case")
    assert verify_chain(events, snapshot["head"]) == []
    assert [event.kind for event in events][-2:] == ["erasure_begun", "data_erased"]
    assert files_of(calendar, person.case_id) == []
    assert person.sees().status_code == 404
    audit = audited(calendar, person.case_id)
    assert audit["findings"] == []


def tells_what_cannot_be_applied(person: Applicant, word: str) -> list[str]:
    """A partner says of the person what is put aside or passed over, each in its own way; what it said."""
    partner = person.stack.partner("northwind")
    job = {"case_id": person.case_id, "placement_id": "P1", "contract": "permanent"}
    bodies = [
        ("placement.reported", {"hours": "forty"}),
        ("note.written", {}),
        ("diploma.awarded", {}),
        ("placement.reported", {"id": f"evt-{word}"}),
        ("placement.reported", {"id": f"evt-{word}"}),
    ]
    words = [f"{word}{number}" for number in range(len(bodies))]
    for said, (kind, other) in zip(words, bodies, strict=True):
        more = {name: value for name, value in other.items() if name == "id"}
        stated = {name: value for name, value in other.items() if name != "id"}
        assert partner.send(kind, job | {"employer_name": said} | stated, **more)["status"] == 202
    return words


def test_what_partners_said_and_was_put_aside_is_in_the_copy_and_goes_with_the_case(
    calendar: Stack, person: Applicant
) -> None:
    words = tells_what_cannot_be_applied(person, f"heard{person.email.partition('-')[0]}")
    assert grants(person, asks(person, "export")).status_code == 200
    copy = zipfile.ZipFile(io.BytesIO(person.sees("/export").content)).read("data.json").decode()
    assert person.does("withdrawal").status_code == 200
    person.does("data-requests", kind="erasure")
    person.staff("careers", "call-backs", about="data_request", outcome="confirmed")
    assert grants(person, "d2").status_code == 200

    erase_by_timer(calendar)
    left = json.dumps(stored(calendar, "inbox"))

    assert [word for word in words if word not in copy] == []
    assert [word for word in words if word in left] == []


def test_what_partners_say_of_somebody_who_was_erased_is_not_kept(calendar: Stack, person: Applicant) -> None:
    word = f"later{person.email.partition('-')[0]}"
    job = {"case_id": person.case_id, "placement_id": "P0", "contract": "permanent", "employer_name": f"{word}x"}
    same = {"id": f"evt-{word}-same", "occurred_at": "2026-09-07T14:00:00Z"}
    assert calendar.partner("northwind").send("placement.reported", job, **same)["status"] == 202
    assert person.does("withdrawal").status_code == 200
    assert grants(person, asks(person, "erasure")).status_code == 200
    erase_by_timer(calendar)

    assert calendar.partner("northwind").send("placement.reported", job, **same)["status"] == 202
    tells_what_cannot_be_applied(person, word)

    assert word not in json.dumps([each.get("body") for each in stored(calendar, "inbox")])


def files_of(stack: Stack, case_id: str) -> list[str]:
    from azure.storage.blob import BlobServiceClient

    blob = stack.info["blob"]
    credential = {"account_name": blob["account"], "account_key": blob["key"]}
    with BlobServiceClient(blob["url"], credential=credential) as client:
        return [each.name for each in client.get_container_client("evidence").list_blobs(name_starts_with=case_id)]


def audited(stack: Stack, case_id: str) -> dict[str, Any]:
    bearer = {"Authorization": f"Bearer {stack.token('auditor')}"}
    run = stack.client.post(f"{stack.api}/audits", json={"case_id": case_id}, headers=bearer)
    assert run.status_code == 201, run.text
    found: dict[str, Any] = run.json()
    return found


def test_whoever_was_erased_may_apply_again(calendar: Stack, person: Applicant) -> None:
    person.does("withdrawal")
    grants(person, asks(person, "erasure"))
    erase_by_timer(calendar)
    before = person.case_id
    mails = len(calendar.mail(person.email))

    assert person.apply().status_code == 202
    calendar.wait_for_mail(person.email, mails + 1)
    person.open_mail()

    assert person.case_id != before
    assert person.sees().status_code == 200


def test_hold_stops_an_erasure_until_it_is_released(calendar: Stack, person: Applicant) -> None:
    person.does("withdrawal")
    assert person.staff("finance", "holds", 2, reason="court_order").status_code == 200
    grants(person, asks(person, "erasure"))

    erase_by_timer(calendar)
    held = person.record()
    released = person.staff("finance", "holds/h1/release", 2, reason="case_closed")
    assert released.status_code == 200, released.text
    calendar.move_clock("2026-09-12T14:00:00Z", timers=False)
    calendar.run_timer("run_privacy_retention")

    assert held["person"]["given_names"] == canaries(person)[0]
    assert held["erased_at"] is None
    assert person.record()["person"] is None
    assert person.record()["erased_at"] is not None


def test_who_looked_is_told_to_auditors(calendar: Stack, person: Applicant) -> None:
    person.record()
    bearer = {"Authorization": f"Bearer {calendar.token('auditor')}"}

    answer = calendar.client.get(f"{person.api}/cases/{person.case_id}/reads", headers=bearer)

    reads = answer.json()["reads"]
    careers = f"{calendar.info['issuer']['tenant']}/{calendar.person('careers')['object_id']}"
    assert ("person", "careers", careers) in {(each["what"], each["role"], each["by"]) for each in reads}
    last = reads[-1]["at"]
    address = f"{person.api}/cases/{person.case_id}/reads"
    assert calendar.client.get(address, params={"after": last}, headers=bearer).json() == {"reads": []}


def test_whatever_was_stored_is_in_the_table_of_kinds(calendar: Stack, person: Applicant) -> None:
    known = {(each.container, each.kind) for each in KINDS}

    found = {
        (container, item["kind"])
        for container in CONTAINERS
        for item in stored(calendar, container)
        if item is not None
    }

    assert found
    assert found - known == set()

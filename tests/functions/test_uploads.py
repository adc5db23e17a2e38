"""A document from the upload to the desk of staff: looked at, scanned, shown as a copy, read on record."""

from __future__ import annotations

import asyncio
import io
import time
from typing import Any

import httpx
import pikepdf
import pytest
from azure.storage.blob import ContainerClient
from PIL import Image

from local import config
from local.testing import Stack
from shared.adapters.documents import Documents
from shared.domain.errors import Unavailable
from tests.files import a_malicious_pdf, a_pdf, a_photo, an_image
from tests.people import Applicant, application, calls_so_far, store_calls


def evidence(stack: Stack) -> ContainerClient:
    """The container, as its owner sees it."""
    blob = stack.info["blob"]
    return ContainerClient(blob["url"], "evidence", credential=config.BLOB_KEY)


def files_of(applicant: Applicant) -> list[str]:
    """The names of all files that lie with a case."""
    with evidence(applicant.stack) as container:
        return [str(name) for name in container.list_blob_names(name_starts_with=applicant.case_id)]


def sends(applicant: Applicant, content: bytes, name: str = "paper.pdf", kind: str = "application/pdf") -> Any:
    """The person sends a document."""
    address = f"{applicant.api}/cases/{applicant.case_id}/documents"
    return applicant.client.post(
        address, data={"kind": "transcript"}, files={"file": (name, content, kind)}, headers=applicant.bearer
    )


def ends(applicant: Applicant, document: str) -> str:
    """What the scan said about it, once it has."""
    deadline = time.monotonic() + 60
    while (status := applicant.sees().json()["documents"][document]["status"]) == "scanning":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return str(status)


def fetched(applicant: Applicant, document: str) -> httpx.Response:
    """Admissions ask for it."""
    headers = {"Authorization": f"Bearer {applicant.stack.token('admissions')}"}
    return applicant.client.get(f"{applicant.api}/cases/{applicant.case_id}/documents/{document}", headers=headers)


def test_photo_is_shown_upright_as_a_copy_that_tells_nothing_else(applicant: Applicant) -> None:
    photo = a_photo()
    document = sends(applicant.applied(), photo, "me.jpg", "image/jpeg").json()["document_id"]

    assert ends(applicant, document) == "clean"
    shown = fetched(applicant, document)

    assert shown.headers["content-type"] == "image/jpeg"
    assert b"zq7canary" in photo
    assert b"zq7canary" not in shown.content
    assert b"Exif" not in shown.content
    assert Image.open(io.BytesIO(shown.content)).size == (20, 40)
    assert len(files_of(applicant)) == 2, "the original is kept for evidence"


@pytest.mark.parametrize("kept", [20, 60, -1])
def test_photo_whose_cameras_notes_are_cut_off_is_taken_without_them(applicant: Applicant, kept: int) -> None:
    noted = Image.Exif()
    noted[0x010E] = "zq7canary" * 10
    photo = an_image("JPEG", exif=noted.tobytes()[:kept])

    document = sends(applicant.applied(), photo, "me.jpg", "image/jpeg").json()["document_id"]

    assert ends(applicant, document) == "clean"
    assert b"Exif" not in fetched(applicant, document).content


def test_document_goes_out_as_an_attachment_with_its_name_and_can_do_nothing_in_a_browser(applicant: Applicant) -> None:
    document = sends(applicant.applied(), a_pdf(), "../Relevé de notes \u202e.pdf").json()["document_id"]

    assert ends(applicant, document) == "clean"
    headers = fetched(applicant, document).headers

    assert headers["content-disposition"] == (
        "attachment; filename=\"Releve_de_notes.pdf\"; filename*=UTF-8''Relev%C3%A9%20de%20notes.pdf"
    )
    assert headers["content-type"] == "application/pdf"
    assert headers["content-security-policy"] == "sandbox"
    assert headers["x-content-type-options"] == "nosniff"


def test_every_read_of_evidence_is_on_record(applicant: Applicant, stack: Stack) -> None:
    document = sends(applicant.applied(), a_pdf()).json()["document_id"]
    assert ends(applicant, document) == "clean"

    since = calls_so_far(stack)
    assert fetched(applicant, document).status_code == 200

    assert [call["container"] for call in store_calls(stack, since) if call["operation"] == "Batch"] == ["reads"]


def test_malicious_document_is_removed_and_staff_are_told(applicant: Applicant) -> None:
    document = sends(applicant.applied(), a_malicious_pdf()).json()["document_id"]

    assert ends(applicant, document) == "malicious"
    deadline = time.monotonic() + 30
    while files_of(applicant):
        assert time.monotonic() < deadline
    assert fetched(applicant, document).status_code == 404
    assert applicant.record()["agenda"]["what"] == "ask_for_another_document"


def test_scan_of_another_version_counts_for_nothing(applicant: Applicant, stack: Stack) -> None:
    scanner = stack.partner("scanner")
    scanner.post("behaviour", {"paused": True})
    try:
        document = sends(applicant.applied(), a_pdf()).json()["document_id"]
        blob = files_of(applicant)[0]
        for etag in ("0x8D0000000000000", None):
            told: dict[str, Any] = {"blob": blob, "result": "clean"} | ({"etag": etag} if etag else {})
            assert scanner.send("document.scanned", told)["status"] == 202

        assert applicant.sees().json()["documents"][document]["status"] == "scanning"
        assert fetched(applicant, document).status_code == 409
    finally:
        scanner.post("behaviour", {"paused": False})
    assert ends(applicant, document) == "clean"


def test_same_file_again_is_no_other_document(applicant: Applicant) -> None:
    first, second = sends(applicant.applied(), a_pdf()), sends(applicant, a_pdf(), "another name.pdf")

    assert first.json()["document_id"] == second.json()["document_id"]
    assert len(files_of(applicant)) == 1


def test_sixth_document_of_a_day_waits_for_the_next_one(applicant: Applicant) -> None:
    applicant.applied()

    answers = [sends(applicant, a_pdf(text=str(number))) for number in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 24 * 3600
    assert len(files_of(applicant)) == 5


def active_trailer(catalogue: str, beside: str = "") -> bytes:
    """A PDF whose catalogue stands in its trailer, which the standard forbids and readers open."""
    pages = [b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>",
             b"<< /Type /Page /Parent 1 0 R /MediaBox [0 0 9 9] /Resources << >> >>"]  # fmt: skip
    content, table = b"%PDF-1.7\n", b"xref\n0 3\n0000000000 65535 f \n"
    for number, page in enumerate(pages, 1):
        table += b"%010d 00000 n \n" % len(content)
        content += b"%d 0 obj\n%b\nendobj\n" % (number, page)
    trailer = f"trailer\n<< /Size 3 /Root << /Type /Catalog /Pages 1 0 R {catalogue} >> {beside} >>\n"
    return content + table + trailer.encode() + b"startxref\n%d\n%%%%EOF\n" % len(content)


OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('zq7canary')")
LAUNCH = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe")
ATTACHED = pikepdf.Dictionary(EmbeddedFiles=pikepdf.Dictionary())
AWAY = pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://elsewhere.example/zq7canary")
THEN_AWAY = pikepdf.Dictionary(S=pikepdf.Name.GoTo, D=pikepdf.Array([0, pikepdf.Name.Fit]), Next=AWAY)
TO_A_PAGE = pikepdf.Array([0, pikepdf.Name.Fit])
PNG, JPEG, PDF = "image/png", "image/jpeg", "application/pdf"
LOCKED = pikepdf.Encryption(owner="o", user="u")
OWNED = pikepdf.Encryption(owner="o", user="")
REFUSED: list[tuple[str, bytes, str, str]] = [
    ("empty", b"", PDF, "empty"),
    ("only the beginning of a PDF", b"%PDF-1.7\n", PDF, "damaged"),
    ("a PDF that is cut off", a_pdf()[:-40], PDF, "damaged"),
    ("a PDF with something behind its end", a_pdf() + b"PK\x03\x04 more", PDF, "damaged"),
    ("a PDF with something before it", b"x" * 1000 + a_pdf(), PDF, "type"),
    ("a PDF whose table of contents lies", a_pdf().replace(b"startxref\n", b"startxref\n9"), PDF, "damaged"),
    ("a script when it opens", a_pdf(OpenAction=OpenAction), PDF, "active-content"),
    ("a program when it opens", a_pdf(OpenAction=LAUNCH), PDF, "active-content"),
    ("files inside", a_pdf(Names=ATTACHED), PDF, "active-content"),
    (
        "files beside the text",
        a_pdf(AF=pikepdf.Array([pikepdf.Dictionary(F="a.exe", EF=pikepdf.Dictionary())])),
        PDF,
        "active-content",
    ),
    ("a page and then another place when it opens", a_pdf(OpenAction=THEN_AWAY), PDF, "active-content"),
    ("a form of another kind", a_pdf(AcroForm=pikepdf.Dictionary(XFA="x")), PDF, "active-content"),
    (
        "a script of a catalogue that is no object of its own",
        active_trailer("/Names << /JavaScript << /Names [(x) << /S /JavaScript /JS (app.alert(1)) >>] >> >>"),
        PDF,
        "active-content",
    ),
    (
        "files of a catalogue that is no object of its own",
        active_trailer("/Names << /EmbeddedFiles << /Names [] >> >>"),
        PDF,
        "active-content",
    ),
    ("a script beside the catalogue", active_trailer("", "/X << /S /JavaScript /JS (x) >>"), PDF, "active-content"),
    ("locked", a_pdf(encryption=LOCKED), PDF, "encrypted"),
    ("locked for changes", a_pdf(encryption=OWNED), PDF, "encrypted"),
    ("31 pages", a_pdf(31), PDF, "too-many-pages"),
    ("an image called a PDF", an_image(), PDF, "type"),
    ("a GIF", an_image("GIF"), PNG, "type"),
    ("a GIF by its own type", an_image("GIF"), "image/gif", "type"),
    ("a PNG that is cut off", an_image()[:-5], PNG, "damaged"),
    ("a PNG with a wrong checksum", an_image()[:-1] + b"\x00", PNG, "damaged"),
    ("a PNG with something behind its end", an_image() + b"<?php", PNG, "damaged"),
    ("a PNG header and nothing", b"\x89PNG\r\n\x1a\n", PNG, "damaged"),
    ("a JPEG that is cut off", a_photo()[: len(a_photo()) // 2], JPEG, "damaged"),
    ("a picture of too many points", an_image(size=(20_001, 2_000)), PNG, "too-many-pixels"),
    ("HTML", b"<html><script>alert(1)</script>", PDF, "type"),
]


@pytest.mark.parametrize(("content", "kind", "code"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_file_that_is_not_kept_is_refused_with_its_reason_and_leaves_nothing(
    applicant: Applicant, content: bytes, kind: str, code: str
) -> None:
    applicant.case_id, applicant.link = FIRST.get(applicant.api, ("", ""))
    if not applicant.case_id:
        applicant.applied()
        FIRST[applicant.api] = (applicant.case_id, applicant.link)

    answer = sends(applicant, content, "paper", kind)

    assert (answer.status_code, answer.json()["errors"]) == (422, [{"pointer": "/file", "code": code}])
    assert "zq7canary" not in answer.text
    assert files_of(applicant) == []


FIRST: dict[str, tuple[str, str]] = {}
"""One person for all files that are refused: nothing of them may be kept."""


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (a_pdf(30), "thirty pages.pdf", PDF),
        (a_pdf(OpenAction=TO_A_PAGE), "opens at a page.PDF", PDF),
        (an_image("PNG"), "x.png", PNG),
        (an_image("JPEG"), "x.jpeg", JPEG),
        (a_pdf(text="no name says what it is"), "../../etc/passwd", PDF),
    ],
)
def test_good_file_is_kept(applicant: Applicant, content: bytes, name: str, kind: str) -> None:
    answer = sends(applicant.applied(), content, name, kind)

    assert answer.status_code == 200, answer.text


def test_name_that_claims_another_kind_is_a_contradiction(applicant: Applicant) -> None:
    answer = sends(applicant.applied(), a_pdf(), "degree.png", PDF)

    assert answer.json()["errors"] == [{"pointer": "/file", "code": "type"}]


def test_file_that_no_case_refers_to_is_removed_after_two_days_and_no_other(applicant: Applicant, stack: Stack) -> None:
    kept = sends(applicant.applied(), a_pdf()).json()["document_id"]
    orphans = [f"{applicant.case_id}/{'a' * 64}", f"{'z' * 26}/{'b' * 64}"]
    with evidence(stack) as container:
        for name in orphans:
            container.upload_blob(name, b"cut short")

        # To the stack's clock, which the emulator does not follow, all of this came weeks ago.
        assert stack.run_timer("run_privacy_retention")

        left = {str(name) for name in container.list_blob_names()}
    assert not left & set(orphans)
    assert [name.partition("/")[2][:16] for name in left if name.startswith(applicant.case_id)] == [kept]


def test_staff_add_a_paper_that_came_by_post_and_may_rest_an_exemption_on_it(applicant: Applicant) -> None:
    applicant.to_course()
    address = f"{applicant.api}/cases/{applicant.case_id}/documents"
    paper = {"data": {"kind": "other"}, "files": {"file": ("call-up.pdf", a_pdf(text="call-up"), "application/pdf")}}

    admissions = {"Authorization": f"Bearer {applicant.stack.token('admissions')}"}
    added = applicant.client.post(address, headers=admissions, **paper)
    document = added.json()["document_id"]
    assert ends(applicant, document) == "clean"
    answer = applicant.staff("admissions", "enrolment-exemption", outcome="exempt", document=document)

    assert (added.status_code, answer.status_code) == (200, 200)
    last = next(each for each in reversed(applicant.events()) if each["kind"] == "enrolment_exempted")
    assert last["actor"]["role"] == "admissions"
    assert last["evidence"][0].startswith(applicant.case_id)


def test_papers_that_staff_add_use_up_nothing_of_the_persons_own(applicant: Applicant) -> None:
    applicant.applied()
    address = f"{applicant.api}/cases/{applicant.case_id}/documents"
    careers = {"Authorization": f"Bearer {applicant.stack.token('careers')}"}
    for number in range(6):
        paper = {"data": {"kind": "other"}, "files": {"file": ("p.pdf", a_pdf(text=f"{number}"), "application/pdf")}}
        answer = applicant.client.post(address, headers=careers, **paper)
        assert answer.status_code == 200, answer.text

    assert sends(applicant, a_pdf(text="mine")).status_code == 200


def test_nobody_rests_anything_on_a_file_that_nobody_can_have_seen(applicant: Applicant, stack: Stack) -> None:
    applicant.to_course()
    stack.partner("scanner").post("behaviour", {"paused": True})
    try:
        document = sends(applicant, a_pdf(text="unseen")).json()["document_id"]
        answer = applicant.staff("admissions", "enrolment-exemption", outcome="exempt", document=document)
    finally:
        stack.partner("scanner").post("behaviour", {"paused": False})

    assert (answer.status_code, answer.json()["reason"]) == (409, "not-scanned")


def test_file_of_a_form_is_kept_though_its_name_is_missing_and_an_empty_field_is_none(applicant: Applicant) -> None:
    said = application(applicant.email)
    fields = {name: (None, str(value)) for name, value in said.items() if name != "degree"}
    fields |= {f"degree.{name}": (None, str(value)) for name, value in said["degree"].items()}
    fields["accreditation_notice_read"] = (None, "on")
    boundary, address = "zq7boundary", f"{applicant.api}/applications"
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    without = httpx.Request("POST", address, files=fields, headers=kind)

    def sent(content: bytes) -> int:
        named = 'Content-Disposition: form-data; name="certificate"; filename=""\r\nContent-Type: application/pdf'
        part = f"--{boundary}\r\n{named}\r\n\r\n".encode() + content + b"\r\n"
        return applicant.client.post(address, content=part + without.read(), headers=kind).status_code

    assert sent(b"") == 202
    applicant.open_mail()
    assert applicant.record()["documents"] == {}
    assert sent(a_pdf(text="nameless")) == 202
    assert [each["kind"] for each in applicant.record()["documents"].values()] == ["unconfirmed_certificate"]


async def test_file_that_would_wait_too_long_for_others_is_to_be_sent_again() -> None:
    documents, large = Documents(turn_seconds=0.05), an_image(size=(7_900, 5_000))

    first = asyncio.create_task(documents.examined("/file", large, PNG))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await documents.examined("/file", a_pdf(), PDF)

    assert await first is not None
    assert await documents.examined("/file", a_pdf(), PDF) is None


def test_owner_who_sends_a_strangers_certificate_again_makes_it_their_own(applicant: Applicant) -> None:
    applicant.applied()
    other = application(applicant.email, motivation="Another one.")
    fields = {name: str(value) for name, value in other.items() if name != "degree"}
    fields |= {f"degree.{name}": str(value) for name, value in other["degree"].items()}
    fields["accreditation_notice_read"] = "on"
    file = {"certificate": ("degree.pdf", a_pdf(text="whose"), "application/pdf")}
    answer = applicant.client.post(f"{applicant.api}/applications", data=fields, files=file)
    assert answer.status_code == 202, answer.text
    unknown = [each["kind"] for each in applicant.record()["documents"].values()]

    document = sends(applicant, a_pdf(text="whose")).json()["document_id"]

    assert unknown == ["unconfirmed_certificate"]
    assert applicant.record()["documents"][document]["kind"] == "transcript"

"""The way in, against the local services: what is stored, and who is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local.testing import Stack
from tests.files import a_pdf
from tests.people import Applicant, application, calls_so_far, store_calls


def test_fifty_simultaneous_identical_applications_make_one_case_and_one_mail(
    stack: Stack, applicant: Applicant
) -> None:
    body = application(applicant.email)

    def send(_: int) -> int:
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.post(f"{applicant.api}/applications", json=body).status_code

    with ThreadPoolExecutor(25) as pool:
        statuses = list(pool.map(send, range(50)))
    applicant.open_mail()

    assert statuses == [202] * 50
    assert len(stack.mail(applicant.email)) == 1
    assert [event["kind"] for event in applicant.events()] == ["application_submitted"]


def test_second_different_application_is_kept_and_told_to_its_owner_and_overwrites_nothing(
    stack: Stack, applicant: Applicant
) -> None:
    applicant.applied()

    answer = applicant.apply(given_names="Somebody Else")

    assert answer.status_code == 202
    mails = stack.wait_for_mail(applicant.email, 2)
    assert "second application" in mails[-1]["subject"]
    assert applicant.record()["person"]["given_names"] == "Ada"
    assert [each["chosen"] for each in applicant.record()["application"]["submissions"]] == [True, False]


def test_answer_to_a_letter_goes_to_the_programme_whose_address_stands_under_it(
    stack: Stack, applicant: Applicant
) -> None:
    applicant.applied()

    (mail,) = stack.mail(applicant.email)

    assert mail["headers"]["reply-to"] == "contact@pledge.example"
    assert "contact@pledge.example" in mail["text"]


def test_owner_chooses_the_submission_that_counts(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    applicant.apply(given_names="Augusta")
    second = next(each["submission"] for each in applicant.sees().json()["submissions"] if not each["chosen"])

    answer = applicant.does(f"submissions/{second}/choice")

    assert answer.status_code == 200
    assert applicant.record()["person"]["given_names"] == "Augusta"


@pytest.mark.parametrize("other", [{}, {"motivation": "I changed my mind."}], ids=["same", "other"])
def test_application_after_withdrawal_opens_the_next_attempt(
    stack: Stack, applicant: Applicant, other: dict[str, str]
) -> None:
    first = applicant.applied().case_id
    assert applicant.does("withdrawal").status_code == 200

    applicant.apply(**other)
    applicant.apply(**other)
    stack.wait_for_mail(applicant.email, 3)
    applicant.open_mail()

    assert applicant.case_id != first
    assert applicant.record()["attempt"] == 2


def test_answers_to_new_repeated_and_conflicting_applications_are_alike(applicant: Applicant) -> None:
    answers = [applicant.apply(), applicant.apply(), applicant.apply(motivation="Another one.")]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1


def test_three_forms_of_one_application_are_stored_as_one_document(stack: Stack, applicant: Applicant) -> None:
    said = application(applicant.email)
    flat = {name: value for name, value in said.items() if isinstance(value, str)}
    flat |= {f"degree.{name}": value for name, value in said["degree"].items()}
    flat["accreditation_notice_read"] = "on"
    url = f"{applicant.api}/applications"

    statuses = [
        applicant.client.post(url, json=said).status_code,
        applicant.client.post(url, data=flat).status_code,
        applicant.client.post(url, files={name: (None, value) for name, value in flat.items()}).status_code,
    ]
    applicant.open_mail()

    assert statuses == [202, 202, 202]
    assert len(applicant.record()["application"]["submissions"]) == 1


def test_application_costs_one_batch_and_is_counted(stack: Stack, applicant: Applicant) -> None:
    applicant.apply(motivation="Warm the connections first.")
    before = calls_so_far(stack)

    Applicant(stack).apply()

    calls = [(call["operation"], call["container"]) for call in store_calls(stack, before)]
    counted = calls.index(("Batch", "cases"))
    # Once the hour's answer is known, nothing is counted any more.
    assert calls[:counted] in ([("Read", "counters"), ("Batch", "counters")], [("Read", "counters")])


def test_certificate_is_unseen_until_it_is_found_clean(stack: Stack, applicant: Applicant) -> None:
    said = application(applicant.email)
    flat = {name: (None, value) for name, value in said.items() if isinstance(value, str)}
    flat |= {f"degree.{name}": (None, value) for name, value in said["degree"].items()}
    flat["accreditation_notice_read"] = (None, "on")
    pdf = ("degree.pdf", a_pdf(), "application/pdf")

    answer = applicant.client.post(f"{applicant.api}/applications", files=flat | {"certificate": pdf})
    applicant.open_mail()
    document = next(iter(applicant.record()["documents"]))

    assert answer.status_code == 202
    headers = applicant.staff_headers("admissions")
    for _ in range(100):
        download = applicant.client.get(
            f"{applicant.api}/cases/{applicant.case_id}/documents/{document}", headers=headers
        )
        if download.status_code == 200:
            break
        assert download.status_code == 409
    assert download.content == pdf[1]
    assert download.headers["content-disposition"].startswith("attachment")


def test_closed_intake_and_unknown_programme_are_refused_with_a_pointer(applicant: Applicant) -> None:
    closed = applicant.apply(intake="2027-autumn")
    unknown = applicant.apply(programme="no-such")

    assert (closed.status_code, closed.json()["errors"]) == (422, [{"pointer": "/intake", "code": "closed"}])
    assert (unknown.status_code, unknown.json()["errors"]) == (422, [{"pointer": "/programme", "code": "unknown"}])


def test_accreditation_notice_must_be_read_where_the_diploma_is_not_accredited(applicant: Applicant) -> None:
    answer = applicant.apply(country="US", time_zone="America/New_York", accreditation_notice_read=False)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/accreditation_notice_read"


def test_person_corrects_their_degree_and_nothing_else_changes(applicant: Applicant) -> None:
    applicant.applied()
    degree = application(applicant.email)["degree"] | {"subject": "Applied mathematics", "awarded_on": "2024-06-28"}

    answer = applicant.does("corrections", degree=degree)

    assert answer.status_code == 200, answer.text
    person = applicant.record()["person"]
    assert person["education"] == degree | {"expected_on": None}
    assert person["given_names"] == "Ada"


def test_corrected_degree_is_judged_as_the_forms_own(applicant: Applicant) -> None:
    applicant.applied()
    applicant.staff("admissions", "assignment", specialist="t/specialist")
    verified = applicant.staff("specialist", "screening-events", kind="degree_verified")
    degree = application(applicant.email)["degree"]

    early = applicant.does("corrections", degree=degree | {"awarded_on": "2099-01-01"})
    before = applicant.record()["application"]["prerequisite"]
    other = applicant.does("corrections", degree=degree | {"level": "none", "subject": "Astrology"})

    assert verified.status_code == 200, verified.text
    assert (early.status_code, early.json()["errors"]) == (
        422, [{"pointer": "/degree/awarded_on", "code": "in_the_future"}],
    )  # fmt: skip
    assert (before, other.status_code) == ("met", 200)
    assert applicant.record()["application"]["prerequisite"] == "unknown"

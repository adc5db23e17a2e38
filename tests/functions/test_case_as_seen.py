"""A case as it is read: notes by whoever may see persons, words in the language that is asked for."""

from __future__ import annotations

import httpx
import pytest

from local.testing import Stack
from tests.people import Applicant, calls_so_far, store_calls
from tools.verify_chain import problems

SAID = "Rang twice; she was at work."


@pytest.fixture(scope="module")
def noted(stack: Stack) -> Applicant:
    """Somebody about whom a specialist wrote two notes."""
    found = Applicant(stack).applied(language="fr")
    assert found.staff("admissions", "assignment", specialist="t/specialist").status_code == 200
    for text in (SAID, "Wants to begin in autumn."):
        assert found.staff("specialist", "screening-events", kind="note", note=text).status_code == 200
    return found


def events(person: Applicant, role: str) -> httpx.Response:
    """What the route of events answers a member of staff."""
    bearer = {"Authorization": f"Bearer {person.stack.token(role)}"}
    return person.client.get(f"{person.api}/cases/{person.case_id}/events", headers=bearer)


def test_staff_read_what_was_written_beside_an_event(noted: Applicant) -> None:
    answer = events(noted, "finance").json()

    named = [event["note_id"] for event in answer["events"] if event["note_id"]]
    assert answer["notes"][named[0]] == SAID
    assert list(answer["notes"]) == named


def test_events_alone_are_what_their_hashes_cover(noted: Applicant) -> None:
    assert problems(events(noted, "finance").json()["events"], []) == []


def test_notes_are_read_with_one_query_and_that_they_were_read_is_kept(noted: Applicant) -> None:
    since = calls_so_far(noted.stack)
    assert events(noted, "careers").status_code == 200
    calls = store_calls(noted.stack, since)

    bearer = {"Authorization": f"Bearer {noted.stack.token('auditor')}"}
    reads = noted.client.get(f"{noted.api}/cases/{noted.case_id}/reads", headers=bearer).json()["reads"]
    assert [call["operation"] for call in calls if call["container"] == "cases"].count("SqlQuery") == 2
    assert ("notes", "careers") in {(each["what"], each["role"]) for each in reads}


def test_auditors_see_events_and_no_note(noted: Applicant) -> None:
    bearer = {"Authorization": f"Bearer {noted.stack.token('auditor')}"}

    answer = events(noted, "auditor")

    assert answer.status_code == 200
    assert "notes" not in answer.json()
    assert SAID not in answer.text
    reads = noted.client.get(f"{noted.api}/cases/{noted.case_id}/reads", headers=bearer).json()["reads"]
    assert {each["what"] for each in reads if each["role"] == "auditor"} == {"events"}


@pytest.mark.parametrize("what", ["", "/guarantee"])
def test_a_person_is_told_in_the_language_that_the_page_asks_for(noted: Applicant, what: str) -> None:
    told = [noted.sees(f"{what}{asked}").json()["told_in"] for asked in ("", "?language=en", "?language=fr")]

    assert told == ["fr", "en", "fr"]


@pytest.mark.parametrize("what", ["", "/guarantee"])
@pytest.mark.parametrize("asked", ["de", "EN"])
def test_a_language_that_is_not_spoken_is_refused(noted: Applicant, what: str, asked: str) -> None:
    answer = noted.sees(f"{what}?language={asked}")

    assert (answer.status_code, answer.json()["errors"]) == (422, [{"pointer": "/language", "code": "literal_error"}])


def test_the_timeline_speaks_the_language_of_its_person(noted: Applicant) -> None:
    assert noted.sees().json()["timeline"][0]["in_words"] == "La candidature est arrivée."
    assert noted.sees("?language=en").json()["timeline"][0]["in_words"] == "The application arrived."

"""An employer's answer by the link in a mail: looking changes nothing, one answer is kept, nothing else is opened."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pytest

from shared.use_cases.deliveries import WAITS
from tests.people import Applicant

JOB: dict[str, Any] = {
    "contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": "2027-01-04", "starts_on": "2027-01-11",
    "employer_name": "Lovelace Ltd",
}  # fmt: skip


def named(applicant: Applicant, email: str, by: str) -> httpx.Response:
    """The contact of an employer is named, and asked."""
    act = "placements/p1/confirmation-requests"
    return applicant.does(act, email=email) if by == "graduate" else applicant.staff(by, act, email=email)


class Employer:
    """The contact whom a graduate named, or careers, with the link from the mail."""

    def __init__(self, applicant: Applicant, number: int = 1, named_by: str = "graduate") -> None:
        self.applicant = applicant
        self.email = f"{named_by}s-boss-{applicant.email}"
        asked = named(applicant, self.email, named_by)
        assert asked.status_code == 200, asked.text
        self.mail = applicant.stack.wait_for_mail(self.email, number)[-1]
        found = re.search(r"confirm\.html#([A-Za-z0-9_-]{43})", self.mail["text"])
        assert found, self.mail["text"]
        self.bearer = {"Authorization": f"Bearer {found[1]}"}

    def looks(self) -> httpx.Response:
        return self.applicant.client.get(f"{self.applicant.api}/confirmation", headers=self.bearer)

    def answers(self, answer: str, **more: Any) -> httpx.Response:
        body = {"answer": answer, "version": self.looks().json()["version"], **more}
        return self.applicant.client.post(f"{self.applicant.api}/confirmation", json=body, headers=self.bearer)


@pytest.fixture
def graduate(applicant: Applicant) -> Applicant:
    """Somebody who reported a job."""
    applicant.to_contract()
    assert applicant.does("placements", **JOB).status_code == 200
    return applicant


def job(graduate: Applicant) -> dict[str, Any]:
    (found,) = graduate.record()["jobs"]
    return dict(found)


def test_looking_shows_the_job_and_changes_nothing(graduate: Applicant) -> None:
    employer = Employer(graduate)
    before = graduate.events()
    seen = [employer.looks() for _ in range(3)]

    assert seen[0].json()["job"]["hours"] == 37
    assert seen[0].json()["employer_name"] == "Lovelace Ltd"
    assert seen[0].json()["name"] in employer.mail["text"]
    assert graduate.events() == before


def test_one_click_is_a_report_of_its_own_about_the_same_job(graduate: Applicant) -> None:
    employer = Employer(graduate)
    assert employer.answers("confirm").status_code == 200

    assert (job(graduate)["state"], len(job(graduate)["reports"])) == ("stated", 2)
    assert {each["source"] for each in graduate.record()["placements"].values()} == {"applicant", "partner"}


def test_answer_is_kept_once_and_another_one_is_refused(graduate: Applicant) -> None:
    employer = Employer(graduate)
    first, again = employer.answers("confirm"), employer.answers("confirm")
    other = employer.answers("deny")

    assert (first.status_code, again.status_code) == (200, 200)
    assert (other.status_code, other.json()["reason"]) == (409, "already-answered")
    assert len(graduate.record()["placements"]) == 2


@pytest.mark.parametrize(
    ("answer", "more", "differs"),
    [("differs", {"facts": {"hours": 12}}, ["hours"]), ("deny", {}, ["denies"])],
)
def test_employer_who_says_otherwise_makes_a_task_for_careers(
    graduate: Applicant, answer: str, more: dict[str, Any], differs: list[str]
) -> None:
    assert Employer(graduate).answers(answer, **more).status_code == 200

    assert (job(graduate)["state"], job(graduate)["differs"]) == ("disagreement", differs)


def test_denial_cannot_be_verified_as_a_job_and_is_none_once_the_report_is_taken_back(graduate: Applicant) -> None:
    assert Employer(graduate).answers("deny").status_code == 200
    denial = next(key for key in graduate.record()["placements"] if key != "p1")
    verified = graduate.staff("careers", f"placements/{denial}/verification", outcome="verified")
    retracted = graduate.staff("careers", "placements/p1/verification", outcome="retracted", reason="never_true")

    assert verified.json()["reason"] == "denies-a-job"
    assert retracted.status_code == 200
    assert [each["state"] for each in graduate.record()["jobs"]] == ["retracted"]


def test_report_that_changed_meanwhile_is_looked_at_again(graduate: Applicant) -> None:
    employer = Employer(graduate)
    version = employer.looks().json()["version"]
    assert graduate.does("placements/p1/correction", hours=20).status_code == 200
    late = graduate.client.post(
        f"{graduate.api}/confirmation", json={"answer": "confirm", "version": version}, headers=employer.bearer
    )

    assert late.status_code == 412
    assert employer.answers("confirm").status_code == 200


def test_employers_link_opens_nothing_else_and_a_persons_link_no_question(graduate: Applicant) -> None:
    employer = Employer(graduate)
    case = graduate.client.get(f"{graduate.api}/cases/{graduate.case_id}", headers=employer.bearer)
    act = graduate.client.post(f"{graduate.api}/cases/{graduate.case_id}/withdrawal", headers=employer.bearer)
    question = graduate.client.get(f"{graduate.api}/confirmation", headers=graduate.bearer)

    assert (case.status_code, act.status_code, question.status_code) == (404, 404, 404)


def test_employers_address_is_neither_in_the_chain_nor_in_the_record(graduate: Applicant) -> None:
    employer = Employer(graduate)

    assert employer.email not in str(graduate.events())
    assert employer.email not in str(graduate.record())


@pytest.mark.parametrize(
    "body",
    [
        {"answer": "confirm", "version": "x"},
        {"answer": "differs", "version": "0" * 32},
        {"answer": "confirm", "version": "0" * 32, "facts": {"hours": 1}},
        {"answer": "perhaps", "version": "0" * 32},
        {"answer": "differs", "version": "0" * 32, "facts": {"hours": 1000}},
        {"answer": "differs", "version": "0" * 32, "facts": {}},
        {"answer": "differs", "version": "0" * 32, "facts": {"hours": None}},
        {"answer": "confirm", "version": "0" * 32, "facts": {}},
    ],
)
def test_answer_that_is_none_is_refused_and_leaves_nothing(graduate: Applicant, body: dict[str, Any]) -> None:
    employer = Employer(graduate)
    said = graduate.client.post(f"{graduate.api}/confirmation", json=body, headers=employer.bearer)

    assert said.status_code == 422
    assert len(graduate.record()["placements"]) == 1


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        ({"starts_on": "2099-01-01"}, "implausible"),
        ({"contract_signed_on": "2099-01-01"}, "in_the_future"),
    ],
)
def test_answer_that_cannot_be_is_asked_for_again(graduate: Applicant, fact: dict[str, str], code: str) -> None:
    employer = Employer(graduate)

    odd = employer.answers("differs", facts=fact)
    good = employer.answers("confirm")

    (name,) = fact
    assert (odd.status_code, odd.json()["errors"]) == (422, [{"pointer": f"/facts/{name}", "code": code}])
    assert good.status_code == 200


def test_employer_cannot_say_that_a_job_ended_before_it_began(graduate: Applicant) -> None:
    odd = Employer(graduate).answers("differs", facts={"ended_on": "1920-01-02"})

    assert (odd.status_code, odd.json()["reason"]) == (409, "ends-before-start")


def test_nobody_without_a_contract_has_us_write_to_strangers(applicant: Applicant) -> None:
    applicant.applied()
    assert applicant.does("placements", **JOB).status_code == 200

    asked = applicant.does("placements/p1/confirmation-requests", email="stranger@people.example")

    assert (asked.status_code, asked.json()["reason"]) == (409, "not-under-contract")


def test_careers_ask_an_employer_only_with_the_graduates_consent(graduate: Applicant) -> None:
    asked = graduate.staff("careers", "placements/p1/confirmation-requests", email="boss@employer.example")

    assert asked.json()["reason"] == "no-consent"


@pytest.fixture
def willing(applicant: Applicant) -> Applicant:
    """Somebody on the way to the course who reported a job and agreed that employers hear of them."""
    applicant.to_contract()
    assert applicant.does("placements", **JOB).status_code == 200
    consents(applicant, "yes")
    return applicant


def consents(applicant: Applicant, value: str) -> None:
    assert applicant.does("declarations", fact="consent", value=value).status_code == 200


def test_contact_whom_careers_named_is_not_told_that_the_graduate_did(willing: Applicant) -> None:
    told = {by: Employer(willing, named_by=by).mail["text"] for by in ("graduate", "careers")}

    assert "has told us that they work for you, and named you" in told["graduate"]
    assert "agreed that we ask" in told["careers"]
    assert "named you" not in told["careers"]
    assert "has told us" not in told["careers"]


def test_contact_whom_careers_named_is_shown_nothing_once_consent_is_off(willing: Applicant) -> None:
    own, other = Employer(willing), Employer(willing, named_by="careers")
    before = other.looks()
    consents(willing, "no")
    after = other.looks()

    assert before.status_code == 200
    assert after.status_code == 410
    assert "Okafor" not in after.text
    assert own.looks().status_code == 200, "whom the graduate named needs no other consent"


def test_contact_whom_careers_named_is_not_written_to_once_consent_is_off(willing: Applicant) -> None:
    faults = f"{willing.stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    fault = {"operation": "Batch", "container": "links", "effect": {"kind": "status", "status": 400}}
    email = f"late-{willing.email}"
    willing.client.put(faults, json={"rules": [fault]})
    asked = [named(willing, f"{by}-{email}", by) for by in ("careers", "graduate")]
    willing.client.put(faults, json={"rules": []})
    consents(willing, "no")
    time.sleep(WAITS[0].total_seconds())
    assert willing.stack.run_timer("run_deliveries")
    willing.stack.wait_for_mail(f"graduate-{email}")

    assert [each.status_code for each in asked] == [200, 200]
    assert willing.stack.mail(f"careers-{email}") == []


def test_employers_are_written_to_a_few_times_only(graduate: Applicant) -> None:
    asked = [graduate.does("placements/p1/confirmation-requests", email="boss@employer.example") for _ in range(4)]

    assert [each.status_code for each in asked] == [200, 200, 200, 409]


def test_unknown_link_leads_nowhere(graduate: Applicant) -> None:
    odd = graduate.client.get(f"{graduate.api}/confirmation", headers={"Authorization": f"Bearer {'A' * 43}"})

    assert odd.status_code == 404

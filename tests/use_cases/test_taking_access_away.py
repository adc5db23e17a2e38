"""Links and members of staff can be shut out at once."""

from __future__ import annotations

from pathlib import Path

from local.testing import Stack
from tests.people import Applicant, calls_so_far, store_calls


def as_admin(stack: Stack, route: str, **body: str) -> dict[str, object]:
    bearer = {"Authorization": f"Bearer {stack.token('admin', 0)}"}
    answer = stack.client.post(f"{stack.info['api']}/{route}", json=body, headers=bearer)
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


def test_revoked_links_open_nothing_and_a_new_one_can_be_mailed(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()

    told = as_admin(stack, "link-revocations", case_id=applicant.case_id)

    assert told == {"revoked": 1}
    assert applicant.sees().status_code == 410
    applicant.client.post(f"{applicant.api}/links", json={"email": applicant.email})
    stack.wait_for_mail(applicant.email, 2)
    applicant.open_mail()
    assert applicant.sees().status_code == 200


def test_revoked_member_of_staff_is_refused_though_the_token_is_good(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    person = [each for each in stack.info["staff"] if each["roles"] == ["auditor"]][2]
    own_id = f"{stack.info['issuer']['tenant']}/{person['object_id'].upper()}"  # As some tools show it.
    bearer = {"Authorization": f"Bearer {person['token']}"}
    before = applicant.client.get(f"{applicant.api}/cases/{applicant.case_id}", headers=bearer)

    as_admin(stack, "staff-revocations", staff=own_id)
    after = applicant.client.get(f"{applicant.api}/cases/{applicant.case_id}", headers=bearer)

    assert (before.status_code, after.status_code) == (200, 403)


def test_mail_me_a_link_answers_alike_for_known_and_unknown_addresses(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    url = f"{applicant.api}/links"

    known = applicant.client.post(url, json={"email": applicant.email})
    unknown = applicant.client.post(url, json={"email": "nobody-here@people.example"})

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert {k: v for k, v in known.headers.items() if k != "date"} == {
        k: v for k, v in unknown.headers.items() if k != "date"
    }


def test_asking_for_a_link_does_the_same_at_the_store_for_known_and_unknown_addresses(
    stack: Stack, applicant: Applicant
) -> None:
    applicant.applied()

    def asks(email: str) -> list[tuple[str, str]]:
        since = calls_so_far(stack)
        assert applicant.client.post(f"{applicant.api}/links", json={"email": email}).status_code == 202
        return [(call["operation"], call["container"]) for call in store_calls(stack, since)]

    asks(f"warm-{applicant.email}")
    unknown, known = asks(f"nobody-{applicant.email}"), asks(applicant.email)

    assert known == unknown
    assert known[-1] == ("Batch", "cases")
    assert len(stack.wait_for_mail(applicant.email, 2)) == 2


def test_link_that_was_not_sent_after_the_answer_is_sent_by_the_timer(tmp_path: Path) -> None:
    with Stack(now="2027-01-11T14:00:00Z", data=tmp_path) as quiet:
        person = Applicant(quiet).applied()
        assert person.client.post(f"{person.api}/links", json={"email": person.email}).status_code == 202
        quiet.kill_host()
        quiet.move_clock("2027-01-11T14:02:00Z", timers=False)

        assert quiet.run_timer("run_deliveries")

        assert [mail["subject"] for mail in quiet.mail(person.email)][1:] == ["Your link"]

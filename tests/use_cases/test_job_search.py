"""Pauses and job offers: no word about them is lost, and what was ruled is not undone by saying something else."""

from __future__ import annotations

from datetime import date

import pytest

from shared.domain.change import Change
from shared.domain.errors import RuleBroken
from shared.domain.job_search import JobOffer
from shared.domain.life_cycle import Role
from shared.use_cases import job_search
from shared.use_cases.guarantee import judge
from tests.builders import PROGRAMME, TERMS, InMemory, at

MADE = date(2027, 10, 11)


def reported(case: InMemory) -> str:
    """The graduate reports an offer; its id."""
    change = case.do("2027-10-12", Role.APPLICANT, lambda c: job_search.report_offer(c, offered_on=MADE))
    return str(change.answer["offer_id"])


def introduction_moved(case: InMemory, outcome: str) -> None:
    case.do("2027-10-12", Role.CAREERS, lambda c: c.record("introduction_moved", "i1", on=MADE, outcome=outcome))


def test_offer_reported_after_one_was_taken_back_is_an_offer_of_its_own() -> None:
    case = InMemory().qualified()
    case.do("2027-10-05", Role.CAREERS, lambda c: c.record("graduate_introduced", "i1", position="a" * 32))
    introduction_moved(case, "offered")

    first = reported(case)
    introduction_moved(case, "not_chosen")
    second = reported(case)

    assert first != second
    assert set(case.case.enrolment.job_offers) == {first, second}


EMPLOYER, GRADUATE, CAREERS = Role.PARTNER, Role.APPLICANT, Role.CAREERS
WORDS = ("accepted", "declined", "lapsed")


def offered() -> InMemory:
    """A graduate to whom an employer says that it made an offer, by terms in which a declined one counts."""
    case = InMemory().qualified(signed_on="2027-03-15")
    case.do("2027-10-12", EMPLOYER, lambda c: job_search.report_offer(c, offered_on=MADE, offer_id="J1"))
    return case


def the_offer(case: InMemory) -> tuple[str, JobOffer]:
    (found,) = case.case.enrolment.job_offers.items()
    return found


def answers(case: InMemory, who: Role, outcome: str) -> Change:
    offer_id = "J1" if who == EMPLOYER else the_offer(case)[0]
    return case.do("2027-12-01", who, lambda c: job_search.answer_job_offer(c, offer_id=offer_id, outcome=outcome))


def rules(case: InMemory, qualifying: str, outcome: str | None = None) -> None:
    ruling = {"offer_id": the_offer(case)[0], "qualifying": qualifying, "outcome": outcome}
    case.do("2027-12-02", CAREERS, lambda c: job_search.rule_offer(c, **ruling))


def stands(case: InMemory) -> tuple[str | None, str]:
    """What became of the offer, and whether it would have counted."""
    return the_offer(case)[1].outcome, the_offer(case)[1].qualifying


def declined_nothing(case: InMemory) -> str:
    """What the policy says of offers declined, once the window is over."""
    judgement = judge(case.case, PROGRAMME, TERMS, at("2028-05-02"))
    assert judgement is not None
    return str(judgement.decision.criteria["no_declined_offer"].status)


@pytest.mark.parametrize("is_ruled", [True, False])
@pytest.mark.parametrize(("first", "second"), [(EMPLOYER, GRADUATE), (GRADUATE, EMPLOYER)])
def test_what_another_says_of_an_offer_overwrites_nothing_and_waits_for_careers(
    first: Role, second: Role, is_ruled: bool
) -> None:
    case = offered()
    answers(case, first, "declined")
    if is_ruled:
        rules(case, "yes")

    answers(case, second, "accepted")

    assert stands(case) == ("declined", "unknown")
    assert the_offer(case)[1].said == {first: "declined", second: "accepted"}
    assert (case.case.agenda.turn, case.case.agenda.what) == ("careers", "rule_offer")
    assert declined_nothing(case) == "unknown"


def test_whoever_takes_back_what_careers_ruled_upon_is_looked_at_again() -> None:
    case = offered()
    answers(case, GRADUATE, "declined")
    rules(case, "yes")

    answers(case, GRADUATE, "accepted")

    assert stands(case) == ("declined", "unknown")


def test_ruling_about_what_is_in_dispute_says_what_became_of_the_offer() -> None:
    case = offered()
    answers(case, EMPLOYER, "declined")
    answers(case, GRADUATE, "accepted")

    with pytest.raises(RuleBroken) as refused:
        rules(case, "yes")
    rules(case, "yes", "accepted")

    assert refused.value.code == "outcome-missing"
    assert (stands(case), declined_nothing(case)) == (("accepted", "yes"), "met")


@pytest.mark.parametrize(("who", "outcome"), [(EMPLOYER, "declined"), (GRADUATE, "accepted")])
def test_same_word_said_again_after_the_ruling_changes_nothing(who: Role, outcome: str) -> None:
    case = offered()
    answers(case, EMPLOYER, "declined")
    answers(case, GRADUATE, "accepted")
    rules(case, "yes", "declined")

    again = answers(case, who, outcome)

    assert again.events == []
    assert (stands(case), declined_nothing(case)) == (("declined", "yes"), "not_met")


def test_whoever_gave_in_after_the_ruling_opens_nothing_by_going_back_to_their_word() -> None:
    case = offered()
    answers(case, EMPLOYER, "declined")
    answers(case, GRADUATE, "accepted")
    rules(case, "yes", "accepted")
    answers(case, EMPLOYER, "accepted")

    answers(case, EMPLOYER, "declined")

    assert stands(case) == ("accepted", "yes")


def test_word_in_which_two_agreed_is_not_taken_back_by_one_of_them() -> None:
    case = offered()
    answers(case, EMPLOYER, "declined")
    answers(case, GRADUATE, "declined")

    again, back = answers(case, GRADUATE, "declined"), answers(case, EMPLOYER, "accepted")

    assert (again.events, len(back.events)) == ([], 1)
    assert stands(case) == ("declined", "unknown")
    assert not the_offer(case)[1].is_agreed


def test_whoever_says_one_thing_and_then_another_does_not_undo_rulings_for_ever() -> None:
    case, opened = offered(), 0
    answers(case, EMPLOYER, "declined")
    rules(case, "yes")

    for number in range(30):
        answers(case, GRADUATE, WORDS[number % 3])
        if stands(case)[1] == "unknown":
            opened += 1
            rules(case, "yes", "declined")

    assert opened == 2
    assert declined_nothing(case) == "not_met"


def test_word_taken_back_before_careers_looked_at_it_is_still_known_to_them() -> None:
    case = offered()
    answers(case, EMPLOYER, "declined")
    rules(case, "yes")
    answers(case, GRADUATE, "accepted")
    answers(case, GRADUATE, "declined")
    rules(case, "yes")

    answers(case, GRADUATE, "accepted")

    assert stands(case) == ("declined", "yes")


def test_offer_that_would_not_have_counted_is_not_looked_at_again_whatever_became_of_it() -> None:
    case = offered()
    answers(case, EMPLOYER, "declined")
    rules(case, "no")

    answers(case, GRADUATE, "accepted")

    assert (stands(case)[1], declined_nothing(case)) == ("no", "met")


def test_whoever_corrects_their_own_word_about_an_offer_needs_nobody() -> None:
    case = offered()
    answers(case, GRADUATE, "lapsed")

    answers(case, GRADUATE, "declined")
    rules(case, "yes")

    assert (stands(case), declined_nothing(case)) == (("declined", "yes"), "not_met")


def test_answers_stored_before_disagreements_were_noted_are_the_last_word_and_nobodys_own() -> None:
    case = offered()
    offer_id = the_offer(case)[0]
    for word in ("accepted", "declined"):
        case.do("2027-11-01", GRADUATE, lambda c, word=word: c.record("job_offer_answered", offer_id, outcome=word))

    answers(case, GRADUATE, "accepted")

    assert stands(case) == ("declined", "unknown")

"""What holds besides the cases: the properties at the end of the guarantee rules, and the rules written twice."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy.criteria import CRITERIA_BY_ID
from shared.policy.facts import parse_facts
from shared.policy.refund import DECISIONS, Decision, decide, revisit_on, standing
from shared.policy.window import window_of

from . import slow_rules
from .builders import TERMS, decided, facts
from .random_facts import throw_facts
from .strategies import QUALIFIED_ON, facts_as_json, offsets, pauses

STEPS_7_AND_8 = {"not_eligible", "undetermined", "eligible", "awaiting_claim", "lapsed"}
many = settings(max_examples=120, deadline=None)
some = settings(max_examples=80, deadline=None)


@settings(max_examples=300, deadline=None)
@given(facts_as_json)
def test_policy_answers_as_the_rules_written_slowly(said: dict[str, Any]) -> None:
    _assert_answered_as_slowly(said)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_policy_answers_as_the_rules_written_slowly_a_hundred_times(seed: int) -> None:
    dice = random.Random(seed)

    for _ in range(100):
        _assert_answered_as_slowly(throw_facts(dice))


def _assert_answered_as_slowly(said: dict[str, Any]) -> None:
    facts = parse_facts(said, TERMS)
    decision = decide(facts)
    expected = slow_rules.answer(said, facts.terms._asdict())

    assert decision.decision == expected["decision"], said
    assert decision.window_end == expected.get("window_end"), said
    assert decision.pause_days == expected.get("pause_days"), said
    assert {each: found.counts for each, found in (decision.jobs or {}).items()} == expected.get("jobs", {}), said
    assert {each: found.status for each, found in decision.criteria.items()} == expected.get("criteria", {}), said
    assert decision.claim_deadline == expected.get("claim_deadline"), said


@many
@given(facts_as_json)
def test_every_answer_can_be_printed_in_both_languages(said: dict[str, Any]) -> None:
    decision = decide(parse_facts(said, TERMS))

    english, french = decision.as_json(), decision.as_json("fr")

    assert decision.decision in DECISIONS
    assert english.keys() == french.keys()
    assert ("criteria" in english) == bool(decision.criteria)
    for finding in english.get("criteria", {}).values():  # type: ignore[attr-defined]
        assert finding["sentence"]
        assert "{" not in finding["sentence"]
        assert ("what_to_do" in finding) == (finding["status"] in ("not_met", "unknown"))


@many
@given(st.lists(pauses, max_size=4), pauses)
def test_an_approved_pause_never_moves_the_end_earlier(before: list[dict[str, Any]], added: dict[str, Any]) -> None:
    without = facts(pauses=before)
    with_it = facts(pauses=[*before, {**added, "status": "approved"}])

    earlier = window_of(QUALIFIED_ON, without.pauses, without.terms).end
    later = window_of(QUALIFIED_ON, with_it.pauses, with_it.terms).end

    assert earlier is not None
    assert later is not None
    assert later >= earlier


@many
@given(st.lists(pauses, max_size=4), pauses, st.sampled_from(["requested", "rejected", "revoked"]))
def test_a_pause_that_is_not_approved_never_moves_the_end(
    before: list[dict[str, Any]], added: dict[str, Any], status: str
) -> None:
    with_it = [*before, {**added, "status": status}]

    assert decided(pauses=with_it).window_end == decided(pauses=before).window_end


@some
@given(facts_as_json, st.randoms(use_true_random=False))
def test_order_never_changes_a_decision(said: dict[str, Any], rng: random.Random) -> None:
    shuffled = {key: _shuffled(value, rng) for key, value in said.items()}

    assert _answer(shuffled) == _answer(said)


@some
@given(facts_as_json)
def test_duplicates_never_change_a_decision(said: dict[str, Any]) -> None:
    twice = {key: value * 2 if isinstance(value, list) and key != "jobs" else value for key, value in said.items()}

    assert _answer(twice) == _answer(said)


@many
@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_window_of_six_months_has_181_to_184_days(qualified_on: date) -> None:
    end = window_of(qualified_on, (), TERMS["reference"]).end

    assert end is not None
    assert 181 <= (end - qualified_on).days <= 184


@many
@given(facts_as_json, offsets, offsets)
def test_open_never_follows_a_decision_of_steps_7_and_8(said: dict[str, Any], one: int, other: int) -> None:
    first, second = (QUALIFIED_ON + timedelta(days=offset) for offset in sorted((one, other)))

    earlier = decide(parse_facts({**said, "as_of": first.isoformat()}, TERMS)).decision
    later = decide(parse_facts({**said, "as_of": second.isoformat()}, TERMS)).decision

    assert not (earlier in STEPS_7_AND_8 and later == "open")


@many
@given(facts_as_json, st.sampled_from(sorted(CRITERIA_BY_ID)))
def test_a_waiver_only_ever_helps(said: dict[str, Any], criterion_id: str) -> None:
    before = _answer(said)["decision"]

    after = _answer({**said, "waived": [*(said.get("waived") or []), criterion_id]})["decision"]

    if before == "not_eligible":
        return
    if before == "undetermined":
        # A late claim stays late; that a person waived what was not known is no refusal.
        assert after in ("undetermined", "eligible", "awaiting_claim", "lapsed")
    else:
        assert after == before


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_nothing_changes_before_the_day_to_look_again(seed: int) -> None:
    dice = random.Random(seed)

    for _ in range(5):
        facts = parse_facts(throw_facts(dice), TERMS)
        today = decide(facts)

        look_again_on = revisit_on(facts, today)

        assert look_again_on is None or look_again_on > facts.as_of
        last = date(2022, 1, 1) if look_again_on is None else look_again_on - timedelta(days=1)
        for offset in range((last - facts.as_of).days + 1):
            day = facts.as_of + timedelta(days=offset)
            assert _what_counts(decide(facts.on(day))) == _what_counts(today), (facts, day)


@many
@given(facts_as_json)
def test_after_the_window_the_standing_is_the_finding(said: dict[str, Any]) -> None:
    facts = parse_facts(said, TERMS)
    decision = decide(facts)

    stands = standing(facts)

    if decision.decision in STEPS_7_AND_8 and len(decision.criteria) > 1:
        assert stands == decision.criteria


@some
@given(facts_as_json, st.integers(1, 200))
def test_what_was_not_known_plays_no_part(said: dict[str, Any], days_later: int) -> None:
    known_on = date.fromisoformat(said.get("known_at") or said["as_of"])
    reported_on = (known_on + timedelta(days=days_later)).isoformat()
    job = {"id": "later", "contract_signed_on": "2020-02-03", "starts_on": "2020-02-03", "reported_on": reported_on}

    with_it = {**said, "jobs": [*(said.get("jobs") or []), job]}

    assert _answer(with_it) == _answer(said)


def _answer(said: dict[str, Any]) -> dict[str, Any]:
    """The decision without the order and number of what it lists."""
    decision = decide(parse_facts(said, TERMS))
    return {
        "decision": decision.decision,
        "window_end": decision.window_end,
        "pause_days": decision.pause_days,
        "jobs": decision.jobs,
        "criteria": {each: found.status for each, found in decision.criteria.items()},
        "claim_deadline": decision.claim_deadline,
    }


def _what_counts(decision: Decision) -> tuple[Any, ...]:
    return (
        decision.decision,
        {each: found.status for each, found in decision.criteria.items()},
        {job_id: verdict.counts for job_id, verdict in (decision.jobs or {}).items()},
    )


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, list):
        return rng.sample(value, len(value))
    if isinstance(value, dict):
        return dict(rng.sample(list(value.items()), len(value)))
    return value

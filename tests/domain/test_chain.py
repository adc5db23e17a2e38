"""The chain of events: one canonical form, and nothing can be changed, lost, added or swapped unseen."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.case import Case, fold
from shared.domain.events import FIRST_LINK, Event, canonical, sha256_of, verify_chain
from shared.domain.life_cycle import Role
from tests.domain.records import EXAMPLES, NOON, event_of

LENGTH = 200
# RFC 8785 sorts keys by UTF-16 units, the standard library by code points; for ASCII keys they are one order.
KEYS = st.text(st.characters(min_codepoint=0, max_codepoint=127), max_size=12)
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None)
@given(VALUES)
def test_the_canonical_form_is_that_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize(
    "text", ["\u007f\u0080\u2028\u2029\ufeff", '\x00\x1f\b\f\n\r\t"\\/', "é e\u0301 😀 \U0010ffff"]
)
def test_odd_characters_have_the_form_of_rfc_8785(text: str) -> None:
    assert canonical({"text": text}) == rfc8785.dumps({"text": text})


@settings(deadline=None)
@given(VALUES, st.floats())
def test_a_float_is_refused_wherever_it_stands(value: Any, number: float) -> None:
    for holder in (number, [value, number], {"a": value, "b": [{"c": number}]}, {"a": [[number]]}):
        with pytest.raises(TypeError):
            canonical(holder)


def test_the_same_facts_in_another_order_have_the_same_hash() -> None:
    assert sha256_of({"a": 1, "b": [2, {"c": 3, "d": 4}]}) == sha256_of({"b": [2, {"d": 4, "c": 3}], "a": 1})
    assert sha256_of({"a": [1, 2]}) != sha256_of({"a": [2, 1]})


def a_history(length: int = LENGTH) -> list[Event]:
    """A valid chain of a case: applied, assigned, then a long screening in which documents come and go."""
    kinds = ["application_submitted", "specialist_assigned"]
    kinds += [
        "screening_recorded",
        "document_added",
        "details_corrected",
        "document_scanned",
        "contact_changed",
    ] * length
    events: list[Event] = []
    prev = FIRST_LINK
    for number, kind in enumerate(kinds[:length], start=1):
        subject = {"document_added": f"d{number}", "document_scanned": f"d{number - 2}"}.get(kind)
        event = event_of(kind, Role.SPECIALIST, number, subject)
        event = event.model_copy(update={"at": NOON + timedelta(minutes=number)}).sealed(prev)
        events.append(event)
        prev = event.hash
    return events


CHAIN = a_history()
HEAD = CHAIN[-1].hash


def test_a_chain_as_written_has_no_fault() -> None:
    assert verify_chain(CHAIN, HEAD) == []
    assert verify_chain([], FIRST_LINK) == []
    assert len({event.hash for event in CHAIN}) == LENGTH


def test_a_changed_event_is_seen_at_every_position() -> None:
    for position, event in enumerate(CHAIN):
        changed = event.model_copy(update={"at": event.at + timedelta(microseconds=1)})

        problems = verify_chain([*CHAIN[:position], changed, *CHAIN[position + 1 :]], HEAD)

        assert problems == [f"event {position + 1} was changed"]


@pytest.mark.parametrize("name", sorted(set(Event.model_fields) - {"sequence", "hash", "prev"}))
def test_every_field_of_an_event_is_under_its_hash(name: str) -> None:
    other: dict[str, Any] = {
        "kind": "mail_bounced", "subject": "else", "actor": CHAIN[3].actor.model_copy(update={"id": "t/else"}),
        "at": NOON, "occurred_on": None, "reason": "else", "evidence": ["else"], "note_id": "note:1",
        "data": {"else": 1},
    }  # fmt: skip
    changed = CHAIN[3].model_copy(update={name: other[name]})

    assert verify_chain([*CHAIN[:3], changed, *CHAIN[4:]], HEAD) == ["event 4 was changed"]


def test_a_changed_event_that_was_sealed_again_is_seen_at_every_position() -> None:
    for position, event in enumerate(CHAIN):
        forged = event.model_copy(update={"reason": "forged"}).sealed(event.prev)

        problems = verify_chain([*CHAIN[:position], forged, *CHAIN[position + 1 :]], HEAD)

        last = position == LENGTH - 1
        expected = "the chain was cut off" if last else f"event {position + 2} does not follow"
        assert [problem for problem in problems if problem.startswith(expected)], position


def test_a_chain_that_was_forged_from_one_event_on_is_seen_by_the_head_at_every_position() -> None:
    for position in range(LENGTH):
        forged = CHAIN[:position]
        for event in CHAIN[position : position + 3]:
            prev = forged[-1].hash if forged else FIRST_LINK
            forged = [*forged, event.model_copy(update={"reason": "forged"}).sealed(prev)]

        assert verify_chain(forged, HEAD), position


def test_a_lost_event_is_seen_at_every_position() -> None:
    for position in range(LENGTH):
        assert verify_chain([*CHAIN[:position], *CHAIN[position + 1 :]], HEAD), position


def test_an_added_event_is_seen_at_every_position() -> None:
    for position in range(LENGTH + 1):
        prev = CHAIN[position - 1].hash if position else FIRST_LINK
        added = event_of("mail_bounced", sequence=position + 1).sealed(prev)

        assert verify_chain([*CHAIN[:position], added, *CHAIN[position:]], HEAD), position


@pytest.mark.parametrize("numbers", [(2, 3, 4), (0, 1, 2), (1, 3, 4), (1, 2, 2), (1, 1, 2)])
def test_a_chain_that_is_well_sealed_but_wrongly_numbered_is_seen(numbers: tuple[int, ...]) -> None:
    events: list[Event] = []
    for number in numbers:
        events.append(event_of("mail_bounced", sequence=number).sealed(events[-1].hash if events else FIRST_LINK))

    problems = verify_chain(events, events[-1].hash)

    assert [problem for problem in problems if problem.endswith("is missing or out of order")]


def test_two_events_that_were_swapped_are_seen_at_every_position() -> None:
    for position in range(LENGTH - 1):
        first, second = CHAIN[position : position + 2]
        renumbered = [
            second.model_copy(update={"sequence": first.sequence}),
            first.model_copy(update={"sequence": second.sequence}),
        ]

        assert verify_chain([*CHAIN[:position], second, first, *CHAIN[position + 2 :]], HEAD), position
        assert verify_chain([*CHAIN[:position], *renumbered, *CHAIN[position + 2 :]], HEAD), position


def test_a_chain_that_was_cut_off_is_seen_at_every_length() -> None:
    for length in range(LENGTH):
        assert verify_chain(CHAIN[:length], HEAD) == ["the chain was cut off or has grown past the snapshot"]


def test_the_same_events_make_the_same_case_and_leave_the_events_as_they_were() -> None:
    before = [event.model_dump_json() for event in CHAIN]

    first, second = fold("c" * 26, CHAIN), fold("c" * 26, CHAIN)

    assert first == second
    assert first.model_dump_json() == second.model_dump_json()
    assert [event.model_dump_json() for event in CHAIN] == before
    assert (first.sequence, first.head) == (LENGTH, HEAD)


def test_a_case_folded_from_stored_text_is_the_case_folded_from_memory() -> None:
    read = [Event.model_validate_json(event.model_dump_json()) for event in CHAIN]

    assert verify_chain(read, HEAD) == []
    assert fold("c" * 26, read) == fold("c" * 26, CHAIN)


def test_folding_on_from_a_stored_snapshot_is_folding_from_the_start() -> None:
    for cut in range(0, LENGTH, 20):
        stored = Case.model_validate_json(fold("c" * 26, CHAIN[:cut]).model_dump_json())
        for event in CHAIN[cut:]:
            stored.apply(event)

        assert stored == fold("c" * 26, CHAIN)


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_the_hash_of_an_event_survives_storage(kind: str) -> None:
    event = event_of(kind).sealed(FIRST_LINK)

    read = Event.model_validate(json.loads(json.dumps(event.model_dump(mode="json"))))

    assert read.digest() == event.hash

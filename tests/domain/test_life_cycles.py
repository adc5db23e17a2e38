"""The four life cycles by enumeration: every pair of state and event, allowed or refused, and every role."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from shared.domain import application, enrolment
from shared.domain.case import CHANGES_FACTS, LIFE_CYCLES, Case
from shared.domain.change import Change
from shared.domain.errors import ActionNotAllowed, Forbidden
from shared.domain.events import CYCLE_OF, Actor
from shared.domain.four_eyes import STEP_OF
from shared.domain.life_cycle import NONE, LifeCycle, Role
from tests.builders import PROGRAMME
from tests.domain.records import ACTOR_ID, EXAMPLES, NOON, case_in, event_of, subject_in

CYCLES = {cycle.name: cycle for cycle in LIFE_CYCLES}
STAYS = "(stays)"


def written_down() -> dict[tuple[str, str, str], tuple[str, frozenset[Role]]]:
    """(cycle, state, event) -> (state after, roles), as `life_cycles.toml` says."""
    stated = tomllib.loads(Path(__file__).with_name("life_cycles.toml").read_text("utf-8"))
    found: dict[tuple[str, str, str], tuple[str, frozenset[Role]]] = {}
    for cycle, table in stated.items():
        for line in table["rows"]:
            parts = re.fullmatch(r"(\w+): ([\w ]+) -> ([\w()]+), by ([\w ]+)", line)
            assert parts, line
            event, sources, target, roles = parts.groups()
            for source in sources.split():
                after = source if target == STAYS else target
                found[cycle, source, event] = (after, frozenset(map(Role, roles.split())))
    return found


ALLOWED = written_down()
PAIRS = [
    (cycle.name, state, event) for cycle in LIFE_CYCLES for state in cycle.states for event in sorted(cycle.events)
]
FORBIDDEN_PAIRS = [pair for pair in PAIRS if pair not in ALLOWED]
SAYS_ALL_BY_ITS_STATE = {
    "assessment_completed", "application_withdrawn", "application_reopened", "placement_disputed",
    "placement_retracted", "refund_refused", "refund_lapsed", "appeal_upheld", "recovery_opened", "recovery_recorded",
    "recovery_waived", "partner_event_replayed", "message_sent_again",
}  # fmt: skip


def facts_but_states(case: Case) -> dict[str, object]:
    """What the record says, without states, chain and the marks that every event of a kind leaves."""
    facts = case.facts_of_record()
    for name in ("sequence", "head", "steps", "facts_changed_at", "facts_changed_on"):
        del facts[name]
    for cycle in (facts["application"], facts["enrolment"], *facts["placements"].values(), *facts["refunds"].values()):  # type: ignore[attr-defined]
        del cycle["status"]
        cycle.pop("since", None)
    return facts


def test_the_tables_are_as_written_down() -> None:
    rows = {
        (cycle.name, source, row.event): (row.target or source, row.actors)
        for cycle in LIFE_CYCLES
        for row in cycle.rows
        for source in row.sources
    }

    assert rows == ALLOWED


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_a_state_and_event_that_are_written_down_lead_to_the_state_written_down(cycle: LifeCycle) -> None:
    for state, event in itertools.product(cycle.states, cycle.events):
        if (cycle.name, state, event) in ALLOWED:
            row = cycle.row_for(event, state)

            assert (row.target or state) == ALLOWED[cycle.name, state, event][0]


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_every_other_pair_of_state_and_event_is_refused(cycle: LifeCycle) -> None:
    forbidden = [(state, event) for name, state, event in FORBIDDEN_PAIRS if name == cycle.name]

    for state, event in forbidden:
        with pytest.raises(ActionNotAllowed) as refused:
            cycle.row_for(event, state)
        assert refused.value.current == state
    assert len(forbidden) + sum(pair[0] == cycle.name for pair in ALLOWED) == len(cycle.states) * len(cycle.events)


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_a_case_moves_as_the_table_says_and_nowhere_else(cycle: LifeCycle) -> None:
    others = [name for name in ("application", "enrolment") if name != cycle.name]

    for state, kind in itertools.product(cycle.states, cycle.events):
        case, subject = case_in(cycle.name, state), subject_in(cycle.name, kind)
        if (cycle.name, state, kind) not in ALLOWED:
            before = case.model_dump()
            with pytest.raises(ActionNotAllowed):
                case.apply(event_of(kind, subject=subject))
            assert case.model_dump() == before
            continue
        states_before = {name: case.state(name) for name in others}

        case.apply(event_of(kind, subject=subject))

        assert case.state(cycle.name, subject) == ALLOWED[cycle.name, state, kind][0]
        assert {name: case.state(name) for name in others} == states_before
        assert case.sequence == 8


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_a_role_that_is_not_in_the_row_is_refused(cycle: LifeCycle) -> None:
    for (name, state, event), (_, roles) in ALLOWED.items():
        if name != cycle.name:
            continue
        for role in Role:
            if role in roles:
                assert role in cycle.permit(event, state, role).actors
            else:
                with pytest.raises(Forbidden) as refused:
                    cycle.permit(event, state, role)
                assert refused.value.reason == "role"


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_a_change_refuses_the_wrong_role_and_records_nothing(cycle: LifeCycle) -> None:
    for (name, state, kind), (_, roles) in ALLOWED.items():
        if name != cycle.name:
            continue
        subject, data = subject_in(name, kind), EXAMPLES[kind][1]
        for role in set(Role) - roles:
            change = Change(case_in(name, state), Actor(role=role, id=ACTOR_ID), NOON, PROGRAMME)
            before = change.case.model_dump()

            with pytest.raises(Forbidden):
                change.record(kind, subject, **data)

            assert not change.events
            assert change.case.model_dump() == before


def test_the_state_is_refused_before_the_role_so_that_an_answer_tells_nobody_more() -> None:
    for cycle, state, event in FORBIDDEN_PAIRS:
        with pytest.raises(ActionNotAllowed):
            CYCLES[cycle].permit(event, state, Role.AUDITOR)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
def test_auditor_and_admin_change_no_case(role: Role) -> None:
    assert [row.event for cycle in LIFE_CYCLES for row in cycle.rows if role in row.actors] == []


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_every_row_has_a_sentence_an_action_and_an_actor(cycle: LifeCycle) -> None:
    for row in cycle.rows:
        assert re.fullmatch(r"[A-Z][^|\n]{10,}\.", row.sentence), row
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.action), row
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.event), row
        assert row.actors, row
        assert row.sources, row


@pytest.mark.parametrize("cycle", LIFE_CYCLES, ids=lambda cycle: cycle.name)
def test_every_state_can_be_reached_from_none(cycle: LifeCycle) -> None:
    reached, new = {NONE}, {NONE}

    while new:
        new = {row.target for row in cycle.rows if row.target and row.sources & reached} - reached
        reached |= new

    assert reached == set(cycle.states)
    assert len(cycle.states) == len(set(cycle.states))


def test_every_event_belongs_to_one_cycle() -> None:
    assert len(CYCLE_OF) == sum(len(cycle.events) for cycle in LIFE_CYCLES)
    for cycle in LIFE_CYCLES:
        assert {CYCLE_OF[event] for event in cycle.events} == {cycle.name}


def test_every_event_is_tried_here() -> None:
    assert set(EXAMPLES) == set(CYCLE_OF)


@pytest.mark.parametrize("kind", sorted(CYCLE_OF))
def test_an_event_leaves_what_it_says_in_the_case_or_is_known_to_say_nothing_more(kind: str) -> None:
    cycle = CYCLE_OF[kind]
    state = next(state for name, state, event in ALLOWED if name == cycle and event == kind)
    case = case_in(cycle, state)
    before = facts_but_states(case)

    case.apply(event_of(kind, subject=subject_in(cycle, kind)))

    assert (facts_but_states(case) == before) == (kind in SAYS_ALL_BY_ITS_STATE)


@pytest.mark.parametrize("noun", [application, enrolment], ids=["application", "enrolment"])
def test_a_fold_belongs_to_an_event_of_its_own_cycle(noun: object) -> None:
    cycle = CYCLES[noun.__name__.rpartition(".")[2]]  # type: ignore[attr-defined]

    assert set(noun.FOLDS) == cycle.events - SAYS_ALL_BY_ITS_STATE  # type: ignore[attr-defined]


def test_the_tables_beside_the_life_cycles_name_only_events_that_exist() -> None:
    assert set(STEP_OF) <= set(CYCLE_OF)
    assert set(CYCLE_OF) >= CHANGES_FACTS


def test_an_event_of_another_refund_leaves_this_one_alone() -> None:
    case = case_in("refund", "proposed")
    before = case.refunds["r1"].model_copy(deep=True)

    case.apply(event_of("refund_proposed", subject="r2"))

    assert case.state("refund", "r2") == "proposed"
    assert case.refunds["r1"] == before

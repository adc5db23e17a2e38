"""Nobody takes two steps of one chain, whatever the order and whatever hat they wear."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.change import Change
from shared.domain.errors import Forbidden
from shared.domain.events import Actor
from shared.domain.four_eyes import MACHINES, STEP_OF, Step, guard, remember, step_of
from shared.domain.life_cycle import Role
from shared.use_cases import screening
from tests.builders import PROGRAMME
from tests.domain.records import NOON, case_in, event_of

PEOPLE = ("t/ada", "t/ben", "t/cleo", "t/dan")
STAFF = tuple(role for role in Role if role not in MACHINES)
SIGNED_STEPS = {
    "screen", "admit", "settle", "call_back", "request", "sign", "pay", "appeal", "recover", "close_recovery",
    "book", "award", "release",
}  # fmt: skip

acts = st.lists(
    st.tuples(
        st.sampled_from(sorted(STEP_OF)), st.sampled_from(PEOPLE), st.sampled_from(STAFF), st.sampled_from(PEOPLE)
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(acts)
def test_no_person_ever_takes_two_different_steps_of_one_chain(acts: list[tuple[str, str, Role, str]]) -> None:
    change = Change(case_in("application", "screening"), Actor(role=Role.SYSTEM, id="t"), NOON, PROGRAMME)
    steps = change.case.steps
    taken: dict[str, set[str]] = defaultdict(set)
    refusals: set[str] = set()

    for kind, who, role, specialist in acts:
        change.actor = Actor(role=role, id=who)
        try:
            if kind == "specialist_assigned":
                change.actor = Actor(role=Role.ADMISSIONS, id="t/office")
                screening.assign(change, specialist=specialist)
                taken[specialist].add("screen")
            else:
                guard(steps, kind, change.actor)
                remember(steps, event_of(kind).model_copy(update={"actor": change.actor}))
                if (step := step_of(kind, change.actor)) is not None:
                    taken[who].add(step)
        except Forbidden as refused:
            refusals.add(refused.reason)

    assert refusals <= {"same-person"}
    assert [who for who, theirs in taken.items() if len(theirs) > 1] == []
    noted = {who: {each.step for each in steps if each.by == who} for who in taken}
    assert noted == dict(taken)


def test_every_step_refuses_whoever_took_another_one_and_admits_whoever_took_the_same() -> None:
    for (first, step), (second, other) in itertools.product(STEP_OF.items(), repeat=2):
        ada, steps = Actor(role=Role.FINANCE, id="t/ada"), []
        taker = "t/ada"
        event = event_of(first).model_copy(update={"actor": ada})
        if first == "specialist_assigned":
            event = event.model_copy(update={"data": {"specialist": taker}})
        remember(steps, event)

        if step == other or second == "specialist_assigned":  # Assigning is no step of whoever assigns.
            guard(steps, second, ada)
        else:
            with pytest.raises(Forbidden) as refused:
                guard(steps, second, ada)
            assert refused.value.reason == "same-person"
        guard(steps, second, Actor(role=Role.FINANCE, id="t/ben"))


def test_another_role_does_not_make_another_person() -> None:
    steps: list[Step] = []
    remember(steps, event_of("placement_disputed").model_copy(update={"actor": Actor(role=Role.CAREERS, id="t/ada")}))

    with pytest.raises(Forbidden):
        guard(steps, "refund_approved", Actor(role=Role.FINANCE, id="t/ada"))


@pytest.mark.parametrize("role", sorted(MACHINES))
def test_claimants_and_machines_take_no_step(role: Role) -> None:
    steps: list[Step] = []
    for kind in set(STEP_OF) - {"specialist_assigned"}:
        remember(steps, event_of(kind).model_copy(update={"actor": Actor(role=role, id="x")}))

    assert steps == []


@pytest.mark.parametrize("role", [Role.SPECIALIST, Role.ADMISSIONS])
def test_whoever_screened_may_ring_about_an_address_and_go_on_screening(role: Role) -> None:
    ada, steps = Actor(role=role, id="t/ada"), []
    remember(steps, event_of("screening_recorded").model_copy(update={"actor": ada}))

    guard(steps, "call_back_recorded", ada)
    remember(steps, event_of("call_back_recorded").model_copy(update={"actor": ada}))
    guard(steps, "screening_recorded", ada)


def test_a_person_is_noted_once_for_each_step() -> None:
    case = case_in("placement", "reported")
    for _ in range(50):
        case.apply(event_of("placement_verified", Role.CAREERS))
        case.apply(event_of("placement_disputed", Role.CAREERS))

    assert [each.step for each in case.steps] == ["settle"]


def test_the_chain_has_the_steps_of_the_promise() -> None:
    assert set(STEP_OF.values()) == SIGNED_STEPS

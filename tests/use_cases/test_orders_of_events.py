"""Partners' events arrive in any order, some late, some before what they build on: the end is the same."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from local.testing import Stack
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.events import Actor
from shared.domain.life_cycle import Role
from shared.partners.events import KINDS, stamp_of, tell
from shared.partners.inbox import LATER, NEVER
from shared.use_cases import screening
from shared.use_cases.agenda import settle
from tests.builders import PROGRAMME, TERMS, InMemory, at
from tests.people import Applicant
from tests.use_cases.test_refund_rules import two_payers_paying

Said = tuple[str, dict[str, Any]]
"""Kind and data; what partners spoke about again, they spoke in the order of the script."""


def in_assessment() -> InMemory:
    person = InMemory()
    person.do("2027-01-12", Role.ADMISSIONS, lambda c: screening.assign(c, specialist="s"), who="a")
    person.do("2027-01-13", Role.SPECIALIST, lambda c: screening.recommend(c, outcome="assess"), who="s")
    return person


def attempt(name: str, kind: str, outcome: str, day: int, **more: Any) -> Said:
    told = {"attempt_id": name, "assessment": kind, "outcome": outcome, "took_place_on": f"2027-01-{day}"}
    return ("assessment.completed", told | more)


def paid(payment: str, payer: str, amount: str, day: int) -> Said:
    money = {"amount": amount, "currency": "EUR"}
    told = {"payment_id": payment, "payer": payer, "amount": money, "received_on": f"2027-04-{day:02d}"}
    return ("payment.received", told)


HALF = {"amount": "3600.00", "currency": "EUR"}


def refunded(share: int) -> Said:
    told = {"reference": f"{'c' * 26}-r1-1-{share}", "refund_id": f"R{share}", "amount": HALF}
    return ("payment.refunded", told | {"refunded_on": "2028-04-21"})


JOB = {"placement_id": "J1", "contract": "permanent", "field": "in", "hours": 37,
       "contract_signed_on": "2027-11-01", "starts_on": "2027-11-15"}  # fmt: skip
OTHER_JOB = JOB | {"placement_id": "J2", "contract_signed_on": "2027-11-22", "starts_on": "2027-12-01"}

SCRIPTS: dict[str, tuple[str, Any, str, list[Said]]] = {
    "tests taken again and corrected": (
        "assessment", in_assessment, "2027-01-20",
        [
            attempt("T1", "test", "retake", 13), attempt("T2", "test", "failed", 14),
            attempt("T3", "test", "passed", 15),
            attempt("I1", "interview", "failed", 14), attempt("I1", "interview", "passed", 14, score=80),
        ],
    ),
    "two attempts on one day": (
        "assessment", in_assessment, "2027-01-20",
        [
            attempt("T9", "test", "retake", 14), attempt("T1", "test", "passed", 14),
            attempt("I1", "interview", "passed", 15),
        ],
    ),
    "a course, weeks told twice, a diploma taken back": (
        "learning", lambda: InMemory().signed("2027-02-22"), "2027-10-20",
        [
            ("course.started", {"started_on": "2027-04-05"}),
            ("diploma.awarded", {"diploma_id": "D1", "awarded_on": "2027-10-04"}),
            ("search.logged", {"monday": "2027-10-04", "applications": 4}),
            ("search.logged", {"monday": "2027-10-04", "applications": 6}),
            ("search.logged", {"monday": "2027-10-11", "applications": 5}),
            ("diploma.revoked", {"diploma_id": "D1", "revoked_on": "2027-10-18"}),
        ],
    ),
    "a week told three times": (
        "learning", lambda: InMemory().qualified(), "2027-10-20",
        [("search.logged", {"monday": "2027-10-04", "applications": number}) for number in (4, 6, 4)],
    ),
    "too much money, some of it charged back": (
        "payments", lambda: InMemory().studying(), "2027-04-10",
        [
            paid("P1", "self", "7200.00", 5), paid("P2", "self", "1000.00", 6),
            paid("P3", "employer:acme", "500.00", 7), paid("P4", "employer:acme", "250.00", 7),
            ("payment.charged_back", {"chargeback_id": "C1", "payer": "self", "charged_back_on": "2027-04-08",
                                      "amount": {"amount": "1000.00", "currency": "EUR"}}),
        ],
    ),
    "a refund of two payers arrives, and one says so twice": (
        "payments", two_payers_paying, "2028-04-21", [refunded(1), refunded(2), refunded(1), refunded(2)],
    ),
    "a refund of two payers of which one part fails": (
        "payments", two_payers_paying, "2028-04-21",
        [
            refunded(1),
            ("payment.refund_failed", {"reference": f"{'c' * 26}-r1-1-2", "reason": "account_closed"}),
            ("payment.refund_failed", {"reference": f"{'c' * 26}-r1-1-2", "reason": "account_closed"}),
        ],
    ),
    "a job corrected, ended and taken back": (
        "northwind", lambda: InMemory().qualified(), "2027-12-01",
        [
            ("offer.made", {"offer_id": "O1", "offered_on": "2027-10-25"}),
            ("offer.answered", {"offer_id": "O1", "outcome": "accepted"}),
            ("placement.reported", JOB),
            ("placement.reported", JOB | {"hours": 20, "revision": 1}),
            ("placement.ended", {"placement_id": "J1", "ended_on": "2027-11-20", "end_reason": "dismissed"}),
            ("placement.retracted", {"placement_id": "J1"}),
        ],
    ),
    "an offer answered twice, a job ended twice, another job": (
        "northwind", lambda: InMemory().qualified(), "2027-12-01",
        [
            ("offer.made", {"offer_id": "O1", "offered_on": "2027-10-25"}),
            ("offer.answered", {"offer_id": "O1", "outcome": "lapsed"}),
            ("offer.answered", {"offer_id": "O1", "outcome": "accepted"}),
            ("placement.reported", JOB),
            ("placement.ended", {"placement_id": "J1", "ended_on": "2027-11-20", "end_reason": "dismissed"}),
            ("placement.reported", OTHER_JOB),
        ],
    ),
    "one history service about two jobs": (
        "history", lambda: InMemory().qualified(), "2027-12-01",
        [
            ("placement.reported", JOB), ("placement.reported", OTHER_JOB),
            ("placement.ended", {"placement_id": "J1", "ended_on": "2027-11-20"}),
            ("placement.ended", {"placement_id": "J1", "ended_on": "2027-11-25", "end_reason": "resigned"}),
            ("placement.retracted", {"placement_id": "J2"}),
        ],
    ),
}  # fmt: skip


def applied(case: Case, partner: str, number: int, said: Said, now: datetime) -> Case:
    """The case after one event, as the service would apply it. Raises what the act raises."""
    kind, data = said
    # What was ordered from a partner is known by its reference.
    about = {} if "reference" in data else {"case_id": case.case_id}
    told = KINDS[kind][0].model_validate(about | data)
    stamp = stamp_of(f"2027-01-01T00:00:{number:02d}Z", hashlib.sha256(json.dumps(data).encode()).hexdigest())
    change = Change(case.model_copy(deep=True), Actor(role=Role.PARTNER, id=partner), now, PROGRAMME)
    tell(change, kind, told, stamp)
    settle(change.case, PROGRAMME, TERMS, now)
    return change.case


@dataclass(frozen=True)
class Arrived:
    """A case after some of the events, those that wait, those that were put aside."""

    case: Case
    waiting: tuple[int, ...] = ()
    put_aside: tuple[int, ...] = ()


def with_one_more(arrived: Arrived, partner: str, number: int, said: Said, now: datetime) -> Arrived:
    """After one more event, or another try of one that waited."""
    try:
        return replace(arrived, case=applied(arrived.case, partner, number, said, now))
    except LATER:
        return replace(arrived, waiting=(*arrived.waiting, number))
    except NEVER:
        return replace(arrived, put_aside=(*arrived.put_aside, number))


def ends_of(arrived: Arrived, left: frozenset[int], partner: str, script: list[Said], now: datetime) -> Iterator[str]:
    """Where the case ends, for each order in which those that are left may arrive; who waits is tried to the last."""
    for number in left:
        yield from ends_of(
            with_one_more(arrived, partner, number, script[number], now), left - {number}, partner, script, now
        )
    if left:
        return
    while arrived.waiting:
        again = replace(arrived, waiting=())
        for number in arrived.waiting:
            again = with_one_more(again, partner, number, script[number], now)
        if len(again.waiting) == len(arrived.waiting):
            break
        arrived = again
    end = [plain(arrived.case.model_dump(mode="json")), sorted(arrived.put_aside), sorted(arrived.waiting)]
    yield json.dumps(end, sort_keys=True)


DEPENDS_ON_ORDER = {"sequence", "head", "steps", "agenda", "facts_hash", "facts_changed_at", "binds"}


def plain(value: Any) -> Any:
    """A record without its place in the chain. A report that was taken back counts for nothing but that."""
    if isinstance(value, dict):
        if value.get("status") == "retracted":
            return "retracted"
        return {name: plain(each) for name, each in value.items() if name not in DEPENDS_ON_ORDER}
    if isinstance(value, list):
        return sorted((plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return re.sub(r"^(r\d+)-\d+$", r"\1", value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_order_of_a_partners_events_ends_in_the_same_state(name: str) -> None:
    partner, start, day, script = SCRIPTS[name]
    case = start().case.model_copy(update={"case_id": "a" * 26})

    ends = Counter(ends_of(Arrived(case), frozenset(range(len(script))), partner, script, at(day)))

    assert ends.total() == math.factorial(len(script))
    assert len(ends) == 1
    assert json.loads(next(iter(ends)))[1:] == [[], []], "nothing is put aside, nothing waits for ever"


def test_scripts_hold_every_kind_of_event_that_is_about_a_case() -> None:
    told = {kind for _, _, _, script in SCRIPTS.values() for kind, _ in script}

    # What a scanner says is about one file only.
    assert told == set(KINDS) - {"document.scanned"}


def test_events_that_arrive_in_another_order_end_in_the_same_state_over_http(stack: Stack) -> None:
    script = SCRIPTS["tests taken again and corrected"][3]
    orders = [list(enumerate(script)) for _ in range(3)]
    orders[1].reverse()
    random.Random(7).shuffle(orders[2])
    ends = []
    for order in orders:
        person = Applicant(stack).applied()
        specialist = f"{stack.info['issuer']['tenant']}/{stack.person('specialist')['object_id']}"
        person.staff("admissions", "assignment", specialist=specialist)
        person.staff("specialist", "screening-events", kind="call_held")
        person.staff("specialist", "recommendation", outcome="assess")
        for second, (kind, data) in order:
            said_at = f"2027-01-11T13:00:{second:02d}Z"
            event = {"case_id": person.case_id, **data, "took_place_on": f"2027-01-0{second + 1}"}
            stack.partner("assessment").send(kind, event, id=f"evt_{uuid.uuid4().hex}", occurred_at=said_at)
        application = person.record()["application"]
        ends.append((application["status"], sorted(json.dumps(each) for each in application["assessments"])))

    assert ends[0][0] == "deciding"
    assert ends[1:] == ends[:1] * 2

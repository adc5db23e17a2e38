"""Random histories of one person against a model of a hundred lines, with calls going wrong on the way.

Hypothesis draws the steps. A history that fails is cut down, printed with what repeats it, and kept in `.hypothesis/`.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from local.signatures import sign
from shared.domain.events import verify_chain
from shared.use_cases.commands import event_from
from tests.faults.between import KINDS
from tests.faults.places import Places, places
from tests.faults.test_sweep import asked_until_heard
from tests.people import Applicant, application

NOW = "2026-09-07T14:00:00Z"
STEPS = 30
# Slow ones are left to the sweep: here they would only take time. A store that stays down takes as long as we try.
QUICK = (*(kind for kind in KINDS if kind not in ("slow", "down")), "not_applied", "lost", "down")
WRONG = st.tuples(st.sampled_from(("store", "store", "store", "mail")), st.integers(1, 8), st.sampled_from(QUICK))
FAULT = st.one_of(st.none(), st.none(), st.none(), WRONG)
STAGES = ("submitted", "screening", "called", "assessment")


@dataclass
class Attempt:
    """What must be true of one application of this person."""

    stage: str = "submitted"
    submissions: list[int] = field(default_factory=list)
    chosen: int = 0
    said: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Attempts at the test as the partner spoke of them last: when, and what."""
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of the partner's events and what each said first."""

    @property
    def is_open(self) -> bool:
        return self.stage != "withdrawn"


class History(RuleBasedStateMachine):
    """One person, and everything that may happen to an application before it is decided."""

    around: ClassVar[Places]

    @initialize(variant=st.integers(0, 3), fault=FAULT)
    def somebody_new_applies(self, variant: int, fault: Any) -> None:
        self.person = Applicant(self.around.stack)
        # Every history begins on the same day: an intake does not stay open for ever.
        self.around.turn_back(NOW)
        self.started_at = self.around.now
        self.attempts: list[Attempt] = []
        self.mails: Counter[str] = Counter()
        self.links: list[tuple[str, str, datetime]] = []
        self.hashes: dict[tuple[str, str], str] = {}
        self.is_unsettled = False
        self.applies(variant, fault)

    # ---- the person

    @rule(variant=st.integers(0, 3), fault=FAULT)
    def applies(self, variant: int, fault: Any) -> None:
        content = application(self.person.email, motivation=f"Reason {variant}.")
        assert self.ask(fault, "applications", json=content) == 202
        for attempt in self.attempts:
            if not attempt.is_open:
                continue
            if variant not in attempt.submissions:
                attempt.submissions.append(variant)
                self.mails["A second application came from your address"] += 1
            return
        self.attempts.append(Attempt(submissions=[variant], chosen=variant))
        self.mails["We have your application"] += 1

    @rule(fault=FAULT)
    def asks_for_a_link(self, fault: Any) -> None:
        self.around.pass_minutes(61)  # Three an hour are allowed, and one that is asked for again counts again.
        if self.is_unsettled:
            # What a fault put off was sent within that hour: a case is not found by its address before that.
            self.around.run_timer("run_deliveries")
            self.is_unsettled = False
        assert self.ask(fault, "links", json={"email": self.person.email}) == 202
        # It is sent a moment after the answer, or by the timer: here by the timer, before anything else happens.
        self.around.pass_minutes(2)
        self.around.run_timer("run_deliveries")
        self.mails["Your link"] += len(self.attempts)

    @rule(variant=st.integers(0, 3), fault=FAULT)
    def chooses(self, variant: int, fault: Any) -> None:
        case_id, token, issued_at = self.newest_link()
        attempt = self.attempts[-1]
        known = self.hash_of(case_id, variant)
        status = self.ask(fault, f"cases/{case_id}/submissions/{known}/choice", token, json={})
        if self.is_stale(issued_at):
            assert status == 410
        elif variant not in attempt.submissions:
            assert status == 404
        elif not attempt.is_open:
            assert status == 409
        else:
            assert status == 200
            attempt.chosen = variant

    @rule(fault=FAULT)
    def withdraws(self, fault: Any) -> None:
        case_id, token, issued_at = self.newest_link()
        status = self.ask(fault, f"cases/{case_id}/withdrawal", token, json={})
        if self.is_stale(issued_at):
            assert status == 410
        else:
            attempt = self.attempts[-1]
            assert status == (200 if attempt.is_open else 409)
            self.mails["You have withdrawn your application"] += attempt.is_open
            attempt.stage = "withdrawn"

    # ---- staff and partners

    @precondition(lambda self: self.attempts[-1].stage in STAGES[:-1])
    @rule(fault=FAULT)
    def staff_go_on(self, fault: Any) -> None:
        attempt, person = self.attempts[-1], self.person
        person.case_id = self.newest_link()[0]
        specialist = f"{person.stack.info['issuer']['tenant']}/{person.stack.person('specialist')['object_id']}"
        role, act, body = {
            "submitted": ("admissions", "assignment", {"specialist": specialist}),
            "screening": ("specialist", "screening-events", {"kind": "call_held"}),
            "called": ("specialist", "recommendation", {"outcome": "assess"}),
        }[attempt.stage]
        headers = person.staff_headers(role)
        status = self.ask(fault, f"cases/{person.case_id}/{act}", headers=headers, json=body)
        assert status == 200
        attempt.stage = STAGES[STAGES.index(attempt.stage) + 1]

    @rule(
        name=st.sampled_from(("T1", "T2")), outcome=st.sampled_from(("passed", "failed", "retake")),
        event=st.integers(1, 5), minute=st.integers(0, 59), fault=FAULT,
    )  # fmt: skip
    def partner_speaks(self, name: str, outcome: str, event: int, minute: int, fault: Any) -> None:
        attempt, case_id = self.attempts[-1], self.newest_link()[0]
        said_at = (self.started_at + timedelta(minutes=minute)).isoformat()
        data = {"case_id": case_id, "attempt_id": name, "assessment": "test", "outcome": outcome}
        raw = json.dumps({"type": "assessment.completed", "timestamp": said_at, "data": data}).encode()
        event_id = f"evt_{case_id}_{event}"
        headers = sign(self.person.stack.info["partners"]["assessment"]["secret"], event_id, self.seconds(), raw)
        headers["content-type"] = "application/json"
        assert self.ask(fault, "webhooks/assessment", headers=headers, content=raw) in (200, 202)
        if event_id in attempt.ids or not attempt.is_open:
            return  # The same id again: the same event, or one that is put aside.
        attempt.ids[event_id] = raw.decode()
        attempt.said[name] = max(attempt.said.get(name, ("", "")), (said_at, outcome))

    @rule(hours=st.integers(1, 3))
    def time_passes(self, hours: int) -> None:
        # And a minute: whether a link is over is not asked in the second in which it ends.
        self.around.pass_minutes(60 * hours + 1)
        self.around.run_timer("run_deliveries")

    # ---- how it is asked, and what is looked at in the end

    def ask(self, fault: Any, path: str, token: str = "", **what: Any) -> int:
        """Ask until heard, with the fault at the first try; the status."""
        headers = {"Idempotency-Key": uuid.uuid4().hex} | what.pop("headers", {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if fault is not None:
            self.is_unsettled = True
            self.around.arm(*fault)
        ask = {"method": "POST", "url": f"{self.person.api}/{path}", "headers": headers, **what}
        return asked_until_heard(ask, self.around)[0]

    def newest_link(self) -> tuple[str, str, datetime]:
        """Case, token and age of the link that came last, to the case that was opened last."""
        if len(self.links) < self.mails.total():
            mails = self.person.stack.mail(self.person.email)
            if len(mails) < self.mails.total():
                # What was put off for a minute is sent.
                self.around.pass_minutes(2)
                self.around.run_timer("run_deliveries")
                mails = self.person.stack.mail(self.person.email)
            self.links = [link_in(mail) for mail in mails]
        cases = list(dict.fromkeys(case_id for case_id, _, _ in self.links))
        assert len(cases) == len(self.attempts)
        return [link for link in self.links if link[0] == cases[-1]][-1]

    def is_stale(self, issued_at: datetime) -> bool:
        return self.around.now - issued_at >= timedelta(hours=24)

    def seconds(self) -> float:
        return self.around.now.timestamp()

    def hash_of(self, case_id: str, variant: int) -> str:
        """How the service names a submission that was sent; one that was not has no such name."""
        if variant not in self.attempts[-1].submissions:
            return "f" * 64
        if (case_id, f"Reason {variant}.") not in self.hashes:
            self.hashes |= {(case_id, said): found for said, found in hashes(self.around.items(case_id)).items()}
        return self.hashes[case_id, f"Reason {variant}."]

    def teardown(self) -> None:
        if not hasattr(self, "attempts"):
            return
        self.around.heal()
        for _ in range(2):
            self.around.pass_minutes(24 * 60)
            self.around.run_timer("run_deliveries")
        mails = self.person.stack.mail(self.person.email)
        assert Counter(mail["subject"] for mail in mails) == self.mails
        cases = list(dict.fromkeys(re.findall(r"#([a-z2-7]{26})\.", " ".join(mail["text"] for mail in mails))))
        assert len(cases) == len(self.attempts)
        for case_id, attempt in zip(cases, self.attempts, strict=True):
            self.compare(case_id, attempt)

    def compare(self, case_id: str, attempt: Attempt) -> None:
        items = self.around.items(case_id)
        case = next(item for item in items if item["kind"] == "case")
        sent = hashes(items)
        submissions = case["application"]["submissions"]
        assert {f"Reason {each}." for each in attempt.submissions} == set(sent)
        assert [each["hash"] for each in submissions if each.get("chosen")] == [sent[f"Reason {attempt.chosen}."]]
        status = {"called": "screening"}.get(attempt.stage, attempt.stage)
        assert case["application"]["status"] == status
        recorded = {each["id"]: each["outcome"] for each in case["application"].get("assessments", [])}
        if status == "assessment":
            assert recorded == {name: outcome for name, (_, outcome) in attempt.said.items()}
        events = sorted((item for item in items if item["kind"] == "event"), key=lambda item: item["sequence"])
        assert verify_chain([event_from(each) for each in events], case["head"]) == []
        assert [item for item in items if item["kind"] == "message" and item["status"] != "delivered"] == []


def hashes(items: list[dict[str, Any]]) -> dict[str, str]:
    """Submissions by their motivation."""
    sent = [item for item in items if item["kind"] == "submission"]
    return {item["content"]["motivation"]: item["id"].removeprefix("submission:") for item in sent}


def link_in(mail: dict[str, Any]) -> tuple[str, str, datetime]:
    """Case, token and age of the link in a mail."""
    link = re.search(r"#([a-z2-7]{26})\.([A-Za-z0-9_-]{43})", mail["text"])
    assert link, mail["text"]
    return link[1], link[2], datetime.fromisoformat(mail["received_at"].replace("Z", "+00:00"))


@pytest.fixture(scope="module", autouse=True)
def _around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with places(tmp_path_factory.mktemp("stack"), NOW) as History.around:
        yield


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def run_histories(count: int, phases: tuple[Phase, ...]) -> None:
    wanted = settings(
        max_examples=count, stateful_step_count=STEPS, suppress_health_check=QUIET, phases=phases, print_blob=True
    )
    run_state_machine_as_test(History, settings=wanted)


@pytest.mark.timeout(600)
def test_some_histories_with_faults_end_as_the_model_says() -> None:
    run_histories(50, (Phase.reuse, Phase.generate))


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_histories_with_faults_end_as_the_model_says() -> None:
    run_histories(int(os.environ.get("HISTORIES", "20000")), (Phase.reuse, Phase.generate, Phase.shrink))

"""Cases in memory, made by the use cases themselves: a test states the one fact that it is about."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from types import SimpleNamespace
from typing import Any

from shared import bootstrap
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.events import Actor, Event
from shared.domain.life_cycle import Role
from shared.use_cases import applications, enrolments, job_search, payments, refunds, screening
from shared.use_cases.agenda import settle

PROGRAMMES, TERMS = bootstrap.programmes()
PROGRAMME = PROGRAMMES["ai-diploma"]
SERVICES: Any = SimpleNamespace(terms=TERMS, programmes=PROGRAMMES, settings=SimpleNamespace(payee_key=b"k" * 32))


def at(day: str | date, hour: int = 12) -> datetime:
    """An instant on a day, UTC."""
    return datetime.combine(date.fromisoformat(day) if isinstance(day, str) else day, time(hour), UTC)


def ring_back_about_payee(change: Change) -> None:
    """Careers rang, and the account is the person's. (The act waits for nothing where a payee is asked about.)"""
    act = enrolments.call_back(change, SERVICES, about="payee", outcome="confirmed")
    with contextlib.suppress(StopIteration):
        act.send(None)


class InMemory:
    """A case that acts are done to, one after the other, as the service would, but for the store."""

    def __init__(self, country: str = "FR", time_zone: str = "Europe/Paris", case_id: str = "c" * 26) -> None:
        self.case = Case(case_id=case_id, country=country, time_zone=time_zone)
        self.letters: list[str] = []
        self.events: list[Event] = []
        self.do(
            "2027-01-11",
            Role.APPLICANT,
            lambda change: change.record(
                "application_submitted", "s1", programme=PROGRAMME.id, intake="2027-spring", attempt=1,
                country=country, time_zone=time_zone, language="en", accreditation_read=True, prerequisite="met",
                prerequisite_reasons=[], flags=[],
            ),
        )  # fmt: skip

    def do(self, day: str | datetime, role: Role, act: Callable[[Change], object], who: str | None = None) -> Change:
        """One act by one actor."""
        now = day if isinstance(day, datetime) else at(day)
        change = Change(self.case.model_copy(deep=True), Actor(role=role, id=who or role.value), now, PROGRAMME)
        act(change)
        settle(change.case, PROGRAMME, TERMS, now)
        self.case = change.case
        self.events += change.events
        self.letters += [message["template"] for message in change.messages if "template" in message]
        return change

    def accepted_offer_pending(self) -> InMemory:
        """An offer without conditions that waits for an answer."""
        self.do("2027-01-12", Role.ADMISSIONS, lambda c: screening.assign(c, specialist="s"), who="a")
        self.do("2027-01-13", Role.SPECIALIST, lambda c: screening.recommend(c, outcome="assess"), who="s")
        for kind in PROGRAMME.assessments:
            self.do(
                "2027-01-14",
                Role.PARTNER,
                lambda c, kind=kind: screening.record_assessment(c, assessment_id=kind, kind=kind, outcome="passed"),
            )
        self.do("2027-01-15", Role.ADMISSIONS, lambda c: screening.decide_admission(c, outcome="offer"), who="d")
        return self

    def accepted(self) -> InMemory:
        """An accepted offer without conditions."""
        self.accepted_offer_pending()
        self.do("2027-01-16", Role.APPLICANT, lambda c: applications.answer_offer(c, answer="accept"))
        return self

    def received(self, day: str) -> InMemory:
        """A contract that reached the person on this day."""
        self.accepted()
        self.do(day, Role.ADMISSIONS, enrolments.send_contract, who="d")
        self.do(day, Role.ADMISSIONS, enrolments.receive_contract, who="d")
        return self

    def signed(self, day: str) -> InMemory:
        """A contract signed on this day, received long enough before."""
        self.received("2027-02-01")
        self.do(day, Role.APPLICANT, lambda c: enrolments.sign_contract(c, SERVICES))
        return self

    def paid(self, amount: str, payer: str = "self", day: str = "2027-04-05", payment_id: str = "P1") -> InMemory:
        """Money came in."""
        assert self.case.enrolment.contract is not None
        money = {"amount": amount, "currency": self.case.enrolment.contract.currency}
        self.do(
            day,
            Role.PARTNER,
            lambda c: enrolments.record_money(
                c, payment_id=payment_id, kind="payment", payer=payer, amount=money, received_on=date.fromisoformat(day)
            ),
        )
        return self

    def studying(self, signed_on: str = "2027-02-22") -> InMemory:
        """On the course from 5 April 2027."""
        self.signed(signed_on)
        started = date(2027, 4, 5)
        self.do("2027-04-05", Role.PARTNER, lambda c: enrolments.start_course(c, started_on=started))
        return self

    def qualified(self, day: str = "2027-10-04", signed_on: str = "2027-02-22") -> InMemory:
        """Qualified on this day, the whole price paid."""
        self.studying(signed_on)
        self.paid("7200.00")
        self.do("2027-04-06", Role.APPLICANT, lambda c: job_search.declare(c, fact="right_to_work", value="yes"))
        awarded = date.fromisoformat(day)
        self.do(day, Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id="D1", awarded_on=awarded))
        return self

    def refund(self, refund_id: str = "r1") -> Any:
        """One refund of the case."""
        return self.case.refunds[refund_id]

    def signs(self, day: str, who: str, outcome: str = "sign", refund_id: str = "r1") -> Change:
        """Finance sign (or return) the proposal that is on the table."""
        proposal = self.refund(refund_id).proposal.id
        return self.do(
            day, Role.FINANCE, lambda c: refunds.sign(c, SERVICES, proposal=proposal, outcome=outcome), who=who
        )

    def has_payee(self, day: str, checked_by: str = "caller") -> InMemory:
        """An account that was named and confirmed by ringing back."""
        self.do(
            day,
            Role.APPLICANT,
            lambda c: payments.name_payee(c, SERVICES, account_holder="A O", iban="FR7630006000011234567890189"),
        )
        self.do(day, Role.CAREERS, ring_back_about_payee, who=checked_by)
        return self

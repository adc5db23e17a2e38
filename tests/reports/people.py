"""Graduates in memory with their events, as the reports see them."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.domain.case import Case
from shared.domain.events import Event
from shared.domain.life_cycle import Role
from shared.reports.contributions import contribution_of
from shared.reports.sums import Sum
from shared.use_cases import placements
from shared.use_cases.guarantee import judge
from tests.builders import PROGRAMME, TERMS, InMemory, at

JOB: dict[str, Any] = {
    "contract": "permanent", "field": "in", "hours": 37, "contract_signed_on": date(2027, 11, 1),
    "starts_on": date(2027, 11, 15), "base_pay": {"amount": "42000.00", "currency": "EUR"},
}  # fmt: skip


class Remembered(InMemory):
    """A case in memory that keeps its events."""

    def finds(self, day: str, who: Role = Role.APPLICANT, **said: Any) -> str:
        """A report of a job; its id."""
        change = self.do(day, who, lambda c: placements.report_placement(c, **(JOB | said)))
        return str(change.answer["placement_id"])

    def rules(self, day: str, placement: str, outcome: str, **said: Any) -> None:
        """A careers officer settles a report."""
        self.do(day, Role.CAREERS, lambda c: placements.rule_placement(c, placement=placement, outcome=outcome, **said))


def contribution(person: Remembered, day: str = "2028-09-01") -> tuple[Sum, dict[str, Any] | None]:
    """What the case adds, judged on a day."""
    return contribution_at(person.case, person.events, day)


def contribution_at(case: Case, events: list[Event], day: str) -> tuple[Sum, dict[str, Any] | None]:
    """The same of a case and its events."""
    return contribution_of(case, events, PROGRAMME, judge(case, PROGRAMME, TERMS, at(day)))

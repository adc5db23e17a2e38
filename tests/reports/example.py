"""The roster of the outcomes page as thirty cases: twenty graduate on time, four late, six withdraw."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

from shared.domain.life_cycle import Role
from shared.use_cases import enrolments, job_search
from tests.policy.test_policy_outcomes import INTENTS, LATE, PLACEMENTS
from tests.reports.people import Remembered

ON_TIME, TOO_LATE = date(2028, 3, 1), date(2028, 5, 2)
"""The course began on 5 April 2027; twelve months later it should have ended."""
MEASURED = date(2029, 1, 15)

KINDS: dict[str, dict[str, Any]] = {
    "1A": {}, "1B": {"contract": "fixed_term"}, "1C": {"employer": "programme"}, "1D": {"contract": "self_employed"},
    "1E": {"hours": 20}, "2B": {"field": "out"},
}  # fmt: skip
OTHERWISE: dict[str, dict[str, Any]] = {"G12": {"contract": "apprenticeship"}, "G16": {"contract": "self_employed"}}
HEARD = ("G19", "G23", "G24")


def graduate(name: str) -> Remembered:
    """One of the twenty-four."""
    person = Remembered().studying()
    authorised = "no" if name == "G24" else "yes"
    intent = INTENTS.get(name, "job")
    person.do("2027-04-06", Role.APPLICANT, lambda c: job_search.declare(c, fact="right_to_work", value=authorised))
    person.do("2027-04-06", Role.APPLICANT, lambda c: job_search.declare(c, fact="intent", value=intent))
    day = TOO_LATE if name in LATE else ON_TIME
    person.do(
        day.isoformat(), Role.PARTNER, lambda c: enrolments.award_diploma(c, diploma_id=f"D{name}", awarded_on=day)
    )
    for job in PLACEMENTS.get(name, []):
        _finds(person, name, job, day + timedelta(days=job["day"]))
    if name in HEARD:
        person.do("2028-06-01", Role.CAREERS, lambda c: enrolments.log_contact(c, contacted_on=date(2028, 6, 1)))
    if name == "G20":
        person.do("2028-06-01", Role.APPLICANT, lambda c: job_search.declare(c, fact="further_study", value="yes"))
    return person


def _finds(person: Remembered, name: str, job: dict[str, Any], on: date) -> None:
    said = {"contract": "permanent", "field": "in", "hours": 35} | KINDS[job["status"]] | OTHERWISE.get(name, {})
    if said["contract"] in ("fixed_term", "apprenticeship"):
        said["fixed_end"] = on + timedelta(days=379)
    pay = None if job["base"] is None else {"amount": job["base"], "currency": job["currency"]}
    said |= {"base_pay": pay, "contract_signed_on": on, "starts_on": on + timedelta(days=14)}
    report = person.finds((on + timedelta(days=1)).isoformat(), **said)
    if job["status"] == "1D":
        person.do(
            (on + timedelta(days=2)).isoformat(),
            Role.APPLICANT,
            lambda c: job_search.declare(c, fact="self_employment_attested", value="yes", placement=report),
        )


@cache
def everybody() -> tuple[Remembered, ...]:
    """The twenty-four, and the six who left. Nobody changes them."""
    left = []
    for _ in range(6):
        person = Remembered().studying()
        person.do("2027-09-06", Role.APPLICANT, lambda c: c.record("enrolment_withdrawn"))
        left.append(person)
    return (*(graduate(f"G{number:02d}") for number in range(1, 25)), *left)

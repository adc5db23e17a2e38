"""Asking for a report: one point read of its summary, then arithmetic. No case is looked at."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from shared.domain.calendar import add_months
from shared.domain.errors import NotFound, invalid
from shared.policy.yardsticks import YARDSTICKS, Yardstick, yardstick
from shared.reports import packs, publication
from shared.reports.funnel import funnel, funnel_part
from shared.reports.liability import liability
from shared.reports.outcomes import outcomes
from shared.reports.refresh import ALL, REPORTS

if TYPE_CHECKING:
    from shared.bootstrap import Services


async def outcomes_of(
    services: Services, intake: str, wanted: str, on: date | None, now: datetime
) -> tuple[dict[str, Any], Yardstick]:
    """The outcomes of an intake by a yardstick on a day (today, unless said), and the definition used."""
    definition = yardstick(wanted)
    if definition is None:
        raise invalid("/yardstick", "unknown")
    day = _day(on, now)
    return outcomes(await _summary(services, intake), definition, day), definition


async def publication_of(services: Services, intake: str, now: datetime) -> dict[str, Any]:
    """What anybody may see of an intake, by the standard's own yardstick."""
    definition = yardstick("cirr")
    assert definition is not None
    summary = await _summary(services, intake)
    programme_id, _, own = summary["intake"].partition(".")
    programme = services.programmes[programme_id]
    begun = programme.intake(own)
    assert begun is not None
    ended_on = add_months(begun.starts_on, programme.limits.course_months)
    settled_on = publication.published_on(publication.cohort_of(ended_on))
    return publication.publication(summary, definition, now.date(), settled_on)


async def pack_of(
    services: Services, intake: str, wanted: str, on: date | None, now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report, and the parts of the auditor's pack that proves it: definitions, people, jobs, proofs, rosters."""
    report, _ = await outcomes_of(services, intake, wanted, on, now)
    day = _day(on, now)
    found = await packs.proofs_of(services, _partition(services, intake))
    people, jobs, proofs = packs.tables(found, day)
    return report, {
        "definitions": [each.as_json() for each in YARDSTICKS],
        "people": people,
        "jobs": jobs,
        "proofs": proofs,
        "rosters": packs.rosters(found, day),
    }


async def case_behind(services: Services, intake: str, person: str) -> str:
    """The case that a person of the pack is, for an auditor who follows a figure to its record."""
    found = await packs.case_behind(services, _partition(services, intake), person)
    if found is None:
        raise NotFound(person)
    return found


async def liability_of(services: Services, now: datetime) -> dict[str, Any]:
    """What open guarantees may cost, over all intakes."""
    return liability(await _overview(services, "liability"), now.date())


async def funnel_of(services: Services, intake: str | None, now: datetime) -> dict[str, Any]:
    """The way from application to outcome: of one intake, or of all."""
    if intake is not None:
        summary = await _summary(services, intake)
        parts = {summary["intake"]: funnel_part(summary["sums"])}
        return funnel(parts, _seats(services), summary["as_of"], now.date())
    overview = await _overview(services, "funnel")
    return funnel(overview["parts"], _seats(services), overview["as_of"], now.date())


def _seats(services: Services) -> dict[str, int]:
    return {f"{each.id}.{intake.id}": intake.seats for each in services.programmes.values() for intake in each.intakes}


async def _summary(services: Services, intake: str) -> dict[str, Any]:
    summary = await services.store.read(REPORTS, "summary", _partition(services, intake))
    if summary is None:
        raise NotFound(intake)  # Nobody has applied yet, or the nightly run has not seen them.
    return summary


async def _overview(services: Services, name: str) -> dict[str, Any]:
    """An overview; before the first nightly run it speaks of nobody."""
    return await services.store.read(REPORTS, name, ALL) or {"parts": {}, "as_of": None}


def _partition(services: Services, intake: str) -> str:
    """Where the reports keep an intake: `programme.intake`, or the intake's own name where one programme has it."""
    programme, dot, own = intake.rpartition(".")
    found = [
        f"{each.id}.{own}"
        for each in services.programmes.values()
        if each.intake(own) is not None and (not dot or each.id == programme)
    ]
    if len(found) != 1:
        raise NotFound(intake)
    return found[0]


def _day(on: date | None, now: datetime) -> date:
    if on is not None and on > now.date():
        raise invalid("/on", "in_the_future")
    return on or now.date()

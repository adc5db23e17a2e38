"""Yardsticks: the same graduates measured as different publics measure them. A definition is data and one function.

A definition that a figure was published with is never edited: a change is a new version.
"""

from __future__ import annotations

from calendar import MONDAY
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from shared.domain.calendar import add_months
from shared.policy.outcomes import (
    IN_FIELD,
    Graduate,
    Placement,
    Roster,
    Share,
    graduation,
    rates,
    snapshot,
)

Figures = dict[str, Share]
UNREACHED, NOT_SEEKING = "4", "3B"
WORK_STUDY = "apprenticeship"
FIFTEEN_MONTHS_DAYS = 15 * 365 // 12


def same_day(_: Graduate, day: int) -> int:
    """Everybody is measured so many days after qualifying."""
    return day


def nothing(_: Roster) -> Figures:
    """No figure."""
    return {}


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A definition: what is counted, of whom, by which day, and where that comes from.

    `measure` asks those whose day has come; `falls` says on which day after qualifying that is; `of_everybody` asks all
    who were enrolled and needs to wait for nobody.
    """

    id: str
    version: str
    day: int
    count: str
    of: str
    source: str
    measure: Callable[[Roster, int], Figures]
    falls: Callable[[Graduate, int], int] = same_day
    of_everybody: Callable[[Roster], Figures] = nothing

    def day_of(self, graduate: Graduate) -> int:
        """On which day after qualifying this graduate is measured."""
        return self.falls(graduate, self.day)

    def has_come(self, graduate: Graduate, on: date) -> bool:
        """Whether that day has come: before, nobody can say what to count."""
        return graduate.qualified_on is not None and (on - graduate.qualified_on).days >= self.day_of(graduate)

    def as_json(self) -> dict[str, object]:
        """The definition in words, as every figure carries it."""
        return {name: getattr(self, name) for name in ("id", "version", "day", "count", "of", "source")}


def is_placed(graduate: Graduate, day: int, statuses: Iterable[str] | None = None) -> bool:
    """Whether a job of these statuses (any, unless named) was accepted by `day`, whatever the survey said."""
    wanted = None if statuses is None else set(statuses)
    return any(each.day <= day and (wanted is None or each.status in wanted) for each in graduate.placements)


def has_work(graduate: Graduate, day: int) -> bool:
    """Any job by `day`; who said before the course that they would stay with their employer has one."""
    return graduate.intent == "stay" or is_placed(graduate, day)


def has_answered(graduate: Graduate) -> bool:
    """Whether anything was ever heard of this graduate."""
    return graduate.final != UNREACHED or bool(graduate.placements)


def cirr(roster: Roster, day: int) -> Figures:
    """Council on Integrity in Results Reporting: in the field, of the graduates whom the survey does not exclude."""
    return rates(snapshot(roster, day), roster)


def graduated(everybody: Roster) -> Figures:
    """Graduates of everybody enrolled, measured or not."""
    return {f"graduated_{name}": share for name, share in graduation(everybody).items()}


def cirr_without_exclusions(roster: Roster, day: int) -> Figures:
    """The reading of 2016-17: nobody is excluded."""
    everybody = roster.graduates
    return {"in_field": Share(sum(is_placed(each, day, IN_FIELD) for each in everybody), len(everybody))}


def california(roster: Roster, day: int) -> Figures:
    """On time, and free to work: not without authorisation, not in further study."""
    available = [each for each in roster.graduates if each.on_time and each.is_authorised and not each.is_student]
    return {"in_field": Share(sum(is_placed(each, day, IN_FIELD) for each in available), len(available))}


def france(roster: Roster, day: int) -> Figures:
    """Two rates of those who answered; students, work-study contracts and people unable to work leave both sides."""
    asked = [
        each
        for each in roster.graduates
        if has_answered(each) and each.is_authorised and not each.is_student and not is_work_study(each, day)
    ]
    return {
        "target_job": Share(sum(is_placed(each, day, IN_FIELD) for each in asked), len(asked)),
        "any_job": Share(sum(has_work(each, day) for each in asked), len(asked)),
    }


def is_work_study(graduate: Graduate, day: int) -> bool:
    """Whether all work that was found by `day` is an apprenticeship."""
    held = [each for each in graduate.placements if each.day <= day]
    return bool(held) and all(each.contract == WORK_STUDY for each in held)


def naive(roster: Roster, day: int) -> Figures:
    """Whoever answered and has any job: the figure that misleads, shown so that others can be held against it."""
    answered = [each for each in roster.graduates if has_answered(each)]
    return {"any_job": Share(sum(has_work(each, day) for each in answered), len(answered))}


ACTIVITIES = (
    "work_and_study", "full_time_work", "part_time_work", "unknown_pattern", "study", "due_to_start", "unemployed",
    "other", "no_answer",
)  # fmt: skip
"""Voluntary and unpaid work is not collected as an activity of its own: volunteers are no placement with us."""


def graduate_outcomes(roster: Roster, day: int) -> Figures:
    """UK Graduate Outcomes: what each does in the census week, about fifteen months after completing."""
    counts = dict.fromkeys(ACTIVITIES, 0)
    for graduate in roster.graduates:
        counts[activity(graduate, census_day(graduate, day))] += 1
    return {name: Share(count, len(roster.graduates)) for name, count in counts.items()}


def census_day(graduate: Graduate, otherwise: int) -> int:
    """On which day after completing somebody's census week begins; where that is not known, the day that is said."""
    if graduate.qualified_on is None:
        return otherwise
    return (census_week(graduate.qualified_on) - graduate.qualified_on).days


def census_week(completed_on: date) -> date:
    """The Monday of the census week: the first whole week of December, March, June or September after 15 months.

    Cohorts complete in August to October, November to January, February to April, May to July.
    """
    quarter_ends = add_months(completed_on.replace(day=1), (9 - completed_on.month + 1) % 3)
    first = add_months(quarter_ends, 14)
    return first + timedelta(days=(MONDAY - first.weekday()) % 7)


def activity(graduate: Graduate, day: int) -> str:
    """One activity for each graduate; work comes first, as in the derived field of the survey."""
    held = [each for each in graduate.placements if _is_held(each, day)]
    if held:
        if graduate.is_student:
            return "work_and_study"
        if any(each.is_full_time for each in held):
            return "full_time_work"
        return "unknown_pattern" if any(each.is_full_time is None for each in held) else "part_time_work"
    if graduate.is_student:
        return "study"
    if any(each.day <= day and each.starts is not None and each.starts > day for each in graduate.placements):
        return "due_to_start"
    if not has_answered(graduate):
        return "no_answer"
    return "other" if graduate.final == NOT_SEEKING else "unemployed"


def _is_held(placement: Placement, day: int) -> bool:
    began = placement.starts if placement.starts is not None else placement.day
    return began <= day and (placement.ended is None or placement.ended >= day)


_REMOVED = (
    "students, work-study contracts and people unable to work leave both sides; jobs abroad, which would too, are not "
    "told apart"
)
_CIRR = "cirr.org/standards: tracking job outcomes, tracking enrollment and graduation"
YARDSTICKS: tuple[Yardstick, ...] = (
    Yardstick("cirr", "2020", 180, "statuses 1A to 1E accepted by the day", "graduates not excluded by survey or law",
              _CIRR, cirr, of_everybody=graduated),
    Yardstick("cirr", "2016", 180, "statuses 1A to 1E accepted by the day", "all graduates",
              "techelevator.com/outcomes-methodology: no exclusions", cirr_without_exclusions),
    Yardstick("california", "1", 180, "statuses 1A to 1E accepted by the day, whatever the survey said",
              "graduates on time who are free to work", "California Education Code 94928", california),
    Yardstick("france", "1", 180, "target job: 1A to 1E; any job: any", f"graduates who answered; {_REMOVED}",
              "francecompetences.fr, FAQ: Comment calculez-vous l'insertion?", france),
    Yardstick("uk", "1", FIFTEEN_MONTHS_DAYS, "the activity in the census week", "all graduates",
              "hesa.ac.uk: Graduate Outcomes, activity", graduate_outcomes, census_day),
    Yardstick("naive", "1", 180, "any job, field or kind", "graduates who answered", "none: the usual advertisement",
              naive),
)  # fmt: skip
"""Newest version of each first."""


def yardstick(wanted: str) -> Yardstick | None:
    """The definition by `id` (its newest version) or `id@version`."""
    return next((each for each in YARDSTICKS if wanted in (each.id, f"{each.id}@{each.version}")), None)


def figures(definition: Yardstick, measured: Roster, everybody: Roster) -> dict[str, dict[str, object]]:
    """What a yardstick says of those whose day has come, and of everybody: count, whole, and per cent rounded once."""
    shares = definition.measure(measured, definition.day) | definition.of_everybody(everybody)
    return {name: {**share.as_json(), "percent": share.percent} for name, share in shares.items()}


def placed_in_field_on(graduate: Graduate) -> int | None:
    """The day on which the first job in the field was accepted, for the curve of the search; None: not yet."""
    days = [each.day for each in graduate.placements if each.status in IN_FIELD]
    return max(0, min(days)) if days else None

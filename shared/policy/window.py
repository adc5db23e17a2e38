"""The window: how long the programme has to keep its promise, and what stops its clock."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from shared.domain.calendar import add_days, add_months
from shared.policy.clauses import Clause, Sentence
from shared.policy.facts import Pause
from shared.policy.terms import Terms

CLAUSES = (
    Clause(
        "3.1",
        Sentence(
            "The window is {window}; the day of qualifying is not counted, and the last day belongs to it to midnight.",
            "La période est de {window} ; le jour du diplôme n'est pas compté, et le dernier jour en fait partie "
            "jusqu'à minuit.",
        ),
        ("window_months", "window_days"),
    ),
    Clause(
        "3.2",
        Sentence(
            "Months are added in one step and end on the same-numbered day, or on the month's last day where it has "
            "none; the end never moves off a weekend or a holiday.",
            "Les mois s'ajoutent en une fois et s'achèvent au même quantième ou, à défaut, le dernier jour du mois ; "
            "la fin n'est jamais reportée après un week-end ou un jour férié.",
        ),
    ),
    Clause(
        "3.3",
        Sentence(
            "Approved pauses stop the clock: each day of an approved pause after the day of qualifying is added once, "
            "{max_pause_days}.",
            "Les pauses approuvées arrêtent le décompte : chaque jour d'une pause approuvée après le jour du diplôme "
            "est ajouté une fois, {max_pause_days}.",
        ),
        ("max_pause_days",),
    ),
    Clause(
        "3.4",
        Sentence(
            "A pause counts if it begins by the end reached so far; what earlier pauses added belongs to it.",
            "Une pause compte si elle commence au plus tard à la fin atteinte jusque-là, ajouts des pauses "
            "précédentes compris.",
        ),
    ),
)


class Window(NamedTuple):
    """The guarantee's time. `end` is its last day, whole, in the contract's zone; None: a pause leaves no end.

    `pause_days` are the days by which pauses moved the end; None where there is no end.
    """

    qualified_on: date
    end: date | None
    pause_days: int | None


def window_of(qualified_on: date, pauses: tuple[Pause, ...], terms: Terms) -> Window:
    """The window that begins after the day of qualifying (clauses 3.1 to 3.4; guarantee rules, step 3).

    The day of qualifying is not counted; the end is clamped to the month's last day and never rolls off a weekend.
    """
    if terms.window_days is not None:
        end = add_days(qualified_on, terms.window_days)
    elif terms.window_months is not None:
        end = add_months(qualified_on, terms.window_months)
    else:
        return Window(qualified_on, None, None)
    if not pauses:
        return Window(qualified_on, end, 0)
    return _paused(qualified_on, end, pauses, terms.max_pause_days)


def _paused(qualified_on: date, end: date, pauses: tuple[Pause, ...], max_pause_days: int | None) -> Window:
    """Add the union of the days of approved pauses, in date order, each only if it begins by the end reached so far."""
    day_zero, reached = qualified_on.toordinal(), end.toordinal()
    counted, counted_until = 0, day_zero
    for pause in sorted(approved(pauses), key=lambda pause: pause.first_on):
        first = max(pause.first_on.toordinal(), day_zero + 1)
        if first > reached:
            break
        if pause.last_on is None:
            if max_pause_days is None:
                return Window(qualified_on, None, None)
            new_days = max_pause_days - counted
        else:
            last = pause.last_on.toordinal()
            new_days = max(0, last - max(first, counted_until + 1) + 1)
            counted_until = max(counted_until, last)
            if max_pause_days is not None:
                new_days = min(new_days, max_pause_days - counted)
        counted += new_days
        reached += new_days
    return Window(qualified_on, add_days(end, counted), counted)


def approved(pauses: tuple[Pause, ...]) -> list[Pause]:
    """Only an approved pause stops the clock; one requested, refused or revoked does not."""
    return [pause for pause in pauses if pause.status == "approved"]


def is_paused_on(day: date, pauses: tuple[Pause, ...]) -> bool:
    """Whether `day` lies in an approved pause, its days beyond the cap included; an open pause has no last day."""
    return any(
        pause.first_on <= day and (pause.last_on is None or day <= pause.last_on)
        for pause in pauses
        if pause.status == "approved"
    )

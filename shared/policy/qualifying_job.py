"""What counts as the job that was promised: one test of a job is one clause, one sentence, one small function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from shared.domain.calendar import add_days, add_months, days_from
from shared.policy.clauses import Clause, Sentence
from shared.policy.facts import Facts, Job
from shared.policy.terms import Terms
from shared.policy.window import Window

BEFORE_IT_BEGAN = frozenset({"rescinded", "insolvency_before_start", "visa_refused"})
BY_THE_EMPLOYER = frozenset({"dismissed", "redundancy", "insolvency"})


class Verdict(NamedTuple):
    """Whether a job counts (yes, no, unknown, provisional), the code of the reason, and the clause that says so.

    A *no* that is `hard` rests on the promise itself; any other rests on a test that the terms may leave undefined.
    """

    counts: str
    reason: str
    clause: str
    hard: bool = False


class Case(NamedTuple):
    """What a job is judged against: the terms, the window, the day asked about, and the other jobs on record."""

    terms: Terms
    window: Window
    as_of: date
    jobs_by_id: Mapping[str, Job]


COUNTS = Verdict("yes", "counts", "4")
NOT_YET_JUDGED = Verdict("unknown", "not_yet_judged", "4")


class JobTest(NamedTuple):
    """A test with its clause: the verdict where the job does not simply pass, else None."""

    clause: Clause
    examine: Callable[[Job, Case], Verdict | None]


def job_test(
    number: str, sentence: Sentence, *parameters: str, is_part_of: Callable[[Terms], bool] = lambda terms: True
) -> Callable[[Callable[[Job, Case], Verdict | None]], JobTest]:
    """Bind a clause's number, sentence and parameters to the function that examines it."""

    def bind(examine: Callable[[Job, Case], Verdict | None]) -> JobTest:
        return JobTest(Clause(number, sentence, parameters, is_part_of), examine)

    return bind


_DISPUTED = Verdict("unknown", "disputed", "4.1")
_RETRACTED = Verdict("no", "retracted", "4.2", hard=True)
_FIELD_UNKNOWN = Verdict("unknown", "field_unknown", "4.3")
_OUT_OF_FIELD = Verdict("no", "out_of_field", "4.4", hard=True)
_INTERNSHIP = Verdict("no", "internship", "4.5")
_VOLUNTEER = Verdict("no", "volunteer", "4.6", hard=True)
_CONTRACTOR = Verdict("no", "contractor", "4.7")
_SELF_EMPLOYED = Verdict("no", "self_employed", "4.8")
_ATTESTATION_UNKNOWN = Verdict("unknown", "attestation_unknown", "4.8")
_PROGRAMME_HIRE = Verdict("no", "programme_hire", "4.9")
_HOURS_UNKNOWN = Verdict("unknown", "hours_unknown", "4.10")
_TOO_FEW_HOURS = Verdict("no", "too_few_hours", "4.10")
_TERM_UNKNOWN = Verdict("unknown", "term_unknown", "4.11")
_TERM_TOO_SHORT = Verdict("no", "term_too_short", "4.11")
_EVENT_UNKNOWN = Verdict("unknown", "event_date_unknown", "4.12")
_PRIOR_JOB = Verdict("no", "prior_job", "4.13", hard=True)
_PRIOR_JOB_ENDED = Verdict("no", "prior_job_ended", "4.13", hard=True)
_AFTER_THE_WINDOW = Verdict("no", "after_the_window", "4.14", hard=True)
_NEVER_BEGAN = Verdict("no", "never_began", "4.15", hard=True)
_STARTS_TOO_LATE = Verdict("no", "starts_too_late", "4.16")
_START_AWAITED = Verdict("provisional", "start_awaited", "4.17")
_START_UNKNOWN = Verdict("unknown", "start_unknown", "4.17")
_LOST_TOO_SOON = Verdict("no", "lost_too_soon", "4.17")
_END_REASON_UNKNOWN = Verdict("unknown", "end_reason_unknown", "4.17")
_NOT_YET_RETAINED = Verdict("provisional", "not_yet_retained", "4.17")


@job_test(
    "4.1",
    Sentence(
        "The report of the job is not disputed.",
        "Le signalement de l'emploi n'est pas contesté.",
    ),
)
def report_is_undisputed(job: Job, case: Case) -> Verdict | None:
    """A report that is disputed says nothing yet."""
    return _DISPUTED if job.is_disputed else None


@job_test(
    "4.2",
    Sentence(
        "The report of the job has not been retracted.",
        "Le signalement de l'emploi n'a pas été retiré.",
    ),
)
def report_stands(job: Job, case: Case) -> Verdict | None:
    """A report that was retracted is no job."""
    return _RETRACTED if job.is_retracted else None


@job_test(
    "4.3",
    Sentence(
        "It is known whether the job is in the field of the diploma.",
        "On sait si l'emploi relève du domaine du diplôme.",
    ),
)
def field_is_known(job: Job, case: Case) -> Verdict | None:
    """Unknown is unknown even where the field is not required."""
    return _FIELD_UNKNOWN if job.field == "unknown" else None


@job_test(
    "4.4",
    Sentence(
        "The job is in the field of the diploma.",
        "L'emploi relève du domaine du diplôme.",
    ),
    "require_in_field",
    is_part_of=lambda terms: terms.require_in_field,
)
def is_in_field(job: Job, case: Case) -> Verdict | None:
    return _OUT_OF_FIELD if job.field == "out" and case.terms.require_in_field else None


@job_test(
    "4.5",
    Sentence(
        "The job is neither an internship nor an apprenticeship.",
        "L'emploi n'est ni un stage ni un contrat d'apprentissage ou de professionnalisation.",
    ),
    "internship_counts",
    is_part_of=lambda terms: not terms.internship_counts,
)
def is_no_internship(job: Job, case: Case) -> Verdict | None:
    """Internships and apprenticeships, unless the terms count them."""
    if job.contract in ("internship", "apprenticeship") and not case.terms.internship_counts:
        return _INTERNSHIP
    return None


@job_test(
    "4.6",
    Sentence(
        "The job is not volunteer work.",
        "L'emploi n'est pas du bénévolat.",
    ),
)
def is_paid_work(job: Job, case: Case) -> Verdict | None:
    """A volunteer has no job."""
    return _VOLUNTEER if job.contract == "volunteer" else None


@job_test(
    "4.7",
    Sentence(
        "The job is an employee's, not a contractor's.",
        "L'emploi est salarié, et non une prestation de services.",
    ),
    "contractor_counts",
    is_part_of=lambda terms: not terms.contractor_counts,
)
def is_no_contractor(job: Job, case: Case) -> Verdict | None:
    """Contractors, where the terms do not count them."""
    return _CONTRACTOR if job.contract == "contractor" and not case.terms.contractor_counts else None


@job_test(
    "4.8",
    Sentence(
        "Self-employment counts {self_employed}.",
        "Une activité indépendante compte : {self_employed}.",
    ),
    "self_employed",
)
def self_employment_was_wished(job: Job, case: Case) -> Verdict | None:
    """Self-employment counts always, never, or where the graduate attested that it was their wish."""
    if job.contract != "self_employed" or case.terms.self_employed == "always":
        return None
    if case.terms.self_employed == "never" or job.is_attested is False:
        return _SELF_EMPLOYED
    return None if job.is_attested else _ATTESTATION_UNKNOWN


@job_test(
    "4.9",
    Sentence(
        "The employer is not the programme itself.",
        "L'employeur n'est pas l'organisme de formation lui-même.",
    ),
    "programme_hire_counts",
    is_part_of=lambda terms: not terms.programme_hire_counts,
)
def is_with_another_employer(job: Job, case: Case) -> Verdict | None:
    """A job at the programme itself, unless the terms count it."""
    return _PROGRAMME_HIRE if job.employer == "programme" and not case.terms.programme_hire_counts else None


@job_test(
    "4.10",
    Sentence(
        "The job is for at least {min_hours} hours a week, in a single position.",
        "L'emploi est d'au moins {min_hours} heures par semaine, sur un seul poste.",
    ),
    "min_hours",
    is_part_of=lambda terms: terms.min_hours is not None,
)
def has_enough_hours(job: Job, case: Case) -> Verdict | None:
    """Hours in a single position; hours not known are neither zero nor enough."""
    hours_min = case.terms.min_hours
    if hours_min is None:
        return None
    if job.hours is None:
        return _HOURS_UNKNOWN
    return _TOO_FEW_HOURS if job.hours < hours_min else None


@job_test(
    "4.11",
    Sentence(
        "A fixed-term or contractor's job lasts at least {min_fixed_term_months} months, {aggregate_renewals}.",
        "Un emploi à durée déterminée ou en prestation dure au moins {min_fixed_term_months} mois, "
        "{aggregate_renewals}.",
    ),
    "min_fixed_term_months",
    "aggregate_renewals",
    is_part_of=lambda terms: terms.min_fixed_term_months is not None,
)
def lasts_long_enough(job: Job, case: Case) -> Verdict | None:
    """A term of n months from s is long enough if it ends on or after `add_months(s, n)` less one day."""
    months_min = case.terms.min_fixed_term_months
    if months_min is None or job.contract not in ("fixed_term", "contractor"):
        return None
    if job.starts_on is None or job.fixed_end_on is None:
        return _TERM_UNKNOWN
    first_on = _start_of_term(job, job.starts_on, case)
    enough_on = add_months(first_on, months_min).toordinal() - 1
    return _TERM_TOO_SHORT if job.fixed_end_on.toordinal() < enough_on else None


def _start_of_term(job: Job, starts_on: date, case: Case) -> date:
    """The start of the job that this one renews without a gap, one step back, else its own."""
    renewed = None if job.renews is None else case.jobs_by_id.get(job.renews)
    if not case.terms.aggregate_renewals or renewed is None:
        return starts_on
    if renewed.starts_on is None or renewed.fixed_end_on is None:
        return starts_on
    is_contiguous = renewed.fixed_end_on.toordinal() >= starts_on.toordinal() - 1
    return renewed.starts_on if is_contiguous else starts_on


def placed_on(job: Job, terms: Terms) -> date | None:
    """The date that counts for a job: its contract signed, or its offer, as the terms say. None: not said."""
    return job.contract_signed_on if terms.placement_event == "contract_signed" else job.offered_on


@job_test(
    "4.12",
    Sentence(
        "It is known on which day {placement_event}.",
        "On sait quel jour {placement_event}.",
    ),
    "placement_event",
)
def has_a_date(job: Job, case: Case) -> Verdict | None:
    """Without the date that counts nobody can say whether the job came in time."""
    return _EVENT_UNKNOWN if placed_on(job, case.terms) is None else None


@job_test(
    "4.13",
    Sentence(
        "A job found on or before the day of qualifying {prior_job_counts}.",
        "Un emploi trouvé au plus tard le jour du diplôme {prior_job_counts}.",
    ),
    "prior_job_counts",
)
def was_held_after_qualifying(job: Job, case: Case) -> Verdict | None:
    """A job found on or before the day of qualifying; still held is asked at that day only."""
    event_on, qualified_on = placed_on(job, case.terms), case.window.qualified_on
    if event_on is None or event_on > qualified_on:
        return None
    if not case.terms.prior_job_counts:
        return _PRIOR_JOB
    return _PRIOR_JOB_ENDED if job.ended_on is not None and job.ended_on <= qualified_on else None


@job_test(
    "4.14",
    Sentence(
        "The day on which {placement_event} is no later than the window's last day.",
        "Le jour où {placement_event} ne dépasse pas le dernier jour de la période.",
    ),
)
def was_found_within_the_window(job: Job, case: Case) -> Verdict | None:
    """The window's last day is inside; where a pause leaves no end, so is every later day."""
    event_on, end = placed_on(job, case.terms), case.window.end
    return _AFTER_THE_WINDOW if event_on is not None and end is not None and event_on > end else None


@job_test(
    "4.15",
    Sentence(
        "The job was not lost before it began: not rescinded, no insolvency before the start, no visa refused.",
        "L'emploi n'a pas été perdu avant de commencer : ni rétractation, ni faillite avant le début, ni "
        "refus de visa.",
    ),
)
def could_begin(job: Job, case: Case) -> Verdict | None:
    """Rescinded, employer insolvent before the start, visa refused: by the reason alone, whatever the date."""
    return _NEVER_BEGAN if job.end_reason in BEFORE_IT_BEGAN else None


@job_test(
    "4.16",
    Sentence(
        "The job starts no later than {max_start_lag_days} days after the window's end.",
        "L'emploi commence au plus tard {max_start_lag_days} jours après la fin de la période.",
    ),
    "max_start_lag_days",
    is_part_of=lambda terms: terms.max_start_lag_days is not None,
)
def starts_soon_enough(job: Job, case: Case) -> Verdict | None:
    """The last day of the lag is inside."""
    latest_on = latest_start(case)
    return (
        _STARTS_TOO_LATE if job.starts_on is not None and latest_on is not None and job.starts_on > latest_on else None
    )


def latest_start(case: Case) -> date | None:
    """The last day on which a job may start; None where the window has no end or the terms no such limit."""
    if case.window.end is None or case.terms.max_start_lag_days is None:
        return None
    return add_days(case.window.end, case.terms.max_start_lag_days)


@job_test(
    "4.17",
    Sentence(
        "The job lasts at least {retention_days} days, the first and the last counted, unless the graduate "
        "left it; until then it is provisional.",
        "L'emploi dure au moins {retention_days} jours, premier et dernier compris, sauf départ du diplômé "
        "; d'ici là il est provisoire.",
    ),
    "retention_days",
    is_part_of=lambda terms: terms.retention_days is not None,
)
def was_retained(job: Job, case: Case) -> Verdict | None:
    """Days of work, first and last counted; until they are over the placement is provisional."""
    days_min = case.terms.retention_days
    if days_min is None:
        return None
    if job.starts_on is None:
        latest_on = latest_start(case)
        return _START_AWAITED if latest_on is None or case.as_of <= latest_on else _START_UNKNOWN
    if job.ended_on is None or job.ended_on > case.as_of:
        days_so_far = days_from(job.starts_on, case.as_of)
        return _NOT_YET_RETAINED if days_so_far < days_min else None
    if days_from(job.starts_on, job.ended_on) >= days_min:
        return None
    if job.end_reason is None:
        return _END_REASON_UNKNOWN
    return _LOST_TOO_SOON if job.end_reason in BY_THE_EMPLOYER else None


JOB_TESTS: tuple[JobTest, ...] = (
    report_is_undisputed,
    report_stands,
    field_is_known,
    is_in_field,
    is_no_internship,
    is_paid_work,
    is_no_contractor,
    self_employment_was_wished,
    is_with_another_employer,
    has_enough_hours,
    lasts_long_enough,
    has_a_date,
    was_held_after_qualifying,
    was_found_within_the_window,
    could_begin,
    starts_soon_enough,
    was_retained,
)


def judge_job(job: Job, case: Case) -> Verdict:
    """The first test that the job does not simply pass, in the agreement's order; else the job counts.

    Where the terms say so (`undefined_terms`), a *no* that is not hard becomes *unknown*: a person decides.
    Source: guarantee rules, step 4.
    """
    for test in JOB_TESTS:
        verdict = test.examine(job, case)
        if verdict is not None:
            if verdict.counts == "no" and not verdict.hard and case.terms.undefined_terms:
                return verdict._replace(counts="unknown")
            return verdict
    return COUNTS


def known_jobs(facts: Facts) -> tuple[Job, ...]:
    """The jobs that are considered: without what was reported only after the day whose knowledge is used."""
    jobs = facts.jobs
    for job in jobs:
        if job.reported_on is not None:
            known_on = facts.known_on
            return tuple(job for job in jobs if job.reported_on is None or job.reported_on <= known_on)
    return jobs


def judge_jobs(facts: Facts, jobs: tuple[Job, ...], window: Window) -> dict[str, Verdict]:
    """The verdict on each considered job, by id. Order and duplicates of reports play no part."""
    if not jobs:
        return {}
    case = Case(facts.terms, window, facts.as_of, {job.id: job for job in jobs})
    return {job.id: judge_job(job, case) for job in jobs}

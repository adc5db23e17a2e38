"""The refund decision: what the agreement says about these facts, on this day, and why."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from shared.domain.calendar import add_days, next_working_day
from shared.policy.clauses import LANGUAGES, Clause, Sentence
from shared.policy.criteria import (
    NOT_MET,
    UNKNOWN,
    Finding,
    Situation,
    examine,
    findings_as_json,
    holds_the_diploma,
)
from shared.policy.facts import Facts, Job
from shared.policy.qualifying_job import NOT_YET_JUDGED, Verdict, judge_jobs, known_jobs
from shared.policy.reasons import REASONS
from shared.policy.terms import Terms
from shared.policy.window import Window, is_paused_on, window_of

DECISIONS = (
    "no_guarantee",
    "not_started",
    "satisfied",
    "recovery_review",
    "placed_provisional",
    "not_eligible",
    "paused",
    "open",
    "undetermined",
    "eligible",
    "awaiting_claim",
    "lapsed",
)


GUARANTEE_CLAUSES = (
    Clause(
        "1",
        Sentence(
            "The guarantee holds as long as the contract does: one that was withdrawn, cancelled, terminated or has "
            "expired gives none.",
            "La garantie vaut tant que le contrat est en vigueur : un contrat rétracté, annulé, résilié ou expiré n'en "
            "donne aucune.",
        ),
    ),
    Clause(
        "2",
        Sentence(
            "The guarantee starts on the day on which the diploma is awarded.",
            "La garantie commence le jour où le diplôme est délivré.",
        ),
    ),
)
JOB_CLAUSES = (
    Clause(
        "4",
        Sentence(
            "A job that fails one of these tests, and no test on which the promise itself rests (4.2, 4.4, 4.6, 4.13, "
            "4.14, 4.15), {undefined_terms}.",
            "Un emploi qui échoue à l'un de ces critères, sans échouer à ceux dont dépend la promesse elle-même (4.2, "
            "4.4, 4.6, 4.13, 4.14, 4.15), {undefined_terms}.",
        ),
        ("undefined_terms",),
    ),
    Clause(
        "5",
        Sentence(
            "A job that counts keeps the promise; one found out after a refund opens a review by a person, never a "
            "debit.",
            "Un emploi qui compte tient la promesse ; découvert après un remboursement, il ouvre un examen par une "
            "personne, jamais un prélèvement.",
        ),
    ),
    Clause(
        "6",
        Sentence(
            "Until the window is over nothing is decided; a diploma that is revoked ends the guarantee, and nobody may "
            "waive that.",
            "Tant que la période n'est pas finie, rien n'est décidé ; un diplôme retiré met fin à la garantie, et nul "
            "ne peut y déroger.",
        ),
    ),
)
CLAIM_CLAUSES = (
    Clause(
        "8.1",
        Sentence(
            "The claim is filed within {claim_days} days after the window's end or the end of a later job, moved to "
            "the next working day; an early claim is kept.",
            "La demande est déposée dans les {claim_days} jours suivant la fin de la période ou la fin d'un emploi "
            "ultérieur, report au jour ouvré suivant ; une demande anticipée est conservée.",
        ),
        ("claim_days",),
        lambda terms: terms.claim_days is not None,
    ),
    Clause(
        "8.1",
        Sentence("No claim is needed.", "Aucune demande n'est nécessaire."),
        ("claim_days",),
        lambda terms: terms.claim_days is None,
    ),
    Clause(
        "8.2",
        Sentence(
            "The time to claim does not run against someone who was never sent the notice of the right to claim.",
            "Le délai ne court pas contre qui n'a jamais reçu l'avis de son droit à demander le remboursement.",
        ),
        (),
        lambda terms: terms.claim_days is not None,
    ),
)


class Decision(NamedTuple):
    """The answer, and everything it rests on. `jobs` from step 4 on, `criteria` from step 7, `claim_deadline` from 8.

    It proposes; a named person signs every approval, refusal, lapse and recovery (GDPR art. 22).
    """

    decision: str
    terms: Terms
    qualified_on: date | None
    window: Window | None
    jobs: dict[str, Verdict] | None
    criteria: dict[str, Finding]
    claim_deadline: date | None
    steps: tuple[str, ...]

    @property
    def window_end(self) -> date | None:
        """The window's last day; None before qualifying, or where a pause leaves no end."""
        return None if self.window is None else self.window.end

    @property
    def pause_days(self) -> int | None:
        """The days that pauses added to the window."""
        return None if self.window is None else self.window.pause_days

    def as_json(self, language: str = "en") -> dict[str, object]:
        """The answer as JSON: the keys of the guarantee rules where they apply, sentences in `language` (en, fr)."""
        answer: dict[str, object] = {"decision": self.decision, "terms": self.terms.version}
        answer["qualified_on"] = None if self.qualified_on is None else self.qualified_on.isoformat()
        if self.window is not None:
            answer["window_end"] = None if self.window.end is None else self.window.end.isoformat()
            answer["pause_days"] = self.window.pause_days
        if self.jobs is not None:
            position = LANGUAGES.index(language)
            answer["jobs"] = {
                job_id: {
                    "counts": verdict.counts,
                    "reason": verdict.reason,
                    "clause": verdict.clause,
                    "sentence": REASONS[verdict.reason][position],
                }
                for job_id, verdict in self.jobs.items()
            }
        if self.criteria:
            answer["criteria"] = findings_as_json(self.criteria, self.terms, language)
        if self.claim_deadline is not None:
            answer["claim_deadline"] = self.claim_deadline.isoformat()
        answer["steps"] = list(self.steps)
        return answer


def _steps_to(*last: str) -> tuple[str, ...]:
    step = int(last[0][0])
    return (*_PASSED[: step - 1], *last)


_PASSED = (
    "1 The guarantee is in force.",
    "2 The diploma was awarded.",
    "3 The window and its pauses were counted.",
    "4 Each job on record was judged.",
    "5 No job counts, and none is provisional.",
    "6 The window is over.",
    "7 Every criterion is met or waived.",
)
_CONTRACT_ENDED = _steps_to("1 The contract was withdrawn, cancelled, terminated or has expired.")
_NOT_QUALIFIED = _steps_to("2 The diploma has not been awarded yet.")
_JOB_FOUND = _steps_to("5 A job counts.")
_JOB_AFTER_REFUND = _steps_to("5 A job counts, and a refund was paid.")
_JOB_PROVISIONAL = _steps_to("5 A job may count once it has lasted.")
_REVOKED = _steps_to("6 The diploma was revoked.")
_NO_END = _steps_to("6 A pause without an end leaves the window none.")
_PAUSED = _steps_to("6 The window is open, and the day lies in a pause.")
_OPEN = _steps_to("6 The window is open.")
_NOT_MET = _steps_to("7 A criterion is not met.")
_UNKNOWN = _steps_to("7 No criterion failed, but one is not known.")
_NO_CLAIM_NEEDED = _steps_to("8 No claim is needed.")
_CLAIMED = _steps_to("8 A claim was filed in time.")
_CLAIMED_UNTOLD = _steps_to("8 A claim was filed, and the notice of the right to claim was never sent.")
_UNTOLD = _steps_to("8 The notice of the right to claim was never sent, so no deadline runs.")
_CLAIM_AWAITED = _steps_to("8 The claim may still be filed.")
_LAPSED = _steps_to("8 No claim was filed in time.")


def decide(facts: Facts) -> Decision:
    """What the agreement says on the day `facts.as_of`, in the order of the guarantee rules, steps 1 to 8.

    A refusal is an answer like any other, and so is *not known*; nothing is raised.
    """
    terms, qualified_on = facts.terms, facts.qualified_on
    if facts.contract is not None:
        return Decision("no_guarantee", terms, qualified_on, None, None, {}, None, _CONTRACT_ENDED)
    if qualified_on is None or qualified_on > facts.as_of:
        return Decision("not_started", terms, qualified_on, None, None, {}, None, _NOT_QUALIFIED)
    window = window_of(qualified_on, facts.pauses, terms)
    considered = known_jobs(facts)
    jobs = judge_jobs(facts, considered, window)
    settled = _settled_by_job(facts, jobs) or _settled_by_window(facts, window)
    if settled is not None:
        word, steps = settled
        situation = Situation(facts, qualified_on, facts.as_of, jobs)
        criteria = _only_the_diploma(situation) if word == "not_eligible" else {}
        return Decision(word, terms, qualified_on, window, jobs, criteria, None, steps)
    assert window.end is not None  # A window without an end is settled above.
    criteria = examine(Situation(facts, qualified_on, window.end, jobs))
    statuses = [finding.status for finding in criteria.values()]
    if NOT_MET in statuses:
        return Decision("not_eligible", terms, qualified_on, window, jobs, criteria, None, _NOT_MET)
    if UNKNOWN in statuses:
        return Decision("undetermined", terms, qualified_on, window, jobs, criteria, None, _UNKNOWN)
    deadline = _claim_deadline(facts, window.end, considered)
    word, steps = _settled_by_claim(facts, deadline)
    return Decision(word, terms, qualified_on, window, jobs, criteria, deadline, steps)


def _settled_by_job(facts: Facts, jobs: dict[str, Verdict]) -> tuple[str, tuple[str, ...]] | None:
    """Step 5: a job settles everything."""
    if not jobs:
        return None
    counts = [verdict.counts for verdict in jobs.values()]
    if "yes" in counts:
        if facts.refund_paid_on is not None and facts.refund_paid_on <= facts.as_of:
            return "recovery_review", _JOB_AFTER_REFUND
        return "satisfied", _JOB_FOUND
    return ("placed_provisional", _JOB_PROVISIONAL) if "provisional" in counts else None


def _settled_by_window(facts: Facts, window: Window) -> tuple[str, tuple[str, ...]] | None:
    """Step 6: a revoked diploma ends the guarantee; else it is open to the end of the window's last day."""
    if facts.diploma_revoked_on is not None and facts.diploma_revoked_on <= facts.as_of:
        return "not_eligible", _REVOKED
    if window.end is None:
        return "paused", _NO_END
    if facts.as_of > window.end:
        return None
    return ("paused", _PAUSED) if is_paused_on(facts.as_of, facts.pauses) else ("open", _OPEN)


def _only_the_diploma(situation: Situation) -> dict[str, Finding]:
    finding = holds_the_diploma.examine(situation)
    return {} if finding is None else {holds_the_diploma.id: finding}


def _claim_deadline(facts: Facts, window_end: date, considered: tuple[Job, ...]) -> date | None:
    """Step 8: the last day to claim, a working day. It runs from the window's end or a later end of any job."""
    if facts.terms.claim_days is None:
        return None
    runs_from = window_end
    for job in considered:
        if job.ended_on is not None and job.ended_on > runs_from:
            runs_from = job.ended_on
    return next_working_day(add_days(runs_from, facts.terms.claim_days), facts.holidays)


def _settled_by_claim(facts: Facts, deadline: date | None) -> tuple[str, tuple[str, ...]]:
    """Step 8: a claim counts from the moment it was filed; one that is early is kept, the last day is in time."""
    if deadline is None:
        return "eligible", _NO_CLAIM_NEEDED
    filed = [filed_on for filed_on in facts.claims if filed_on <= facts.as_of]
    if filed and min(filed) <= deadline:
        return "eligible", _CLAIMED
    if not facts.notice_sent:
        return ("eligible", _CLAIMED_UNTOLD) if filed else ("awaiting_claim", _UNTOLD)
    return ("awaiting_claim", _CLAIM_AWAITED) if facts.as_of <= deadline else ("lapsed", _LAPSED)


def standing(facts: Facts) -> dict[str, Finding]:
    """The criteria as they stand on the day asked about, without a verdict: for people, before step 7.

    Weeks and offers count up to that day or the window's end, whichever is first; what the diploma, a job or a week
    has not shown yet is unknown. Source: guarantee rules, fine print.
    """
    qualified_on = None if facts.qualified_on is None or facts.qualified_on > facts.as_of else facts.qualified_on
    if qualified_on is None:
        return examine(Situation(facts, None, facts.as_of, {job.id: NOT_YET_JUDGED for job in known_jobs(facts)}))
    window = window_of(qualified_on, facts.pauses, facts.terms)
    until = facts.as_of if window.end is None else min(window.end, facts.as_of)
    return examine(Situation(facts, qualified_on, until, judge_jobs(facts, known_jobs(facts), window)))


def revisit_on(facts: Facts, decision: Decision) -> date | None:
    """The earliest later day on which the passing of time alone could change the decision; None: on no day.

    It may be too early, never too late: on every day before it the decision's word, the criteria's statuses and what
    the jobs count for are those of `decision`.
    """
    if facts.contract is not None or facts.qualified_on is None:
        return None
    days = [facts.qualified_on, facts.diploma_revoked_on, facts.refund_paid_on, *facts.claims]
    window = decision.window or window_of(facts.qualified_on, facts.pauses, facts.terms)
    for pause in facts.pauses:
        days += [pause.first_on, None if pause.last_on is None else add_days(pause.last_on, 1)]
    for job in facts.jobs:
        days += [job.reported_on, job.ended_on]
        if job.starts_on is not None and facts.terms.retention_days is not None:
            days.append(add_days(job.starts_on, facts.terms.retention_days - 1))
    if window.end is not None:
        days.append(add_days(window.end, 1))
        if facts.terms.max_start_lag_days is not None:
            days.append(add_days(window.end, facts.terms.max_start_lag_days + 1))
        deadline = _claim_deadline(facts, window.end, known_jobs(facts))
        days.append(None if deadline is None else add_days(deadline, 1))
    return min((day for day in days if day is not None and day > facts.as_of), default=None)

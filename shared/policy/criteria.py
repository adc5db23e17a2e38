"""The criteria of a refund: one criterion is one clause, one sentence in the agreement's words, one small function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from shared.domain.calendar import add_days, add_months, day_in_words, monday_of, parse_day, whole_weeks
from shared.policy.clauses import Clause, Sentence
from shared.policy.facts import Facts, Search
from shared.policy.qualifying_job import Verdict
from shared.policy.terms import Terms
from shared.policy.window import approved

MET, NOT_MET, UNKNOWN, WAIVED = "met", "not_met", "unknown", "waived"


class Situation(NamedTuple):
    """What the criteria look at: the facts, the last day that counts so far, and the verdicts on the jobs."""

    facts: Facts
    qualified_on: date | None
    until: date
    jobs: Mapping[str, Verdict]


class Finding(NamedTuple):
    """What one criterion found: its status, the value, and the facts that it rests on (ready for JSON).

    Status `waived`: it would not be met, or is not known, and a person set it aside with a name, a reason and a date.
    """

    status: str
    value: object
    facts: dict[str, object]


class Criterion(NamedTuple):
    """A criterion with its clause, its sentence, and what the graduate can do when it is not met or unknown."""

    id: str
    clause: Clause
    if_not_met: Sentence | None
    if_unknown: Sentence | None
    if_provisional: Sentence | None
    examine: Callable[[Situation], Finding | None]


def criterion(
    number: str,
    criterion_id: str,
    sentence: Sentence,
    *parameters: str,
    if_not_met: Sentence | None = None,
    if_unknown: Sentence | None = None,
    if_provisional: Sentence | None = None,
    is_part_of: Callable[[Terms], bool] = lambda terms: True,
) -> Callable[[Callable[[Situation], Finding | None]], Criterion]:
    """Bind a clause's number and sentences to the function that examines it; None there: it does not apply."""

    def bind(examine: Callable[[Situation], Finding | None]) -> Criterion:
        clause = Clause(number, sentence, parameters, is_part_of)
        return Criterion(criterion_id, clause, if_not_met, if_unknown, if_provisional, examine)

    return bind


@criterion(
    "7.1",
    "qualified",
    Sentence(
        "The graduate holds the diploma: it was awarded and has not been revoked.",
        "Le diplômé est titulaire du diplôme : celui-ci a été délivré et n'a pas été retiré.",
    ),
    if_not_met=Sentence(
        "The diploma was revoked. If this is contested, it is the jury's decision that can be appealed.",
        "Le diplôme a été retiré. En cas de désaccord, c'est la décision du jury qui peut être contestée.",
    ),
    if_unknown=Sentence(
        "The guarantee begins with the diploma. Finish the programme.",
        "La garantie commence avec le diplôme. Terminez la formation.",
    ),
)
def holds_the_diploma(case: Situation) -> Finding:
    facts = case.facts
    revoked_on = facts.diploma_revoked_on
    if revoked_on is not None and revoked_on <= facts.as_of:
        return Finding(NOT_MET, "revoked", {"diploma_revoked_on": revoked_on.isoformat()})
    if case.qualified_on is None:
        return Finding(UNKNOWN, None, {})
    return Finding(MET, case.qualified_on.isoformat(), {})


@criterion(
    "7.2",
    "on_time",
    Sentence(
        "The graduate qualified within {on_time_months} months of starting the course, extensions added.",
        "Le diplôme a été obtenu dans les {on_time_months} mois suivant le début de la formation, "
        "prolongations comprises.",
    ),
    "on_time_months",
    if_not_met=Sentence(
        "The diploma came after the time limit. If an extension was agreed and is missing here, say so.",
        "Le diplôme a été obtenu après la date limite. Si une prolongation accordée manque ici, signalez-le.",
    ),
    if_unknown=Sentence(
        "Qualify by the date shown, or ask for an extension before it.",
        "Obtenez le diplôme avant la date indiquée, ou demandez une prolongation avant cette date.",
    ),
    is_part_of=lambda terms: terms.on_time_months is not None,
)
def qualified_on_time(case: Situation) -> Finding | None:
    months, started_on = case.facts.terms.on_time_months, case.facts.started_on
    if months is None or started_on is None:
        return None
    latest_on = add_months(started_on, months + case.facts.extension_months)
    evidence: dict[str, object] = {
        "started_on": started_on.isoformat(),
        "extension_months": case.facts.extension_months,
        "latest_on": latest_on.isoformat(),
    }
    if case.qualified_on is None:
        return Finding(NOT_MET if case.facts.as_of > latest_on else UNKNOWN, None, evidence)
    # The last day of the month count is in time.
    return Finding(NOT_MET if case.qualified_on > latest_on else MET, case.qualified_on.isoformat(), evidence)


_RIGHT_TO_WORK = {
    "yes": Finding(MET, "yes", {}),
    "no": Finding(NOT_MET, "no", {}),
    "unknown": Finding(UNKNOWN, "unknown", {}),
}


@criterion(
    "7.3",
    "right_to_work",
    Sentence(
        "The graduate has the right to work in the country of the contract.",
        "Le diplômé a le droit de travailler dans le pays du contrat.",
    ),
    "right_to_work",
    if_not_met=Sentence(
        "The guarantee needs the right to work. If you hold it, send the document that shows it.",
        "La garantie suppose le droit de travailler. Si vous l'avez, envoyez le document qui le prouve.",
    ),
    if_unknown=Sentence(
        "Send the document that shows your right to work, or the receipt of its renewal.",
        "Envoyez le document qui prouve votre droit de travailler, ou le récépissé de son renouvellement.",
    ),
    is_part_of=lambda terms: terms.right_to_work,
)
def may_work(case: Situation) -> Finding | None:
    if not case.facts.terms.right_to_work:
        return None
    return _RIGHT_TO_WORK[case.facts.right_to_work]


@criterion(
    "7.4",
    "no_qualifying_job",
    Sentence(
        "The graduate has no job that counts, and no report of a job is left open.",
        "Le diplômé n'a pas d'emploi qui compte, et aucun signalement d'emploi ne reste à éclaircir.",
    ),
    if_not_met=Sentence(
        "You have found a job that counts: the promise is kept. If the job is reported wrongly, say so.",
        "Vous avez trouvé un emploi qui compte : la promesse est tenue. Si le signalement est faux, dites-le.",
    ),
    if_unknown=Sentence(
        "Send what is missing about the jobs shown: contract, hours, first day, duties, or why it ended.",
        "Envoyez ce qui manque sur les emplois indiqués : contrat, heures, premier jour, tâches ou motif de la fin.",
    ),
    if_provisional=Sentence(
        "Nothing is missing. The job that you have found counts from {day} on, if it lasts until then; if it ends "
        "before, say so.",
        "Il ne manque rien. L'emploi que vous avez trouvé comptera à partir du {day}, s'il dure jusque-là ; s'il prend "
        "fin avant, dites-le.",
    ),
)
def has_no_qualifying_job(case: Situation) -> Finding:
    if not case.jobs:
        return _NO_JOB
    counts, found, open_reports = {}, [], []
    for job_id, verdict in case.jobs.items():
        counts[job_id] = verdict.counts
        if verdict.counts == "yes":
            found.append(job_id)
        elif verdict.counts != "no":
            open_reports.append(job_id)
    status = NOT_MET if found else UNKNOWN if open_reports else MET
    evidence: dict[str, object] = {"jobs": counts}
    if status == UNKNOWN and (day := _counts_from(case, open_reports)) is not None:
        evidence[COUNTS_FROM] = day.isoformat()
    return Finding(status, found or open_reports, evidence)


COUNTS_FROM = "counts_from"
"""The fact that makes an open job provisional: it only has to last until that day."""


def _counts_from(case: Situation, open_reports: list[str]) -> date | None:
    """The first day on which a job counts by having lasted, where that is all that any of them lacks."""
    days_min = case.facts.terms.retention_days
    starts = {job.id: job.starts_on for job in case.facts.jobs}
    days = [starts[each] for each in open_reports if case.jobs[each].reason == "not_yet_retained"]
    known = [day for day in days if day is not None]
    if days_min is None or not known or len(known) < len(open_reports):
        return None
    return add_days(min(known), days_min - 1)


_NO_JOB = Finding(MET, [], {"jobs": {}})


@criterion(
    "7.5",
    "no_declined_offer",
    Sentence(
        "The graduate has not declined, or let lapse, an offer of a job that would have counted, made within the "
        "window.",
        "Le diplômé n'a ni refusé ni laissé expirer, pendant la période, une offre d'emploi qui aurait compté.",
    ),
    "decline_voids",
    if_not_met=Sentence(
        "If there was a reason to decline the offer, tell the careers team: a person can set this aside.",
        "S'il y avait une raison de refuser l'offre, dites-le à l'équipe carrières : une personne peut passer outre.",
    ),
    if_unknown=Sentence(
        "Tell the careers team why the offer was not answered, or what it was about.",
        "Dites à l'équipe carrières pourquoi l'offre est restée sans réponse, ou sur quoi elle portait.",
    ),
    is_part_of=lambda terms: terms.decline_voids,
)
def declined_no_qualifying_offer(case: Situation) -> Finding | None:
    if not case.facts.terms.decline_voids:
        return None
    if not case.facts.offers or case.qualified_on is None:
        return _NO_OFFER
    declined, open_offers = [], []
    for offer in case.facts.offers:
        # An offer on the day of qualifying came before the duty did; one on the window's last day did not.
        if offer.is_waived or not case.qualified_on < offer.offered_on <= case.until:
            continue
        if offer.is_qualifying is None or (offer.is_qualifying and offer.outcome == "lapsed"):
            open_offers.append(offer.offered_on.isoformat())
        elif offer.is_qualifying and offer.outcome == "declined":
            declined.append(offer.offered_on.isoformat())
    status = NOT_MET if declined else UNKNOWN if open_offers else MET
    return Finding(status, declined or open_offers, {"declined": declined, "to_clear_up": open_offers})


_NO_OFFER = Finding(MET, [], {"declined": [], "to_clear_up": []})


@criterion(
    "7.6",
    "job_search",
    Sentence(
        "The graduate applied for at least {apps_per_week} jobs a week, in all whole weeks of the window but "
        "{allowed_short_weeks}; weeks touched by a pause or an exemption are free.",
        "Le diplômé a postulé à au moins {apps_per_week} emplois par semaine, dans toutes les semaines entières de la "
        "période sauf {allowed_short_weeks} ; les semaines touchées par une pause ou une dispense sont libres.",
    ),
    "apps_per_week",
    "allowed_short_weeks",
    if_not_met=Sentence(
        "Add to the weeks shown the applications that are missing, with proof, or ask whether weeks can be excused.",
        "Ajoutez aux semaines indiquées les candidatures qui manquent, avec preuve, ou demandez si des semaines "
        "peuvent être excusées.",
    ),
    if_unknown=Sentence(
        "Log the applications of the weeks shown, with proof.",
        "Complétez le journal des semaines indiquées, avec preuve.",
    ),
    is_part_of=lambda terms: terms.apps_per_week is not None,
)
def searched_actively(case: Situation) -> Finding | None:
    terms = case.facts.terms
    if terms.apps_per_week is None:
        return None
    allowed = terms.allowed_short_weeks or 0
    weeks = _NO_WEEKS
    if case.qualified_on is not None:
        weeks = _weeks_of_search(case.facts, whole_weeks(case.qualified_on, case.until), terms.apps_per_week)
    status = NOT_MET if weeks.short > allowed else UNKNOWN if weeks.short + weeks.not_known > allowed else MET
    evidence: dict[str, object] = {
        "weeks": weeks.counted,
        "short": weeks.short,
        "not_known": weeks.not_known,
        "allowed": allowed,
        "to_look_at": weeks.to_look_at,
    }
    return Finding(status, weeks.short, evidence)


class _Weeks(NamedTuple):
    """How many weeks count, how many of them are short or not known, and the Mondays of these, earliest first."""

    counted: int
    short: int
    not_known: int
    to_look_at: list[str]


_NO_WEEKS = _Weeks(0, 0, 0, [])
# An answer is read by people: the first year of weeks to look at says enough.
_WEEKS_SHOWN_MAX = 53


def _weeks_of_search(facts: Facts, mondays: range, apps_per_week: int) -> _Weeks:
    free = _free_weeks(facts, mondays)
    weeks = len(mondays) - sum(map(len, free))
    short = not_known = logged = 0
    search = facts.search
    for monday, number in search.weeks.items():
        ordinal = monday.toordinal()
        if ordinal in mondays and not any(ordinal in span for span in free):
            logged += 1
            if number is None:
                not_known += 1
            elif number < apps_per_week:
                short += 1
    if search.default is None:
        not_known += weeks - logged
    elif search.default < apps_per_week:
        short += weeks - logged
    if short + not_known == 0:
        return _Weeks(weeks, 0, 0, [])
    return _Weeks(weeks, short, not_known, _weeks_to_look_at(search, mondays, free, apps_per_week))


def _weeks_to_look_at(search: Search, mondays: range, free: list[range], apps_per_week: int) -> list[str]:
    counted = (date.fromordinal(ordinal) for ordinal in mondays if not any(ordinal in span for span in free))
    short_or_not_known = (
        monday.isoformat()
        for monday in counted
        if (number := search.weeks.get(monday, search.default)) is None or number < apps_per_week
    )
    return list(islice(short_or_not_known, _WEEKS_SHOWN_MAX))


def _free_weeks(facts: Facts, mondays: range) -> list[range]:
    """The weeks touched by an approved pause or an exempt span, as ranges of Mondays that do not overlap."""
    if not mondays or not (facts.pauses or facts.search.exempt):
        return []
    spans: Iterable[tuple[date, date | None]] = [
        *((pause.first_on, pause.last_on) for pause in approved(facts.pauses)),
        *facts.search.exempt,
    ]
    free = []
    first, last = mondays[0], mondays[-1]
    next_monday = first
    for first_on, last_on in sorted(spans, key=lambda span: span[0]):
        begin = max(next_monday, monday_of(first_on).toordinal())
        end = last if last_on is None else min(last, monday_of(last_on).toordinal())
        if begin <= end:
            free.append(range(begin, end + 1, 7))
            next_monday = end + 7
    return free


@criterion(
    "7.7",
    "not_excluded",
    Sentence(
        "No exclusion applies to the graduate; these terms exclude: {exclusions}.",
        "Aucune exclusion ne s'applique au diplômé ; ces conditions excluent : {exclusions}.",
    ),
    "exclusions",
    if_not_met=Sentence(
        "An exclusion of the terms applies. If it has ended or is wrong, send what shows it.",
        "Une exclusion des conditions s'applique. Si elle a pris fin ou est erronée, envoyez ce qui le prouve.",
    ),
)
def is_not_excluded(case: Situation) -> Finding:
    if not case.facts.exclusions:
        return _NO_EXCLUSION
    found = [word for word in case.facts.exclusions if word in case.facts.terms.exclusions]
    return Finding(NOT_MET if found else MET, found, {"exclusions": list(case.facts.exclusions)})


_NO_EXCLUSION = Finding(MET, [], {"exclusions": []})


@criterion(
    "7.8",
    "pause_ruled",
    Sentence(
        "Every pause that the graduate requested has been ruled on.",
        "Chaque pause demandée par le diplômé a fait l'objet d'une décision.",
    ),
    if_unknown=Sentence(
        "A requested pause waits for the careers team. Send what they asked for, if they did.",
        "Une pause demandée attend l'équipe carrières. Envoyez ce qu'elle a demandé, le cas échéant.",
    ),
)
def pauses_are_ruled(case: Situation) -> Finding:
    requested = [pause.first_on.isoformat() for pause in case.facts.pauses if pause.status == "requested"]
    if not requested:
        return _ALL_RULED
    return Finding(UNKNOWN, requested, {"requested": requested})


_ALL_RULED = Finding(MET, [], {"requested": []})


CRITERIA: tuple[Criterion, ...] = (
    holds_the_diploma,
    qualified_on_time,
    may_work,
    has_no_qualifying_job,
    declined_no_qualifying_offer,
    searched_actively,
    is_not_excluded,
    pauses_are_ruled,
)
CRITERIA_BY_ID = {each.id: each for each in CRITERIA}
# Nobody may waive the diploma itself.
WAIVABLE = frozenset(CRITERIA_BY_ID) - {"qualified"}


def examine(case: Situation) -> dict[str, Finding]:
    """Every criterion that applies, in the agreement's order, met ones included. Missing data is never not_met."""
    findings = {}
    for each in CRITERIA:
        finding = each.examine(case)
        if finding is not None:
            findings[each.id] = finding
    for criterion_id in case.facts.waived & WAIVABLE:
        if criterion_id in findings and findings[criterion_id].status != MET:
            findings[criterion_id] = findings[criterion_id]._replace(status=WAIVED)
    return findings


@lru_cache(maxsize=64)
def sentences(terms: Terms, language: str) -> dict[str, str]:
    """The criteria's sentences by id, with the terms' numbers filled in."""
    return {each.id: each.clause.sentence.say(terms, language) for each in CRITERIA}


def findings_as_json(findings: Mapping[str, Finding], terms: Terms, language: str) -> dict[str, object]:
    """Each criterion with its status, clause, sentence, value, the facts it rests on, and what can be done about it."""
    texts = sentences(terms, language)
    answer: dict[str, object] = {}
    for criterion_id, (status, value, facts) in findings.items():
        each = CRITERIA_BY_ID[criterion_id]
        shown: dict[str, object] = {
            "status": status,
            "clause": each.clause.number,
            "sentence": texts[criterion_id],
            "value": value,
            "facts": facts,
        }
        advice = _advice(each, status, facts, terms, language)
        if advice is not None:
            shown["what_to_do"] = advice
        answer[criterion_id] = shown
    return answer


def _advice(each: Criterion, status: str, facts: Mapping[str, object], terms: Terms, language: str) -> str | None:
    """What the graduate can do, in `language`; None where there is nothing."""
    if status == UNKNOWN and each.if_provisional is not None and COUNTS_FROM in facts:
        day = day_in_words(parse_day(str(facts[COUNTS_FROM])), language)
        return each.if_provisional.say(terms, language, day=day)
    advice = each.if_not_met if status == NOT_MET else each.if_unknown if status == UNKNOWN else None
    return advice.say(terms, language) if advice is not None else None

"""The handbook: the agreement in sentences, per version of the terms, from the clauses that the code examines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.policy import amounts, refund, window
from shared.policy.clauses import LANGUAGES, Clause, Sentence
from shared.policy.criteria import CRITERIA
from shared.policy.qualifying_job import JOB_TESTS
from shared.policy.terms import Terms


class Section(NamedTuple):
    """A heading, a sentence that introduces it, and its clauses in the agreement's order."""

    title: Sentence
    introduction: Sentence
    clauses: tuple[Clause, ...]


SECTIONS = (
    Section(
        Sentence("The guarantee", "La garantie"),
        Sentence("A promise to whoever holds the diploma.", "Une promesse à qui détient le diplôme."),
        refund.GUARANTEE_CLAUSES,
    ),
    Section(
        Sentence("The window", "La période"),
        Sentence("How long a job may take to be found.", "Le temps dont on dispose pour trouver un emploi."),
        window.CLAUSES,
    ),
    Section(
        Sentence("The job that counts", "L'emploi qui compte"),
        Sentence(
            "A job counts if every sentence is true. The first that is not decides.",
            "Un emploi compte si chaque phrase est vraie. La première qui ne l'est pas décide.",
        ),
        (*(test.clause for test in JOB_TESTS), *refund.JOB_CLAUSES),
    ),
    Section(
        Sentence("The criteria of the refund", "Les critères du remboursement"),
        Sentence(
            "Once the window is over, all must be met. What is not known is never held against the graduate: it goes "
            "to a person, and a person may waive every criterion but the first.",
            "Une fois la période finie, tous doivent être remplis. Ce que l'on ignore n'est jamais retenu contre le "
            "diplômé : une personne tranche, et peut déroger à chaque critère sauf au premier.",
        ),
        tuple(criterion.clause for criterion in CRITERIA),
    ),
    Section(
        Sentence("The claim", "La demande"),
        Sentence("How the refund is asked for.", "Comment le remboursement est demandé."),
        refund.CLAIM_CLAUSES,
    ),
    Section(
        Sentence("The amount", "Le montant"),
        Sentence("Who gets back what.", "À qui l'on rend quoi."),
        amounts.CLAUSES,
    ),
)

TITLE = Sentence("The guarantee, clause by clause", "La garantie, clause par clause")
_PREFACE = Sentence(
    "Generated from the clauses that the code examines: do not edit. "
    "To write it anew: `python -m shared.policy handbook --write`. Français : [policy.fr.md](policy.fr.md).",
    "Généré à partir des clauses que le code examine : ne pas modifier. "
    "Pour le réécrire : `python -m shared.policy handbook --write`. English: [policy.md](policy.md).",
)
_VERSION = Sentence("Terms", "Conditions")
BINDING = Sentence(
    "They bind contracts signed from {binds_from} on, for ever.",
    "Elles régissent pour toujours les contrats signés à partir du {binds_from}.",
)
_ADVICE = Sentence("What you can do", "Ce que vous pouvez faire")
_IF_NOT_MET = Sentence("not met", "non rempli")
_IF_UNKNOWN = Sentence("not known", "inconnu")
_IF_PROVISIONAL = Sentence("provisional", "provisoire")
_THE_DAY = Sentence("the day shown", "jour indiqué")


def clauses() -> Iterable[Clause]:
    """Every clause in the agreement's order."""
    return (clause for section in SECTIONS for clause in section.clauses)


def handbook(terms_by_version: Mapping[str, Terms], language: str) -> str:
    """The whole page in one language (en, fr), one part for each version of the terms, oldest first."""
    position = LANGUAGES.index(language)
    lines = [f"# {TITLE[position]}", "", _PREFACE[position]]
    for terms in sorted(terms_by_version.values(), key=lambda terms: (terms.binds_from, terms.version)):
        lines += ["", f"## {_VERSION[position]} `{terms.version}`", "", BINDING.say(terms, language)]
        for section in SECTIONS:
            lines += ["", f"### {section.title[position]}", "", section.introduction[position], ""]
            lines += [
                f"- **{clause.number}** {clause.sentence.say(terms, language)}"
                for clause in section.clauses
                if clause.is_part_of(terms)
            ]
    lines += ["", f"## {_ADVICE[position]}", ""]
    for criterion in CRITERIA:
        said = (
            (_IF_NOT_MET, criterion.if_not_met), (_IF_UNKNOWN, criterion.if_unknown),
            (_IF_PROVISIONAL, criterion.if_provisional),
        )  # fmt: skip
        for heading, advice in said:
            if advice is not None:
                text = advice[position].format(day=_THE_DAY[position])
                lines.append(f"- **{criterion.clause.number}**, {heading[position]}: {text}")
    return "\n".join(lines) + "\n"

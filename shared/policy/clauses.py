"""A clause of the agreement: its number, and its sentence in English and French with the numbers of the terms."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from shared.policy.terms import Terms

LANGUAGES = ("en", "fr")


class Sentence(NamedTuple):
    """The same sentence in both languages; `{parameter}` stands for what the terms set."""

    en: str
    fr: str

    def say(self, terms: Terms, language: str, **found: str) -> str:
        """The sentence in `language` (en, fr), with the terms' numbers and what was found filled in."""
        text = self[LANGUAGES.index(language)]
        return text.format_map({**_words(terms, language), **found}) if "{" in text else text


def _always(terms: Terms) -> bool:
    return True


class Clause(NamedTuple):
    """One clause, the parameters that it rests on, and whether a version of the terms contains it."""

    number: str
    sentence: Sentence
    parameters: tuple[str, ...] = ()
    is_part_of: Callable[[Terms], bool] = _always


_WORDS: dict[str, dict[object, Sentence]] = {
    "placement_event": {
        "contract_signed": Sentence("its contract was signed", "son contrat a été signé"),
        "offered": Sentence("it was offered", "il a été proposé"),
    },
    "self_employed": {
        "attested": Sentence(
            "only if the graduate attests that it is their choice",
            "seulement si le diplômé atteste que c'est son choix",
        ),
        "always": Sentence("always", "toujours"),
        "never": Sentence("never", "jamais"),
    },
    "aggregate_renewals": {
        True: Sentence(
            "counted from the start of the contract that it renews without a gap",
            "comptés depuis le début du contrat qu'il renouvelle sans interruption",
        ),
        False: Sentence("each contract by itself", "chaque contrat pris séparément"),
    },
    "prior_job_counts": {
        True: Sentence("counts if it was still held after that day", "compte s'il était encore occupé après ce jour"),
        False: Sentence("does not count", "ne compte pas"),
    },
    "undefined_terms": {
        True: Sentence(
            "is decided by a person, because the promise never stated it",
            "est tranché par une personne, car la promesse ne l'a jamais énoncé",
        ),
        False: Sentence("means that the job does not count", "signifie que l'emploi ne compte pas"),
    },
}
_EXCLUSIONS = {"full_time_study": Sentence("full-time study", "études à temps plein")}


@lru_cache(maxsize=64)
def _words(terms: Terms, language: str) -> dict[str, object]:
    position = LANGUAGES.index(language)
    exclusions = [_EXCLUSIONS[word][position] if word in _EXCLUSIONS else word for word in sorted(terms.exclusions)]
    if terms.window_days is not None:
        window = Sentence(f"{terms.window_days} days", f"{terms.window_days} jours")
    elif terms.window_months is not None:
        window = Sentence(f"{terms.window_months} months", f"{terms.window_months} mois")
    else:
        window = Sentence("no limit of time", "sans limite de temps")
    pauses = Sentence("without limit", "sans limite")
    if terms.max_pause_days is not None:
        pauses = Sentence(
            f"at most {terms.max_pause_days} days in all", f"{terms.max_pause_days} jours au plus en tout"
        )
    return {
        **terms._asdict(),
        **{name: words[getattr(terms, name)][position] for name, words in _WORDS.items()},
        "window": window[position],
        "max_pause_days": pauses[position],
        "allowed_short_weeks": terms.allowed_short_weeks or 0,
        "exclusions": ", ".join(exclusions) or Sentence("nothing", "rien")[position],
    }

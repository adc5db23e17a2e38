"""What shows a finding is said in the language of its page."""

from __future__ import annotations

import pytest

from shared.audit.evidence import in_words
from shared.presentation.frame import Speaker


@pytest.mark.parametrize(
    ("evidence", "english", "french"),
    [
        (
            ("approved", "since 2028-04-21", "allowed 14 days"),
            "approved; since 2028-04-21; 14 days are allowed",
            "accordé; depuis le 2028-04-21; 14 jours sont permis",
        ),
        (
            ("has never run", "allowed 1 hours"),
            "has never run; one hour is allowed",
            "n'a jamais tourné; une heure est permise",
        ),
        (
            ("stored open", "judged again eligible"),
            "stored: open; judged again: owed",
            "enregistré\u00a0: ouvert; jugé de nouveau\u00a0: dû",
        ),
        (("event 3 was changed",), "event 3 was changed", "l'événement 3 a été modifié"),
    ],
)
def test_evidence_is_said_in_the_language_of_the_page(evidence: tuple[str, ...], english: str, french: str) -> None:
    assert [in_words(Speaker(language), evidence) for language in ("en", "fr")] == [english, french]


def test_what_has_no_words_is_told_as_it_is() -> None:
    assert in_words(Speaker("fr"), ("placement_reported", "p1")) == "placement reported; p1"

"""What shows a finding, as its page says it: files and stored runs keep codes, days and numbers in English."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared.presentation.frame import Speaker

FORMS = tuple(
    (re.compile(form), word)
    for form, word in (
        (r"since (?P<day>\S+)", "evidence_since"),
        (r"allowed 1 days", "evidence_allowed_day"),
        (r"allowed (?P<count>\d+) days", "evidence_allowed_days"),
        (r"allowed 1 hours", "evidence_allowed_hour"),
        (r"allowed (?P<count>\S+) hours", "evidence_allowed_hours"),
        (r"last run (?P<at>\S+)", "evidence_last_run"),
        (r"stored (?P<code>\w+)", "evidence_stored"),
        (r"judged again (?P<code>\w+)", "evidence_judged"),
        (r"signed (?P<amount>-?\d+)", "evidence_signed"),
        (r"paid (?P<amount>-?\d+)", "evidence_paid"),
        (r"ours (?P<code>\w+) (?P<amount>-?\d+)", "evidence_ours"),
        (r"the partner's (?P<code>\w+)", "evidence_partners"),
        (r"event (?P<number>\d+) is missing or out of order", "evidence_event_missing"),
        (r"event (?P<number>\d+) does not follow the one before it", "evidence_event_unlinked"),
        (r"event (?P<number>\d+) was changed", "evidence_event_changed"),
        (r"event (?P<number>\d+) cannot be read", "evidence_event_unread"),
    )
)
"""Form of a piece of evidence -> the sentence that says it. What has none of them is a code by its name."""


def in_words(say: Speaker, evidence: Iterable[str]) -> str:
    """Everything that shows a finding."""
    return "; ".join(_piece(say, str(each)) for each in evidence)


def _piece(say: Speaker, text: str) -> str:
    for form, word in FORMS:
        found = form.fullmatch(text)
        if found is not None:
            values = found.groupdict()
            if "code" in values:
                values["code"] = say.named("evidence", values["code"])
            return say(word, **values)
    return say.named("evidence", text)

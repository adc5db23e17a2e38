"""The one prerequisite: a bachelor's degree in mathematics. What cannot be seen as met goes to a person, never away."""

from __future__ import annotations

from typing import Any, Protocol


class Prerequisite(Protocol):
    """What a programme says about the degree it asks for."""

    @property
    def prerequisite_level(self) -> tuple[str, ...]: ...

    @property
    def prerequisite_subjects(self) -> tuple[str, ...]: ...


def prerequisite(degree: dict[str, Any], programme: Prerequisite) -> tuple[str, list[str]]:
    """`met` or `unknown`, and why it is unknown. There is no third answer: a title test would reject wrongly."""
    reasons = []
    if degree["level"] not in programme.prerequisite_level:
        reasons.append("level_not_listed")
    if degree["subject"].strip().casefold() not in programme.prerequisite_subjects:
        reasons.append("subject_not_listed")
    if degree.get("awarded_on") is None:
        reasons.append("not_awarded_yet")
    return ("unknown", reasons) if reasons else ("met", [])

"""Rehearsal: whose decision would change under new terms, and the clause that makes the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.policy.facts import Facts
from shared.policy.handbook import clauses
from shared.policy.refund import decide
from shared.policy.terms import PARAMETERS, Terms


@dataclass(frozen=True, slots=True)
class Change:
    """A decision before and after, and the parameters that make the difference."""

    before: str
    after: str
    parameters: tuple[str, ...]

    @property
    def clauses(self) -> tuple[str, ...]:
        """The numbers of the clauses that rest on these parameters, in the agreement's order."""
        return tuple(clause.number for clause in clauses() if set(clause.parameters) & set(self.parameters))

    def as_json(self) -> dict[str, object]:
        """The change as one line of the rehearsal shows it."""
        return {
            "before": self.before,
            "after": self.after,
            "parameters": list(self.parameters),
            "clauses": list(dict.fromkeys(self.clauses)),
        }


@dataclass(slots=True)
class Tally:
    """The counts of a rehearsal."""

    decided: int = 0
    invalid: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    clauses: Counter[str] = field(default_factory=Counter)

    def add(self, change: Change) -> None:
        """Count one decision."""
        self.decided += 1
        if change.before != change.after:
            self.changes[f"{change.before} -> {change.after}"] += 1
            self.clauses.update(set(change.clauses))

    def as_json(self) -> dict[str, object]:
        """The last line of a rehearsal."""
        return {
            "decided": self.decided,
            "changed": self.changes.total(),
            "invalid": self.invalid,
            "changes": dict(sorted(self.changes.items())),
            "clauses": dict(sorted(self.clauses.items())),
        }


def rehearse(facts: Facts, new_terms: Terms, override: Mapping[str, object]) -> Change:
    """The decision on the facts by their own terms and by new ones; what the facts override stays overridden.

    A parameter makes the difference if setting it back to the old value under the new terms undoes the change; where
    none does so alone, all that turn the old decision by themselves are named, and failing these all that differ.
    """
    old, new = facts.terms, new_terms.overridden(override)
    before, after = decide(facts).decision, decide(facts._replace(terms=new)).decision
    if before == after:
        return Change(before, after, ())
    differing = [name for name in PARAMETERS if getattr(old, name) != getattr(new, name)]

    def decided(terms: Terms) -> str:
        return decide(facts._replace(terms=terms)).decision

    undoing = [name for name in differing if decided(new._replace(**{name: getattr(old, name)})) == before]
    turning = [name for name in differing if decided(old._replace(**{name: getattr(new, name)})) != before]
    return Change(before, after, tuple(undoing or turning or differing))

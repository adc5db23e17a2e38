"""What a life cycle is: a table of rows *state, action -> state*, each with its actors and a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.errors import ActionNotAllowed, Forbidden


class Role(StrEnum):
    """Who acts. The first five act on cases for a living or for themselves; partner and system are machines."""

    APPLICANT = "applicant"
    SPECIALIST = "specialist"
    ADMISSIONS = "admissions"
    CAREERS = "careers"
    FINANCE = "finance"
    PARTNER = "partner"
    SYSTEM = "system"
    AUDITOR = "auditor"
    ADMIN = "admin"


CASE_STAFF = (Role.SPECIALIST, Role.ADMISSIONS, Role.CAREERS, Role.FINANCE)
"""Members of staff who act on cases."""

NONE = "none"


@dataclass(frozen=True)
class Row:
    """One thing that may happen: from any of `sources` to `target` (None: the state stays)."""

    action: str
    event: str
    sources: frozenset[str]
    target: str | None
    actors: frozenset[Role]
    sentence: str


def row(
    action: str, event: str, sources: Iterable[str], target: str | None, actors: Iterable[Role], sentence: str
) -> Row:
    """Build a row of a table."""
    return Row(action, event, frozenset(sources), target, frozenset(actors), sentence)


@dataclass(frozen=True)
class LifeCycle:
    """A named table. Everything that changes a state asks it; documents and tests are generated from it."""

    name: str
    states: tuple[str, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        seen: set[tuple[str, str]] = set()
        for each in self.rows:
            unknown = (each.sources | ({each.target} if each.target else set())) - set(self.states)
            if unknown:
                raise ValueError(f"{self.name}: {each.action} names unknown states {sorted(unknown)}")
            for source in each.sources:
                if (source, each.event) in seen:
                    raise ValueError(f"{self.name}: two rows for {each.event} from {source}")
                seen.add((source, each.event))

    @property
    def events(self) -> frozenset[str]:
        """Every event of this cycle."""
        return frozenset(each.event for each in self.rows)

    def row_for(self, event: str, state: str) -> Row:
        """The row that lets `event` happen in `state`, or `ActionNotAllowed`."""
        for each in self.rows:
            if each.event == event and state in each.sources:
                return each
        action = next((each.action for each in self.rows if each.event == event), event)
        raise ActionNotAllowed(action, state)

    def permit(self, event: str, state: str, role: Role) -> Row:
        """As `row_for`, and `Forbidden` where the row is not for this role."""
        found = self.row_for(event, state)
        if role not in found.actors:
            raise Forbidden("role")
        return found

    def actions_from(self, state: str, role: Role | None = None) -> list[str]:
        """What may be done next in `state` (by `role`), in the table's order."""
        return [each.action for each in self.rows if state in each.sources and (role is None or role in each.actors)]

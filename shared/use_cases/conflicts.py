"""Who is too close to a person to see or do anything in their case: declared, lifted by somebody else, or found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.domain.change import Change
from shared.domain.errors import Forbidden, NotFound
from shared.use_cases import deliveries

if TYPE_CHECKING:
    from shared.bootstrap import Services


def declare(change: Change, *, relation: str, staff: str | None = None, note: str | None = None) -> None:
    """Declare oneself or another member of staff close to the person; said twice it is one conflict."""
    whom = staff or change.actor.id
    if not change.case.custody.binds(whom):
        number = len(change.case.custody.conflicts) + 1
        change.record("conflict_declared", f"x{number}", staff=whom, relation=relation, note=note)


def lift(change: Change, *, conflict: str, reason: str, note: str | None = None) -> None:
    """Find that there is no conflict: said neither by whom it binds nor by whoever declared it."""
    found = next((each for each in change.case.custody.conflicts if each.id == conflict and not each.lifted), None)
    if found is None:
        raise NotFound(conflict)
    change.check("conflict_lifted", conflict)
    if change.actor.id in (found.staff, found.declared_by):
        raise Forbidden("same-person")
    change.record("conflict_lifted", conflict, reason=reason, note=note)


async def own_cases(services: Services, emails: Iterable[str]) -> frozenset[str]:
    """The cases that were opened with one of these addresses."""
    found: set[str] = set()
    for email in sorted(emails):
        address = deliveries.address_key(services, email)
        row = await services.store.read("addresses", address, address)
        found |= set(row["cases"]) if row else set()
    return frozenset(found)

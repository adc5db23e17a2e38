"""Small cells: counts under five people are not published, nor can they be had by subtraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST = 5


@dataclass(frozen=True)
class Cell:
    """A count, and the ways in which it is split: the parts of each split add up to it."""

    name: str
    count: int
    splits: tuple[tuple[Cell, ...], ...] = ()


def published(total: Cell) -> dict[str, int | None]:
    """Every cell by name: its count, or None where it is withheld.

    Withheld are: a count under five, zero too; everything that a withheld cell is split into; and of each split as many
    more cells as it takes that no small one follows from the others, whoever knows this rule included.
    """
    withheld: set[str] = set()
    while True:
        answer, unsafe = _published(total, withheld)
        if unsafe is None:
            return answer
        withheld.add(unsafe)


def _published(total: Cell, withheld: set[str]) -> tuple[dict[str, int | None], str | None]:
    """The cells below `total`, and the name of a cell that must go as well, because its parts would tell too much."""
    answer: dict[str, int | None] = {}
    pending = [(total, total.count >= LEAST and total.name not in withheld)]
    while pending:
        cell, is_shown = pending.pop()
        answer[cell.name] = cell.count if is_shown else None
        for split in reversed(cell.splits):
            hidden = {each.name for each in split}
            if is_shown:
                hidden, is_safe = _hidden(split, withheld)
                if not is_safe:
                    return answer, cell.name
            pending += [(each, each.name not in hidden) for each in reversed(split)]
    return answer, None


def _hidden(split: tuple[Cell, ...], withheld: set[str]) -> tuple[set[str], bool]:
    """The parts of a published whole that must not be shown, and whether that is enough."""
    counts = {each.name: each.count for each in split}
    hidden = {name for name, count in counts.items() if count < LEAST or name in withheld}
    shown = sorted((name for name in counts if name not in hidden), key=lambda name: (counts[name], name))
    while hidden and not _is_safe(counts, hidden) and shown:
        hidden.add(shown.pop(0))
    return hidden, not hidden or _is_safe(counts, hidden)


def may_be_subtracted(parts: Sequence[int]) -> bool:
    """Whether a whole may be told of which these parts are not: none of them is small, or none follows from the sum.

    Nor may one follow from the whole's not being told: two more than the least, or what is withheld would be the one
    case in which every small part is nobody.
    """
    small, together = [count for count in parts if count < LEAST], sum(parts)
    if len(small) == len(parts):
        return LEAST <= together < (LEAST - 1) * len(small)
    return not small or together >= LEAST * (len(parts) - len(small)) + 2


def _is_safe(counts: Mapping[str, int], hidden: set[str]) -> bool:
    """Whether no hidden count follows from the sum of the hidden ones and from the rule by which they are hidden.

    The sum itself follows from what is shown, so it must not be small either. The worst reader knows which of the
    hidden are small, that the others are at least five, and that none of those is larger than the smallest that is
    shown.
    """
    small = [counts[name] for name in hidden if counts[name] < LEAST]
    others = len(hidden) - len(small)
    together = sum(counts[name] for name in hidden)
    if not others:
        return LEAST <= together < (LEAST - 1) * len(small)
    shown = [count for name, count in counts.items() if name not in hidden]
    if not small:
        return others > 1 and (not shown or min(shown) > LEAST)
    most_others = min(shown) * others if shown else together
    least = max(0, together - most_others - (LEAST - 1) * (len(small) - 1))
    return least < min(LEAST - 1, together - LEAST * others)

"""Nobody can get at a small cell, though they know how it is withheld: every table that looks the same is tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from shared.policy.small_cells import LEAST, Cell, published


def table(*counts: int) -> Cell:
    return Cell("all", sum(counts), (tuple(Cell(f"c{n}", count) for n, count in enumerate(counts)),))


def two_levels(a: int, b: int, c: int, d: int) -> Cell:
    inner = Cell("inner", a + b, ((Cell("a", a), Cell("b", b)),))
    return Cell("all", a + b + c + d, ((inner, Cell("c", c), Cell("d", d)),))


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


def counts_of(cell: Cell) -> dict[str, int]:
    found = {cell.name: cell.count}
    for split in cell.splits:
        for each in split:
            found |= counts_of(each)
    return found


@pytest.mark.parametrize(
    ("make", "parts", "most"), [(table, 2, 24), (table, 3, 22), (table, 4, 15), (two_levels, 4, 15)]
)
def test_no_small_cell_can_be_derived_from_what_is_published(make: object, parts: int, most: int) -> None:
    looks_the_same: dict[tuple[tuple[str, int | None], ...], list[dict[str, int]]] = defaultdict(list)
    for total in range(most + 1):
        for counts in compositions(total, parts):
            cell = make(*counts)  # type: ignore[operator]
            looks_the_same[tuple(sorted(published(cell).items()))].append(counts_of(cell))

    for answer, candidates in looks_the_same.items():
        if max(each["all"] for each in candidates) > most - 5 and dict(answer)["all"] is None:
            continue
        for name, shown in answer:
            values = {each[name] for each in candidates}
            if shown is None:
                assert len(values) > 1 or min(values) >= LEAST, (answer, name, values)
            else:
                assert values == {shown}
                assert shown >= LEAST
        for parts in ([name for name, _ in answer if name[0] == "c"], ["inner", "c", "d"], ["a", "b"]):
            _no_rest_is_small(dict(answer), parts)


def _no_rest_is_small(shown: dict[str, int | None], parts: list[str]) -> None:
    """What a whole and its shown parts leave over is none of its parts, or enough people."""
    whole = shown.get("inner" if parts == ["a", "b"] else "all")
    if whole is not None and set(parts) <= set(shown) and None in [shown[name] for name in parts]:
        assert whole - sum(shown[name] or 0 for name in parts) >= LEAST, shown


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ((12, 9, 8), [12, 9, 8]),
        ((12, 9, 2), [12, None, None]),  # one small cell takes the next smallest with it
        ((12, 4, 3), [12, None, None]),  # two small ones hide each other
        ((12, 2, 1), [None, None, None]),  # unless both together are few
        ((12, 4, 4), [None, None, None]),  # but not where only 4 and 4 make 8
        ((12, 0, 0), [None, None, None]),  # nor where both must be nobody
        ((30, 7, 7, 2), [30, 7, None, None]),
    ],
)
def test_as_little_is_withheld_as_it_takes(counts: tuple[int, ...], shown: list[int | None]) -> None:
    found = published(table(*counts))

    assert sorted([found[f"c{n}"] for n in range(len(counts))], key=str) == sorted(shown, key=str)


def test_a_withheld_whole_hides_its_parts_and_a_whole_goes_where_its_parts_would_tell_it() -> None:
    assert published(two_levels(2, 1, 9, 12))["a"] is None
    assert published(two_levels(4, 4, 20, 30))["inner"] is None
    assert published(table(1, 2)) == {"all": None, "c0": None, "c1": None}

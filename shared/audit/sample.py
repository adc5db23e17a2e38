"""Decided claims drawn for human review, refusals included: anybody who has seed and list draws the same ones."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from shared.domain.events import sha256_of


def commitment(seed: str) -> str:
    """What is published before the draw: whoever sees the seed later can check that it is the one."""
    return hashlib.sha256(seed.encode()).hexdigest()


def in_list_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The list that is drawn from: each decision once, by case and sequence."""
    once = {(row["case_id"], row["sequence"]): row for row in rows}
    return [once[key] for key in sorted(once)]


def draw(rows: Iterable[dict[str, Any]], seed: str, percent: int, least: int) -> list[dict[str, Any]]:
    """The rows drawn: of each stratum (verdict, large or not) the given part, rounded up, and at least so many.

    A row's rank is SHA-256 of seed, case and sequence, so that order and origin of the list change nothing.
    """
    strata: dict[tuple[str, bool], list[dict[str, Any]]] = defaultdict(list)
    for row in in_list_order(rows):
        strata[row["verdict"], row["is_large"]].append(row)
    drawn = []
    for _, members in sorted(strata.items()):
        ranked = sorted(members, key=lambda row: _rank(seed, row))
        drawn += ranked[: max(least, -(-len(members) * percent // 100))]
    return in_list_order(drawn)


def _rank(seed: str, row: dict[str, Any]) -> str:
    return hashlib.sha256(f"{seed}|{row['case_id']}|{row['sequence']}".encode()).hexdigest()


def list_hash(rows: Iterable[dict[str, Any]]) -> str:
    """The hash of the list that was drawn from."""
    return sha256_of(in_list_order(rows))

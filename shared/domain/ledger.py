"""The ledger: every line is a double entry, for one payer in one currency, in minor units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

BANK, PAYER, ALLOWANCE, CANCELLED = "bank", "payer", "allowance", "cancelled"
FINANCING, LENDER = "financing", "lender"

ENTRIES: dict[str, tuple[str, str]] = {
    "payment": (BANK, PAYER),
    "refund": (PAYER, BANK),
    "chargeback": (PAYER, BANK),
    "discount": (ALLOWANCE, PAYER),
    "cancelled": (CANCELLED, PAYER),
    "interest": (FINANCING, LENDER),
}
"""Kind of line -> the account that it debits, and the one that it credits.

`bank` is the money that we hold of a payer, `payer` the other side of it; `allowance` is what was never asked for,
`cancelled` an instalment that need not be paid any more; a loan's interest is between the payer and a lender.
"""

Key = tuple[str, str]
"""Payer and currency. Nothing is ever summed over two of either."""


class Line(Protocol):
    """What the ledger needs to know of a line."""

    @property
    def kind(self) -> str: ...
    @property
    def payer(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


class Posting(NamedTuple):
    """One side of an entry: a debit is positive, a credit negative."""

    payer: str
    currency: str
    account: str
    amount_minor: int


def postings(lines: Iterable[Line]) -> list[Posting]:
    """Both sides of every line, in order."""
    found = []
    for line in lines:
        debit, credit = ENTRIES[line.kind]
        found.append(Posting(line.payer, line.currency, debit, line.amount_minor))
        found.append(Posting(line.payer, line.currency, credit, -line.amount_minor))
    return found


def balances(lines: Iterable[Line]) -> dict[Key, dict[str, int]]:
    """The balance of every account that was moved, by payer and currency; each payer's accounts add up to zero."""
    sums: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for posting in postings(lines):
        sums[posting.payer, posting.currency][posting.account] += posting.amount_minor
    return {key: dict(accounts) for key, accounts in sorted(sums.items())}


def held(lines: Iterable[Line]) -> dict[Key, int]:
    """The money that we hold of each payer: payments less refunds and chargebacks. Below zero is an alarm."""
    return {key: accounts.get(BANK, 0) for key, accounts in balances(lines).items()}


def overdrawn(lines: Iterable[Line], due: Mapping[Key, int] | None = None) -> list[Key]:
    """Payers of whom we would hold less than nothing, once what is `due` to them has gone out as well."""
    left = defaultdict(int, held(lines))
    for key, amount_minor in (due or {}).items():
        left[key] -= amount_minor
    return sorted(key for key, amount_minor in left.items() if amount_minor < 0)

"""What goes back when a contract ends before the diploma: everything within fourteen days, the law's part after."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.money import split_by_largest_remainder


def returned_on_cancellation(paid: Mapping[str, int]) -> dict[str, int]:
    """Each payer gets back all it paid (Directive 2011/83 art. 13; UK Consumer Contracts Regulations 2013 reg. 34)."""
    return {payer: max(0, amount) for payer, amount in paid.items()}


def returned_on_termination(paid: Mapping[str, int], price_minor: int, kept_percent: int) -> dict[str, int]:
    """What is left after the indemnity, at most `kept_percent` of the price (Code de l'éducation L444-8: 30 %).

    The indemnity is rounded down, so doubt favours the person; what goes back is shared in proportion to what each
    payer paid, in minor units, leftovers by largest remainder.
    """
    received = {payer: max(0, amount) for payer, amount in paid.items()}
    back = max(0, sum(received.values()) - price_minor * kept_percent // 100)
    return split_by_largest_remainder(back, received)

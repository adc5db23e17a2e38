"""What a refund pays to whom: each payer gets back what it paid, per currency, never converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from shared.domain.money import MINOR_DIGITS, Money, NotMoney, split_by_largest_remainder, to_decimal, to_minor
from shared.policy.clauses import Clause, Sentence
from shared.policy.reading import InvalidFacts, read_list, read_object, read_text, read_word

CLAUSES = (
    Clause(
        "9.1",
        Sentence(
            "Each payer gets back what it paid, less what it already got back, per currency and never converted.",
            "Chaque payeur récupère ce qu'il a payé, moins ce qui lui a déjà été rendu, par devise et sans conversion.",
        ),
    ),
    Clause(
        "9.2",
        Sentence(
            "The refund is {refund_percent} % of that total, rounded half up once; list price, discounts and loan "
            "interest are no payments.",
            "Le remboursement est de {refund_percent} % de ce total, arrondi une fois au plus proche ; prix "
            "catalogue, remises et intérêts d'emprunt ne sont pas des paiements.",
        ),
        ("refund_percent",),
    ),
    Clause(
        "9.3",
        Sentence("Instalments not yet paid are cancelled.", "Les échéances non encore payées sont annulées."),
    ),
)

# What a line adds to what the payer has paid; None: it is no payment at all.
_SIGNS: dict[str, int | None] = {"payment": 1, "refund": -1, "chargeback": -1, "discount": None, "interest": None}


class Line(NamedTuple):
    """One line of the ledger. Two equal lines are two payments; duplicates are dropped at the door."""

    payer: str
    kind: str
    money: Money


class Alarm(NamedTuple):
    """A payer that got back more than it paid: `balance` is negative."""

    payer: str
    balance: Money


class Amounts(NamedTuple):
    """What to pay and what to cancel, in minor units by currency (and payer)."""

    refund: dict[str, dict[str, int]]
    cancel: dict[str, int]
    alarms: tuple[Alarm, ...]

    def as_json(self) -> dict[str, object]:
        """The same with decimal strings."""
        return {
            "refund": {
                currency: {payer: to_decimal(share, currency) for payer, share in shares.items()}
                for currency, shares in self.refund.items()
            },
            "cancel": {currency: to_decimal(amount, currency) for currency, amount in self.cancel.items()},
            "alarms": [
                {
                    "payer": alarm.payer,
                    "currency": alarm.balance.currency,
                    "balance": to_decimal(alarm.balance.amount_minor, alarm.balance.currency),
                }
                for alarm in self.alarms
            ],
        }


def amounts(ledger: Sequence[Line], percent: int | Decimal, unpaid: Sequence[Money]) -> Amounts:
    """What each payer gets back: payments less refunds and chargebacks, times `percent` (0 to 100).

    The percentage applies to a currency's total, rounded half up to the minor unit once; shares are rounded down and
    the units left over go to the largest remainders, ties by payer's name. A negative balance counts as zero and is an
    alarm. A payer with nothing due appears with zero. Source: guarantee rules, "Amounts" and the fine print.
    """
    balances: dict[str, dict[str, int]] = {}
    for line in ledger:
        sign = _SIGNS[line.kind]
        if sign is not None:
            of_payers = balances.setdefault(line.money.currency, {})
            of_payers[line.payer] = of_payers.get(line.payer, 0) + sign * line.money.amount_minor
    refund: dict[str, dict[str, int]] = {}
    alarms = []
    for currency, of_payers in sorted(balances.items()):
        due = {payer: max(0, balance) for payer, balance in of_payers.items()}
        refund[currency] = split_by_largest_remainder(_percent_of(sum(due.values()), percent), due)
        alarms += [Alarm(payer, Money(owed, currency)) for payer, owed in sorted(of_payers.items()) if owed < 0]
    cancel: dict[str, int] = {}
    for money in unpaid:
        cancel[money.currency] = cancel.get(money.currency, 0) + money.amount_minor
    return Amounts(refund, dict(sorted(cancel.items())), tuple(alarms))


def _percent_of(total_minor: int, percent: int | Decimal) -> int:
    """Rounded half up to the minor unit."""
    exact = total_minor * Fraction(percent) / 100
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def parse_ledger(data: object) -> tuple[tuple[Line, ...], int | Decimal, tuple[Money, ...]]:
    """`{ledger, percent, unpaid}` as the arguments of `amounts`; raises InvalidFacts.

    Amounts are decimal strings. `percent` is 100 and `unpaid` empty where they are not said.
    """
    said = read_object(data, ("ledger", "percent", "unpaid"), ("ledger",), "")
    ledger = read_list(said["ledger"], "/ledger", _line, None)
    percent, unpaid = said.get("percent"), said.get("unpaid")
    return (
        ledger,
        100 if percent is None else _percent(percent),
        () if unpaid is None else read_list(unpaid, "/unpaid", _instalment, None),
    )


def _line(data: object, _: None) -> Line:
    keys = ("payer", "currency", "kind", "amount")
    said = read_object(data, keys, keys, "")
    return Line(read_text(said["payer"], "/payer"), read_word(said["kind"], _SIGNS, "/kind"), _money(said))


def _instalment(data: object, _: None) -> Money:
    keys = ("currency", "amount")
    return _money(read_object(data, keys, keys, ""))


def _money(said: Mapping[str, object]) -> Money:
    currency, amount = read_text(said["currency"], "/currency"), read_text(said["amount"], "/amount")
    if currency not in MINOR_DIGITS:
        raise InvalidFacts("/currency", "value", "This is no currency of ISO 4217.")
    try:
        return Money(to_minor(amount, currency), currency)
    except NotMoney as error:
        raise InvalidFacts("/amount", "value", f"This is no amount: {error}.") from None


DECIMALS_MAX = 20
"""Of a percentage: more would cost time and change nothing."""


def _percent(value: object) -> int | Decimal:
    if type(value) is not int and type(value) is not Decimal:
        raise InvalidFacts("/percent", "type", "A percentage is a whole or decimal number.")
    if not 0 <= value <= 100 or (type(value) is Decimal and int(value.as_tuple().exponent) < -DECIMALS_MAX):
        raise InvalidFacts("/percent", "value", "A percentage is a number from 0 to 100 of few decimals.")
    return value

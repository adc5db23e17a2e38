"""Amounts: each payer gets back what it paid, to the minor unit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.money import MINOR_DIGITS, Money, NotMoney, split_by_largest_remainder, to_decimal, to_minor
from shared.policy.amounts import amounts, parse_ledger
from shared.policy.reading import InvalidFacts


def line(payer: str, amount: str, kind: str = "payment", currency: str = "EUR") -> dict[str, str]:
    return {"payer": payer, "currency": currency, "kind": kind, "amount": amount}


def answer(*ledger: dict[str, str], **said: Any) -> dict[str, Any]:
    return amounts(*parse_ledger({"ledger": list(ledger), **said})).as_json()


def test_discounts_and_interest_are_no_payments_and_their_payer_does_not_appear() -> None:
    paid = answer(line("cand", "700"), line("cand", "100", "discount"), line("lender", "12.34", "interest"))

    assert paid["refund"] == {"EUR": {"cand": "700.00"}}


def test_a_payer_who_has_got_everything_back_appears_with_nothing_due() -> None:
    paid = answer(line("cand", "700"), line("cand", "700", "refund"), line("bank", "5", "chargeback", "USD"))

    assert paid["refund"] == {"EUR": {"cand": "0.00"}, "USD": {"bank": "0.00"}}
    assert paid["alarms"] == [{"payer": "bank", "currency": "USD", "balance": "-5.00"}]


def test_a_negative_balance_is_an_alarm_and_takes_nothing_from_others() -> None:
    paid = answer(line("a", "100"), line("b", "50"), line("b", "80", "chargeback"))

    assert paid["refund"] == {"EUR": {"a": "100.00", "b": "0.00"}}
    assert paid["alarms"] == [{"payer": "b", "currency": "EUR", "balance": "-30.00"}]


def test_two_equal_lines_are_two_payments() -> None:
    assert answer(line("a", "10"), line("a", "10"))["refund"] == {"EUR": {"a": "20.00"}}


@pytest.mark.parametrize(
    ("currency", "paid", "percent", "due"),
    [
        ("EUR", "0.01", 50, "0.01"),  # half a cent goes up
        ("EUR", "0.01", 49, "0.00"),
        ("EUR", "0.99", 50, "0.50"),
        ("JPY", "701", 50, "351"),
        ("BHD", "0.001", 50, "0.001"),
        ("CLF", "0.0001", 100, "0.0001"),
        ("EUR", "8000", 0, "0.00"),
    ],
)
def test_the_percentage_is_rounded_half_up_to_the_minor_unit(currency: str, paid: str, percent: int, due: str) -> None:
    assert answer(line("a", paid, currency=currency), percent=percent)["refund"] == {currency: {"a": due}}


def test_rounding_happens_once_for_the_total_and_the_rest_goes_to_the_largest_remainders() -> None:
    paid = answer(line("a", "0.01"), line("b", "0.01"), line("c", "0.01"), percent=50)

    # 1.5 cents are 2: one each to the first two by name, since all remainders are equal.
    assert paid["refund"] == {"EUR": {"a": "0.01", "b": "0.01", "c": "0.00"}}


def test_a_percentage_may_have_decimals_but_no_binary_ones() -> None:
    ledger = [line("a", "1000")]

    assert amounts(*parse_ledger({"ledger": ledger, "percent": Decimal("33.3")})).refund == {"EUR": {"a": 33300}}
    with pytest.raises(InvalidFacts) as refused:
        parse_ledger({"ledger": ledger, "percent": 33.3})
    assert (refused.value.pointer, refused.value.code) == ("/percent", "type")


def test_unpaid_instalments_are_cancelled_per_currency() -> None:
    unpaid = [{"currency": "USD", "amount": "700"}, {"currency": "EUR", "amount": "1.5"}]

    assert answer(unpaid=[*unpaid, unpaid[0]])["cancel"] == {"EUR": "1.50", "USD": "1400.00"}


REFUSED: list[tuple[Any, str, str]] = [
    ([], "", "type"),
    ({}, "/ledger", "missing"),
    ({"ledger": {}}, "/ledger", "type"),
    ({"ledger": [], "currency": "EUR"}, "/currency", "unknown_key"),
    ({"ledger": [1]}, "/ledger/0", "type"),
    ({"ledger": [{**line("a", "1"), "id": "x"}]}, "/ledger/0/id", "unknown_key"),
    ({"ledger": [line("a", "1"), line("a", "1", "gift")]}, "/ledger/1/kind", "value"),
    ({"ledger": [{"currency": "EUR", "kind": "payment", "amount": "1"}]}, "/ledger/0/payer", "missing"),
    ({"ledger": [{**line("a", "1"), "amount": 1}]}, "/ledger/0/amount", "type"),
    ({"ledger": [{**line("a", "1"), "amount": None}]}, "/ledger/0/amount", "missing"),
    *(
        ({"ledger": [line("a", wrong)]}, "/ledger/0/amount", "value")
        for wrong in ("", "-1", "+1", "1,00", "1.005", "1.", ".5", "1e3", "NaN", "١", "１", " 1", "1\n", "1_000", "0x1")
    ),
    ({"ledger": [line("a", "1.0", currency="JPY")]}, "/ledger/0/amount", "value"),
    ({"ledger": [line("a", "1", currency="eur")]}, "/ledger/0/currency", "value"),
    ({"ledger": [line("a", "1", currency="XXX")]}, "/ledger/0/currency", "value"),
    ({"ledger": [], "percent": 101}, "/percent", "value"),
    ({"ledger": [], "percent": -1}, "/percent", "value"),
    ({"ledger": [], "percent": "100"}, "/percent", "type"),
    ({"ledger": [], "percent": True}, "/percent", "type"),
    ({"ledger": [], "unpaid": [{"currency": "EUR", "amount": "1", "due_on": "x"}]}, "/unpaid/0/due_on", "unknown_key"),
    ({"ledger": [], "unpaid": [{"currency": "EUR"}]}, "/unpaid/0/amount", "missing"),
]


@pytest.mark.parametrize(("wrong", "pointer", "code"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_ledger_with_a_fault_is_refused(wrong: Any, pointer: str, code: str) -> None:
    with pytest.raises(InvalidFacts) as refused:
        parse_ledger(wrong)

    assert (refused.value.pointer, refused.value.code) == (pointer, code)


lines = st.builds(
    line,
    st.sampled_from(["ann", "bob", "employer", "lender"]),
    st.integers(0, 10**9).map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
    st.sampled_from(["payment", "payment", "payment", "refund", "chargeback", "discount", "interest"]),
    st.sampled_from(["EUR", "USD"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(lines, max_size=8), st.integers(0, 100))
def test_shares_add_up_and_no_payer_gets_more_than_it_paid(ledger: list[dict[str, str]], percent: int) -> None:
    paid = amounts(*parse_ledger({"ledger": ledger, "percent": percent}))

    signs = {"payment": 1, "refund": -1, "chargeback": -1}
    for currency, shares in paid.refund.items():
        balances = {
            payer: sum(
                signs.get(each["kind"], 0) * Decimal(each["amount"])
                for each in ledger
                if each["currency"] == currency and each["payer"] == payer
            )
            for payer in shares
        }
        total = sum((max(Decimal(0), balance) for balance in balances.values()), Decimal(0))
        exact = (total * percent / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(sum(shares.values())) / 100 == exact
        for payer, balance in balances.items():
            assert Decimal(shares[payer]) / 100 <= max(Decimal(0), balance)
            assert (balance < 0) == any(a.payer == payer and a.balance.currency == currency for a in paid.alarms)


@settings(max_examples=100, deadline=None)
@given(st.permutations([line("a", "0.01"), line("b", "0.02"), line("c", "0.03"), line("a", "0.01", "refund")]))
def test_order_of_lines_plays_no_part(ledger: list[dict[str, str]]) -> None:
    assert answer(*ledger, percent=50)["refund"] == {"EUR": {"a": "0.00", "b": "0.01", "c": "0.02"}}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(MINOR_DIGITS)), st.integers(-(10**12), 10**12))
def test_money_is_read_as_it_was_written(currency: str, amount_minor: int) -> None:
    written = to_decimal(amount_minor, currency)

    assert str(Money(amount_minor, currency)) == f"{written} {currency}"
    assert to_minor(written.removeprefix("-"), currency) == abs(amount_minor)


def test_an_unknown_currency_is_no_money() -> None:
    with pytest.raises(NotMoney):
        to_decimal(1, "ECU")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.dictionaries(st.text(max_size=2), st.integers(0, 10**6), max_size=5))
def test_a_split_adds_up_and_is_fair_to_the_unit(total: int, weights: dict[str, int]) -> None:
    shares = split_by_largest_remainder(total, weights)

    sum_of_weights = sum(weights.values())
    assert sum(shares.values()) == (total if sum_of_weights else 0)
    for name, weight in weights.items():
        assert sum_of_weights == 0 or abs(shares[name] - total * weight / sum_of_weights) < 1

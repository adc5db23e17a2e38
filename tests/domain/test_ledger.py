"""The ledger: two sides to every line, nothing summed over payers or currencies."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from functions.enrolments import Payment
from shared.domain.enrolment import LedgerLine
from shared.domain.ledger import BANK, ENTRIES, balances, held, overdrawn, postings

lines = st.lists(
    st.builds(
        LedgerLine,
        id=st.text("abc", min_size=1, max_size=4),
        kind=st.sampled_from(sorted(ENTRIES)),
        payer=st.sampled_from(["self", "employer:acme", "lender:x"]),
        amount_minor=st.integers(0, 10**9),
        currency=st.sampled_from(["EUR", "USD"]),
        on=st.just(date(2027, 4, 5)),
    ),
    max_size=20,
)


def line(kind: str, amount_minor: int, payer: str = "self", currency: str = "EUR") -> LedgerLine:
    return LedgerLine(id="l", kind=kind, payer=payer, amount_minor=amount_minor, currency=currency, on=date(2027, 4, 5))


@given(lines)
def test_accounts_of_each_payer_and_currency_add_up_to_nothing(lines: list[LedgerLine]) -> None:
    assert all(sum(accounts.values()) == 0 for accounts in balances(lines).values())
    assert len(postings(lines)) == 2 * len(lines)


@given(lines)
def test_money_held_is_payments_less_refunds_and_chargebacks(lines: list[LedgerLine]) -> None:
    signs = {"payment": 1, "refund": -1, "chargeback": -1}
    expected: Counter[tuple[str, str]] = Counter()
    for each in lines:
        expected[each.payer, each.currency] += signs.get(each.kind, 0) * each.amount_minor

    assert {key: amount for key, amount in held(lines).items() if amount} == {k: v for k, v in expected.items() if v}


def test_discounts_interest_and_cancelled_instalments_move_no_money() -> None:
    assert [kind for kind, accounts in ENTRIES.items() if BANK not in accounts] == ["discount", "cancelled", "interest"]


def test_what_goes_out_is_held_of_the_same_payer_in_the_same_currency() -> None:
    ledger = [line("payment", 500), line("payment", 900, payer="employer:acme")]

    assert overdrawn(ledger, {("self", "EUR"): 500}) == []
    assert overdrawn(ledger, {("self", "EUR"): 501}) == [("self", "EUR")]
    assert overdrawn(ledger, {("self", "USD"): 1}) == [("self", "USD")]


def test_every_kind_that_staff_may_book_has_its_entry() -> None:
    assert set(get_args(Payment.model_fields["kind"].annotation)) <= set(ENTRIES)

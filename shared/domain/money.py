"""Money as whole minor units: decimal strings at the edge, integers inside, never binary floats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,4}))?", re.ASCII)

# ISO 4217, list one, and the codes it withdrew since 2019. Metals, funds' units and test codes are no money.
_TWO_DIGITS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN
PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD
TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG CUC HRK SLL VED ZWL
"""
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"

MINOR_DIGITS: dict[str, int] = {
    code: digits
    for digits, codes in ((0, _NO_DIGITS), (2, _TWO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS))
    for code in codes.split()
}


class NotMoney(ValueError):
    """The text is no amount, or no amount that this currency can express."""


class Money(NamedTuple):
    """An amount in the currency's minor unit (cents, pence, yen); may be negative."""

    amount_minor: int
    currency: str

    def __str__(self) -> str:
        return f"{to_decimal(self.amount_minor, self.currency)} {self.currency}"


def minor_digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217); an unknown code raises NotMoney."""
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        raise NotMoney("the currency is not a code of ISO 4217")
    return digits


def to_minor(text: str, currency: str) -> int:
    """`"700"`, `"700.5"` or `"700.50"` in minor units; a sign, an exponent or too many decimals raise NotMoney."""
    digits = minor_digits(currency)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise NotMoney("an amount is a plain decimal number of at most 15 digits such as 700 or 700.50")
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > digits:
        raise NotMoney(f"an amount in {currency} has at most {digits} decimals")
    return int(whole + fraction.ljust(digits, "0"))


def to_decimal(amount_minor: int, currency: str) -> str:
    """The decimal string with all of the currency's decimals: 70050 USD is `"700.50"`, 700 JPY `"700"`."""
    digits = minor_digits(currency)
    sign = "-" if amount_minor < 0 else ""
    if digits == 0:
        return f"{sign}{abs(amount_minor)}"
    whole, fraction = divmod(abs(amount_minor), 10**digits)
    return f"{sign}{whole}.{fraction:0{digits}d}"


def split_by_largest_remainder(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Share `total` in proportion to the weights, in whole units that add up to it.

    Each share is rounded down; the units left over go to the largest remainders, ties by name. Weights and total are
    not negative; where all weights are zero, so is every share.
    """
    names = sorted(weights)
    sum_of_weights = sum(weights.values())
    if sum_of_weights == 0:
        return dict.fromkeys(names, 0)
    shares, remainders = {}, {}
    for name in names:
        shares[name], remainders[name] = divmod(total * weights[name], sum_of_weights)
    left_over = total - sum(shares.values())
    for name in sorted(names, key=lambda name: (-remainders[name], name))[:left_over]:
        shares[name] += 1
    return shares

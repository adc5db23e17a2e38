"""What open guarantees may cost, from the searches of comparable graduates: one read for all intakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.domain.events import sha256_of
from shared.domain.money import to_decimal
from shared.policy.reserve import SMALL, Exposure, Reserve, chance, reserve
from shared.policy.survival import Curve, product_limit
from shared.reports.contributions import searched
from shared.reports.outcomes import permille, points
from shared.reports.sums import Sum, counted, total

NO_END = "no_end"


def liability_part(sums: Mapping[str, Any]) -> Sum:
    """What the overview keeps of an intake: how long its graduates searched, and its open guarantees."""
    return {"search": sums.get("search", {}), "open": sums.get("open", {})}


def liability(overview: Mapping[str, Any], on: date) -> dict[str, Any]:
    """What open guarantees may cost, by the month in which their window ends and by currency."""
    parts = overview["parts"]
    curves = _curves(parts, on)
    groups: dict[tuple[str, str, str], list[Exposure]] = {}
    for intake, part in sorted(parts.items()):
        programme = intake.partition(".")[0]
        for row, count in counted(part["open"]):
            month = NO_END if row["window_end"] is None else row["window_end"][:7]
            place = (_comparable(curves, programme, row["country"]), row["currency"], month)
            groups.setdefault(place, []).extend([_exposure(row, on)] * count)
    rows = [
        {"comparable": whose, "currency": currency, "month": month, **_reserve(reserve(open_, curves[whose]), currency)}
        for (whose, currency, month), open_ in sorted(groups.items())
    ]
    by_currency: dict[str, dict[str, list[Exposure]]] = {}
    for (whose, currency, _), open_ in groups.items():
        by_currency.setdefault(currency, {}).setdefault(whose, []).extend(open_)
    return {
        "report": "refund_liability",
        "on": on.isoformat(),
        "known_at": overview["as_of"],
        "definition": LIABILITY,
        "data_hash": sha256_of(parts),
        "totals": {
            currency: _reserve(
                _together([reserve(open_, curves[whose]) for whose, open_ in sorted(each.items())]), currency
            )
            for currency, each in sorted(by_currency.items())
        },
        "months": rows,
        "open": _open(groups, curves),
        "curves": {whose: points(curves[whose]) for whose in sorted({place[0] for place in groups})},
    }


LIABILITY = {
    "id": "refund-liability",
    "version": "1",
    "count": "guarantees whose window is open, or whose refund is being decided or paid",
    "of": "chance: product-limit estimate of the search of comparable graduates, of the same programme and country "
    "where there are thirty, else of the programme; who is not placed by the window's end is taken to be refunded",
    "source": "Kaplan and Meier 1958; Greenwood 1926; reserve: 95 % of the distribution of the sum of refunds",
}


def _curves(parts: Mapping[str, Any], on: date) -> dict[str, Curve]:
    """One curve for each programme, and one for each of its countries."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for intake, part in parts.items():
        programme = intake.partition(".")[0]
        for country, search in part["search"].items():
            found.setdefault(programme, []).append(search)
            found.setdefault(f"{programme} {country}", []).append(search)
    return {whose: _curve(total(searches), on) for whose, searches in found.items()}


def _curve(search: Sum, on: date) -> Curve:
    placed = {int(day): count for day, count in search.get("placed", {}).items()}
    lost = Counter[int]()
    for (qualified_on, paused), count in counted(search.get("searching", {})):
        if date.fromisoformat(qualified_on) <= on:
            lost[searched(date.fromisoformat(qualified_on), on, paused)] += count
    return product_limit(placed, lost)


def _comparable(curves: Mapping[str, Curve], programme: str, country: str) -> str:
    own = f"{programme} {country}"
    return own if own in curves and curves[own].size >= SMALL else programme


def _exposure(row: Mapping[str, Any], on: date) -> Exposure:
    qualified_on = date.fromisoformat(row["qualified_on"])
    day = searched(qualified_on, on, row["paused"])
    if row["window_end"] is None:
        return Exposure(row["amount_minor"], day, date.max.toordinal(), row["is_due"])
    end = date.fromisoformat(row["window_end"])
    return Exposure(row["amount_minor"], day, searched(qualified_on, end, row["paused"]), row["is_due"] or end < on)


def _together(reserves: list[Reserve]) -> Reserve:
    """Reserves that rest on different curves, side by side."""
    return Reserve(
        sum(each.guarantees for each in reserves),
        sum(each.exposure_minor for each in reserves),
        sum(each.expected_minor for each in reserves),
        sum(each.reserve_minor for each in reserves),
        any(each.is_small for each in reserves),
    )


def _reserve(found: Reserve, currency: str) -> dict[str, Any]:
    def money(minor: int) -> dict[str, str]:
        return {"amount": to_decimal(minor, currency), "currency": currency}

    return {
        "guarantees": found.guarantees,
        "exposure": money(found.exposure_minor),
        "expected": money(found.expected_minor),
        "reserve": money(found.reserve_minor),
        "is_small": found.is_small,
    }


def _open(groups: Mapping[Any, list[Exposure]], curves: Mapping[str, Curve]) -> list[dict[str, Any]]:
    """The open guarantees by the days of search that are left, and the chance of each in thousandths."""
    found: dict[tuple[int, int, str, int], int] = {}
    for (whose, currency, _), open_ in groups.items():
        for each in open_:
            left = 0 if each.is_due else max(0, each.last_day - each.day)
            place = (left, permille(chance(each, curves[whose])[0]), currency, each.amount_minor)
            found[place] = found.get(place, 0) + 1
    return [
        {
            "days_left": left,
            "chance_permille": share,
            "amount": {"amount": to_decimal(amount, currency), "currency": currency},
            "guarantees": count,
        }
        for (left, share, currency, amount), count in sorted(found.items())
    ]

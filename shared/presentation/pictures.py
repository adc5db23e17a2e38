"""Pictures of figures as SVG: no script, readable on a phone and on paper; each stands beside its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

WIDTH = 380
"""A phone's width: the letters keep their size there, and grow a little on a desk."""
LAST_DAY = 184
STACK_MAX = 20
"""Dots above each other: a picture that is to be seen at one glance."""


def picture(label: str, height: float, *parts: str) -> str:
    """The frame: a name for whoever hears the page, and what is in it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label, quote=True)}">'
        + "".join(parts)
        + "</svg>"
    )


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    """A line of text."""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{named}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled box."""
    return f'<rect x="{x:g}" y="{y:g}" width="{max(0.0, width):.2f}" height="{height:g}" class="{kind}"/>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> str:
    """A straight line."""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{kind}"/>'


def stacked(label: str, rows: Sequence[tuple[str, Sequence[tuple[str, int]]]], names: Mapping[str, str]) -> str:
    """One bar a row, cut into parts by kind, each with its count; below, what the colours mean."""
    parts, top = [], 4.0
    for title, pieces in rows:
        whole = sum(count for _, count in pieces)
        parts.append(text(0, top + 12, title))
        left = 0.0
        for kind, count in pieces:
            width = WIDTH * count / whole if whole else 0.0
            parts.append(box(left, top + 18, width, 26, f"part {kind}"))
            if width > 16:
                parts.append(text(left + width / 2, top + 36, str(count), "middle", f"on {kind}"))
            left += width
        top += 62
    used = [kind for kind in names if any(kind == each and count for _, pieces in rows for each, count in pieces)]
    for number, kind in enumerate(used):
        x, y = 0.0, top + 22 * number
        parts += [box(x, y, 14, 14, f"part {kind}"), text(x + 20, y + 12, names[kind])]
    return picture(label, top + 22 * len(used) + 4, *parts)


def curve(label: str, points: Sequence[Mapping[str, Any]], day_word: str) -> str:
    """The share that has found work, day by day, with its band; points count in thousandths still searching."""
    left, top, width, height = 46, 10, WIDTH - 56, 190
    last = max([LAST_DAY, *(int(point["day"]) for point in points)])

    def x(day: float) -> float:
        return left + width * day / last

    def y(searching: float) -> float:
        return top + height * searching / 1000

    grid = []
    for percent in (0, 25, 50, 75, 100):
        grid += [
            line(left, y(1000 - 10 * percent), left + width, y(1000 - 10 * percent), "grid"),
            text(left - 5, y(1000 - 10 * percent) + 4, f"{percent}\u00a0%", "end", "small"),
        ]
    for day in range(0, last + 1, 30 if last <= 240 else 90):
        grid += [
            line(x(day), top + height, x(day), top + height + 4),
            text(x(day), top + height + 17, str(day), "middle", "small"),
        ]
    steps = [(0, 1000, 1000, 1000)] + [(p["day"], p["searching"], p["low"], p["high"]) for p in points]
    ends = [each[0] for each in steps[1:]] + [last]
    low = [(x(at), y(each[2])) for each, end in zip(steps, ends, strict=True) for at in (each[0], end)]
    high = [(x(at), y(each[3])) for each, end in zip(steps, ends, strict=True) for at in (each[0], end)]
    middle = [(x(at), y(each[1])) for each, end in zip(steps, ends, strict=True) for at in (each[0], end)]
    return picture(
        label,
        top + height + 40,
        *grid,
        f'<polygon points="{_path([*low, *reversed(high)])}" class="band"/>',
        f'<polyline points="{_path(middle)}" class="curve"/>',
        text(left + width, top + height + 34, day_word, "end", "small"),
    )


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def dots(
    label: str, bases: Sequence[str], middle: str, write: Callable[[Decimal], str], share: Callable[[int], str]
) -> str:
    """One dot for each salary along its scale, and a line at the median.

    Where too many have the same, a dot stands for several, and `share` says for how many at most.
    """
    amounts = [Decimal(base) for base in bases]
    least, most = min(amounts), max(amounts)
    spread = most - least or Decimal(1)
    left, width = 12.0, WIDTH - 24.0
    heights: dict[int, int] = {}
    parts = []

    def x(amount: Decimal) -> float:
        return left + width * (float((amount - least) / spread) if most > least else 0.5)

    for amount in amounts:
        column = round(x(amount) / 9)
        heights[column] = heights.get(column, 0) + 1
    each = -(-max(heights.values()) // STACK_MAX)
    height = 10 * -(-max(heights.values()) // each) + 20
    for column, people in heights.items():
        for number in range(1, -(-people // each) + 1):
            parts.append(f'<circle cx="{column * 9:g}" cy="{height - 10 * number:g}" r="4" class="dot"/>')
    at = x(Decimal(middle))
    anchor = "start" if at <= 80 else "middle" if at < WIDTH - 80 else "end"
    return picture(
        label,
        height + 34,
        line(left, height, left + width, height),
        line(at, 4, at, height, "median"),
        *parts,
        text(at, height + 14, write(Decimal(middle)), anchor),
        text(left, height + 30, write(least), "start", "small"),
        text(left + width, height + 30, write(most), "end", "small"),
        text(WIDTH, 12, share(each), "end", "small") if each > 1 else "",
    )


def bars(label: str, rows: Sequence[tuple[str, int, str]], kind: str = "bar") -> str:
    """A bar a row, its name above and its value beside it."""
    most = max([1, *(value for _, value, _ in rows)])
    parts = []
    for number, (name, value, said) in enumerate(rows):
        top = 36 * number
        parts += [
            text(0, top + 12, name),
            box(0, top + 16, (WIDTH - 100) * value / most, 14, kind),
            text((WIDTH - 100) * value / most + 6, top + 28, said, "start", "small"),
        ]
    return picture(label, 36 * len(rows) + 4, *parts)


def ranges(label: str, rows: Sequence[tuple[str, int, int, str]]) -> str:
    """Two values a row: what is expected as a bar, and behind it, paler, what is kept in reserve."""
    most = max([1, *(kept for _, _, kept, _ in rows)])
    parts = []
    for number, (name, expected, kept, said) in enumerate(rows):
        top = 42 * number
        parts += [
            text(0, top + 12, name),
            text(WIDTH, top + 12, said, "end", "small"),
            box(0, top + 17, WIDTH * kept / most, 16, "reserve"),
            box(0, top + 17, WIDTH * expected / most, 16, "bar"),
        ]
    return picture(label, 42 * len(rows) + 4, *parts)

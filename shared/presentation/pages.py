"""Reports as pages: what a picture shows stands in a table too."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from shared.presentation import pictures
from shared.presentation.frame import Speaker, page, paragraph, provenance, section, table

GROUPS = {
    "full_time": ("1A", "1B"), "school": ("1C",), "other_in_field": ("1D", "1E"), "out_of_field": ("2A", "2B"),
    "seeking": ("3A",), "not_seeking": ("3B",), "no_answer": ("4",), "excluded": ("excluded",),
}  # fmt: skip
"""The parts of an outcome bar, in the order of the standard."""
KINDS = ("exposure", "expected", "reserve")
SHOWN = {"full_time": "in_field", "seeking": "counted"}
"""The parts of a published bar: colour, and the cell that a part is, or is the rest of."""


def outcomes_page(report: Mapping[str, Any], language: str) -> str:
    """Outcomes of an intake: bars by day, the curve of the search, salaries, and every figure of the yardstick."""
    say = Speaker(language)
    names = {group: say.named("group", group) for group in GROUPS}
    days = report["days"]
    bars = [
        (
            say("bar_title", day=day, graduates=found["graduates"]),
            [(group, sum(found["snapshot"][status] for status in statuses)) for group, statuses in GROUPS.items()],
        )
        for day, found in days.items()
    ]
    statuses = list(next(iter(days.values()))["snapshot"])
    parts = [
        paragraph(say("intro", enrolled=say.number(report["enrolled"]), graduates=say.number(report["graduates"]))),
        paragraph(say("exempt", count=say.number(report["exempt"])), "note") if report["exempt"] else "",
        paragraph(say("on_course", count=report["on_course"]), "note") if report["on_course"] else "",
        paragraph(say("not_yet", count=report["not_yet"]), "note") if report["not_yet"] else "",
        section(
            say("figures", definition=say.named("yardstick", report["definition"]["id"])),
            table(
                say("figures", definition=say.named("yardstick", report["definition"]["id"])),
                [say("figure"), say("share")],
                [
                    (say.named("figure", name), say.share(share) if share else say("held_back"))
                    for name, share in report["figures"].items()
                ],
            ),
        ),
        section(
            say("outcomes_by_day"),
            pictures.stacked(say("outcomes_by_day"), bars, names),
            table(
                say("statuses"),
                [say("status"), *(say("day", day=day) for day in days)],
                [
                    (say.named("status", status), *(say.number(found["snapshot"][status]) for found in days.values()))
                    for status in statuses
                ],
            ),
        ),
        _search(say, report["curve"]),
        _salaries(say, report),
        provenance(say, report),
    ]
    return page(say, say("outcomes_title", intake=report["intake"].partition(".")[2]), *parts)


def _search(say: Speaker, curve: Mapping[str, Any]) -> str:
    if not curve["points"]:
        return section(say("search"), paragraph(say("nobody_yet")))
    rows = [
        (
            str(p["day"]),
            str(p["at_risk"]),
            str(p["placed"]),
            *(_percent(say, 1000 - p[k]) for k in ("searching", "high", "low")),
        )
        for p in curve["points"]
    ]
    heads = [say(key) for key in ("search_day", "at_risk", "placed", "found", "band_low", "band_high")]
    return section(
        say("search"),
        paragraph(say("small", count=curve["graduates"]), "note") if curve["is_small"] else "",
        pictures.curve(say("search_about", count=curve["graduates"]), curve["points"], say("days_after")),
        f"<details><summary>{escape(say('as_table'))}</summary>{table(say('search'), heads, rows)}</details>",
    )


def _percent(say: Speaker, permille: int) -> str:
    return say.number(f"{permille // 10}.{permille % 10}") + "\u00a0%"


def _salaries(say: Speaker, report: Mapping[str, Any]) -> str:
    medians = report["median_base"]
    drawn = []
    for currency, bases in report["salaries"].items():
        label = say("salaries_about", currency=currency, count=len(bases))
        middle = medians[currency]["1A-1E"]["median"]
        drawing = pictures.dots(label, bases, middle, say.pay, lambda people: say("dot", people=people))
        drawn.append(paragraph(currency, "unit") + drawing)
    if not drawn:
        return section(say("salaries"), paragraph(say("nobody_yet")))
    rows = [
        (f"{currency}, {group}", say.pay(found["median"]), str(found["n"]))
        for currency, groups in medians.items()
        for group, found in groups.items()
    ]
    heads = [say("currency"), say("median"), "n"]
    definition = report["definition"]
    title = say.told(f"medians.{definition['id']}", say("medians", day=definition["day"]))
    return section(say("salaries"), paragraph(say("base_only")), *drawn, table(title, heads, rows))


def published_page(report: Mapping[str, Any], language: str) -> str:
    """What anybody may see of an intake."""
    say = Speaker(language)
    parts = [paragraph(say("published_intro", least=report["least"]))]
    for cohort in report["cohorts"]:
        medians = [
            (currency, say.pay(found["median"]), say.number(found["n"]))
            for currency, found in cohort["median_base"].items()
        ]
        cells = cohort["cells"]
        parts.append(
            section(
                say("cohort", cohort=cohort["graduated"], count=say.number(cells["counted"])),
                _published_bar(say, cells, report["definition"]["day"]),
                table(
                    say("figures", definition=say.named("yardstick", report["definition"]["id"])),
                    [say("figure"), say("share")],
                    [(say.named("figure", name), say.share(share)) for name, share in cohort["rates"].items()],
                ),
                table(
                    say("statuses"),
                    [say("status"), say("people")],
                    [(say.named("status", name), say.number(count)) for name, count in cells.items()],
                ),
                table(say("medians", day=report["definition"]["day"]), [say("currency"), say("median"), "n"], medians)
                if medians
                else "",
            )
        )
    if not report["cohorts"]:
        parts.append(paragraph(say("nothing_published"), "note"))
    if report["enrolled"] is not None:
        shares = [(say.named("figure", name), say.share(share)) for name, share in report["rates"].items()]
        title = say("everybody", enrolled=say.number(report["enrolled"]))
        parts.append(section(title, table(title, [say("figure"), say("share")], shares)))
    title = say("outcomes_title", intake=report["intake"].partition(".")[2])
    return page(say, title, *parts, provenance(say, report))


def _published_bar(say: Speaker, cells: Mapping[str, int | None], day: int) -> str:
    """Who found work in the field, and who did not, where that may be told."""
    field, counted = cells["in_field"], cells["counted"]
    if field is None or counted is None:
        return ""
    names = {kind: say.named("part", name) for kind, name in SHOWN.items()}
    bar = (
        say("bar_title", day=day, graduates=say.number(counted)),
        list(zip(SHOWN, (field, counted - field), strict=True)),
    )
    return pictures.stacked(say("outcomes_by_day"), [bar], names)


def liability_page(report: Mapping[str, Any], language: str) -> str:
    """What open guarantees may cost."""
    say = Speaker(language)
    parts = [paragraph(say("liability_intro"))]
    for currency, found in report["totals"].items():
        rows = [row for row in report["months"] if row["currency"] == currency]
        drawn = [
            (
                f"{row['month']} ({row['guarantees']})",
                _minor(row["expected"]),
                _minor(row["reserve"]),
                f"{say.number(row['expected']['amount'])} – {say.number(row['reserve']['amount'])}",
            )
            for row in rows
        ]
        heads = [say(key) for key in ("month", "guarantees", *KINDS, "rests_on_whom")]
        cells = [
            (row["month"], str(row["guarantees"]), *(say.number(row[kind]["amount"]) for kind in KINDS),
             row["comparable"] + (f" ({say('few')})" if row["is_small"] else ""))
            for row in rows
        ]  # fmt: skip
        total = say(
            "liability_total", guarantees=found["guarantees"], **{kind: say.money(found[kind]) for kind in KINDS}
        )
        parts.append(
            section(
                currency,
                paragraph(total, "lead"),
                paragraph(say("few_comparable"), "note") if found["is_small"] else "",
                pictures.ranges(say("liability_about", currency=currency), drawn),
                table(say("liability_about", currency=currency), heads, cells),
            )
        )
    if not report["totals"]:
        parts.append(paragraph(say("nothing_open"), "note"))
    if report["open"]:
        heads = [say(key) for key in ("days_left", "chance", "amount", "guarantees")]
        rows = [
            (str(e["days_left"]), _percent(say, e["chance_permille"]), say.money(e["amount"]), str(e["guarantees"]))
            for e in report["open"]
        ]
        each = f"<details><summary>{escape(say('each_open'))}</summary>{table(say('open_now'), heads, rows)}</details>"
        parts.append(section(say("open_now"), each))
    for whose, curve in report["curves"].items():
        parts.append(_search(say, curve).replace("<h2>", f"<h2>{escape(whose)}: ", 1))
    return page(say, say("liability_title"), *parts, provenance(say, report))


def _minor(money: Mapping[str, str]) -> int:
    return int(money["amount"].replace(".", ""))


WAY = (
    "submitted", "screening", "assessment", "deciding", "waitlisted", "offered", "accepted", "contract_sent",
    "contract_received", "contracted", "studying", "on_leave", "qualified", "placed",
)  # fmt: skip
"""The stages in the order in which people come to them; those that lead out follow."""


def _place(stage: str) -> tuple[int, str]:
    return (WAY.index(stage) if stage in WAY else len(WAY), stage)


def funnel_page(report: Mapping[str, Any], language: str) -> str:
    """The way from application to outcome."""
    say = Speaker(language)
    reached = [(say.named("stage", name), count, str(count)) for name, count in report["reached"].items()]
    ways = [
        (f"{row['intake'].partition('.')[2]} {row['country']} {say.named('origin', row['source'])}", str(row["cases"]),
         *(str(count) for count in row["reached"].values()))
        for row in report["rows"]
    ]  # fmt: skip
    stages = [
        (f"{row['intake'].partition('.')[2]} {row['country']}, {say.named('stage', stage)}", str(spent["cases"]),
         str(spent["median"]), str(spent["ninth_decile"]))
        for row in report["rows"]
        for stage, spent in sorted(row["days"].items(), key=lambda each: _place(each[0]))
    ]  # fmt: skip
    waiting = [
        (f"{say.named('who', each['who'])}: {say.named('what', each['what'])}",
         f"{each['intake'].partition('.')[2]} {each['country']}", str(each["cases"]), str(each["longest_days"]))
        for each in report["waiting"]
    ]  # fmt: skip
    seats = [
        paragraph(say("seats", intake=intake.partition(".")[2], **{name: say.number(each[name]) for name in each}))
        for intake, each in report["seats"].items()
    ]
    parts = [
        *seats,
        section(say("reached"), pictures.bars(say("reached"), reached)),
        section(
            say("ways"),
            table(
                say("ways"), [say("way"), say("cases"), *(say.named("stage", name) for name in report["reached"])], ways
            ),
        ),
        section(
            say("stage_days"),
            table(say("stage_days"), [say("stage"), say("cases"), say("median"), say("ninth_decile")], stages),
        ),
        section(
            say("waiting"),
            table(say("waiting"), [say("on_whom"), say("intake"), say("cases"), say("longest")], waiting),
        ),
        provenance(say, report),
    ]
    return page(say, say("funnel_title", cases=report["cases"]), *parts)

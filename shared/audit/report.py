"""What a run tells people: findings as JSON and CSV, and a page with a picture of the claims that wait."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from shared.audit.findings import KINDS
from shared.presentation.exports import as_csv
from shared.presentation.frame import LANGUAGES, Speaker, page, paragraph, section, table
from shared.presentation.pictures import stacked
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

Pages = Callable[[], AsyncIterator[dict[str, Any]]]

AGES = (("age_7", 7), ("age_30", 30), ("age_90", 90), ("age_more", None))
"""Age of a claim in the picture: the class of its colour, and up to how many days."""
SHOWN = 300
"""Findings that a page lists; the files have all of them."""
COLUMNS = ("finding", "severity", "case_id", "subject", "evidence", "sentence", "act")
FILES = {"findings.json": "application/json", "findings.csv": "text/csv"} | {
    f"report.{language}.html": "text/html" for language in LANGUAGES
}
"""The files of a run, by name."""


def blob_of(run_id: str, name: str) -> str:
    """Where a file of a run lies."""
    return f"{run_id}/{name}"


async def write(services: Services, summary: dict[str, Any], pages: Pages, now: datetime) -> None:
    """Write a run's files. Safe to repeat: what is there stays."""
    findings = [finding async for finding in each_once(pages)]
    waiting = await _waiting(services, datetime.fromisoformat(summary["asked"]))
    told = json.dumps(summary | {"findings": findings}, indent=1, ensure_ascii=False)
    rows = ([_cell(finding[name]) for name in COLUMNS] for finding in findings)
    contents = {"findings.json": told.encode(), "findings.csv": as_csv(COLUMNS, rows)}
    for language in LANGUAGES:
        contents[f"report.{language}.html"] = _page(summary, findings, waiting, language).encode()
    for name, content in contents.items():
        await services.blobs.put(services.blobs.audits, blob_of(summary["run"], name), content, FILES[name])


async def each_once(pages: Pages) -> AsyncIterator[dict[str, Any]]:
    """The findings of a run, each one once, the gravest first."""
    once: dict[tuple[str, str, str], dict[str, Any]] = {}
    async for done in pages():
        for finding in done["findings"]:
            once.setdefault((finding["finding"], finding["case_id"] or "", finding["subject"] or ""), finding)
    order = list(KINDS)
    for _, finding in sorted(once.items(), key=lambda each: (order.index(each[0][0]), each[0])):
        yield finding


def _cell(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value


async def _waiting(services: Services, asked: datetime) -> dict[str, Counter[str]]:
    """Refunds on which somebody has to act: what is to be done -> how many of each age since they got there."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    last = ""
    while True:
        rows = await services.store.query(
            CASES,
            "SELECT TOP 200 c.case_id, c.refunds, c.agenda.what FROM c WHERE c.kind = 'case'"
            " AND c.agenda.stage = 'refund' AND c.agenda.turn IN ('finance', 'careers', 'partner')"
            " AND c.case_id > @last ORDER BY c.case_id",
            {"last": last},
        )
        for row in rows:
            found[row["what"]][_age(_days(row.get("refunds"), asked))] += 1
        if len(rows) < 200:
            return found
        last = rows[-1]["case_id"]


def _days(refunds: Any, asked: datetime) -> int:
    """Days since a refund of this case last moved; a row that cannot be read is a finding elsewhere, and new here."""
    try:
        since = max(str(refund["since"]) for refund in refunds.values() if refund.get("since"))
        return (asked - datetime.fromisoformat(since)).days
    except (AttributeError, TypeError, ValueError):
        return 0


def _age(days: int) -> str:
    return next(kind for kind, most in AGES if most is None or days <= most)


def _page(
    summary: dict[str, Any], findings: list[dict[str, Any]], waiting: dict[str, Counter[str]], language: str
) -> str:
    say = Speaker(language)
    counts = [
        (KINDS[name].sentence[language], name, str(number))
        for name, number in sorted(summary["counts"].items(), key=lambda each: list(KINDS).index(each[0]))
    ]
    parts = [
        paragraph(say("audit_intro", examined=say.number(summary["examined"]), asked=summary["asked"][:10]), "lead"),
        paragraph(say(f"audit_scope_{summary['scope']}")),
    ]
    found = table(say("audit_findings"), (say("audit_meaning"), say("audit_code"), say("people")), counts)
    parts.append(section(say("audit_findings"), found if counts else paragraph(say("audit_none"))))
    parts.append(section(say("audit_waiting"), *_picture(say, waiting)))
    if findings:
        rows = [
            (
                finding["case_id"] or "",
                say.named("severity", finding["severity"]),
                KINDS[finding["finding"]].sentence[language],
                _cell(finding["evidence"]),
                KINDS[finding["finding"]].act[language],
            )
            for finding in findings[:SHOWN]
        ]
        heads = (
            say("audit_case"), say("audit_severity"), say("audit_meaning"), say("audit_evidence"), say("audit_act"),
        )  # fmt: skip
        parts.append(section(say("audit_one_by_one"), table(say("audit_one_by_one"), heads, rows)))
    if len(findings) > SHOWN:
        parts.append(paragraph(say("audit_more", count=say.number(len(findings)))))
    return page(say, say("audit_title", run=summary["run"]), *parts)


def _picture(say: Speaker, waiting: dict[str, Counter[str]]) -> list[str]:
    if not waiting:
        return [paragraph(say("audit_nothing_waits"))]
    names = {kind: say(kind) for kind, _ in AGES}
    bars = [
        (say.named("audit_what", what), [(kind, ages[kind]) for kind in names if ages[kind]])
        for what, ages in sorted(waiting.items())
    ]
    rows = [
        (say.named("audit_what", what), *(str(ages[kind]) for kind in names)) for what, ages in sorted(waiting.items())
    ]
    heads = (say("audit_waits_for"), *names.values())
    opened = f"<summary>{escape(say('as_table'))}</summary>"
    return [
        stacked(say("audit_waiting"), bars, names),
        f"<details>{opened}{table(say('audit_waiting'), heads, rows)}</details>",
    ]

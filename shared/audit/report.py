"""What a run tells people: findings as JSON and CSV, and a page with pictures of refunds by age and decision."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from shared.audit.evidence import in_words
from shared.audit.findings import KINDS
from shared.domain.spreadsheet import as_csv
from shared.presentation.frame import LANGUAGES, Speaker, page, paragraph, section, table
from shared.presentation.pictures import stacked
from shared.use_cases.commands import CASES

if TYPE_CHECKING:
    from shared.bootstrap import Services

Rows = AsyncIterator[dict[str, Any]]
Pages = Callable[[], Rows]
Ages = dict[str, Counter[str]]
"""What is to be done, or was decided -> how many of each age."""

AGES = (("age_7", 7), ("age_30", 30), ("age_90", 90), ("age_more", None))
"""Age of a claim in the picture: the class of its colour, and up to how many days."""
DECIDED_WITHIN = timedelta(days=31)
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


async def write(services: Services, summary: dict[str, Any], pages: Pages, decided: Rows) -> None:
    """Write a run's files. Safe to repeat: what is there stays. `decided` are rows of decisions, some of them twice."""
    findings = [finding async for finding in each_once(pages)]
    asked = datetime.fromisoformat(summary["asked"])
    refunds = Refunds(await _waiting(services, asked), await _decided(decided, asked))
    told = json.dumps(summary | {"findings": findings}, indent=1, ensure_ascii=False)
    rows = ([_cell(finding[name]) for name in COLUMNS] for finding in findings)
    contents = {"findings.json": told.encode(), "findings.csv": as_csv(COLUMNS, rows)}
    for language in LANGUAGES:
        contents[f"report.{language}.html"] = _page(summary, findings, refunds, language).encode()
    for name, content in contents.items():
        await services.blobs.put(services.blobs.audits, blob_of(summary["run"], name), content, FILES[name])


@dataclass(frozen=True)
class Refunds:
    """What the pictures show: refunds on which somebody has to act, and decisions of the last month."""

    waiting: Ages
    decided: Ages


async def each_once(pages: Pages) -> Rows:
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


async def _decided(rows: Rows, asked: datetime) -> Ages:
    """Decisions of the last month: the verdict -> how many of each age between claim and decision."""
    found: Ages = defaultdict(Counter)
    first, last = (asked - DECIDED_WITHIN).date().isoformat(), asked.date().isoformat()
    once = {(row["case_id"], row["sequence"]): row async for row in rows if first <= row["on"] <= last}
    for row in once.values():
        found[row["verdict"]][_age(row["waited"])] += 1
    return found


async def _waiting(services: Services, asked: datetime) -> Ages:
    """Refunds on which somebody has to act: what is to be done -> how many of each age since they got there."""
    found: Ages = defaultdict(Counter)
    last = ""
    while True:
        rows = await services.store.query(
            CASES,
            "SELECT TOP 200 c.case_id, c.refunds, c.agenda.what FROM c WHERE c.kind = 'case'"
            " AND c.agenda.stage = 'refund'"
            " AND (c.agenda.turn IN ('finance', 'careers', 'partner') OR c.agenda.what = 'name_payee')"
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


def _page(summary: dict[str, Any], findings: list[dict[str, Any]], refunds: Refunds, language: str) -> str:
    say = Speaker(language)
    counts = [
        (KINDS[name].sentence[language], str(number))
        for name, number in sorted(summary["counts"].items(), key=lambda each: list(KINDS).index(each[0]))
    ]
    parts = [
        paragraph(say("audit_intro", examined=say.number(summary["examined"]), asked=summary["asked"][:10]), "lead"),
        paragraph(say(f"audit_scope_{summary['scope']}")),
    ]
    found = table(say("audit_findings"), (say("audit_meaning"), say("audit_number")), counts)
    parts.append(section(say("audit_findings"), found if counts else paragraph(say("audit_none"))))
    for name, ages in (("audit_waiting", refunds.waiting), ("audit_decided", refunds.decided)):
        parts.append(section(say(name), *_picture(say, name, ages)))
    if findings:
        listed = "".join(_one(say, finding, language) for finding in findings[:SHOWN])
        parts.append(section(say("audit_one_by_one"), f"<ol>{listed}</ol>"))
    if len(findings) > SHOWN:
        parts.append(paragraph(say("audit_more", count=say.number(len(findings)))))
    parts.append(paragraph(say("audit_run", run=summary["run"])))
    return page(say, say("audit_title", asked=summary["asked"][:10]), *parts)


def _one(say: Speaker, finding: dict[str, Any], language: str) -> str:
    kind = KINDS[finding["finding"]]
    told = {
        "audit_code": finding["finding"],
        "audit_severity": say.named("severity", finding["severity"]),
        "audit_case": finding["case_id"],
        "audit_subject": finding["subject"],
        "audit_evidence": in_words(say, finding["evidence"]),
        "audit_act": kind.act[language],
    }
    rows = "".join(f"<dt>{escape(say(name))}</dt><dd>{escape(each)}</dd>" for name, each in told.items() if each)
    return f"<li><p>{escape(kind.sentence[language])}</p><dl>{rows}</dl></li>"


def _picture(say: Speaker, title: str, refunds: Ages) -> list[str]:
    if not refunds:
        return [paragraph(say(f"{title}_none"))]
    names = {kind: say(kind) for kind, _ in AGES}
    bars = [
        (say.named("audit_what", what), [(kind, ages[kind]) for kind in names if ages[kind]])
        for what, ages in sorted(refunds.items())
    ]
    rows = [
        (say.named("audit_what", what), *(str(ages[kind]) for kind in names)) for what, ages in sorted(refunds.items())
    ]
    heads = (say(f"{title}_what"), *names.values())
    opened = f"<summary>{escape(say('as_table'))}</summary>"
    return [
        stacked(say(title), bars, names),
        f"<details>{opened}{table(say(title), heads, rows)}</details>",
    ]

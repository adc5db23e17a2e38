"""What became of everybody: a table for people, JSON for tests, a page with a picture."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from local.demo.world import World


async def summary(world: World) -> dict[str, Any]:
    """Ask the service what became of everybody: work of an auditor, over HTTP like all the rest."""
    bearer = {"Authorization": f"Bearer {await world.token('auditor', 0)}"}
    run = await world.expect("POST", f"{world.api}/audits", json={}, headers=bearer)
    mails = await all_mails(world)
    outcomes: Counter[str] = Counter()
    refunds: Counter[str] = Counter()
    cases = {}
    for case_id in sorted({mail["case_id"] for mail in mails if mail["case_id"]} | set(await ids_by_queue(world))):
        record = await world.expect("GET", f"{world.api}/cases/{case_id}", headers=bearer)
        cases[case_id] = record
        outcomes[outcome(record)] += 1
        for refund in record["refunds"].values():
            for share in refund["payments"].values():
                if share["status"] == "succeeded":
                    key = f"{refund['ground']} {share['amount']['currency']}"
                    refunds[key] += round(float(share["amount"]["amount"]) * 100)
    told: dict[str, Any] = {
        "people": dict(sorted(outcomes.items())),
        "refunds": {key: f"{minor / 100:.2f}" for key, minor in sorted(refunds.items())},
        "mails": dict(sorted(Counter(mail["subject"] for mail in mails).items())),
        "mails_in_all": len(mails),
        "findings": run["counts"],
        "examined": run["examined"],
        "audit": run,
    }
    told["table"] = table(told)
    return told


async def all_mails(world: World) -> list[dict[str, Any]]:
    """Every mail in the sink, with the case that its link leads to."""
    found: list[dict[str, Any]] = []
    while True:
        page = await world.expect(
            "GET", world.info["mail"]["url"], params={"since_id": found[-1]["id"] if found else 0, "limit": 500}
        )
        for mail in page:
            link = re.search(r"#([a-z2-7]{26})\.", mail["text"])
            mail["case_id"] = link[1] if link else None
        found += page
        if len(page) < 500:
            return found


async def ids_by_queue(world: World) -> list[str]:
    """The cases in the work queue; some people's mail bounced, so that their mailbox leads nowhere."""
    bearer = {"Authorization": f"Bearer {await world.token('specialist', 0)}"}
    found: list[str] = []
    after = None
    while True:
        asked = {"limit": "200"} | ({"after": after} if after else {})
        page = await world.expect("GET", f"{world.api}/work-queue", params=asked, headers=bearer)
        found += [row["case_id"] for row in page["work"]]
        after = page["next"]
        if after is None:
            return found


def outcome(record: dict[str, Any]) -> str:
    """Where a case ended, in a few words."""
    refunds = [each["status"] for each in record["refunds"].values() if each["ground"] == "guarantee"]
    enrolment, application = record["enrolment"]["status"], record["application"]["status"]
    if refunds and refunds[-1] != "none":
        return f"guarantee: refund {refunds[-1]}"
    if enrolment == "qualified":
        return f"guarantee: {record['guarantee']['decision']}"
    return f"enrolment: {enrolment}" if enrolment != "none" else f"application: {application}"


def table(told: dict[str, Any]) -> str:
    """The summary as text."""
    lines = ["", "People by outcome"]
    lines += [f"  {count:4d}  {name}" for name, count in told["people"].items()]
    lines += ["", "Refunds by ground and currency"]
    lines += [f"  {amount:>12s}  {name}" for name, amount in told["refunds"].items()]
    lines += ["", f"Mails: {told['mails_in_all']}", "", f"Audit of {told['examined']} cases, findings"]
    lines += [f"  {count:4d}  {name}" for name, count in sorted(told["findings"].items())] or ["     none"]
    return "\n".join([*lines, ""])


def written(told: dict[str, Any], files: dict[str, bytes], folder: Path) -> list[str]:
    """Write the summary as JSON and as a page with a picture, the audit's run and the reports; where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {key: each for key, each in told.items() if key not in ("table", "audit")}
    contents = {
        "demo.html": _page(told),
        "demo.json": json.dumps(kept, indent=1),
        "audit.json": json.dumps(told["audit"], indent=1),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, "utf-8")
    for name, file in files.items():
        (folder / name).write_bytes(file)
    return [str(folder / name) for name in (*contents, *files)]


def _page(told: dict[str, Any]) -> str:
    most = max(told["people"].values(), default=1)
    bars = "".join(
        f'<text x="250" y="{24 * n + 17}" text-anchor="end">{html.escape(name)}</text>'
        f'<rect x="260" y="{24 * n + 4}" width="{300 * count / most:.0f}" height="16" rx="3"/>'
        f'<text x="{266 + 300 * count / most:.0f}" y="{24 * n + 17}">{count}</text>'
        for n, (name, count) in enumerate(told["people"].items())
    )
    height = 24 * len(told["people"]) + 8
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The demo\'s intake</title>'
        "<style>body{font:16px system-ui;margin:2rem;max-width:50rem}svg{font:13px system-ui}rect{fill:#2a6f97}</style>"
        f"<h1>What became of {told['examined']} people</h1>"
        f'<svg viewBox="0 0 620 {height}" role="img" aria-label="People by outcome">{bars}</svg>'
        f"<pre>{html.escape(told['table'])}</pre></html>"
    )

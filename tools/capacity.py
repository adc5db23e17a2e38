"""What the service costs and where it ends: a small model on measured commands. Writes docs/capacity.md.

    python tools/capacity.py [--write]      the page, from the measurements that are kept
    python tools/capacity.py --measure      measures again at the local endpoint and keeps that

Published prices are assumptions with a date; round trips, request units and bytes are counted; a test compares.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

PAGE = ROOT / "docs" / "capacity.md"
KEPT = ROOT / "tools" / "capacity.json"
NOW = "2027-01-11T14:00:00Z"

PRICES = {
    "serverless": (0.25, "$ for a million request units, Cosmos DB serverless"),
    "autoscale": (
        0.012,
        "$ for an hour of 100 RU/s, autoscale, one write region; billed by the hour's peak, 10 % at least",
    ),
    "stored": (0.25, "$ for a GB and month in Cosmos DB, each region"),
    "second": (0.000026, "$ for a GB-second of Flex Consumption on demand"),
    "ready": (0.000004, "$ for a GB-second of an always-ready instance that waits"),
    "execution": (0.40, "$ for a million executions"),
    "blob": (0.023, "$ for a GB and month of hot, zone-redundant Blob storage"),
    "scan": (0.15, "$ for a GB scanned by Defender for Storage"),
    "log": (2.30, "$ for a GB of logs taken in"),
}
"""List prices in US East as published, read in November 2026. Contracts and regions differ: put yours in here."""

RESPONSE_SECONDS = 0.15
"""How long a command takes at a store that answers in 5 to 10 ms: 3 to 9 round trips, parsing, mail."""
MEMORY_GB = 2.0
LINE_BYTES = 1500
FILE_MB = 1.0
INDEX_SHARE = 0.3
"""What the index adds to what is stored, with most paths excluded."""


@dataclass(frozen=True)
class Step:
    """Something that happens to a candidate: which measured command it is like, and how often for one who applied."""

    says: str
    command: str
    times: float


LIFE = (
    Step("applies with the form", "apply", 1.0),
    Step("opens a page of the case; or staff do, before they act", "look", 20.0),
    Step("is screened: assigned, called, recommended, tested, interviewed, decided", "staff act", 5.4),
    Step("gets an offer and answers; a quarter do", "person acts", 0.25),
    Step("signs, starts, pays in three parts, earns the diploma; a fifth do", "partner event", 1.4),
    Step("is looked after by staff on the course and after", "staff act", 1.2),
    Step("logs a week of search, for ten weeks; a sixth do", "person acts", 1.7),
    Step("sends a document", "person acts", 0.4),
    Step("gets a letter besides those that an act sends", "letter", 2.0),
    Step("has a job reported, ended, checked", "partner event", 0.3),
    Step("claims, is paid back: proposed, signed, ordered, confirmed; one in twenty", "staff act", 0.25),
    Step("is looked at by a daily timer that has work", "sweep", 8.0),
    Step("is read by the audit, twice", "audit", 2.0),
)
"""One candidate who applied, on average, from form to erasure. Assumptions of the operator, not of the code."""


def measure(stack: Any) -> dict[str, dict[str, float]]:
    """Round trips, request units and bytes written of one command of each kind, letters apart."""
    from tests.people import Applicant, calls_so_far, store_calls

    def of(act: Callable[[], Any]) -> dict[str, float]:
        before = calls_so_far(stack)
        answer = act()
        assert getattr(answer, "status_code", 200) < 300, answer.text
        calls = store_calls(stack, before)
        return {
            "calls": len(calls),
            "units": round(sum(float(call["charge"] or 0) for call in calls), 1),
            "bytes": sum(call["bytes"] for call in calls if call["operation"] == "Batch"),
        }

    specialist = f"{stack.info['issuer']['tenant']}/{stack.person('specialist')['object_id']}"
    Applicant(stack).to_offer()  # Connections and caches are warm from here on.
    person = Applicant(stack)
    found = {"apply": of(person.apply)}
    person.open_mail()
    found["look"] = of(person.sees)
    headers = person.staff_headers("admissions") | {"Idempotency-Key": "capacity-of-one-act-0001"}
    address = f"{person.api}/cases/{person.case_id}/assignment"
    found["staff act"] = of(lambda: stack.client.post(address, json={"specialist": specialist}, headers=headers))
    assert person.staff("specialist", "recommendation", outcome="assess").status_code == 200
    told = {"case_id": person.case_id, "attempt_id": "T", "assessment": "test", "outcome": "passed"}
    found["partner event"] = of(lambda: stack.partner("assessment").send("assessment.completed", told))
    found["person acts"] = of(lambda: person.does("corrections", language="fr"))
    found["letter"] = of(person.ask_for_link)
    auditor = {"Authorization": f"Bearer {stack.token('auditor')}"}
    found["idle minute"] = of(lambda: stack.run_timer("run_deliveries"))
    found["audit"] = of(
        lambda: stack.client.post(f"{person.api}/audits", json={"case_id": person.case_id}, headers=auditor)
    )
    return found


def kept() -> dict[str, dict[str, float]]:
    """The measurements that the page rests on; what a sweep does to a case costs about what a staff act does."""
    found: dict[str, dict[str, float]] = json.loads(KEPT.read_text("utf-8"))
    return found | {"sweep": found["staff act"]}


def deployed(name: str, stage: str = "prod") -> int:
    """A number of the deployment: a parameter of the stage, or a setting of main.bicep."""
    text = (ROOT / f"infra/main.{stage}.bicepparam").read_text("utf-8") + (ROOT / "infra/main.bicep").read_text("utf-8")
    said = re.search(rf"^(?:param )?\s*{name}(?: =|:) '?(\d+)'?$", text, re.MULTILINE)
    assert said, name
    return int(said[1])


@dataclass(frozen=True)
class Model:
    """What follows for so many candidates a year."""

    candidates: int
    commands: dict[str, dict[str, float]]

    def _sum(self, what: str) -> float:
        return sum(step.times * self.commands[step.command][what] for step in LIFE)

    @property
    def units(self) -> float:
        """Request units for all of them."""
        return self.candidates * self._sum("units")

    @property
    def gigabytes(self) -> float:
        """What they leave in the store: requests written, less what replaces what was there, more for the index."""
        return self.candidates * self._sum("bytes") * 0.5 * (1 + INDEX_SHARE) / 1e9

    @property
    def requests(self) -> float:
        """Executions of the app."""
        return self.candidates * sum(step.times for step in LIFE)

    def variable(self) -> dict[str, float]:
        """Dollars that come with each candidate, once; the store's and the logs' space for a year."""
        price = {name: value for name, (value, _) in PRICES.items()}
        gb_seconds = self.requests * RESPONSE_SECONDS * MEMORY_GB
        return {
            "request units (serverless)": self.units / 1e6 * price["serverless"],
            "stored in Cosmos DB, two regions, a year": self.gigabytes * price["stored"] * 2 * 12,
            "Functions": gb_seconds * price["second"] + self.requests / 1e6 * price["execution"],
            "files: stored a year, scanned once": self.candidates
            * 0.6
            * FILE_MB
            / 1e3
            * (price["blob"] * 12 + price["scan"]),
            "logs": self.requests * LINE_BYTES / 1e9 * price["log"],
        }

    def fixed(self) -> dict[str, float]:
        """Dollars a month for prod, used or not."""
        price = {name: value for name, (value, _) in PRICES.items()}
        containers = json.loads((ROOT / "infra/cosmos-containers.json").read_text("utf-8"))
        least = deployed("casesMaxThroughput") / 10 + (len(containers) - 1) * 100
        hours = 730
        return {
            "Cosmos DB autoscale at its least, two regions": least / 100 * hours * price["autoscale"] * 2,
            "always-ready instances": deployed("alwaysReadyHttp") * MEMORY_GB * 3600 * hours * price["ready"],
            "idle minutes of the timers": self.commands["idle minute"]["units"]
            * 60
            * hours
            / 1e6
            * price["serverless"],
        }


def limits(commands: dict[str, dict[str, float]]) -> list[tuple[str, str, str, str]]:
    """Each limit: what it is, where it is, when it is reached, what would be built then."""
    from shared.use_cases.commands import CASE_BYTES_MAX
    from shared.use_cases.deadlines import TIME_BUDGET

    act = commands["staff act"]
    items, budget = deployed("TIMER_ITEMS_MAX"), int(TIME_BUDGET.total_seconds())
    top, instances, each = deployed("casesMaxThroughput"), deployed("instancesMax"), deployed("perInstanceConcurrency")
    one = Model(1, commands)
    seconds_a_case = act["calls"] * 0.01
    return [
        (
            "one run of a daily sweep",
            f"{items} cases, or {budget} s",
            f"more than {items} cases fall due on one day (a cohort's offers lapse together); at {seconds_a_case:.2f} s"
            f" a case the time would do for {budget / seconds_a_case:,.0f}",
            "the next run goes on where this one ended: raise `TIMER_ITEMS_MAX`, or run each hour of the afternoon",
        ),
        (
            "deliveries", f"{items} messages a minute", f"{items * 60 * 24:,} a day",
            "a queue, with a function that scales by its length",
        ),
        (
            "throughput of `cases`", f"{top:,} RU/s (parameter)",
            f"{top / act['units']:,.0f} acts of staff in one second",
            "raise `casesMaxThroughput`, `totalThroughputLimit` by twice that; up to 10,000 RU/s it is one partition",
        ),
        (
            "one physical partition", "10,000 RU/s, 50 GB",
            f"{10_000 / act['units']:,.0f} acts a second, or {50 / one.gigabytes:,.0f} candidates kept",
            "nothing: cases spread by `case_id`; each query over all cases then costs 2.5 RU more a partition",
        ),
        (
            "queries over all cases", "about 100 GB", f"{100 / one.gigabytes:,.0f} candidates kept",
            "a container `deadlines` keyed by hour and shard, written by the change feed (ADR 3)",
        ),
        (
            "one case", f"{CASE_BYTES_MAX:,} bytes of snapshot, 20 GB of partition", "a few hundred acts on one person",
            "the oldest weeks and documents move into items of their own",
        ),
        (
            "Flex Consumption", f"{instances} instances x {each} requests (parameters)",
            f"{instances * each / RESPONSE_SECONDS:,.0f} requests a second: the store ends first",
            "`instancesMax` up to 1,000, within the region's 250 cores for all apps",
        ),
        (
            "one address at the front door", f"{deployed('requestsPerMinute')} requests a minute",
            "a school's whole computer room behind one address",
            "raise `requestsPerMinute`; the limits by the hour in the code hold besides",
        ),
        (
            "scanning", f"{deployed('scanCapGbPerMonth')} GB a month",
            f"{deployed('scanCapGbPerMonth') * 1e3 / FILE_MB:,.0f} files of {FILE_MB:.0f} MB",
            "raise `scanCapGbPerMonth`: above it files stay unseen",
        ),
        (
            "logs", f"{deployed('logDailyCapGb')} GB a day",
            f"{deployed('logDailyCapGb') * 1e9 / LINE_BYTES:,.0f} requests a day; above it alerts see nothing",
            "raise `logDailyCapGb`, before sampling anything",
        ),
    ]  # fmt: skip


def page() -> str:
    """docs/capacity.md."""
    commands = kept()
    lines = [
        "# Capacity", "",
        "What a candidate costs, where each limit is, and what would be built then. Written by `python"
        " tools/capacity.py --write`: do not edit. A test measures again and compares.", "",
        "## What one command takes", "",
        "Counted at the local endpoint, everything included: looks, links, receipts, messages and the mail that"
        " follows. The endpoint charges by the published rules and counts every value as indexed, so Azure charges"
        " less.", "",
        "| command | round trips | request units | bytes written |", "|---|---:|---:|---:|",
    ]  # fmt: skip
    for name, took in commands.items():
        if name != "sweep":
            lines.append(f"| {name} | {took['calls']:.0f} | {took['units']:.1f} | {took['bytes']:,.0f} |")
    lines += ["", "## One who applied, on average", "", "| what happens | like | times |", "|---|---|---:|"]
    lines += [f"| {step.says} | {step.command} | {step.times:g} |" for step in LIFE]
    small, large = Model(1_000, commands), Model(1_000_000, commands)
    lines += ["", "## What it costs", "", "| $ | 1,000 candidates | a million |", "|---|---:|---:|"]
    for name, cost in small.variable().items():
        lines.append(f"| {name} | {cost:,.2f} | {large.variable()[name]:,.0f} |")
    total, most = sum(small.variable().values()), sum(large.variable().values())
    lines += [f"| **together, once** | **{total:,.2f}** | **{most:,.0f}** |", ""]
    lines += ["| $ a month, used or not (prod) | |", "|---|---:|"]
    lines += [f"| {name} | {cost:,.2f} |" for name, cost in small.fixed().items()]
    lines += [
        "", f"A million candidates make {large.units / 1e6:,.0f} million request units and leave"
        f" {large.gigabytes:,.0f} GB; spread over a year of working hours that is"
        f" {large.units / (250 * 8 * 3600):,.0f} RU/s."
        " Front Door, Defender's fixed part, private endpoints and mail come besides, as their lists say.", "",
        "## Where it ends", "", "| limit | is | reached with | then |", "|---|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {' | '.join(row)} |" for row in limits(commands)]
    lines += ["", "## Prices", "", "| | |", "|---|---|"]
    lines += [f"| {value:g} | {sentence} |" for value, sentence in PRICES.values()]
    lines += ["", "List prices in US East, read in November 2026: put your own into `tools/capacity.py`.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if "--measure" in sys.argv:
        from local.testing import Stack

        with Stack(now=NOW) as running:
            KEPT.write_text(json.dumps(measure(running), indent=1) + "\n", "utf-8")
    if "--write" in sys.argv:
        PAGE.write_text(page(), "utf-8")
    elif "--measure" not in sys.argv:
        sys.stdout.write(page())

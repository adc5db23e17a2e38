"""Writes docs/audit.md from the table of findings: `python tools/audit_page.py --write`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shared.audit.findings import KINDS  # noqa: E402 - the repository is not installed as a package
from tools.generated import put  # noqa: E402

PAGE = ROOT / "docs" / "audit.md"
PREFACE = """# The audit: what it looks for, and how to check it

Generated from the table in `shared/audit/findings.py`: do not edit.
To write it anew: `python tools/audit_page.py --write`.

A timer (`run_audit`) looks once a day at every case that changed or fell due, and once a month at all of them. An
auditor does so on demand: `POST /api/audits` with `{}`, or with `case_id` for one case, or with `on` for a day. The
audit has no rules of its own and repairs nothing; why it is built as it is stands in
[ADR 13](decisions/0013-the-audit-is-a-layer.md).

A run leaves `findings.json`, `findings.csv`, `report.en.html` and `report.fr.html` under `/api/audits/{run}/files/`;
the staff page hands out the last one.

## Check it yourself

- **One case**: `GET /api/cases/{case_id}/events` and `GET /api/cases/{case_id}/anchors`, kept as files, then
  `python tools/verify_chain.py events.json anchors.json`. It says which event was changed, left out, put
  in, moved or cut off. A copy of one's own data withholds who acted, so there only the links can be checked.
- **The sample** of decided claims: `GET /api/audit-samples/{month}`, kept as a file, then
  `python tools/draw_sample.py sample.json`. The seed was committed to before the month's decisions were known; the
  same list and seed draw the same claims, of every verdict and size.
- **The money**: `GET /api/reports/payments?month=2027-05&format=csv`, line by line, beside the bank's statement. A
  timer (`run_reconciliation`) holds every day against the payment partner's list, and stops a refund that differs.

## What can be found

| finding | severity | what it means | what to do |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return PREFACE + "".join(
        f"| `{name}` | {kind.severity} | {kind.sentence['en']} | {kind.act['en']} |\n" for name, kind in KINDS.items()
    )


if __name__ == "__main__":
    put(PAGE, page())

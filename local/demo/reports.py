"""The reports of the demo's intake, asked for as staff and anybody may ask, and kept as files."""

from __future__ import annotations

from local.demo.world import Unexpected, World

INTAKE = "2027-spring"
FILES = {
    "audit.en.html": ("auditor", "audits/{run}/files/report.en.html"),
    "audit.fr.html": ("auditor", "audits/{run}/files/report.fr.html"),
    "audit-findings.csv": ("auditor", "audits/{run}/files/findings.csv"),
    "outcomes.html": ("careers", f"reports/outcomes?intake={INTAKE}&format=html"),
    "outcomes.fr.html": ("careers", f"reports/outcomes?intake={INTAKE}&format=html&lang=fr"),
    "outcomes.csv": ("auditor", f"reports/outcomes?intake={INTAKE}&format=csv"),
    "outcomes.france.html": ("finance", f"reports/outcomes?intake={INTAKE}&yardstick=france&format=html"),
    "outcomes-pack.zip": ("auditor", f"reports/outcomes?intake={INTAKE}&format=zip"),
    "outcomes-public.html": ("", f"reports/outcomes/public?intake={INTAKE}&format=html"),
    "payments.csv": ("finance", "reports/payments?month=2028-05&format=csv"),
    "refund-liability.html": ("finance", "reports/refund-liability?format=html"),
    "funnel.html": ("admissions", "reports/funnel?format=html"),
}
"""File -> the role that asks (nobody: anybody may), and what it asks for."""


async def reports(world: World, run: str) -> dict[str, bytes]:
    """Every report as its file; of audits, that of one run."""
    found = {}
    for name, (role, address) in FILES.items():
        headers = {"Authorization": f"Bearer {await world.token(role, 0)}"} if role else {}
        answer = await world.ask("GET", f"{world.api}/{address.format(run=run)}", headers=headers)
        if answer.status_code != 200:
            raise Unexpected(f"{name}: {answer.status_code} {answer.text[:300]}")
        found[name] = answer.content
    return found

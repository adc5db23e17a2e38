"""The reports of the demo's intake, asked for as staff and anybody may ask, and kept as files."""

from __future__ import annotations

from local.demo.world import Unexpected, World

INTAKE = "2027-spring"
FILES = {
    "outcomes.html": ("reports/outcomes", "careers", {"intake": INTAKE, "format": "html"}),
    "outcomes.fr.html": ("reports/outcomes", "careers", {"intake": INTAKE, "format": "html", "lang": "fr"}),
    "outcomes.csv": ("reports/outcomes", "auditor", {"intake": INTAKE, "format": "csv"}),
    "outcomes.france.html": (
        "reports/outcomes",
        "finance",
        {"intake": INTAKE, "yardstick": "france", "format": "html"},
    ),
    "outcomes-pack.zip": ("reports/outcomes", "auditor", {"intake": INTAKE, "format": "zip"}),
    "outcomes-public.html": ("reports/outcomes/public", "", {"intake": INTAKE, "format": "html"}),
    "refund-liability.html": ("reports/refund-liability", "finance", {"format": "html"}),
    "funnel.html": ("reports/funnel", "admissions", {"format": "html"}),
}
"""File -> route, the role that asks (nobody: anybody may), and what is asked."""


def address(world: World, name: str) -> str:
    """Where the service gives this report."""
    route, _, params = FILES[name]
    return f"{world.api}/{route}?" + "&".join(f"{key}={value}" for key, value in params.items())


async def reports(world: World) -> dict[str, bytes]:
    """Every report as its file."""
    found = {}
    for name, (_, role, _) in FILES.items():
        headers = {"Authorization": f"Bearer {await world.token(role, 0)}"} if role else {}
        answer = await world.ask("GET", address(world, name), headers=headers)
        if answer.status_code != 200:
            raise Unexpected(f"{name}: {answer.status_code} {answer.text[:300]}")
        found[name] = answer.content
    return found

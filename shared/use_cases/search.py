"""How staff find cases and work: asked for by key and by index, never by looking through everything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import AlreadyStored
from shared.domain.errors import Forbidden, NotFound, invalid
from shared.domain.events import Actor
from shared.use_cases.commands import CASES, load
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services


async def summaries(services: Services, case_ids: list[str], reader: Actor) -> list[dict[str, Any]]:
    """A line for each of these cases that exists and that this reader may see."""
    found = []
    for case_id in case_ids:
        try:
            case, _ = await load(services, case_id, reader)
        except (NotFound, Forbidden):
            continue
        found.append(
            {
                "case_id": case_id,
                "intake": case.intake,
                "application": case.application.status,
                "enrolment": case.enrolment.status,
                "turn": case.agenda.turn,
                "what": case.agenda.what,
                "due_at": case.agenda.due_at and case.agenda.due_at.isoformat(),
            }
        )
    return found


async def work_queue(
    services: Services, now: datetime, stage: str | None, turn: str | None, assignee: str | None, after: str | None,
    limit: int, hidden: Callable[[str, dict[str, Any]], bool],
) -> dict[str, Any]:  # fmt: skip
    """Cases in which it is staff's turn, by due date; `next` is the key of the last row, to ask on from.

    What is hidden from the reader (by the case's id and its custody) is left out.
    """
    due, case_id = _key(after)
    conditions = ["c.kind = 'case'", "c.agenda.turn IN ('specialist', 'admissions', 'careers', 'finance')"]
    parameters: dict[str, Any] = {"most": limit, "due": due, "last": case_id}
    for name, value in (("stage", stage), ("turn", turn), ("assignee", assignee)):
        if value is not None:
            conditions.append(f"c.agenda.{name} = @{name}")
            parameters[name] = value
    conditions.append("(c.agenda.queue_at > @due OR (c.agenda.queue_at = @due AND c.case_id > @last))")
    rows = await services.store.query(
        CASES,
        "SELECT TOP @most c.case_id, c.intake, c.agenda, c.custody FROM c WHERE "
        + " AND ".join(conditions)
        + " ORDER BY c.agenda.queue_at, c.case_id",
        parameters,
    )
    work = [
        {
            "case_id": row["case_id"],
            "intake": row["intake"],
            "stage": row["agenda"].get("stage", "application"),
            "turn": row["agenda"]["turn"],
            "what": row["agenda"]["what"],
            "assignee": row["agenda"].get("assignee"),
            "flags": row["agenda"].get("flags", []),
            "due_at": row["agenda"].get("due_at"),
            "overdue": row["agenda"]["queue_at"] < now.isoformat(),
        }
        for row in rows
        if not hidden(row["case_id"], row.get("custody") or {})
    ]
    last = rows[-1] if len(rows) == limit else None
    return {"work": work, "next": f"{last['agenda']['queue_at']}~{last['case_id']}" if last else None}


async def early_risk(
    services: Services, now: datetime, after: str | None, limit: int, hidden: Callable[[str, dict[str, Any]], bool]
) -> dict[str, Any]:
    """Graduates with few days left of whom nothing was heard, longest waiting first; otherwise as the work queue."""
    due, case_id = _key(after)
    rows = await services.store.query(
        CASES,
        "SELECT TOP @most c.case_id, c.intake, c.agenda, c.guarantee, c.enrolment, c.custody FROM c"
        " WHERE c.kind = 'case' AND c.agenda.risk_at <= @now"
        " AND (c.agenda.risk_at > @due OR (c.agenda.risk_at = @due AND c.case_id > @last))"
        " ORDER BY c.agenda.risk_at, c.case_id",
        {"most": limit, "now": now.isoformat().replace("+00:00", "Z"), "due": due, "last": case_id},
    )
    listed = [
        {
            "case_id": row["case_id"],
            "intake": row["intake"],
            "since": row["agenda"]["risk_at"][:10],
            "window_end": row["guarantee"]["window_end"],
            "days_left": (date.fromisoformat(row["guarantee"]["window_end"]) - now.date()).days,
            "last_contact_on": row["enrolment"].get("last_contact_on"),
            "contact_overdue": row["enrolment"].get("contact_due_on") is not None,
        }
        for row in rows
        if not hidden(row["case_id"], row.get("custody") or {})
    ]
    last = rows[-1] if len(rows) == limit else None
    return {"at_risk": listed, "next": f"{last['agenda']['risk_at']}~{last['case_id']}" if last else None}


def _key(after: str | None) -> tuple[str, str]:
    if after is None:
        return "", ""
    due, mark, case_id = after.partition("~")
    if not mark:
        raise invalid("/after", "not_a_key")
    return due, case_id


async def note_read(
    services: Services, case_id: str, what: str, actor: Actor, now: datetime, document_id: str | None = None
) -> None:
    """Who read what of a person, and when: written before it is sent, without content; once a minute is enough."""
    seed = f"{case_id}|{what}|{document_id}|{actor.id}|{now:%Y%m%d%H%M}"
    row = {
        "id": hashlib.sha256(seed.encode()).hexdigest(),
        "kind": "read",
        "case_id": case_id,
        "what": what,
        "document_id": document_id,
        "role": actor.role.value,
        "by": actor.id,
        "at": now.isoformat(),
        "ttl": seconds_kept("reads", "read"),
    }
    try:
        await services.store.create("reads", row, case_id)
    except AlreadyStored:
        return


async def notes_of(services: Services, case_id: str, reader: Actor, now: datetime) -> dict[str, str]:
    """What staff and the person wrote beside the events of a case, by the id that an event names; noted as read."""
    rows = await services.store.query(CASES, "SELECT TOP 1000 c.id, c.text FROM c WHERE c.kind = 'note'", {}, case_id)
    if rows:
        await note_read(services, case_id, "notes", reader, now)
    return {row["id"]: row["text"] for row in rows}


async def reads_of(services: Services, case_id: str, after: str) -> list[dict[str, Any]]:
    """Who read what of this person, oldest first, after an instant; at most 200."""
    rows = await services.store.query(
        "reads", "SELECT TOP 200 * FROM c WHERE c.at > @after ORDER BY c.at", {"after": after}, case_id
    )
    told = ("at", "what", "document_id", "role", "by")
    return [{name: row.get(name) for name in told} for row in rows]

"""Positions that partners publish, and graduates who agreed to be introduced to them."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from shared.adapters.cosmos import AlreadyStored
from shared.domain.change import Change
from shared.domain.enrolment import UNDER_CONTRACT
from shared.domain.errors import AlreadyExists, NotFound, RecordChanged, Unavailable, invalid
from shared.domain.job_search import INTRODUCTIONS
from shared.domain.money import to_decimal, to_minor
from shared.domain.wire import Amount, ContractKind, Day, Form, JobField, Line, PartnersId
from shared.use_cases.commands import load, require
from shared.use_cases.placements import report_placement

if TYPE_CHECKING:
    from shared.bootstrap import Services

CATALOGUE = "catalogue"
TRIES = 5
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}\z")]


class PositionPublished(Form):
    """An employer has a position to fill. Published again, it says what is true now."""

    position_id: PartnersId
    title: Line
    employer_name: Line
    country: Country
    contract: ContractKind
    field: JobField = "unknown"
    hours: int | None = Field(default=None, ge=0, le=168)
    pay_from: Amount | None = None
    pay_to: Amount | None = None
    closes_on: Day


class PositionClosed(Form):
    """A position is filled or withdrawn. It stays closed."""

    position_id: PartnersId


async def publish(services: Services, partner: str, told: PositionPublished, stamp: str, now: datetime) -> None:
    """Enter a position, or what has changed of it; one that was closed stays closed.

    What was spoken last stands, in whatever order it comes: `stamp` orders what the partner says.
    """
    if told.pay_from and told.pay_to and told.pay_from.currency != told.pay_to.currency:
        raise invalid("/pay_to/currency", "another_currency")
    stated = told.model_dump(mode="json", exclude={"pay_from", "pay_to"})
    for name, money in (("pay_from", told.pay_from), ("pay_to", told.pay_to)):
        stated[f"{name}_minor"] = to_minor(money.amount, money.currency) if money else None
        if money is not None:
            stated["currency"] = money.currency
    stated |= {"status": "open", "published_at": now.isoformat(), "last_told": stamp}
    await _write(services, partner, told.position_id, stated)


async def close(services: Services, partner: str, told: PositionClosed, stamp: str, now: datetime) -> None:
    """Close a position; `NotFound` if it has not been published yet, so that the event waits."""
    await _write(services, partner, told.position_id, {"status": "closed", "closed_at": now.isoformat()}, known=True)


async def _write(
    services: Services, partner: str, position_id: str, stated: dict[str, Any], known: bool = False
) -> None:
    item_id = hashlib.sha256(f"{partner}|{position_id}".encode()).hexdigest()[:32]
    for _ in range(TRIES):
        stored = await services.store.read(CATALOGUE, item_id, item_id)
        if stored is None:
            if known:
                raise NotFound(position_id)
            item = {"id": item_id, "kind": "position", "partner": partner, **stated}
            try:
                await services.store.create(CATALOGUE, item, item_id)
                return
            except AlreadyStored:
                continue
        is_older = "last_told" in stated and stated["last_told"] <= stored.get("last_told", "")
        if stored["status"] == "closed" or is_older:
            return
        kept = {name: value for name, value in stored.items() if not name.startswith("_")}
        try:
            await services.store.replace(CATALOGUE, kept | stated, stored["_etag"], item_id)
            return
        except RecordChanged:
            continue
    raise Unavailable("the position is busy")


KINDS: dict[str, tuple[type[Form], frozenset[str], Any]] = {
    "position.published": (PositionPublished, frozenset({"employer"}), publish),
    "position.closed": (PositionClosed, frozenset({"employer"}), close),
}
"""Events of employers that are about no case."""


async def listed(
    services: Services, today: date, country: str | None, open_now: bool, after: str | None, limit: int
) -> dict[str, Any]:
    """Positions by key: those open today, or those that are not any more; `next` is the key to ask on from."""
    conditions = ["c.kind = 'position'", "c.id > @last"]
    parameters: dict[str, Any] = {"most": limit, "last": after or "", "today": today.isoformat()}
    if country is not None:
        conditions.append("c.country = @country")
        parameters["country"] = country
    if open_now:
        conditions += ["c.status = 'open'", "c.closes_on >= @today"]
    else:
        conditions.append("(c.status = 'closed' OR c.closes_on < @today)")
    rows = await services.store.query(
        CATALOGUE, "SELECT TOP @most * FROM c WHERE " + " AND ".join(conditions) + " ORDER BY c.id", parameters
    )
    return {"positions": [_shown(row) for row in rows], "next": rows[-1]["id"] if len(rows) == limit else None}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: row.get(name) for name in ("title", "employer_name", "country", "contract", "hours", "closes_on")}
    for name in ("pay_from", "pay_to"):
        minor = row.get(f"{name}_minor")
        paid = minor is not None and {"amount": to_decimal(minor, row["currency"]), "currency": row["currency"]}
        shown[name] = paid or None
    return {"position": row["id"], "status": row["status"], **shown}


async def check_may_look(services: Services, case_id: str) -> None:
    """Raise unless the person of this case is on the course or has the diploma."""
    case, _ = await load(services, case_id)
    require(case.enrolment.status in UNDER_CONTRACT, "not-enrolled", "Positions are for students and graduates.")


async def introduce(change: Change, services: Services, *, position: str) -> None:
    """Introduce the graduate to an employer, if they agree to it at this moment and the position is open."""
    change.check("graduate_introduced")
    require(change.case.enrolment.consent, "no-consent", "The graduate has not agreed that employers hear of them.")
    found = await _position(services, position)
    is_open = found["status"] == "open" and found["closes_on"] >= change.today.isoformat()
    require(is_open, "position-closed", "This position is not open any more.")
    introductions = change.case.enrolment.introductions
    for key, each in introductions.items():
        if each.position == position and each.status != "withdrawn":
            raise AlreadyExists(key)
    subject = f"i{len(introductions) + 1}"
    change.record("graduate_introduced", subject, position=position)
    change.tell("introduced")
    change.answer = {"introduction_id": subject}


async def _position(services: Services, position: str) -> dict[str, Any]:
    found = await services.store.read(CATALOGUE, position, position)
    if found is None or found["kind"] != "position":
        raise NotFound(position)
    return found


async def move_introduction(
    change: Change,
    services: Services,
    *,
    introduction: str,
    outcome: str,
    on: date,
    qualifying: str | None = None,
    starts_on: date | None = None,
) -> None:
    """What became of an introduction. A job that was signed is reported with it, for the evidence to be seen; a
    declined offer says whether it would have counted, and the graduate is told what we noted."""
    known = change.case.enrolment.introductions.get(introduction)
    if known is None:
        raise NotFound(introduction)
    change.check("introduction_moved", introduction)
    require(outcome in INTRODUCTIONS[known.status], "introduction-over", f"This introduction is {known.status}.")
    require(on <= change.today, "in-the-future", "That day has not come yet.")
    if (outcome == "declined") != (qualifying is not None):
        raise invalid("/qualifying", "only_for_declined" if qualifying else "missing")
    more: dict[str, Any] = {"qualifying": qualifying} if qualifying else {}
    if outcome == "signed":
        found = await _position(services, known.position)
        report_placement(
            change, employer_name=found["employer_name"], contract=found["contract"], field=found["field"],
            hours=found["hours"], contract_signed_on=on, starts_on=starts_on,
        )  # fmt: skip
        more["placement"] = change.answer["placement_id"]
    change.record("introduction_moved", introduction, on=on, outcome=outcome, **more)
    if outcome == "declined":
        change.tell("decline_noted", on=on.isoformat())

"""The auditor's pack: its rows, one pseudonym a person, made anew from the contributions, not from the summary.

One too large for an answer is written to a blob in blocks, fetched by its id, gone two days later: it lies beside the
evidence under a name that is no case's, so that the sweep over files that belong to nobody removes it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.blobs import EXPORTS
from shared.domain.errors import NotFound
from shared.domain.events import Actor
from shared.policy.outcomes import IN_FIELD, Graduate, salary_on, status_on
from shared.policy.yardsticks import activity, census_day, has_answered, has_work, is_placed, is_work_study
from shared.reports.contributions import graduate_from
from shared.reports.outcomes import DAYS
from shared.reports.refresh import REPORTS

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.reports")

PAGE = 1000
DAY = 180
LETTER = "p"


def pseudonym(key: bytes, case_id: str) -> str:
    """A person's name in a pack: nobody without the key can tell whose it is, not even who knows the case's id.

    It begins with a letter that makes no number, or a spreadsheet would read 12e45678 as one.
    """
    return LETTER + hmac.new(key, f"pack|{case_id}".encode(), hashlib.sha256).hexdigest()[:16]


async def proofs_of(services: Services, intake: str) -> list[dict[str, Any]]:
    """Everybody of an intake who was enrolled, in the order of their pseudonyms: row, chain and proofs of jobs."""
    found = []
    last = ""
    while True:
        rows = await services.store.query(
            REPORTS,
            "SELECT TOP @most * FROM c WHERE c.kind = 'contribution' AND c.case_id > @last ORDER BY c.case_id",
            {"most": PAGE, "last": last},
            intake,
        )
        for row in rows:
            if row["proof"] is not None:
                found.append({**row["proof"], "person": pseudonym(services.settings.address_key, row["case_id"])})
        if len(rows) < PAGE:
            return sorted(found, key=lambda each: str(each["person"]))
        last = rows[-1]["case_id"]


async def case_behind(services: Services, intake: str, person: str) -> str | None:
    """The case that a pseudonym of a pack stands for; None if there is none."""
    last = ""
    person = LETTER + person.removeprefix(LETTER)  # Packs that auditors keep from before have names without it.
    while True:
        rows = await services.store.query(
            REPORTS,
            "SELECT TOP @most c.case_id FROM c WHERE c.kind = 'contribution' AND c.case_id > @last ORDER BY c.case_id",
            {"most": PAGE, "last": last},
            intake,
        )
        for row in rows:
            if hmac.compare_digest(pseudonym(services.settings.address_key, row["case_id"]), person):
                return str(row["case_id"])
        if len(rows) < PAGE:
            return None
        last = rows[-1]["case_id"]


def tables(found: Sequence[Mapping[str, Any]], on: date) -> tuple[list[dict[str, Any]], ...]:
    """People, jobs and proofs as a pack holds them, as of a day."""
    people, jobs, proofs = [], [], []
    for each in found:
        person, row = each["person"], each["row"]
        later = row["qualified_on"] is not None and row["qualified_on"] > on.isoformat()
        said = {"chain": each["chain"], "exempt": each["exempt"], "on_course": each.get("on_course", False) or later}
        people.append({"person": person, **said, **_person(row, on)})
        jobs += [{"person": person, **job} for job in row["jobs"]]
        proofs += [
            {
                "person": person, "report": number, "standing": job["status"],
                "event_hashes": " ".join(job["events"]), "evidence_hashes": " ".join(job["evidence"]),
            }
            for number, job in enumerate(each["jobs"], start=1)
        ]  # fmt: skip
    return people, jobs, proofs


def _person(row: Mapping[str, Any], on: date) -> dict[str, Any]:
    known = row["qualified_on"] if row["qualified_on"] and row["qualified_on"] <= on.isoformat() else None
    said = {name: row[name] for name in ("on_time", "intent", "authorised", "student", "final", "country")}
    person: dict[str, Any] = {"graduated_on": known, **said}
    if known is None:
        return person | {"on_time": None, "final": None}
    graduate = graduate_from(row, "")
    watched, census = (on - date.fromisoformat(known)).days, census_day(graduate, 0)
    person |= {"excluded": graduate.is_excluded, "answered": has_answered(graduate)}
    for day in DAYS:
        person |= _standing(graduate, day, str(day)) if watched >= day else {}
    if watched >= DAY:
        person["work_study"] = is_work_study(graduate, DAY)
        person["any_job_180"] = has_work(graduate, DAY)
        person["field_job_180"] = is_placed(graduate, DAY, IN_FIELD)
    if watched >= census:
        person |= _standing(graduate, census, "census") | {"activity": activity(graduate, census)}
        person["census_on"] = (date.fromisoformat(known) + timedelta(days=census)).isoformat()
    return person


def _standing(graduate: Graduate, day: int, name: str) -> dict[str, Any]:
    """Status and, of who works in the field, base pay on a day."""
    status = status_on(graduate, day)
    salary = salary_on(graduate, day) if status in IN_FIELD else None
    return {
        f"status_{name}": status,
        f"currency_{name}": salary and salary.currency,
        f"base_{name}": salary and f"{salary.base:f}",
    }


def rosters(found: Sequence[Mapping[str, Any]], on: date) -> list[dict[str, Any]]:
    """As the command `outcomes` reads them: all graduates, then of each day those whose day has come."""
    enrolled = sum(each["exempt"] is None for each in found)
    return [
        {"enrolled": enrolled, "days": [day] if day else [], "graduates": _graduates(found, on - timedelta(days=day))}
        for day in (0, *DAYS)
    ]


def _graduates(found: Sequence[Mapping[str, Any]], by: date) -> list[dict[str, Any]]:
    """Whoever had graduated by a day."""
    return [
        {
            "id": each["person"],
            "on_time": row["on_time"],
            "intent": row["intent"],
            "authorised": row["authorised"],
            "placements": [
                {"day": job["day"], "status": job["status"], "currency": job["currency"], "base": job["base"]}
                for job in row["jobs"]
            ],
            "final": row["final"],
        }
        for each in found
        if (row := each["row"])["qualified_on"] and row["qualified_on"] <= by.isoformat()
    ]


# ---- a pack too large for one answer


async def keep(services: Services, pieces: Iterable[bytes], intake: str, by: Actor) -> dict[str, Any]:
    """Store a pack under an id that nobody can guess; the id, the size and the hash of what was stored."""
    export_id = secrets.token_hex(16)
    digest, size = hashlib.sha256(), 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            yield piece

    await services.blobs.put_in_blocks(services.blobs.evidence, EXPORTS + export_id, counted(), "application/zip")
    logger.info("pack exported", extra={"intake": intake, "export_id": export_id, "by": by.id, "bytes": size})
    return {"export_id": export_id, "bytes": size, "sha256": digest.hexdigest()}


async def fetch(services: Services, export_id: str) -> bytes:
    """The pack, or `NotFound` once it is gone."""
    if not re.fullmatch("[0-9a-f]{32}", export_id, re.ASCII):
        raise NotFound(export_id)
    return await services.blobs.get(services.blobs.evidence, EXPORTS + export_id)

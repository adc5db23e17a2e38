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
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.adapters.blobs import EXPORTS
from shared.domain.errors import NotFound
from shared.domain.events import Actor
from shared.policy.outcomes import IN_FIELD, salary_on, status_on
from shared.policy.yardsticks import has_answered, has_work, is_placed, is_work_study
from shared.reports.contributions import graduate_from
from shared.reports.outcomes import DAYS
from shared.reports.refresh import REPORTS

if TYPE_CHECKING:
    from shared.bootstrap import Services

logger = logging.getLogger("pledge.reports")

PAGE = 1000
DAY = 180


def pseudonym(key: bytes, case_id: str) -> str:
    """A person's name in a pack: nobody without the key can tell whose it is, not even who knows the case's id."""
    return hmac.new(key, f"pack|{case_id}".encode(), hashlib.sha256).hexdigest()[:16]


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
        people.append({"person": person, "chain": each["chain"], "exempt": each["exempt"], **_person(row, on)})
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
    empty = dict.fromkeys(
        ("excluded", "answered", "work_study", "any_job_180", "field_job_180", "currency_180", "base_180")
    )
    person: dict[str, Any] = {"graduated_on": known, **said, **empty, **{f"status_{day}": None for day in DAYS}}
    if known is None:
        return person | {"on_time": None, "final": None}
    graduate = graduate_from(row, "")
    watched = (on - date.fromisoformat(known)).days
    person |= {f"status_{day}": status_on(graduate, day) for day in DAYS if watched >= day}
    person["excluded"] = graduate.is_excluded
    if watched >= DAY:
        salary = salary_on(graduate, DAY) if status_on(graduate, DAY) in IN_FIELD else None
        person |= {
            "answered": has_answered(graduate),
            "work_study": is_work_study(graduate, DAY),
            "any_job_180": has_work(graduate, DAY),
            "field_job_180": is_placed(graduate, DAY, IN_FIELD),
            "currency_180": salary and salary.currency,
            "base_180": salary and f"{salary.base:f}",
        }
    return person


def roster(found: Sequence[Mapping[str, Any]], on: date) -> dict[str, Any]:
    """The graduates whose 180th day has come, as the command `outcomes` reads them."""
    graduates = [
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
        if (row := each["row"])["qualified_on"] and (on - date.fromisoformat(row["qualified_on"])).days >= DAY
    ]
    enrolled = sum(each["exempt"] is None for each in found)
    return {"enrolled": enrolled, "days": list(DAYS), "graduates": graduates}


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

"""Everything about one person as a zip: a page to read in their language, the same for machines, and their files."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from shared.domain.application import UNCONFIRMED
from shared.domain.case import Case
from shared.domain.errors import NotFound, RuleBroken
from shared.domain.events import Event
from shared.domain.four_eyes import MACHINES
from shared.use_cases import retention, views
from shared.use_cases.commands import CASES, events_of, require
from shared.use_cases.letters import LETTERS
from shared.use_cases.payments import account_of
from shared.use_cases.views import said

if TYPE_CHECKING:
    from shared.bootstrap import Services

FILE_BYTES_MAX = 60 * 1024 * 1024
"""More than one person may keep here (50 MiB); a zip is built in memory."""
SUFFIXES = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
OURS = ("id", "kind", "case_id", "schema_version", "op_id", "ttl")
"""What an item carries for the store's sake and says nothing about the person."""


async def everything_about(services: Services, case: Case, now: datetime, *, for_staff: bool = False) -> bytes:
    """The zip, or `RuleBroken` where no request for it was granted, or not lately."""
    until = retention.export_until(case, services.programmes[case.programme])
    require(until is not None, "export-not-granted", "Ask for a copy first; somebody rings you back.")
    assert until is not None
    require(now < until, "export-over", "The time to fetch this copy has passed; please ask again.")
    data = await _gathered(services, case, now)
    if for_staff:
        data["account"] = None  # Staff who hand the copy over need not see where money goes.
    files = await _files(services, case, for_staff)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=1))
        archive.writestr("index.html", page(data, sorted(files), case.language))
        for name, content in files.items():
            archive.writestr(f"documents/{name}", content)
    return zipped.getvalue()


async def _files(services: Services, case: Case, for_staff: bool) -> dict[str, bytes]:
    """The person's files, but for what is malicious or may be a stranger's; to staff what was found clean alone."""
    found: dict[str, bytes] = {}
    for document_id, document in sorted(case.documents.items()):
        if document.kind == UNCONFIRMED or document.status not in (("clean",) if for_staff else ("clean", "scanning")):
            continue
        try:
            # Staff see the copy, which tells nothing of where and when a picture was made; the person gets their own.
            blob = document.copy_blob if for_staff and document.copy_blob is not None else document.blob
            content = await services.blobs.get(services.blobs.evidence, blob)
        except NotFound:
            continue  # The data still say that it was sent.
        found[f"{document.kind}-{document_id}.{SUFFIXES[document.content_type]}"] = content
        if sum(map(len, found.values())) > FILE_BYTES_MAX:
            raise RuleBroken("export-too-large", "There is more than fits into one file; please write to us.")
    return found


async def _gathered(services: Services, case: Case, now: datetime) -> dict[str, Any]:
    """Everything stored about the person, by where it lies. Members of staff appear by role, not by id."""
    case_id, store = case.case_id, services.store
    rows = await store.query(
        CASES,
        "SELECT * FROM c WHERE ARRAY_CONTAINS(@kinds, c.kind)",
        {"kinds": list(retention.erased_with_case(CASES))},
        case_id,
    )
    heard = await store.query("inbox", "SELECT TOP 1000 * FROM c WHERE c.case_id = @case_id", {"case_id": case_id})
    reads = await store.query("reads", "SELECT TOP 1000 * FROM c WHERE c.at > '' ORDER BY c.at", {}, case_id)
    events = await events_of(services, case_id)
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda each: str(each["id"])):
        by_kind.setdefault(row["kind"], []).append(_plain(row))
    payee = next((row for row in rows if row["kind"] == "payee"), None)
    data = {
        "case_id": case_id,
        "made_at": now.isoformat(),
        "person": next(iter(by_kind.get("person", [])), {}),
        "account": account_of(services, case_id, payee) if payee else None,
        "case": views.for_staff(case),
        "guarantee": views.guarantee(case, services.programmes[case.programme], services.terms, now),
        "submissions": by_kind.get("submission", []),
        "notes": [{"text": note["text"]} for note in by_kind.get("note", [])],
        "letters": [_letter(row, case.language) for row in by_kind.get("message", []) if row["channel"] == "mail"],
        "contacts": [{"email": row["email"], "named_by": row["named_by"]} for row in by_kind.get("contact", [])],
        "told_partners": [
            {"partner": row["partner"], "written_at": row["created_at"], "body": row["body"]}
            for row in by_kind.get("message", [])
            if row["channel"] == "partner"
        ],
        "partners": [
            {"partner": row["partner"], "received_at": row["received_at"], "body": row["body"]} for row in heard
        ],
        "events": [event.model_dump(mode="json") for event in events],
        "timeline": [_happened(event, case.language) for event in events],
        "reads": [{"at": row["at"], "what": row.get("what", "document"), "role": row["role"]} for row in reads],
    }
    return dict(_without_staff(data, _staff_of(case, events)))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in OURS and not name.startswith("_")}


def _letter(message: dict[str, Any], language: str) -> dict[str, Any]:
    letter = LETTERS.get(message["template"])
    subject = letter.subject.get(language, letter.subject["en"]) if letter else message["template"]
    return {"subject": subject, "status": message["status"], "written_at": message["created_at"]}


def _happened(event: Event, language: str) -> dict[str, str]:
    return {
        "at": event.at.isoformat(),
        "what": said("event", event.kind, language),
        "by": said("turn", event.actor.role.value, language),
    }


def _staff_of(case: Case, events: list[Event]) -> set[str]:
    staff = {event.actor.id for event in events if event.actor.role not in MACHINES}
    staff |= {step.by for step in case.steps} | {conflict.staff for conflict in case.custody.conflicts}
    return staff | {event.data["specialist"] for event in events if event.kind == "specialist_assigned"}


def _without_staff(value: Any, staff: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without_staff(each, staff) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_staff(each, staff) for each in value]
    return "staff" if value in staff else value


def page(data: dict[str, Any], files: list[str], language: str) -> str:
    """The page for people: self-contained, everything escaped, nothing fetched from anywhere."""

    def word(code: str) -> str:
        return escape(said("export", code, language))

    def table(rows: list[tuple[str, Any]]) -> str:
        cells = "".join(
            f"<tr><th>{label}</th><td>{escape(_shown(value, language))}</td></tr>"
            for label, value in rows
            if value not in (None, "", [], {})
        )
        return f"<table>{cells}</table>" if cells else f"<p>{word('nothing')}</p>"

    person, case = data["person"], data["case"]
    sections = [
        ("you", table([(word(name), person.get(name)) for name in PERSON])),
        ("account", table([(word(name), value) for name, value in (data["account"] or {}).items()])),
        ("standing", table([
            (word("application"), said("application", case["application"]["status"], language)),
            (word("enrolment"), said("enrolment", case["enrolment"]["status"], language)),
            (word("intake"), case["intake"]),
            (word("guarantee"), data["guarantee"].get("in_words")),
            (word("contract"), case["enrolment"]["contract"]),
        ])),
        ("money", table([(escape(line["on"]), f"{line['kind']} {_money(line['amount'])} ({line['payer']})")
                         for line in case["ledger"]])),
        ("search", table([(word(name), case["enrolment"][name]) for name in SEARCH]
                         + [(word("placements"), list(case["placements"].values()))])),
        ("submissions", table([(escape(each["received_at"][:10]), each["content"]) for each in data["submissions"]])),
        ("documents", table([(escape(name), name) for name in files])),
        ("notes", table([(str(number), each["text"]) for number, each in enumerate(data["notes"], 1)])),
        ("partners", table([(escape(each["received_at"][:10]), each["body"]) for each in data["partners"]])),
        ("told_partners", table([(escape(each["written_at"][:10]), f"{each['partner']}: {each['body']['type']}")
                                 for each in data["told_partners"]])),
        ("contacts", table([(word("email"), each["email"]) for each in data["contacts"]])),
        ("letters", table([(escape(each["written_at"][:10]), each["subject"]) for each in data["letters"]])),
        ("timeline", table([(escape(each["at"][:10]), f"{each['what']} ({each['by']})") for each in data["timeline"]])),
        ("reads", table([(escape(each["at"][:16]), f"{said('export', each['what'], language)} ({each['role']})")
                         for each in data["reads"]])),
    ]  # fmt: skip
    parts = "".join(f"<h2>{word(title)}</h2>{content}" for title, content in sections)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{word("title")}</title>'
        f"<style>{STYLE}</style><h1>{word('title')}</h1><p>{word('intro')}</p>{parts}</html>"
    )


PERSON = ("given_names", "family_names", "email", "phone", "education", "motivation", "consents", "employers",
          "former_emails", "pending_contact")  # fmt: skip
SEARCH = ("right_to_work", "intent", "weeks", "job_offers", "pauses", "leaves")
STYLE = "body{font:1em/1.5 sans-serif;max-width:50em;margin:2em auto}th{text-align:left;vertical-align:top}"


def _money(amount: dict[str, str]) -> str:
    return f"{amount['amount']} {amount['currency']}"


def _shown(value: Any, language: str) -> str:
    """A value as a person reads it: nested facts as `name: value`, in one line each."""
    if isinstance(value, dict):
        if set(value) == {"amount", "currency"}:
            return _money(value)
        return "; ".join(
            f"{said('export', name, language)}: {_shown(each, language)}"
            for name, each in value.items()
            if each not in (None, "", [], {})
        )
    if isinstance(value, list):
        return " / ".join(_shown(each, language) for each in value)
    return str(value)

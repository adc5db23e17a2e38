"""What a person does on the way in: apply, say which application counts, correct, send documents, answer, withdraw."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared import telemetry
from shared.adapters.cosmos import AlreadyStored, Create
from shared.domain.application import CLOSED, UNCONFIRMED
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.enrolment import ENDED
from shared.domain.errors import ActionNotAllowed, NotFound, RecordChanged, RuleBroken, Unavailable, invalid
from shared.domain.events import Actor, sha256_of
from shared.domain.life_cycle import Role
from shared.policy.admission import prerequisite
from shared.policy.facts import CONTRACT_ENDS
from shared.use_cases import commands, deliveries, documents, enrolments
from shared.use_cases.commands import CASES, commit, load, perform, require
from shared.use_cases.documents import Upload
from shared.use_cases.proposals import propose_return_of_money, tell_ended

if TYPE_CHECKING:
    from shared.bootstrap import Services

ATTEMPTS_MAX = 20
SUBMISSIONS_TOLD_MAX = 20
"""Further different applications to an open case are kept too, but neither listed nor mailed about: an address
that somebody floods neither fills its owner's mailbox nor the case."""
APPLICANT = Actor(role=Role.APPLICANT, id="applicant")


def case_id_of(services: Services, programme: str, intake: str, email: str, attempt: int) -> str:
    """The keyed hash that makes a first creation unique. Never recomputed to find a case."""
    said = f"{programme}|{intake}|{email.lower()}|{attempt}".encode()
    mac = hmac.new(services.settings.address_key, said, hashlib.sha256).digest()
    return base64.b32encode(mac[:16]).decode().rstrip("=").lower()


def check(services: Services, content: dict[str, Any], now: datetime) -> None:
    """Raise `InvalidInput` for what no intake takes."""
    programme = services.programmes.get(content["programme"])
    intake = programme.intake(content["intake"]) if programme else None
    if programme is None or intake is None:
        raise invalid("/intake" if programme else "/programme", "unknown")
    today = Case(case_id="", time_zone=programme.time_zone).today(now)
    awarded = content["degree"]["awarded_on"]
    if not intake.opens_on <= today <= intake.closes_on:
        raise invalid("/intake", "closed")
    expected = content["degree"].get("expected_on")
    _check_degree(
        date.fromisoformat(awarded) if awarded else None, date.fromisoformat(expected) if expected else None, today
    )
    if content["country"] not in programme.countries:
        raise invalid("/country", "not_offered")
    if content["terms_and_privacy"] != programme.terms_and_privacy_version:
        raise invalid("/terms_and_privacy", "version")
    if not content["accreditation_notice_read"] and not programme.is_accredited_in(content["country"], today):
        raise invalid("/accreditation_notice_read", "required")


def _check_degree(awarded_on: date | None, expected_on: date | None, today: date) -> None:
    if awarded_on is not None and awarded_on > today + timedelta(days=1):
        raise invalid("/degree/awarded_on", "in_the_future")
    if expected_on is not None and abs(expected_on - today) > timedelta(days=5 * 366):
        raise invalid("/degree/expected_on", "implausible")


async def apply(
    services: Services, content: dict[str, Any], certificate: Upload | None, flags: list[str], now: datetime
) -> None:
    """Keep an application that was checked. It is never dropped and never refused for having come before.

    The same content again changes nothing while its case is open; other content is kept beside the first, and the
    address is told; after the case was closed either opens the next attempt.
    """
    if certificate is not None:
        stated = {"sha256": certificate.digest, "content_type": certificate.content_type}
        content = content | {"certificate": stated}
    await _keep(services, content, certificate, flags, now)


async def _keep(
    services: Services, content: dict[str, Any], certificate: Upload | None, flags: list[str], now: datetime
) -> None:
    digest = sha256_of(content)
    programme = services.programmes[content["programme"]]
    for attempt in range(1, ATTEMPTS_MAX + 1):
        case_id = case_id_of(services, programme.id, content["intake"], content["email"], attempt)
        file: dict[str, Any] | None = None
        if certificate is not None:
            closed = await _is_closed(services, case_id)
            if closed:
                continue
            if closed is not None and await services.store.read(CASES, f"submission:{digest}", case_id) is not None:
                return
            file = await documents.store(services, case_id, certificate, now) | {"name": certificate.name}
        change = Change(Case(case_id=case_id), APPLICANT, now, programme)
        change.case.time_zone = content["time_zone"]
        _submit(services, change, content, digest, flags, attempt, file)
        try:
            await commit(services, change, Create({}), None)
            return
        except AlreadyStored:
            pass
        case, _ = await load(services, case_id)
        if _is_over(case):
            continue
        if await services.store.read(CASES, f"submission:{digest}", case_id) is not None:
            return
        if await _add(services, case_id, content, digest, flags, now, file):
            return
    raise invalid("/email", "too_many_attempts")


async def _is_closed(services: Services, case_id: str) -> bool | None:
    """Whether an attempt stands here that is over (no file is put beside it); None if there is none yet."""
    try:
        case, _ = await load(services, case_id)
    except NotFound:
        return None
    return _is_over(case)


def _is_over(case: Case) -> bool:
    """Whether a new application opens the next attempt: this one is closed, its contract has ended, or it is erased."""
    is_ended = case.enrolment.status in CONTRACT_ENDS
    return case.application.status in CLOSED or is_ended or case.custody.erasure_begun_at is not None


def _submit(
    services: Services, change: Change, content: dict[str, Any], digest: str, flags: list[str], attempt: int,
    file: dict[str, Any] | None,
) -> None:  # fmt: skip
    verdict, reasons = prerequisite(content["degree"], change.programme)
    source = {"source": content["source"]} if "source" in content else {}
    change.record(
        "application_submitted",
        digest,
        programme=content["programme"],
        intake=content["intake"],
        attempt=attempt,
        country=content["country"],
        time_zone=content["time_zone"],
        language=content["language"],
        accreditation_read=content["accreditation_notice_read"],
        prerequisite=verdict,
        prerequisite_reasons=reasons,
        flags=flags,
        **source,
    )
    change.new_items.append(_person(content, change.now))
    change.new_items.append(_submission(content, digest, change.now, file))
    _note_certificate(change, file, "certificate")
    change.send("address", address=deliveries.address_key(services, content["email"]))
    change.tell("application_received", reference=change.case.case_id)


async def _add(
    services: Services, case_id: str, content: dict[str, Any], digest: str, flags: list[str], now: datetime,
    file: dict[str, Any] | None,
) -> bool:  # fmt: skip
    """Keep another application beside the first. False if the case was closed meanwhile: the next attempt takes it."""

    def another(change: Change) -> None:
        if len(change.case.application.submissions) >= SUBMISSIONS_TOLD_MAX:
            return
        change.record("submission_added", digest, flags=flags)
        change.new_items.append(_submission(content, digest, now, file))
        _note_certificate(change, file, UNCONFIRMED)
        change.tell("another_submission")

    try:
        if not await _is_told(services, case_id, now, another):
            item = _submission(content, digest, now, file) | {"case_id": case_id, "untold": True}
            await services.store.create(CASES, item, case_id)
    except AlreadyStored:
        return True
    except ActionNotAllowed:
        return False
    except RecordChanged:
        if await services.store.read(CASES, f"submission:{digest}", case_id) is None:
            raise Unavailable("the case is busy") from None
    return True


async def _is_told(services: Services, case_id: str, now: datetime, another: Callable[[Change], None]) -> bool:
    """Enter another submission into the case, if it has room for one."""
    try:
        return bool((await perform(services, case_id, APPLICANT, now, another)).events)
    except RuleBroken as error:
        if error.code != "case-full":
            raise
        return False


def _person(content: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "id": "person",
        "kind": "person",
        "given_names": content["given_names"],
        "family_names": content["family_names"],
        "email": content["email"],
        "phone": content["phone"],
        "language": content["language"],
        "education": content["degree"],
        "motivation": content["motivation"],
        "consents": {"terms_and_privacy": content["terms_and_privacy"], "at": now.isoformat()},
        "employers": {},
    }


def _submission(content: dict[str, Any], digest: str, now: datetime, file: dict[str, Any] | None) -> dict[str, Any]:
    item = {"id": f"submission:{digest}", "kind": "submission", "content": content, "received_at": now.isoformat()}
    return item | ({"file": file} if file is not None else {})


def _note_certificate(change: Change, file: dict[str, Any] | None, kind: str) -> None:
    """Enter a submission's certificate. One that a stranger may have sent is no certificate before it is chosen."""
    if file is not None:
        noted = {name: value for name, value in file.items() if name != "name"}
        document_id = str(file["blob"]).rpartition("/")[2][:16]
        known = change.case.documents.get(document_id)
        if known is None or kind == "certificate":
            documents.note(change, document_id, kind, noted, file["name"])


async def choose_submission(change: Change, services: Services, *, submission: str) -> None:
    """The owner says which of several applications counts; only now is anything replaced by it."""
    known = {each.hash for each in change.case.application.submissions}
    stored = None
    if submission in known:
        stored = await services.store.read(CASES, f"submission:{submission}", change.case.case_id)
    if stored is None:
        raise NotFound(submission)
    require(change.case.is_on_the_way_in, "contract-sent", "A contract was sent for the application that counts.")
    content = stored["content"]
    verdict, reasons = prerequisite(content["degree"], change.programme)
    change.record(
        "submission_chosen",
        submission,
        prerequisite=verdict,
        prerequisite_reasons=reasons,
        country=content["country"],
        time_zone=content["time_zone"],
    )
    for name in ("given_names", "family_names", "phone", "motivation"):
        change.person[f"/{name}"] = content[name]
    change.person["/education"] = content["degree"]
    _note_certificate(change, stored.get("file"), "certificate")


def correct(change: Change, **corrections: Any) -> None:
    """The person corrects what they said; only what is named changes. Addresses have an act of their own."""
    stated = {name: value for name, value in corrections.items() if value is not None}
    if not stated:
        raise invalid("", "empty")
    codes: dict[str, Any] = {name: stated[name] for name in ("time_zone", "language") if name in stated}
    if "degree" in stated:
        _check_degree(stated["degree"]["awarded_on"], stated["degree"]["expected_on"], change.today)
        verdict, reasons = prerequisite(stated["degree"], change.programme)
        codes |= {"prerequisite": verdict, "prerequisite_reasons": reasons}
    change.record("details_corrected", **codes, fields=sorted(stated))
    for name in ("given_names", "family_names", "language", "motivation"):
        if name in stated:
            change.person[f"/{name}"] = stated[name]
    if "degree" in stated:
        change.person["/education"] = {
            name: value.isoformat() if isinstance(value, date) else value for name, value in stated["degree"].items()
        }


def answer_offer(change: Change, *, answer: str) -> None:
    """The person accepts or declines the offer, as long as it has not lapsed."""
    change.check("offer_accepted" if answer == "accept" else "offer_declined")
    change.record("offer_accepted" if answer == "accept" else "offer_declined")


def withdraw(change: Change) -> None:
    """The person leaves. Inside fourteen days this is the cancellation that the law gives; after qualifying nothing."""
    status, contract = change.case.enrolment.status, change.case.enrolment.contract
    if change.case.is_on_the_way_in:
        change.record("application_withdrawn")
        change.tell("application_withdrawn")
        return
    if status in (*ENDED, "qualified"):
        raise ActionNotAllowed("withdraw", status)
    if contract is None or contract.signed_on is None:
        change.record("enrolment_withdrawn")
        propose_return_of_money(change, "cancellation")  # What was paid in advance was paid for nothing.
        tell_ended(change, "withdrawn", "cancellation")
    elif not enrolments.end_by_law(change, change.today):
        change.record("enrolment_withdrawn")
        tell_ended(change, "withdrawn")


def change_contact(change: Change, *, email: str | None = None, phone: str | None = None) -> None:
    """The person names a new address or number. It takes effect when a call-back confirms it, not before: until then
    mail goes on to the old address, which hears of the change, so that nobody is shut out of their own case."""
    require(email or phone, "nothing-to-change", "Neither an address nor a number was given.")
    change.record("contact_changed", fields=[name for name, value in (("email", email), ("phone", phone)) if value])
    change.person["/pending_contact"] = {"email": email, "phone": phone}
    change.tell("contact_changed")


async def ask_for_links(services: Services, email: str, now: datetime) -> list[dict[str, Any]]:
    """Queue that a link to every case of this address be mailed; what was queued. Whether there is any such case is
    not looked at here: it is the same one write for everybody. One asked for again within the minute is the same."""
    address = deliveries.address_key(services, email)
    message: dict[str, Any] = {
        "id": f"message:link-{now:%Y%m%d%H%M}",
        "kind": "message",
        "case_id": address,  # A partition of its own: which cases it is about is found out when it is sent.
        "channel": "links",
        "address": address,
        "status": "pending",
        "tries": 0,
        "next_try_at": now.isoformat(),
        "created_at": now.isoformat(),
        **telemetry.kept(),
    }
    try:
        await services.store.create(CASES, message, address)
    except AlreadyStored:
        return []
    return [message]


async def send_links(services: Services, asked: dict[str, Any], now: datetime) -> None:
    """Mail a link to every case of the address that asked."""
    row = await services.store.read("addresses", asked["address"], asked["address"])
    for case_id in row["cases"] if row else []:
        try:
            case, _ = await load(services, case_id)
        except NotFound:
            continue  # The store was put back to a day before it; the others get theirs.
        if case.custody.erasure_begun_at is None:
            await _send_link(services, case, asked["id"], now)


async def _send_link(services: Services, case: Case, message_id: str, now: datetime) -> None:
    held = now + timedelta(seconds=commands.MESSAGE_HELD_SECONDS)
    message: dict[str, Any] = {
        "id": message_id,
        "kind": "message",
        "case_id": case.case_id,
        "channel": "mail",
        "template": "link",
        "language": case.language,
        "programme": case.programme,
        "parameters": {},
        "status": "pending",
        "tries": 0,
        "next_try_at": held.isoformat(),
        "created_at": now.isoformat(),
        **telemetry.kept(),
    }
    try:
        message["_etag"] = await services.store.create(CASES, message, case.case_id)
    except AlreadyStored:
        return  # An earlier try came as far as this; the timer has it.
    await deliveries.try_now(services, [message], now)


async def cases_of_address(services: Services, email: str) -> list[str]:
    """The ids of the cases that were opened with this address."""
    address = deliveries.address_key(services, email)
    row = await services.store.read("addresses", address, address)
    return list(row["cases"]) if row else []

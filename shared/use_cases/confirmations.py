"""An employer's word by one click: a mail to the contact whom the graduate or careers named, with a link that is good
for one answer about one report. Looking changes nothing; the answer is a report of its own (ADR 10).

A contact whom the graduate did not name hears of them only while they consent to it, whenever consent ends.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.enrolment import UNDER_CONTRACT
from shared.domain.errors import KeyReused, LinkExpired, NotFound, RecordChanged, RuleBroken
from shared.domain.events import Actor, sha256_of
from shared.domain.life_cycle import Role
from shared.domain.placement import Placement
from shared.use_cases import letters
from shared.use_cases.commands import CASES, Key, load, perform, require
from shared.use_cases.placements import check_end, check_plausible
from shared.use_cases.retention import seconds_kept

if TYPE_CHECKING:
    from shared.bootstrap import Services

SHOWN = ("contract", "hours", "contract_signed_on", "starts_on", "fixed_end", "ended_on")
"""What the employer is shown of a report and answers to."""
DAYS = ("contract_signed_on", "starts_on")
"""What of it may be too far ahead to be true."""


def request_confirmation(change: Change, *, placement: str, email: str) -> None:
    """Ask an employer's contact to confirm a report. Careers may do so only while the graduate consents to it."""
    case, limits = change.case, change.programme.limits
    report = _standing(case, placement)
    if change.actor.role != Role.APPLICANT:
        require(case.enrolment.consent, "no-consent", "The graduate has not agreed that employers hear of them.")
    # Whoever writes the form could otherwise have us mail their words to anybody.
    is_ours = case.enrolment.status in UNDER_CONTRACT
    require(is_ours, "not-under-contract", "Employers are asked about students and graduates only.")
    asked = sum(each.confirmations for each in case.placements.values())
    require(
        report.confirmations < limits.confirmations_per_report and asked < limits.confirmations_per_case,
        "too-many-confirmations",
        "That many mails to employers cannot be sent about one case.",
    )
    contact = f"contact:{placement}-{report.confirmations + 1}"
    change.record("confirmation_requested", placement)
    change.new_items.append({"id": contact, "kind": "contact", "email": email, "named_by": change.actor.role.value})
    template = "confirm_employment" if change.actor.role == Role.APPLICANT else "confirm_employment_as_told"
    change.send("employer", template=template, language=case.language, contact=contact, placement=placement)


def may_hear(case: Case, contact: dict[str, Any]) -> bool:
    """Whether an employer's contact may hear of the graduate now: they named the contact, or consent to it."""
    return case.enrolment.consent or contact["named_by"] == Role.APPLICANT


def _standing(case: Case, placement: str) -> Placement:
    report = case.placements.get(placement)
    if report is None:
        raise NotFound(placement)
    if report.status == "retracted":
        raise RuleBroken("report-retracted", "This report has been taken back.")
    return report


async def mail_employer(services: Services, message: dict[str, Any], now: datetime) -> None:
    """Send the mail with a fresh link; an earlier try's link, if its mail arrived after all, is as good."""
    case_id = message["case_id"]
    person = await services.store.read(CASES, "person", case_id)
    contact = await services.store.read(CASES, message["contact"], case_id)
    if person is None or contact is None:
        return  # Erased: there is nobody left to ask about.
    case, _ = await load(services, case_id)
    if not may_hear(case, contact):
        return  # Consent was taken back since careers asked.
    programme = services.programmes[case.programme]
    until = now + timedelta(days=programme.limits.confirmation_days)
    link = await _new_link(services, message, now, until)
    name = f"{person['given_names']} {person['family_names']}"
    parameters = {"until": case.today(until).isoformat()}
    letter = letters.LETTERS[message["template"]]
    subject, text = letter.written(message["language"], name, parameters, link, programme)
    mail_id = hashlib.sha256(f"{case_id}|{message['id']}".encode()).hexdigest()[:40]
    await services.mail.send(contact["email"], subject, text, mail_id, now, reply_to=programme.contact.email)


async def _new_link(services: Services, message: dict[str, Any], now: datetime, until: datetime) -> str:
    """32 random bytes, stored hashed, good for one report; told only in the fragment of an address."""
    token = secrets.token_urlsafe(32)
    link: dict[str, Any] = {
        "id": hashlib.sha256(token.encode()).hexdigest(),
        "kind": "confirmation",
        "case_id": message["case_id"],
        "placement": message["placement"],
        "contact": message["contact"],
        "issued_at": now.isoformat(),
        "expires_at": until.isoformat(),
        "revoked": False,
        "ttl": seconds_kept("links", "confirmation"),
    }
    await services.store.create("links", link, link["id"])
    return f"{services.settings.site_url}/confirm.html#{token}"


async def shown(services: Services, case_id: str, placement: str, asked: str = "") -> dict[str, Any]:
    """What the employer is asked about: the person's name, the job as reported, and which version of it this is.

    `asked` is the contact whom the link was sent to. Raises `LinkExpired` where they may hear of the person no more.
    """
    case, _ = await load(services, case_id)
    report = _standing(case, placement)
    person = await services.store.read(CASES, "person", case_id)
    # A link that was sent before links named their contact counts as the last one's.
    contact = await services.store.read(CASES, asked or f"contact:{placement}-{report.confirmations}", case_id)
    if person is None or contact is None:
        raise NotFound(case_id)
    if not may_hear(case, contact):
        raise LinkExpired("link")
    programme = services.programmes[case.programme]
    return {
        "programme": programme.name_in(case.language),
        "language": case.language,
        "name": f"{person['given_names']} {person['family_names']}",
        "employer_name": person["employers"].get(placement),
        "job": _told(report),
        "version": _version(report),
    }


def _told(report: Placement) -> dict[str, Any]:
    return report.model_dump(mode="json", include=set(SHOWN))


def _version(report: Placement) -> str:
    return sha256_of(_told(report))[:32]


async def answer(
    services: Services, case_id: str, placement: str, link_id: str, now: datetime, said: dict[str, Any]
) -> None:
    """Keep the employer's answer, once: the same again is well, another one is refused."""
    actor = Actor(role=Role.PARTNER, id=f"confirmation/{link_id[:16]}")
    key = Key(f"confirmation-{link_id[:40]}", sha256_of(said))
    try:
        await perform(
            services, case_id, actor, now, lambda change: confirm(change, placement=placement, **said), key=key
        )
    except KeyReused:
        raise RuleBroken("already-answered", "This question has been answered already.") from None


def confirm(change: Change, *, placement: str, answer: str, version: str, facts: dict[str, Any] | None = None) -> None:
    """The employer says: it is so; it is so but for some facts; there is no such job. Each is a report by itself."""
    report = _standing(change.case, placement)
    if version != _version(report):
        raise RecordChanged(placement)
    stated: dict[str, Any] = {name: value for name, value in _told(report).items() if value is not None}
    stated |= {name: value for name, value in (facts or {}).items() if value is not None}
    ended_on = stated.get("ended_on")
    if ended_on is not None:
        not_yet = date.fromisoformat(ended_on) > change.today + timedelta(days=1)
        require(not not_yet, "in-the-future", "That day has not come yet.")
    if answer != "deny":
        check_end(report, stated)
    days = {name: date.fromisoformat(value) for name, value in (facts or {}).items() if name in DAYS and value}
    check_plausible(change, days, "/facts")
    more: dict[str, Any] = {"denies": True} if answer == "deny" else {}
    subject = f"p-{hashlib.sha256(change.actor.id.encode()).hexdigest()[:16]}"
    change.record("placement_reported", subject, **stated, **more, job=placement, told={"0": sha256_of(stated)[:16]})

"""One table: route -> who may call it. Deny by default: a route that is not here answers nobody."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import azure.functions as func

from functions.http import Refused
from shared.domain.custody import Custody
from shared.domain.errors import Forbidden, LinkExpired, NotFound, Unauthenticated
from shared.domain.events import Actor
from shared.domain.life_cycle import CASE_STAFF, Role
from shared.use_cases import deputies, links
from shared.use_cases.conflicts import own_cases

if TYPE_CHECKING:
    from shared.bootstrap import Services

BINDING_HOURS = 24
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16000}=*", re.ASCII)
LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
SHOWN_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])", re.ASCII)
SHOWN_MAX = 10
"""Nobody shows more links in one address; each costs a read."""

STATUS, BINDING, CONFIRMATION = "status", "binding", "confirmation"
"""What a link must still be good for: to look and log (30 days), or to decide things (its first 24 hours). An
employer's link is of another kind: it is good for one answer about one report, and for nothing else."""

SPECIALIST, ADMISSIONS, CAREERS, FINANCE = Role.SPECIALIST, Role.ADMISSIONS, Role.CAREERS, Role.FINANCE
AUDITOR, ADMIN = Role.AUDITOR, Role.ADMIN


@dataclass(frozen=True)
class Access:
    """Who may call a route. Nobody else; a partner's signature is checked where its body is read."""

    anyone: bool = False
    partner: bool = False
    link: str | None = None
    roles: tuple[Role, ...] = ()
    key_required: bool = False
    unseen: bool = False
    """Staff may do this without having looked at the case, so no If-Match is asked for."""


ANYONE = Access(anyone=True)


def _person(level: str = BINDING, key: bool = False) -> Access:
    return Access(link=level, key_required=key)


def _staff(*roles: Role, key: bool = False) -> Access:
    return Access(roles=roles, key_required=key)


CASE = "cases/{case_id}"
ACCESS: dict[str, Access] = {
    # anyone
    "POST applications": ANYONE,
    "POST links": ANYONE,
    "GET health/live": ANYONE,
    "GET openapi.json": ANYONE,
    "GET reports/outcomes/public": ANYONE,
    "POST webhooks/{partner}": Access(partner=True),
    # the person, by link; staff where the row says so
    f"GET {CASE}": Access(link=STATUS, roles=(*CASE_STAFF, AUDITOR)),
    f"GET {CASE}/guarantee": Access(link=STATUS, roles=(CAREERS, FINANCE, AUDITOR)),
    f"POST {CASE}/submissions/{{submission}}/choice": _person(),
    f"POST {CASE}/corrections": _person(),
    f"POST {CASE}/documents": Access(link=STATUS, roles=(ADMISSIONS, CAREERS), unseen=True),
    f"POST {CASE}/offer-answer": _person(),
    f"POST {CASE}/contract-signature": _person(),
    f"POST {CASE}/withdrawal": _person(),
    f"POST {CASE}/leave-requests": _person(),
    f"POST {CASE}/pause-requests": _person(),
    f"POST {CASE}/declarations": _person(),
    f"POST {CASE}/search-weeks": Access(link=STATUS, roles=(CAREERS,)),
    f"POST {CASE}/offers": _person(STATUS),
    f"POST {CASE}/offers/{{offer_id}}/answer": _person(),
    f"POST {CASE}/placements": _person(key=True),
    f"POST {CASE}/placements/{{placement}}/end": _person(),
    f"POST {CASE}/placements/{{placement}}/correction": _person(),
    f"POST {CASE}/placements/{{placement}}/confirmation-requests": Access(link=BINDING, roles=(CAREERS,)),
    f"POST {CASE}/placements/{{placement}}/evidence": Access(link=STATUS, roles=(CAREERS,)),
    f"POST {CASE}/claims": _person(key=True),
    f"POST {CASE}/claims/{{claim}}/withdrawal": _person(),
    f"POST {CASE}/payee": _person(),
    f"POST {CASE}/contact": Access(link=BINDING, roles=(SPECIALIST, ADMISSIONS, CAREERS)),
    f"POST {CASE}/appeals": _person(key=True),
    f"POST {CASE}/data-requests": Access(link=BINDING, roles=(ADMISSIONS, CAREERS)),
    f"GET {CASE}/export": Access(link=BINDING, roles=(ADMISSIONS,)),
    # an employer's contact, by the link in a mail
    "GET confirmation": Access(link=CONFIRMATION),
    "POST confirmation": Access(link=CONFIRMATION),
    # specialist, admissions
    f"POST {CASE}/assignment": _staff(SPECIALIST, ADMISSIONS),
    f"POST {CASE}/screening-events": _staff(SPECIALIST, ADMISSIONS),
    f"POST {CASE}/recommendation": _staff(SPECIALIST),
    f"POST {CASE}/assessments": _staff(SPECIALIST, ADMISSIONS),
    f"POST {CASE}/admission-decision": _staff(ADMISSIONS, key=True),
    f"POST {CASE}/offer-withdrawal": _staff(ADMISSIONS),
    f"POST {CASE}/conditions/{{condition_id}}": _staff(ADMISSIONS),
    f"POST {CASE}/reopening": _staff(ADMISSIONS),
    # admissions, finance
    f"POST {CASE}/contract": _staff(ADMISSIONS, FINANCE),
    f"POST {CASE}/contract-receipt": _staff(ADMISSIONS, FINANCE),
    f"POST {CASE}/cancellation": _staff(ADMISSIONS, FINANCE),
    f"POST {CASE}/course-start": _staff(ADMISSIONS),
    f"POST {CASE}/extension": _staff(ADMISSIONS, FINANCE),
    f"POST {CASE}/enrolment-exemption": _staff(ADMISSIONS),
    f"POST {CASE}/leave-ruling": _staff(ADMISSIONS),
    f"POST {CASE}/leave-end": _staff(ADMISSIONS),
    f"POST {CASE}/expiry": _staff(ADMISSIONS, FINANCE),
    f"POST {CASE}/payments": _staff(FINANCE, ADMISSIONS),
    f"POST {CASE}/diploma": _staff(ADMISSIONS, FINANCE),
    f"POST {CASE}/diploma-revocation": _staff(ADMISSIONS, FINANCE),
    # careers
    f"POST {CASE}/pause-ruling": _staff(CAREERS),
    f"POST {CASE}/pause-end": _staff(CAREERS),
    f"POST {CASE}/exemption": _staff(CAREERS),
    f"POST {CASE}/placements/{{placement}}/verification": _staff(CAREERS, key=True),
    f"POST {CASE}/placements/{{placement}}/job": _staff(CAREERS),
    f"POST {CASE}/offers/{{offer_id}}/ruling": _staff(CAREERS),
    f"POST {CASE}/introductions": _staff(CAREERS, key=True),
    f"POST {CASE}/introductions/{{introduction}}/outcome": _staff(CAREERS, key=True),
    f"POST {CASE}/waivers": _staff(CAREERS, FINANCE, key=True),
    f"POST {CASE}/contact-logged": _staff(CAREERS),
    # Whoever has two roles acts in the one that may ring about money.
    f"POST {CASE}/call-backs": _staff(CAREERS, FINANCE, SPECIALIST, ADMISSIONS),
    # finance, careers
    f"POST {CASE}/proposals/{{proposal}}/signature": _staff(FINANCE, CAREERS, key=True),
    f"POST {CASE}/refunds/{{refund}}/payment": _staff(FINANCE, key=True),
    f"POST {CASE}/refunds/{{refund}}/release": _staff(FINANCE, CAREERS, key=True),
    f"POST {CASE}/appeals/{{appeal}}/decision": _staff(FINANCE, CAREERS, key=True),
    f"POST {CASE}/recovery/{{recovery}}/outcome": _staff(FINANCE, CAREERS, key=True),
    # staff
    f"POST {CASE}/conflicts": Access(roles=CASE_STAFF, unseen=True),
    f"POST {CASE}/conflicts/{{conflict}}/lifting": _staff(ADMISSIONS, CAREERS, FINANCE),
    "GET work-queue": _staff(*CASE_STAFF),
    "GET positions": Access(link=STATUS, roles=(CAREERS,)),
    "POST placement-imports": _staff(CAREERS),
    "POST placement-imports/{import_id}/continuation": _staff(CAREERS),
    "GET placement-imports/{import_id}": _staff(CAREERS),
    "GET placement-imports/{import_id}/result": _staff(CAREERS),
    "GET early-risk": _staff(CAREERS),
    "GET cases": _staff(*CASE_STAFF),
    "POST case-searches": _staff(*CASE_STAFF),
    f"GET {CASE}/documents/{{document}}": _staff(*CASE_STAFF),
    f"GET {CASE}/events": _staff(*CASE_STAFF, AUDITOR),
    f"POST {CASE}/data-requests/{{request}}/ruling": _staff(ADMISSIONS, FINANCE, key=True),
    f"POST {CASE}/intake-move": _staff(ADMISSIONS),
    f"POST {CASE}/duplicate": _staff(ADMISSIONS, key=True),
    f"POST {CASE}/date-corrections": _staff(ADMISSIONS, FINANCE),
    f"POST {CASE}/date-corrections/{{correction}}/signature": _staff(ADMISSIONS, FINANCE, key=True),
    f"POST {CASE}/messages/{{message}}/sending": _staff(ADMISSIONS, CAREERS, FINANCE),
    f"POST {CASE}/holds": _staff(ADMISSIONS, CAREERS, FINANCE),
    f"POST {CASE}/holds/{{hold}}/release": _staff(ADMISSIONS, CAREERS, FINANCE),
    "GET partner-events": _staff(ADMISSIONS, CAREERS, FINANCE, AUDITOR, ADMIN),
    "POST partner-events/{event}/replay": _staff(ADMISSIONS, CAREERS, FINANCE),
    "POST partner-events/{event}/dismissal": _staff(FINANCE, ADMISSIONS, CAREERS),
    "GET partners": _staff(ADMISSIONS, CAREERS, FINANCE, AUDITOR, ADMIN),
    # auditor, admin
    f"GET {CASE}/reads": _staff(AUDITOR, ADMIN),
    "GET reports/outcomes": _staff(AUDITOR, ADMIN, CAREERS, FINANCE),
    "POST reports/outcomes/exports": _staff(AUDITOR),
    "GET reports/outcomes/exports/{export_id}": _staff(AUDITOR),
    "GET reports/outcomes/people/{person}": _staff(AUDITOR),
    "GET reports/refund-liability": _staff(FINANCE, AUDITOR, ADMIN),
    "GET reports/payments": _staff(FINANCE, AUDITOR),
    "GET reports/funnel": _staff(ADMISSIONS, CAREERS, FINANCE, AUDITOR, ADMIN),
    "POST audits": _staff(AUDITOR, ADMIN),
    "GET audits": _staff(AUDITOR, ADMIN),
    "GET audits/{run}": _staff(AUDITOR, ADMIN),
    "GET audits/{run}/files/{name}": _staff(AUDITOR, ADMIN),
    f"GET {CASE}/anchors": _staff(AUDITOR),
    "GET audit-samples": _staff(AUDITOR, ADMIN),
    "GET audit-samples/{month}": _staff(AUDITOR, ADMIN),
    "POST audit-samples/{month}/reviews": _staff(AUDITOR),
    "POST deputies": _staff(ADMIN),
    "GET deputies": _staff(ADMIN, AUDITOR),
    "POST link-revocations": _staff(ADMIN),
    "POST staff-revocations": _staff(ADMIN),
    "GET health/ready": _staff(ADMIN, AUDITOR),
}


@dataclass(frozen=True)
class Caller:
    """Who is calling: a person by link (bound to `case_id`), a member of staff, or nobody in particular."""

    actor: Actor
    case_id: str | None = None
    roles: frozenset[Role] = frozenset()
    link_id: str = ""
    placement: str = ""
    contact: str = ""
    """The employer's contact whom the link was sent to, and the report that they are asked about."""
    own_cases: frozenset[str] = frozenset()
    """Cases that were opened with an address of this member of staff: not theirs to see as staff."""

    @property
    def is_staff(self) -> bool:
        """Whether a member of staff is calling."""
        return bool(self.roles)

    def may_see(self, case_id: str) -> None:
        """Raise `NotFound` for a case that is not the link's own: the same answer as for one that does not exist.

        Raise `Forbidden` for the case of a member of staff themselves.
        """
        if self.case_id is not None and self.case_id != case_id:
            raise NotFound(case_id)
        if case_id in self.own_cases:
            raise Forbidden("conflict")

    def is_kept_from(self, case_id: str, custody: dict[str, Any]) -> bool:
        """Whether a row of a list is of a case in which this member of staff has a conflict."""
        return case_id in self.own_cases or Custody.model_validate(custody).binds(self.actor.id)


NOBODY = Caller(Actor(role=Role.APPLICANT, id="anyone"))


async def admit(req: func.HttpRequest, services: Services, route: str, now: datetime) -> Caller:
    """The caller, if this route is for them. Raises `Unauthenticated`, `Forbidden`, `NotFound` or `LinkExpired`."""
    access = ACCESS[route]
    shown = _shown(req)
    if shown and await links.revoke_shown(services, shown):
        raise Refused("link-in-address")
    if access.anyone or access.partner:
        return NOBODY
    token = _bearer(req)
    if "." not in token:
        if access.link is None:
            raise Unauthenticated("token")
        return await _link(services, token, now, access.link)
    staff = await services.entra.staff(token, now)
    await _check_kill_list(services, staff.id)
    fitting = next((role for role in access.roles if role in staff.roles), None)
    if fitting is None:
        fitting = await deputies.role_as_deputy(services, staff.id, access.roles, now.date())
    if fitting is None:
        raise Forbidden("role")
    own = await own_cases(services, staff.emails)
    caller = Caller(Actor(role=fitting, id=staff.id), roles=staff.roles | {fitting}, own_cases=own)
    caller.may_see(req.route_params.get("case_id", ""))
    return caller


def _shown(req: func.HttpRequest) -> list[str]:
    """What may be a link's token in the address, alone or behind the id of its case, however it is written."""
    said = f"{unquote(unquote(req.url))} {' '.join(req.params.values())}"
    return list(dict.fromkeys(SHOWN_TOKEN.findall(said)))[:SHOWN_MAX]


def _bearer(req: func.HttpRequest) -> str:
    stated: str = req.headers.get("authorization", "")
    scheme, _, token = stated.partition(" ")
    # A comma: the host has joined two headers, and whose they are is not known.
    if scheme.lower() != "bearer" or not TOKEN.fullmatch(token):
        raise Unauthenticated("token")
    return token


async def _link(services: Services, token: str, now: datetime, level: str) -> Caller:
    link = None
    if LINK_TOKEN.fullmatch(token):
        link_id = hashlib.sha256(token.encode()).hexdigest()
        link = await services.store.read("links", link_id, link_id)
    if link is None or link["kind"] != ("confirmation" if level == CONFIRMATION else "link"):
        raise NotFound("link")
    issued, expires = datetime.fromisoformat(link["issued_at"]), datetime.fromisoformat(link["expires_at"])
    if link["revoked"] or now >= expires:
        raise LinkExpired("link")
    if level == BINDING and now >= issued + timedelta(hours=BINDING_HOURS):
        raise LinkExpired("link")
    if level == CONFIRMATION:
        actor = Actor(role=Role.PARTNER, id="confirmation")
        asked = {"placement": link["placement"], "contact": link.get("contact", "")}
        return Caller(actor, case_id=link["case_id"], link_id=link["id"], **asked)
    return Caller(Actor(role=Role.APPLICANT, id="applicant"), case_id=link["case_id"])


async def _check_kill_list(services: Services, staff_id: str) -> None:
    revoked_id = f"staff:{hashlib.sha256(staff_id.encode()).hexdigest()}"
    if await services.store.read("links", revoked_id, revoked_id) is not None:
        raise Forbidden("revoked")


def version_seen(req: func.HttpRequest, caller: Caller, route: str) -> str | None:
    """The version that the caller saw, from If-Match: one strong tag, not `*`. Staff must say it where they need have
    seen the case, others may."""
    stated: str | None = req.headers.get("if-match")
    if stated is None and caller.is_staff and not ACCESS[route].unseen:
        raise Refused("precondition-required")
    if stated is None:
        return None
    if not re.fullmatch(r'"[\x21\x23-\x7e]{1,100}"', stated, re.ASCII):
        raise Refused("malformed-header" if caller.is_staff else "precondition-failed")
    return stated


def idempotency_key(req: func.HttpRequest, route: str) -> str | None:
    """The key as given, quoted or bare; refused where the route needs one and there is none."""
    stated: str | None = req.headers.get("idempotency-key")
    if stated is None:
        if ACCESS[route].key_required:
            raise Refused("idempotency-key-missing")
        return None
    bare = stated[1:-1] if len(stated) >= 2 and stated[0] == stated[-1] == '"' else stated
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,128}", bare, re.ASCII):
        raise Refused("malformed-header")
    return bare

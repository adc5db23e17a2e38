"""How an act on a case becomes an endpoint: admit, parse, perform one use case, answer with the new snapshot."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions import access
from functions.access import Caller
from functions.bodies import json_body, path_id
from functions.http import Refused, answers_problems, ok
from shared import bootstrap
from shared.domain.change import Change
from shared.domain.events import sha256_of
from shared.domain.wire import Form
from shared.use_cases import views
from shared.use_cases.commands import Key, Outcome, key_of, perform
from shared.use_cases.documents import Upload

if TYPE_CHECKING:
    from shared.bootstrap import Services

CASE = access.CASE


class Nothing(Form):
    """An act without particulars."""


@dataclass(frozen=True)
class Act:
    """One thing that may be done to a case: its route below the case, the form of its body, its use case.

    Names of the route's parameters and of the form's fields are the use case's own.
    """

    route: str
    form: type[Form]
    use_case: Callable[..., Any]

    @property
    def full_route(self) -> str:
        """The whole route, as the host sees it."""
        return f"{CASE}/{self.route}"

    @property
    def function_name(self) -> str:
        """The function's name: method and resource, unique in the app."""
        return "post_" + re.sub(r"\W+", "_", re.sub(r"\{\w+\}", "", self.route)).strip("_")

    @property
    def parameters(self) -> list[str]:
        """The ids in the route."""
        return re.findall(r"\{(\w+)\}", self.route)


def register(bp: func.Blueprint, acts: tuple[Act, ...]) -> None:
    """Make an endpoint of each act."""
    for act in acts:
        handler = _handler(act)
        handler.__name__ = act.function_name
        named = bp.function_name(name=act.function_name)
        named(bp.route(route=act.full_route, methods=["POST"])(handler))


def _handler(act: Act) -> Callable[[func.HttpRequest], Any]:
    route = f"POST {act.full_route}"

    @answers_problems(act.full_route)
    async def handle(req: func.HttpRequest) -> func.HttpResponse:
        now = bootstrap.clock()
        services = await bootstrap.services()
        caller = await access.admit(req, services, route, now)
        case_id = path_id(req, "case_id")
        caller.may_see(case_id)
        ids = {name: path_id(req, name) for name in act.parameters}
        body = json_body(req, act.form)
        stated = {name: getattr(body, name) for name in act.form.model_fields}
        plain = {name: _dumped(value) for name, value in stated.items()}
        return await do(req, services, caller, now, route, case_id, act.use_case, ids | plain, body)

    return handle


def _dumped(value: Any) -> Any:
    if isinstance(value, Form):
        return value.model_dump()
    if isinstance(value, list):
        return [_dumped(each) for each in value]
    return value


async def do(
    req: func.HttpRequest,
    services: Services,
    caller: Caller,
    now: datetime,
    route: str,
    case_id: str,
    use_case: Callable[..., Any],
    arguments: dict[str, Any],
    body: Form,
) -> func.HttpResponse:
    """Perform a use case for a caller and answer with what the caller may see of the case after it."""
    if_match = access.version_seen(req, caller, route)
    key = _key(req, caller, route, case_id, arguments, body)
    takes_services = "services" in inspect.signature(use_case).parameters
    given = arguments | ({"services": services} if takes_services else {})

    def act(change: Change) -> Any:
        return use_case(change, **given)

    outcome = await perform(services, case_id, caller.actor, now, act, key=key, if_match=if_match)
    return answer(outcome, caller, services, now)


def _key(
    req: func.HttpRequest, caller: Caller, route: str, case_id: str, arguments: dict[str, Any], body: Form
) -> Key | None:
    given = access.idempotency_key(req, route)
    if given is None:
        return None
    ids = {
        name: value.digest if isinstance(value, Upload) else value
        for name, value in arguments.items()
        if name not in type(body).model_fields
    }
    fingerprint = sha256_of({"route": route, "ids": ids, "case": case_id, "body": body.model_dump(mode="json")})
    return key_of(caller.actor, route, given, fingerprint)


def answer(outcome: Outcome, caller: Caller, services: Services, now: datetime) -> func.HttpResponse:
    """The snapshot as this caller may see it, with what the act itself has to tell, and the version in ETag."""
    case = outcome.case
    programme = services.programmes[case.programme]
    seen = views.for_staff(case) if caller.is_staff else views.for_person(case, programme, services.terms, now)
    headers = {"ETag": outcome.etag}
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    if "refused" in outcome.answer:
        raise Refused("rule-broken", reason=outcome.answer["refused"])
    return ok(outcome.answer | {"case": seen}, headers=headers)

"""Positions of partners, and introductions to them."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions import access
from functions.acts import Act, register
from functions.bodies import parse
from functions.http import answers_problems, ok
from shared import bootstrap
from shared.domain.wire import Code, Day, Form
from shared.use_cases import positions

bp = func.Blueprint()


class IntroductionOrder(Form):
    """The position of the catalogue that the graduate is introduced to."""

    position: Code


class IntroductionOutcome(Form):
    """What became of an introduction, and on which day; for a declined offer, whether it would have counted."""

    outcome: Literal["offered", "declined", "not_chosen", "signed"]
    on: Day
    qualifying: Literal["yes", "no", "unknown"] | None = None
    starts_on: Day | None = None


class PositionQuestion(Form):
    """Which positions, and after which one."""

    country: positions.Country | None = None
    open: Literal["yes", "no"] = "yes"
    after: Annotated[str, Field(pattern=r"^[0-9a-f]{32}\z")] | None = None
    limit: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}\z")] = "50"


ACTS = (
    Act("introductions", IntroductionOrder, positions.introduce),
    Act("introductions/{introduction}/outcome", IntroductionOutcome, positions.move_introduction),
)
register(bp, ACTS)


@bp.route(route="positions", methods=["GET"])
@answers_problems("positions")
async def get_positions(req: func.HttpRequest) -> func.HttpResponse:
    """Positions that partners have published, paged by key: for students and graduates, and for careers."""
    now = bootstrap.clock()
    services = await bootstrap.services()
    caller = await access.admit(req, services, "GET positions", now)
    asked = parse(PositionQuestion, dict(req.params))
    if caller.case_id is not None:
        await positions.check_may_look(services, caller.case_id)
    today, limit = now.astimezone(UTC).date(), min(int(asked.limit), 200)
    return ok(await positions.listed(services, today, asked.country, asked.open == "yes", asked.after, limit))

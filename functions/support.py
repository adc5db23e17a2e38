"""Repairs that staff may make to a record, each with a reason: nobody edits the database by hand."""

from __future__ import annotations

from typing import Literal

import azure.functions as func

from functions.acts import Act, register
from shared.domain.wire import CaseId, Code, Day, Form, Note
from shared.use_cases import announcements, support

bp = func.Blueprint()


class IntakeMove(Form):
    """With which intake the person begins instead, and why."""

    intake: Code
    reason: Code
    note: Note | None = None


class Duplicate(Form):
    """Which case of the same person goes on, and how that is known."""

    duplicate_of: CaseId
    reason: Code
    note: Note | None = None


class DateCorrection(Form):
    """Which date is wrong, what it should be, and how that is known."""

    what: Literal["received_on", "started_on", "qualified_on", "ended_on", "revoked_on"]
    day: Day
    reason: Code
    note: Note | None = None


class CorrectionSignature(Form):
    """Sign a correction that somebody else proposed, or drop it."""

    outcome: Literal["sign", "drop"]
    reason: Code
    note: Note | None = None


class SentAgain(Form):
    """Why this message is sent again."""

    reason: Code


ACTS = (
    Act("intake-move", IntakeMove, support.move_intake),
    Act("duplicate", Duplicate, support.close_duplicate),
    Act("date-corrections", DateCorrection, support.propose_correction),
    Act("date-corrections/{correction}/signature", CorrectionSignature, support.sign_correction),
    Act("messages/{message}/sending", SentAgain, announcements.send_again),
)
register(bp, ACTS)

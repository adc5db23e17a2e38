"""From a claim to money, and to the appeal."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from functions.acts import Act, Nothing, register
from shared.domain.wire import Code, Form, Iban, Line, Note, Text
from shared.use_cases import payments, refunds

bp = func.Blueprint()


class Payee(Form):
    """Where the money is to go: an IBAN, or a US routing and account number."""

    account_holder: Line
    iban: Iban | None = None
    routing_number: Annotated[str, Field(pattern=r"^[0-9]{9}\z")] | None = None
    account_number: Annotated[str, Field(pattern=r"^[0-9]{4,17}\z")] | None = None

    @model_validator(mode="after")
    def _one_account(self) -> Payee:
        if (self.iban is None) == (self.account_number is None):
            raise PydanticCustomError("one_account", "either an IBAN or an account number")
        if (self.routing_number is None) != (self.account_number is None):
            raise PydanticCustomError("one_account", "a routing number goes with an account number")
        return self


class Signature(Form):
    """Sign a proposal, or return it."""

    outcome: Literal["sign", "return"]
    reason: Code | None = None
    note: Note | None = None


class Appeal(Form):
    """Which refund was wrongly decided, and why, in the person's own words."""

    refund: Code
    reason: Text


class AppealDecision(Form):
    """What another person decides."""

    outcome: Literal["uphold", "overturn"]
    reason: Code
    note: Note | None = None


class Release(Form):
    """Why a stopped refund may go on."""

    reason: Code
    note: Note | None = None


class RecoveryOutcome(Form):
    """What became of a recovery."""

    outcome: Literal["recovered", "waived"]
    reason: Code
    note: Note | None = None


ACTS = (
    Act("claims", Nothing, refunds.file_claim),
    Act("claims/{claim}/withdrawal", Nothing, refunds.withdraw_claim),
    Act("payee", Payee, payments.name_payee),
    Act("appeals", Appeal, refunds.appeal),
    Act("proposals/{proposal}/signature", Signature, refunds.sign),
    Act("refunds/{refund}/payment", Nothing, payments.pay),
    Act("refunds/{refund}/release", Release, payments.release),
    Act("appeals/{appeal}/decision", AppealDecision, refunds.decide_appeal),
    Act("recovery/{recovery}/outcome", RecoveryOutcome, refunds.close_recovery),
)
register(bp, ACTS)

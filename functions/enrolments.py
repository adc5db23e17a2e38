"""From the contract to the diploma."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions.acts import Act, Nothing, register
from shared.domain.wire import Amount, Code, Day, Form, Instant, LastingId, Note, Payer
from shared.use_cases import enrolments

bp = func.Blueprint()


class Contract(Form):
    """Send the contract; `deposit` is what is asked in advance, in the country's currency."""

    deposit: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,2})?\z")] = "0"


class ContractReceipt(Form):
    """When the contract reached the person."""

    received_on: Day | None = None


class Cancellation(Form):
    """A cancellation that reached staff: the instant at which it was sent counts."""

    sent_at: Instant | None = None
    note: Note | None = None


class CourseStart(Form):
    """The first day of the course."""

    started_on: Day


class Extension(Form):
    """More whole months for the diploma."""

    months: Annotated[int, Field(ge=1, le=12)]
    reason: Code
    note: Note | None = None


class EnrolmentExemption(Form):
    """Whether reports leave the person out of everybody enrolled, and the document that shows why."""

    outcome: Literal["exempt", "counted"]
    document: Code | None = None
    note: Note | None = None


class LeaveRequest(Form):
    """Leave from the course."""

    first_day: Day
    last_day: Day | None = None


class LeaveRuling(Form):
    """Leave granted or refused."""

    leave_id: Code
    outcome: Literal["granted", "refused"]
    reason: Code | None = None
    note: Note | None = None


class LeaveEnd(Form):
    """The last day of a leave."""

    leave_id: Code
    last_day: Day


class Expiry(Form):
    """Propose that the enrolment ends without a diploma."""

    reason: Code | None = None


class Payment(Form):
    """A line of the ledger. `payment_id` is the payment's own id, whoever tells it."""

    payment_id: LastingId
    kind: Literal["payment", "discount", "chargeback", "interest"] = "payment"
    payer: Payer
    amount: Amount
    received_on: Day


class Diploma(Form):
    """The diploma, by its own id."""

    diploma_id: LastingId
    awarded_on: Day


class DiplomaRevocation(Form):
    """A diploma taken back."""

    revoked_on: Day
    reason: Code
    note: Note | None = None


class ContactLogged(Form):
    """Careers were in touch."""

    contacted_on: Day
    note: Note | None = None


class CallBack(Form):
    """Somebody rang the person on a number known before the change."""

    about: Literal["payee", "contact", "data_request"]
    outcome: Literal["confirmed", "denied"]
    note: Note | None = None


ACTS = (
    Act("contract", Contract, enrolments.send_contract),
    Act("contract-receipt", ContractReceipt, enrolments.receive_contract),
    Act("contract-signature", Nothing, enrolments.sign_contract),
    Act("cancellation", Cancellation, enrolments.cancel),
    Act("course-start", CourseStart, enrolments.start_course),
    Act("extension", Extension, enrolments.extend),
    Act("enrolment-exemption", EnrolmentExemption, enrolments.exempt),
    Act("leave-requests", LeaveRequest, enrolments.request_leave),
    Act("leave-ruling", LeaveRuling, enrolments.rule_leave),
    Act("leave-end", LeaveEnd, enrolments.end_leave),
    Act("expiry", Expiry, enrolments.propose_expiry),
    Act("payments", Payment, enrolments.record_money),
    Act("diploma", Diploma, enrolments.award_diploma),
    Act("diploma-revocation", DiplomaRevocation, enrolments.revoke_diploma),
    Act("contact-logged", ContactLogged, enrolments.log_contact),
    Act("call-backs", CallBack, enrolments.call_back),
)
register(bp, ACTS)

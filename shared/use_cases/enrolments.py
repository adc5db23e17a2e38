"""From the contract to the diploma: what admissions and finance record, and what the person asks for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.domain import four_eyes
from shared.domain.calendar import add_months, span
from shared.domain.case import Case
from shared.domain.change import Change
from shared.domain.errors import Forbidden, NotFound, RuleBroken, invalid
from shared.domain.life_cycle import CASE_STAFF
from shared.domain.money import NotMoney, to_minor
from shared.domain.programme import Programme
from shared.policy.terms import terms_on
from shared.use_cases import deliveries
from shared.use_cases.commands import CASES, require, require_room
from shared.use_cases.documents import blobs_of
from shared.use_cases.proposals import POLICY, propose_return_of_money, tell_ended, watch_overpayment
from shared.use_cases.turns import course_limit

if TYPE_CHECKING:
    from shared.bootstrap import Services

CLOCK_AHEAD = timedelta(days=1)


def send_contract(change: Change, *, deposit: str = "0") -> None:
    """Send the contract. It needs an accepted offer with every condition met, and a price for country and day."""
    case, programme = change.case, change.programme
    change.check("contract_sent")
    signed = case.enrolment.contract is not None and case.enrolment.contract.signed_on is not None
    require(not signed, "contract-signed", "This person signed a contract and left: this case gets no other one.")
    offer = case.application.offer
    require(case.application.status == "accepted" and offer, "offer-not-accepted", "The offer has not been accepted.")
    assert offer is not None
    require(
        all(each.status == "met" for each in offer.conditions.values()),
        "conditions-open",
        "A condition of the offer has not been met yet.",
    )
    price = programme.price_in(case.country, change.today)
    country = programme.countries[case.country]
    price_minor, deposit_minor = to_minor(price.amount, price.currency), _minor(deposit, price.currency, "/deposit")
    require(
        deposit_minor * 100 <= price_minor * country.advance_percent_max,
        "deposit-too-high",
        f"At most {country.advance_percent_max} % of the price may be asked in advance in this country.",
    )
    change.record(
        "contract_sent",
        price_minor=price_minor,
        currency=price.currency,
        country=case.country,
        time_zone=case.time_zone,
        deposit_minor=deposit_minor,
    )
    change.tell("contract_sent", sign_from=(change.today + signature_wait(case, programme)).isoformat())


def signature_wait(case: Case, programme: Programme) -> timedelta:
    """Days that must have passed after receipt before a signature counts (France: seven full days, then the next)."""
    contract = case.enrolment.contract
    country = contract.country if contract is not None else case.country
    days = programme.countries[country].signature_wait_days
    return timedelta(days=days + 1) if days else timedelta(0)


def receive_contract(change: Change, *, received_on: date | None = None) -> None:
    """The contract reached the person, on this day."""
    contract = change.case.enrolment.contract
    day = received_on or change.today
    require(day <= change.today, "in-the-future", "That day has not come yet.")
    require(contract is None or day >= contract.sent_on, "before-sent", "The contract had not been sent by then.")
    change.record("contract_received", on=day)


def sign_contract(change: Change, services: Services) -> None:
    """The person signs. The terms in force on this day, in the contract's zone, bind for ever."""
    change.check("contract_signed")
    contract = change.case.enrolment.contract
    assert contract is not None and contract.received_on is not None
    first_day = contract.received_on + signature_wait(change.case, change.programme)
    require(
        change.today >= first_day,
        "signature-too-early",
        f"The law gives you time to think: this contract can be signed from {first_day.isoformat()} on.",
    )
    terms = terms_on(services.terms, change.today)
    require(terms, "terms-not-set", "No terms of the guarantee bind on this day yet.")
    assert terms is not None
    change.record("contract_signed", terms=terms.version)
    days = change.programme.countries[contract.country].cancellation_days
    change.tell("contract_signed", cancellation_days=days)


def cancel(change: Change, *, sent_at: datetime | None = None, note: str | None = None) -> None:
    """Staff record a letter that ends the contract, as of the day on which it was sent, and what the law gives back.

    It counts although the person has left by their page as well, since it may give them more than that did.
    """
    contract = change.case.enrolment.contract
    change.check("contract_cancelled")
    require(contract is not None and contract.signed_on is not None, "not-signed", "The contract was never signed.")
    assert contract is not None and contract.signed_on is not None
    sent = sent_at or change.now
    sent_on = change.case.today(sent)
    require(sent <= change.now + timedelta(minutes=5), "in-the-future", "That instant has not come yet.")
    require(sent_on >= contract.signed_on, "before-signature", "The contract was not signed by then.")
    if not end_by_law(change, sent_on, note):
        days = change.programme.countries[contract.country].cancellation_days
        last_day = contract.signed_on + timedelta(days=days)
        raise RuleBroken(
            "cancellation-too-late", f"The contract could be cancelled until the end of {last_day.isoformat()}."
        )


def end_by_law(change: Change, on: date, note: str | None = None) -> bool:
    """End the contract as the law lets it be ended on a day, and propose what goes back; False if it does not.

    Fourteen days from signature give all back; in France three months give back all but an indemnity.
    """
    contract = change.case.enrolment.contract
    assert contract is not None and contract.signed_on is not None
    country = change.programme.countries[contract.country]
    if on <= contract.signed_on + timedelta(days=country.cancellation_days):
        kind, ground, how = "contract_cancelled", "cancellation", "cancelled"
    elif country.termination_months and on <= add_months(contract.signed_on, country.termination_months):
        kind, ground, how = "contract_terminated", "termination", "terminated"
    else:
        return False
    change.record(kind, on=on, note=note)
    for other, refund in list(change.case.refunds.items()):
        if refund.status == "proposed" and refund.ground == "termination" != ground:
            change.record("proposal_dropped", other, by=POLICY)  # All of it goes back, by the better right.
    propose_return_of_money(change, ground)
    tell_ended(change, how, ground)
    return True


def start_course(change: Change, *, started_on: date) -> None:
    """The course begins; told twice, by staff and by the learning platform, it is one start."""
    if change.case.enrolment.started_on == started_on:
        return
    require(started_on <= change.today + CLOCK_AHEAD, "in-the-future", "That day has not come yet.")
    change.record("course_started", on=started_on)


def request_leave(change: Change, *, first_day: date, last_day: date | None = None) -> None:
    """The person asks for leave from the course."""
    if last_day is not None and last_day < first_day:
        raise invalid("/last_day", "before_first_day")
    require_room(change, "leave", [leave.id for leave in change.case.enrolment.leaves])
    leave_id = f"l{len(change.case.enrolment.leaves) + 1}"
    change.record("leave_requested", leave_id, first_day=first_day.isoformat(), last_day=_iso(last_day))
    change.answer = {"leave_id": leave_id}


def rule_leave(
    change: Change, *, leave_id: str, outcome: str, reason: str | None = None, note: str | None = None
) -> None:
    """Admissions grant or refuse leave."""
    leave = _find_leave(change, leave_id, "requested")
    change.record("leave_granted" if outcome == "granted" else "leave_refused", leave_id, reason=reason, note=note)
    days = span(leave.first_day, leave.last_day)
    granted_days = leave.days if outcome == "granted" else 0
    limit = _iso(course_limit(change.case, change.programme, granted_days))
    if outcome == "granted" and leave.last_day is None:
        change.tell("leave_ruled", outcome=outcome, days=days, reason=reason, limit=None, later="when_it_ends")
    else:
        change.tell("leave_ruled", outcome=outcome, days=days, reason=reason, limit=limit, later=None)


def end_leave(change: Change, *, leave_id: str, last_day: date) -> None:
    """The person is back; the days of leave are added to the limit."""
    leave = _find_leave(change, leave_id, "granted")
    if last_day < leave.first_day:
        raise invalid("/last_day", "before_first_day")
    require(last_day <= change.today, "in-the-future", "That day has not come yet.")
    change.record("leave_ended", leave_id, on=last_day)


def _find_leave(change: Change, leave_id: str, status: str) -> Any:
    for leave in change.case.enrolment.leaves:
        if leave.id == leave_id:
            require(leave.status == status, "already-ruled", f"This leave is {leave.status}.")
            return leave
    raise NotFound(leave_id)


def extend(change: Change, *, months: int, reason: str, note: str | None = None) -> None:
    """Give the person more whole months for the diploma."""
    change.record("limit_extended", months=months, reason=reason, note=note)


def exempt(change: Change, *, outcome: str, document: str | None = None, note: str | None = None) -> None:
    """Leave the person out of everybody enrolled in reports, or count them again (CIRR, enrolment and graduation).

    Which of the three reasons it was is said by the document and by no event: two of them are nobody else's business.
    """
    kind = "enrolment_exempted" if outcome == "exempt" else "enrolment_counted"
    change.check(kind)
    if outcome == "counted":
        require(change.case.enrolment.exempt_by, "not-exempt", "This person is counted already.")
        change.record(kind, note=note)
        return
    if document is None:
        raise invalid("/document", "missing")
    change.record(kind, document, evidence=blobs_of(change, [document]), note=note)


def propose_expiry(change: Change, *, reason: str | None = None) -> None:
    """Propose, once the limit has passed, that the enrolment ends without a diploma; a person signs."""
    limit = course_limit(change.case, change.programme)
    change.check("expiry_proposed")
    require(limit and change.today > limit, "limit-not-passed", "The twelve-month limit has not passed yet.")
    require(change.case.enrolment.expiry_proposal is None, "already-proposed", "Its end is proposed already.")
    proposal = f"expiry-{change.case.sequence + 1}"
    change.record("expiry_proposed", proposal, reason=reason)
    change.answer = {"proposal_id": proposal}


def record_money(
    change: Change, *, payment_id: str, kind: str, payer: str, amount: dict[str, str], received_on: date
) -> None:
    """A line of the ledger. `payment_id` is its natural key: told by staff and by webhook it is one payment."""
    contract = change.case.enrolment.contract
    change.check("money_recorded")
    assert contract is not None
    if amount["currency"] != contract.currency:
        raise invalid("/amount/currency", "not_the_contracts")
    line: dict[str, Any] = {
        "kind": kind,
        "payer": payer,
        "amount_minor": _minor(amount["amount"], contract.currency, "/amount/amount"),
        "currency": contract.currency,
    }
    if line["amount_minor"] <= 0:
        raise invalid("/amount/amount", "not_positive")
    known = next((each for each in change.case.ledger if each.id == payment_id), None)
    if known is not None:
        if any(getattr(known, name) != value for name, value in line.items()):
            raise RuleBroken("payment-differs", "This payment is on record with other particulars.")
        return
    require(received_on <= change.today + CLOCK_AHEAD, "in-the-future", "That day has not come yet.")
    if kind == "payment" and (recovery := _asked_back(change)) is not None:
        line["refund"] = recovery  # What comes in now is what was asked back, and no instalment.
    change.record("money_recorded", payment_id, on=received_on, **line)
    watch_overpayment(change)


def _asked_back(change: Change) -> str | None:
    for refund_id, refund in change.case.refunds.items():
        if refund.status == "recovery_open" and refund.recovery_signed_by:
            return refund_id
    return None


def award_diploma(change: Change, *, diploma_id: str, awarded_on: date) -> None:
    """The diploma is awarded; told twice with the same id it is one diploma. The window opens the day after.

    One that was earned in time and told too late undoes the end of the enrolment; one that was taken back by mistake
    is given back by staff, since a partner's word about it must not: it may be one of before that has waited.
    """
    enrolment = change.case.enrolment
    if enrolment.diploma_id == diploma_id and enrolment.status == "diploma_revoked":
        if change.actor.role not in CASE_STAFF:
            return
    elif enrolment.diploma_id == diploma_id and enrolment.qualified_on == awarded_on:
        return
    if enrolment.status == "expired":
        limit = course_limit(change.case, change.programme)
        require(limit and awarded_on <= limit, "after-limit", "The enrolment ended before that day.")
    if enrolment.status == "on_leave":
        _end_open_leave(change, awarded_on)
    change.check("diploma_awarded", diploma_id)
    require(awarded_on <= change.today + CLOCK_AHEAD, "in-the-future", "That day has not come yet.")
    require(
        enrolment.started_on is None or awarded_on >= enrolment.started_on,
        "before-course",
        "The course had not begun by then.",
    )
    change.record("diploma_awarded", diploma_id, on=awarded_on)
    change.tell("qualified", qualified_on=awarded_on.isoformat())


def _end_open_leave(change: Change, awarded_on: date) -> None:
    """Who earns the diploma is back from leave; its days still count towards the limit."""
    for leave in change.case.enrolment.leaves:
        if leave.status == "granted":
            last_day = max(leave.first_day, min(awarded_on, change.today))
            change.record("leave_ended", leave.id, on=last_day, by=POLICY)


def revoke_diploma(
    change: Change, *, revoked_on: date, reason: str, diploma_id: str | None = None, note: str | None = None
) -> None:
    """The diploma is taken back; a partner says which one, and it must be the one on record."""
    require(
        diploma_id is None or diploma_id == change.case.enrolment.diploma_id,
        "other-diploma",
        "This is not the diploma on record.",
    )
    if change.case.enrolment.status == "diploma_revoked" and change.case.enrolment.revoked_on == revoked_on:
        return
    require(revoked_on <= change.today + CLOCK_AHEAD, "in-the-future", "That day has not come yet.")
    change.record("diploma_revoked", on=revoked_on, reason=reason, note=note)
    change.tell("diploma_revoked", day=revoked_on.isoformat(), reason=reason)


def log_contact(change: Change, *, contacted_on: date, note: str | None = None) -> None:
    """Careers were in touch with the person."""
    require(contacted_on <= change.today, "in-the-future", "That day has not come yet.")
    change.record("contact_logged", on=contacted_on, note=note)


async def call_back(change: Change, services: Services, *, about: str, outcome: str, note: str | None = None) -> None:
    """Staff rang the person, on a number known before the change, and heard whether the change is theirs.

    A confirmed change of contact takes effect now; a denied one is forgotten. Raises `Forbidden` where specialists or
    admissions ring about anything else than contact, and where whoever noted a new address confirms it too.
    """
    payee, actor = change.case.payee, change.actor
    if about != "contact" and actor.role in four_eyes.RING_ABOUT_CONTACT:
        raise Forbidden("role")
    if about == "payee":
        if payee is None:
            raise NotFound("payee")
        change.record("call_back_recorded", about=about, outcome=outcome, hash=payee.hash, note=note)
        return
    if about == "data_request":
        asked = [each.id for each in change.case.custody.requests if each.status == "asked"]
        if not asked:
            raise NotFound("data request")
        change.record("call_back_recorded", asked[0], about=about, outcome=outcome, hash=None, note=note)
        return
    if not change.case.contact_confirmed and change.case.contact_changed_by == actor.id:
        raise Forbidden("same-person")
    change.record("call_back_recorded", about=about, outcome=outcome, hash=None, note=note)
    person = await services.store.read(CASES, "person", change.case.case_id)
    pending = (person or {}).get("pending_contact")
    if pending is None:
        return
    change.person["/pending_contact"] = None
    if outcome == "confirmed":
        for name in ("email", "phone"):
            if pending[name]:
                change.person[f"/{name}"] = pending[name]
        if pending["email"] and person is not None:
            change.person["/former_emails"] = [*person.get("former_emails", []), person["email"]]
            change.send("address", address=deliveries.address_key(services, pending["email"]))


def _minor(text: str, currency: str, pointer: str) -> int:
    try:
        return to_minor(text, currency)
    except NotMoney as error:
        raise invalid(pointer, "not_money") from error


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None

"""Sixty people and what becomes of them. Each life is a script over HTTP; nothing here touches the store."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from local.demo.world import Person, World

FIRST_DAY = date(2027, 1, 11)
LAST_DAY = date(2028, 9, 11)
COURSE_STARTS = date(2027, 4, 5)
EARLY, LATE = date(2027, 2, 22), date(2027, 3, 15)
"""When contracts are signed: before the strict terms bind (`published`), or from that day on (`reference`)."""

GIVEN = ("Ada", "Blaise", "Chloé", "Dana", "Élise", "Farid", "Grace", "Hugo", "Imani", "Jules", "Kofi", "Léa", "Maya",
         "Noah", "Olga", "Priya", "Quentin", "Rosa", "Sofia", "Théo", "Uma", "Wei", "Xenia", "Zoé")  # fmt: skip
FAMILY = ("Martin", "Smith", "Okafor", "Nguyen", "García", "Dubois", "Jones", "Rossi", "Kowalski", "Brown", "Petit",
          "Khan", "Moreau", "Davis", "Lefèvre", "Wilson", "Schmidt", "Haddad", "Taylor", "Laurent")  # fmt: skip
COUNTRIES = {
    "FR": ("Europe/Paris", "+336", "Université de Lyon"),
    "GB": ("Europe/London", "+4477", "University of Leeds"),
    "US": ("America/New_York", "+1212", "Ohio State University"),
}

Life = Callable[[Person], Awaitable[None]]


def particulars(number: int, country: str, seed: int) -> dict[str, Any]:
    """What the `number`-th person writes into the form."""
    chance = random.Random(f"{seed}|{number}")
    given, family = chance.choice(GIVEN), chance.choice(FAMILY)
    zone, prefix, university = COUNTRIES[country]
    tail = {"FR": f"{number:08d}", "GB": f"{number:08d}", "US": f"555{number:04d}"}[country]
    return {
        "programme": "ai-diploma",
        "intake": "2027-spring",
        "given_names": given,
        "family_names": family,
        "email": f"person{number:02d}@people.example",
        "phone": prefix + tail,
        "country": country,
        "time_zone": zone,
        "language": "fr" if country == "FR" else "en",
        "degree": {
            "level": "bachelor",
            "subject": "Mathematics",
            "institution": university,
            "country": country,
            "awarded_on": "2025-06-30",
        },
        "motivation": "I want to work with data, and I like proofs.",
        "terms_and_privacy": "2026-09",
        "accreditation_notice_read": True,
    }


# ---- the way in


async def to_decision(p: Person, test: str = "passed") -> None:
    """From the form to the desk of the admissions office."""
    await p.apply()
    await p.after(2)
    await p.staff("admissions", "assignment", specialist=p.world.staff_id("specialist", p.number))
    await p.staff("specialist", "screening-events", kind="contacted")
    await p.staff("specialist", "screening-events", kind="call_held", note="A good talk about proofs.")
    await p.staff("specialist", "screening-events", kind="degree_verified")
    await p.staff("specialist", "recommendation", outcome="assess")
    await p.after(3)
    attempt = {"assessment": "test", "outcome": test, "score": 71 if test == "passed" else 38}
    await p.told_by("assessment", "assessment.completed", attempt_id=f"T-{p.number}", **attempt)
    await p.becomes("tested", lambda record: record["application"]["assessments"])
    await p.staff(
        "specialist", "assessments", assessment_id=f"I-{p.number}", kind="interview", outcome="passed", score=80
    )


async def to_offer(p: Person, **decision: Any) -> None:
    """To an offer."""
    await to_decision(p)
    await p.after(2)
    await p.staff("admissions", "admission-decision", outcome="offer", **decision)


async def to_contract(p: Person, signed_on: date) -> None:
    """To a signed contract, on that day."""
    await to_offer(p)
    await p.after(2)
    await p.does("offer-answer", answer="accept")
    await p.world.until(signed_on - timedelta(days=10))
    await p.staff("admissions", "contract", deposit="1000.00")
    await p.after(1)
    await p.staff("admissions", "contract-receipt")
    await p.world.until(signed_on)
    await p.does("contract-signature")


async def pays(p: Person, *parts: tuple[str, str]) -> None:
    """Payments arrive, told by the payment partner; the first one by staff too, and it stays one payment."""
    currency = CURRENCIES[p.said["country"]]
    for number, (payer, amount) in enumerate(parts, start=1):
        payment = {
            "payment_id": f"P-{p.number}-{number}",
            "payer": payer,
            "amount": {"amount": amount, "currency": currency},
            "received_on": p.today.isoformat(),
        }
        await p.told_by("payments", "payment.received", **payment)
        await p.becomes("paid in", lambda record, number=number: len(record["ledger"]) >= number)
        if number == 1:
            await p.staff("admissions", "payments", who=2, kind="payment", **payment)


CURRENCIES = {"FR": "EUR", "GB": "GBP", "US": "USD"}
PRICES = {"FR": "7200.00", "GB": "6300.00", "US": "8000.00"}


async def to_diploma(p: Person, signed_on: date, qualified_on: date, *payers: str) -> None:
    """To the diploma, with the whole price paid by one payer or by two halves."""
    await to_contract(p, signed_on)
    price = PRICES[p.said["country"]]
    await p.world.until(COURSE_STARTS)
    await p.told_by("learning", "course.started", started_on=COURSE_STARTS.isoformat())
    await p.does("declarations", fact="intent", value="job")
    await p.does("declarations", fact="right_to_work", value="yes")
    if len(payers) > 1:
        half = f"{float(price) / 2:.2f}"
        await pays(p, *((payer, half) for payer in payers))
    else:
        await pays(p, (payers[0] if payers else "self", price))
    await p.world.until(qualified_on)
    await p.told_by("learning", "diploma.awarded", diploma_id=f"D-{p.number}", awarded_on=qualified_on.isoformat())


# ---- lives that end early


async def is_rejected(p: Person) -> None:
    await to_decision(p, test="failed")
    await p.after(2)
    await p.staff("admissions", "admission-decision", outcome="reject", reasons=["test_below_mark"])


async def is_rejected_and_bounces(p: Person) -> None:
    """The address does not take mail: staff ring, and the case takes its normal course."""
    await p.world.expect("POST", f"{p.world.api}/applications", json=p.said)
    token = await p.world.token("specialist", 0)
    found = await p.world.expect(
        "POST", f"{p.world.api}/case-searches", json={"email": p.email}, headers={"Authorization": f"Bearer {token}"}
    )
    p.case_id = found["cases"][0]["case_id"]
    await p.staff("specialist", "assignment", specialist=p.world.staff_id("specialist", p.number))
    await p.staff("specialist", "screening-events", kind="degree_doubted", note="No answer, nothing to verify.")
    await p.staff("specialist", "recommendation", outcome="advise_against")
    await p.after(1)
    await p.staff("admissions", "admission-decision", outcome="reject", reasons=["prerequisite_not_shown"])


async def withdraws_application(p: Person) -> None:
    await p.apply()
    await p.after(5)
    await p.does("withdrawal")


async def sends_two_applications(p: Person) -> None:
    """A second, different application: the owner says which one counts, then withdraws."""
    await p.apply()
    other = p.said | {"motivation": "On second thoughts: I want to build things."}
    await p.world.expect("POST", f"{p.world.api}/applications", json=other)
    await p.open_mail()
    seen = await p.sees()
    second = next(each["submission"] for each in seen["submissions"] if not each["chosen"])
    await p.does(f"submissions/{second}/choice")
    await p.after(9)
    await p.does("withdrawal")


async def lets_offer_lapse(p: Person) -> None:
    await to_offer(p)
    await p.after(40)
    await p.becomes("lapsed", lambda record: record["application"]["status"] == "declined_by_default")


async def lapses_and_is_given_back(p: Person) -> None:
    """The offer lapsed while the person was ill; staff give it back, and it is declined in the end."""
    await to_offer(p)
    await p.after(40)
    await p.staff("admissions", "reopening", reason="illness")
    await p.does("offer-answer", answer="decline")


async def declines(p: Person) -> None:
    await to_offer(p)
    await p.after(3)
    await p.does("offer-answer", answer="decline")


async def fails_condition(p: Person) -> None:
    due = (FIRST_DAY + timedelta(days=60)).isoformat()
    await to_offer(p, conditions=[{"kind": "degree_awarded", "due_on": due}])
    await p.after(2)
    await p.does("offer-answer", answer="accept")
    await p.world.until(FIRST_DAY + timedelta(days=65))
    await p.staff("admissions", "conditions/c1", outcome="not_met")


async def waits(p: Person) -> None:
    await to_decision(p)
    await p.after(2)
    await p.staff("admissions", "admission-decision", outcome="waitlist")


async def cancels(p: Person) -> None:
    """Signs, pays a deposit, cancels within fourteen days and gets everything back."""
    await to_contract(p, EARLY)
    await pays(p, ("self", "1000.00"))
    await p.does("payee", **account(p))
    await p.staff("finance", "call-backs", who=1, about="payee", outcome="confirmed")
    await p.after(5)
    await p.does("withdrawal")
    await p.after(3)
    await is_paid(p, "r1")


async def ends_contract_in_france(p: Person) -> None:
    """In the first three months the law lets the person go for at most 30 % of the price."""
    await to_contract(p, LATE)
    await p.world.until(COURSE_STARTS)
    await p.told_by("learning", "course.started", started_on=COURSE_STARTS.isoformat())
    await pays(p, ("self", "3600.00"))
    await p.does("payee", **account(p))
    await p.staff("finance", "call-backs", who=1, about="payee", outcome="confirmed")
    await p.world.until(date(2027, 5, 31))
    await p.does("withdrawal")
    await p.after(2)
    await is_paid(p, "r1")


async def leaves_course(p: Person) -> None:
    await to_contract(p, EARLY)
    await p.world.until(COURSE_STARTS)
    await p.told_by("learning", "course.started", started_on=COURSE_STARTS.isoformat())
    await p.world.until(date(2027, 9, 6))
    await p.does("withdrawal")


async def runs_out_of_time(p: Person) -> None:
    """Twelve months pass; the timer proposes the end, a named person signs it."""
    await to_contract(p, EARLY)
    await p.world.until(COURSE_STARTS)
    await p.told_by("learning", "course.started", started_on=COURSE_STARTS.isoformat())
    await p.world.until(date(2028, 4, 17))
    record = await p.becomes("expiry proposed", lambda record: record["enrolment"]["expiry_proposal"])
    proposal = record["enrolment"]["expiry_proposal"]
    await p.staff("finance", f"proposals/{proposal}/signature", outcome="sign", reason="limit_passed")


# ---- lives that find work


def job(p: Person, signed_on: date, **more: Any) -> dict[str, Any]:
    """A job that counts."""
    return {
        "contract": "permanent",
        "field": "in",
        "hours": 37,
        "base_pay": {"amount": f"{30_000 + 1_500 * (p.number % 9)}.00", "currency": CURRENCIES[p.said["country"]]},
        "contract_signed_on": signed_on.isoformat(),
        "starts_on": (signed_on + timedelta(days=14)).isoformat(),
    } | more


async def searches(p: Person, until: date, applications: int = 6) -> None:
    """Log each week of the search up to a day."""
    monday = p.today + timedelta(days=(7 - p.today.weekday()) % 7)
    while monday + timedelta(days=7) <= until:
        await p.world.until(monday + timedelta(days=7))
        await p.told_by("learning", "search.logged", monday=monday.isoformat(), applications=applications)
        monday += timedelta(days=7)


async def is_hired_through_partner(p: Person) -> None:
    """An employer reports the job, careers verify it."""
    qualified_on = date(2027, 10, 4) + timedelta(days=3 * (p.number % 15))
    await to_diploma(p, EARLY if p.number % 2 else LATE, qualified_on)
    signed_on = qualified_on + timedelta(days=20 + 5 * (p.number % 7))
    await p.world.until(signed_on + timedelta(days=2))
    partner = ("northwind", "contoso")[p.number % 2]
    await p.told_by(partner, "placement.reported", placement_id=f"J-{p.number}", **job(p, signed_on))
    record = await p.becomes("placement reported", lambda record: record["placements"])
    await p.after(4)
    placement = next(iter(record["placements"]))
    await p.staff("careers", f"placements/{placement}/verification", outcome="verified")


async def finds_job(p: Person) -> None:
    """The graduate reports a job of their own."""
    qualified_on = date(2027, 10, 11) + timedelta(days=2 * (p.number % 12))
    await to_diploma(p, EARLY if p.number % 2 else LATE, qualified_on)
    signed_on = qualified_on + timedelta(days=35 + 4 * (p.number % 9))
    await p.world.until(signed_on + timedelta(days=1))
    await p.does("placements", employer_name="Lovelace Ltd", **job(p, signed_on))


async def is_confirmed_by_employer(p: Person) -> None:
    """The graduate names somebody at the employer, who opens the mail and answers with one click."""
    qualified_on = date(2027, 10, 18)
    await to_diploma(p, LATE, qualified_on)
    await p.world.until(date(2027, 11, 29))
    await p.does("placements", employer_name="Hopper & Daughters", **job(p, date(2027, 11, 26)))
    await p.does("placements/p1/confirmation-requests", email=f"boss{p.number:02d}@employers.example")
    await p.after(3)
    await p.is_answered_by(f"boss{p.number:02d}@employers.example", "confirm")


async def disagreement_is_settled(p: Person) -> None:
    """The graduate says 37 hours, the employer 12; careers look at the payslip and settle it."""
    qualified_on = date(2027, 10, 25)
    await to_diploma(p, EARLY, qualified_on)
    await p.world.until(date(2027, 12, 6))
    await p.does("placements", employer_name="Northwind", **job(p, date(2027, 12, 3)))
    await p.told_by(
        "northwind", "placement.reported", placement_id=f"J-{p.number}", **job(p, date(2027, 12, 3), hours=12)
    )
    await p.becomes("a disagreement", lambda record: record["agenda"]["what"] == "settle_disagreement")
    await p.after(5)
    await p.staff(
        "careers", "placements/p1/verification", outcome="verified", facts={"hours": 30}, note="Payslip seen."
    )


async def is_introduced_to_position(p: Person) -> None:
    """Agrees to be introduced; an introduction becomes an offer, and the offer a job."""
    qualified_on = date(2027, 11, 1)
    await to_diploma(p, EARLY, qualified_on)
    await p.does("declarations", fact="consent", value="yes")
    await p.world.until(date(2027, 11, 15))
    position = {
        "position_id": f"V-{p.number}", "title": "Data engineer", "employer_name": "Contoso",
        "country": p.said["country"], "contract": "permanent", "field": "in", "hours": 37, "closes_on": "2028-01-31",
    }  # fmt: skip
    await p.world.partner("contoso", "position.published", position, f"V-{p.number}")
    listed = await p.world.positions("careers", p.said["country"])
    if not listed:
        # The host died over the announcement: it is stored, and the timer goes on with it.
        await p.world.set_clock_ahead()
        await p.world.run_timer("run_deliveries")
        listed = await p.world.positions("careers", p.said["country"])
    await p.staff("careers", "introductions", position=listed[0]["position"])
    await p.after(21)
    await p.staff("careers", "introductions/i1/outcome", outcome="offered", on=p.today.isoformat())
    await p.after(7)
    signed = {"on": p.today.isoformat(), "starts_on": (p.today + timedelta(days=21)).isoformat()}
    done = await p.staff("careers", "introductions/i1/outcome", outcome="signed", **signed)
    await p.after(3)
    await p.staff("careers", f"placements/{done['placement_id']}/verification", outcome="verified")


async def takes_leave_then_is_hired(p: Person) -> None:
    await to_contract(p, EARLY)
    await p.world.until(COURSE_STARTS)
    await p.told_by("learning", "course.started", started_on=COURSE_STARTS.isoformat())
    await pays(p, ("employer:acme", PRICES[p.said["country"]]))
    await p.world.until(date(2027, 6, 7))
    await p.does("leave-requests", first_day="2027-06-14")
    await p.staff("admissions", "leave-ruling", who=1, leave_id="l1", outcome="granted")
    await p.world.until(date(2027, 8, 2))
    await p.staff("admissions", "leave-end", who=1, leave_id="l1", last_day="2027-07-31")
    await p.world.until(date(2028, 2, 7))
    await p.told_by("learning", "diploma.awarded", diploma_id=f"D-{p.number}", awarded_on="2028-02-07")
    await p.world.until(date(2028, 4, 3))
    await p.does("placements", employer_name="Acme", **job(p, date(2028, 4, 1)))


async def sources_disagree(p: Person) -> None:
    """An employer says there is a job, the graduate says there is none; careers have not settled it yet."""
    await to_diploma(p, EARLY, date(2028, 3, 20))
    await p.world.until(date(2028, 6, 5))
    report = job(p, date(2028, 6, 1), contract="contractor")
    await p.told_by("northwind", "placement.reported", placement_id=f"J-{p.number}", **report)
    record = await p.becomes("placement reported", lambda record: record["placements"])
    placement = next(iter(record["placements"]))
    await p.staff("careers", f"placements/{placement}/verification", outcome="disputed", note="The graduate denies it.")


# ---- lives that end with the refund


def account(p: Person) -> dict[str, Any]:
    """Where this person's money goes."""
    holder = f"{p.said['given_names']} {p.said['family_names']}"
    if p.said["country"] == "US":
        return {"account_holder": holder, "routing_number": "021000021", "account_number": f"{10000000 + p.number}"}
    if p.said["country"] == "FR":
        return {"account_holder": holder, "iban": "FR76 3000 6000 0112 3456 7890 189"}
    return {"account_holder": holder, "iban": "GB29 NWBK 6016 1331 9268 19"}


async def names_account(p: Person) -> None:
    """Say where money is to go, and be rung back about it."""
    await p.does("payee", **account(p))
    await p.staff("careers", "call-backs", who=1, about="payee", outcome="confirmed")


async def is_signed(p: Person, refund: str, verdict: str, who: int = 0) -> None:
    """Wait for the sweep's proposal and let finance sign it."""

    def proposed(record: dict[str, Any]) -> bool:
        found = record["refunds"].get(refund)
        return bool(found and found["status"] == "proposed" and found["proposal"]["verdict"] == verdict)

    record = await p.becomes(f"{verdict} proposed", proposed)
    proposal = record["refunds"][refund]["proposal"]["id"]
    await p.staff("finance", f"proposals/{proposal}/signature", who=who, outcome="sign", reason="as_proposed")


async def is_ordered(p: Person, refund: str, who: int = 1) -> None:
    """Another person orders the payment, and the partner says that it arrived."""
    await p.staff("finance", f"refunds/{refund}/payment", who=who)
    await p.becomes("paid", lambda record: record["refunds"][refund]["status"] == "paid")


async def is_paid(p: Person, refund: str) -> None:
    """From the proposal to the money."""
    await is_signed(p, refund, "approval")
    await p.after(3)
    await is_ordered(p, refund, who=2)


async def finds_nothing_published(p: Person) -> None:
    """Under the promise as published no claim is needed: the sweep proposes, two people sign and pay."""
    qualified_on = date(2027, 10, 18) + timedelta(days=p.number % 4)
    payers = ("self", "employer:acme") if p.number % 3 == 0 else ("self",)
    await to_diploma(p, EARLY, qualified_on, *payers)
    await p.world.until(qualified_on + timedelta(days=190))
    await names_account(p)
    await p.after(7)
    await is_paid(p, "r1")


async def searched_and_claims(p: Person, applications: int = 6) -> None:
    """Under the strict terms: a log of the search, the notice, a claim in time."""
    qualified_on = date(2027, 10, 4)
    await to_diploma(p, LATE, qualified_on)
    await searches(p, date(2028, 4, 4), applications)
    await p.world.until(date(2028, 4, 17))
    await p.does("claims")


async def claims_and_is_paid(p: Person) -> None:
    await searched_and_claims(p)
    await names_account(p)
    await p.after(7)
    await is_paid(p, "r1")


async def claims_and_payment_fails_once(p: Person) -> None:
    """The first transfer comes back; a person signs again before it is tried again."""
    await searched_and_claims(p)
    await names_account(p)
    await p.after(7)
    await is_signed(p, "r1", "approval")
    await p.after(3)
    await p.staff("finance", "refunds/r1/payment", who=2)
    record = await p.becomes("paid", lambda record: record["refunds"]["r1"]["status"] == "paid")
    reference = next(iter(record["refunds"]["r1"]["payments"]))
    await p.world.money_comes_back(reference)
    record = await p.becomes("failed", lambda record: record["refunds"]["r1"]["status"] == "failed")
    proposal = record["refunds"]["r1"]["proposal"]["id"]
    await p.after(4)
    await p.staff("finance", f"proposals/{proposal}/signature", outcome="sign", reason="account_corrected")
    await is_ordered(p, "r1", who=2)


async def searched_too_little(p: Person) -> None:
    """Too few applications: the claim is refused by a person, clause by clause."""
    await searched_and_claims(p, applications=2)
    await p.after(7)
    await is_signed(p, "r1", "refusal")


async def appeals_and_wins(p: Person) -> None:
    """Declined an offer; on appeal another person finds that it should not have counted, and yet another pays."""
    qualified_on = date(2027, 10, 4)
    await to_diploma(p, LATE, qualified_on)
    await p.world.until(date(2027, 12, 6))
    await p.does("offers", offered_on="2027-12-03", employer="Lovelace Ltd")
    await p.does("offers/o1/answer", outcome="declined")
    await p.staff("careers", "offers/o1/ruling", qualifying="yes")
    await p.staff("careers", "exemption", first_day="2027-10-04", last_day="2027-12-12", note="A portfolio first.")
    await searches(p, date(2028, 4, 4))
    await p.world.until(date(2028, 4, 17))
    await p.does("claims")
    await names_account(p)
    await p.after(7)
    await is_signed(p, "r1", "refusal")
    await p.after(10)
    await p.does("appeals", refund="r1", reason="The offer was for a town 600 km away.")
    await p.after(10)
    await p.staff("careers", "appeals/r1/decision", who=2, outcome="overturn", reason="offer_not_reasonable")
    await p.after(3)
    await is_ordered(p, "r1", who=2)


async def appeals_and_loses(p: Person) -> None:
    await searched_too_little(p)
    await p.after(10)
    await p.does("appeals", refund="r1", reason="I was busy.")
    await p.after(10)
    await p.staff("careers", "appeals/r1/decision", who=2, outcome="uphold", reason="clause_not_met")


async def loses_job_after_a_week(p: Person) -> None:
    """A job, dismissed after seven days: it does not count, and in the end the money goes back."""
    await to_diploma(p, EARLY, date(2027, 11, 8))
    await p.world.until(date(2028, 2, 1))
    await p.does("placements", employer_name="Fleeting Ltd", **job(p, date(2028, 1, 28), starts_on="2028-02-07"))
    await p.world.until(date(2028, 2, 15))
    await p.does("placements/p1/end", ended_on="2028-02-13", end_reason="dismissed")
    await p.world.until(date(2028, 5, 15))
    await p.staff("careers", "waivers", who=2, criterion="no_qualifying_job", reason="dismissed_in_first_week")
    await names_account(p)
    await p.after(7)
    await is_paid(p, "r1")


async def placement_was_false(p: Person) -> None:
    """A placement verified in good faith is retracted in month eight; the claim's clock starts anew."""
    qualified_on = date(2027, 9, 27)
    await to_diploma(p, LATE, qualified_on)
    await searches(p, date(2027, 12, 13))
    await p.world.until(date(2027, 12, 13))
    await p.told_by("contoso", "placement.reported", placement_id=f"J-{p.number}", **job(p, date(2027, 12, 10)))
    record = await p.becomes("placement reported", lambda record: record["placements"])
    placement = next(iter(record["placements"]))
    await p.staff("careers", f"placements/{placement}/verification", outcome="verified")
    await searches(p, date(2028, 3, 28))
    await p.world.until(date(2028, 5, 22))
    await p.told_by("contoso", "placement.retracted", placement_id=f"J-{p.number}")
    await p.world.until(date(2028, 5, 29))
    await p.does("claims")
    await names_account(p)
    await p.after(7)
    await is_paid(p, "r1")


async def reports_job_after_refund(p: Person) -> None:
    """Paid back, and then a job that counts turns up: a person reviews it, and lets the money go."""
    await finds_nothing_published(p)
    await p.world.until(date(2028, 6, 12))
    late = job(p, date(2028, 3, 1))
    await p.told_by("history", "placement.reported", placement_id=f"H-{p.number}", **late)
    record = await p.becomes("placement reported", lambda record: record["placements"])
    placement = next(iter(record["placements"]))
    await p.staff("careers", f"placements/{placement}/verification", who=2, outcome="verified")
    await p.after(7)
    await p.becomes("recovery open", lambda record: record["refunds"]["r1"]["status"] == "recovery_open")
    await p.staff("careers", "recovery/r1/outcome", who=0, outcome="waived", reason="small_benefit_of_doubt")


async def never_claims(p: Person) -> None:
    """The notice went out, sixty days passed, nothing came: the lapse is proposed and signed by a person."""
    qualified_on = date(2027, 9, 27)
    await to_diploma(p, LATE, qualified_on)
    await searches(p, date(2028, 3, 28))
    await p.world.until(date(2028, 6, 26))
    await is_signed(p, "r1", "lapse")


LIVES: tuple[tuple[Life, int], ...] = (
    (is_rejected, 5),
    (is_rejected_and_bounces, 1),
    (withdraws_application, 2),
    (sends_two_applications, 1),
    (lets_offer_lapse, 2),
    (lapses_and_is_given_back, 1),
    (declines, 1),
    (fails_condition, 1),
    (waits, 1),
    (cancels, 1),
    (ends_contract_in_france, 1),
    (leaves_course, 1),
    (runs_out_of_time, 1),
    (takes_leave_then_is_hired, 1),
    (is_hired_through_partner, 12),
    (is_introduced_to_position, 1),
    (disagreement_is_settled, 1),
    (finds_job, 10),
    (is_confirmed_by_employer, 1),
    (sources_disagree, 1),
    (loses_job_after_a_week, 1),
    (placement_was_false, 1),
    (finds_nothing_published, 4),
    (claims_and_is_paid, 1),
    (claims_and_payment_fails_once, 1),
    (searched_too_little, 1),
    (appeals_and_wins, 1),
    (appeals_and_loses, 1),
    (reports_job_after_refund, 1),
    (never_claims, 2),
)


def intake(world: World, seed: int) -> list[tuple[Person, Life]]:
    """The sixty, in order: countries in turn, but for lives that need one."""
    people: list[tuple[Person, Life]] = []
    for life, count in LIVES:
        for _ in range(count):
            number = len(people) + 1
            country = "FR" if life is ends_contract_in_france else ("FR", "GB", "US")[number % 3]
            said = particulars(number, country, seed)
            if life is is_rejected_and_bounces:
                said["email"] = f"bounce{number:02d}@people.example"
            people.append((Person(world, number, said), life))
    return people


async def lived(person: Person, life: Life) -> None:
    """One life, begun on a day of its own in the first weeks."""
    await person.after(person.number % 10)
    await life(person)

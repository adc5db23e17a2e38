"""A programme as data: what `programmes/*.toml` may say. Opening an intake means editing that file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.errors import RuleBroken
from shared.domain.money import NotMoney, to_minor


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Intake(_Data):
    """One start of the programme. Days are inclusive, in the programme's zone."""

    id: str
    opens_on: date
    closes_on: date
    starts_on: date
    seats: int = Field(gt=0)


class Country(_Data):
    """What the law or the programme says for one country. Percentages are whole numbers."""

    currency: str
    time_zone: str
    cancellation_days: int
    signature_wait_days: int = 0
    advance_percent_max: int = 100
    termination_months: int = 0
    termination_kept_percent: int = 0


class Accreditation(_Data):
    """Whether the diploma is accredited in a country, from a day on."""

    country: str
    binds_from: date
    accredited: bool


class Price(_Data):
    """The price in a country from a day on, as a decimal string. No row: no price has been set."""

    country: str
    binds_from: date
    amount: str
    currency: str


class Contact(_Data):
    """Where people write and ring: every letter and page that asks them to says so."""

    email: str
    phone: str


class ServiceLevels(_Data):
    """How long staff may take, in days; the work queue and the audit measure against these."""

    screen_days: int
    assess_days: int
    decide_days: int
    waitlist_days: int
    contract_days: int
    verify_days: int
    contact_days: int
    claim_days: int
    sign_days: int
    pay_days: int
    appeal_days: int
    data_request_days: int


class Limits(_Data):
    """Periods that the programme itself sets, in days unless named otherwise."""

    course_months: int
    limit_warnings: tuple[int, ...]
    window_reminders: tuple[int, ...]
    offer_answer_days: int
    offer_reminders: tuple[int, ...]
    offer_lapse_undo_days: int
    retention_check_days: int
    search_log_days: int
    search_warning_days: int
    search_cure_days: int
    risk_days_left: int
    risk_quiet_days: int
    risk_contact_days: int
    confirmation_days: int
    confirmations_per_report: int
    confirmations_per_case: int
    account_reminders: tuple[int, ...]
    payee_hold_hours: int
    closed_application_months: int
    contract_record_months: int
    export_days: int


class AuditSample(_Data):
    """How many decided claims are drawn for human review each month: a part of each kind, and never fewer than."""

    sample_percent: int = Field(ge=0, le=100)
    sample_least: int = Field(ge=0)


class Programme(_Data):
    """One programme. Names by language; everything else in codes, days and numbers."""

    id: str
    name: dict[str, str]
    time_zone: str
    prerequisite_level: tuple[str, ...]
    prerequisite_subjects: tuple[str, ...]
    assessments: tuple[str, ...]
    rejection_reasons: tuple[str, ...]
    contact: Contact
    sources: tuple[str, ...]
    terms_and_privacy_version: str
    countries: dict[str, Country]
    intakes: tuple[Intake, ...]
    accreditation: tuple[Accreditation, ...]
    prices: tuple[Price, ...]
    service_levels: ServiceLevels
    limits: Limits
    timer_rules: dict[str, int]
    sweep_hours: dict[str, float]
    audit: AuditSample
    cors_origins: tuple[str, ...]
    redirects: tuple[str, ...]
    holidays: dict[str, tuple[date, ...]] = Field(default_factory=dict)

    def name_in(self, language: str) -> str:
        """What it is called in a language, or in English."""
        return self.name.get(language) or self.name["en"]

    def intake(self, intake_id: str) -> Intake | None:
        """The intake of that id, if there is one."""
        return next((each for each in self.intakes if each.id == intake_id), None)

    def is_accredited_in(self, country: str, on: date) -> bool:
        """Whether the diploma is accredited in this country on this day; not said means no."""
        rows = [each for each in self.accreditation if each.country == country and each.binds_from <= on]
        return bool(rows) and max(rows, key=lambda each: each.binds_from).accredited

    def price_in(self, country: str, on: date) -> Price:
        """The price on that day, or `RuleBroken`: without a price no contract can be sent."""
        rows = [each for each in self.prices if each.country == country and each.binds_from <= on]
        if not rows:
            raise RuleBroken("price-not-set", "No price is set for this country yet, so no contract can be sent.")
        return max(rows, key=lambda each: each.binds_from)


def parse_programme(data: dict[str, Any]) -> Programme:
    """The programme that a file says, checked; raises `ValueError` naming what is missing, unknown or at odds."""
    programme = Programme.model_validate(data)
    wrong = [*_wrong_intakes(programme.intakes), *_wrong_rows(programme), *_wrong_sources(programme.sources)]
    wrong += _wrong_contact(programme.contact)
    if wrong:
        raise ValueError(f"programme {programme.id}: " + " ".join(wrong))
    return programme


def _wrong_intakes(intakes: tuple[Intake, ...]) -> Iterator[str]:
    """What whoever opens an intake may have mistyped, a sentence each."""
    for each in intakes:
        if not re.fullmatch("[a-z0-9][a-z0-9-]{0,39}", each.id, re.ASCII):
            yield f"The intake {each.id} needs an id of small letters, digits and hyphens."
        if [other.id for other in intakes].count(each.id) > 1:
            yield f"There are two intakes {each.id}."
        if not each.opens_on <= each.closes_on < each.starts_on:
            yield f"The intake {each.id} opens, closes and starts in another order."


def _wrong_contact(contact: Contact) -> Iterator[str]:
    """The same of where people write and ring."""
    if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", contact.email):
        yield f"The contact's address is none: {contact.email}."
    if not re.fullmatch(r"\+[0-9][0-9 ]{5,20}", contact.phone, re.ASCII):
        yield f"The contact's phone number needs a + and digits: {contact.phone}."


def _wrong_sources(sources: tuple[str, ...]) -> Iterator[str]:
    """The same of the places where people hear of the programme."""
    for each in sources:
        if not re.fullmatch("[a-z0-9][a-z0-9_-]{0,59}", each, re.ASCII):
            yield f"The source {each} needs small letters, digits, hyphens or underscores."
        if each in ("other", "not_said"):
            yield f"The source {each} is what reports call those that are not listed or not said."


def _wrong_rows(programme: Programme) -> Iterator[str]:
    """The same of prices and accreditation."""
    for rows in (programme.prices, programme.accreditation):
        said = [(each.country, each.binds_from) for each in rows]
        for country, day in sorted({each for each in said if said.count(each) > 1}):
            yield f"Two rows for {country} bind from {day}."
        for unknown in sorted({each.country for each in rows} - set(programme.countries)):
            yield f"There is no country {unknown}."
    for price in programme.prices:
        of = programme.countries.get(price.country)
        if of is not None and price.currency != of.currency:
            yield f"The price in {price.country} is not in that country's currency."
        try:
            to_minor(price.amount, price.currency)
        except NotMoney:
            yield f"The price in {price.country} from {price.binds_from} is no amount: {price.amount}."

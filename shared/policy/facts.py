"""The facts of one guarantee as the agreement names them, read from JSON and checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.domain.calendar import NotADate, civil_date, is_monday, parse_day, parse_instant, zone
from shared.policy.reading import (
    InvalidFacts,
    escaped,
    read_count,
    read_day,
    read_flag,
    read_list,
    read_text,
    read_word,
    refuse_unknown,
)
from shared.policy.terms import InvalidTerms, Terms

DEFAULT_TERMS = "reference"
DEFAULT_TIME_ZONE = "Europe/Paris"
DEFAULT_HOURS = 35
DEFAULT_APPLICATIONS = 5

CONTRACT_ENDS = frozenset({"withdrawn", "cancelled", "terminated", "expired"})
RIGHTS_TO_WORK = frozenset({"yes", "no", "unknown"})
PAUSE_STATUSES = frozenset({"approved", "requested", "rejected", "revoked"})
END_REASONS = frozenset(
    {"dismissed", "redundancy", "insolvency", "resigned", "rescinded", "insolvency_before_start", "visa_refused"}
)
CONTRACT_KINDS = frozenset(
    {"permanent", "fixed_term", "contractor", "self_employed", "internship", "apprenticeship", "volunteer"}
)
FIELDS = frozenset({"in", "out", "unknown"})
EMPLOYERS = frozenset({"external", "programme"})
OFFER_OUTCOMES = frozenset({"accepted", "declined", "lapsed"})
CRITERION_IDS = frozenset(
    {
        "qualified",
        "on_time",
        "right_to_work",
        "no_qualifying_job",
        "no_declined_offer",
        "job_search",
        "not_excluded",
        "pause_ruled",
    }
)

_FACTS_KEYS = frozenset(
    {
        "terms",
        "override",
        "time_zone",
        "as_of",
        "known_at",
        "contract",
        "started_on",
        "extension_months",
        "qualified_on",
        "qualified_at",
        "diploma_revoked_on",
        "right_to_work",
        "pauses",
        "jobs",
        "offers",
        "search",
        "exclusions",
        "waived",
        "claims",
        "notice_sent",
        "holidays",
        "refund_paid_on",
    }
)
_PAUSE_KEYS = frozenset({"from", "to", "status", "kind"})
_JOB_KEYS = frozenset(
    {
        "id",
        "contract_signed_on",
        "contract_signed_at",
        "offered_on",
        "offered_at",
        "starts_on",
        "fixed_end",
        "renews",
        "ended_on",
        "end_reason",
        "hours",
        "contract",
        "field",
        "employer",
        "verified",
        "retracted",
        "attested",
        "reported_on",
    }
)
_OFFER_KEYS = frozenset({"offered_on", "qualifying", "outcome", "waived"})
_SEARCH_KEYS = frozenset({"default", "weeks", "exempt"})
_CLAIM_KEYS = frozenset({"filed_on", "filed_at"})


class Pause(NamedTuple):
    """A pause of the clock. Both days belong to it; `last_on` None: it has not ended."""

    first_on: date
    last_on: date | None
    status: str


class Job(NamedTuple):
    """A job as reported. None: not said; for `hours` None is *not known*."""

    id: str
    contract_signed_on: date | None
    offered_on: date | None
    starts_on: date | None
    fixed_end_on: date | None
    renews: str | None
    ended_on: date | None
    end_reason: str | None
    hours: int | float | None
    contract: str
    field: str
    employer: str
    is_disputed: bool
    is_retracted: bool
    is_attested: bool | None
    reported_on: date | None


class Offer(NamedTuple):
    """An offer made to the graduate. `is_qualifying` None: nobody has said whether the job would have counted."""

    offered_on: date
    is_qualifying: bool | None
    outcome: str
    is_waived: bool


class Search(NamedTuple):
    """The log of the job search: applications by week (its Monday); None is a week that nobody knows about."""

    default: int | None
    weeks: Mapping[date, int | None]
    exempt: tuple[tuple[date, date], ...]


class Facts(NamedTuple):
    """All that a decision rests on. Days are civil dates in the zone that the contract fixes."""

    terms: Terms
    time_zone: str
    as_of: date
    known_at: date | None
    contract: str | None
    started_on: date | None
    extension_months: int
    qualified_on: date | None
    diploma_revoked_on: date | None
    right_to_work: str
    pauses: tuple[Pause, ...]
    jobs: tuple[Job, ...]
    offers: tuple[Offer, ...]
    search: Search
    exclusions: tuple[str, ...]
    waived: frozenset[str]
    claims: tuple[date, ...]
    notice_sent: bool
    holidays: frozenset[date]
    refund_paid_on: date | None

    @property
    def known_on(self) -> date:
        """The day whose knowledge is used: `known_at`, by default the day that is asked about."""
        return self.as_of if self.known_at is None else self.known_at

    def on(self, day: date) -> Facts:
        """The same facts asked about another day; what was known moves along unless `known_at` was said."""
        return self._replace(as_of=day)


_EVERY_WEEK_BY_DEFAULT = Search(DEFAULT_APPLICATIONS, {}, ())


def parse_facts(data: object, terms_by_version: Mapping[str, Terms]) -> Facts:
    """The facts that a JSON object says, every default filled in; raises InvalidFacts and nothing else.

    Source: guarantee rules, "Facts (JSON)" and the fine print on unknown keys, null and required keys.
    """
    if type(data) is not dict:
        raise InvalidFacts("", "type", "Facts are an object.")
    refuse_unknown(data, _FACTS_KEYS)
    get = data.get
    time_zone = DEFAULT_TIME_ZONE if (said := get("time_zone")) is None else read_text(said, "/time_zone")
    try:
        tz = zone(time_zone)
    except NotADate as error:
        raise InvalidFacts("/time_zone", "value", f"There is no such time zone: {error}.") from None
    if (said := get("as_of")) is None:
        raise InvalidFacts("/as_of", "missing", "Facts say the day that is asked about.")
    as_of = _day_or_instant(said, tz, "/as_of")
    terms = _terms(get("terms"), get("override"), terms_by_version)
    jobs = () if (said := get("jobs")) is None else read_list(said, "/jobs", _job, tz)
    if len(jobs) > 1:
        _refuse_same_id(jobs)
    return Facts(
        terms,
        time_zone,
        as_of,
        None if (said := get("known_at")) is None else _day_or_instant(said, tz, "/known_at"),
        None if (said := get("contract")) is None else read_word(said, CONTRACT_ENDS, "/contract"),
        None if (said := get("started_on")) is None else read_day(said, "/started_on"),
        0 if (said := get("extension_months")) is None else read_count(said, "/extension_months"),
        _event_day(get("qualified_on"), get("qualified_at"), tz, "/qualified"),
        None if (said := get("diploma_revoked_on")) is None else read_day(said, "/diploma_revoked_on"),
        "yes" if (said := get("right_to_work")) is None else read_word(said, RIGHTS_TO_WORK, "/right_to_work"),
        () if (said := get("pauses")) is None else read_list(said, "/pauses", _pause, tz),
        jobs,
        () if (said := get("offers")) is None else read_list(said, "/offers", _offer, tz),
        _EVERY_WEEK_BY_DEFAULT if (said := get("search")) is None else _search(said),
        () if (said := get("exclusions")) is None else read_list(said, "/exclusions", _word_of_any_kind, tz),
        frozenset() if (said := get("waived")) is None else frozenset(read_list(said, "/waived", _criterion_id, tz)),
        () if (said := get("claims")) is None else read_list(said, "/claims", _claim, tz),
        True if (said := get("notice_sent")) is None else read_flag(said, "/notice_sent"),
        frozenset() if (said := get("holidays")) is None else frozenset(read_list(said, "/holidays", _holiday, tz)),
        None if (said := get("refund_paid_on")) is None else read_day(said, "/refund_paid_on"),
    )


def _terms(version: object, override: object, terms_by_version: Mapping[str, Terms]) -> Terms:
    name = DEFAULT_TERMS if version is None else read_text(version, "/terms")
    terms = terms_by_version.get(name)
    if terms is None:
        raise InvalidFacts("/terms", "value", "There is no such version of the terms.")
    if override is None:
        return terms
    if type(override) is not dict:
        raise InvalidFacts("/override", "type", "An override is an object.")
    try:
        return terms.overridden(override)
    except InvalidTerms as error:
        raise InvalidFacts(f"/override/{escaped(error.parameter)}", error.code, error.message) from None


def _job(data: object, tz: ZoneInfo) -> Job:
    if type(data) is not dict:
        raise InvalidFacts("", "type", "A job is an object.")
    refuse_unknown(data, _JOB_KEYS)
    get = data.get
    if (job_id := get("id")) is None:
        raise InvalidFacts("/id", "missing", "A job has an id.")
    return Job(
        read_text(job_id, "/id"),
        _event_day(get("contract_signed_on"), get("contract_signed_at"), tz, "/contract_signed"),
        _event_day(get("offered_on"), get("offered_at"), tz, "/offered"),
        None if (said := get("starts_on")) is None else read_day(said, "/starts_on"),
        None if (said := get("fixed_end")) is None else read_day(said, "/fixed_end"),
        None if (said := get("renews")) is None else read_text(said, "/renews"),
        None if (said := get("ended_on")) is None else read_day(said, "/ended_on"),
        None if (said := get("end_reason")) is None else read_word(said, END_REASONS, "/end_reason"),
        None if (said := get("hours", DEFAULT_HOURS)) is None else _hours(said),
        "permanent" if (said := get("contract")) is None else read_word(said, CONTRACT_KINDS, "/contract"),
        "in" if (said := get("field")) is None else read_word(said, FIELDS, "/field"),
        "external" if (said := get("employer")) is None else read_word(said, EMPLOYERS, "/employer"),
        False if (said := get("verified")) is None else _is_disputed(said),
        False if (said := get("retracted")) is None else read_flag(said, "/retracted"),
        None if (said := get("attested")) is None else read_flag(said, "/attested"),
        None if (said := get("reported_on")) is None else read_day(said, "/reported_on"),
    )


def _refuse_same_id(jobs: tuple[Job, ...]) -> None:
    seen: set[str] = set()
    for index, job in enumerate(jobs):
        if job.id in seen:
            raise InvalidFacts(f"/jobs/{index}/id", "conflict", "Another job has the same id.")
        seen.add(job.id)


def _pause(data: object, _: ZoneInfo) -> Pause:
    if type(data) is not dict:
        raise InvalidFacts("", "type", "A pause is an object.")
    refuse_unknown(data, _PAUSE_KEYS)
    get = data.get
    if (said := get("from")) is None:
        raise InvalidFacts("/from", "missing", "A pause says the day from which it runs.")
    first_on = read_day(said, "/from")
    last_on = None if (said := get("to")) is None else read_day(said, "/to")
    if last_on is not None and last_on < first_on:
        raise InvalidFacts("/to", "conflict", "The pause ends before it begins.")
    if (said := get("kind")) is not None:
        read_text(said, "/kind")
    return Pause(
        first_on, last_on, "approved" if (said := get("status")) is None else read_word(said, PAUSE_STATUSES, "/status")
    )


def _offer(data: object, _: ZoneInfo) -> Offer:
    if type(data) is not dict:
        raise InvalidFacts("", "type", "An offer is an object.")
    refuse_unknown(data, _OFFER_KEYS)
    for key in ("offered_on", "qualifying", "outcome"):
        if data.get(key) is None:
            raise InvalidFacts(
                f"/{key}", "missing", "An offer says when it was made, whether it qualified, its outcome."
            )
    qualifying = data["qualifying"]
    if type(qualifying) is not bool:
        if type(qualifying) is not str:
            raise InvalidFacts("/qualifying", "type", 'An offer is qualifying: true, false or "unknown".')
        if qualifying != "unknown":
            raise InvalidFacts("/qualifying", "value", 'An offer is qualifying: true, false or "unknown".')
        qualifying = None
    return Offer(
        read_day(data["offered_on"], "/offered_on"),
        qualifying,
        read_word(data["outcome"], OFFER_OUTCOMES, "/outcome"),
        False if (said := data.get("waived")) is None else read_flag(said, "/waived"),
    )


def _search(data: object) -> Search:
    if type(data) is not dict:
        raise InvalidFacts("/search", "type", "The search log is an object.")
    try:
        refuse_unknown(data, _SEARCH_KEYS)
        default = data.get("default", DEFAULT_APPLICATIONS)
        if default is not None:
            read_count(default, "/default")
        weeks = data.get("weeks", {})
        if weeks is None:  # Not known, as the fine print has it: then no week is.
            weeks, default = {}, None
        if type(weeks) is not dict:
            raise InvalidFacts("/weeks", "type", "Weeks are an object: Monday to number of applications.")
        exempt = data.get("exempt")
        return Search(
            default,
            {_monday(monday): _week(monday, number) for monday, number in weeks.items()},
            () if exempt is None else read_list(exempt, "/exempt", _span, None),
        )
    except InvalidFacts as error:
        raise error.under("/search") from None


def _monday(text: str) -> date:
    pointer = f"/weeks/{escaped(text)}"
    day = read_day(text, pointer)
    if not is_monday(day):
        raise InvalidFacts(pointer, "value", "A week is named by its Monday.")
    return day


def _week(monday: str, number: object) -> int | None:
    return None if number is None else read_count(number, f"/weeks/{escaped(monday)}")


def _span(data: object, _: None) -> tuple[date, date]:
    if type(data) is not list:
        raise InvalidFacts("", "type", "A span is a list of its first and last day.")
    if len(data) != 2:
        raise InvalidFacts("", "value", "A span is a list of its first and last day.")
    first_on, last_on = read_day(data[0], "/0"), read_day(data[1], "/1")
    if last_on < first_on:
        raise InvalidFacts("/1", "conflict", "The span ends before it begins.")
    return first_on, last_on


def _claim(data: object, tz: ZoneInfo) -> date:
    if type(data) is not dict:
        raise InvalidFacts("", "type", "A claim is an object.")
    refuse_unknown(data, _CLAIM_KEYS)
    filed_on = _event_day(data.get("filed_on"), data.get("filed_at"), tz, "/filed")
    if filed_on is None:
        raise InvalidFacts("/filed_on", "missing", "A claim says when it was filed.")
    return filed_on


def _holiday(data: object, _: ZoneInfo) -> date:
    return read_day(data, "")


def _word_of_any_kind(data: object, _: ZoneInfo) -> str:
    return read_text(data, "")


def _criterion_id(data: object, _: ZoneInfo) -> str:
    return read_word(data, CRITERION_IDS, "")


def _event_day(on: object, at: object, tz: ZoneInfo, pointer: str) -> date | None:
    """The day of an event that may be told as a civil date (`_on`) or as an instant (`_at`), but not as both."""
    if at is None:
        return None if on is None else read_day(on, pointer + "_on")
    pointer += "_at"
    if on is not None:
        raise InvalidFacts(pointer, "conflict", "The same date is said twice, as a day and as an instant.")
    if type(at) is not str:
        raise InvalidFacts(pointer, "type", "An instant is a text with an offset.")
    try:
        return civil_date(parse_instant(at), tz)
    except NotADate as error:
        raise InvalidFacts(pointer, "value", f"This is no instant: {error}.") from None


def _day_or_instant(value: object, tz: ZoneInfo, pointer: str) -> date:
    if type(value) is not str:
        raise InvalidFacts(pointer, "type", "This is a text: a civil date, or an instant with an offset.")
    try:
        return parse_day(value) if len(value) == 10 else civil_date(parse_instant(value), tz)
    except NotADate as error:
        raise InvalidFacts(pointer, "value", f"This is neither a civil date nor an instant: {error}.") from None


def _is_disputed(value: object) -> bool:
    if value is True:
        return False
    if value == "disputed":
        return True
    code = "value" if type(value) in (bool, str) else "type"
    raise InvalidFacts("/verified", code, 'A report is verified: true, or "disputed".')


def _hours(value: object) -> int | float:
    if type(value) is not int and type(value) is not float:
        raise InvalidFacts("/hours", "type", "Hours a week are a number, or null where they are not known.")
    if not 0 <= value < float("inf"):
        raise InvalidFacts("/hours", "value", "Hours a week are a number that is not negative.")
    return value

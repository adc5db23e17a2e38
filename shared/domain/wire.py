"""The forms in which facts arrive: days, instants, money, codes, texts. Parsed once, at the edge."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.domain.calendar import NotADate, parse_day, parse_instant, zone

FIRST_DAY, LAST_DAY = date(1920, 1, 1), date(2100, 1, 1)
JOINERS = frozenset("\u200c\u200d")
UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""What Unicode has every program leave out and yet counts among letters and marks."""
VARIANTS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""What picks a form of the sign before it: one of several an ideograph has, or an emoji in colour."""
EMPTY = frozenset("\u2800")
LEADS_AWAY = re.compile(r"(?:https?|ftp)://|www\.", re.IGNORECASE)
"""What a mail program makes a link of."""
LOOK_ALIKES = frozenset("аеорсухѕіјӏԁһԛԝгпοαικνρτυχω")
"""Cyrillic and Greek letters that a reader takes for Latin ones."""
JOINED = (
    "ARABIC", "SYRIAC", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU",
    "KANNADA", "MALAYALAM", "SINHALA", "TIBETAN", "MYANMAR", "KHMER", "VARIATION SELECTOR",
)  # fmt: skip
"""Letters between which a joiner does something, and what picks the form of an emoji."""
VARIED = ("CJK", "MONGOLIAN", "MYANMAR", "PHAGS-PA")
FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Form(BaseModel):
    """Something that somebody told us: unknown fields and loose types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, hide_input_in_errors=True)


def _day(value: Any) -> Any:
    if isinstance(value, str):
        try:
            day = parse_day(value)
        except NotADate:
            raise PydanticCustomError("date", "a civil date is written YYYY-MM-DD") from None
        if not FIRST_DAY <= day <= LAST_DAY:
            raise PydanticCustomError("implausible", "this day is too far away")
        return day
    return value


def _instant(value: Any) -> Any:
    if isinstance(value, str):
        try:
            moment = parse_instant(value)
        except NotADate:
            raise PydanticCustomError("instant", "an instant carries its offset") from None
        if not FIRST_DAY <= moment.date() <= LAST_DAY:
            raise PydanticCustomError("implausible", "this instant is too far away")
        return moment
    return value


def _composed(value: Any) -> Any:
    """The text in one way of writing it, whatever form it came by: what is counted and kept."""
    return unicodedata.normalize("NFC", value.replace("\r\n", "\n")) if isinstance(value, str) else value


def _pasted(value: Any) -> Any:
    """A text without what word processors and pages leave in it unseen: a tab is a space, a soft hyphen nothing."""
    return value.replace("\t", " ").replace("\u00ad", "") if isinstance(value, str) else value


def _text(text: str, lines: bool) -> str:
    """No controls, no bidi overrides, nothing invisible but joiners and variants where they do something."""
    for before, character in zip(("", *text), text, strict=False):
        if lines and character == "\n":
            continue
        if _is_unseen(before, character):
            raise PydanticCustomError("characters", "the text holds characters that cannot be kept")
    if any(not _joins(before, after) for before, after in re.findall(r"(.?)[\u200c\u200d](?=(.?))", text, re.DOTALL)):
        raise PydanticCustomError("characters", "the text holds characters that cannot be kept")
    if all(each.isspace() or each in EMPTY for each in text):
        raise PydanticCustomError("blank", "the text is blank")
    return text


def _is_unseen(before: str, character: str) -> bool:
    if character in JOINERS:
        return False
    if VARIANTS.match(character):
        return not (before in tuple("0123456789#*") or _takes_variant(before))
    return unicodedata.category(character) in FORBIDDEN_CATEGORIES or character in UNSEEN


def _joins(before: str, after: str) -> bool:
    """Whether a joiner between these two does something, as it does in some scripts and between emoji."""
    return all(each and (unicodedata.name(each, "").startswith(JOINED) or _is_emoji(each)) for each in (before, after))


def _takes_variant(before: str) -> bool:
    return bool(before) and (unicodedata.name(before, "").startswith(VARIED) or _is_emoji(before))


def _is_emoji(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in ("So", "Sm", "Sk", "Po")


def looks_like_another(email: str) -> bool:
    """Whether the domain's letters may be taken for others: scripts mixed in one name, or only look-alikes in it."""
    for label in email.rpartition("@")[2].split("."):
        if label.startswith("xn--"):
            text = label[4:].encode("ascii").decode("punycode")
            scripts = {unicodedata.name(each, "").partition(" ")[0] for each in text if each.isalpha()}
            if len(scripts) > 1 or all(each in LOOK_ALIKES for each in text if each.isalpha()):
                return True
    return False


def _line(value: str) -> str:
    return _text(value, lines=False).strip()


def _paragraphs(value: str) -> str:
    return _text(value, lines=True)


def _name(value: str) -> str:
    """A line that leads nowhere: names stand in mails that we write."""
    name = _line(value)
    if LEADS_AWAY.search(name) or "\ufffd" in name:
        raise PydanticCustomError("characters", "the text holds characters that cannot be kept")
    return name


@cache
def time_zones() -> frozenset[str]:
    """The zones that there are. To ask for them is to walk through hundreds of files, so it is done once."""
    return frozenset(available_timezones())


def _time_zone(value: str) -> str:
    try:
        known = zone(value) if value in time_zones() else None
    except NotADate:  # Listed, but no place's: what a contract's days are counted in must be one.
        known = None
    if known is None:
        raise PydanticCustomError("time_zone", "a time zone is named as in the IANA database")
    return value


def _email(value: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(value, allow_smtputf8=False, check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise PydanticCustomError("email", "this is no e-mail address that can be written to") from None
    if "=?" in checked.local_part:  # What encodes another text: mail programs read another address.
        raise PydanticCustomError("email", "this is no e-mail address that can be written to")
    return checked.ascii_email or checked.normalized


def _as_typed(value: Any) -> Any:
    """A number as one types it: pages and address books put in spaces, dashes and marks of their own."""
    if not isinstance(value, str) or len(value) > 100:  # No number is as long: it is refused for its length.
        return value
    kinds = {each: unicodedata.category(each) for each in value}
    plain = {"Zs": " ", "Pd": "-", "Cf": ""}
    return "".join(plain.get(kinds[each], each) for each in value)


def _phone(value: str) -> str:
    import phonenumbers

    if not re.fullmatch(r"\+[0-9 ().-]{6,30}", value, re.ASCII):
        raise PydanticCustomError("phone", "a number begins with + and its country code")
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise PydanticCustomError("phone", "this is no telephone number") from None
    if not phonenumbers.is_possible_number(number):
        raise PydanticCustomError("phone", "this is no telephone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _iban(value: str) -> str:
    text = value.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", text, re.ASCII):
        raise PydanticCustomError("iban", "this is no IBAN")
    digits = "".join(str(int(character, 36)) for character in text[4:] + text[:4])
    if int(digits) % 97 != 1:
        raise PydanticCustomError("iban", "the check digits of this IBAN do not fit")
    return text


def _currency(value: str) -> str:
    from shared.domain.money import MINOR_DIGITS

    if value not in MINOR_DIGITS:
        raise PydanticCustomError("currency", "a currency is a code of ISO 4217")
    return value


Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
COMPOSED = BeforeValidator(_composed)
"""Stands behind the lengths, so that they count what is kept."""
Name = Annotated[str, Field(min_length=1, max_length=100), COMPOSED, AfterValidator(_name)]
Line = Annotated[str, Field(min_length=1, max_length=200), COMPOSED, AfterValidator(_line)]
PASTED = BeforeValidator(_pasted)
Text = Annotated[str, Field(min_length=1, max_length=4_000), COMPOSED, PASTED, AfterValidator(_paragraphs)]
Note = Annotated[str, Field(min_length=1, max_length=20_000), COMPOSED, PASTED, AfterValidator(_paragraphs)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}\z")]
Payer = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9:_-]{0,39}\z")]
PartnersId = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+\z")]
"""A thing by a partner's own id, which is hashed before it is kept with a case."""
LastingId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+=#~-]{0,99}\z")]
"""A payment, a diploma, a test, an offer by its own id. It is kept with the case as it is, mostly in the chain for
ever, so it is nobody's address."""
CaseId = Annotated[str, Field(pattern=r"^[a-z2-7]{26}\z")]
StaffId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}/[A-Za-z0-9-]{1,64}\z"), AfterValidator(str.lower)]
"""A member of staff as `tenant/object`. Both are hexadecimal, and tools write them in either case."""
TimeZone = Annotated[str, Field(max_length=60), AfterValidator(_time_zone)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
Phone = Annotated[str, Field(max_length=40), BeforeValidator(_as_typed), AfterValidator(_phone)]
Iban = Annotated[str, Field(max_length=60), AfterValidator(_iban)]
Currency = Annotated[str, Field(min_length=3, max_length=3), AfterValidator(_currency)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}\z")]
"""A country by its code of ISO 3166. Whether a programme is offered there is the programme's to say."""
JobField = Literal["in", "out", "unknown"]
Employer = Literal["external", "programme"]
OfferOutcome = Literal["accepted", "declined", "lapsed"]
ContractKind = Literal[
    "permanent", "fixed_term", "contractor", "self_employed", "internship", "apprenticeship", "volunteer"
]
EndReason = Literal[
    "dismissed", "redundancy", "insolvency", "resigned", "rescinded", "insolvency_before_start", "visa_refused"
]


class Amount(Form):
    """Money on the wire: a decimal string and an ISO 4217 code, never a number."""

    amount: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?\z")]
    currency: Currency

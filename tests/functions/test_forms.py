"""One application in three encodings is one application, whatever people write into it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions import enrolments, screening
from functions.applications import Application, unflattened
from functions.bodies import media_type, parse, read_json, read_multipart, read_urlencoded
from functions.http import Refused
from local.testing import Stack
from shared.domain.errors import InvalidInput
from shared.domain.wire import Form, Name, time_zones
from shared.partners.events import KINDS, PaymentRefundFailed
from tests.people import application
from tools import problem_words

BOUNDARY = "zq7boundary"
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
WORDS = st.text(CHARACTERS, min_size=1, max_size=30).filter(lambda each: BOUNDARY not in each)
LETTERS = st.text("abcxyz ÀÉéïßøÅłعדあ漢'’-+&=%;.\u0301\u200d", min_size=1, max_size=20)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "given_names": LETTERS | WORDS,
        "family_names": LETTERS | WORDS,
        "motivation": WORDS | st.text("a\n +&%=", min_size=1),
        "language": st.sampled_from(["en", "fr", "de"]),
        "country": st.sampled_from(["FR", "GB", "US", "DE"]),
        "phone": st.sampled_from(["+33612345678", "+33 6 12 34 56 78", "0612345678"]),
        "email": st.sampled_from(["a@people.example", "A.B+c@people.example", "a@bücher.example", "a@b"]),
        "accreditation_notice_read": st.booleans(),
    },
)
DEGREE = st.fixed_dictionaries(
    {}, optional={"subject": LETTERS | WORDS, "institution": WORDS, "awarded_on": st.sampled_from(["2025-06-30", "x"])}
)


def flat(said: dict[str, Any]) -> dict[str, str]:
    """The application as a form has it: a box that is not ticked is not sent."""
    degree = {f"degree.{name}": value for name, value in said["degree"].items()}
    fields = {name: value for name, value in said.items() if name != "degree"} | degree
    return {name: "on" if value is True else value for name, value in fields.items() if value is not False}


def as_multipart(fields: dict[str, str]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


def outcome(stated: dict[str, Any]) -> Any:
    """What is kept, or where and why it is not."""
    try:
        return parse(Application, stated).model_dump(mode="json")
    except InvalidInput as error:
        return sorted((each.pointer, each.code) for each in error.complaints)


@given(SAID, DEGREE)
def test_same_application_in_three_encodings_is_kept_or_refused_alike(
    said: dict[str, Any], degree: dict[str, Any]
) -> None:
    whole = application("a@people.example") | said
    whole["degree"] = whole["degree"] | degree
    fields = flat(whole)

    by_json = outcome(read_json(json.dumps(whole, ensure_ascii=False).encode()))
    by_form = outcome(unflattened(read_urlencoded(urlencode(fields).encode())))
    by_multipart = outcome(unflattened(read_multipart(as_multipart(fields), {"boundary": BOUNDARY})[0]))

    assert by_json == by_form == by_multipart


@given(LETTERS)
def test_what_is_kept_is_kept_the_same_when_it_comes_once_more(name: str) -> None:
    first = outcome(application("a@people.example", given_names=name))

    if isinstance(first, dict):
        assert outcome(application("a@people.example", given_names=first["given_names"])) == first


@pytest.mark.parametrize(
    ("name", "pasted", "kept"),
    [
        ("motivation", "First,\tI know math\u00adematics.", "First, I know mathematics."),
        ("phone", "\u202a+33\u00a06\u202f12\u00a034\u201156\u201178\u202c", "+33612345678"),
    ],
)
def test_what_pages_and_address_books_leave_in_a_text_is_taken_out(name: str, pasted: str, kept: str) -> None:
    assert outcome(application("a@people.example") | {name: pasted})[name] == kept


def test_body_of_a_thousand_mistakes_is_refused_with_one_complaint() -> None:
    strange = {f"k{number}": 1 for number in range(1_000)}

    assert outcome(application("a@people.example") | strange) == [("", "too_many_errors")]
    assert outcome(application("a@people.example") | {"k1": 1}) == [("/k1", "extra_forbidden")]


def test_many_forms_look_for_the_time_zones_once() -> None:
    time_zones.cache_clear()

    for zone in ("Europe/Paris", "Europe/London", "Mars/North", "Asia/Tokyo"):
        outcome(application("a@people.example", time_zone=zone))

    assert time_zones.cache_info().misses == 1


HASHED = {"placement_id"}
"""Ids of which only a hash is kept with a case."""
ORDERED_BY_US = {PaymentRefundFailed}
"""Known by our own reference; what else it says is not kept."""
FORMS = {form for form, _, _ in KINDS.values()} | {act.form for act in (*enrolments.ACTS, *screening.ACTS)}


@pytest.mark.parametrize("form", sorted(FORMS - ORDERED_BY_US, key=lambda each: each.__name__))
def test_id_that_is_kept_for_ever_is_nobodys_address(form: type[Form]) -> None:
    ids = {name for name in form.model_fields if name.endswith("_id")} - HASHED

    with pytest.raises(ValidationError) as refused:
        form.model_validate(dict.fromkeys(ids, "jane.doe@people.example") | {"unknown": ""})

    assert {error["loc"][0] for error in refused.value.errors() if error["type"] != "missing"} == ids | {"unknown"}


def test_form_is_read_before_its_file_is_looked_at(stack: Stack) -> None:
    part = 'Content-Disposition: form-data; name="certificate"; filename="a.pdf"\r\nContent-Type: application/pdf'
    file = f"--{BOUNDARY}\r\n{part}\r\n\r\n%PDF-1.7 is none\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

    def asked(email: str, **other: Any) -> list[dict[str, str]]:
        body = file + as_multipart(flat(application(email, **other)))
        answer = stack.client.post(f"{stack.api}/applications", content=body, headers=headers)
        errors: list[dict[str, str]] = answer.json()["errors"]
        return errors

    assert [each["pointer"] for each in asked("nobody")] == ["/email"]
    assert [each["pointer"] for each in asked("a@people.example", intake="2027-autumn")] == ["/intake"]
    assert [each["pointer"] for each in asked("a@people.example", terms_and_privacy="2020-01")] == [
        "/terms_and_privacy"
    ]
    assert asked("a@people.example") == [{"pointer": "/certificate", "code": "damaged"}]


def a_part(headers: str, body: str = "x") -> bytes:
    """A form of one part."""
    return f"--{BOUNDARY}\r\n{headers}\r\n\r\n{body}\r\n--{BOUNDARY}--\r\n".encode()


NAMED = 'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    "headers",
    [
        f'{NAMED}\r\nContent-Disposition: form-data; name="b"',
        f'{NAMED}; name="b"',
        f'{NAMED}; filename="a.pdf"; filename="a.exe"',
        f"{NAMED}; filename=\"a.pdf\"; filename*=UTF-8''a.exe",
        f"{NAMED}\r\nContent-Transfer-Encoding: base64",
        f"{NAMED}\r\nContent-Transfer-Encoding: quoted-printable",
    ],
)
def test_part_that_two_readers_would_take_for_two_things_is_refused(headers: str) -> None:
    with pytest.raises(Refused) as refused:
        read_multipart(a_part(headers), {"boundary": BOUNDARY})

    assert refused.value.slug == "malformed-body"


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-7", "text/plain; charset=iso-8859-1"])
def test_field_that_is_no_text_in_utf8_is_refused_by_its_name(kind: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_multipart(a_part(f"{NAMED}\r\nContent-Type: {kind}"), {"boundary": BOUNDARY})

    assert [(each.pointer, each.code) for each in refused.value.complaints] == [("/a", "string_type")]


@pytest.mark.parametrize("more", ["", "\r\nContent-Type: text/plain", '\r\nContent-Type: text/plain; charset="UTF-8"',
                                  "\r\nContent-Transfer-Encoding: 8bit"])  # fmt: skip
def test_field_that_says_that_it_is_text_is_taken(more: str) -> None:
    assert read_multipart(a_part(NAMED + more, "José"), {"boundary": BOUNDARY})[0] == {"a": "José"}


@pytest.mark.parametrize(
    ("stated", "slug"),
    [
        ("application/json; charset=utf-16; charset=utf-8", "malformed-body"),
        ("multipart/form-data; boundary=a; boundary=b", "malformed-body"),
        ('multipart/form-data; boundary="a', "malformed-body"),
        ("multipart/form-data; boundary=a; charset=utf-16", "unsupported-media-type"),
        ("application/x-www-form-urlencoded; charset=iso-8859-1", "unsupported-media-type"),
    ],
)
def test_media_type_that_says_two_things_or_another_charset_is_refused(stated: str, slug: str) -> None:
    request = func.HttpRequest("POST", "/", headers={"Content-Type": stated}, body=b"")
    accepted = ("application/json", "multipart/form-data", "application/x-www-form-urlencoded")

    with pytest.raises(Refused) as refused:
        media_type(request, accepted)

    assert refused.value.slug == slug


class Named(Form):
    name: Name


@pytest.mark.parametrize(
    "name", ["Ив\u200dан", "日\u200d本", "Γι\u200cώρ", "И\ufe0fван", "日\ufe00\ufe01本", "Jos\ufffd"]
)
def test_name_with_signs_that_nobody_sees_and_that_do_nothing_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        parse(Named, {"name": name})


@pytest.mark.parametrize(
    "name", ["می\u200cخواهم", "क्\u200dष", "葛\U000e0100城", "👩\u200d💻 Ada", "❤\ufe0f", "O'Brien-Ñúñez"]
)
def test_name_whose_signs_do_something_is_kept(name: str) -> None:
    assert parse(Named, {"name": name}).name == unicodedata.normalize("NFC", name)


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def posted(stack: Stack, headers: dict[str, str], **other: Any) -> httpx.Response:
    """A plain form's post, as a browser without a script sends it."""
    fields = flat(application("plain@people.example", **other))
    return stack.client.post(f"{stack.api}/applications", data=fields, headers=headers)


@pytest.mark.parametrize(
    ("accepted", "language", "sentence"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr", "Téléphone \u2013 Écrivez le numéro avec + et l&#x27;indicatif"),
        ("de,en-GB;q=0.7", "en", "Phone \u2013 Please write the number with + and the country code"),
        ("", "en", "Phone \u2013 Please write the number with + and the country code"),
    ],
)
def test_a_browser_without_script_is_told_in_its_language_what_is_wrong(
    stack: Stack, accepted: str, language: str, sentence: str
) -> None:
    answer = posted(stack, BROWSER | {"Accept-Language": accepted}, phone="0612345678")

    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert (answer.headers["content-language"], answer.headers["cache-control"]) == (language, "no-store")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert f'<html lang="{language}">' in answer.text
    assert sentence in answer.text


def test_a_page_of_what_is_wrong_repeats_nothing_that_came_in(stack: Stack) -> None:
    answer = posted(stack, BROWSER, **{"<b>zq7</b>": "zq7", "phone": "zq7"})

    assert answer.status_code == 422
    assert "zq7" not in answer.text


def test_a_script_is_told_what_is_wrong_as_json(stack: Stack) -> None:
    answer = posted(stack, {"Accept": "*/*"}, phone="0612345678")

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_the_words_of_problems_are_those_of_the_pages() -> None:
    assert problem_words.FILE.read_text("utf-8") == problem_words.file(), "run: make docs"

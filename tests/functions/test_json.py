"""The JSON loader against invalid texts of every kind that JSONTestSuite knows, and every route that reads JSON."""

from __future__ import annotations

import base64
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.access import ACCESS
from functions.bodies import DEPTH_MAX, JSON_BYTES_MAX, read_json
from functions.http import Refused
from functions.openapi import FORMS
from local.testing import Stack
from shared.domain.errors import InvalidInput
from tests.corpus.requests import HERE
from tests.people import Applicant


def written(entry: dict[str, Any]) -> bytes:
    """The bytes of one entry of the list."""
    if "base64" in entry:
        return base64.b64decode(entry["base64"])
    if "text" in entry:
        return str(entry["text"]).encode()
    text = entry.get("before", "") + entry["repeat"] * entry["times"] + entry.get("after", "")
    return str(text).encode()


INVALID = [written(each) for each in json.loads((HERE / "invalid-json.json").read_text("utf-8"))]
NO_OBJECT = [b"[]", b"1", b"-0", b"1.5", b'"a"', b"null", b"true", b"false", b'[{"a":1}]', b' "a" ', b"[[]]", b"0"]


@pytest.mark.parametrize("raw", INVALID, ids=range(len(INVALID)))
def test_invalid_text_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_json(raw)

    assert refused.value.slug == "malformed-body"


@pytest.mark.parametrize("raw", NO_OBJECT)
def test_valid_text_that_is_no_object_is_not_acceptable(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_json(raw)


def test_there_are_as_many_kinds_as_the_suite_has() -> None:
    assert len(set(INVALID)) >= 188


NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda each: float(f"{each:.6g}"))
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.booleans())
def test_what_json_can_say_is_read_as_it_was_said(value: dict[str, Any], escaped: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=escaped).encode()) == value


def nested(levels: int, brackets: str) -> dict[str, Any]:
    """Lists and objects in each other, this deep; every text, names included, is full of brackets."""
    value: Any = [brackets]
    for level in range(2, levels):
        value = [[], value, brackets] if level % 2 else {brackets: value, "a": {}}
    return {"": value}


@pytest.mark.parametrize("brackets", ["[[[{{{", "]]]", '\\"[{', 'a"\\'])
def test_thirty_two_levels_are_read_and_not_one_more_whatever_stands_in_texts(brackets: str) -> None:
    deepest, deeper = nested(DEPTH_MAX, brackets), nested(DEPTH_MAX + 1, brackets)

    assert read_json(json.dumps(deepest).encode()) == deepest
    with pytest.raises(Refused):
        read_json(json.dumps(deeper).encode())


@given(st.binary(max_size=200) | st.text('{}[]":,\\u01e-tfn \n\x00', max_size=60).map(str.encode))
def test_nothing_whatever_makes_the_loader_stumble(raw: bytes) -> None:
    try:
        assert isinstance(read_json(raw), dict)
    except (Refused, InvalidInput):
        pass


OF_THEIR_OWN = ("POST links", "POST confirmation")
"""The first counts who asks; the second is for the links of employers."""


def test_every_route_that_reads_json_refuses_what_is_none(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    samples = itertools.cycle([each for each in INVALID if each.strip() and len(each) < JSON_BYTES_MAX])
    ids = {"case_id": applicant.case_id}
    read = 0

    for route in [each for each in FORMS if each not in OF_THEIR_OWN]:
        access, path = ACCESS[route], route.partition(" ")[2]
        address = f"{stack.api}/" + re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "x1"), path)
        bearer = {}
        if access.link is not None:
            bearer = applicant.bearer
        elif access.roles:
            bearer = {"Authorization": f"Bearer {stack.token(access.roles[0].value)}"}
        for raw in itertools.islice(samples, 4):
            headers = bearer | {"Content-Type": "application/json"}
            answer = stack.client.post(address, content=raw, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-body"), (route, raw)
            read += 1
        array = stack.client.post(address, content=b"[]", headers=bearer | {"Content-Type": "application/json"})
        assert (array.status_code, array.json()["errors"][0]["code"]) == (422, "not_an_object"), route
        text = stack.client.post(address, content=b"{}", headers=bearer | {"Content-Type": "text/plain"})
        assert text.status_code == 415, route

    assert read > 200

"""Every bad input of the tables, over HTTP: the answer, nothing kept, nothing echoed, and the next one is served."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.http import PROBLEMS, SAFE_HEADERS
from functions.timers import TIMERS
from local.clock import parse_instant
from local.testing import Stack
from tests.conftest import NOW
from tests.corpus.requests import HERE, Answer, Writer, send
from tests.people import calls_so_far, store_calls

TABLES = sorted(HERE.glob("[A-Z].json"))
CASES = [case for table in TABLES for case in json.loads(table.read_text("utf-8"))["cases"]]
CANARY = b"zq7canary"
READING = ("Read", "SqlQuery", "QueryPlan", "ReadFeed")
GOOD: dict[str, Any] = {"headers": {"Content-Type": "application/json"}, "body": [{"application": {}}]}


@pytest.fixture(scope="module")
def world() -> Iterator[Stack]:
    """A stack on which nothing happens but what the cases do."""
    with Stack(now=NOW, environment={"TIMERS_OFF": ",".join(timer.name for timer in TIMERS)}) as running:
        running.partner("scanner").post("behaviour", {"paused": True})  # What it finds it would tell in its own time.
        yield running


def rows(stack: Stack, container: str, query: str, partition: list[str] | None = None) -> list[dict[str, Any]]:
    """What lies in the store, or in one partition of it."""
    door = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/query"
    asked = {"container": container, "query": query, "partition_key": partition}
    answer = stack.client.post(door, json=asked)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def a_writer(stack: Stack) -> Writer:
    now = parse_instant(stack.now())
    secrets = {name: partner["secret"] for name, partner in stack.info["partners"].items()}
    return Writer(uuid.uuid4().hex[:12], int(now.timestamp()), now.astimezone(UTC).isoformat(), secrets)


def check_answer(answer: Answer, expect: dict[str, Any]) -> None:
    """The answer is one that was expected, and tells nothing of what came in."""
    wanted = expect["status"] if isinstance(expect["status"], list) else [expect["status"]]
    assert answer.status in wanted, answer.content[:500]
    assert CANARY not in answer.content
    for name, value in expect.get("header", {}).items():
        assert answer.headers[name] == value
    if "without_header" in expect:
        assert answer.headers[expect["without_header"]] is None
    if answer.headers["content-type"] in ("application/problem+json", "application/json") or answer.status == 303:
        assert {name: answer.headers[name] for name in SAFE_HEADERS} == SAFE_HEADERS
    if answer.headers["content-type"] == "application/problem+json":
        told = answer.json
        slug = told["type"].rpartition("/")[2]
        assert PROBLEMS[slug] == (answer.status, told["title"])
        assert told["status"] == answer.status
        assert told["instance"].startswith("/api/")
    if "problem" in expect:
        assert answer.json["type"].endswith(f"/{expect['problem']}")
        errors = answer.json.get("errors", [])
        if expect["problem"] in ("validation", "file-rejected"):
            assert errors
        assert set(expect.get("pointers", [])) <= {each["pointer"] for each in errors}
        assert set(expect.get("codes", [])) <= {each["code"] for each in errors}


def check_person(stack: Stack, expect: dict[str, Any], calls: list[dict[str, Any]], writer: Writer, email: str) -> None:
    """The person is kept as it should be, in the one case that was written to."""
    (partition,) = {call["partition_key"] for call in calls if call["container"] == "cases"}
    found = rows(stack, "cases", "SELECT * FROM c WHERE c.kind IN ('person', 'case')", json.loads(partition))
    person = next(each for each in found if each["kind"] == "person")
    case = next(each for each in found if each["kind"] == "case")
    for name, value in ({"email": email} | expect.get("stored", {})).items():
        assert person[name] == writer.filled(value)
    assert set(case["agenda"]["flags"]) - {"many_from_one_network"} == set(expect.get("flags", []))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_input_of_the_corpus(world: Stack, case: dict[str, Any]) -> None:
    writer, expect = a_writer(world), case["expect"]
    stores, inbox = expect.get("stores", False), []

    since = calls_so_far(world)
    for position, request in enumerate(case["requests"]):
        writer.input = position
        answer = send(world.api, request, writer)
        each = isinstance(expect["status"], list) and stores
        check_answer(answer, expect | {"status": expect["status"][position]} if each else expect)
        calls = store_calls(world, since)
        since = max([since, *(call["n"] for call in calls)])
        written = {call["container"] for call in calls if call["operation"] not in READING} - {"counters"}
        if not stores:
            assert written == set(), f"input {position}"
        elif "sign" in request:
            inbox.append(request)
        elif "cases_of" not in expect:
            check_person(world, expect, calls, writer, writer.filled(_email_of(request)))

    if "cases_of" in expect:
        check_cases(world, expect["cases_of"], writer)
    if inbox and "inbox" in expect:
        kept = rows(world, "inbox", f"SELECT * FROM c WHERE STARTSWITH(c.event_id, 'evt-{writer.case}')")
        wanted = expect["inbox"] if len(expect["inbox"]) > 1 else expect["inbox"] * len(inbox)
        assert sorted(each["status"] for each in kept) == sorted(wanted)
    assert send(world.api, GOOD, Writer("good", 0, "", {})).status == 202


def _email_of(request: dict[str, Any]) -> str:
    """The address that a request states, else the base's."""
    for part in request["body"]:
        for kind in ("application", "form", "fields"):
            if isinstance(part.get(kind), dict) and "email" in part[kind]:
                return str(part[kind]["email"])
    return "a${case}n${input}@people.example"


def check_cases(stack: Stack, wanted: dict[str, Any], writer: Writer) -> None:
    """So many cases belong to this address."""
    bearer = {"Authorization": f"Bearer {stack.token('admissions')}"}
    body = {"email": writer.filled(wanted["email"])}
    found = stack.client.post(f"{stack.api}/case-searches", json=body, headers=bearer).json()["cases"]
    assert len(found) == wanted["count"]


def test_no_log_tells_what_came_in(world: Stack) -> None:
    """Whatever has run before it, in any order."""
    logs = sorted(Path(world.data, "logs").glob("host*"))
    assert logs
    for log in logs:
        assert CANARY not in log.read_bytes()


def test_every_case_has_an_id_of_its_own_and_the_tables_hold_all_groups() -> None:
    ids = [case["id"] for case in CASES]

    assert len(ids) == len(set(ids))
    assert {each.stem for each in TABLES} >= set("HJEMNUSW")
    assert sum(len(case["requests"]) for case in CASES) > 500


def test_time_of_the_tables_is_the_tests_own() -> None:
    assert datetime.fromisoformat(NOW) == datetime(2027, 1, 11, 14, tzinfo=UTC)

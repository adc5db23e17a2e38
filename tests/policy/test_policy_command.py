"""The command: one answer a line, in order, and an honest exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.policy.facts import parse_facts
from shared.policy.refund import decide
from shared.policy.rehearsal import rehearse

from .builders import ROOT, TERMS, a_job, said


def ask(*arguments: str, lines: list[bytes]) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "shared.policy", *arguments]
    done = subprocess.run(command, input=b"".join(lines), capture_output=True, cwd=ROOT, check=False)
    assert done.stderr == b""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def as_line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def test_one_decision_a_line_in_order() -> None:
    facts = [said(), said(as_of="2020-07-15"), said(right_to_work="no", jobs=[])]

    status, answers = ask("decide", lines=[as_line(each) for each in facts])

    assert status == 0
    assert answers == [json.loads(json.dumps(decide(parse_facts(each, TERMS)).as_json())) for each in facts]


SYNTAX = [
    b"{\n",
    b"\n",
    b'{"as_of": "2020-08-03", }\n',
    b'{"as_of": "2020-08-03", "as_of": "2020-08-04"}\n',
    b'{"jobs": [{"id": "a", "id": "b"}], "as_of": "2020-08-03"}\n',
    b'{"as_of": "2020-08-03", "extension_months": NaN}\n',
    b'{"as_of": "2020-08-03", "extension_months": -Infinity}\n',
    b'{"as_of": "2020-08-03", "extension_months": ' + b"9" * 5000 + b"}\n",
    b'{"as_of": "\xff"}\n',
    b'\xef\xbb\xbf{"as_of": "2020-08-03"}\n',
    b"[" * 100_000 + b"\n",
    b'{"as_of": "2020-08-03"} {}\n',
]


def test_a_line_that_is_no_json_gets_its_error_and_the_next_its_answer() -> None:
    lines = [each for wrong in SYNTAX for each in (wrong, as_line(said()))]

    status, answers = ask("decide", lines=lines)

    assert status == 1
    assert [answer["error"]["code"] for answer in answers[::2]] == ["syntax"] * len(SYNTAX)
    assert {answer["error"]["pointer"] for answer in answers[::2]} == {""}
    assert {answer["decision"] for answer in answers[1::2]} == {"eligible"}


def test_a_line_that_is_no_facts_gets_pointer_code_and_sentence() -> None:
    status, answers = ask("decide", lines=[as_line(said(jobs=[a_job(hours="35")]))])

    assert status == 1
    assert answers == [
        {
            "error": {
                "pointer": "/jobs/0/hours",
                "code": "type",
                "message": "Hours a week are a number, or null where they are not known.",
            }
        }
    ]


def test_a_last_line_needs_no_line_feed_and_none_needs_to_come() -> None:
    assert ask("decide", lines=[]) == (0, [])
    assert ask("decide", lines=[as_line(said()).rstrip()])[0] == 0


def test_odd_texts_come_out_as_they_came_in() -> None:
    line = as_line(said(jobs=[a_job(id="\ud800é\u2028", hours=10)]))

    _, (answer,) = ask("decide", lines=[line])

    assert list(answer["jobs"]) == ["\ud800é\u2028"]


def test_answers_come_before_the_input_ends() -> None:
    command = [sys.executable, "-m", "shared.policy", "decide"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(as_line(said()))
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["decision"] == "eligible"
        running.stdin.close()


def test_a_reader_who_stops_ends_the_command_without_a_word() -> None:
    command = f"{sys.executable} -m shared.policy decide | head -n 1"
    lines = as_line(said()) * 2000

    done = subprocess.run(command, input=lines, capture_output=True, cwd=ROOT, check=False, shell=True)

    assert json.loads(done.stdout)["decision"] == "eligible"
    assert done.stderr == b""


def test_a_line_may_be_long_and_come_in_parts() -> None:
    holidays = ["2020-12-25"] * 20_000

    status, answers = ask("decide", lines=[as_line(said(holidays=holidays)), as_line(said())])

    assert status == 0
    assert [answer["decision"] for answer in answers] == ["eligible", "eligible"]


def test_amounts_are_answered_with_decimals_kept() -> None:
    ledger = [{"payer": "a", "currency": "EUR", "kind": "payment", "amount": "1000"}]
    lines = [
        b'{"ledger": ' + json.dumps(ledger).encode() + b', "percent": 33.3}\n',
        as_line({"ledger": ledger, "percnt": 1}),
    ]

    status, answers = ask("amounts", lines=lines)

    assert status == 1
    assert answers[0] == {"refund": {"EUR": {"a": "333.00"}}, "cancel": {}, "alarms": []}
    assert (answers[1]["error"]["pointer"], answers[1]["error"]["code"]) == ("/percnt", "unknown_key")


def test_outcomes_are_answered_a_roster_a_line() -> None:
    roster = {"enrolled": 2, "days": [90], "graduates": [{"id": "g", "on_time": True}]}

    status, answers = ask("outcomes", lines=[as_line(roster), as_line({})])

    assert status == 1
    assert answers[0]["snapshots"]["90"]["3A"] == 1
    assert answers[1]["error"]["code"] == "missing"


def test_a_rehearsal_names_who_would_change_and_the_clause() -> None:
    facts = [said(), said(right_to_work="no"), said(jobs=[a_job(hours=10)]), {"as_of": 1}]

    status, answers = ask("rehearse", "--terms", "published", lines=[as_line(each) for each in facts])

    assert status == 1
    assert answers[0] == {
        "line": 2,
        "before": "not_eligible",
        "after": "eligible",
        "parameters": ["right_to_work"],
        "clauses": ["7.3"],
    }
    assert (answers[1]["line"], answers[1]["after"], answers[1]["clauses"]) == (3, "undetermined", ["4"])
    assert (answers[2]["line"], answers[2]["error"]["code"]) == (4, "type")
    assert answers[3]["summary"] == {
        "terms": "published",
        "decided": 3,
        "changed": 2,
        "invalid": 1,
        "changes": {"eligible -> undetermined": 1, "not_eligible -> eligible": 1},
        "clauses": {"4": 1, "7.3": 1},
    }


def test_a_rehearsal_takes_terms_that_are_only_a_file(tmp_path: Path) -> None:
    text = (ROOT / "programmes" / "terms.toml").read_text(encoding="utf-8")
    new = tmp_path / "new.toml"
    new.write_text(text.replace("claim_days = 60", "claim_days = 10"), encoding="utf-8")

    status, answers = ask("rehearse", "--terms", str(new), lines=[as_line(said())])

    assert status == 0
    assert (answers[0]["after"], answers[0]["parameters"], answers[0]["clauses"]) == ("lapsed", ["claim_days"], ["8.1"])


def test_what_the_facts_override_stays_overridden_in_a_rehearsal() -> None:
    override = {"right_to_work": "checked"}
    facts = parse_facts(said(right_to_work="no", override=override), TERMS)

    assert rehearse(facts, TERMS["published"], override).after == "not_eligible"


def test_terms_that_are_nowhere_are_an_error_of_the_caller() -> None:
    command = [sys.executable, "-m", "shared.policy", "rehearse", "--terms", "nowhere"]

    done = subprocess.run(command, input=b"", capture_output=True, cwd=ROOT, check=False)

    assert done.returncode == 2
    assert b"can't be read" in done.stderr


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_handbook_is_printed(language: str) -> None:
    command = [sys.executable, "-m", "shared.policy", "handbook", "--language", language]

    page = subprocess.run(command, capture_output=True, cwd=ROOT, check=True).stdout.decode()

    assert page.startswith("# ")
    assert "**7.8**" in page


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (b'{"ledger": [], "percent": 1e99999999999999999999}\n', ("", "syntax")),
        (b'{"ledger": [], "percent": 1e-10000000}\n', ("/percent", "value")),
        (b'{"ledger": [], "percent": 1e-21}\n', ("/percent", "value")),
    ],
)
def test_number_beyond_all_measure_is_an_error_of_its_line_and_costs_no_time(
    line: bytes, where: tuple[str, str]
) -> None:
    status, answers = ask("amounts", lines=[line, as_line({"ledger": []})])

    assert status == 1
    assert (answers[0]["error"]["pointer"], answers[0]["error"]["code"]) == where
    assert answers[1] == {"refund": {}, "cancel": {}, "alarms": []}

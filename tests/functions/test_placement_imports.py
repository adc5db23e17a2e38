"""A partner's list: tried first, then row by row, each whole or not at all, resumable, safe in a spreadsheet."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local import config
from local.testing import Stack
from shared.domain.spreadsheet import as_csv, cell
from tests.people import Applicant
from tests.tampering import Vault

HEADER = ["case_id", "placement_id", "contract", "hours", "starts_on", "employer_name", "ended_on"]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def people(stack: Stack) -> list[Applicant]:
    """Two people whom a list may name."""
    return [Applicant(stack).applied() for _ in range(2)]


def row(person: Applicant, **other: str) -> list[str]:
    """One good row about somebody."""
    said = {
        "case_id": person.case_id, "placement_id": f"L-{next(_numbers)}", "contract": "permanent", "hours": "37",
        "starts_on": "2027-02-01", "employer_name": "Contoso", "ended_on": "",
    } | other  # fmt: skip
    return [said[name] for name in HEADER]


def as_file(*rows: list[str], header: list[str] = HEADER) -> bytes:
    return as_csv(header, rows)


def staff(stack: Stack, role: str = "careers") -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.token(role)}"}


def send(stack: Stack, content: bytes, dry_run: str = "no", role: str = "careers", **other: str) -> httpx.Response:
    data = {"partner": "contoso", "dry_run": dry_run} | other
    files = {"file": ("list.csv", content, "text/csv")}
    return stack.client.post(f"{stack.api}/placement-imports", data=data, files=files, headers=staff(stack, role))


def results(stack: Stack, import_id: str) -> list[dict[str, str]]:
    answer = stack.client.get(f"{stack.api}/placement-imports/{import_id}/result", headers=staff(stack))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def reports(person: Applicant) -> int:
    return len(person.record()["placements"])


def test_dry_run_says_what_would_become_of_each_row_and_writes_nothing(stack: Stack, people: list[Applicant]) -> None:
    before = [reports(person) for person in people]
    content = as_file(
        row(people[0]), row(people[1], contract="forever", hours="many"), row(people[1], case_id="a" * 26)
    )
    done = send(stack, content, dry_run="yes").json()

    assert done["status"] == "done"
    assert done["counts"] == {"refused": 2, "would_apply": 1}
    assert [(each["row"], each["result"], each["errors"]) for each in results(stack, done["import_id"])] == [
        ("2", "would_apply", ""),
        ("3", "refused", "contract:literal_error hours:int_type"),
        ("4", "refused", "row:notfound"),
    ]
    assert [reports(person) for person in people] == before


def test_good_rows_are_applied_and_bad_ones_leave_nothing(stack: Stack, people: list[Applicant]) -> None:
    before = [reports(person) for person in people]
    good = row(people[0])
    # A row whose report is fine and whose end is not is refused whole.
    content = as_file(good, row(people[1], ended_on="2027-06-01"), row(people[1], starts_on="tomorrow"))
    done = send(stack, content).json()

    assert done["counts"] == {"applied": 1, "refused": 2}
    assert [reports(person) for person in people] == [before[0] + 1, before[1]]


def test_row_of_a_job_that_ended_before_its_first_day_is_refused(stack: Stack, people: list[Applicant]) -> None:
    rows = [row(people[0], starts_on="2027-01-05", ended_on=day) for day in ("2027-01-04", "2027-01-05")]
    never_began = [*row(people[0], starts_on="2027-02-01", ended_on="2027-01-10"), "rescinded"]
    done = send(stack, as_file(*([*each, ""] for each in rows), never_began, header=[*HEADER, "end_reason"])).json()

    assert [each["errors"] for each in results(stack, done["import_id"])] == ["ended_on:before_start", "", ""]


def test_row_is_the_partners_own_report_however_it_is_told(stack: Stack, people: list[Applicant]) -> None:
    said = dict(zip(HEADER, row(people[0]), strict=True))
    content = as_file([said[name] for name in HEADER])
    first = send(stack, content).json()
    before = reports(people[0])
    event = {name: said[name] for name in HEADER if said[name]} | {"hours": 37}
    assert stack.partner("contoso").send("placement.reported", event)["status"] == 202
    again = send(stack, content).json()
    anew = send(stack, as_file([said[name] for name in HEADER], row(people[1]))).json()

    assert (first["counts"], again["counts"], again["import_id"]) == (
        {"applied": 1},
        {"applied": 1},
        first["import_id"],
    )
    assert anew["counts"] == {"applied": 1, "known": 1}
    assert reports(people[0]) == before


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one partner of this programme and one of another."""
    partners = {
        name: {"kind": "employer", "secrets": [f"whsec_{config.random_key()}"], "programmes": [programme]}
        for name, programme in (("contoso", "ai-diploma"), ("northwind", "another"))
    }
    folder = tmp_path_factory.mktemp("stack")
    settings = {"settings": {"PARTNERS": json.dumps(partners)}}
    (folder / "stack.json").write_text(json.dumps(config.new_stack() | settings), "utf-8")
    with Stack(now="2027-01-11T14:00:00Z", data=folder) as running:
        yield running


@pytest.mark.parametrize("dry_run", ["yes", "no"])
def test_partner_lists_nothing_about_cases_of_a_programme_that_it_is_not_bound_to(bound: Stack, dry_run: str) -> None:
    person = Applicant(bound).applied()
    sent = {
        partner: send(bound, as_file(row(person)), dry_run, partner=partner).json()
        for partner in ("contoso", "northwind")
    }

    assert list(sent["contoso"]["counts"]) == ["would_apply" if dry_run == "yes" else "applied"]
    assert sent["northwind"]["counts"] == {"refused": 1}
    assert [each["errors"] for each in results(bound, sent["northwind"]["import_id"])] == ["row:forbidden"]
    assert reports(person) == (0 if dry_run == "yes" else 1)


def test_row_told_twice_in_one_list_is_refused_the_second_time(stack: Stack, people: list[Applicant]) -> None:
    one = row(people[0])
    done = send(stack, as_file(one, one)).json()

    assert [each["errors"] for each in results(stack, done["import_id"])] == ["", "placement_id:repeated"]


def test_right_row_after_a_wrong_one_is_no_repetition_of_it(stack: Stack, people: list[Applicant]) -> None:
    right = row(people[0])
    wrong = ["forever" if name == "contract" else said for name, said in zip(HEADER, right, strict=True)]
    done = send(stack, as_file(wrong, right, right)).json()

    assert [each["errors"] for each in results(stack, done["import_id"])] == [
        "contract:literal_error",
        "",
        "placement_id:repeated",
    ]


@pytest.mark.parametrize("write", [2, 3, 4], ids=["before the import", "before the results", "before the count"])
def test_import_that_was_cut_short_goes_on_and_applies_no_row_twice(
    stack: Stack, people: list[Applicant], write: int
) -> None:
    """The list's own writes are: the page, the import, the page's results, the import's count."""
    rows = [row(people[number % 2]) for number in range(6)]
    before = sum(reports(person) for person in people)
    faults = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    fault = {"operation": "Batch", "container": "catalogue", "nth": write, "effect": {"kind": "status", "status": 400}}
    stack.client.put(faults, json={"rules": [fault]})
    cut = send(stack, as_file(*rows))
    stack.client.put(faults, json={"rules": []})
    done = send(stack, as_file(*rows)).json()
    more = stack.client.post(
        f"{stack.api}/placement-imports/{done['import_id']}/continuation", headers=staff(stack)
    ).json()

    assert cut.status_code == 503
    assert (done["status"], done["counts"]) == ("done", {"applied": 6})
    assert more == done
    assert sum(reports(person) for person in people) == before + 6


def test_timer_goes_on_with_what_no_request_finished(stack: Stack, people: list[Applicant]) -> None:
    faults = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    fault = {"operation": "Batch", "container": "catalogue", "nth": 3, "effect": {"kind": "status", "status": 400}}
    stack.client.put(faults, json={"rules": [fault]})
    content = as_file(row(people[0]))
    assert send(stack, content).status_code == 503
    stack.client.put(faults, json={"rules": []})
    import_id = hashlib.sha256(b"contoso|real|" + content).hexdigest()[:32]
    before = stack.client.get(f"{stack.api}/placement-imports/{import_id}", headers=staff(stack)).json()["status"]
    stack.run_timer("run_deliveries")
    after = stack.client.get(f"{stack.api}/placement-imports/{import_id}", headers=staff(stack)).json()["status"]

    assert (before, after) == ("running", "done")


def test_import_that_cannot_go_on_holds_up_no_other(stack: Stack, people: list[Applicant]) -> None:
    pages = {"status": "running", "partner": "contoso", "dry_run": False, "rows": 1, "pages": 1, "done": 0}
    odd = {"id": "0" * 32, "kind": "import", "counts": {}, "by": "t/careers", "own": [], "at": stack.now()} | pages
    catalogue = Vault(stack).container("catalogue")
    catalogue.create_item(odd)
    faults = f"{stack.info['cosmos']['endpoint'].rstrip('/')}/_local/faults"
    fault = {"operation": "Batch", "container": "catalogue", "nth": 3, "effect": {"kind": "status", "status": 400}}
    stack.client.put(faults, json={"rules": [fault]})
    content = as_file(row(people[0]))
    assert send(stack, content).status_code == 503
    stack.client.put(faults, json={"rules": []})
    import_id = hashlib.sha256(b"contoso|real|" + content).hexdigest()[:32]

    ran = stack.run_timer("run_deliveries")
    catalogue.delete_item(odd["id"], odd["id"])

    state = stack.client.get(f"{stack.api}/placement-imports/{import_id}", headers=staff(stack)).json()
    assert (ran, state["status"]) == (True, "done")


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b"", "/file/case_id"),
        (b"case_id,placement_id\r\n", "/file/contract"),
        (b"case_id,placement_id,contract,salary\r\na,b,c,d\r\n", "/file/header"),
        (b"case_id,placement_id,contract,contract\r\na,b,c,d\r\n", "/file/header"),
        (b"case_id,placement_id,contract\r\n", "/file"),
        (b"case_id,placement_id,contract\r\n\r\n\r\n", "/file"),
        (b'case_id,placement_id,contract\r\n"a,b,c\r\n', "/file"),
        (b"case_id,placement_id,contract\r\n\xff,b,c\r\n", "/file"),
    ],
)
def test_file_that_is_no_list_is_refused_whole(stack: Stack, content: bytes, pointer: str) -> None:
    refused = send(stack, content)

    assert refused.status_code == 422
    assert pointer in [each["pointer"] for each in refused.json()["errors"]]


RUN_BY_SPREADSHEETS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "|calc",
    "%x",
    "\t=1",
    "\r=1",
    "\n=1",
    "\x00=1",
    " =1",
    "\ufeff=1",
)


def test_list_that_comes_back_holds_what_a_partner_wrote_as_text(stack: Stack, people: list[Applicant]) -> None:
    ids = [f"{text}-{next(_numbers)}" for text in RUN_BY_SPREADSHEETS]
    told = io.StringIO(newline="")
    csv.writer(told).writerows([HEADER, *(row(people[0], placement_id=each) for each in ids)])

    done = send(stack, told.getvalue().encode()).json()

    found = results(stack, done["import_id"])
    assert [each["placement_id"] for each in found] == [f"'{each.strip()}" for each in ids]
    assert done["counts"] == {"applied": 10, "refused": 2}


def test_row_with_too_few_cells_is_an_error_of_that_row(stack: Stack, people: list[Applicant]) -> None:
    done = send(stack, as_file(row(people[0])[:3]), dry_run="yes").json()

    assert [each["errors"] for each in results(stack, done["import_id"])] == ["row:columns"]


def test_only_careers_import_and_only_for_partners_who_report_jobs(stack: Stack, people: list[Applicant]) -> None:
    content = as_file(row(people[0]))

    assert send(stack, content, role="finance").status_code == 403
    assert send(stack, content, partner="payments").status_code == 422
    assert send(stack, content, dry_run="perhaps").status_code == 422
    answer = stack.client.get(f"{stack.api}/placement-imports/{'0' * 32}", headers=staff(stack))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\tx",
        "\rx",
        "\nx",
        "\x00x",
        "|x",
        "%x",
        "＝x",
        "＋x",
        "－x",
        "＠x",
        " =x",
        "\ufeff=x",
        "\u200b-x",
    ],
)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "written"), [(-1, "-1"), (None, ""), ("a=b", "a=b"), ("", ""), (0, "0"), (True, "yes")]
)
def test_numbers_and_plain_text_stand_as_they_are(value: Any, written: str) -> None:
    assert cell(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('a "b", c\nd', '"a ""b"", c\nd"'),
        ("x" * 32_767, "x" * 32_767),
        ("x" * 32_768, "x" * 32_766 + "…"),
        ("=" + "x" * 40_000, "'=" + "x" * 32_764 + "…"),
    ],
)
def test_cell_is_quoted_and_no_longer_than_a_cell(value: str, written: str) -> None:
    assert as_csv(["a"], [[value]]).decode("utf-8-sig") == f"a\r\n{written}\r\n"


@pytest.mark.soak
def test_five_thousand_rows(stack: Stack, people: list[Applicant]) -> None:
    rows = [row(people[number % 2], case_id="a" * 26 if number % 50 else people[0].case_id) for number in range(5000)]
    done = send(stack, as_file(*rows)).json()
    while done["status"] != "done":
        done = stack.client.post(
            f"{stack.api}/placement-imports/{done['import_id']}/continuation", headers=staff(stack)
        ).json()

    assert done["counts"] == {"applied": 100, "refused": 4900}
    assert len(results(stack, done["import_id"])) == 5000

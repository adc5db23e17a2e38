"""From thirty cases in the store to figures that a stranger recomputes, and to what anybody may see of them."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import re
import statistics
import uuid
import zipfile
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.blobs import BLOCK_BYTES, Blobs
from shared.adapters.cosmos import Create
from shared.domain.case import LIFE_CYCLES
from shared.domain.errors import InvalidInput, NotFound
from shared.domain.events import Actor
from shared.domain.life_cycle import NONE, Role
from shared.policy.outcomes import Roster
from shared.policy.yardsticks import YARDSTICKS
from shared.policy.yardsticks import figures as figures_of
from shared.presentation import exports, frame, pages
from shared.reports import packs, reading
from shared.reports.packs import pseudonym
from shared.reports.refresh import REPORTS, run_reports
from shared.reports.sums import total
from tests.builders import at
from tests.reports.conftest import Desk
from tests.reports.example import MEASURED, everybody
from tests.reports.people import contribution
from tests.reports.test_packs import by_recipe, rows

NOW = at(MEASURED)
NOBODY = Roster(0, (180,), ())


@pytest.fixture
async def measured(desk: Desk) -> Desk:
    """The thirty, stored and counted."""
    for person in everybody():
        await desk.put(person, "e" + uuid.uuid4().hex[:25])
    await run_reports(desk.services, NOW)
    return desk


async def figures(desk: Desk, yardstick: str, on: date | None = None) -> dict[str, Any]:
    report, _ = await reading.outcomes_of(desk.services, desk.intake, yardstick, on, NOW)
    return report


async def test_the_example_comes_out_of_thirty_cases_by_every_yardstick(measured: Desk) -> None:
    report = await figures(measured, "cirr")

    shares = {
        (name, figure): (found["count"], found["of"], found["percent"])
        for name in ("cirr", "california", "france", "naive")
        for figure, found in (await figures(measured, name))["figures"].items()
    }
    assert report["days"]["90"]["snapshot"] == {
        "1A": 6, "1B": 1, "1C": 1, "1D": 0, "1E": 2, "2A": 0, "2B": 1, "3A": 8, "3B": 1, "4": 1, "excluded": 3,
    }  # fmt: skip
    assert report["days"]["180"]["median_base"]["USD"]["1A-1E"] == {"median": "86500.00", "n": 10}
    assert (report["enrolled"], report["graduates"], report["not_yet"]) == (30, 24, 0)
    assert shares["cirr", "in_field"] == (15, 21, "71.4")
    assert shares["cirr", "graduated_late"] == (4, 30, "13.3")
    assert shares["california", "in_field"] == (13, 18, "72.2")
    assert shares["france", "target_job"] == (15, 20, "75.0")
    assert shares["france", "any_job"] == (18, 20, "90.0")
    assert shares["naive", "any_job"] == (19, 23, "82.6")


async def test_a_report_is_one_read(measured: Desk) -> None:
    reads = []
    read = measured.store.read

    class Counted(type(measured.store)):  # type: ignore[misc]
        async def read(self, container: str, item_id: str, partition_key: str) -> Any:
            reads.append((container, item_id))
            return await read(container, item_id, partition_key)

        async def query(self, *asked: Any) -> Any:
            raise AssertionError("a report scans nothing")

    measured.services.store = Counted(measured.store._client, "pledge")
    await figures(measured, "cirr")
    await reading.publication_of(measured.services, measured.intake, NOW)
    await reading.liability_of(measured.services, NOW)
    await reading.funnel_of(measured.services, None, NOW)
    await reading.funnel_of(measured.services, measured.intake, NOW)

    assert [item for _, item in reads] == ["summary", "summary", "liability", "funnel", "summary"]


async def test_graduates_whose_day_has_not_come_are_in_no_figure_of_that_day(measured: Desk) -> None:
    report = await figures(measured, "cirr", date(2028, 8, 28))  # the 180th day of those who were on time

    assert (report["graduates"], report["measured"], report["not_yet"]) == (24, 20, 4)
    assert report["days"]["180"]["graduates"] == 20
    assert sum(report["days"]["180"]["snapshot"].values()) == 20
    assert (await figures(measured, "cirr", date(2028, 8, 27)))["measured"] == 0


@pytest.mark.parametrize(("yardstick", "on"), [("ours", None), ("cirr", date(2029, 1, 16))])
async def test_unknown_yardsticks_and_days_to_come_are_refused(desk: Desk, yardstick: str, on: date | None) -> None:
    with pytest.raises(InvalidInput):
        await figures(desk, yardstick, on)


async def pack(desk: Desk, yardstick: str = "cirr") -> tuple[bytes, dict[str, bytes]]:
    report, parts = await reading.pack_of(desk.services, desk.intake, yardstick, None, NOW)
    packed = b"".join(exports.pack(report, **parts))
    opened = zipfile.ZipFile(io.BytesIO(packed))
    return packed, {name: opened.read(name) for name in opened.namelist()}


async def test_a_stranger_recomputes_the_figures_from_the_pack_alone(measured: Desk) -> None:
    _, files = await pack(measured)
    people = rows(files, "people.csv")

    usd = [
        Decimal(row["base_180"]) for row in people
        if row["currency_180"] == "USD" and row["status_180"] in ("1A", "1B", "1C")
    ]  # fmt: skip

    for definition, shares in by_recipe(files).items():
        for figure, told in (await figures(measured, definition))["figures"].items():
            assert (told["count"], told["of"]) == shares[figure], (definition, figure)
    assert (statistics.median(usd), len(usd)) == (88000, 9)
    for name, digest in json.loads(files["manifest.json"]).items():
        assert hashlib.sha256(files[name]).hexdigest() == digest


async def test_a_pack_names_nobody_is_the_same_each_time_and_leads_an_auditor_to_each_record(measured: Desk) -> None:
    packed, files = await pack(measured)
    again, _ = await pack(measured)
    people = rows(files, "people.csv")
    text = b"".join(files.values()).decode("utf-8")

    traced = [await reading.case_behind(measured.services, measured.intake, row["person"]) for row in people]

    assert again == packed
    assert len(set(traced)) == 30
    assert not any(case_id in text for case_id in traced)
    for row, case_id in zip(people, traced, strict=True):
        case = await measured.store.read("cases", "case", case_id)
        assert case is not None
        assert row["chain"] == case["head"]
        assert row["person"] == pseudonym(measured.services.settings.address_key, case_id)
        assert await reading.case_behind(measured.services, measured.intake, row["person"][1:]) == case_id
    with pytest.raises(NotFound):
        await reading.case_behind(measured.services, measured.intake, "0" * 16)


async def test_the_public_sees_no_figure_of_fewer_than_five(measured: Desk) -> None:
    told = await reading.publication_of(measured.services, measured.intake, at("2029-02-01"))
    before = await reading.publication_of(measured.services, measured.intake, at("2029-01-31"))

    (cohort,) = told["cohorts"]
    counts = [count for count in cohort["cells"].values() if count is not None]
    assert before["cohorts"] == []
    assert cohort["graduated"] == "2028-H1"
    assert (cohort["cells"]["counted"], cohort["cells"]["in_field"]) == (21, 15)
    assert cohort["rates"]["in_field"] == {"count": 15, "of": 21, "percent": "71.4"}
    assert (told["enrolled"], told["rates"]["in_field_of_enrolled"]["percent"]) == (30, "50.0")
    assert min(counts) >= 5
    assert cohort["cells"]["late"] is cohort["cells"]["graduates"] is cohort["cells"]["excluded"] is None
    assert set(cohort["median_base"]) <= {"USD"}
    assert "curve" not in json.dumps(told)


def _of_their_own(number: int, proof: dict[str, Any]) -> dict[str, Any]:
    """A proof whose hashes are nobody else's, as those of real people are."""
    hashes = (hashlib.sha256(f"{number} {each}".encode()).hexdigest() for each in itertools.count())
    told = [{**job, "events": [next(hashes) for _ in job["events"]]} for job in proof["jobs"]]
    return {**proof, "chain": next(hashes), "jobs": told}


@pytest.mark.soak
async def test_pack_of_five_thousand_people_is_written_in_blocks_and_recomputed(desk: Desk, blobs: Blobs) -> None:
    people = [contribution(person, MEASURED.isoformat()) for person in everybody()]
    for start in range(0, 5000, 80):
        some = [(n, *people[n % 30]) for n in range(start, min(start + 80, 5000))]
        items = [
            {"id": f"{n:026d}", "case_id": f"{n:026d}", "intake": desk.partition, "kind": "contribution",
             "sequence": 1, "sums": sums, "proof": None if proof is None else _of_their_own(n, proof)}
            for n, sums, proof in some
        ]  # fmt: skip
        await desk.store.commit(REPORTS, desk.partition, [Create(item) for item in items])
    whole = total(people[n % 30][0] for n in range(5000))
    summary = {"id": "summary", "intake": desk.partition, "kind": "summary", "sums": whole, "as_of": NOW.isoformat()}
    await desk.store.commit(REPORTS, desk.partition, [Create(summary)])
    desk.services.blobs = blobs
    report, parts = await reading.pack_of(desk.services, desk.intake, "cirr", None, NOW)
    by = Actor(role=Role.AUDITOR, id="somebody")

    kept = await packs.keep(desk.services, exports.pack(report, **parts), desk.intake, by)
    packed = await packs.fetch(desk.services, kept["export_id"])

    committed, _ = await blobs._blob(blobs.evidence, f"exports/{kept['export_id']}").get_block_list("committed")
    opened = zipfile.ZipFile(io.BytesIO(packed))
    files = {name: opened.read(name) for name in opened.namelist()}
    share = report["figures"]["in_field"]
    assert len(committed) == -(-len(packed) // BLOCK_BYTES) > 1
    assert len(rows(files, "people.csv")) == 5000
    assert by_recipe(files)["cirr@2020"]["in_field"] == (share["count"], share["of"])


class Tags(HTMLParser):
    """The tags of a page, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "line", "circle", "polygon", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_pages_have_pictures_with_names_tables_and_no_script(measured: Desk, language: str) -> None:
    report = await figures(measured, "cirr")
    told = await reading.publication_of(measured.services, measured.intake, at("2029-02-01"))
    made = {
        "outcomes": pages.outcomes_page(report, language),
        "published": pages.published_page(told, language),
        "liability": pages.liability_page(await reading.liability_of(measured.services, at("2028-06-01")), language),
        "funnel": pages.funnel_page(await reading.funnel_of(measured.services, measured.intake, NOW), language),
    }

    for name, text in made.items():
        page = Tags(text)
        tags = [tag for tag, _ in page.seen]
        assert page.open == [], name
        assert ("html", {"lang": language}) in page.seen
        assert "script" not in tags
        assert not any(key.startswith("on") or key in ("src", "href", "style") for _, each in page.seen for key in each)
        assert all(each.get("aria-label") for tag, each in page.seen if tag == "svg")
        assert tags.count("h1") == 1
        assert report["definition"]["version"] in made["outcomes"]
    assert [tag for tag, _ in Tags(made["outcomes"]).seen].count("svg") == 4  # bars, curve, salaries in two currencies
    assert report["data_hash"] in made["outcomes"]


def test_whoever_is_waited_for_every_task_and_every_stage_has_a_name_in_both_languages() -> None:
    agenda = (Path(__file__).parents[2] / "shared" / "use_cases" / "turns.py").read_text("utf-8")
    words = r'"(?:applicant|specialist|admissions|careers|finance|partner|nobody)", "(\w+)"'
    tasks = {*re.findall(words, agenda)}
    stages = {state for cycle in LIFE_CYCLES[:2] for state in cycle.states} - {NONE}
    who = {*re.findall(r'Turn\("(\w+)"', agenda)}

    assert [cycle.name for cycle in LIFE_CYCLES[:2]] == ["application", "enrolment"]
    assert {"assign", "verify_placement"} <= tasks
    for said in frame._words().values():
        for kind, codes in (("what", tasks), ("stage", stages), ("who", who - {"nobody"})):
            assert {f"{kind}.{code}" for code in codes} <= set(said)


def test_every_figure_of_every_yardstick_has_a_name_in_both_languages() -> None:
    for definition in YARDSTICKS:
        for figure in figures_of(definition, NOBODY, NOBODY):
            for said in frame._words().values():
                assert f"figure.{figure}" in said


def test_both_languages_say_the_same_things() -> None:
    said = frame._words()

    assert set(said["en"]) <= set(said["fr"])
    assert all(key.split(".")[0].partition("@")[1] for key in set(said["fr"]) - set(said["en"]))

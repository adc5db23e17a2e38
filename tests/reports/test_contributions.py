"""What a case adds to the reports: nothing of what was undone, nothing twice, nothing that names anybody."""

from __future__ import annotations

import json
import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.life_cycle import Role
from shared.reports import packs
from shared.reports.contributions import searched
from shared.reports.sums import Sum, add, total
from shared.use_cases import documents, enrolments, placements
from tests.reports.people import JOB, Remembered, contribution

paths = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(1, 5)), max_size=6)


@given(paths, st.randoms(use_true_random=False))
def test_whatever_is_taken_out_again_leaves_no_trace(drawn: list[tuple[str, str, int]], rng: random.Random) -> None:
    parts = [{"cases": 1, outer: {inner: count}} for outer, inner, count in drawn]
    before = total(parts)

    after: Sum = json.loads(json.dumps(before))
    for part in parts:
        add(after, part)
    for part in rng.sample(parts, len(parts)):
        add(after, part, -1)

    assert after == before
    for part in rng.sample(parts, len(parts)):
        add(after, part, -1)
    assert after == {}


def test_a_graduate_who_found_work_adds_a_row_that_names_nobody() -> None:
    person = Remembered().qualified()
    person.finds("2027-11-02")

    sums, proof = contribution(person)

    (row,) = [json.loads(each) for each in sums["roster"]]
    assert row == {
        "qualified_on": "2027-10-04", "on_time": True, "intent": "job", "authorised": True, "student": False,
        "final": "3A", "country": "FR",
        "jobs": [{"day": 28, "status": "1A", "contract": "permanent", "full_time": True, "starts": 42, "ended": None,
                  "base": "42000.00", "currency": "EUR"}],
    }  # fmt: skip
    assert sums["search"] == {"FR": {"placed": {"28": 1}}}
    assert sums["funnel"]["FR|not_said"]["now"] == {"placed": 1}
    assert person.case.case_id not in json.dumps(sums)
    assert proof is not None
    assert proof["chain"] == person.case.head


def undone(person: Remembered, how: str) -> None:
    """A namesake's report, and how it goes away again."""
    if how == "retracted by the partner":
        person.finds("2027-11-20", Role.PARTNER, placement_id="J1")
        person.do("2027-11-21", Role.PARTNER, lambda c: placements.retract_placement(c, placement="J1"))
    else:
        report = person.finds("2027-11-20", Role.PARTNER, placement_id="J1")
        person.rules("2027-11-22", report, "verified")
        person.rules("2027-12-22", report, "retracted")


@pytest.mark.parametrize("how", ["retracted by the partner", "verified first, retracted by careers"])
def test_a_namesakes_report_that_was_undone_leaves_no_trace_in_any_figure(how: str) -> None:
    person, same = Remembered().qualified(), Remembered().qualified()
    undone(person, how)

    assert contribution(person)[0] == contribution(same)[0]


def test_a_report_that_nobody_vouches_for_adds_no_job() -> None:
    person = Remembered().qualified()
    person.finds("2027-11-02", Role.PARTNER, placement_id="J1")

    (row,) = [json.loads(each) for each in contribution(person)[0]["roster"]]

    assert row["jobs"] == []


reports = st.lists(st.sampled_from(["p", "q", "r"]), min_size=1, max_size=6)


@given(reports, st.randoms(use_true_random=False))
def test_order_and_repetition_of_reports_change_no_figure(told: list[str], rng: random.Random) -> None:
    facts: dict[str, dict[str, Any]] = {
        "p": {"contract_signed_on": date(2027, 11, 1)},
        "q": {"contract_signed_on": date(2027, 10, 20), "hours": 12, "base_pay": None},
        "r": {"field": "out", "contract_signed_on": None},
    }

    def person(order: list[str]) -> Sum:
        found = Remembered().qualified()
        for name in order:
            placement = found.finds("2027-11-20", Role.PARTNER, placement_id=name, **facts[name])
            if found.case.placements[placement].status == "reported":
                found.rules("2027-11-21", placement, "verified")
        return contribution(found)[0]

    assert person(rng.sample(told * 2, len(told) * 2)) == person(sorted(set(told)))


@pytest.mark.parametrize(
    ("said", "counted"),
    [({"source": "open-day"}, "open-day"), ({"source": "utm-00001"}, "other"), ({"source": "other"}, "other"),
     ({}, "not_said")],
)  # fmt: skip
def test_a_source_is_counted_by_its_name_only_where_the_programmes_file_lists_it(
    said: dict[str, str], counted: str
) -> None:
    person = Remembered()
    first = person.events[0]
    person.events = [first.model_copy(update={"data": first.data | said})]

    assert list(contribution(person)[0]["funnel"]) == [f"FR|{counted}"]


def test_the_same_job_told_by_two_sources_is_one_job() -> None:
    person = Remembered().qualified()
    person.finds("2027-11-02")
    twice = person.finds("2027-11-05", Role.PARTNER, placement_id="J1")
    person.rules("2027-11-06", twice, "verified")

    (row,) = [json.loads(each) for each in contribution(person)[0]["roster"]]

    assert len(row["jobs"]) == 1


def test_somebody_who_cancelled_was_never_enrolled_and_somebody_who_left_was() -> None:
    left = Remembered().studying()
    left.do("2027-09-01", Role.APPLICANT, lambda c: c.record("enrolment_withdrawn"))
    never = Remembered().signed("2027-02-22")

    assert contribution(left)[0]["enrolled"] == 1
    assert "enrolled" not in contribution(never)[0]


def test_who_may_still_graduate_is_counted_as_on_the_course_and_nobody_else() -> None:
    studying, left = Remembered().studying(), Remembered().studying()
    left.do("2027-09-01", Role.APPLICANT, lambda c: c.record("enrolment_withdrawn"))

    found = [contribution(each)[0].get("on_course") for each in (studying, left, exempted(), Remembered().qualified())]

    assert found == [1, None, None, None]


def test_an_open_guarantee_is_counted_with_what_it_would_cost_until_work_is_found() -> None:
    person = Remembered().qualified()

    searching = contribution(person, "2027-12-01")[0]
    person.finds("2027-12-02", contract_signed_on=date(2027, 12, 1), starts_on=date(2027, 12, 13))
    found = contribution(person, "2028-03-01")[0]

    (row,) = [json.loads(each) for each in searching["open"]]
    assert (row["amount_minor"], row["currency"], row["window_end"]) == (720_000, "EUR", "2028-04-04")
    assert searching["search"] == {"FR": {"searching": {'["2027-10-04",[]]': 1}}}
    assert "open" not in found


def test_time_in_each_stage_and_who_is_waited_for_come_from_the_events() -> None:
    person = Remembered().qualified()

    found = contribution(person, "2027-12-01")[0]["funnel"]["FR|not_said"]

    assert found["days"]["studying"] == {"182": 1}
    assert found["days"]["screening"] == {"2": 1} or found["days"]["screening"] == {"1": 1}
    assert set(found["reached"]) >= {"submitted", "offered", "accepted", "contracted", "studying", "qualified"}
    assert found["waiting"] == {"applicant|search": {"2027-10-04": 1}}


def test_staff_are_waited_for_since_they_heard_and_not_since_the_stage_began() -> None:
    person = Remembered().qualified()
    told = {"placement_id": "J1", "contract": "permanent", "contract_signed_on": date(2028, 2, 1)}
    person.do("2028-02-03", Role.PARTNER, lambda change: placements.report_placement(change, **told))

    found = contribution(person, "2028-02-04")[0]["funnel"]["FR|not_said"]

    assert found["waiting"] == {"careers|verify_placement": {"2028-02-03": 1}}


@pytest.mark.parametrize(
    ("paused", "days"),
    [
        ([], 31),
        ([["2027-10-11", "2027-10-20"]], 21),
        ([["2027-10-11", "2027-10-20"], ["2027-10-15", "2027-10-25"]], 16),
        ([["2027-10-01", "2027-10-06"]], 29),
        ([["2027-10-30", None]], 25),
        ([["2028-01-01", None]], 31),
    ],
)
def test_days_on_which_the_window_stood_still_are_no_days_of_search(paused: list[list[str | None]], days: int) -> None:
    assert searched(date(2027, 10, 4), date(2027, 11, 4), paused) == days


def test_job_has_all_that_a_statistic_asks_for() -> None:
    assert {"contract", "field", "hours", "base_pay"} <= set(JOB)


def exempted() -> Remembered:
    """Somebody on the course of whom a document shows that they were called up."""
    person = Remembered().studying()
    paper = {"blob": f"c/{'f' * 64}", "content_type": "application/pdf", "size": 1, "etags": {}}
    person.do("2027-06-01", Role.ADMISSIONS, lambda c: documents.note(c, "d1", "other", paper, ""))
    person.do("2027-06-01", Role.PARTNER, lambda c: documents.scanned(c, str(paper["blob"]), "", "clean"))
    person.do("2027-06-01", Role.ADMISSIONS, lambda c: enrolments.exempt(c, outcome="exempt", document="d1"))
    return person


def test_who_is_exempt_is_no_one_enrolled_and_stands_in_the_pack_with_the_documents_hash() -> None:
    sums, proof = contribution(exempted())

    assert (sums.get("enrolled"), sums["exempt"]) == (None, 1)
    assert proof is not None
    assert proof["exempt"] == "f" * 64
    people, _, _ = packs.tables([proof | {"person": "p"}], date(2028, 9, 1))
    assert people[0]["exempt"] == "f" * 64
    assert [each["enrolled"] for each in packs.rosters([proof | {"person": "p"}], date(2028, 9, 1))] == [0, 0, 0]


def test_exemption_that_was_a_mistake_leaves_no_trace_in_any_figure() -> None:
    person = exempted()
    person.do("2027-06-02", Role.ADMISSIONS, lambda c: enrolments.exempt(c, outcome="counted"))

    assert contribution(person)[0] == contribution(Remembered().studying())[0]


def test_who_was_exempt_and_graduates_after_all_is_counted() -> None:
    person = exempted()
    person.do("2027-10-04", Role.ADMISSIONS, lambda c: enrolments.award_diploma(c, diploma_id="D", awarded_on=c.today))

    sums, proof = contribution(person)

    assert sums["enrolled"] == 1
    assert proof is not None
    assert proof["exempt"] is None

"""What is refused: the pointer and the code of each fault; and nothing but a fault comes out of anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy.facts import Facts, InvalidFacts, parse_facts
from shared.policy.refund import decide, revisit_on, standing
from shared.policy.terms import PARAMETERS

from .builders import A_JOB, TERMS, a_job, facts, said
from .strategies import facts_as_json

MIDNIGHT = "2020-01-15T00:00:00Z"
AN_OFFER = {"offered_on": "2020-04-10", "qualifying": True, "outcome": "declined"}

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    # keys
    ({"colour": "blue"}, "/colour", "unknown_key"),
    ({"a/b~c": 1}, "/a~1b~0c", "unknown_key"),
    ({"jobs": [a_job(salary=1)]}, "/jobs/0/salary", "unknown_key"),
    ({"jobs": [a_job(), a_job(id="j2", fixed_end_on="2020-01-01")]}, "/jobs/1/fixed_end_on", "unknown_key"),
    ({"pauses": [{"from": "2020-03-01", "reason": "x"}]}, "/pauses/0/reason", "unknown_key"),
    ({"offers": [{**AN_OFFER, "id": "o1"}]}, "/offers/0/id", "unknown_key"),
    ({"offers": [{**AN_OFFER, "offered_at": MIDNIGHT}]}, "/offers/0/offered_at", "unknown_key"),
    ({"claims": [{"filed_on": "2020-08-01", "by": "x"}]}, "/claims/0/by", "unknown_key"),
    ({"search": {"week": {}}}, "/search/week", "unknown_key"),
    ({"override": {"colour": 1}}, "/override/colour", "unknown_key"),
    ({"override": {"version": "x"}}, "/override/version", "unknown_key"),
    ({"started_at": MIDNIGHT}, "/started_at", "unknown_key"),
    ({"jobs": [a_job(starts_at=MIDNIGHT)]}, "/jobs/0/starts_at", "unknown_key"),
    # what has to be said
    ({"as_of": None}, "/as_of", "missing"),
    ({"jobs": [{}]}, "/jobs/0/id", "missing"),
    ({"jobs": [a_job(id=None)]}, "/jobs/0/id", "missing"),
    ({"pauses": [{"to": "2020-03-01"}]}, "/pauses/0/from", "missing"),
    ({"claims": [{}]}, "/claims/0/filed_on", "missing"),
    ({"claims": [{"filed_on": None, "filed_at": None}]}, "/claims/0/filed_on", "missing"),
    ({"offers": [{"qualifying": True, "outcome": "lapsed"}]}, "/offers/0/offered_on", "missing"),
    ({"offers": [{**AN_OFFER, "qualifying": None}]}, "/offers/0/qualifying", "missing"),
    ({"offers": [{"offered_on": "2020-04-10", "qualifying": True}]}, "/offers/0/outcome", "missing"),
    # what contradicts itself
    ({"qualified_on": "2020-01-15", "qualified_at": MIDNIGHT}, "/qualified_at", "conflict"),
    ({"jobs": [a_job(contract_signed_at=MIDNIGHT)]}, "/jobs/0/contract_signed_at", "conflict"),
    ({"jobs": [a_job(offered_on="2020-05-04", offered_at=MIDNIGHT)]}, "/jobs/0/offered_at", "conflict"),
    ({"claims": [{"filed_on": "2020-08-01", "filed_at": MIDNIGHT}]}, "/claims/0/filed_at", "conflict"),
    ({"jobs": [a_job(), a_job(hours=10)]}, "/jobs/1/id", "conflict"),
    ({"pauses": [{"from": "2020-03-02", "to": "2020-03-01"}]}, "/pauses/0/to", "conflict"),
    ({"search": {"exempt": [["2020-03-02", "2020-03-01"]]}}, "/search/exempt/0/1", "conflict"),
    # values
    ({"terms": "modern"}, "/terms", "value"),
    ({"time_zone": "Europe/Atlantis"}, "/time_zone", "value"),
    ({"time_zone": "../../etc/passwd"}, "/time_zone", "value"),
    ({"time_zone": ""}, "/time_zone", "value"),
    ({"time_zone": "Europe"}, "/time_zone", "value"),
    ({"time_zone": "\x00"}, "/time_zone", "value"),
    ({"time_zone": "\ud800"}, "/time_zone", "value"),
    ({"time_zone": "a" * 5000}, "/time_zone", "value"),
    ({"as_of": "2020-02-30"}, "/as_of", "value"),
    ({"as_of": "2020-08-03T10:00:00"}, "/as_of", "value"),
    ({"as_of": "2020-08-03 10:00:00Z"}, "/as_of", "value"),
    ({"as_of": "20200803"}, "/as_of", "value"),
    ({"as_of": "2020-W03-3"}, "/as_of", "value"),
    ({"as_of": "２０２０-01-01"}, "/as_of", "value"),
    ({"as_of": "2020-08-03T24:00:00Z"}, "/as_of", "value"),
    ({"as_of": "2020-08-03T23:59:60Z"}, "/as_of", "value"),
    ({"as_of": "2020-08-03T10:00:00+24:00"}, "/as_of", "value"),
    ({"as_of": "0001-01-01T00:00:00+12:00"}, "/as_of", "value"),
    ({"as_of": "9999-12-31T23:59:59-12:00"}, "/as_of", "value"),
    ({"as_of": "2020-08-03\n"}, "/as_of", "value"),
    ({"known_at": "soon"}, "/known_at", "value"),
    ({"contract": "in_force"}, "/contract", "value"),
    ({"qualified_on": "2020-01-15T00:00:00Z"}, "/qualified_on", "value"),
    ({"qualified_on": None, "qualified_at": "2020-01-15"}, "/qualified_at", "value"),
    ({"extension_months": -1}, "/extension_months", "value"),
    ({"right_to_work": "maybe"}, "/right_to_work", "value"),
    ({"pauses": [{"from": "2020-03-01", "status": "granted"}]}, "/pauses/0/status", "value"),
    ({"jobs": [a_job(hours=-1)]}, "/jobs/0/hours", "value"),
    ({"jobs": [a_job(hours=float("nan"))]}, "/jobs/0/hours", "value"),
    ({"jobs": [a_job(hours=float("inf"))]}, "/jobs/0/hours", "value"),
    ({"jobs": [a_job(contract="CDI")]}, "/jobs/0/contract", "value"),
    ({"jobs": [a_job(field="near")]}, "/jobs/0/field", "value"),
    ({"jobs": [a_job(employer="school")]}, "/jobs/0/employer", "value"),
    ({"jobs": [a_job(end_reason="bored")]}, "/jobs/0/end_reason", "value"),
    ({"jobs": [a_job(verified=False)]}, "/jobs/0/verified", "value"),
    ({"jobs": [a_job(verified="yes")]}, "/jobs/0/verified", "value"),
    ({"offers": [{**AN_OFFER, "qualifying": "maybe"}]}, "/offers/0/qualifying", "value"),
    ({"offers": [{**AN_OFFER, "outcome": "ignored"}]}, "/offers/0/outcome", "value"),
    ({"search": {"weeks": {"2020-02-04": 5}}}, "/search/weeks/2020-02-04", "value"),
    ({"search": {"weeks": {"6/2020": 5}}}, "/search/weeks/6~12020", "value"),
    ({"search": {"weeks": {"2020-02-03": -1}}}, "/search/weeks/2020-02-03", "value"),
    ({"search": {"default": -1}}, "/search/default", "value"),
    ({"search": {"exempt": [["2020-03-02"]]}}, "/search/exempt/0", "value"),
    ({"waived": ["right_to_work", "kindness"]}, "/waived/1", "value"),
    ({"holidays": ["2020-13-01"]}, "/holidays/0", "value"),
    ({"override": {"window_months": -6}}, "/override/window_months", "value"),
    ({"override": {"self_employed": "sometimes"}}, "/override/self_employed", "value"),
    ({"override": {"self_employed": None}}, "/override/self_employed", "value"),
    ({"override": {"placement_event": "started"}}, "/override/placement_event", "value"),
    ({"override": {"right_to_work": "yes"}}, "/override/right_to_work", "value"),
    ({"override": {"refund_percent": 101}}, "/override/refund_percent", "value"),
    # types
    ({"as_of": 20200803}, "/as_of", "type"),
    ({"qualified_on": 1}, "/qualified_on", "type"),
    ({"time_zone": 1}, "/time_zone", "type"),
    ({"terms": 1}, "/terms", "type"),
    ({"override": []}, "/override", "type"),
    ({"override": {"window_months": "6"}}, "/override/window_months", "type"),
    ({"override": {"window_months": True}}, "/override/window_months", "type"),
    ({"override": {"window_months": 6.0}}, "/override/window_months", "type"),
    ({"override": {"min_hours": "25"}}, "/override/min_hours", "type"),
    ({"override": {"internship_counts": "yes"}}, "/override/internship_counts", "type"),
    ({"override": {"exclusions": "full_time_study"}}, "/override/exclusions", "type"),
    ({"override": {"exclusions": [1]}}, "/override/exclusions", "type"),
    ({"override": {"placement_event": 1}}, "/override/placement_event", "type"),
    ({"contract": True}, "/contract", "type"),
    ({"extension_months": 1.5}, "/extension_months", "type"),
    ({"extension_months": True}, "/extension_months", "type"),
    ({"pauses": {}}, "/pauses", "type"),
    ({"pauses": [None]}, "/pauses/0", "type"),
    ({"pauses": [{"from": "2020-03-01", "kind": 1}]}, "/pauses/0/kind", "type"),
    ({"jobs": [[]]}, "/jobs/0", "type"),
    ({"jobs": [a_job(id=7)]}, "/jobs/0/id", "type"),
    ({"jobs": [a_job(hours="35")]}, "/jobs/0/hours", "type"),
    ({"jobs": [a_job(hours=True)]}, "/jobs/0/hours", "type"),
    ({"jobs": [a_job(verified=1)]}, "/jobs/0/verified", "type"),
    ({"jobs": [a_job(retracted="no")]}, "/jobs/0/retracted", "type"),
    ({"jobs": [a_job(attested="yes")]}, "/jobs/0/attested", "type"),
    ({"jobs": [a_job(renews=1)]}, "/jobs/0/renews", "type"),
    ({"offers": ["x"]}, "/offers/0", "type"),
    ({"offers": [{**AN_OFFER, "qualifying": 1}]}, "/offers/0/qualifying", "type"),
    ({"offers": [{**AN_OFFER, "waived": 1}]}, "/offers/0/waived", "type"),
    ({"search": []}, "/search", "type"),
    ({"search": {"default": 5.0}}, "/search/default", "type"),
    ({"search": {"weeks": []}}, "/search/weeks", "type"),
    ({"search": {"weeks": {"2020-02-03": "5"}}}, "/search/weeks/2020-02-03", "type"),
    ({"search": {"exempt": ["2020-03-02"]}}, "/search/exempt/0", "type"),
    ({"search": {"exempt": [["2020-03-02", None]]}}, "/search/exempt/0/1", "type"),
    ({"exclusions": [None]}, "/exclusions/0", "type"),
    ({"waived": "right_to_work"}, "/waived", "type"),
    ({"claims": ["2020-08-01"]}, "/claims/0", "type"),
    ({"notice_sent": "yes"}, "/notice_sent", "type"),
    ({"holidays": [20200914]}, "/holidays/0", "type"),
    ({"refund_paid_on": False}, "/refund_paid_on", "type"),
]


@pytest.mark.parametrize(("wrong", "pointer", "code"), REFUSED, ids=lambda value: str(value)[:60])
def test_fault_is_told_by_its_place_and_kind(wrong: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(InvalidFacts) as refused:
        parse_facts(said(**wrong), TERMS)

    error = refused.value.as_json()
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert error["message"].endswith(".")


@pytest.mark.parametrize("nothing", [None, [], "x", 1, True])
def test_facts_that_are_no_object_are_refused(nothing: object) -> None:
    with pytest.raises(InvalidFacts) as refused:
        parse_facts(nothing, TERMS)

    assert (refused.value.pointer, refused.value.code) == ("", "type")


EVERYTHING: dict[str, Any] = {
    "terms": None,
    "override": None,
    "time_zone": None,
    "known_at": None,
    "contract": None,
    "started_on": None,
    "extension_months": None,
    "qualified_at": None,
    "diploma_revoked_on": None,
    "right_to_work": None,
    "pauses": None,
    "jobs": None,
    "offers": None,
    "search": None,
    "exclusions": None,
    "waived": None,
    "notice_sent": None,
    "holidays": None,
    "refund_paid_on": None,
}


def test_null_is_as_if_nothing_was_said() -> None:
    assert facts(**EVERYTHING) == facts()


OTHER_JOB_KEYS = (
    *("contract_signed_at", "offered_on", "offered_at", "fixed_end", "renews", "ended_on", "end_reason", "field"),
    *("employer", "verified", "retracted", "attested", "reported_on"),
)


def test_null_in_a_job_is_as_if_nothing_was_said_but_for_its_hours() -> None:
    optional = (*(key for key in A_JOB if key not in ("id", "hours")), *OTHER_JOB_KEYS)

    (job,) = facts(jobs=[{"id": "j", **dict.fromkeys(optional)}]).jobs
    (unknown_hours,) = facts(jobs=[{"id": "j", "hours": None}]).jobs

    assert job == facts(jobs=[{"id": "j"}]).jobs[0]
    assert (job.hours, unknown_hours.hours) == (35, None)


def test_null_in_a_pause_an_offer_and_a_claim_is_as_if_nothing_was_said() -> None:
    pause, offer = {"from": "2020-03-01"}, AN_OFFER

    assert facts(pauses=[{**pause, "to": None, "status": None, "kind": None}]) == facts(pauses=[pause])
    assert facts(offers=[{**offer, "waived": None}]) == facts(offers=[offer])
    assert facts(claims=[{"filed_on": "2020-08-01", "filed_at": None}]) == facts()


def test_null_in_the_search_log_is_not_known() -> None:
    assert facts(search={}).search.default == 5
    assert facts(search={"default": None}).search.default is None
    assert facts(search={"weeks": None}).search.default is None
    assert list(facts(search={"weeks": {"2020-02-03": None}}).search.weeks.values()) == [None]


def test_only_the_day_asked_about_has_to_be_said() -> None:
    read = parse_facts({"as_of": "2020-08-03"}, TERMS)

    assert (read.terms.version, read.time_zone, read.known_on) == ("reference", "Europe/Paris", read.as_of)
    assert decide(read).decision == "not_started"


def test_a_kind_of_pause_is_a_word_for_people() -> None:
    assert facts(pauses=[{"from": "2020-03-01", "kind": ""}]) == facts(pauses=[{"from": "2020-03-01"}])


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_can_be_overridden_by_its_own_setting(name: str) -> None:
    published = TERMS["published"]
    setting = getattr(published, name)
    setting = sorted(setting) if isinstance(setting, frozenset) else setting

    assert getattr(facts(override={name: setting}).terms, name) == getattr(published, name)


def test_an_instant_is_a_day_in_the_contracts_zone() -> None:
    late = "2020-02-01T04:30:00Z"

    assert facts(qualified_on=None, qualified_at=late, time_zone="America/New_York").qualified_on == _day("2020-01-31")
    assert facts(qualified_on=None, qualified_at=late).qualified_on == _day("2020-02-01")
    assert facts(as_of="2020-08-03T22:30:00Z").as_of == _day("2020-08-04")
    assert facts(known_at="2020-08-03T21:30Z").known_on == _day("2020-08-03")
    assert facts(claims=[{"filed_at": "2020-08-03T23:30:00.5-02:00"}]).claims == (_day("2020-08-04"),)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["2020-01-15", "9999-12-31", "0001-01-01", "2020-01-13", "reference", "unknown", MIDNIGHT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=250, deadline=None)
@given(facts_as_json, st.data())
def test_anything_is_either_decided_or_refused(valid: dict[str, Any], data: st.DataObject) -> None:
    spoilt = json.loads(json.dumps(valid))
    places = list(_places(spoilt))
    for container, key in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=2)):
        container[key] = data.draw(json_values)

    error = _asked_everything(spoilt)

    assert error is None or error.code in ("missing", "unknown_key", "type", "value", "conflict")
    assert error is None or error.pointer == "" or error.pointer.startswith("/")


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_any_json_is_either_facts_or_refused(anything: object) -> None:
    for value in (anything, {"as_of": "2020-08-03", "qualified_on": anything}, {"as_of": anything}):
        _asked_everything(value)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "9999-12-25", "2020-02-29"])
@pytest.mark.parametrize("huge", [0, 1, 10**9, 10**30])
def test_the_calendars_ends_are_no_accident(day: str, huge: int) -> None:
    job = {key: day if "_on" in key or key == "fixed_end" else value for key, value in A_JOB.items()}
    job |= {"contract": "fixed_term", "fixed_end": day, "ended_on": day, "renews": "j0", "reported_on": day}
    periods = [name for name in PARAMETERS if name.endswith(("_months", "_days", "_week", "_weeks"))]
    periods.remove("window_days")
    for as_of in ("0001-01-01", "9999-12-31"):
        for override in (dict.fromkeys(periods, huge), {"window_days": huge}, {"window_months": None}):
            read = facts(
                qualified_on=day,
                as_of=as_of,
                started_on=day,
                extension_months=huge,
                pauses=[{"from": day}, {"from": day, "to": day}],
                jobs=[{**job, "id": "j0"}, job],
                offers=[{**AN_OFFER, "offered_on": day}],
                search={"exempt": [[day, day]]},
                claims=[{"filed_on": day}],
                holidays=[day, "9999-12-30", "9999-12-29"],
                override=override,
            )
            _everything_can_be_asked(read)


def _asked_everything(value: object) -> InvalidFacts | None:
    """The fault that facts are refused for; None where every question about them has an answer."""
    try:
        read = parse_facts(value, TERMS)
    except InvalidFacts as error:
        return error
    _everything_can_be_asked(read)
    return None


def _everything_can_be_asked(read: Facts) -> None:
    decision = decide(read)
    json.dumps(decision.as_json("fr"))
    standing(read)
    revisit_on(read, decision)


def _places(value: Any) -> Any:
    """Every place inside a JSON value, as its container and key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)


def _day(text: str) -> Any:
    return facts(as_of=text).as_of

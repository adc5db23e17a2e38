"""When a case may be erased: by itself, on request, and what stands against it. Without a store."""

from __future__ import annotations

import ast
import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from shared.domain.calendar import add_months
from shared.domain.errors import RuleBroken
from shared.domain.life_cycle import Role
from shared.use_cases import applications, documents, privacy, retention
from tests.architecture.source import ROOT
from tests.builders import PROGRAMME, SERVICES, InMemory, at

CLOSED_FOR = PROGRAMME.limits.closed_application_months
BOOKS_FOR = PROGRAMME.limits.contract_record_months


def granted(case: InMemory, day: str, kind: str = "erasure") -> InMemory:
    """A request that the person made, careers rang about and finance granted."""
    case.do(day, Role.APPLICANT, lambda c: privacy.request_data(c, kind=kind))
    request = case.case.custody.requests[-1].id
    case.do(day, Role.CAREERS, lambda c: c.record("call_back_recorded", request, about="data_request",
                                                  outcome="confirmed", hash=None), who="caller")  # fmt: skip
    case.do(day, Role.FINANCE, lambda c: privacy.rule_request(c, request=request, outcome="granted", reason="own_data"),
            who="granter")  # fmt: skip
    return case


def withdrawn(day: str = "2027-02-01") -> InMemory:
    case = InMemory()
    case.do(day, Role.APPLICANT, applications.withdraw)
    return case


def against(case: InMemory, on: date) -> list[str]:
    return retention.holds(case.case, PROGRAMME, on)


def test_closed_application_is_erased_the_day_after_its_months_have_passed() -> None:
    case = withdrawn("2027-02-01")

    day = retention.erasable_from(case.case, PROGRAMME)

    assert day == add_months(date(2027, 2, 1), CLOSED_FOR) + timedelta(days=1)
    assert case.case.agenda.privacy_at is not None
    assert case.case.agenda.privacy_at.date() == day


def test_open_application_is_not_erased_even_on_request() -> None:
    case = granted(InMemory(), "2027-02-01")

    assert against(case, date(2027, 2, 1)) == ["application_open"]
    assert case.case.agenda.privacy_at is None
    assert case.letters[-1] == "erasure_later"


def test_granted_request_erases_a_closed_application_on_that_day() -> None:
    case = granted(withdrawn(), "2027-03-01")

    assert retention.erasable_from(case.case, PROGRAMME) == date(2027, 3, 1)
    assert case.letters[-1] == "erasure_granted"


def test_granted_copy_erases_nothing() -> None:
    case = granted(withdrawn("2027-02-01"), "2027-03-01", kind="export")

    assert retention.erasable_from(case.case, PROGRAMME) == add_months(date(2027, 2, 1), CLOSED_FOR) + timedelta(days=1)


def test_contract_that_was_never_signed_keeps_nothing_for_the_books() -> None:
    case = InMemory().received("2027-02-01")
    case.do("2027-02-02", Role.APPLICANT, applications.withdraw)

    assert retention.books_until(case.case, PROGRAMME) is None
    assert retention.erasable_from(case.case, PROGRAMME) == add_months(date(2027, 2, 2), CLOSED_FOR) + timedelta(days=1)


def test_running_contract_and_open_guarantee_stand_against_erasure() -> None:
    assert "contract_running" in against(InMemory().signed("2027-02-22"), date(2050, 1, 1))
    assert "contract_running" in against(InMemory().studying(), date(2050, 1, 1))
    assert "contract_running" in against(InMemory().qualified(), date(2050, 1, 1))


def test_books_are_kept_ten_years_from_the_last_day_of_money_or_contract_and_no_longer() -> None:
    case = InMemory().signed("2027-02-22").paid("1000.00", day="2027-03-01")
    case.do("2027-03-02", Role.APPLICANT, applications.withdraw)
    finance_paid_back(case)
    last = add_months(date(2027, 3, 2), BOOKS_FOR)

    assert against(case, last) == ["bookkeeping"]
    assert against(case, last + timedelta(days=1)) == []
    assert retention.erasable_from(case.case, PROGRAMME) == last + timedelta(days=1)


def finance_paid_back(case: InMemory) -> None:
    """What the cancellation gives back has been settled."""
    for refund in case.case.refunds.values():
        refund.status = "paid"


def test_unpaid_refund_stands_against_erasure_however_old() -> None:
    case = InMemory().signed("2027-02-22").paid("1000.00", day="2027-03-01")
    case.do("2027-03-02", Role.APPLICANT, applications.withdraw)

    assert "refund_open" in against(case, date(2090, 1, 1))
    assert retention.erasable_from(case.case, PROGRAMME) is None


def test_hold_stands_against_everything_until_it_is_released() -> None:
    case = withdrawn()
    case.do("2027-03-01", Role.FINANCE, lambda c: privacy.place_hold(c, reason="court_order"), who="f")
    held = retention.erasable_from(case.case, PROGRAMME)
    case.do("2027-04-01", Role.FINANCE, lambda c: privacy.release_hold(c, hold="h1", reason="closed"), who="g")

    assert held is None
    assert retention.erasable_from(case.case, PROGRAMME) is not None


def test_begun_erasure_is_due_at_once_and_can_no_longer_be_held() -> None:
    case = granted(withdrawn(), "2027-03-01")
    case.do("2027-03-02", Role.SYSTEM, lambda c: c.record("erasure_begun"))

    assert case.case.agenda.privacy_at == at("2027-03-02")
    with pytest.raises(Exception, match="being, erased"):
        case.do("2027-03-02", Role.FINANCE, lambda c: privacy.place_hold(c, reason="late"))


def test_erased_case_is_never_due_again() -> None:
    case = granted(withdrawn(), "2027-03-01")
    case.do("2027-03-02", Role.SYSTEM, lambda c: c.record("erasure_begun"))
    case.do("2027-03-02", Role.SYSTEM, lambda c: c.record("data_erased"))

    assert case.case.agenda.privacy_at is None


def test_a_second_open_request_of_one_kind_is_the_first_one() -> None:
    case = InMemory()
    case.do("2027-02-01", Role.APPLICANT, lambda c: privacy.request_data(c, kind="export"))

    with pytest.raises(Exception, match="d1"):
        case.do("2027-02-02", Role.APPLICANT, lambda c: privacy.request_data(c, kind="export"))


@pytest.mark.parametrize(("moment", "open_until"), [(at("2027-03-01"), at("2027-03-08"))])
def test_copy_can_be_fetched_for_the_programmes_days(moment: datetime, open_until: datetime) -> None:
    case = granted(InMemory(), moment.date().isoformat(), kind="export")

    assert retention.export_until(case.case, PROGRAMME) == open_until


@pytest.mark.parametrize("kind", retention.KINDS, ids=lambda kind: f"{kind.container}-{kind.kind}")
def test_a_kind_says_how_it_ends_and_why(kind: Any) -> None:
    assert kind.end in (retention.WITH_CASE, retention.AFTER, retention.STAYS)
    assert (kind.days is not None) or kind.end != retention.AFTER
    assert kind.holds and kind.why
    assert kind.end != retention.STAYS or not any(word in kind.holds for word in ("name", "contact", "account,"))


def test_no_code_stores_a_kind_that_is_not_in_the_table() -> None:
    known = {each.kind for each in retention.KINDS}

    written = {
        (path.name, value.value)
        for path in (ROOT / "shared").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "kind" and isinstance(value, ast.Constant)
        if any(isinstance(each, ast.Constant) and each.value == "id" for each in node.keys)
    }

    assert {(file, kind) for file, kind in written if kind not in known} == set()


def test_nothing_that_could_name_somebody_is_added_to_a_case_that_is_being_erased() -> None:
    case = granted(withdrawn(), "2027-03-01")
    case.do("2027-03-02", Role.SYSTEM, lambda c: c.record("erasure_begun"))
    upload = documents.Upload(b"%PDF-", "application/pdf", None, "ada.pdf")

    for act in (
        lambda c: asyncio.run(documents.add_document(c, SERVICES, kind="other", upload=upload)),
        lambda c: c.record("contact_logged", note="Ada rang."),
        lambda c: c.record("conflict_declared", "x1", staff="t/x", relation="friend"),
    ):
        with pytest.raises(RuleBroken) as refused:
            case.do("2027-03-03", Role.CAREERS, act)
        assert refused.value.code == "erasure-begun"


def test_case_that_is_being_erased_waits_for_nobody_and_no_timer_but_the_eraser() -> None:
    case = granted(withdrawn(), "2027-03-01")
    case.case.bounced_at = at("2027-02-01")
    case.do("2027-03-02", Role.SYSTEM, lambda c: c.record("erasure_begun"))

    agenda = case.case.agenda
    assert (agenda.turn, agenda.due_at) == ("nobody", None)
    assert {agenda.deadlines_at, agenda.retention_at, agenda.risk_at, agenda.refund_at} == {None}
    assert agenda.privacy_at is not None

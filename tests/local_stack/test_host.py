"""The host hands over and answers as the real one does."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from local.host import Host

Calls = Callable[..., httpx.Response]


async def in_pieces() -> AsyncIterator[bytes]:
    yield b"first "
    yield b"second"


def test_function_gets_the_request(calls: Calls) -> None:
    shown = calls("POST", "/api/things/a%20b?colour=red", content=b"hello").json()

    assert shown["method"] == "POST"
    assert shown["url"] == "http://127.0.0.1:7071/api/things/a%20b?colour=red"
    assert shown["route_params"] == {"thing": "a b"}
    assert shown["params"] == {"colour": "red"}
    assert shown["body"] == "hello"


def test_chunked_body_arrives_empty(calls: Calls) -> None:
    shown = calls("POST", "/api/things/1", content=in_pieces()).json()

    assert shown["headers"]["transfer-encoding"] == "chunked"
    assert shown["body"] == ""


def test_repeated_query_keys_are_joined_and_empty_values_vanish(calls: Calls) -> None:
    shown = calls("GET", "/api/things/1?a=1&A=2&b=&c=x%20y+z").json()

    assert shown["params"] == {"a": "1,2", "c": "x y z"}


def test_repeated_headers_are_joined(calls: Calls) -> None:
    shown = calls("GET", "/api/things/1", headers=[("x-one", "1"), ("X-One", "2")]).json()

    assert shown["headers"]["x-one"] == "1,2"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/things/1"),
        ("HEAD", "/api/things/1"),
        ("POST", "/api/things/special/x"),
        ("GET", "/api/nothing"),
    ],
)
def test_unregistered_method_or_route_is_not_found(calls: Calls, method: str, path: str) -> None:
    answer = calls(method, path)

    assert (answer.status_code, answer.content) == (404, b"")


def test_literal_route_wins_over_placeholder_and_leaves_it_other_methods(calls: Calls) -> None:
    assert calls("GET", "/api/things/special").json()["function"] == "get_special"
    assert calls("POST", "/api/things/special").json()["function"] == "post_thing"


def test_sync_function_runs_in_a_thread(calls: Calls) -> None:
    assert calls("PATCH", "/api/threads").json()["is_main"] is False


def test_answer_keeps_status_headers_and_type(calls: Calls) -> None:
    page, shown = calls("GET", "/api/page"), calls("GET", "/api/things/1")

    assert (page.status_code, page.text) == (418, "<p>ü</p>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert shown.headers["content-type"] == "application/json"
    assert shown.headers["x-shown"] == "yes"


@pytest.mark.parametrize("path", ["/api/failure", "/api/split"])
def test_failing_function_answers_500_without_a_word(calls: Calls, path: str) -> None:
    answer = calls("GET", path)

    assert (answer.status_code, answer.content) == (500, b"")


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
def test_body_over_the_limit_is_refused(calls: Calls, size: int, status: int) -> None:
    assert calls("POST", "/api/things/1", content=b"x" * size).status_code == status


def test_app_and_date_header_have_the_stack_time(calls: Calls, host: Host) -> None:
    host.clock.move(datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC))

    answer = calls("GET", "/api/things/1")

    assert answer.json()["now"].startswith("2031-05-06T07:08:")
    assert answer.headers.get_list("date")[0].startswith("Tue, 06 May 2031 07:08:")


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no", b'{"now": "2026-01-01"}', b'{"now": "2026-01-01T00:00:00"}'])
def test_clock_refuses_what_is_no_instant(calls: Calls, body: bytes) -> None:
    answer = calls("POST", "/local/clock", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_timer_runs_at_once_when_the_admin_asks(calls: Calls) -> None:
    waits: dict[str, Any] = {"headers": {"x-local-wait": "true"}}

    assert calls("POST", "/admin/functions/run_daily", **waits).json() == {"ok": True}
    assert calls("POST", "/admin/functions/run_and_fail_monthly", **waits).json() == {"ok": False}
    assert calls("POST", "/admin/functions/run_daily").status_code == 202
    assert calls("POST", "/admin/functions/nothing").status_code == 404

"""What becomes of a message, and in which order: told before it is noted, and no longer than there is time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from shared.adapters.mail import Bounced
from shared.domain.errors import NotFound, RuleBroken, Unavailable
from shared.partners import inbox
from shared.use_cases import commands, deliveries
from tests.builders import PROGRAMMES, at

NOW = at("2027-01-11")


class Outside:
    """A store that holds one person and notes what is written; a mail server that refuses every address."""

    def __init__(self) -> None:
        self.settings: Any = SimpleNamespace(timer_items_max=500)
        self.programmes = PROGRAMMES
        self.store = self.mail = self
        self.done: list[str] = []
        self.seconds = 0.0
        self.due: list[dict[str, Any]] = []

    async def read(self, container: str, item_id: str, partition_key: str) -> Any:
        return {"given_names": "Ada", "email": "bounce@people.example"} if item_id == "person" else None

    async def query(self, *asked: Any) -> list[dict[str, Any]]:
        return self.due

    async def replace(self, container: str, item: dict[str, Any], etag: str, partition_key: str) -> str:
        self.done.append(item["status"])
        return etag

    def monotonic(self) -> float:
        """Time goes by with every mail."""
        return self.seconds

    async def send(self, *mail: Any, reply_to: str) -> None:
        self.seconds += 10
        raise Bounced("refused")


def a_letter(number: int = 1) -> dict[str, Any]:
    return {
        "id": f"message:{number}", "case_id": "c", "kind": "message", "channel": "mail", "template": "outcome_told",
        "language": "en", "parameters": {}, "tries": 0, "status": "pending", "_etag": "1",
        "next_try_at": NOW.isoformat(),
    }  # fmt: skip


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    """Letters of which only the address matters, and staff who can be told."""
    made = Outside()

    async def tell(*about: Any) -> None:
        made.done.append("told")

    monkeypatch.setattr(commands, "perform", tell)
    letter = SimpleNamespace(has_link=False, written=lambda *said: ("", ""))
    monkeypatch.setitem(deliveries.letters.LETTERS, "outcome_told", letter)
    return made


async def test_bounce_is_told_before_it_is_noted(outside: Outside) -> None:
    await deliveries.deliver(outside, a_letter(), NOW)  # type: ignore[arg-type]

    assert outside.done == ["told", "bounced"]


async def test_bounce_that_could_not_be_told_stays_due(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*about: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(commands, "perform", silent)

    with pytest.raises(Unavailable):
        await deliveries.deliver(outside, a_letter(), NOW)  # type: ignore[arg-type]

    assert outside.done == []


@pytest.mark.parametrize("error", [NotFound("c"), RuleBroken("erasure-begun", "")])
async def test_bounce_that_nobody_can_be_told_of_is_noted(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def refused(*about: Any) -> None:
        raise error

    monkeypatch.setattr(commands, "perform", refused)

    await deliveries.deliver(outside, a_letter(), NOW)  # type: ignore[arg-type]

    assert outside.done == ["bounced"]


async def test_run_ends_in_time_and_still_says_how_much_was_due(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "time", outside)
    outside.due = [a_letter(number) for number in range(500)]

    counts = await deliveries.run_deliveries(outside, NOW)  # type: ignore[arg-type]

    assert (counts["due"], counts["ended"]) == (500, 12)
    assert outside.seconds <= deliveries.TIME_BUDGET.total_seconds()


async def test_inbox_ends_in_time_and_still_says_how_much_was_due(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def process(*about: Any) -> str:
        outside.seconds += 10
        return "processed"

    monkeypatch.setattr(inbox, "time", outside)
    monkeypatch.setattr(inbox, "process", process)
    outside.due = [{"id": str(number)} for number in range(500)]

    counts = await inbox.run_inbox(outside, NOW)  # type: ignore[arg-type]

    assert (counts["inbox_due"], counts["inbox_ended"]) == (500, 6)

"""Cases laid into a running store from outside, past every guard of the service: what an audit has to notice."""

from __future__ import annotations

import copy
import itertools
import os
from datetime import date, datetime
from typing import Any

from azure.cosmos import ContainerProxy, CosmosClient

from local.testing import Stack
from shared.domain.case import fold
from shared.domain.events import Actor, Event, utc
from shared.domain.life_cycle import Role
from shared.use_cases.agenda import settle
from shared.use_cases.commands import item_from
from tests.builders import PROGRAMME, TERMS, InMemory, at

_numbers = itertools.count(1)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def new_case_id() -> str:
    """An id that no other case has."""
    number, text = next(_numbers) * 1000 + os.getpid() % 1000, ""
    while number:
        number, place = divmod(number, 26)
        text = _LETTERS[place] + text
    return text.rjust(26, "a")


def forged(case: InMemory, day: str, role: Role, who: str, kind: str, subject: str | None, /, on: str | None = None,
           **data: Any) -> None:  # fmt: skip
    """An event that no guard has seen, sealed into the chain and folded in."""
    now = at(day)
    event = Event(
        sequence=case.case.sequence + 1, kind=kind, subject=subject, actor=Actor(role=role, id=who), at=utc(now),
        occurred_on=date.fromisoformat(on or day), data=data,
    ).sealed(case.case.head)  # fmt: skip
    case.case.apply(event)
    case.events.append(event)
    settle(case.case, PROGRAMME, TERMS, now)


def resealed(case: InMemory, number: int, data: dict[str, Any]) -> None:
    """The whole chain rewritten, as somebody with every key could, around one event with other data."""
    events, head, settled_at = [], "0" * 64, case.events[-1].at
    for event in case.events:
        changed = event.model_copy(update={"data": data}) if event.sequence == number else event
        events.append(changed.model_copy(update={"hash": ""}).sealed(head))
        head = events[-1].hash
    case.events, case.case = events, fold(case.case.case_id, events)
    settle(case.case, PROGRAMME, TERMS, settled_at)


class Vault:
    """The store of a running stack, written to past the service."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        cosmos = stack.info["cosmos"]
        self._client = CosmosClient(cosmos["endpoint"], credential=cosmos["key"])
        self._database = self._client.get_database_client("pledge")

    def container(self, name: str = "cases") -> ContainerProxy:
        """One container."""
        return self._database.get_container_client(name)

    def lay(self, case: InMemory, email: str = "") -> str:
        """Store a case: snapshot, events, and its person if there is an address. Returns its id."""
        case_id = case.case.case_id
        items = items_of(case)
        if email:
            items.append({"id": "person", "kind": "person", "email": email})
        for item in items:
            self.container().create_item(item | {"case_id": case_id})
        return case_id

    def change(self, case_id: str, item_id: str, container: str = "cases", **values: Any) -> None:
        """Set values in an item; a name with dots leads into it."""
        item = self.container(container).read_item(item_id, case_id)
        for name, value in values.items():
            place, parts = item, name.split("__")
            for part in parts[:-1]:
                place = place.setdefault(part, {})
            place[parts[-1]] = copy.deepcopy(value)
        self.container(container).replace_item(item_id, item)

    def findings(self, case_id: str | None = None, now: datetime | None = None) -> list[dict[str, Any]]:
        """What an audit on demand finds (in one case)."""
        bearer = {"Authorization": f"Bearer {self.stack.token('auditor', 0)}"}
        order = {"case_id": case_id} if case_id else {}
        answer = self.stack.client.post(f"{self.stack.api}/audits", json=order, headers=bearer)
        assert answer.status_code == 201, answer.text
        found: list[dict[str, Any]] = answer.json()["findings"]
        return found


def items_of(case: InMemory) -> list[dict[str, Any]]:
    """A case's snapshot and events as they are stored."""
    return [item_from(case.case), *map(event_item, case.events)]


def event_item(event: Event) -> dict[str, Any]:
    """An event as it is stored."""
    stored = event.model_dump(mode="json")
    return {**stored, "id": f"event:{event.sequence:06d}", "event": event.kind, "kind": "event"}

"""Files that belong to nobody: all are found in the end, however many there are and whatever stands in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from shared.domain.errors import Unavailable
from shared.use_cases import documents
from tests.builders import at

NOW = at("2027-01-11")


class House:
    """Files by name, and a store that knows no case and takes ten seconds to say so."""

    def __init__(self, names: list[str]) -> None:
        self.evidence = "evidence"
        self.store = self.blobs = self
        self.names = sorted(names)
        self.stuck: set[str] = set()
        self.row: dict[str, Any] | None = None
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    async def older_than(self, container: str, moment: Any, prefix: str = "") -> AsyncIterator[tuple[str, str]]:
        for name in list(self.names):
            if name.startswith(prefix):
                yield name, "1"

    async def delete(self, container: str, name: str, version: str) -> None:
        if name in self.stuck:
            raise Unavailable
        self.names.remove(name)

    async def read(self, container: str, item_id: str, partition_key: str) -> Any:
        if container == documents.COUNTERS:
            return self.row
        self.seconds += 10
        if item_id == "case" and partition_key in self.stuck:
            raise Unavailable
        return None

    async def create(self, container: str, item: dict[str, Any], partition_key: str) -> str:
        self.row = item | {"_etag": "1"}
        return "1"

    async def replace(self, container: str, item: dict[str, Any], etag: str, partition_key: str) -> str:
        return await self.create(container, item, partition_key)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    """Thirty cases' files, of which a run has time for six, and an auditor's pack whose name comes after theirs."""
    made = House([f"case-{number:02d}/file" for number in range(30)] + ["exports/pack"])
    monkeypatch.setattr(documents, "time", made)
    return made


async def night(house: House) -> dict[str, int]:
    house.seconds = 0
    services: Any = SimpleNamespace(store=house, blobs=house)
    return await documents.remove_orphans(services, NOW)


async def test_run_ends_in_time_and_packs_go_first(house: House) -> None:
    counts = await night(house)

    assert counts == {"orphans_removed": 7, "orphans_failed": 0}
    assert house.names[0] == "case-06/file"
    assert "exports/pack" not in house.names


async def test_files_that_are_kept_or_stuck_do_not_starve_the_later_ones(house: House) -> None:
    house.stuck = {f"case-{number:02d}" for number in range(12)} | {"case-20/file"}

    for _ in range(5):
        await night(house)

    assert house.names == [*(f"case-{number:02d}/file" for number in range(12)), "case-20/file"]
    assert house.row is not None
    assert house.row["after"] == ""  # The next night begins from the beginning.


async def test_case_that_cannot_be_read_counts_once_however_many_files_it_has(house: House) -> None:
    house.names = ["case-01/a", "case-01/b", "case-02/c"]
    house.stuck = {"case-01"}

    counts = await night(house)

    assert (counts, house.names) == ({"orphans_removed": 1, "orphans_failed": 1}, ["case-01/a", "case-01/b"])

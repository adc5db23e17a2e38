"""What rows of the corpus that take days share: one stack whose clock they move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.testing import Stack

FIRST_DAY = "2027-01-11T14:00:00Z"


@pytest.fixture(scope="session")
def days() -> Iterator[Stack]:
    """A stack whose clock is moved by whoever uses it."""
    with Stack(now=FIRST_DAY) as running:
        yield running


@pytest.fixture
def world(days: Stack) -> Stack:
    """The same on the first day, with a payment partner that does nothing by itself."""
    days.move_clock(FIRST_DAY, timers=False)
    days.partner("payments").post("behaviour", {"auto_settle": False, "next": []})
    return days

"""What the service says about itself."""

from __future__ import annotations

from local.testing import Stack
from shared import bootstrap


def test_the_process_says_that_it_is_alive_and_which_version_it_is(stack: Stack) -> None:
    answer = stack.client.get(f"{stack.api}/health/live")

    assert answer.json() == {"status": "alive", "version": bootstrap.version()}

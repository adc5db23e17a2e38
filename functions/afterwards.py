"""What is done once the answer is out. Nothing rests on it: whatever it does not come to, a timer does."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger("pledge.afterwards")

PAUSE_SECONDS = 1.0
"""So long that the answer has left: how long it took tells nothing about what is done here."""
_under_way: set[asyncio.Task[None]] = set()
"""The event loop itself keeps only weak references."""


def begin_afterwards(work: Coroutine[Any, Any, None]) -> None:
    """Do this when the answer is out. The host may end before it does; then it is not done."""
    task = asyncio.get_running_loop().create_task(_after_a_pause(work), context=contextvars.Context())
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def _after_a_pause(work: Coroutine[Any, Any, None]) -> None:
    await asyncio.sleep(PAUSE_SECONDS)
    try:
        await work
    except Exception:  # There is nobody left to answer.
        logger.exception("what follows an answer failed")

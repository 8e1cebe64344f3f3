"""Cancelling a coroutine at each of its steps: whatever it held at that moment must not be left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

from tests.sockets import sockets_open

STEPS = 30


async def expect_no_socket_left(start: Callable[[], Coroutine[Any, Any, Any]], give_back: Callable[[Any], None]) -> int:
    """Run what `start` gives again and again, cancelled one turn of the event loop later each time.

    `give_back` closes the result of a run that was quicker. Returns how many runs were cancelled. A socket that nobody
    closed fails the test: by its descriptor, or as the ResourceWarning of the garbage collector.
    """
    cancelled = 0
    for turns in range(STEPS):
        before = sockets_open()
        task = asyncio.ensure_future(start())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            give_back(await task)
        except asyncio.CancelledError:
            cancelled += 1
        for _ in range(5):
            await asyncio.sleep(0)
        gc.collect()
        assert sockets_open() <= before, f"cancelled after {turns} turns"
    return cancelled

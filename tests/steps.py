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

    That goes on until a run is quicker, whose result `give_back` closes. Returns how many runs were cancelled. A socket
    that nobody closed fails the test: by its descriptor, or as the ResourceWarning of the garbage collector.
    """
    gc.collect()
    gc.freeze()  # What is there already need not be looked through again each time.
    try:
        for turns in range(STEPS):
            before = sockets_open()
            cancelled = await _cancelled_after(turns, start, give_back)
            gc.collect()
            assert sockets_open() <= before, f"cancelled after {turns} turns"
            if not cancelled:
                return turns
        return STEPS
    finally:
        gc.unfreeze()


async def _cancelled_after(
    turns: int, start: Callable[[], Coroutine[Any, Any, Any]], give_back: Callable[[Any], None]
) -> bool:
    task = asyncio.ensure_future(start())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    cancelled = False
    try:
        give_back(await task)
    except asyncio.CancelledError:
        cancelled = True
    for _ in range(5):
        await asyncio.sleep(0)
    return cancelled

"""Tests that are coroutines: each runs on asyncio's loop and on uvloop, and nothing may go wrong behind its back."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

TEST_SECONDS = 20.0
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def run_on(new_loop: Callable[[], asyncio.AbstractEventLoop], coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on a new loop; fail if anything reached the loop's exception handler."""
    faults: list[dict[str, Any]] = []

    async def bounded() -> None:
        async with asyncio.timeout(TEST_SECONDS):
            await coroutine

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: faults.append(context))
        runner.run(bounded())
    # What nobody holds any more tells now whether it was left open.
    gc.collect()
    assert faults == []


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine function: one for each loop."""

    @functools.wraps(test)
    def run(*, loop_name: str, **arguments: Any) -> None:
        run_on(LOOPS[loop_name], test(**arguments))

    signature = inspect.signature(test)
    loop_name = inspect.Parameter("loop_name", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), loop_name], return_annotation=None
    )
    on_each: Callable[[Callable[..., None]], Callable[..., None]] = pytest.mark.parametrize("loop_name", list(LOOPS))
    return on_each(run)

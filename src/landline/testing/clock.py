"""A clock that jumps: time-outs of minutes are tested in no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything can run, and jumps to the next timer when nothing can.

    Only for code that waits for timers and for other code on this loop: a real socket or thread that is waited for
    looks like nothing to do, and time jumps past it.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_NeverWaits(self))

    def time(self) -> float:
        """Seconds of virtual time since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now += seconds


class _NeverWaits(selectors.DefaultSelector):
    """The place where an event loop waits: here the waiting is only counted."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look at what is ready; with nothing to do, go on to the next moment at once."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could ever run: the code under test waits for ever")
        if not ready and timeout:
            self._loop.jump(timeout)
        return ready


def run_virtual(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end under virtual time.

    Returns its result. Raises what it raises, RuntimeError if it waits for something that can never come, and
    AssertionError if a callback raised into the event loop. It brings an event loop of its own: called from a
    coroutine, it raises RuntimeError.
    """
    if _in_a_loop():
        coroutine.close()
        raise RuntimeError("virtual time needs an event loop of its own: call this from a plain `def`, not a coroutine")
    faults: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: faults.append(context))
        result = runner.run(coroutine)
    assert not faults, f"errors escaped into the event loop: {faults}"
    return result


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

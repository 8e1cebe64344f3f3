"""Running services until a signal says stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterable

from landline.address import Address
from landline.server.engine import Listening, Server
from landline.server.report import Counts
from landline.server.service import Service

log = logging.getLogger("landline.server")

INTERRUPTED = 130
"""The status of a process that a second signal ended at once: 128 and SIGINT, as shells count."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop: uvloop's where it is installed, as it is faster, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(
    bindings: Iterable[tuple[Service, str | Address]], announce: Callable[[list[Listening]], None] | None = None
) -> Counts:
    """Run services on addresses until SIGINT or SIGTERM, then stop as `Server.stop` does.

    `bindings` are pairs of a Service and an address; `announce` is called with what listens, at the moment it accepts.
    A second signal ends the process at once with status 130; SIGHUP reads the certificates again. Returns what was
    counted. Raises ListenError, ServiceError or AddressError.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_run(list(bindings), announce))


async def _run(
    bindings: list[tuple[Service, str | Address]], announce: Callable[[list[Listening]], None] | None
) -> Counts:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    told = False

    def on_signal(*_: object) -> None:
        nonlocal told
        if told:
            os._exit(INTERRUPTED)
        told = True
        loop.call_soon_threadsafe(stop.set)

    # Not the loop's own way: that waits for its turn behind a handler that never ends, and leaves no handler as it was.
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server = Server(bindings)
        await server.start()
        before[signal.SIGHUP] = signal.signal(
            signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(server.renewal.reload)
        )
        try:
            if announce is not None:
                announce(server.listening)
            await stop.wait()
        except BaseException:
            await server.stop(0.0)
            raise
        log.info("stopping: no new connections, what is in hand may finish; a second signal ends at once")
        return await server.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)

"""Services in a thread of their own, for tests that block and tests that do not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from landline.address import Address
from landline.address import parse as parse_address
from landline.server.engine import Server
from landline.server.report import Counts
from landline.server.run import new_event_loop
from landline.server.service import Service

START_SECONDS = 10.0
STOP_SECONDS = 10.0
ANY_PORT = "tcp://127.0.0.1:0"

Result = TypeVar("Result")


class Background:
    """Serves in a background thread with an event loop of its own; calling it starts a service.

    `failures` holds what handlers raised, as the server logged it; a test that expects one clears it. `stop` ends
    everything at once.
    """

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self._servers: list[Server] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ear = _Ear(self.failures)

    def __call__(self, service: Service, address: str | Address = ANY_PORT) -> Address:
        """Serve on `address` (text or Address) until the end of the test.

        Returns where it really listens: with port 0 any free port was taken. Raises ListenError, or ServiceError for a
        service without a fitting handler.
        """
        where = parse_address(address)
        server = Server([(service, where)])
        self._in_loop(server.start(), START_SECONDS)
        self._servers.append(server)
        return server.listening[0].address

    def counts(self) -> Counts:
        """What all services have counted so far."""
        total = Counts()
        for server in self._servers:
            total.add(server.counts())
        return total

    def stop(self) -> None:
        """Stop all services without waiting for what is in hand, and end the thread."""
        if self._thread is None or self._loop is None:
            return
        try:
            for server in self._servers:
                self._in_loop(server.stop(0.0), STOP_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)
            self._thread = None
            logging.getLogger("landline.server").removeHandler(self._ear)

    def _in_loop(self, coroutine: Coroutine[Any, Any, Result], seconds: float) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._running_loop()).result(seconds)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = new_event_loop()
            self._thread = threading.Thread(target=_run, args=(self._loop,), name="landline serve", daemon=True)
            self._thread.start()
            logging.getLogger("landline.server").addHandler(self._ear)
        return self._loop


class _Ear(logging.Handler):
    """Keeps the exceptions that servers log: each is one that a handler raised."""

    def __init__(self, failures: list[BaseException]) -> None:
        super().__init__(logging.ERROR)
        self._failures = failures

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception of a record that has one."""
        if record.exc_info and record.exc_info[1] is not None:
            self._failures.append(record.exc_info[1])


def _run(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop):
        asyncio.set_event_loop(loop)
        loop.run_forever()

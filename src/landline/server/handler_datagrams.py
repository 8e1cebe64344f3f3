"""Handler classes of socketserver over UDP: each datagram in a thread."""

from __future__ import annotations

import asyncio
import functools
import logging

from landline.connection.datagram import Datagram
from landline.server.datagrams import DatagramSocket
from landline.server.running import RunningService
from landline.server.telling import Teller
from landline.transport.listen import Listener

log = logging.getLogger("landline.server")


class HandlerDatagrams(DatagramSocket):
    """One UDP socket of a service made by `Service.from_handler`."""

    def __init__(self, running: RunningService, listener: Listener) -> None:
        assert running.threads is not None and running.threads.server is not None
        self._pool = running.threads.pool
        self._server = running.threads.server
        self._dropped = Teller()
        # A socket object of its own, which waits for room in `sendto`; ours must never wait. Not None: that would make
        # the descriptor itself block, which both share.
        self._answering_sock = listener.sock.dup()
        self._answering_sock.settimeout(running.service.limits.slow_reader_seconds)
        super().__init__(running, listener)

    async def close(self, seconds: float) -> None:
        """As any socket of datagrams; a handler that goes on finds its socket closed."""
        await super().close(seconds)
        self._answering_sock.close()

    def _answer(self, datagram: Datagram) -> None:
        if self._pool.full:
            self._drop(datagram, "all threads are busy (max_threads)")
            return
        request = (datagram.data, self._answering_sock)
        work = functools.partial(self._server.handle, request, datagram.sender)
        try:
            done = self._pool.run(f"{self.service.name} {self._name(datagram.sender)}", work)
        except RuntimeError as error:
            self._drop(datagram, f"the system gives no further thread ({error})")
            return
        self._tasks.add(done)
        done.add_done_callback(functools.partial(self._handled, datagram))

    def _handled(self, datagram: Datagram, done: asyncio.Future[None]) -> None:
        self._tasks.discard(done)
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self._failed(datagram, error)

    def _drop(self, datagram: Datagram, why: str) -> None:
        self._counts.datagrams_failed += 1
        if times := self._dropped.due(self._loop.time()):
            log.warning("%s: dropped a datagram from %s: %s (%d since last told)",
                        self.service.name, self._name(datagram.sender), why, times)  # fmt: skip

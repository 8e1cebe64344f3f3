"""The conversations of one service that are held in threads: admitted, counted, drained."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from typing import Protocol

from landline.address import Address
from landline.connection.polledtls import PolledTlsSocket
from landline.connection.statistics import Statistics
from landline.connection.tls import LEFT_EARLY
from landline.connection.wording import Wording
from landline.errors import MessageRejected, Reason
from landline.server.admission import Admission
from landline.server.handlers import HandlerServer, HandlerSession
from landline.server.handshakes import FailedHandshakes
from landline.server.report import Counts
from landline.server.secure_sessions import SecuredSession, secured_conversation, secured_handler
from landline.server.service import Service
from landline.server.sessions import Conversation, ServedConnection, Session, StopSign
from landline.server.threads import ThreadPool
from landline.transport.listen import Listener
from landline.transport.options import tune_stream

log = logging.getLogger("landline.server")

NOTICE_SECONDS = 0.2
"""What a thread that waits for a message needs at most to wake up and say goodbye; a stop has that much time always."""


class Host(Protocol):
    """What this part needs of the running service."""

    service: Service
    counts: Counts
    admission: Admission

    def refuse(self, sock: socket.socket, peer: str, why: str) -> None:
        """Tell a newcomer that there is no place."""

    def count_closed(self, peer: Address, statistics: Statistics) -> None:
        """Count and log a connection that is gone."""

    def rejected(self, connection: ServedConnection, rejected: MessageRejected) -> bytes:
        """Count a refused message."""

    def fitting(self, rejected: MessageRejected) -> bytes:
        """What the sender of a refused message is told."""


class ThreadedSessions:
    """Gives each accepted socket to a thread, and follows what becomes of it. Lives in the event loop's thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._service = host.service
        self._loop = asyncio.get_running_loop()
        self._sessions: dict[Session, asyncio.Future[None]] = {}
        self._draining = False
        self._stop: StopSign | None = None
        self._failures = FailedHandshakes(host.service.name)
        self.pool = ThreadPool(host.service.name, host.service.limits.max_threads)
        handler_class = host.service.handler_class
        self.server = HandlerServer(handler_class) if handler_class is not None else None

    def listens(self, listener: Listener) -> None:
        """Let a handler class know where the service listens."""
        if self.server is not None:
            self.server.listens(listener.sock)

    def refusal(self) -> str | None:
        """In words why no thread is left for a newcomer, or None."""
        if self.pool.full:
            return f"all {self._service.limits.max_threads} threads are busy (max_threads)"
        return None

    def take(self, sock: socket.socket, peer: Address, group: str | None) -> None:
        """Take an accepted socket that has got its place, and hold its conversation in a thread."""
        name = self._service.name
        try:
            tune_stream(sock, self._service.limits)
            session = self._session(sock, peer)
        except OSError as error:
            if self._service.tls is None:
                log.info("%s: %s left before it was served: %s", name, peer, error)
            else:
                self._handshake_failed(peer, LEFT_EARLY)
            self._host.admission.release(group)
            sock.close()
            return
        failed = functools.partial(self._tell, peer)
        try:
            done = self.pool.run(f"{name} {peer}", functools.partial(session.run, failed))
        except RuntimeError as error:
            self._host.admission.release(group)
            self._host.refuse(sock, str(peer), f"the system gives no further thread ({error}); raise `ulimit -u`")
            return
        if not isinstance(session, SecuredSession):
            self._came(peer)
        self._sessions[session] = done
        done.add_done_callback(lambda _: self._gone(session, group))
        if self._draining:
            session.drain()

    def _session(self, sock: socket.socket, peer: Address) -> Session:
        """What the thread is to run."""
        tls, limits = self._service.tls, self._service.limits
        ready = functools.partial(self._secured, peer)
        if self.server is not None:
            if tls is None:
                return HandlerSession(sock, peer, self.server, limits)
            return secured_handler(sock, peer, tls, self.server, limits, ready)
        if self._stop is None:
            self._stop = StopSign()
            if self._draining:
                self._stop.give()
        begin = functools.partial(self._conversation, peer, self._stop)
        return begin(sock) if tls is None else secured_conversation(sock, peer, tls, limits, begin, ready)

    def _conversation(self, peer: Address, stop: StopSign, sock: socket.socket | PolledTlsSocket) -> Conversation:
        """A conversation over a socket on which everything can begin. With TLS it is called in the thread."""
        service = self._service
        assert service.blocking_handler is not None
        wording = Wording(service.framing, service.payload, service.replies)
        connection = ServedConnection(sock, peer, wording, service.limits, stop, self._reject)
        return Conversation(service.blocking_handler, connection, service.state)

    def _secured(self, peer: Address) -> None:
        """Called in the thread of a session whose handshake is done."""
        # RuntimeError: the loop is closed, and nobody counts any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._came, peer)

    def _came(self, peer: Address) -> None:
        self._host.counts.connections += 1
        log.debug("%s: %s came", self._service.name, peer)

    async def drain(self, seconds: float) -> None:
        """Let what is in hand finish for at most `seconds`, then cut off what is left."""
        self._draining = True
        if self._stop is not None:
            self._stop.give()
        for session in self._sessions:
            session.drain()
        if self._sessions:
            await asyncio.wait(self._sessions.values(), timeout=max(seconds, NOTICE_SECONDS))
        for session in list(self._sessions):
            self._host.counts.cut_off += not session.nothing_in_hand
            session.cut()

    async def close(self, last_words_seconds: float) -> None:
        """End the threads. A handler that goes on for longer than `last_words_seconds` now is left alone."""
        late = await self.pool.close(last_words_seconds)
        if self._sessions:
            # Their threads have told; the callbacks of their futures run in the next turn.
            await asyncio.sleep(0)
        if late:
            log.error("%s: %d handlers go on in their threads though the server has stopped; they end with the process",
                      self._service.name, late)  # fmt: skip
        for session in list(self._sessions):
            self._count(session)
        if self._stop is not None:
            self._stop.close()

    def _gone(self, session: Session, group: str | None) -> None:
        del self._sessions[session]
        self._host.admission.release(group)
        self._count(session)
        if session.ended_by is not None:
            log.debug("%s: %s", self._service.name, session.ended_by)

    def _count(self, session: Session) -> None:
        if session.counted:
            return
        session.counted = True
        if session.failure is None:
            self._host.count_closed(session.peer, session.statistics())
        else:
            self._handshake_failed(session.peer, session.failure)

    def _handshake_failed(self, peer: Address, sentence: str) -> None:
        self._host.counts.reasons[Reason.HANDSHAKE] += 1
        self._failures.tell(peer, sentence, self._loop.time())

    def _reject(self, connection: ServedConnection, rejected: MessageRejected) -> bytes:
        """Called in the thread of a handler that got a message which is none: what the peer is told."""
        self._loop.call_soon_threadsafe(self._host.rejected, connection, rejected)
        return self._host.fitting(rejected)

    def _tell(self, peer: Address, error: BaseException) -> None:
        """Called in the thread of a handler that failed."""
        try:
            self._loop.call_soon_threadsafe(self._handler_failed, peer, error)
        except RuntimeError:
            # The loop is closed; the log is not.
            self._handler_failed(peer, error)

    def _handler_failed(self, peer: Address, error: BaseException) -> None:
        log.error("%s: the handler failed on the connection of %s", self._service.name, peer, exc_info=error)

"""One service while it runs: its connections, their handlers, what it counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from functools import partial
from typing import Any, Protocol

from landline.address import Address
from landline.connection.statistics import Statistics
from landline.connection.stream import StreamConnection
from landline.connection.watch import Watch
from landline.errors import ConnectionClosed, MessageRejected, Reason, UnfitMessage, UnframableMessage
from landline.payload.base import told
from landline.server.admission import Admission, peer_group
from landline.server.answering import Answering, as_push
from landline.server.handshakes import Handshakes
from landline.server.report import Counts, counted
from landline.server.service import Service
from landline.server.session import SessionConnection
from landline.server.telling import Teller
from landline.server.threaded import ThreadedSessions
from landline.transport.options import tune_stream

log = logging.getLogger("landline.server")

BUSY = b"busy"
"""What a newcomer over the cap is told where the framing is lines."""
MOST_BYTES_CLEARED = 1 << 20
LAST_WORDS_SECONDS = 2.0
"""What a cancelled handler may take to clean up."""


class Sender(Protocol):
    """Whoever sent a message: a connection, or the sender of a datagram."""

    @property
    def peer(self) -> Address:
        """Its address."""


def told_to_stop(error: BaseException) -> bool:
    """Whether `error` cancels this very task. If not, a future that the handler waited for was cancelled."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


class RunningService:
    """The host of a service's connections."""

    def __init__(self, service: Service, admission: Admission) -> None:
        self.service = service
        self.admission = admission
        self.counts = Counts()
        self.loop = asyncio.get_running_loop()
        self.watch = Watch(self.loop, service.limits)
        self.connections: dict[StreamConnection, str | None] = {}
        self._tasks: dict[StreamConnection, asyncio.Task[None]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._emptied: asyncio.Future[None] | None = None
        self._draining = False
        self._refusals = Teller()
        self.threads = ThreadedSessions(self) if service.threaded else None
        self._handshakes: Handshakes | None = None
        if service.tls is not None:
            seconds = service.limits.handshake_seconds
            required = service.tls_required
            self._handshakes = Handshakes(service.name, service.tls, seconds, required, self._lost_early)
        self.answering = Answering(service) if service.answers else None
        self._rejections = Teller()
        self._converse = service.connection_handler is not None or service.awaits

    # Coming in.

    def take(self, sock: socket.socket, peer: Address, local: Address) -> None:
        """Take an accepted socket: give it a place and a connection, or tell it that there is none."""
        group = peer_group(peer)
        refusal = (self.threads.refusal() if self.threads is not None else None) or self.admission.admit(group)
        if refusal is not None:
            self.refuse(sock, str(peer), refusal)
            return
        if self.threads is not None:
            self.threads.take(sock, peer, group)
            return
        sock.setblocking(False)
        opening = asyncio.get_running_loop().create_task(self._open(sock, peer, local, group))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self, sock: socket.socket, peer: Address, local: Address, group: str | None) -> None:
        loop = asyncio.get_running_loop()
        service = self.service
        try:
            connection = self._new_connection(sock, peer, local)
        except Exception as error:
            log.error("%s: no state could be made for %s", service.name, peer, exc_info=error)
            self.counts.reasons[Reason.HANDLER_ERROR] += 1
            sock.close()
            self.admission.release(group)
            return
        protocol: asyncio.Protocol = connection
        if self._handshakes is None:
            self.connections[connection] = group
        else:
            protocol = self._handshakes.protocol_for(connection, group)
        try:
            tune_stream(sock, service.limits)
            await loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError as error:
            log.info("%s: %s left before it was served: %s", service.name, peer, error)
            sock.close()
            self._enter(connection)
            self._forget(connection)

    def join(self, peer: Address, local: Address, sock: Any, group: str | None) -> StreamConnection:
        """A connection of this service, still without a transport. Its place, as one of `group`, is taken already."""
        connection = self._new_connection(sock, peer, local)
        self.connections[connection] = group
        return connection

    def _enter(self, connection: StreamConnection) -> None:
        """Take a connection among the others, from which its handshake has kept it."""
        if self._handshakes is not None:
            self.connections[connection] = self._handshakes.done(connection)

    def _new_connection(self, sock: Any, peer: Address, local: Address) -> StreamConnection:
        service = self.service
        kind = StreamConnection if service.session_factory is None else SessionConnection
        connection = kind(self, service.framing, service.limits, peer, local, sock)
        connection.speak(service.payload, service.payload.decode)
        if service.numbered:
            connection.number(None)
        if service.state is not None:
            connection.state = service.state()
        if service.switchable:
            connection.step_through()
        return connection

    def refuse(self, sock: socket.socket, peer: str, why: str) -> None:
        """Tell a newcomer that there is no place, and close at once."""
        self.counts.refused += 1
        self.counts.reasons[Reason.REFUSED] += 1
        if times := self._refusals.due(asyncio.get_running_loop().time()):
            log.warning("%s: refused %s: %s (%d since last told)", self.service.name, peer, why, times)
        with sock, contextlib.suppress(OSError):
            sock.setblocking(False)
            if self.service.framing.line_based and self._handshakes is None:
                sock.send(self.service.framing.encode(BUSY))
            sock.shutdown(socket.SHUT_WR)
            # What it sent already would turn the close into a reset, which may overtake the word.
            sock.recv(MOST_BYTES_CLEARED)

    # What a connection calls.

    def opened(self, connection: StreamConnection) -> None:
        """Start the handler of a new connection."""
        self.counts.connections += 1
        self._enter(connection)
        log.debug("%s: %s came", self.service.name, connection.peer)
        if self._converse:
            self._tasks[connection] = self.loop.create_task(self._conversation(connection))
        elif self.answering is not None:
            connection.push_to(self.answering.answer_for(connection, partial(self.rejected, connection)))
        elif isinstance(connection, SessionConnection) and self.service.session_factory is not None:
            connection.begin(self.service.session_factory)
        if self._draining:
            connection.drain()

    def closed(self, connection: StreamConnection) -> None:
        """Count and log a connection that is gone, and give its place back when its handler has ended too."""
        # A handler that still runs keeps the place: else a caller could make any number of them run, one after another.
        handler = self._tasks.get(connection)
        if handler is None:
            self._forget(connection)
        else:
            handler.add_done_callback(lambda _: self._forget(connection))
        self.count_closed(connection.peer, connection.statistics())

    def count_closed(self, peer: Address, statistics: Statistics) -> None:
        """Count and log a connection that is gone."""
        reason = statistics.reason or Reason.PEER_CLOSED
        self.counts.messages += statistics.messages_received
        self.counts.bytes_received += statistics.bytes_received
        self.counts.bytes_sent += statistics.bytes_sent
        self.counts.reasons[reason] += 1
        log.info("%s: %s gone, %s, %s", self.service.name, peer, reason.value,
                 counted(statistics.messages_received, "message"))  # fmt: skip

    def handler_failed(self, connection: StreamConnection, error: BaseException) -> None:
        """Log what a handler raised, once. The peer is not told."""
        log.error("%s: the handler failed on a message of %s", self.service.name, connection.peer, exc_info=error)

    def _lost_early(self, group: str | None, reason: Reason) -> None:
        self.counts.reasons[reason] += 1
        self.admission.release(group)

    def rejection(self, connection: Sender, rejected: MessageRejected) -> bytes:
        """Count a refused message. Returns what its sender is told, as a push if messages are numbered."""
        return as_push(self.service, self.rejected(connection, rejected))

    def fitting(self, rejected: MessageRejected) -> bytes:
        """What the sender of a refused message is told; without the detail where that is too much for the framing."""
        payload = self.service.payload if self.answering is None else self.answering.payload
        telling = payload.rejection(rejected)
        try:
            self.service.framing.encode(as_push(self.service, telling))
        except UnframableMessage:
            return payload.rejection(MessageRejected(rejected.code))
        return telling

    def answered_unfit(self, connection: StreamConnection, unfit: UnfitMessage) -> bool:
        """Tell the peer that its message does not fit; if it does not read, that is its loss."""
        connection.send_now([self.rejection(connection, MessageRejected(unfit.code, unfit.problem))])
        return True

    def rejected(self, connection: Sender, rejected: MessageRejected) -> bytes:
        """Count a refused message. Returns what its sender is told, as the payload says it."""
        self.counts.rejected += 1
        if times := self._rejections.due(self.loop.time()):
            log.info("%s: rejected a message of %s: %s %s (%d since last told)",
                     self.service.name, connection.peer, *told(rejected), times)  # fmt: skip
        return self.fitting(rejected)

    def encoded(self, messages: list[Any]) -> list[bytes]:
        """Messages that nobody asked for, as any connection of this service frames them."""
        encode = self.service.payload.encode
        return [as_push(self.service, encode(message)) for message in messages]

    def _forget(self, connection: StreamConnection) -> None:
        self.admission.release(self.connections.pop(connection))
        if not self.connections and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    # Handlers that wait.

    async def _conversation(self, connection: StreamConnection) -> None:
        reason: Reason | None = None
        try:
            if self.service.connection_handler is not None:
                await self.service.connection_handler(connection)
            else:
                await self._answer_awaiting(connection)
        except (Exception, asyncio.CancelledError) as error:
            if told_to_stop(error):
                raise
            if connection.caused(error):
                log.debug("%s: %s", self.service.name, error)
            elif isinstance(error, MessageRejected) and error.peer is None:
                # The conversation is over with its handler; the peer is told why, as it is by handlers of messages.
                connection.send_now([self.rejection(connection, error)])
            else:
                self.handler_failed(connection, error)
                reason = Reason.HANDLER_ERROR
        finally:
            self._tasks.pop(connection, None)
            connection.end(reason)

    async def _answer_awaiting(self, connection: StreamConnection) -> None:
        assert self.answering is not None
        answer = self.answering.answer_for(connection, partial(self.rejected, connection))
        while True:
            try:
                message = await connection.next_message()
            except ConnectionClosed as closed:
                if closed.reason.clean:
                    return
                raise
            with connection.answering():
                try:
                    reply = await answer(message)
                except MessageRejected as rejected:
                    if rejected.peer is not None:
                        raise
                    reply = self.rejection(connection, rejected)
                if reply is not None:
                    await connection.send_encoded(reply)
            if connection.ending:
                return

    # Going.

    async def drain(self, seconds: float) -> None:
        """Let what is in hand finish for at most `seconds`, then cut off what is left."""
        self._draining = True
        if self.threads is not None:
            await self.threads.drain(seconds)
        if self._opening:
            await asyncio.wait(self._opening, timeout=seconds)
        if self._handshakes is not None:
            self._handshakes.cut()
        for connection in list(self.connections):
            connection.drain()
        if not await self._empty_within(seconds):
            await self._cut_off_rest()
        self.watch.close()

    async def end_threads(self) -> None:
        """End the threads of handlers that block, those of datagrams too. Nothing is taken any more."""
        if self.threads is not None:
            await self.threads.close(LAST_WORDS_SECONDS)

    async def _empty_within(self, seconds: float) -> bool:
        """Wait until all connections are gone and their handlers have ended. Returns whether they did in time."""
        if self.connections:
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._emptied], timeout=seconds)
        return not self.connections

    async def _cut_off_rest(self) -> None:
        for connection in list(self.connections):
            self.counts.cut_off += not connection.delivered
            connection.abort(Reason.DRAINING)
        for task in self._tasks.values():
            task.cancel()
        if not await self._empty_within(LAST_WORDS_SECONDS):
            log.error("%s: %d handlers go on though they were cancelled", self.service.name, len(self._tasks))

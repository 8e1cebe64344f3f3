"""A connection under test, joined in memory to a peer that the test plays."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from landline.address import TcpAddress
from landline.connection.stream import Answer, StreamConnection
from landline.connection.watch import Watch
from landline.errors import MessageRejected, Reason, UnfitMessage
from landline.framing import parse
from landline.limits import Limits
from landline.payload import Text
from landline.testing import MemoryTransport, connect_in_memory
from landline.testing.memory import READ_BYTES

HERE, THERE = TcpAddress("127.0.0.1", 8101), TcpAddress("192.0.2.7", 40000)


class Peer(asyncio.Protocol):
    """The other end: keeps what it received, in the pieces in which it came."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended = False
        self.lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def eof_received(self) -> bool:
        self.ended = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)

    @property
    def received(self) -> bytes:
        return b"".join(self.pieces)


class Line:
    """A StreamConnection, its host (this object), and its peer."""

    def __init__(
        self,
        framing: str = "lines",
        answer: Answer | Callable[[bytes, StreamConnection], bytes | None] | None = None,
        with_connection: bool = False,
        pipe_bytes: int = 64 * 1024,
        reads: int = READ_BYTES,
        **limits: Any,
    ) -> None:
        self.limits = Limits(**limits)
        self.watch = Watch(asyncio.get_running_loop(), self.limits)
        self.failures: list[BaseException] = []
        self.rejections: list[MessageRejected] = []
        self.gone: list[Reason | None] = []
        self._answer = answer
        self._with_connection = with_connection
        self.peer = Peer()
        # Nothing passes over this socket: a real one stands in for the question what the kernel still holds.
        self.sock, self._other = socket.socketpair()
        self.connection = StreamConnection(self, parse(framing), self.limits, THERE, HERE, self.sock)
        self.ours: MemoryTransport
        self.theirs: MemoryTransport
        self.ours, self.theirs = connect_in_memory(self.connection, self.peer, pipe_bytes=pipe_bytes, reads=reads)

    def opened(self, connection: StreamConnection) -> None:
        answer: Any = self._answer
        if answer is not None and self._with_connection:
            connection.push_to(lambda message: None if connection.ending else answer(message, connection))
        elif answer is not None:
            connection.push_to(answer)

    def closed(self, connection: StreamConnection) -> None:
        self.gone.append(connection.reason)

    def handler_failed(self, connection: StreamConnection, error: BaseException) -> None:
        self.failures.append(error)

    def rejection(self, connection: StreamConnection, rejected: MessageRejected) -> bytes:
        self.rejections.append(rejected)
        return Text().rejection(rejected)

    def answered_unfit(self, connection: StreamConnection, unfit: UnfitMessage) -> bool:
        return False

    async def say(self, data: bytes) -> None:
        """Let the peer send bytes, and everything that follows from it happen."""
        self.theirs.write(data)
        await settle()

    async def __aenter__(self) -> Line:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.connection.abort()
        self.theirs.abort()
        await settle()
        self.watch.close()
        self.sock.close()
        self._other.close()


async def settle(turns: int = 200) -> None:
    """Let everything run that can run now; no time passes."""
    for _ in range(turns):
        await asyncio.sleep(0)

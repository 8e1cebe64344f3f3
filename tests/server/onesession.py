"""A service with one session that keeps what it hears, and a call of it in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from landline.errors import MessageRejected, Reason
from landline.limits import Limits
from landline.server.service import Service
from landline.server.session import Session, SessionConnection
from landline.testing import run_virtual, serve_in_memory
from tests.connection.line import Peer, settle

ROOM = 1000
"""Bytes that a connection of these tests sends, or keeps, before its session is told to wait."""


class Notes(Session):
    """Keeps what it hears; a message may tell it what to do. `said` is shared by all sessions of a test."""

    def __init__(self, connection: SessionConnection, said: list[str], keeps_open: bool = False) -> None:
        self.connection = connection
        self.said = said
        self.keeps_open = keeps_open
        said.append("here")

    def received(self, message: bytes) -> bytes | None:
        """Do as the message says."""
        self.said.append(message.decode())
        if message == b"fail":
            raise ArithmeticError("a secret of the session")
        if message == b"refuse":
            raise MessageRejected("NOT_NOW", "not now")
        if message == b"end":
            self.connection.end()
        if message == b"abort":
            self.connection.abort()
        if message == b"write":
            assert self.connection.write(b"at once\n")
        return b"reply to " + message

    def ended(self) -> bool:
        """Say a last word, or wait with it."""
        self.said.append("ended")
        if not self.keeps_open:
            self.connection.write(b"last words\n")
        return self.keeps_open

    def writable(self) -> None:
        """Keep it in mind."""
        self.said.append(f"writable, {self.connection.buffered} left")

    def drain(self) -> bool:
        """Say goodbye, or wait with it."""
        self.said.append("drain")
        if not self.keeps_open:
            self.connection.write(b"goodbye\n")
        return self.keeps_open

    def closed(self, reason: Reason) -> None:
        """Keep why, and try what is of no use any more."""
        self.said.append(f"closed, {reason.value}")
        assert (self.connection.write(b"too late"), self.connection.buffered) == (False, 0)
        self.connection.end()
        self.connection.abort()


class Call:
    """A call, in memory, of a service with one session; `said` is what that heard."""

    def __init__(self, keeps_open: bool = False, drain_seconds: float = 0.0, framing: str = "lines") -> None:
        self.said: list[str] = []
        self.peer = Peer()
        limits = Limits(send_buffer_bytes=ROOM, linger_seconds=1.0, slow_reader_seconds=5.0)
        service = Service("notes", framing=framing, limits=limits)

        @service.session
        def begin(connection: SessionConnection) -> Notes:
            self.session = Notes(connection, self.said, keeps_open)
            return self.session

        self._serving = serve_in_memory(service, drain_seconds)

    async def __aenter__(self) -> Call:
        self.memory = await self._serving.__aenter__()
        self.running = self.memory.running
        self.transport = self.memory.connect_raw(self.peer, pipe_bytes=ROOM)
        self.connection = self.session.connection
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.transport.abort()
        await settle()
        await self._serving.__aexit__(None, None, None)

    async def say(self, data: bytes) -> None:
        """Let the peer send bytes, and all that follows happen."""
        self.transport.write(data)
        await settle()


def calling(**options: Any) -> Callable[[Callable[[Call], Any]], Callable[[], None]]:
    """Make a test of a coroutine function of one call, under the virtual clock."""

    def decorate(test: Callable[[Call], Any]) -> Callable[[], None]:
        def run() -> None:
            async def scenario() -> None:
                async with Call(**options) as call:
                    await test(call)
                    failures = [type(one) for one in call.memory.failures]
                    assert failures in ([], [ArithmeticError])

            run_virtual(scenario())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate

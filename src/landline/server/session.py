"""Sessions: one object for each connection, called when something happens there, without a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from landline.connection.stream import StreamConnection
from landline.errors import Reason


class Session(Protocol):
    """What `@service.session` makes for each connection. All of it runs in the event loop and must not block.

    What one of these raises is logged once and ends that connection alone. A class may inherit from this one: then all
    but `received` do nothing until it says otherwise.
    """

    turn_bytes: ClassVar[int] = 0
    """How much of what has arrived is received before others have their turn: messages that are longer come in parts
    of this length. For sessions that speak a protocol of their own over the framing `raw`; 0 leaves messages whole."""

    def received(self, message: bytes) -> bytes | None:
        """One message has arrived. Returns a reply for the framing to encode, or None.

        The replies to all messages of one read leave together, behind what was said with `write` meanwhile. While the
        peer does not read what it is sent, nothing is received from it.
        """

    def ended(self) -> bool | None:
        """The peer sends no more; all its messages were received. Called at most once, while it can still be written.

        Then the connection ends by itself, unless this returns True: the session will call `end` when it has no more
        to say, and sees to it that it does.
        """
        return None

    def writable(self) -> None:
        """There is room to send again, after `write` has returned False."""
        return None

    def drain(self) -> bool | None:
        """The service stops: it is time to say goodbye. Called at most once.

        What has arrived is still received, then the connection ends by itself, unless this returns True: the session
        will call `end`, within `drain_seconds`.
        """
        return None

    def closed(self, reason: Reason) -> None:
        """The connection is gone, for this reason. Called once, whatever happened; nothing is called after it."""
        return None


class SessionConnection(StreamConnection):
    """A connection that belongs to a session, as the function declared with `@service.session` gets it."""

    __slots__ = ("_drain_told", "_end_told", "_held_open", "_room_untold", "_session")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._session: Session | None = None
        self._drain_told = self._end_told = self._held_open = self._room_untold = False

    # What a session calls.

    def write(self, data: bytes) -> bool:
        """Send bytes as they are, at once or behind what waits; never refused while the connection is open.

        Returns whether the transport has room for more. If not, `Session.writable` tells when it has: whoever goes on
        writing makes `buffered` grow without bounds. Returns False, and sends nothing, once the connection is ending.
        """
        if self._ending or self._sending_ended or self._gone:
            return False
        self._bytes_sent += len(data)
        self._transport.write(data)
        return self._writable

    @property
    def buffered(self) -> int:
        """Bytes that were written and that the kernel has not taken yet; with TLS, counted as they travel."""
        return 0 if self._gone else self._transport.get_write_buffer_size()

    # What a host calls.

    def begin(self, make: Callable[[SessionConnection], Session]) -> None:
        """Make the session of this connection, which is open. If that fails, the connection ends."""
        try:
            session = make(self)
            self.push_to(session.received)
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error)
        else:
            self._session = session
            if session.turn_bytes:
                self._take_turns(session.turn_bytes)

    def _take_turns(self, size: int) -> None:
        feed = self._feed

        def parts(data: bytes | bytearray | memoryview) -> list[bytes]:
            return [one[start : start + size] for one in feed(data) for start in range(0, len(one), size)]

        self._feed = parts
        self._turn = 1

    # What the transport calls.

    def resume_writing(self) -> None:
        self._room_untold = True
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # The session is let go: each holds the other.
        session, self._session = self._session, None
        if session is not None:
            try:
                session.closed(self.reason or Reason.PEER_CLOSED)
            except (Exception, asyncio.CancelledError) as error:
                self._failed(error)

    def _go_on(self) -> None:
        if self._room_untold and self._writable and self._session is not None and not self._ending:
            self._room_untold = False
            self._told(self._session.writable)
        super()._go_on()

    # Ending.

    def _settle(self) -> None:
        session = self._session
        if session is not None and self._draining and not (self._drain_told or self.ending):
            self._drain_told = True
            self._held_open |= self._told(session.drain)
        if session is not None and self._peer_ended and not (self._end_told or self.ending) and self._all_heard:
            self._end_told = True
            self._held_open |= self._told(session.ended)
        if not self._held_open or self._fault is not None:
            super()._settle()

    @property
    def _all_heard(self) -> bool:
        return self._pending is None and (not self._undecoded or self._fault is not None)

    def _told(self, method: Callable[[], bool | None]) -> bool:
        """Call a method of the session. Returns whether it wants to end the connection itself."""
        try:
            return method() is True
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error)
            return False

    def _failed(self, error: BaseException) -> None:
        self._host.handler_failed(self, error)
        self.end(Reason.HANDLER_ERROR)


SessionFactory = Callable[[SessionConnection], Session]

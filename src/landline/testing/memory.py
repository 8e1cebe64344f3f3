"""Two ends of a stream in memory, on asyncio's own Transport interface.

Nothing is copied by a kernel: what one end writes waits in a pipe of `pipe_bytes` until the other end reads, and what
does not fit there waits in the write buffer of the sender, as with a socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

DEFAULT_HIGH_WATER_BYTES = 64 * 1024
DEFAULT_PIPE_BYTES = 64 * 1024
READ_BYTES = 256 * 1024

Reads = int | Callable[[], int]
"""The most bytes that are handed over at once, or a function that says so for the next time."""


class MemoryTransport(asyncio.Transport):
    """One end. `peer` is the other; `connect_in_memory` makes both.

    `reads` is the most bytes one `data_received` gets, or says it anew each time; `written` the sizes of all writes so
    far.
    """

    def __init__(self, protocol: asyncio.Protocol, pipe_bytes: int, reads: Reads) -> None:
        super().__init__()
        self.peer: MemoryTransport = self
        self.written: list[int] = []
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._pipe_bytes = pipe_bytes
        self._reads = reads
        self._outgoing = bytearray()
        self._pipe = bytearray()
        self._high = DEFAULT_HIGH_WATER_BYTES
        self._low = DEFAULT_HIGH_WATER_BYTES // 4
        self._protocol_paused = self._reading_paused = False
        self._eof_written = self._eof_sent = self._eof_told = False
        self._closing = self._lost = False

    # What a protocol calls.

    def write(self, data: Any) -> None:
        """Take bytes to send; nothing once the transport closes."""
        if self._closing or not data:
            return
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        self.written.append(len(data))
        self._outgoing += data
        self._move()
        self._check_water()

    def write_eof(self) -> None:
        """End our side once everything is sent."""
        self._eof_written = True
        self._move()

    def can_write_eof(self) -> bool:
        """A stream in memory has half-close."""
        return True

    def pause_reading(self) -> None:
        """Receive nothing until `resume_reading`; what arrives waits in the pipe."""
        self._reading_paused = True

    def resume_reading(self) -> None:
        """Receive again."""
        self._reading_paused = False
        self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        """Whether data is received."""
        return not self._reading_paused and not self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks, in bytes, at which the protocol is told to stop (`high`) and to go on (`low`)."""
        self._high = DEFAULT_HIGH_WATER_BYTES if high is None else high
        self._low = self._high // 4 if low is None else low
        self._check_water()

    def get_write_buffer_size(self) -> int:
        """Bytes that do not fit the pipe yet."""
        return len(self._outgoing)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what follows."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that gets what arrives."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether `close` or `abort` was called."""
        return self._closing

    def close(self) -> None:
        """Receive no more; go when everything is sent."""
        if not self._closing:
            self._closing = True
            self._move()

    def abort(self) -> None:
        """Go at once; what was not delivered is lost, and the peer sees a reset."""
        self._closing = True
        self._outgoing.clear()
        self._lose(None)
        self._loop.call_soon(self.peer._lose, ConnectionResetError(104, "Connection reset by peer"))

    # How bytes move.

    def _move(self) -> None:
        room = self.peer._pipe_bytes - len(self.peer._pipe)
        if room > 0 and self._outgoing:
            self.peer._pipe += self._outgoing[:room]
            del self._outgoing[:room]
            self._loop.call_soon(self.peer._deliver)
        if self._outgoing:
            return
        if (self._eof_written or self._closing) and not self._eof_sent:
            self._eof_sent = True
            self._loop.call_soon(self.peer._deliver)
        if self._closing:
            self._loop.call_soon(self._lose, None)

    def _deliver(self) -> None:
        if self._lost or self._reading_paused:
            return
        if self._closing:
            self._pipe.clear()
        elif self._pipe:
            most = self._reads if isinstance(self._reads, int) else self._reads()
            data = bytes(self._pipe[:most])
            del self._pipe[: len(data)]
            self.peer._made_room()
            self._protocol.data_received(data)
            self._loop.call_soon(self._deliver)
        elif self.peer._eof_sent and not self._eof_told:
            self._eof_told = True
            if not self._protocol.eof_received():
                self.close()

    def _made_room(self) -> None:
        self._move()
        if self._protocol_paused and len(self._outgoing) <= self._low and not self._lost:
            self._protocol_paused = False
            self._loop.call_soon(self._protocol.resume_writing)

    def _check_water(self) -> None:
        if len(self._outgoing) > self._high and not self._protocol_paused:
            self._protocol_paused = True
            self._protocol.pause_writing()

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, error)


def connect_in_memory(
    first: asyncio.Protocol,
    second: asyncio.Protocol,
    *,
    pipe_bytes: int = DEFAULT_PIPE_BYTES,
    reads: Reads = READ_BYTES,
) -> tuple[MemoryTransport, MemoryTransport]:
    """Join two protocols, `first` and `second`, on the running event loop.

    `pipe_bytes` is what each direction holds before its sender must wait, as a socket's buffers do; `reads` is the most
    bytes handed over at once (1 delivers byte by byte), or a function that says it anew each time. Returns both
    transports; `connection_made` was called on both.
    """
    ends = MemoryTransport(first, pipe_bytes, reads), MemoryTransport(second, pipe_bytes, reads)
    ends[0].peer, ends[1].peer = ends[1], ends[0]
    first.connection_made(ends[0])
    second.connection_made(ends[1])
    return ends

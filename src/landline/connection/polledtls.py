"""TLS on a socket, for code that polls: a thread that waits for more than its peer."""

from __future__ import annotations

import contextlib
import socket

from landline.connection.tlssession import PIECE_BYTES, TlsSession
from landline.connection.tlssocket import TlsSocket

HEADER_BYTES = 5
"""Type, version and length of a record (RFC 8446, 5.1)."""


class RecordCounter:
    """Tells whether a stream of TLS records stands in the middle of one, where nobody can read yet what it says."""

    __slots__ = ("_header", "_missing")

    def __init__(self) -> None:
        self._header = b""
        self._missing = 0

    @property
    def inside(self) -> bool:
        """Whether the beginning of a record has come, and its end has not."""
        return bool(self._missing or self._header)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        at = 0
        while at < len(data):
            if self._missing:
                step = min(self._missing, len(data) - at)
                self._missing -= step
                at += step
                continue
            piece = data[at : at + HEADER_BYTES - len(self._header)]
            at += len(piece)
            self._header += piece
            if len(self._header) == HEADER_BYTES:
                self._missing = int.from_bytes(self._header[3:])
                self._header = b""


class PolledTlsSocket(TlsSocket):
    """A TlsSocket whose calls do not wait once the handshake is done: they raise BlockingIOError instead."""

    def __init__(self, plain: socket.socket, session: TlsSession) -> None:
        super().__init__(plain, session)
        self._records = RecordCounter()
        self.read_bytes = 0
        self._said_goodbye = False

    @property
    def ready(self) -> bool:
        """Whether `recv` has an answer already, whatever the socket below says."""
        return bool(self._read) or self._session.ended or self._session.error is not None

    @property
    def inside_record(self) -> bool:
        """Whether half a record is here."""
        return self._records.inside

    def take_read_bytes(self) -> int:
        """How many bytes came from the socket since this was last asked; behind the handshake, only what followed."""
        count, self.read_bytes = self.read_bytes, 0
        return count

    def finish_shaking(self) -> None:
        """Send our last word of the handshake. From then on calls do not wait."""
        super().finish_shaking()
        self.read_bytes = sum(map(len, self._read))
        self.plain.setblocking(False)

    def recv(self, size: int) -> bytes:
        """Read what has come. Empty bytes say that the peer has ended."""
        if not self.ready:
            data = self.plain.recv(size)
            if not data:
                return b""
            self._take_in(data)
            self._send_waiting()
        if self._read:
            found = b"".join(self._read)
            self._read.clear()
            return found
        if self._session.error is not None:
            raise self._session.error
        if self._session.ended:
            return b""
        raise BlockingIOError

    def send(self, data: bytes | bytearray) -> int:
        """Send the beginning of `data`; returns how many bytes of it, which may be none. Go on with the same."""
        if not self._taken:
            piece = bytes(memoryview(data)[:PIECE_BYTES])
            self._unsent += self._session.encrypt(piece)
            self._taken = len(piece)
        self._send_some()
        if self._unsent:
            return 0
        taken, self._taken = self._taken, 0
        return taken

    def shutdown(self, _: int) -> None:
        """End our direction, as for every TlsSocket. After BlockingIOError, call again."""
        if not self._said_goodbye:
            self._said_goodbye = True
            self._unsent += self._session.end()
        while self._unsent:
            self._send_some()
        self.plain.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close at once: `shutdown` has said goodbye, or there is nobody to say it to."""
        self.plain.close()

    def _take_in(self, data: bytes) -> None:
        self._records.feed(data)
        self.read_bytes += len(data)
        super()._take_in(data)

    def _send_some(self) -> None:
        del self._unsent[: self.plain.send(self._unsent)]

    def _send_waiting(self) -> None:
        """What TLS itself has to say: an alert, the answer to new keys. It can wait for room."""
        self._unsent += self._session.take()
        if self._unsent:
            with contextlib.suppress(OSError):
                self._send_some()

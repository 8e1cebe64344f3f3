"""TLS on a socket, for code that blocks.

Not `ssl.SSLSocket`: it cannot end one direction and go on reading the other, which `end_sending` is for.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from landline.address import Address
from landline.connection.tlssession import PIECE_BYTES, TlsInfo, TlsSession
from landline.connection.trusting import host_of, no_tls, too_late
from landline.errors import ConnectError
from landline.transport.tls import ClientTls

READ_BYTES = 64 * 1024
HUNG_UP = "it hung up in the middle of the TLS handshake"


class TlsSocket:
    """The part of a socket that a BlockingConnection uses, with TLS below. `plain` is the socket itself.

    As with a socket, `settimeout` bounds each call; a call that took too long may be made again and loses nothing.
    """

    def __init__(self, plain: socket.socket, session: TlsSession) -> None:
        self.plain = plain
        self._session = session
        self._timeout_seconds = 0.0
        self._read: list[bytes] = []
        self._unsent = bytearray()
        self._taken = 0

    @property
    def info(self) -> TlsInfo:
        """What TLS agreed on."""
        return self._session.info()

    def settimeout(self, seconds: float) -> None:
        """How long each call may take."""
        self._timeout_seconds = seconds

    def shake(self) -> None:
        """Do the handshake. Raises TimeoutError, ssl.SSLError, or another OSError; EOFError if the peer hangs up."""
        end = time.monotonic() + self._timeout_seconds
        self._session.start()
        while self._session.shaking:  # When it ends, our last word is still in the session.
            self._raise_error(end)
            self._send_out(end)
            if not self._receive_more(end) and self._session.error is None:
                raise EOFError

    def finish_shaking(self) -> None:
        """Send our last word of the handshake."""
        self._send_out(time.monotonic() + self._timeout_seconds)

    def send(self, data: bytes | bytearray) -> int:
        """Send the beginning of `data`; returns how many bytes of it. After a time-out, call again with the same."""
        end = time.monotonic() + self._timeout_seconds
        self._raise_error(end)
        if not self._taken:
            piece = bytes(memoryview(data)[:PIECE_BYTES])
            self._unsent += self._session.encrypt(piece)
            self._taken = len(piece)
        # What was encrypted is not encrypted again: the peer would hear it twice.
        self._send_out(end)
        taken, self._taken = self._taken, 0
        return taken

    def recv(self, size: int) -> bytes:
        """Read what has come, waiting if nothing has. Empty bytes say that the peer has ended."""
        end = time.monotonic() + self._timeout_seconds
        while not self._read and not self._session.ended:
            self._raise_error(end)
            if not self._receive_more(end):
                return b""
        data = b"".join(self._read)
        self._read = [data[size:]] if len(data) > size else []
        return data[:size]

    def hung_up(self) -> bool:
        """Whether the peer has ended, with nothing left to read before it. Raises BlockingIOError if it is quiet."""
        if not self._read and not self._session.ended:
            self.plain.settimeout(0.0)
            data = self.plain.recv(READ_BYTES)
            self._take_in(data)
            return not data and not self._read
        return not self._read

    def shutdown(self, _: int) -> None:
        """End our direction: close_notify, and the end of the stream below it. What the peer still sends is read."""
        self._unsent += self._session.end()
        self._send_out(time.monotonic() + self._timeout_seconds)
        self.plain.shutdown(socket.SHUT_WR)

    def fileno(self) -> int:
        """The descriptor, or -1 once it is closed."""
        return self.plain.fileno()

    def close(self) -> None:
        """Close, behind close_notify if there is room for it."""
        if self.plain.fileno() < 0:
            return
        self._unsent += self._session.end()
        # A peer that takes no goodbye gets none.
        with contextlib.suppress(OSError):
            self.plain.settimeout(0)
            self.plain.send(self._unsent)
        self.plain.close()

    def _receive_more(self, end: float) -> bool:
        """Wait for bytes of the peer. Returns False at the end of the stream."""
        self.plain.settimeout(_left(end))
        data = self.plain.recv(READ_BYTES)
        self._take_in(data)
        return bool(data)

    def _take_in(self, data: bytes) -> None:
        self._read += self._session.feed(data)

    def _send_out(self, end: float) -> None:
        self._unsent += self._session.take()
        while self._unsent:
            self.plain.settimeout(_left(end))
            del self._unsent[: self.plain.send(self._unsent)]

    def _raise_error(self, end: float) -> None:
        if self._session.error is not None:
            # An alert that nobody takes: the error behind it is what matters.
            with contextlib.suppress(OSError):
                self._send_out(end)
            raise self._session.error


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def secure_blocking(sock: socket.socket, tls: ClientTls, address: Address, seconds: float) -> TlsSocket:
    """Do the handshake on a connected socket within `seconds`.

    Returns the socket to go on with. Raises IdentityRefused, ConnectError, WaitTimeout or UsageError; then `sock` is
    closed.
    """
    try:
        return _secured(sock, tls, address, seconds)
    except BaseException:
        sock.close()
        raise


def _secured(sock: socket.socket, tls: ClientTls, address: Address, seconds: float) -> TlsSocket:
    name = tls.name_for(host_of(address))
    tls.warn(address)
    session = TlsSession(tls.context, False, name)
    secured = TlsSocket(sock, session)
    secured.settimeout(seconds)
    try:
        secured.shake()
        problem = tls.objection(session.peer_certificate())
        if problem is None:
            secured.finish_shaking()
    except ssl.SSLError as error:
        raise no_tls(address, session.problem(error), error) from error
    except EOFError as error:
        raise ConnectError(str(address), HUNG_UP, passing=True) from error
    except OSError as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            raise too_late(address, seconds) from error
        raise no_tls(address, str(error), error) from error
    if problem is not None:
        raise no_tls(address, problem, None, objected=True)
    return secured

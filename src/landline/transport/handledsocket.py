"""The TLS socket that a handler class of socketserver works with."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from typing import Any

PIECE_BYTES = 16 * 1024
"""What is sent at a time: one record. Whoever takes a record before its time is up is not too slow."""
_COME_AGAIN = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class ServerSideSocket(ssl.SSLSocket):
    """The socket of one connection that came in: Python's own, with a bound on sending where it may wait for ever.

    `asked_name` is the name the caller asked for (SNI), `fault` the error by which the connection broke, or None.
    """

    asked_name: str | None = None
    fault: OSError | None = None
    _slow_reader_seconds: float | None = None
    # Whether calls wait for ever. Below, the socket has a time-out all the same: OpenSSL tries again and again what
    # SO_SNDTIMEO ends.
    _patient = False

    def bound_sending(self, slow_reader_seconds: float) -> None:
        """Let calls wait for ever from now on, but `send` end with BlockingIOError when the peer takes nothing."""
        self._slow_reader_seconds = slow_reader_seconds
        self.settimeout(None)

    def settimeout(self, value: float | None) -> None:
        """How long each call may take, in seconds; None is for ever."""
        self._patient = value is None and self._slow_reader_seconds is not None
        super().settimeout(self._slow_reader_seconds if self._patient else value)

    def gettimeout(self) -> float | None:
        """What `settimeout` was given."""
        return None if self._patient else super().gettimeout()

    @property
    def timeout(self) -> float | None:
        """What `settimeout` was given."""
        return self.gettimeout()

    def setblocking(self, flag: bool) -> None:
        """Let calls wait for ever, or not at all."""
        self.settimeout(None if flag else 0.0)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Read up to `len` bytes; `recv` and `recv_into` come here."""
        while True:
            try:
                return super().read(len, buffer)
            except TimeoutError as error:
                if error.errno is not None:
                    self.fault = error
                elif self._patient:
                    continue
                raise
            except OSError as error:
                self._note(error)
                raise

    def send(self, data: Any, flags: int = 0) -> int:
        """Send the beginning of `data`; `sendall` and `sendfile` come here. Returns how many bytes of it."""
        try:
            return super().send(memoryview(data).cast("B")[:PIECE_BYTES] if self._patient else data, flags)
        except TimeoutError as error:
            if error.errno is not None:
                self.fault = error
            elif self._patient:
                raise BlockingIOError(errno.EAGAIN, "the peer took nothing for slow_reader_seconds") from error
            raise
        except OSError as error:
            self._note(error)
            raise

    def shutdown(self, how: int) -> None:
        """End one direction or both, like the `shutdown` of any socket. Python's own would go on in the clear.

        Who ends sending and still reads may get an SSLError, if something had arrived already.
        """
        if how != socket.SHUT_RD:
            before = self.gettimeout()
            self.say_goodbye()
            self.settimeout(before)
        socket.socket.shutdown(self, how)

    def say_goodbye(self) -> None:
        """Send close_notify, if there is room for it. Calls wait no longer from then on."""
        self.settimeout(0.0)
        # It looks for the peer's goodbye too, which is not here yet; ValueError: the handler has unwrapped it.
        with contextlib.suppress(OSError, ValueError):
            self.unwrap()

    def _note(self, error: OSError) -> None:
        if not isinstance(error, _COME_AGAIN):
            self.fault = error

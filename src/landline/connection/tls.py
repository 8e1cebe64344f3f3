"""TLS as a transport: an event loop's transport below, any protocol above.

Not the loop's own TLS: asyncio's keeps a buffer of 256 KiB for each connection, prints tracebacks for what strangers
send, ends differently from uvloop's, and cannot start with bytes that were read already (STARTTLS).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from landline.connection.tlssession import TlsInfo, TlsSession
from landline.transport.tlserrors import overdue_problem

LAST_WORD_SECONDS = 1.0
"""After an alert, how long we read and drop, so that no reset overtakes it."""
LEFT_EARLY = "it left in the middle of the TLS handshake"
GAVE_UP = "we gave up the TLS handshake"
SHOWN_AND_LEFT = "it left when we showed our certificate; it may expect another pin"


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """The middle of a stack: a transport to `protocol`, and the protocol of the transport below.

    `context` and `server_name` are as for `ssl`; the handshake may take `handshake_seconds`. When it fails,
    `on_failure` is called once with a sentence about the peer ("it …"), and `protocol` never hears of the connection;
    `failure_error`, `overdue` and `objected` then tell more. When it is done, `verify` gets the session and may return
    a sentence, which is a failure too (`objected`); else `protocol.connection_made` is called, and then `on_ready`.

    What arrived before may be given to `data_received` behind `connection_made`.
    """

    __slots__ = (
        "_closing", "_end_pending", "_end_told", "_eof_written", "_error", "_handshake_seconds", "_held", "_info",
        "_lost", "_lower", "_lower_paused", "_made", "_on_failure", "_on_ready", "_protocol", "_read_bytes",
        "_reading_paused", "_server_side", "_session", "_timer", "_verify", "failure", "failure_error", "objected",
        "overdue",
    )  # fmt: skip

    def __init__(
        self,
        protocol: asyncio.Protocol,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_name: str | None = None,
        handshake_seconds: float,
        on_failure: Callable[[str], None],
        verify: Callable[[TlsSession], str | None] | None = None,
        on_ready: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        self.failure: str | None = None
        self.failure_error: Exception | None = None
        self._protocol: Any = protocol
        self._session = TlsSession(context, server_side, server_name)
        self._server_side = server_side
        self._handshake_seconds = handshake_seconds
        self._on_failure: Callable[[str], None] | None = on_failure
        self._verify = verify
        self._on_ready = on_ready
        self.objected = self.overdue = False
        self._lower: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._info: TlsInfo | None = None
        self._error: Exception | None = None
        self._held = b""
        self._read_bytes = 0
        self._made = self._lost = self._closing = self._eof_written = False
        self._reading_paused = self._lower_paused = self._end_pending = self._end_told = False

    def __repr__(self) -> str:
        state = "lost" if self._lost else "open" if self._made else "handshake"
        return f"<{type(self).__name__} {state}, {self._protocol!r}>"

    # What the transport below calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake."""
        self._lower = transport
        if self._closing:
            self._lower.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(self._handshake_seconds, self._too_late)
        self._session.start()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take ciphertext; hand all plaintext in it on at once."""
        if self._closing or self.failure is not None:
            return
        self._read_bytes += len(data)
        session = self._session
        plain = session.feed(data)
        if not self._made and not session.shaking and not self._finish_handshake():
            return
        self._flush()
        if plain:
            self._hand_on(plain[0] if len(plain) == 1 else b"".join(plain))
        if session.error is not None:
            self._broke(session.error)
        elif session.ended:
            self._tell_end()

    def eof_received(self) -> bool:
        """The peer ended below TLS. Without close_notify it may have been cut; framings see that, TLS does not say."""
        if not self._made:
            if self.failure is None:
                self._fail(self._why_it_left())
            self._lower.close()
        else:
            self._tell_end()
        return True

    def pause_writing(self) -> None:
        """Hand on that the peer takes no more."""
        self._lower_paused = True
        if self._made:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the peer takes more."""
        self._lower_paused = False
        if self._made:
            self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport below is gone."""
        self._lost = self._closing = True
        self._stop_timer()
        if self._made:
            if self._eof_written and self._session.ended and isinstance(exc, ConnectionError):
                # Only our goodbye found nobody, whose own had come: plain connections have none that could fail.
                exc = None
            self._protocol.connection_lost(self._error or exc)
        else:
            self.failure = self.failure or self._why_it_left()
            self.failure_error = self.failure_error or exc
            self._tell_failure()

    # What the protocol above calls.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known: `tls` (TlsInfo), `ssl_object`, what the transport below knows, and `read_bytes`: how many
        bytes of ciphertext came since the last `data_received`."""
        if name == "tls":
            if self._info is None and self._made:
                self._info = self._session.info()
            return self._info
        if name == "read_bytes":
            return self._read_bytes
        if name == "ssl_object":
            return self._session.ssl_object
        return default if self._lower is None else self._lower.get_extra_info(name, default)

    def write(self, data: Any) -> None:
        """Encrypt and send, in one write below."""
        if self._closing or not data:
            return
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        try:
            ciphertext = self._session.encrypt(data)
        except ssl.SSLError as error:
            self._broke(error)
            return
        self._lower.write(ciphertext)

    def writelines(self, list_of_data: Any) -> None:
        """Send several pieces as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """TLS has half-close: close_notify ends one direction (RFC 8446, 6.1)."""
        return True

    def write_eof(self) -> None:
        """Say that nothing more follows, in TLS and below it. What the peer still sends is read."""
        if self._eof_written or self._closing:
            return
        self._eof_written = True
        if last := self._session.end():
            self._lower.write(last)
        if self._lower.can_write_eof():
            self._lower.write_eof()

    def pause_reading(self) -> None:
        """Hand nothing on until `resume_reading`."""
        self._reading_paused = True
        self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Hand on again, first what was held back."""
        self._reading_paused = False
        self._lower.resume_reading()
        if self._held or self._end_pending:
            asyncio.get_running_loop().call_soon(self._hand_on_held)

    def is_reading(self) -> bool:
        """Whether data is handed on."""
        return not self._reading_paused and not self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks at which the protocol is told to stop and to go on, in bytes of ciphertext."""
        self._lower.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> Any:
        """The marks, as (low, high)."""
        return self._lower.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent; all are encrypted already."""
        size: int = self._lower.get_write_buffer_size()
        return size

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what follows."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol above."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def is_closing(self) -> bool:
        """Whether the connection is being closed or is gone."""
        return bool(self._closing or self._lower is None or self._lower.is_closing())

    def close(self) -> None:
        """Send what waits and close_notify, then close."""
        if not self._made:
            self.abort()
        if self._closing:
            return
        self.write_eof()
        self._closing = True
        self._lower.close()

    def abort(self) -> None:
        """Close at once. A handshake that is not done has failed."""
        self._closing = True
        if self._lower is not None:
            self._lower.abort()
        if not self._made:
            self.failure = self.failure or GAVE_UP
            self._tell_failure()

    # The handshake.

    def _finish_handshake(self) -> bool:
        """Let the protocol above begin. Returns whether the connection stands."""
        problem = self._verify(self._session) if self._verify is not None else None
        if problem is not None:
            # Our last word of the handshake is thrown away: the peer must not take the connection for made.
            self._session.take()
            self.objected = True
            self._fail(problem)
            return False
        self._stop_timer()
        self._flush()
        self._made = True
        self._on_failure = None
        self._protocol.connection_made(self)
        if self._on_ready is not None:
            self._on_ready()
        if self._lower_paused and not self._closing:
            self._protocol.pause_writing()
        return True

    def _too_late(self) -> None:
        self.overdue = True
        self._fail(overdue_problem(self._handshake_seconds))
        self._lower.abort()

    def _fail(self, sentence: str, error: Exception | None = None) -> None:
        self.failure, self.failure_error = sentence, error
        self._stop_timer()
        self._flush()
        if self._server_side:
            # Whoever is told keeps the place until the peer has gone, so that strangers cannot pile sockets up.
            self._part()
        else:
            self._lower.close()
            self._tell_failure()

    def _why_it_left(self) -> str:
        return SHOWN_AND_LEFT if self._server_side and self._session.answered else LEFT_EARLY

    def _tell_failure(self) -> None:
        told, self._on_failure = self._on_failure, None
        if told is not None and self.failure is not None:
            told(self.failure)

    def _broke(self, error: ssl.SSLError) -> None:
        """The session cannot go on: an alert, or bytes that are not ours to read."""
        if not self._made:
            self._fail(self._session.problem(error), error)
        elif not self._closing:
            self._error = error
            self._flush()
            self._closing = True
            self._part()

    def _part(self) -> None:
        """End our side, behind the alert that says why, and go when the peer has ended its side or time is up."""
        if self._lower.is_closing():
            return
        if self._lower.can_write_eof() and not self._eof_written:
            self._eof_written = True
            self._lower.write_eof()
        self._timer = asyncio.get_running_loop().call_later(LAST_WORD_SECONDS, self._lower.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Handing on.

    def _flush(self) -> None:
        data = self._session.take()
        if data and not self._eof_written and not self._lower.is_closing():
            self._lower.write(data)

    def _hand_on(self, data: bytes) -> None:
        if self._closing:
            return
        if self._reading_paused:
            self._held += data
        else:
            self._protocol.data_received(data)
            self._read_bytes = 0

    def _hand_on_held(self) -> None:
        if self._held and not self._reading_paused:
            held, self._held = self._held, b""
            self._hand_on(held)
        if self._end_pending:
            self._tell_end()

    def _tell_end(self) -> None:
        if self._end_told or self._lost:
            return
        self._end_pending = self._reading_paused
        if self._closing:
            # Only the peer's goodbye was awaited.
            self._lower.close()
        elif not self._reading_paused:
            self._end_told = True
            if not self._protocol.eof_received():
                self.close()

"""TLS or clear text on one port: the first byte of a caller tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from landline.connection.watch import Timer
from landline.errors import Reason

TLS_HANDSHAKE = 0x16
"""What the first record of TLS begins with (RFC 8446, 5.1: content type handshake)."""
SNIFF_SECONDS = 0.2
"""How long a caller may be silent before it is taken for one in the clear: a person waits for a greeting, and whoever
speaks TLS has sent its first byte together with the end of the TCP handshake."""


class Sniffer(asyncio.Protocol):
    """Reads until it knows what a caller speaks, then gives the transport, and what was read, to another protocol.

    `clear` is the protocol for clear text, `secure` makes the one for TLS. `on_gone` is called with a reason if the
    caller, or we, left before that. `timer` bounds the wait; all sniffers of a service share it.
    """

    __slots__ = ("_clear", "_on_gone", "_secure", "_timer", "_transport")

    def __init__(
        self,
        clear: asyncio.Protocol,
        secure: Callable[[], asyncio.Protocol],
        on_gone: Callable[[Reason], None],
        timer: Timer[Sniffer],
    ) -> None:
        self._clear = clear
        self._secure = secure
        self._on_gone: Callable[[Reason], None] | None = on_gone
        self._timer = timer
        self._transport: Any = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first byte."""
        self._transport = transport
        if self._on_gone is None:
            self._transport.abort()
        else:
            self._timer.start(self)

    def data_received(self, data: bytes) -> None:
        """Know by the first byte; the rest goes to whom it belongs."""
        if self._on_gone is not None:
            chosen = self._secure() if data[0] == TLS_HANDSHAKE else self._clear
            self._hand_over(chosen)
            chosen.data_received(data)

    def eof_received(self) -> bool | None:
        """The caller has nothing to say: it may listen, in the clear."""
        if self._on_gone is None:
            return False
        self._hand_over(self._clear)
        return self._clear.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone and has said nothing."""
        self._timer.stop(self)
        self._tell_gone(Reason.PEER_CLOSED if exc is None else Reason.RESET)

    # What others call.

    def silent(self) -> None:
        """The caller was silent for too long to be one that speaks TLS."""
        if self._on_gone is not None:
            self._hand_over(self._clear)

    def abort(self) -> None:
        """Cut the caller off."""
        self._timer.stop(self)
        self._tell_gone(Reason.DRAINING)
        if self._transport is not None:
            self._transport.abort()

    def _hand_over(self, chosen: asyncio.Protocol) -> None:
        self._timer.stop(self)
        self._on_gone = None
        self._transport.set_protocol(chosen)
        chosen.connection_made(self._transport)

    def _tell_gone(self, reason: Reason) -> None:
        told, self._on_gone = self._on_gone, None
        if told is not None:
            told(reason)

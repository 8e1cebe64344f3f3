"""Decoding one message at a time, for conversations that change what follows a message. Pure."""

from __future__ import annotations

from landline.framing.base import Decoder


class Stepper:
    """Bytes that have arrived, given to a decoder no further than to the end of one message.

    A decoder does not tell where in its input a message ended, so most get one byte after the other. That is slow, and
    meant for the few messages before a switch of framing or the start of TLS.
    """

    __slots__ = ("_at", "_decoder", "_unread")

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._unread = bytearray()
        self._at = 0

    @property
    def unread(self) -> int:
        """How many bytes have arrived and were not decoded."""
        return len(self._unread) - self._at

    def put(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        del self._unread[: self._at]
        self._at = 0
        self._unread += data

    def next(self) -> bytes | None:
        """Decode up to the end of one message. Returns it, or None if it is not whole. Raises FramingError."""
        while self.unread:
            at, self._at = self._at, min(len(self._unread), self._at + self._decoder.step)
            messages = self._decoder.feed(self._unread[at : self._at])
            if messages:
                return messages[0]
        return None

    def switch(self, decoder: Decoder) -> None:
        """Decode what follows with another decoder."""
        self._decoder = decoder

    def take_rest(self) -> bytes:
        """Remove and return what was not decoded."""
        rest = bytes(self._unread[self._at :])
        self._unread.clear()
        self._at = 0
        return rest

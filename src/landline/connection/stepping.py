"""Decoding one message at a time, for conversations that change what follows a message. Pure."""

from __future__ import annotations

import sys

from landline.framing.base import Decoder

MOST_BYTES_A_TURN = 4096
"""Bytes decoded one by one before other connections get their turn: some milliseconds, with a reply to each."""


class Stepper:
    """Bytes that have arrived, given to a decoder no further than to the end of one message.

    A decoder does not tell where in its input a message ended, so most get one byte after the other. That is slow, and
    meant for the few messages before a switch of framing or the start of TLS.
    """

    __slots__ = ("_at", "_began", "_decoder", "_unread")

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        # What was decoded is kept to the end of its message: a switch inside a message goes back to where it began.
        self._unread = bytearray()
        self._began = self._at = 0

    @property
    def unread(self) -> int:
        """How many bytes have arrived and were not decoded."""
        return len(self._unread) - self._at

    def put(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        del self._unread[: self._began]
        self._at -= self._began
        self._began = 0
        self._unread += data

    def next(self, most_bytes: int = sys.maxsize) -> bytes | None:
        """Decode up to the end of one message, or about `most_bytes`.

        Returns the message, or None if it is not whole. Raises FramingError.
        """
        last = self._at + most_bytes
        while self.unread and self._at < last:
            at, self._at = self._at, min(len(self._unread), self._at + self._decoder.step)
            messages = self._decoder.feed(self._unread[at : self._at])
            if messages:
                self._began = self._at
                return messages[0]
        return None

    def switch(self, decoder: Decoder) -> None:
        """Decode what follows the last whole message with another decoder, which has seen nothing yet."""
        self._decoder = decoder
        self._at = self._began

    def take_rest(self) -> bytes:
        """Remove and return what follows the last whole message."""
        rest = bytes(self._unread[self._began :])
        self._unread.clear()
        self._began = self._at = 0
        return rest

"""SLIP: messages between END bytes, with END and ESC escaped inside (RFC 1055)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from landline.errors import HEAD_BYTES, MalformedMessage, UnframableMessage
from landline.framing.base import DEFAULT_LIMITS, BytesLike, Decoder, Framing
from landline.limits import Limits

END, ESC = b"\xc0", b"\xdb"
ESCAPED_END, ESCAPED_ESC = b"\xdb\xdc", b"\xdb\xdd"
_BAD_ESCAPE = re.compile(rb"\xdb(?![\xdc\xdd])")


@dataclass(frozen=True, slots=True)
class Slip(Framing):
    """Messages as SLIP packets. An empty message cannot be said: empty packets are line noise and are skipped."""

    def __str__(self) -> str:
        return "slip"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> SlipDecoder:
        return SlipDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        if not message:
            raise UnframableMessage(str(self), "it is empty, and receivers skip empty packets")
        return message.replace(ESC, ESCAPED_ESC).replace(END, ESCAPED_END) + END


class SlipDecoder(Decoder):
    """Decoder of Slip. The limit counts the bytes after unescaping.

    RFC 1055 lets a receiver keep a byte that follows ESC wrongly; here it is an error, as nothing tells what was meant.
    """

    __slots__ = ("_escape_open", "_raw")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._escape_open = False
        self._raw = 0

    @property
    def held(self) -> int:
        return len(self._held) + (self._escape_open and self.error is None)

    def feed(self, data: BytesLike) -> list[bytes]:
        """Take the next bytes, as `Decoder.feed` says."""
        self._raise_error()
        messages: list[bytes] = []
        *packets, tail = bytes(data).split(END)
        for packet in packets:
            if not self._take(packet, ended=True):
                break
            if self._held:
                messages.append(bytes(self._held))
                self._held.clear()
            self._offset += self._raw + 1
            self._raw = 0
        else:
            self._take(tail, ended=False)
        if self.error is not None and not messages:
            self._raise_error()
        return messages

    def _take(self, piece: bytes, ended: bool) -> bool:
        """Unescape `piece` onto what is held of its packet; say whether the packet is still sound."""
        self._raw += len(piece)
        if self._escape_open:
            piece = ESC + piece
        self._escape_open = not ended and piece.endswith(ESC)
        if self._escape_open:
            piece = piece[:-1]
        bad = _BAD_ESCAPE.search(piece)
        sound = piece[: bad.start()] if bad else piece
        self._held += sound.replace(ESCAPED_END, END).replace(ESCAPED_ESC, ESC)
        if bad or len(self._held) > self._limit:
            self._refuse(bytes(self._held[:HEAD_BYTES]))
        return self.error is None

    def _refuse(self, head: bytes) -> None:
        if len(self._held) > self._limit:
            self._too_large(self._limit + 1, self._offset, head, exact=False)
        else:
            self._fail(MalformedMessage("an escape byte db is followed by neither dc nor dd", self._offset, head))

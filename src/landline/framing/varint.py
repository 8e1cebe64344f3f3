"""Messages behind a length written as a variable-length number, LEB128 (DWARF 5, 7.6; protocol buffers)."""

from __future__ import annotations

from dataclasses import dataclass

from landline.errors import MalformedMessage
from landline.framing.base import DEFAULT_LIMITS, Framing, PrefixDecoder
from landline.limits import Limits

MOST_LENGTH_BYTES = 10
"""What 64 bits take at seven bits a byte."""


@dataclass(frozen=True, slots=True)
class Varint(Framing):
    """Messages behind their length in unsigned LEB128: seven bits a byte, lowest first, the top bit set on all but
    the last."""

    def __str__(self) -> str:
        return "varint"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> VarintDecoder:
        return VarintDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        return _leb128(len(message)) + message


def _leb128(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class VarintDecoder(PrefixDecoder):
    """Decoder of Varint. The limit counts the bytes behind the length."""

    __slots__ = ()

    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        position, end = 0, len(data)
        while position < end:
            size, body = self._length(data, position)
            if self.error is not None:
                return position
            if body == 0:
                self._wait(end - position + 1, False)
                return position
            if size > self._limit:
                self._too_large(size, self._offset + position, data[position:body])
                return position
            stop = body + size
            if stop > end:
                self._wait(stop - position, True)
                return position
            messages.append(data[body:stop])
            position = stop
        return position

    def _length(self, data: bytes, position: int) -> tuple[int, int]:
        """The number at `position` and where it ends; 0 for the end while it is not whole."""
        number = data[position]
        if number < 0x80:
            return number, position + 1
        number, shift = 0, 0
        for index in range(position, min(len(data), position + MOST_LENGTH_BYTES)):
            number |= (data[index] & 0x7F) << shift
            shift += 7
            if data[index] < 0x80:
                if number >= 2**64:
                    break
                return number, index + 1
        else:
            if len(data) - position < MOST_LENGTH_BYTES:
                return 0, 0
        head = data[position : position + MOST_LENGTH_BYTES]
        self._fail(MalformedMessage("the length is over 64 bits", self._offset + position, head))
        return 0, 0

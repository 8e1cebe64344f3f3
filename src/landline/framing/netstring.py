"""Netstrings: `5:hello,` (D. J. Bernstein, 1997)."""

from __future__ import annotations

from dataclasses import dataclass

from landline.errors import HEAD_BYTES, MalformedMessage
from landline.framing.base import DEFAULT_LIMITS, Framing, PrefixDecoder
from landline.limits import Limits

MOST_DIGITS = 15
"""A petabyte: more is no length but noise."""


@dataclass(frozen=True, slots=True)
class Netstring(Framing):
    """Messages as netstrings: the length in decimal, a colon, the bytes, a comma."""

    def __str__(self) -> str:
        return "netstring"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> NetstringDecoder:
        return NetstringDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        return b"%d:%s," % (len(message), message)


class NetstringDecoder(PrefixDecoder):
    """Decoder of Netstring. The limit counts the bytes between colon and comma."""

    __slots__ = ()

    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        position, end = 0, len(data)
        while position < end:
            colon = data.find(b":", position, position + MOST_DIGITS + 1)
            digits = data[position : min(position + MOST_DIGITS + 1, end) if colon < 0 else colon]
            problem, fault = _wrong_with(digits, whole=colon >= 0)
            if problem:
                return self._malformed(problem, data[: position + fault], position)
            if colon < 0:
                self._wait(end - position + 1, False)
                return position
            size = int(digits)
            if size > self._limit:
                self._too_large(size, self._offset + position, digits)
                return position
            comma = colon + 1 + size
            if comma >= end:
                self._wait(comma + 1 - position, True)
                return position
            if data[comma] != 0x2C:
                problem = f"byte {data[comma]:#04x} stands where the comma behind {size} bytes must be"
                return self._malformed(problem, data[:comma], position)
            messages.append(data[colon + 1 : comma])
            position = comma + 1
        return position

    def _malformed(self, problem: str, data: bytes, position: int) -> int:
        self._fail(MalformedMessage(problem, self._offset + position, data[position : position + HEAD_BYTES]))
        return position


def _wrong_with(digits: bytes, whole: bool) -> tuple[str, int]:
    """What is wrong with the length so far, in words, and how many of its bytes show it.

    Both are the same at whatever byte the stream was cut.
    """
    for index, digit in enumerate(digits):
        if not 0x30 <= digit <= 0x39:
            return f"byte {digit:#04x} stands where a digit of the length must be", index + 1
        if index == 1 and digits[0] == 0x30:
            return "the length starts with a zero", 2
    if len(digits) > MOST_DIGITS:
        return f"the length has more than {MOST_DIGITS} digits", MOST_DIGITS + 1
    return "the length is missing before the colon" if whole and not digits else "", 0

"""COBS: messages between zero bytes, with no zero inside (Cheshire and Baker, IEEE/ACM ToN 7(2), 1999)."""

from __future__ import annotations

from dataclasses import dataclass

from landline.errors import MalformedMessage
from landline.framing.base import DEFAULT_LIMITS, Framing, SplitDecoder
from landline.limits import Limits

FULL_BLOCK = 254
"""Bytes of a block that has no zero behind it; its code is 255."""


@dataclass(frozen=True, slots=True)
class Cobs(Framing):
    """Messages with consistent overhead byte stuffing, each ended by a zero byte. Stray zeros between are skipped."""

    def __str__(self) -> str:
        return "cobs"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> CobsDecoder:
        return CobsDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        """The frame of a message."""
        encoded = bytearray()
        for block in message.split(b"\0"):
            rest = len(block) - len(block) % FULL_BLOCK
            for start in range(0, rest, FULL_BLOCK):
                encoded += b"\xff" + block[start : start + FULL_BLOCK]
            encoded += bytes((len(block) - rest + 1,)) + block[rest:]
        return bytes(encoded + b"\0")


class CobsDecoder(SplitDecoder):
    """Decoder of Cobs. The limit counts the bytes after unstuffing."""

    __slots__ = ()

    def __init__(self, limit: int) -> None:
        # One code byte at the start, and one more for each full block of 254 bytes.
        super().__init__(limit, b"\0", limit + 1 + limit // FULL_BLOCK)

    def _read(self, parts: list[bytes], data: bytes) -> list[bytes]:
        messages: list[bytes] = []
        offset = self._offset
        for part in parts:
            if len(part) > self._most_unfinished:
                self._too_large(self._limit + 1, offset, part, exact=False)
                break
            if part:
                message = self._unstuffed(part, offset)
                if message is None:
                    break
                messages.append(message)
            offset += len(part) + 1
        return messages

    def _unstuffed(self, part: bytes, offset: int) -> bytes | None:
        blocks = bytearray()
        position = 0
        while position < len(part):
            code = part[position]
            stop = position + code
            if stop > len(part):
                problem = f"code byte {code} announces {code - 1} bytes and {len(part) - position - 1} are left"
                self._fail(MalformedMessage(problem, offset, part))
                return None
            blocks += part[position + 1 : stop]
            if code <= FULL_BLOCK and stop < len(part):
                blocks.append(0)
            position = stop
        if len(blocks) > self._limit:
            self._too_large(self._limit + 1, offset, part, exact=False)
            return None
        return bytes(blocks)

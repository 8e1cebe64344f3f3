"""Messages that end with a mark: lines, and any other delimiter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from landline.errors import FramingSpecError, UnframableMessage
from landline.framing.base import DEFAULT_LIMITS, Framing, SplitDecoder
from landline.limits import Limits

MOST_DELIMITER_BYTES = 64


@dataclass(frozen=True, slots=True)
class Lines(Framing):
    """Lines: LF or CRLF ends one on the way in; LF, or CRLF with `crlf`, on the way out. The end is not part of it.

    A message may hold any byte but LF. One that ends in CR is written with CRLF, so that its own CR survives.
    """

    crlf: bool = False

    line_based = True

    def __str__(self) -> str:
        return "lines:crlf" if self.crlf else "lines"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> LinesDecoder:
        return LinesDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        if b"\n" in message:
            problem = f"it holds a line feed at byte {message.index(10)}, which would end it there"
            raise UnframableMessage(str(self), problem)
        return message + (b"\r\n" if self.crlf or message.endswith(b"\r") else b"\n")

    def encode_all(self, messages: Iterable[bytes]) -> bytes:
        messages = list(messages)
        content = b"".join(messages)
        if b"\n" in content or b"\r" in content:
            return b"".join(map(self.encode, messages))
        return (b"\r\n" if self.crlf else b"\n").join([*messages, b""]) if messages else b""


class LinesDecoder(SplitDecoder):
    """Decoder of Lines. The limit counts the bytes of a line without its end."""

    __slots__ = ()

    def __init__(self, limit: int) -> None:
        # A line of the full size may still wait for the LF of its CRLF.
        super().__init__(limit, b"\n", limit + 1)

    def _read(self, parts: list[bytes], data: bytes) -> list[bytes]:
        lines = parts
        if b"\r" in data:
            lines = [part[:-1] if part[-1:] == b"\r" else part for part in parts]
        if len(data) > self._limit and len(max(lines, key=len, default=b"")) > self._limit:
            index = next(index for index, line in enumerate(lines) if len(line) > self._limit)
            self._too_large(self._limit + 1, self._offset_of(parts, index), parts[index], exact=False)
            del lines[index:]
        return lines


@dataclass(frozen=True, slots=True)
class Delimited(Framing):
    """Messages that end with `delimiter` (1 to 64 bytes), which is not part of them."""

    delimiter: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.delimiter) <= MOST_DELIMITER_BYTES:
            problem = f"the delimiter has {len(self.delimiter)} bytes; it must have 1 to {MOST_DELIMITER_BYTES}"
            raise FramingSpecError(f"delimited:{self.delimiter.hex()}", problem)

    def __str__(self) -> str:
        return f"delimited:{self.delimiter.hex()}"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> DelimitedDecoder:
        return DelimitedDecoder(limits.max_message_bytes, self.delimiter)

    def encode(self, message: bytes) -> bytes:
        encoded = message + self.delimiter
        end = encoded.find(self.delimiter)
        if end != len(message):
            raise UnframableMessage(str(self), f"the delimiter appears at byte {end} and would end it there")
        return encoded


class DelimitedDecoder(SplitDecoder):
    """Decoder of Delimited. The limit counts the bytes of a message without its delimiter."""

    __slots__ = ()

    def __init__(self, limit: int, delimiter: bytes) -> None:
        super().__init__(limit, delimiter, limit + len(delimiter) - 1)

    def _read(self, parts: list[bytes], data: bytes) -> list[bytes]:
        for index, part in enumerate(parts):
            if len(part) > self._limit:
                self._too_large(self._limit + 1, self._offset_of(parts, index), part, exact=False)
                return parts[:index]
        return parts

"""Messages that all have one size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from struct import Struct

from landline.errors import FramingSpecError, UnframableMessage
from landline.framing.base import DEFAULT_LIMITS, Framing, PrefixDecoder
from landline.limits import Limits

MOST_SIZE = 2**31


@dataclass(frozen=True, slots=True)
class Fixed(Framing):
    """Messages of exactly `size` bytes (1 to 2**31)."""

    size: int

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MOST_SIZE:
            raise FramingSpecError(str(self), f"size {self.size} is not from 1 to {MOST_SIZE}")

    def __str__(self) -> str:
        return f"fixed:{self.size}"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> FixedDecoder:
        if self.size > limits.max_message_bytes:
            problem = f"a message has {self.size} bytes and max_message_bytes is {limits.max_message_bytes}"
            raise FramingSpecError(str(self), problem)
        return FixedDecoder(self.size)

    def encode(self, message: bytes) -> bytes:
        if len(message) != self.size:
            raise UnframableMessage(str(self), f"it has {len(message)} bytes, not {self.size}")
        return message


class FixedDecoder(PrefixDecoder):
    """Decoder of Fixed."""

    __slots__ = ("_layout",)

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._layout = Struct(f"{size}s")
        self._wait(size, True)

    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        whole = len(data) - len(data) % self._layout.size
        messages.extend(chain.from_iterable(self._layout.iter_unpack(data[:whole])))
        return whole

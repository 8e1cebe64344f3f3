"""No framing at all: whatever arrived, as it arrived."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from landline.framing.base import DEFAULT_LIMITS, BytesLike, Decoder, Framing
from landline.limits import Limits


@dataclass(frozen=True, slots=True)
class Raw(Framing):
    """Each read is handed out as it came. TCP cuts and glues as it likes, so these are pieces and not messages."""

    def __str__(self) -> str:
        return "raw"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> RawDecoder:
        return RawDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        return message

    def encode_all(self, messages: Iterable[bytes]) -> bytes:
        return b"".join(messages)


class RawDecoder(Decoder):
    """Decoder of Raw: holds nothing, and hands out pieces of at most max_message_bytes."""

    __slots__ = ()

    @property
    def step(self) -> int:
        """As many bytes as one piece may have."""
        return self._limit

    def feed(self, data: BytesLike) -> list[bytes]:
        most = self._limit
        return [bytes(data[start : start + most]) for start in range(0, len(data), most)]

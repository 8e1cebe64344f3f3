"""What every payload is, and the two that need no library: bytes and text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from landline.errors import MessageRejected, UnfitMessage, UnfitValue

MOST_DETAIL_CHARACTERS = 200
"""How long the detail of a rejection may be: it goes to the peer, and is to be read."""


class Payload(ABC):
    """An immutable rule that turns messages into values and back; `encode`, then `decode` is identity."""

    __slots__ = ()

    typed = False
    """Whether the annotation of a handler chooses the type of its messages."""

    @abstractmethod
    def decode(self, message: bytes) -> Any:
        """The value that a message carries. Raises UnfitMessage."""

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """The message that carries a value. Raises UnfitValue."""

    @property
    def quick(self) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
        """`decode` and `encode` where speed counts: they may raise anything, and who calls them asks those two then."""
        return self.decode, self.encode

    def for_type(self, wanted: Any) -> Payload:
        """The same payload for messages of one type. `wanted` is what a handler's annotation says."""
        return self

    def rejection(self, rejected: MessageRejected) -> bytes:
        """What the peer is told of a message that was refused: `error CODE: DETAIL`."""
        # One line whatever it holds, as the framing may be lines.
        line = " ".join(f"error {rejected.code}: {rejected.detail[:MOST_DETAIL_CHARACTERS]}".split())
        return line.encode("utf-8", "replace")

    def decode_from(self, peer: str, message: bytes) -> Any:
        """The value that a message of a service carries; `peer` names the service.

        Raises MessageRejected if the message says, in the form of this payload, that ours was refused; UnfitMessage.
        """
        return self.decode(message)

    def __repr__(self) -> str:
        return f"<payload {self}>"


class Bytes(Payload):
    """Messages as they are."""

    __slots__ = ()

    def decode(self, message: bytes) -> bytes:
        """The message itself."""
        return message

    def encode(self, value: Any) -> bytes:
        """The value itself. Raises UnfitValue if it is not bytes."""
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        raise UnfitValue("bytes", f"it is {type(value).__name__} and not bytes; another payload may carry it")

    def __str__(self) -> str:
        return "bytes"


class Text(Payload):
    """UTF-8 text (RFC 3629)."""

    __slots__ = ()

    def decode(self, message: bytes) -> str:
        """The text of a message. Raises UnfitMessage if it is not UTF-8."""
        try:
            return message.decode()
        except UnicodeDecodeError as error:
            raise UnfitMessage("text", "invalid", f"byte {error.start} is not UTF-8") from None

    def encode(self, value: Any) -> bytes:
        """The message for a text. Raises UnfitValue if it is not `str`, or holds half a surrogate pair."""
        if not isinstance(value, str):
            raise UnfitValue("text", f"it is {type(value).__name__} and not str")
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise UnfitValue("text", f"character {error.start} is half a surrogate pair") from None

    def __str__(self) -> str:
        return "text"

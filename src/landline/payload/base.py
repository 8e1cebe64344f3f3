"""What every payload is, and the two that need no library: bytes and text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from landline.errors import MessageRejected, UnfitMessage, UnfitValue

MOST_CODE_CHARACTERS = 40
MOST_DETAIL_CHARACTERS = 200
"""How long the detail of a rejection may be: it goes to the peer and into the log, and is to be read."""


class Payload(ABC):
    """An immutable rule that turns messages into values and back; `encode`, then `decode` is identity."""

    __slots__ = ()

    typed = False
    """Whether the annotation of a handler chooses the type of its messages."""
    may_hold_line_ends = False
    """Whether a message may hold a line feed that nobody wrote: line-based framings then fail now and again."""

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
        code, detail = told(rejected)
        return f"error {code}: {detail}".rstrip().encode()

    def is_rejection(self, message: bytes) -> bool:
        """Whether a message has the form in which a refusal is told."""
        return message.startswith(b"error ")

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


def told(rejected: MessageRejected) -> tuple[str, str]:
    """Code and detail as others may see them: short, on one line, and without control characters."""
    return _harmless(rejected.code, MOST_CODE_CHARACTERS), _harmless(rejected.detail, MOST_DETAIL_CHARACTERS)


def _harmless(text: object, most_characters: int) -> str:
    # A detail may quote what the peer sent, and then stands in a line of a framing, of a log, of a terminal.
    line = " ".join(str(text)[:most_characters].split())
    return "".join(character if character.isprintable() else "?" for character in line)

"""A row of the conformance table, and the errors that stand in it."""

from __future__ import annotations

from dataclasses import dataclass

from landline.errors import FramingError, MalformedMessage, MessageTooLarge, TruncatedMessage

MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """A documented stream and what it means.

    `wire` is the stream in hex, `messages` what it holds, `error` how it ends (None: well), `limit` the
    max_message_bytes. `written` is what Landline writes for these messages, in hex, where that is not the same.
    """

    spec: str
    wire: str
    messages: list[bytes]
    error: FramingError | None = None
    limit: int = MIB
    written: str = ""


@dataclass(frozen=True)
class Unsendable:
    """A message that the documentation says cannot be sent, and what stands in the way."""

    spec: str
    message: bytes
    problem: str


def over(size: int, limit: int, head: bytes, offset: int = 0) -> MessageTooLarge:
    """A message whose length says that it is over the limit."""
    return MessageTooLarge(size, limit, offset, head)


def unended(limit: int, head: bytes, offset: int = 0) -> MessageTooLarge:
    """A message that is over the limit before its end was seen."""
    return MessageTooLarge(limit + 1, limit, offset, head, exact=False)


def wrong(problem: str, head: bytes, offset: int = 0) -> MalformedMessage:
    """Bytes that the framing forbids."""
    return MalformedMessage(problem, offset, head)


def cut(have: bytes, need: int | None = None, offset: int = 0) -> TruncatedMessage:
    """A stream that ends inside a message: `have` is what came of it."""
    return TruncatedMessage(len(have), need, offset, have)


def span(first: int, last: int) -> bytes:
    """The bytes from one to another, both included, as tables write with an ellipsis."""
    return bytes(range(first, last + 1))

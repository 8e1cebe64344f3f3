"""What every framing is: an immutable configuration that encodes, and makes decoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from landline.errors import HEAD_BYTES, FramingError, MessageTooLarge, TruncatedMessage
from landline.limits import Limits

BytesLike = bytes | bytearray | memoryview
DEFAULT_LIMITS = Limits()
"""What a decoder is bound by if nobody says otherwise."""


class Decoder(ABC):
    """Turns a stream, cut anyhow, back into messages. One decoder serves one direction of one connection.

    `error` is the error that ended the stream, or None. It is set as soon as it is known, also when the same `feed`
    still had messages to return.

    For subclasses: `_held` are the bytes held, `_limit` is max_message_bytes, `_offset` where in the stream the first
    byte held stands. `_fail(error)` and `_too_large(size, offset, head, exact)` end the stream and give back the error,
    `_raise_error()` raises it if there is one, and `_needed()` says how many bytes the message held has, if that is
    known. docs/guide/framing.md shows them at work; they stay.
    """

    __slots__ = ("_held", "_limit", "_offset", "error")

    def __init__(self, limit: int) -> None:
        self.error: FramingError | None = None
        self._held = bytearray()
        self._limit = limit
        self._offset = 0

    @property
    def held(self) -> int:
        """Bytes held of a message that is not whole yet: at most max_message_bytes plus the framing's own bytes."""
        return len(self._held)

    @property
    def step(self) -> int:
        """How many bytes `feed` may be given that never complete more than one message."""
        return 1

    @abstractmethod
    def feed(self, data: BytesLike) -> list[bytes]:
        """Take the next bytes of the stream.

        `data` may have any size, also none; it is not kept, so its buffer may be used again. Returns every message it
        completes, in order. Raises FramingError if the stream is wrong and no message before the fault is left to
        return, and the same error from then on.
        """

    def eof(self) -> None:
        """Say that the stream has ended. Raises TruncatedMessage if it ended inside a message."""
        self._raise_error()
        if self.held:
            raise self._fail(TruncatedMessage(self.held, self._needed(), self._offset, bytes(self._held[:HEAD_BYTES])))

    def _needed(self) -> int | None:
        return None

    def _raise_error(self) -> None:
        if self.error is not None:
            raise self.error.with_traceback(None)

    def _fail(self, error: FramingError) -> FramingError:
        self.error = error
        self._held.clear()
        return error

    def _too_large(self, size: int, offset: int, head: bytes, exact: bool = True) -> FramingError:
        # The head is never longer than the limit, so that it does not depend on how much came in one piece.
        return self._fail(MessageTooLarge(size, self._limit, offset, head[: min(HEAD_BYTES, self._limit)], exact))


class Framing(ABC):
    """Where a message ends. `str()` gives the spec that `landline.framing.parse` reads back.

    For every message that `encode` accepts, a decoder fed with the encoded bytes gives that message.
    """

    line_based = False
    """Whether a person at a terminal can read and write it: refusals are then told in words."""

    @abstractmethod
    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> Decoder:
        """Make a decoder that holds at most `limits.max_message_bytes` of message.

        Raises FramingSpecError if no message of this framing fits the limit.
        """

    @abstractmethod
    def encode(self, message: bytes) -> bytes:
        """Give the bytes of one message on the wire. Raises UnframableMessage if this framing cannot carry it."""

    def encode_all(self, messages: Iterable[bytes]) -> bytes:
        """Give the bytes of several messages, in order, for one write. Raises UnframableMessage like `encode`."""
        return b"".join(map(self.encode, messages))


class PrefixDecoder(Decoder):
    """The common part of framings that know from its first bytes how long a message is.

    A subclass has `_scan`, which says `_wait(need, size_known)` where a message is not whole: `need` is how many bytes
    of it must be there before looking at it again can bring anything, and `size_known` whether those are all of it.
    Looking only then keeps the cost linear in bytes, however small the pieces are.
    """

    __slots__ = ("_need", "_size_known")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._need = 0
        self._size_known = False

    def feed(self, data: BytesLike) -> list[bytes]:
        """Take the next bytes, as `Decoder.feed` says."""
        if self.error is not None:
            self._raise_error()
        held = self._held
        if held:
            held += data
            if len(held) < self._need:
                return []
            data = bytes(held)
            held.clear()
        elif type(data) is not bytes:
            data = bytes(data)
        messages: list[bytes] = []
        taken = self._scan(data, messages)
        self._offset += taken
        if self.error is None:
            if taken < len(data):
                held += data[taken:]
        elif not messages:
            self._raise_error()
        return messages

    def _needed(self) -> int | None:
        return self._need if self._size_known else None

    def _wait(self, need: int, size_known: bool) -> None:
        self._need = need
        self._size_known = size_known

    @abstractmethod
    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        """Append every whole message of `data`; return how many bytes they took; call `_wait` or `_fail`."""


class SplitDecoder(Decoder):
    """The common part of framings that end each message with a mark.

    `most_unfinished` is how many bytes may stand before a mark that has not come yet. The search for the mark never
    goes over bytes it has seen, but for as many as a mark cut in two may have left behind. A subclass has `_read`, and
    learns from `_offset_of(parts, index)` where in the stream a part stands.
    """

    __slots__ = ("_mark", "_most_unfinished")

    def __init__(self, limit: int, mark: bytes, most_unfinished: int) -> None:
        super().__init__(limit)
        self._mark = mark
        self._most_unfinished = most_unfinished

    def feed(self, data: BytesLike) -> list[bytes]:
        """Take the next bytes, as `Decoder.feed` says."""
        if self.error is not None:
            self._raise_error()
        held = self._held
        if held:
            seen = len(held)
            held += data
            if held.find(self._mark, max(0, seen - len(self._mark) + 1)) < 0:
                self._check_unfinished(held)
                self._raise_error()
                return []
            data = bytes(held)
            held.clear()
        elif type(data) is not bytes:
            data = bytes(data)
        parts = data.split(self._mark)
        tail = parts.pop()
        messages = self._read(parts, data)
        if self.error is None:
            self._offset += len(data) - len(tail)
            if tail:
                held += tail
                self._check_unfinished(tail)
        if self.error is not None and not messages:
            self._raise_error()
        return messages

    def _check_unfinished(self, tail: bytes | bytearray) -> None:
        if len(tail) > self._most_unfinished:
            self._too_large(self._limit + 1, self._offset, bytes(tail[:HEAD_BYTES]), exact=False)

    def _offset_of(self, parts: list[bytes], index: int) -> int:
        return self._offset + sum(map(len, parts[:index])) + index * len(self._mark)

    @abstractmethod
    def _read(self, parts: list[bytes], data: bytes) -> list[bytes]:
        """Turn `parts`, the bytes of `data` between marks, into messages.

        On a fault call `_fail` and return the messages before it.
        """

"""Messages behind a length field of fixed width."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import chain
from struct import Struct, iter_unpack
from struct import error as StructError
from typing import Any

from landline.errors import FramingSpecError, MalformedMessage, UnframableMessage
from landline.framing.base import DEFAULT_LIMITS, BytesLike, Framing, PrefixDecoder
from landline.limits import Limits

MOST_OFFSET = 4096
MOST_ADJUSTMENT = 2**40
"""The highest max_message_bytes there is: every message would be over it."""

OUT_OF_FIELD = (StructError, OverflowError)
"""What writing a number that the field cannot hold raises."""
RUN_WORTH_TRYING = 8
"""Messages of one size that must at least be in a read before they are taken together."""
RUN_STEP = 16
"""Messages of a run that are cut out by one step of `struct`."""


@dataclass(frozen=True, slots=True)
class Field:
    """A length field: its width in bytes, and how it is read from and written to bytes."""

    width: int
    read: Callable[[bytes, int], tuple[Any, ...]]
    write: Callable[[int], bytes]

    @property
    def most(self) -> int:
        """The highest number the field holds."""
        return (1 << 8 * self.width) - 1


def _struct_field(code: str) -> Field:
    layout = Struct(code)
    return Field(layout.size, layout.unpack_from, layout.pack)


def _read_u24be(data: bytes, position: int) -> tuple[int]:
    return (int.from_bytes(data[position : position + 3], "big"),)


FIELDS = {
    "u8": _struct_field("B"),
    "u16be": _struct_field(">H"),
    "u16le": _struct_field("<H"),
    "u24be": Field(3, _read_u24be, lambda number: number.to_bytes(3, "big")),
    "u32be": _struct_field(">I"),
    "u32le": _struct_field("<I"),
    "u64be": _struct_field(">Q"),
}


@dataclass(frozen=True, slots=True)
class Length(Framing):
    """Messages behind a length field.

    `field` is one of u8, u16be, u16le, u24be, u32be, u32le, u64be. `offset` (0 to 4096) is how many bytes of header
    stand before the field. `adjustment` is added to the number in the field to get how many bytes follow the field: a
    length that counts the header too has a negative one. With `header_included` the message is header and body as
    they came; else it is the body, and bytes before the field are skipped when read and zero when written.
    """

    field: str
    offset: int = 0
    adjustment: int = 0
    header_included: bool = False
    _header: Callable[[int], bytes] = dataclass_field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.field not in FIELDS:
            raise FramingSpecError(str(self), f"the length field {self.field!r} is not one of {', '.join(FIELDS)}")
        if not 0 <= self.offset <= MOST_OFFSET:
            raise FramingSpecError(str(self), f"offset {self.offset} is not from 0 to {MOST_OFFSET}")
        if self.adjustment < -self._layout.most:
            most = self._layout.most
            problem = f"adjustment {self.adjustment} leaves no length, as {self.field} holds at most {most}"
            raise FramingSpecError(str(self), problem)
        if self.adjustment > MOST_ADJUSTMENT:
            raise FramingSpecError(str(self), f"adjustment {self.adjustment} is over {MOST_ADJUSTMENT}")
        plain = self.offset == 0 and self.adjustment == 0
        object.__setattr__(self, "_header", self._layout.write if plain else self._make_header)

    def __reduce__(self) -> tuple[type[Length], tuple[str, int, int, bool]]:
        # What writes the header cannot be pickled or copied; a new one makes its own.
        return Length, (self.field, self.offset, self.adjustment, self.header_included)

    def __str__(self) -> str:
        offset = f",offset={self.offset}" if self.offset else ""
        adjustment = f",adjustment={self.adjustment}" if self.adjustment else ""
        return f"length:{self.field}{offset}{adjustment}{',header=included' if self.header_included else ''}"

    @property
    def _layout(self) -> Field:
        return FIELDS[self.field]

    @property
    def header_bytes(self) -> int:
        """Bytes from the start of a message on the wire to the end of its length field."""
        return self.offset + self._layout.width

    @property
    def most_body_bytes(self) -> int:
        """Bytes behind the length field that it can say at most."""
        return self._layout.most + self.adjustment

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> LengthDecoder:
        least = max(self.adjustment, 0) + (self.header_bytes if self.header_included else 0)
        if least > limits.max_message_bytes:
            problem = f"the least message has {least} bytes and max_message_bytes is {limits.max_message_bytes}"
            raise FramingSpecError(str(self), problem)
        return LengthDecoder(self, limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        """The frame of a message. Raises UnframableMessage if the field cannot tell its length."""
        if self.header_included:
            return self._checked(message)
        try:
            return self._header(len(message)) + message
        except OUT_OF_FIELD:
            raise self._unsayable(len(message)) from None

    def encode_all(self, messages: Iterable[bytes]) -> bytes:
        """The frames of messages, like `encode`."""
        if self.header_included:
            return b"".join(map(self._checked, messages))
        messages = list(messages)
        sizes = list(map(len, messages))
        try:
            if len(set(sizes)) == 1:
                return self._header(sizes[0]).join([b"", *messages])
            return b"".join(chain.from_iterable(zip(map(self._header, sizes), messages, strict=True)))
        except OUT_OF_FIELD:
            return b"".join(map(self.encode, messages))

    def _make_header(self, size: int) -> bytes:
        return bytes(self.offset) + self._layout.write(size - self.adjustment)

    def _unsayable(self, size: int) -> UnframableMessage:
        least, most = max(self.adjustment, 0), self.most_body_bytes
        return UnframableMessage(str(self), f"it has {size} bytes; {least} to {most} can be said")

    def _checked(self, message: bytes) -> bytes:
        header = self.header_bytes
        if len(message) < header:
            raise UnframableMessage(str(self), f"it has {len(message)} bytes and its header alone takes {header}")
        said = header + self._layout.read(message, self.offset)[0] + self.adjustment
        if said != len(message):
            raise UnframableMessage(str(self), f"its length field says {said} bytes and it has {len(message)}")
        return message


class LengthDecoder(PrefixDecoder):
    """Decoder of Length. The limit counts the bytes of the message as it is handed out."""

    __slots__ = ("_adjustment", "_field_offset", "_header", "_most_body", "_read", "_skip")

    def __init__(self, framing: Length, limit: int) -> None:
        super().__init__(limit)
        field = FIELDS[framing.field]
        self._read = field.read
        self._field_offset = framing.offset
        self._header = framing.header_bytes
        self._adjustment = framing.adjustment
        self._skip = 0 if framing.header_included else self._header
        self._most_body = limit - self._header + self._skip

    def feed(self, data: BytesLike) -> list[bytes]:
        """Take the next bytes, as `Decoder.feed` says."""
        # A question and its answer: a read that is just one message needs no search for more.
        size = len(data) - self._header
        if (
            0 <= size <= self._most_body
            and not self._held
            and self.error is None
            and type(data) is bytes
            and self._read(data, self._field_offset)[0] + self._adjustment == size
        ):
            self._offset += len(data)
            return [data[self._skip :]]
        return super().feed(data)

    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        read, field_offset, header = self._read, self._field_offset, self._header
        adjustment, skip, most_body = self._adjustment, self._skip, self._most_body
        append = messages.append
        end = len(data)
        position = self._take_run(data, messages) if end >= header else 0
        while True:
            body = position + header
            if body > end:
                if position < end:
                    self._wait(header, False)
                return position
            size: int = read(data, position + field_offset)[0] + adjustment
            if not 0 <= size <= most_body:
                self._refuse(size, data, position)
                return position
            stop = body + size
            if stop > end:
                self._wait(stop - position, True)
                return position
            append(data[position + skip : stop])
            position = stop

    def _take_run(self, data: bytes, messages: list[bytes]) -> int:
        """Take all whole messages of `data` in one step if they have the size of the first.

        A length field that is the same at every stride proves, message by message, that the next one starts there.
        Returns the bytes taken: all or none, so that trying costs at most one look at each byte.
        """
        size: int = self._read(data, self._field_offset)[0] + self._adjustment
        stride = self._header + size
        if not 0 <= size <= self._most_body or len(data) < RUN_WORTH_TRYING * stride:
            return 0
        count = len(data) // stride
        stop = count * stride
        for column in range(self._field_offset, self._header):
            if data[column:stop:stride] != data[column : column + 1] * count:
                return 0
        layout = f"{self._skip}x{stride - self._skip}s"
        run, even = memoryview(data)[:stop], count // RUN_STEP * RUN_STEP * stride
        messages.extend(chain.from_iterable(iter_unpack(layout * RUN_STEP, run[:even])))
        messages.extend(chain.from_iterable(iter_unpack(layout, run[even:])))
        return stop

    def _refuse(self, size: int, data: bytes, position: int) -> None:
        offset = self._offset + position
        header = data[position : position + self._header]
        if size < 0:
            said = f"the length field says {size - self._adjustment}"
            problem = f"{said}, less than nothing with adjustment {self._adjustment}"
            self._fail(MalformedMessage(problem, offset, header))
        else:
            self._too_large(size + self._header - self._skip, offset, header)

"""Checks that a framing keeps its word: Landline's framings, and yours.

A stream may be cut anywhere, and the cut must not matter. So every case runs whole, byte by byte, in halves, cut at
random, out of a buffer that is used again, and with the start of the next messages behind it. What fails is an
AssertionError that names the framing and the way the stream was cut; random cuts come from `seed` and are the same each
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from random import Random
from typing import Any, Literal, Self, SupportsIndex

from landline.errors import FramingError, TruncatedMessage
from landline.framing import Cobs, Decoder, Delimited, Fixed, Framing, Length, Lines, Netstring, Raw, Slip, Varint
from landline.framing import parse as parse_framing
from landline.framing.cobs import FULL_BLOCK
from landline.framing.netstring import MOST_DIGITS
from landline.framing.varint import MOST_LENGTH_BYTES
from landline.limits import Limits
from landline.testing.chopper import fixed_cuts, random_cuts

DEFAULT_LIMITS = Limits()
Kind = Literal["bytes", "bytearray", "memoryview"]
"""What the pieces of a stream come in."""
RANDOM_CUTS = 4
"""How many random ways to cut a case is tried in."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decoder made of a stream: its messages, the error that ended it or None, and the most bytes it held."""

    messages: list[bytes]
    error: FramingError | None
    most_held: int

    @property
    def sentence(self) -> str:
        """The sentence of the error; empty if there was none."""
        return "" if self.error is None else str(self.error)


def decode(
    framing: Framing,
    data: bytes,
    cuts: Iterable[int] = (),
    limits: Limits = DEFAULT_LIMITS,
    kind: Kind = "bytes",
) -> Decoded:
    """Run a whole stream through a new decoder of `framing` under `limits`, cut into pieces, and end it.

    `cuts` are positions in `data`, ascending; one that stands twice gives an empty piece. With `kind` bytearray or
    memoryview each piece lies in a buffer that is written over behind its `feed`. Returns the messages and the error.
    Raises AssertionError if a message is not bytes, or the error is not final.
    """
    decoder = framing.decoder(limits)
    messages: list[bytes] = []
    most_held = 0
    try:
        for start, stop in pairwise([0, *cuts, len(data)]):
            found = _feed(decoder, data[start:stop], kind)
            if decoder.error is not None and not found:
                raise AssertionError(f"no message and yet not raised: {decoder.error}")
            messages += found
            most_held = max(most_held, decoder.held)
        decoder.eof()
    except FramingError as error:
        _expect_final(decoder, error)
        return Decoded(messages, error, most_held)
    return Decoded(messages, None, most_held)


def check_decode(
    framing: str | Framing,
    wire: bytes,
    messages: Sequence[bytes],
    error: str = "",
    limits: Limits = DEFAULT_LIMITS,
    seed: int = 0,
    most_own_bytes: int | None = None,
) -> None:
    """Check what a decoder of `framing` (or of its spec) under `limits` makes of `wire`, however that is cut.

    `messages` are those it must give, `error` the sentence that must end it ("" for none). A decoder may hold
    `most_own_bytes` more than max_message_bytes; None takes `own_bytes`. A case without an error is run once more with
    a tail that must survive: the start of `wire` itself. `seed` is that of the random cuts. Raises AssertionError.
    """
    framing = parse_framing(framing)
    if most_own_bytes is None:
        most_own_bytes = own_bytes(framing, limits)
    for way, cuts, kind in _ways(len(wire), seed):
        found = decode(framing, wire, cuts, limits, kind)
        where = f"{framing} fed {way}"
        _expect(found.messages, list(messages), f"{where}: messages")
        _expect(found.sentence, error, f"{where}: error")
        if most_own_bytes is not None and found.most_held > limits.max_message_bytes + most_own_bytes:
            allowed = f"{limits.max_message_bytes} and {most_own_bytes} of its own"
            raise AssertionError(f"{where}: held {found.most_held} bytes, more than {allowed}")
    if not error:
        _check_tail(framing, wire, messages, limits, seed)


def check_framing(
    framing: str | Framing,
    messages: Sequence[bytes],
    limits: Limits = DEFAULT_LIMITS,
    seed: int = 0,
    most_own_bytes: int | None = None,
) -> None:
    """Check that messages survive the way out and in again, however the stream is cut.

    `encode_all` must give what `encode` gives one by one, and decoding must give the messages back; a stream that ends
    inside a message must say so. `limits`, `seed` and `most_own_bytes` are those of `check_decode`. Raises
    AssertionError, and UnframableMessage for a message that the framing cannot carry. Raw is no framing in this sense.
    """
    framing = parse_framing(framing)
    encoded = [framing.encode(message) for message in messages]
    wire = b"".join(encoded)
    _expect(framing.encode_all(iter(messages)), wire, f"{framing}: encode_all")
    check_decode(framing, wire, messages, limits=limits, seed=seed, most_own_bytes=most_own_bytes)
    ends = [0, *accumulate(map(len, encoded))]
    for stop in _some_positions(len(wire), seed):
        found = decode(framing, wire[:stop], limits=limits)
        whole = sum(end <= stop for end in ends[1:])
        _expect(found.messages, list(messages[:whole]), f"{framing} ended after {stop} bytes: messages")
        truncated = isinstance(found.error, TruncatedMessage)
        _expect(truncated, stop not in ends, f"{framing} ended after {stop} bytes: TruncatedMessage")


def check_linear_cost(framing: str | Framing, message: bytes, piece_bytes: int = 1) -> None:
    """Check that a message twice as long costs twice the work and not four times, fed in pieces of `piece_bytes`.

    `framing` is what is checked; `message` should be long against a piece: 64 KiB in pieces of 1 byte. The work is
    counted by `bytes_handled` and not timed, so a busy machine changes nothing. Raises AssertionError.
    """
    framing = parse_framing(framing)
    limits = Limits(max_message_bytes=3 * len(message))
    once = bytes_handled(framing, framing.encode(message), piece_bytes, limits)
    twice = bytes_handled(framing, framing.encode(message + message), piece_bytes, limits)
    if once < len(message):
        raise AssertionError(f"{framing}: its decoder keeps bytes elsewhere than in _held, where the work is counted")
    if twice > 2.5 * once:
        raise AssertionError(f"{framing}: a message twice as long costs {twice / once:.1f} times the work")


def bytes_handled(framing: Framing, wire: bytes, piece_bytes: int, limits: Limits = DEFAULT_LIMITS) -> int:
    """Count how many of the bytes it holds a decoder adds, copies or searches while `wire` comes in equal pieces.

    The decoder is one of `framing` under `limits`; `piece_bytes` is the size of a piece. Returns the count: it is the
    work on the decoder's `_held`, which is all that can grow faster than the stream does.
    """
    decoder = framing.decoder(limits)
    decoder._held = meter = _Meter()
    for start in range(0, len(wire), piece_bytes):
        decoder.feed(wire[start : start + piece_bytes])
    decoder.eof()
    return meter.handled


def own_bytes(framing: Framing, limits: Limits = DEFAULT_LIMITS) -> int | None:
    """How many bytes beyond max_message_bytes a decoder of `framing` may hold under `limits`: header, marks or escapes.

    None for a framing that is not one of Landline's.
    """
    match framing:
        case Lines() | Slip():
            return 1
        case Delimited():
            return len(framing.delimiter) - 1
        case Length():
            return framing.header_bytes
        case Varint():
            return MOST_LENGTH_BYTES
        case Netstring():
            return MOST_DIGITS + len(":,")
        case Cobs():
            return 1 + limits.max_message_bytes // FULL_BLOCK
        case Fixed() | Raw():
            return 0
        case _:
            return None


class _Meter(bytearray):
    """A buffer that counts how many of its bytes are added, copied or searched."""

    handled = 0

    def __iadd__(self, more: Any) -> Self:  # type: ignore[misc]
        self.handled += len(more)
        super().__iadd__(more)
        return self

    def __bytes__(self) -> bytes:
        self.handled += len(self)
        return bytes(memoryview(self))

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        self.handled += len(part) if isinstance(key, slice) else 1
        return part

    def find(self, wanted: Any, start: SupportsIndex | None = 0, stop: SupportsIndex | None = None) -> int:
        self.handled += len(range(len(self))[start:stop])
        return super().find(wanted, start, stop)


def _ways(size: int, seed: int) -> Iterator[tuple[str, list[int], Kind]]:
    kinds: tuple[Kind, ...] = ("bytes", "bytearray", "memoryview")
    for kind in kinds:
        for way, cuts in fixed_cuts(size):
            yield f"{way} as {kind}", cuts, kind
    for number, (way, cuts) in enumerate(random_cuts(size, seed, RANDOM_CUTS)):
        yield way, cuts, kinds[number % len(kinds)]


def _some_positions(size: int, seed: int) -> list[int]:
    """All positions inside a short stream, some of a long one."""
    return list(range(size)) if size <= 64 else Random(seed).sample(range(size), 64)


def _feed(decoder: Decoder, piece: bytes, kind: Kind) -> list[bytes]:
    if kind == "bytes":
        messages = decoder.feed(piece)
    else:
        buffer = bytearray(piece)
        messages = decoder.feed(memoryview(buffer) if kind == "memoryview" else buffer)
        buffer[:] = b"\xaa" * len(buffer)
    strangers = [type(message).__name__ for message in messages if type(message) is not bytes]
    _expect(strangers, [], "messages that are not bytes")
    return messages


def _expect_final(decoder: Decoder, error: FramingError) -> None:
    """An error is for good: whatever is asked of the decoder now, it says the same again and holds nothing."""
    _expect(decoder.held, 0, "bytes held behind an error")
    sentence = str(error)
    for more in (b"", b"more\n", None):
        try:
            decoder.eof() if more is None else decoder.feed(more)
        except FramingError as again:
            _expect(str(again), sentence, "the error behind an error")
        else:
            raise AssertionError(f"no error was raised again behind: {sentence}")


def _check_tail(framing: Framing, wire: bytes, messages: Sequence[bytes], limits: Limits, seed: int) -> None:
    for stop in _some_positions(len(wire), seed):
        decoder = framing.decoder(limits)
        found = decoder.feed(wire + wire[:stop])
        _expect(found[: len(messages)], list(messages), f"{framing} with a tail of {stop} bytes: messages")
        found += decoder.feed(wire[stop:])
        decoder.eof()
        _expect(found, [*messages, *messages], f"{framing}, the tail of {stop} bytes completed: messages")


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, wanted {wanted!r}")

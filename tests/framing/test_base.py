"""What every decoder has from its base: held bytes, the end of a stream, errors that are final."""

from dataclasses import dataclass

import pytest

from landline.errors import FramingError, MalformedMessage, MessageTooLarge, TruncatedMessage
from landline.framing import Decoder, Framing
from landline.framing.base import DEFAULT_LIMITS, PrefixDecoder, SplitDecoder
from landline.limits import Limits
from landline.testing import check_decode, check_framing, check_linear_cost

LIMITS = Limits(max_message_bytes=4)


@dataclass(frozen=True)
class Digit(Framing):
    """The smallest framing with a prefix: one digit, then so many bytes."""

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> Decoder:
        return DigitDecoder(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        return b"%d%s" % (len(message), message)


class DigitDecoder(PrefixDecoder):
    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        position = 0
        while position < len(data):
            size = data[position] - 0x30
            stop = position + 1 + size
            if not 0 <= size <= 9:
                self._fail(MalformedMessage("no digit", self._offset + position, data[position : position + 1]))
                break
            if size > self._limit:
                self._too_large(size, self._offset + position, data[position : position + 1])
                break
            if stop > len(data):
                self._wait(stop - position, True)
                break
            messages.append(data[position + 1 : stop])
            position = stop
        return position


@dataclass(frozen=True)
class Polite(Framing):
    """The smallest framing with a mark: a full stop, and no `!` before it."""

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> Decoder:
        return PoliteDecoder(limits.max_message_bytes, b"..", limits.max_message_bytes + 1)

    def encode(self, message: bytes) -> bytes:
        return message + b".."


class PoliteDecoder(SplitDecoder):
    def _read(self, parts: list[bytes], data: bytes) -> list[bytes]:
        for index, part in enumerate(parts):
            if len(part) > self._limit:
                self._too_large(self._limit + 1, self._offset_of(parts, index), part, exact=False)
                return parts[:index]
            if b"!" in part:
                self._fail(MalformedMessage("no shouting", self._offset_of(parts, index), part))
                return parts[:index]
        return parts


BAD_DIGIT = "malformed message at offset 2: no digit (starts 78); check that both sides use the same framing"
BIG_DIGIT = "message at offset 2 has 5 bytes, over the limit of 4 (starts 35); raise max_message_bytes to accept it"
CUT_DIGIT = (
    "the stream ended inside the message at offset 2: 3 of 4 bytes came (starts 33 62 63)"
    "; the peer left too early or uses another framing"
)
SHOUTED = "malformed message at offset 3: no shouting (starts 62 21); check that both sides use the same framing"
LONG = (
    "message at offset 3 has at least 5 bytes, over the limit of 4 (starts 62 63 64 65)"
    "; raise max_message_bytes to accept it"
)
UNFINISHED = (
    "the stream ended inside the message at offset 3: 2 bytes and no end of message came (starts 62 2e)"
    "; the peer left too early or uses another framing"
)


@pytest.mark.parametrize(
    ("framing", "wire", "messages", "error"),
    [
        (Digit(), b"", [], ""),
        (Digit(), b"1a0223", [b"a", b"", b"23"], ""),
        (Digit(), b"4abcd", [b"abcd"], ""),
        (Digit(), b"1ax", [b"a"], BAD_DIGIT),
        (Digit(), b"1a5", [b"a"], BIG_DIGIT),
        (Digit(), b"1a3bc", [b"a"], CUT_DIGIT),
        (Polite(), b"", [], ""),
        (Polite(), b"a.b....", [b"a.b", b""], ""),
        (Polite(), b"abcd..", [b"abcd"], ""),
        (Polite(), b"a..b!..c..", [b"a"], SHOUTED),
        (Polite(), b"a..bcdefg", [b"a"], LONG),
        (Polite(), b"a..bcdef..g..", [b"a"], LONG),
        (Polite(), b"a..b.", [b"a"], UNFINISHED),
    ],
)
def test_decoding(framing: Framing, wire: bytes, messages: list[bytes], error: str) -> None:
    check_decode(framing, wire, messages, error, LIMITS, most_own_bytes=1)


@pytest.mark.parametrize("framing", [Digit(), Polite()])
def test_both_directions(framing: Framing) -> None:
    check_framing(framing, [b"a", b"", b"abcd"], LIMITS, most_own_bytes=1)


def test_held_counts_what_is_not_whole() -> None:
    decoder = Digit().decoder()
    assert decoder.feed(b"1a3bc") == [b"a"]
    assert decoder.held == 3
    assert decoder.feed(b"d") == [b"bcd"]
    assert decoder.held == 0


def test_empty_bytes_are_not_the_end() -> None:
    decoder = Digit().decoder()
    assert decoder.feed(b"") == []
    assert decoder.feed(b"2a") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"b") == [b"ab"]


@pytest.mark.parametrize(
    ("framing", "wire"), [(Digit(), b"1a?"), (Digit(), b"1a9"), (Polite(), b"a..!.."), (Polite(), b"a..abcdefgh")]
)
def test_messages_before_the_fault_come_first(framing: Framing, wire: bytes) -> None:
    decoder = framing.decoder(LIMITS)
    assert decoder.error is None
    assert decoder.feed(wire) == [b"a"]
    assert isinstance(decoder.error, MalformedMessage | MessageTooLarge)
    for call in (lambda: decoder.feed(b"1a"), lambda: decoder.feed(b"a.."), decoder.eof):
        with pytest.raises(FramingError) as caught:
            call()
        assert caught.value is decoder.error
    assert decoder.held == 0


def test_a_truncated_stream_stays_truncated() -> None:
    decoder = Digit().decoder()
    assert decoder.feed(b"3a") == []
    for call in (decoder.eof, decoder.eof, lambda: decoder.feed(b"bc")):
        with pytest.raises(TruncatedMessage) as caught:
            call()
        assert caught.value is decoder.error
        assert (caught.value.have, caught.value.need, caught.value.offset, caught.value.head) == (2, 4, 0, b"3a")


def test_no_traceback_grows_when_an_error_is_raised_again() -> None:
    decoder = Polite().decoder(LIMITS)
    depths = []
    for _ in range(3):
        with pytest.raises(MessageTooLarge) as caught:
            decoder.feed(b"abcdefgh")
        depths.append(len(caught.traceback))
    assert depths[1] == depths[2]


def test_cost_is_linear_for_a_mark_cut_in_two() -> None:
    check_linear_cost(Polite(), b".x" * 2**12)

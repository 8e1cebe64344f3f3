"""The checks for framings must find each fault they are there for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from landline.errors import FramingSpecError, MessageTooLarge, UnframableMessage
from landline.framing import Cobs, Decoder, Delimited, Fixed, Framing, Length, Lines, Netstring, Raw, Slip, Varint
from landline.framing.base import DEFAULT_LIMITS, BytesLike
from landline.limits import Limits
from landline.testing import bytes_handled, check_decode, check_framing, check_linear_cost, decode, own_bytes

EIGHT = Limits(max_message_bytes=8)


class GoodDecoder(Decoder):
    """Messages that end with a full stop; the faulty ones below each get one thing wrong."""

    def feed(self, data: BytesLike) -> list[bytes]:
        self._raise_error()
        seen = len(self._held)
        self._held += data
        messages: list[bytes] = []
        if self._held.find(b".", seen) >= 0:
            *messages, tail = bytes(self._held).split(b".")
            self._held[:] = tail
            self._offset += sum(map(len, messages)) + len(messages)
        if len(self._held) > self._limit:
            self._too_large(self._limit + 1, self._offset, bytes(self._held[:16]), exact=False)
        if not messages:
            self._raise_error()
        return messages


class OneFeedOneMessage(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        return [bytes(data).rstrip(b".")] if data else []


class ForgetsTheTail(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        messages = super().feed(data)
        if messages:
            self._held.clear()
        return messages


class EndsSilently(GoodDecoder):
    def eof(self) -> None:
        self._held.clear()


class HandsOutBuffers(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        return [bytearray(message) for message in super().feed(data)]  # type: ignore[misc]


class KeepsTheCallersBuffer(GoodDecoder):
    kept: BytesLike = b""

    def feed(self, data: BytesLike) -> list[bytes]:
        self.kept, late = data, self.kept
        return super().feed(late)

    def eof(self) -> None:
        super().feed(self.kept)


class ForgetsItsError(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        self.error = None
        return super().feed(data)


class KeepsItsErrorBack(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        seen = self.error
        try:
            return super().feed(data)
        except MessageTooLarge:
            if seen:
                raise
            return []


class FindsOtherErrors(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        if self.error is not None:
            raise MessageTooLarge(1, 2, 3)
        return super().feed(data)


class HoldsWhatItRefused(GoodDecoder):
    @property
    def held(self) -> int:
        return 9 if self.error is not None else super().held


class HoldsTooMuch(GoodDecoder):
    @property
    def held(self) -> int:
        return super().held * 2


class SearchesFromTheStart(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        self._held.find(b".")
        return super().feed(data)


class CopiesWhatItHolds(GoodDecoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        assert bytes(self._held) == self._held[:]
        return super().feed(data)


class KeepsBytesElsewhere(Decoder):
    def feed(self, data: BytesLike) -> list[bytes]:
        return []


@dataclass(frozen=True)
class Dots(Framing):
    """A framing with one of the decoders above."""

    made_by: Callable[[int], Decoder] = GoodDecoder

    def __str__(self) -> str:
        return "dots"

    def decoder(self, limits: Limits = DEFAULT_LIMITS) -> Decoder:
        return self.made_by(limits.max_message_bytes)

    def encode(self, message: bytes) -> bytes:
        return message + b"."


class OtherTogether(Dots):
    def encode_all(self, messages: Iterable[bytes]) -> bytes:
        return b".".join(messages)


class Trims(Dots):
    def encode(self, message: bytes) -> bytes:
        return message.strip() + b"."


MESSAGES = [b"ab", b"", b"c ", b"defg"]


def test_a_good_framing_passes() -> None:
    check_framing(Dots(), MESSAGES, EIGHT, most_own_bytes=1)
    check_framing(Dots(), MESSAGES * 10, seed=7)
    check_framing(Dots(), [])
    check_decode(Dots(), b"ab..c.", [b"ab", b"", b"c"])
    check_linear_cost(Dots(), b"x" * 5000)
    check_linear_cost(Dots(), b"x" * 5000, piece_bytes=100)
    too_large = "message at offset 2 has at least 9 bytes, over the limit of 8 (starts 78 78 78 78 78 78 78 78)"
    check_decode(Dots(), b"a." + b"x" * 9, [b"a"], too_large + "; raise max_message_bytes to accept it", EIGHT)


@pytest.mark.parametrize(
    ("framing", "sentence"),
    [
        (Dots(OneFeedOneMessage), "dots fed whole as bytes: messages: found [b'ab..c .defg'], wanted"),
        (Dots(ForgetsTheTail), "dots fed in halves as bytes: messages: found"),
        (Dots(EndsSilently), "dots ended after 1 bytes: TruncatedMessage: found False, wanted True"),
        (Dots(HandsOutBuffers), "messages that are not bytes: found ['bytearray', "),
        (Dots(KeepsTheCallersBuffer), "dots fed whole as bytes: messages: found []"),
        (OtherTogether(), "dots: encode_all: found b'ab..c .defg', wanted b'ab..c .defg.'"),
        (Trims(), "dots fed whole as bytes: messages: found [b'ab', b'', b'c', b'defg'], wanted [b'ab', b'', b'c ',"),
        (Dots(HoldsTooMuch), "dots fed byte by byte as bytes: held 8 bytes, more than 4 and 1 of its own"),
    ],
)
def test_a_faulty_framing_is_found(framing: Framing, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_framing(framing, MESSAGES, Limits(max_message_bytes=4), most_own_bytes=1)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("made_by", "sentence"),
    [
        (ForgetsItsError, "no error was raised again behind: message at offset 0"),
        (KeepsItsErrorBack, "no message and yet not raised: message at offset 0"),
        (FindsOtherErrors, "the error behind an error: found 'message at offset 3 has 1 bytes"),
        (HoldsWhatItRefused, "bytes held behind an error: found 9, wanted 0"),
    ],
)
def test_an_error_that_is_not_final_is_found(made_by: Callable[[int], Decoder], sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        decode(Dots(made_by), b"x" * 9, limits=EIGHT)
    assert sentence in str(caught.value)


def test_a_buffer_that_is_kept_is_found() -> None:
    decoder = Dots(KeepsTheCallersBuffer)
    assert decode(decoder, b"a.b.", [2, 4]).messages == [b"a", b"b"]
    assert decode(decoder, b"a.b.", [2, 4], kind="memoryview").messages == []


def test_the_wrong_sentence_is_found() -> None:
    with pytest.raises(AssertionError) as caught:
        check_decode(Dots(), b"ab", [], "something else")
    assert "dots fed whole as bytes: error: found 'the stream ended inside the message at offset 0" in str(caught.value)


def test_a_tail_that_is_lost_is_found() -> None:
    with pytest.raises(AssertionError) as caught:
        check_decode(Dots(ForgetsTheTail), b"a.", [b"a"])
    assert str(caught.value) == (
        "dots, the tail of 1 bytes completed: messages: found [b'a', b''], wanted [b'a', b'a']"
    )


@pytest.mark.parametrize("made_by", [SearchesFromTheStart, CopiesWhatItHolds])
@pytest.mark.parametrize("piece_bytes", [1, 10])
def test_a_cost_that_grows_too_fast_is_found(made_by: Callable[[int], Decoder], piece_bytes: int) -> None:
    with pytest.raises(AssertionError) as caught:
        check_linear_cost(Dots(made_by), b"x" * 5000, piece_bytes)
    assert str(caught.value) == "dots: a message twice as long costs 4.0 times the work"


def test_work_that_is_out_of_sight_is_found() -> None:
    with pytest.raises(AssertionError) as caught:
        check_linear_cost(Dots(KeepsBytesElsewhere), b"x" * 100)
    sentence = "dots: its decoder keeps bytes elsewhere than in _held, where the work is counted"
    assert str(caught.value) == sentence


def test_what_is_counted() -> None:
    # Each byte is added and then searched; at the end all are copied once, and none is left.
    assert bytes_handled(Dots(), b"abc.", 1) == 4 + 4 + 4
    assert bytes_handled(Dots(), b"abc.", 4) == 4 + 4 + 4
    assert bytes_handled(Dots(CopiesWhatItHolds), b"ab.", 1) == 9 + 2 * (0 + 1 + 2)


def test_random_cuts_come_from_the_seed() -> None:
    def sentence(seed: int) -> str:
        with pytest.raises(AssertionError) as caught:
            check_decode(Dots(ForgetsTheTail), b"a.bc.def.ghij.klm.no.p." * 3, [], seed=seed)
        return str(caught.value)

    assert sentence(1) == sentence(1)


def test_decode_says_what_it_found() -> None:
    found = decode(Lines(), b"ab\ncd\r\ne", [1, 1, 4])
    assert found.messages == [b"ab", b"cd"]
    assert found.sentence == str(found.error)
    assert found.sentence.startswith("the stream ended inside the message at offset 7: 1 bytes")
    assert found.most_held == 1
    assert decode(Lines(), b"a\n").sentence == ""


def test_a_message_that_cannot_be_carried_is_no_fault_of_the_framing() -> None:
    with pytest.raises(UnframableMessage):
        check_framing(Lines(), [b"a\nb"])


@pytest.mark.parametrize(
    ("framing", "own"),
    [
        (Lines(), 1),
        (Delimited(b"----"), 3),
        (Length("u24be", offset=2), 5),
        (Varint(), 10),
        (Netstring(), 17),
        (Fixed(4), 0),
        (Slip(), 1),
        (Cobs(), 4),
        (Raw(), 0),
        (Dots(), None),
    ],
)
def test_own_bytes(framing: Framing, own: int | None) -> None:
    assert own_bytes(framing, Limits(max_message_bytes=1000)) == own


def test_a_framing_may_be_its_spec() -> None:
    check_framing("lines", [b"a", b""])
    check_decode("lines", b"a\nb\n", [b"a", b"b"])
    check_linear_cost("lines", b"x" * 1000)
    with pytest.raises(FramingSpecError, match="there is no such framing"):
        check_framing("line", [])

"""Fixed: messages of one size, without a byte of their own."""

import pytest
from hypothesis import given

from landline.errors import FramingSpecError, UnframableMessage
from landline.framing import Fixed
from landline.limits import Limits
from landline.testing import bytes_handled, check_decode, check_framing
from tests.framing.strategies import FIXED, Conversation, Noise, check_conversation, check_noise, conversations, noise


@pytest.mark.parametrize(
    ("size", "wire", "messages"),
    [
        (1, b"", []),
        (1, b"abc", [b"a", b"b", b"c"]),
        (4, b"abcdefgh", [b"abcd", b"efgh"]),
        (4, b"\0\n\r\xff" * 3, [b"\0\n\r\xff"] * 3),
        (20, b"x" * 20, [b"x" * 20]),
    ],
)
def test_fixed(size: int, wire: bytes, messages: list[bytes]) -> None:
    check_decode(Fixed(size), wire, messages, limits=Limits(max_message_bytes=20))
    check_framing(Fixed(size), messages, limits=Limits(max_message_bytes=size))


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        (b"abc", [], "0: 3 of 4 bytes came (starts 61 62 63)"),
        (b"abcde", [b"abcd"], "4: 1 of 4 bytes came (starts 65)"),
    ],
)
def test_a_stream_that_ends_inside(wire: bytes, messages: list[bytes], shown: str) -> None:
    error = f"the stream ended inside the message at offset {shown}; the peer left too early or uses another framing"
    check_decode(Fixed(4), wire, messages, error)


@pytest.mark.parametrize("message", [b"", b"abc", b"abcde"])
def test_another_size_is_refused(message: bytes) -> None:
    with pytest.raises(UnframableMessage) as caught:
        Fixed(4).encode_all([b"abcd", message])
    assert str(caught.value) == f"framing 'fixed:4' cannot carry this message: it has {len(message)} bytes, not 4"


@pytest.mark.parametrize("size", [0, -1, 2**31 + 1])
def test_sizes_that_cannot_be(size: int) -> None:
    with pytest.raises(FramingSpecError) as caught:
        Fixed(size)
    assert str(caught.value) == f"framing 'fixed:{size}': size {size} is not from 1 to 2147483648"


def test_a_size_over_the_limit_is_refused_before_the_first_byte() -> None:
    with pytest.raises(FramingSpecError) as caught:
        Fixed(21).decoder(Limits(max_message_bytes=20))
    assert str(caught.value) == "framing 'fixed:21': a message has 21 bytes and max_message_bytes is 20"


def test_the_largest_size() -> None:
    assert Fixed(2**31).decoder(Limits(max_message_bytes=2**31)).feed(b"x") == []


@pytest.mark.parametrize("piece_bytes", [1, 1024])
def test_cost_is_linear(piece_bytes: int) -> None:
    once = bytes_handled(Fixed(2**16), b"x" * 2**16, piece_bytes)
    twice = bytes_handled(Fixed(2**17), b"x" * 2**17, piece_bytes)
    assert 0 < twice <= 2.5 * once


@given(conversations(FIXED))
def test_messages_survive_any_cut(case: Conversation) -> None:
    check_conversation(case)


@given(noise(FIXED))
def test_noise_means_the_same_at_any_cut(case: Noise) -> None:
    check_noise(case)

"""COBS: blocks of 254 and 255 bytes, zeros at the ends, and code bytes that promise too much."""

import pytest
from hypothesis import given

from landline.framing import Cobs
from landline.limits import Limits
from landline.testing import check_decode, check_framing, check_linear_cost, decode
from tests.framing.strategies import COBS, Conversation, Noise, check_conversation, check_noise, conversations, noise

EIGHT = Limits(max_message_bytes=8)
N253, N254, N255 = b"x" * 253, b"x" * 254, b"x" * 255

# Messages and their bytes, most of them from the paper and the examples that every implementation is tested with.
BOTH_WAYS = {
    "empty": (b"", b"\x01\0"),
    "one byte": (b"a", b"\x02a\0"),
    "a zero": (b"\0", b"\x01\x01\0"),
    "two zeros": (b"\0\0", b"\x01\x01\x01\0"),
    "a zero inside": (b"ab\0c", b"\x03ab\x02c\0"),
    "zeros round it": (b"\0a\0", b"\x01\x02a\x01\0"),
    "a zero at the end": (b"abc\0", b"\x04abc\x01\0"),
    "253 bytes": (N253, b"\xfe" + N253 + b"\0"),
    "254 bytes": (N254, b"\xff" + N254 + b"\x01\0"),
    "255 bytes": (N255, b"\xff" + N254 + b"\x02x\0"),
    "253 bytes and a zero": (N253 + b"\0", b"\xfe" + N253 + b"\x01\0"),
    "254 bytes and a zero": (N254 + b"\0", b"\xff" + N254 + b"\x01\x01\0"),
    "255 bytes and a zero": (N255 + b"\0", b"\xff" + N254 + b"\x02x\x01\0"),
    "a zero and 254 bytes": (b"\0" + N254, b"\x01\xff" + N254 + b"\x01\0"),
    "two full blocks": (N254 * 2, b"\xff" + N254 + b"\xff" + N254 + b"\x01\0"),
    "two full blocks and a byte": (N254 * 2 + b"y", b"\xff" + N254 + b"\xff" + N254 + b"\x02y\0"),
}


@pytest.mark.parametrize("case", BOTH_WAYS)
def test_cobs(case: str) -> None:
    message, wire = BOTH_WAYS[case]
    assert Cobs().encode(message) == wire
    exact = Limits(max_message_bytes=max(len(message), 1))
    check_decode(Cobs(), wire, [message], limits=exact)
    check_decode(Cobs(), wire + b"\x02a\0" + wire, [message, b"a", message], limits=exact)
    check_framing(Cobs(), [message, b"a", message], exact)


@pytest.mark.parametrize(
    ("wire", "messages"),
    [
        (b"", []),
        (b"\0\0\0", []),
        (b"\0\x02a\0\0\x02b\0", [b"a", b"b"]),
        # A full block may end the message, without the last code byte 01: many senders save it.
        (b"\xff" + N254 + b"\0", [N254]),
        (b"\xff" + N254 + b"\xff" + N254 + b"\0", [N254 * 2]),
    ],
)
def test_what_others_send(wire: bytes, messages: list[bytes]) -> None:
    check_decode(Cobs(), wire, messages, limits=Limits(max_message_bytes=508))


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        # Nine bytes after unstuffing, still nine and a code byte on the wire: known when the mark has come.
        (b"\x0a" + b"x" * 9 + b"\0", [], "0 has at least 9 bytes, over the limit of 8 (starts 0a" + " 78" * 7 + ")"),
        (b"\x01" * 10 + b"\0", [], "0 has at least 9 bytes, over the limit of 8 (starts" + " 01" * 8 + ")"),
        # More on the wire than any message of eight bytes can take: known without the mark, and whatever it says.
        (b"\xff" + b"x" * 9, [], "0 has at least 9 bytes, over the limit of 8 (starts ff" + " 78" * 7 + ")"),
        (b"\xff" + b"x" * 90 + b"\0", [], "0 has at least 9 bytes, over the limit of 8 (starts ff" + " 78" * 7 + ")"),
        (
            b"\0\x02a\0\0\x0a" + b"x" * 9 + b"\0\x02b\0",
            [b"a"],
            "5 has at least 9 bytes, over the limit of 8 (starts 0a" + " 78" * 7 + ")",
        ),
    ],
)
def test_over_the_limit(wire: bytes, messages: list[bytes], shown: str) -> None:
    error = f"message at offset {shown}; raise max_message_bytes to accept it"
    check_decode(Cobs(), wire, messages, error, EIGHT)


def test_zeros_over_the_limit_where_a_full_block_would_not_be() -> None:
    error = (
        "message at offset 0 has at least 255 bytes, over the limit of 254 (starts" + " 01" * 16 + ")"
        "; raise max_message_bytes to accept it"
    )
    limits = Limits(max_message_bytes=254)
    check_decode(Cobs(), b"\x01" * 256 + b"\0", [], error, limits)
    check_decode(Cobs(), b"\x01" * 255 + b"\0", [bytes(254)], limits=limits)


def test_a_full_block_over_the_limit() -> None:
    error = (
        "message at offset 0 has at least 254 bytes, over the limit of 253 (starts ff" + " 78" * 15 + ")"
        "; raise max_message_bytes to accept it"
    )
    check_decode(Cobs(), b"\xff" + N254 + b"\0", [], error, Limits(max_message_bytes=253))


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        (b"\x03a\0", [], "0: code byte 3 announces 2 bytes and 1 are left (starts 03 61)"),
        (b"\x02\0", [], "0: code byte 2 announces 1 bytes and 0 are left (starts 02)"),
        (b"\xff\0", [], "0: code byte 255 announces 254 bytes and 0 are left (starts ff)"),
        (
            b"\x02a\0\0\x02b\x05c\0\x02d\0",
            [b"a"],
            "4: code byte 5 announces 4 bytes and 1 are left (starts 02 62 05 63)",
        ),
    ],
)
def test_malformed(wire: bytes, messages: list[bytes], shown: str) -> None:
    error = f"malformed message at offset {shown}; check that both sides use the same framing"
    check_decode(Cobs(), wire, messages, error, EIGHT)


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        (b"\x02", [], "0: 1 bytes and no end of message came (starts 02)"),
        (b"\x02a", [], "0: 2 bytes and no end of message came (starts 02 61)"),
        (b"\x02a\0\0\x09" + b"b" * 8, [b"a"], "4: 9 bytes and no end of message came (starts 09" + " 62" * 8 + ")"),
    ],
)
def test_a_stream_that_ends_inside(wire: bytes, messages: list[bytes], shown: str) -> None:
    error = f"the stream ended inside the message at offset {shown}; the peer left too early or uses another framing"
    check_decode(Cobs(), wire, messages, error, EIGHT)


@pytest.mark.parametrize("message", [b"x" * 2**16, bytes(2**16)], ids=["no zeros", "all zeros"])
@pytest.mark.parametrize("piece_bytes", [1, 1024])
def test_cost_is_linear(message: bytes, piece_bytes: int) -> None:
    check_linear_cost(Cobs(), message, piece_bytes)


def test_encoding_a_long_message_does_not_copy_its_rest_block_by_block() -> None:
    """Once each block was cut off the front of what was left: that took minutes for these 16 MiB."""
    message = b"x" * 2**24
    limits = Limits(max_message_bytes=len(message))
    assert decode(Cobs(), Cobs().encode(message), limits=limits).messages == [message]


@given(conversations(COBS))
def test_messages_survive_any_cut(case: Conversation) -> None:
    check_conversation(case)


@given(noise(COBS))
def test_noise_means_the_same_at_any_cut(case: Noise) -> None:
    check_noise(case)

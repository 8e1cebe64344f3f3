"""Netstring: digits, colon, bytes, comma, and every way to get them wrong."""

import pytest
from hypothesis import given

from landline.framing import Netstring
from landline.limits import Limits
from landline.testing import check_decode, check_framing, check_linear_cost
from tests.framing.strategies import (
    NETSTRING,
    Conversation,
    Noise,
    check_conversation,
    check_noise,
    conversations,
    noise,
)

TWENTY = Limits(max_message_bytes=20)


@pytest.mark.parametrize(
    ("wire", "messages"),
    [
        (b"", []),
        (b"0:,", [b""]),
        (b"5:hello,", [b"hello"]),
        (b"5:hello,0:,1:,,2:::,", [b"hello", b"", b",", b"::"]),
        (b"10:0123456789,", [b"0123456789"]),
        (b"20:" + b"x" * 20 + b",", [b"x" * 20]),
    ],
)
def test_netstring(wire: bytes, messages: list[bytes]) -> None:
    check_decode(Netstring(), wire, messages, limits=TWENTY)
    assert Netstring().encode_all(messages) == wire
    check_framing(Netstring(), messages, TWENTY)


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        (b"21:", [], "0 has 21 bytes, over the limit of 20 (starts 32 31)"),
        (b"1:a,100:x", [b"a"], "4 has 100 bytes, over the limit of 20 (starts 31 30 30)"),
        (
            b"999999999999999:",
            [],
            "0 has 999999999999999 bytes, over the limit of 20 (starts 39 39 39 39 39 39 39 39 39 39 39 39 39 39 39)",
        ),
    ],
)
def test_a_length_over_the_limit(wire: bytes, messages: list[bytes], shown: str) -> None:
    error = f"message at offset {shown}; raise max_message_bytes to accept it"
    check_decode(Netstring(), wire, messages, error, TWENTY)


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        (b"x", [], "0: byte 0x78 stands where a digit of the length must be (starts 78)"),
        (b"1:a,\n", [b"a"], "4: byte 0x0a stands where a digit of the length must be (starts 0a)"),
        (b"12a:", [], "0: byte 0x61 stands where a digit of the length must be (starts 31 32 61)"),
        (b"1 :a,", [], "0: byte 0x20 stands where a digit of the length must be (starts 31 20)"),
        (b"1/:a,", [], "0: byte 0x2f stands where a digit of the length must be (starts 31 2f)"),
        (b"-1:a,", [], "0: byte 0x2d stands where a digit of the length must be (starts 2d)"),
        (b"GET / HTTP/1.1", [], "0: byte 0x47 stands where a digit of the length must be (starts 47)"),
        (b"00:,", [], "0: the length starts with a zero (starts 30 30)"),
        (b"05:hello,", [], "0: the length starts with a zero (starts 30 35)"),
        (b"0x:,", [], "0: byte 0x78 stands where a digit of the length must be (starts 30 78)"),
        (b":a,", [], "0: the length is missing before the colon"),
        (b"1" * 16, [], "0: the length has more than 15 digits (starts" + " 31" * 16 + ")"),
        (b"1" * 16 + b":", [], "0: the length has more than 15 digits (starts" + " 31" * 16 + ")"),
        (b"1" * 15 + b"x", [], "0: byte 0x78 stands where a digit of the length must be (starts" + " 31" * 15 + " 78)"),
        (b"1:ab", [], "0: byte 0x62 stands where the comma behind 1 bytes must be (starts 31 3a 61)"),
        (b"0:x", [], "0: byte 0x78 stands where the comma behind 0 bytes must be (starts 30 3a)"),
        (
            b"1:a,18:" + b"x" * 18 + b";",
            [b"a"],
            "4: byte 0x3b stands where the comma behind 18 bytes must be (starts 31 38 3a" + " 78" * 13 + ")",
        ),
    ],
)
def test_malformed(wire: bytes, messages: list[bytes], shown: str) -> None:
    error = f"malformed message at offset {shown}; check that both sides use the same framing"
    check_decode(Netstring(), wire, messages, error, TWENTY)


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        (b"1", [], "0: 1 bytes and no end of message came (starts 31)"),
        (b"1" * 15, [], "0: 15 bytes and no end of message came (starts" + " 31" * 15 + ")"),
        (b"5:", [], "0: 2 of 8 bytes came (starts 35 3a)"),
        (b"5:hello", [], "0: 7 of 8 bytes came (starts 35 3a 68 65 6c 6c 6f)"),
        (b"1:a,2:b", [b"a"], "4: 3 of 5 bytes came (starts 32 3a 62)"),
    ],
)
def test_a_stream_that_ends_inside(wire: bytes, messages: list[bytes], shown: str) -> None:
    error = f"the stream ended inside the message at offset {shown}; the peer left too early or uses another framing"
    check_decode(Netstring(), wire, messages, error, TWENTY)


@pytest.mark.parametrize("piece_bytes", [1, 1024])
def test_cost_is_linear(piece_bytes: int) -> None:
    check_linear_cost(Netstring(), b"x" * 2**16, piece_bytes)


@given(conversations(NETSTRING))
def test_messages_survive_any_cut(case: Conversation) -> None:
    check_conversation(case)


@given(noise(NETSTRING))
def test_noise_means_the_same_at_any_cut(case: Noise) -> None:
    check_noise(case)

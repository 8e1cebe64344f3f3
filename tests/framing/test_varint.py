"""Varint: LEB128 lengths from one byte to ten, and numbers over 64 bits."""

import pytest
from hypothesis import given

from landline.errors import MalformedMessage
from landline.framing import Varint
from landline.limits import Limits
from landline.testing import check_decode, check_framing, check_linear_cost, decode
from tests.framing.strategies import VARINT, Conversation, Noise, check_conversation, check_noise, conversations, noise

TWENTY = Limits(max_message_bytes=20)


@pytest.mark.parametrize(
    ("wire", "messages"),
    [
        ("", []),
        ("00", [b""]),
        ("03 616263 00 01 64", [b"abc", b"", b"d"]),
        ("14" + "61" * 20, [b"a" * 20]),
        # Not as short as it could be, but a number all the same: others write so to leave room.
        ("8100 61", [b"a"]),
        ("8080808000", [b""]),
        ("8180808080808080 80 00 61", [b"a"]),
        ("808080808080808080 00", [b""]),
    ],
)
def test_varint(wire: str, messages: list[bytes]) -> None:
    check_decode(Varint(), bytes.fromhex(wire), messages, limits=TWENTY)


@pytest.mark.parametrize(
    ("size", "length"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (16383, "ff7f"), (16384, "808001")],
)
def test_varint_written(size: int, length: str) -> None:
    assert Varint().encode(b"x" * size) == bytes.fromhex(length) + b"x" * size
    exact = Limits(max_message_bytes=max(size, 1))
    wire = Varint().encode_all([b"x" * size] * 2)
    for cuts in ([], [1], [1, 2, 3], [size + 3]):
        assert decode(Varint(), wire, cuts, exact).messages == [b"x" * size] * 2


def test_both_directions() -> None:
    check_framing(Varint(), [b"", b"a", b"x" * 127, b"x" * 128, b"x" * 300, b"b"])


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        ("15", [], "0 has 21 bytes, over the limit of 20 (starts 15)"),
        ("01 61 8001", [b"a"], "2 has 128 bytes, over the limit of 20 (starts 80 01)"),
        ("ffffffff0f", [], "0 has 4294967295 bytes, over the limit of 20 (starts ff ff ff ff 0f)"),
        (
            "ffffffffffffffffff01",
            [],
            "0 has 18446744073709551615 bytes, over the limit of 20 (starts ff ff ff ff ff ff ff ff ff 01)",
        ),
    ],
)
def test_a_length_over_the_limit(wire: str, messages: list[bytes], shown: str) -> None:
    error = f"message at offset {shown}; raise max_message_bytes to accept it"
    check_decode(Varint(), bytes.fromhex(wire), messages, error, TWENTY)


@pytest.mark.parametrize(
    ("wire", "messages", "offset", "head"),
    [
        ("ffffffffffffffffff02", [], 0, "ff ff ff ff ff ff ff ff ff 02"),
        ("80808080808080808002", [], 0, "80 80 80 80 80 80 80 80 80 02"),
        ("ffffffffffffffffffff", [], 0, "ff ff ff ff ff ff ff ff ff ff"),
        ("ffffffffffffffffffff01 6161", [], 0, "ff ff ff ff ff ff ff ff ff ff"),
        ("80808080808080808080 00", [], 0, "80 80 80 80 80 80 80 80 80 80"),
        ("01 61 ffffffffffffffffff7f", [b"a"], 2, "ff ff ff ff ff ff ff ff ff 7f"),
    ],
)
def test_a_length_over_64_bits(wire: str, messages: list[bytes], offset: int, head: str) -> None:
    error = (
        f"malformed message at offset {offset}: the length is over 64 bits (starts {head})"
        "; check that both sides use the same framing"
    )
    check_decode(Varint(), bytes.fromhex(wire), messages, error, TWENTY)


def test_a_malformed_length_has_fields() -> None:
    found = decode(Varint(), b"\x01a" + b"\xff" * 30).error
    assert isinstance(found, MalformedMessage)
    assert (found.problem, found.offset, found.head) == ("the length is over 64 bits", 2, b"\xff" * 10)


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        ("80", [], "0: 1 bytes and no end of message came (starts 80)"),
        ("ff" * 9, [], "0: 9 bytes and no end of message came (starts ff ff ff ff ff ff ff ff ff)"),
        ("03 6162", [], "0: 3 of 4 bytes came (starts 03 61 62)"),
        ("01 61 03 62", [b"a"], "2: 2 of 4 bytes came (starts 03 62)"),
        ("01 61 8300 62", [b"a"], "2: 3 of 5 bytes came (starts 83 00 62)"),
    ],
)
def test_a_stream_that_ends_inside(wire: str, messages: list[bytes], shown: str) -> None:
    error = f"the stream ended inside the message at offset {shown}; the peer left too early or uses another framing"
    check_decode(Varint(), bytes.fromhex(wire), messages, error, TWENTY)


@pytest.mark.parametrize("piece_bytes", [1, 1024])
def test_cost_is_linear(piece_bytes: int) -> None:
    check_linear_cost(Varint(), b"x" * 2**16, piece_bytes)


@given(conversations(VARINT))
def test_messages_survive_any_cut(case: Conversation) -> None:
    check_conversation(case)


@given(noise(VARINT))
def test_noise_means_the_same_at_any_cut(case: Noise) -> None:
    check_noise(case)

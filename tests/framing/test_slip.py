"""SLIP: escapes, escapes cut in two, line noise between packets."""

import pytest
from hypothesis import given

from landline.errors import UnframableMessage
from landline.framing import Slip
from landline.limits import Limits
from landline.testing import check_decode, check_framing, check_linear_cost
from tests.framing.strategies import SLIP, Conversation, Noise, check_conversation, check_noise, conversations, noise

EIGHT = Limits(max_message_bytes=8)


@pytest.mark.parametrize(
    ("wire", "messages"),
    [
        ("", []),
        ("61 c0", [b"a"]),
        ("6162 c0 63 c0", [b"ab", b"c"]),
        ("dbdc c0", [b"\xc0"]),
        ("dbdd c0", [b"\xdb"]),
        ("dbdddc c0", [b"\xdb\xdc"]),
        ("dbdddd c0", [b"\xdb\xdd"]),
        ("dbdddbdc c0", [b"\xdb\xc0"]),
        ("dbdcdbdd c0", [b"\xc0\xdb"]),
        ("dcdd c0", [b"\xdc\xdd"]),
        ("61dbdc62dbdd63 c0", [b"a\xc0b\xdbc"]),
        # RFC 1055: a packet may start with END too, which flushes line noise; empty packets are dropped.
        ("c0 61 c0 c0 62 c0", [b"a", b"b"]),
        ("c0c0c0", []),
        ("61" * 8 + "c0", [b"a" * 8]),
        ("dbdc" * 8 + "c0", [b"\xc0" * 8]),
    ],
)
def test_slip(wire: str, messages: list[bytes]) -> None:
    check_decode(Slip(), bytes.fromhex(wire), messages, limits=EIGHT)
    check_framing(Slip(), messages, EIGHT)


@pytest.mark.parametrize(
    ("message", "wire"), [(b"a", "61 c0"), (b"\xc0\xdb\xdc\xdd", "dbdc dbdd dc dd c0"), (b"\xdb\xdc", "dbdd dc c0")]
)
def test_slip_written(message: bytes, wire: str) -> None:
    assert Slip().encode(message) == bytes.fromhex(wire)


def test_an_empty_message_is_refused() -> None:
    with pytest.raises(UnframableMessage) as caught:
        Slip().encode_all([b"a", b""])
    sentence = "framing 'slip' cannot carry this message: it is empty, and receivers skip empty packets"
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        ("61" * 9, [], "0 has at least 9 bytes, over the limit of 8 (starts" + " 61" * 8 + ")"),
        ("61" * 9 + "c0", [], "0 has at least 9 bytes, over the limit of 8 (starts" + " 61" * 8 + ")"),
        ("61" * 300 + "c0", [], "0 has at least 9 bytes, over the limit of 8 (starts" + " 61" * 8 + ")"),
        ("dbdc" * 9, [], "0 has at least 9 bytes, over the limit of 8 (starts" + " c0" * 8 + ")"),
        (
            "61c0c0" + "62" * 9 + "c063c0",
            [b"a"],
            "3 has at least 9 bytes, over the limit of 8 (starts" + " 62" * 8 + ")",
        ),
        # Too long and wrongly escaped: what comes first counts.
        ("61" * 9 + "db61", [], "0 has at least 9 bytes, over the limit of 8 (starts" + " 61" * 8 + ")"),
    ],
)
def test_over_the_limit(wire: str, messages: list[bytes], shown: str) -> None:
    error = f"message at offset {shown}; raise max_message_bytes to accept it"
    check_decode(Slip(), bytes.fromhex(wire), messages, error, EIGHT)


@pytest.mark.parametrize(
    ("wire", "messages", "offset", "head"),
    [
        ("db61", [], 0, ""),
        ("dbdb", [], 0, ""),
        ("dbc0", [], 0, ""),
        ("6162dbc063", [], 0, " (starts 61 62)"),
        ("61 c0 dbdc db 00", [b"a"], 2, " (starts c0)"),
        ("61" * 8 + "db61", [], 0, " (starts" + " 61" * 8 + ")"),
    ],
)
def test_malformed(wire: str, messages: list[bytes], offset: int, head: str) -> None:
    error = (
        f"malformed message at offset {offset}: an escape byte db is followed by neither dc nor dd{head}"
        "; check that both sides use the same framing"
    )
    check_decode(Slip(), bytes.fromhex(wire), messages, error, EIGHT)


@pytest.mark.parametrize(
    ("wire", "messages", "shown"),
    [
        ("61", [], "0: 1 bytes and no end of message came (starts 61)"),
        ("db", [], "0: 1 bytes and no end of message came"),
        ("61db", [], "0: 2 bytes and no end of message came (starts 61)"),
        ("dbdc", [], "0: 1 bytes and no end of message came (starts c0)"),
        ("61 c0 c0 6263", [b"a"], "3: 2 bytes and no end of message came (starts 62 63)"),
        ("61" * 8 + "db", [], "0: 9 bytes and no end of message came (starts" + " 61" * 8 + ")"),
    ],
)
def test_a_stream_that_ends_inside(wire: str, messages: list[bytes], shown: str) -> None:
    error = f"the stream ended inside the message at offset {shown}; the peer left too early or uses another framing"
    check_decode(Slip(), bytes.fromhex(wire), messages, error, EIGHT)


def test_an_open_escape_is_held() -> None:
    decoder = Slip().decoder()
    assert decoder.feed(b"a\xdb") == []
    assert decoder.held == 2
    assert decoder.feed(b"\xdc") == []
    assert decoder.held == 2
    assert decoder.feed(b"\xc0") == [b"a\xc0"]
    assert decoder.held == 0


@pytest.mark.parametrize("message", [b"x" * 2**16, b"\xc0\xdb" * 2**15])
@pytest.mark.parametrize("piece_bytes", [1, 1024])
def test_cost_is_linear(message: bytes, piece_bytes: int) -> None:
    check_linear_cost(Slip(), message, piece_bytes)


@given(conversations(SLIP))
def test_messages_survive_any_cut(case: Conversation) -> None:
    check_conversation(case)


@given(noise(SLIP))
def test_noise_means_the_same_at_any_cut(case: Noise) -> None:
    check_noise(case)

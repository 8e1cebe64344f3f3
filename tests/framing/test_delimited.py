"""Lines and Delimited: marks at the end, cut in two, overlapping themselves, and at the limit."""

import pytest
from hypothesis import given

from landline.errors import FramingSpecError, MessageTooLarge, TruncatedMessage, UnframableMessage
from landline.framing import Delimited, Lines
from landline.limits import Limits
from landline.testing import check_decode, check_framing, check_linear_cost, decode
from tests.framing.strategies import (
    DELIMITED,
    LINES,
    Conversation,
    Noise,
    check_conversation,
    check_noise,
    conversations,
    noise,
)

LINES_ON_THE_WIRE = {
    "nothing": (b"", []),
    "one": (b"hello\n", [b"hello"]),
    "two in one read": (b"a\nbc\n", [b"a", b"bc"]),
    "empty": (b"\n", [b""]),
    "empty between": (b"a\n\n\nb\n", [b"a", b"", b"", b"b"]),
    "crlf": (b"a\r\nb\r\n", [b"a", b"b"]),
    "both ends": (b"a\nb\r\nc\n", [b"a", b"b", b"c"]),
    "empty crlf": (b"\r\n\r\n", [b"", b""]),
    "own carriage return": (b"a\r\r\n", [b"a\r"]),
    "carriage return inside": (b"a\rb\n\rc\n", [b"a\rb", b"\rc"]),
    "any byte": (b"\0\xff\x80\xc0\n", [b"\0\xff\x80\xc0"]),
    "at the limit": (b"x" * 20 + b"\n", [b"x" * 20]),
    "crlf at the limit": (b"x" * 20 + b"\r\n", [b"x" * 20]),
    "own carriage return at the limit": (b"x" * 19 + b"\r\r\n", [b"x" * 19 + b"\r"]),
}
LIMIT = Limits(max_message_bytes=20)
EIGHT = Limits(max_message_bytes=8)


@pytest.mark.parametrize("case", LINES_ON_THE_WIRE)
def test_lines(case: str) -> None:
    wire, messages = LINES_ON_THE_WIRE[case]
    check_decode(Lines(), wire, messages, limits=LIMIT)
    check_decode(Lines(crlf=True), wire, messages, limits=LIMIT)


TOO_LONG = "message at offset {} has at least 9 bytes, over the limit of 8 (starts 78 78 78 78 78 78 78 78)"
RAISE_IT = "; raise max_message_bytes to accept it"
UNFINISHED = "the stream ended inside the message at offset {} bytes and no end of message came{}"
LEFT = "; the peer left too early or uses another framing"


@pytest.mark.parametrize(
    ("wire", "messages", "error"),
    [
        (b"x" * 9 + b"\n", [], TOO_LONG.format(0) + RAISE_IT),
        (b"x" * 9 + b"\r\n", [], TOO_LONG.format(0) + RAISE_IT),
        (b"x" * 8 + b"\r\r\n", [], TOO_LONG.format(0) + RAISE_IT),
        (b"x" * 300, [], TOO_LONG.format(0) + RAISE_IT),
        (b"x" * 300 + b"\n", [], TOO_LONG.format(0) + RAISE_IT),
        (b"a\r\nbc\n" + b"x" * 9 + b"\nd\n", [b"a", b"bc"], TOO_LONG.format(6) + RAISE_IT),
        (b"a\n" + b"x" * 10, [b"a"], TOO_LONG.format(2) + RAISE_IT),
        (b"y" * 8 + b"\n" + b"x" * 9 + b"\n", [b"y" * 8], TOO_LONG.format(9) + RAISE_IT),
        (b"abc", [], UNFINISHED.format("0: 3", " (starts 61 62 63)") + LEFT),
        (b"a\r\nb\r", [b"a"], UNFINISHED.format("3: 2", " (starts 62 0d)") + LEFT),
        (b"\r", [], UNFINISHED.format("0: 1", " (starts 0d)") + LEFT),
        # Whether this line is too long shows with its next byte, at any cut.
        (b"x" * 9, [], UNFINISHED.format("0: 9", " (starts" + " 78" * 9 + ")") + LEFT),
    ],
)
def test_lines_that_are_refused(wire: bytes, messages: list[bytes], error: str) -> None:
    check_decode(Lines(), wire, messages, error, EIGHT)


def test_a_long_line_shows_sixteen_bytes() -> None:
    found = decode(Lines(), bytes(range(32, 64)) + b"\n", limits=LIMIT).error
    assert isinstance(found, MessageTooLarge)
    assert (found.size, found.limit, found.offset, found.exact) == (21, 20, 0, False)
    assert found.head == bytes(range(32, 48))


def test_a_truncated_line_has_fields() -> None:
    found = decode(Lines(), b"one\ntwo").error
    assert isinstance(found, TruncatedMessage)
    assert (found.have, found.need, found.offset, found.head) == (3, None, 4, b"two")


@pytest.mark.parametrize(
    ("crlf", "message", "wire"),
    [
        (False, b"", b"\n"),
        (False, b"a", b"a\n"),
        (False, b"a\r", b"a\r\r\n"),
        (False, b"\r", b"\r\r\n"),
        (False, b"a\rb", b"a\rb\n"),
        (True, b"", b"\r\n"),
        (True, b"a", b"a\r\n"),
        (True, b"a\r", b"a\r\r\n"),
    ],
)
def test_lines_written(crlf: bool, message: bytes, wire: bytes) -> None:
    assert Lines(crlf).encode(message) == wire
    assert Lines(crlf).encode_all([message, b"plain", message]) == wire + Lines(crlf).encode(b"plain") + wire
    check_framing(Lines(crlf), [message, b"plain", message])


@pytest.mark.parametrize("messages", [[b"a\nb"], [b"fine", b"a\nb", b"fine"]])
def test_a_line_feed_inside_is_refused(messages: list[bytes]) -> None:
    sentence = "framing 'lines' cannot carry this message: it holds a line feed at byte 1, which would end it there"
    with pytest.raises(UnframableMessage) as caught:
        Lines().encode_all(messages)
    assert str(caught.value) == sentence


def test_no_lines_are_no_bytes() -> None:
    assert Lines().encode_all([]) == b""


def test_lines_are_for_people_and_delimited_is_not() -> None:
    assert Lines().line_based
    assert not Delimited(b"\n").line_based


LONGEST = bytes(range(64))
DELIMITED_ON_THE_WIRE = {
    "nothing": (b"|", b"", []),
    "one": (b"|", b"hello|", [b"hello"]),
    "several": (b"|", b"a|bc||", [b"a", b"bc", b""]),
    "two bytes": (b"\r\n", b"a\r\nb\rc\nd\r\n", [b"a", b"b\rc\nd"]),
    "a false start": (b"abc", b"ababcxabcab" + b"abc", [b"ab", b"x", b"ab"]),
    "overlaps itself": (b"aa", b"aaaxaa", [b"", b"ax"]),
    "overlaps itself twice": (b"aaa", b"aaaaaaxaaa", [b"", b"", b"x"]),
    "overlaps by a part": (b"abab", b"ababababxabab", [b"", b"", b"x"]),
    "only a delimiter": (b"abc", b"abc", [b""]),
    "only a long delimiter": (LONGEST, LONGEST, [b""]),
    "at the limit": (b"--", b"x" * 20 + b"--", [b"x" * 20]),
    "longest delimiter": (LONGEST, b"x" + LONGEST + LONGEST[:15] + LONGEST, [b"x", LONGEST[:15]]),
}


@pytest.mark.parametrize("case", DELIMITED_ON_THE_WIRE)
def test_delimited(case: str) -> None:
    delimiter, wire, messages = DELIMITED_ON_THE_WIRE[case]
    check_decode(Delimited(delimiter), wire, messages, limits=LIMIT)


@pytest.mark.parametrize(
    ("delimiter", "wire", "messages", "error"),
    [
        (b"|", b"x" * 9, [], TOO_LONG.format(0) + RAISE_IT),
        (b"|", b"x" * 9 + b"|", [], TOO_LONG.format(0) + RAISE_IT),
        (b"|", b"a|" + b"x" * 9 + b"|b|", [b"a"], TOO_LONG.format(2) + RAISE_IT),
        (b"--", b"x" * 9 + b"--", [], TOO_LONG.format(0) + RAISE_IT),
        (b"--", b"a--b--" + b"x" * 30, [b"a", b"b"], TOO_LONG.format(6) + RAISE_IT),
        (b"--", b"x" * 8 + b"-x", [], TOO_LONG.format(0) + RAISE_IT),
        (b"--", b"a-", [], UNFINISHED.format("0: 2", " (starts 61 2d)") + LEFT),
        (b"--", b"a--b", [b"a"], UNFINISHED.format("3: 1", " (starts 62)") + LEFT),
        (b"--", b"x" * 8 + b"-", [], UNFINISHED.format("0: 9", " (starts" + " 78" * 8 + " 2d)") + LEFT),
    ],
)
def test_delimited_that_is_refused(delimiter: bytes, wire: bytes, messages: list[bytes], error: str) -> None:
    check_decode(Delimited(delimiter), wire, messages, error, EIGHT)


@pytest.mark.parametrize(
    ("delimiter", "message", "at"), [(b"|", b"a|b", 1), (b"--", b"a--", 1), (b"aa", b"xa", 1), (b"abab", b"ab", 0)]
)
def test_the_delimiter_inside_is_refused(delimiter: bytes, message: bytes, at: int) -> None:
    framing = Delimited(delimiter)
    with pytest.raises(UnframableMessage) as caught:
        framing.encode(message)
    problem = f"the delimiter appears at byte {at} and would end it there"
    assert str(caught.value) == f"framing '{framing}' cannot carry this message: {problem}"


@pytest.mark.parametrize("size", [0, 65])
def test_a_delimiter_has_1_to_64_bytes(size: int) -> None:
    with pytest.raises(FramingSpecError) as caught:
        Delimited(b"x" * size)
    problem = f"the delimiter has {size} bytes; it must have 1 to 64"
    assert str(caught.value) == f"framing 'delimited:{'78' * size}': {problem}"


def test_delimited_written() -> None:
    check_framing(Delimited(b"--"), [b"", b"-x", b"x-y", b"\r\n"])


@pytest.mark.parametrize("framing", [Lines(), Delimited(b"|"), Delimited(b"ab" * 32)])
@pytest.mark.parametrize("piece_bytes", [1, 1024])
def test_cost_is_linear(framing: Lines | Delimited, piece_bytes: int) -> None:
    check_linear_cost(framing, b"x" * 2**16, piece_bytes)


@given(conversations(LINES | DELIMITED))
def test_messages_survive_any_cut(case: Conversation) -> None:
    check_conversation(case)


@given(noise(LINES | DELIMITED))
def test_noise_means_the_same_at_any_cut(case: Noise) -> None:
    check_noise(case)

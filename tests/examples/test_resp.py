"""RESP values: found however the stream was cut, within the limits, in linear time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.errors import UnframableMessage
from landline.limits import Limits
from landline.testing import bytes_handled, check_decode, check_framing, decode
from resp import MOST_HEAD_BYTES, Resp, array, bulk

SMALL = Limits(max_message_bytes=40)
CHECK = "check that both sides use the same framing"

VALUES = {
    "nothing": [],
    "status, error, integer": [b"+OK\r\n", b"-ERR no\r\n", b":-17\r\n"],
    "a command": [b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"],
    "commands": [b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"] * 9,
    "commands alike": [array([b"SET", b"k" * size, b"v"]) for size in range(20)],
    "commands alike but for the last": [array([b"GET", b"key"])] * 9 + [array([b"GET", b"k\r\n"]), b"+OK\r\n"],
    "empty strings": [b"*2\r\n$0\r\n\r\n$0\r\n\r\n"],
    "line ends inside": [b"*2\r\n$3\r\nSET\r\n$6\r\n\r\n*1\r\n\r\n", b"$4\r\n\r\n\r\n\r\n", b"+OK\r\n"],
    "null": [b"$-1\r\n", b"*-1\r\n", b"*2\r\n$-1\r\n$1\r\na\r\n"],
    "empty array": [b"*0\r\n", b"*0\r\n"],
    "arrays in arrays": [b"*2\r\n*1\r\n:1\r\n*2\r\n+a\r\n*0\r\n", b"*1\r\n*1\r\n*1\r\n*1\r\n:0\r\n"],
    "typed by hand": [b"PING\r\n", b"SET a 1\n", b"\r\n", b"\n", b"a\rb\r\n", b"*1\r\n$4\r\nPING\r\n"],
    "long": [b"$2000\r\n" + b"x" * 2000 + b"\r\n", array([b"y" * 1025, b"z"])],
}


@pytest.mark.parametrize("case", VALUES)
def test_values_survive(case: str) -> None:
    check_framing(Resp(), VALUES[case], most_own_bytes=MOST_HEAD_BYTES)


@pytest.mark.parametrize(
    ("wire", "messages", "error"),
    [
        (b"+OK\r\n*x\r\n", [b"+OK\r\n"], "malformed message at offset 5: there is no number behind * or $"
         f" (starts 2a 78); {CHECK}"),
        (b"$-2\r\n", [], f"malformed message at offset 0: there is no number behind * or $ (starts 24 2d 32); {CHECK}"),
        (b"*" + b"1" * 60, [], "malformed message at offset 0: the line with a count or a size has no end"
         f" (starts 2a{' 31' * 15}); {CHECK}"),
        (b"*1\r\n$1\r\nabc", [], "malformed message at offset 0: no line end stands behind 1 bytes"
         f" (starts 2a 31 0d 0a 24 31 0d 0a 61 62 63); {CHECK}"),
        (b"$9999999999\r\nx", [], "message at offset 0 has at least 10000000014 bytes, over the limit of 40"
         " (starts 24 39 39 39 39 39 39 39 39 39 39 0d 0a); raise max_message_bytes to accept it"),
        (b"*15\r\n:1\r\n", [], "message at offset 0 has at least 50 bytes, over the limit of 40"
         " (starts 2a 31 35 0d 0a); raise max_message_bytes to accept it"),
        (b":1\r\n" + b"x" * 60, [b":1\r\n"], "message at offset 4 has at least 41 bytes, over the limit of 40"
         f" (starts 78{' 78' * 15}); raise max_message_bytes to accept it"),
        (bulk(b"x" * 35), [], "message at offset 0 has at least 42 bytes, over the limit of 40"
         " (starts 24 33 35 0d 0a); raise max_message_bytes to accept it"),
        (b"*2\r\n:1\r\n" + b"x" * 60, [], "message at offset 0 has at least 41 bytes, over the limit of 40"
         f" (starts 2a 32 0d 0a 3a 31 0d 0a{' 78' * 8}); raise max_message_bytes to accept it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_the_same_at_any_cut(wire: bytes, messages: list[bytes], error: str) -> None:
    check_decode(Resp(), wire, messages, error, SMALL, most_own_bytes=MOST_HEAD_BYTES)


def test_the_largest_value_passes() -> None:
    check_decode(Resp(), bulk(b"x" * 33), [bulk(b"x" * 33)], limits=SMALL)
    check_decode(Resp(), b"x" * 39 + b"\n", [b"x" * 39 + b"\n"], limits=SMALL)


@pytest.mark.parametrize(
    "message", [b"", b"+OK", b"+a\r\n+b\r\n", b"*1\r\n", b"$3\r\nab\r\n", b"$3", b"*1", b"*2\r\n:1\r\n", b"$2\r\nab"]
)
def test_what_is_not_one_value_cannot_be_sent(message: bytes) -> None:
    with pytest.raises(UnframableMessage, match="framing 'resp' cannot carry this message: it is not one whole RESP"):
        Resp().encode(message)


@pytest.mark.parametrize("piece_bytes", [1, 7])
@pytest.mark.parametrize("body", [b"x", b"xy\r\n", b"\r"])
def test_cost_is_linear_in_one_long_line_or_string(body: bytes, piece_bytes: int) -> None:
    long = body * 5000
    wire_once, wire_twice = (array([text] * 3) for text in (long, long + long))
    check_linear_cost_of(wire_once, wire_twice, piece_bytes)


def test_cost_is_linear_in_many_arguments_and_in_depth() -> None:
    check_linear_cost_of(array([b"a"] * 3000), array([b"a"] * 6000), 1)
    check_linear_cost_of(b"*1\r\n" * 3000 + b":1\r\n", b"*1\r\n" * 6000 + b":1\r\n", 1)
    check_linear_cost_of(b"x" * 9000 + b"\r\n", b"x" * 18000 + b"\r\n", 1)


def check_linear_cost_of(once: bytes, twice: bytes, piece_bytes: int) -> None:
    """As `check_linear_cost`, for values that are twice as long but not one message written twice."""
    work_once, work_twice = (bytes_handled(Resp(), wire, piece_bytes) for wire in (once, twice))
    assert len(once) <= work_once
    assert work_twice <= 2.5 * work_once


TEXTS = st.binary(max_size=12) | st.sampled_from([b"\r\n", b"*1\r\n", b"$3\r\n", b"\n", b"x" * 300])
LINES = st.builds(lambda text: b"+" + text.replace(b"\n", b"") + b"\r\n", TEXTS)
VALUE = st.recursive(
    TEXTS.map(bulk) | LINES | st.just(b"$-1\r\n"),
    lambda inner: st.lists(inner, max_size=4).map(lambda some: b"*%d\r\n" % len(some) + b"".join(some)),
    max_leaves=8,
)
COMMANDS = st.integers(1, 3).flatmap(
    lambda count: st.lists(st.lists(TEXTS, min_size=count, max_size=count).map(array), min_size=4, max_size=12)
)
STREAM = st.lists(VALUE, max_size=8) | COMMANDS


@given(STREAM, st.data())
def test_values_survive_any_cut(values: list[bytes], data: st.DataObject) -> None:
    wire = Resp().encode_all(values)
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=20).map(sorted))
    assert decode(Resp(), wire, cuts).messages == values


@given(st.lists(VALUE | TEXTS | COMMANDS.map(b"".join), max_size=6).map(b"".join), st.integers(1, 60), st.data())
def test_no_cut_changes_what_noise_means(wire: bytes, limit: int, data: st.DataObject) -> None:
    limits = Limits(max_message_bytes=limit)
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=20).map(sorted))
    whole, cut = decode(Resp(), wire, limits=limits), decode(Resp(), wire, cuts, limits)
    assert (whole.messages, whole.sentence) == (cut.messages, cut.sentence)
    assert max(whole.most_held, cut.most_held) <= limit + MOST_HEAD_BYTES

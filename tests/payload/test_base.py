"""What payloads have in common, and the two that need no library."""

from __future__ import annotations

from typing import Any

import pytest

from landline.errors import MessageRejected, UnfitMessage, UnfitValue
from landline.payload import Bytes, Payload, Text
from landline.payload.base import MOST_CODE_CHARACTERS, MOST_DETAIL_CHARACTERS, told


@pytest.mark.parametrize("value", [b"", b"\xff\0\n", bytearray(b"ab"), memoryview(b"ab")])
def test_bytes_are_messages_as_they_are(value: Any) -> None:
    message = Bytes().encode(value)
    assert (type(message), message) == (bytes, bytes(value))
    assert Bytes().decode(message) is message
    assert Bytes().decode_from("tcp://a:1", message) is message


@pytest.mark.parametrize(("value", "kind"), [("text", "str"), (None, "NoneType"), (5, "int"), ([1], "list")])
def test_bytes_carry_nothing_else(value: Any, kind: str) -> None:
    with pytest.raises(UnfitValue) as caught:
        Bytes().encode(value)
    assert str(caught.value) == (
        f"payload 'bytes' cannot carry this value: it is {kind} and not bytes; another payload may carry it"
    )


@pytest.mark.parametrize("text", ["", "plain", "grüße", "\0\n\r", "\U0001f600"])
def test_text_comes_back(text: str) -> None:
    assert Text().decode(Text().encode(text)) == text
    assert Text().decode_from("tcp://a:1", text.encode()) == text


@pytest.mark.parametrize(
    ("message", "place"), [(b"\xff", 0), (b"secret\xc3", 6), (b"\xed\xa0\x80", 0), (b"\xc0\xaf", 0), (b"a\xf8", 1)]
)
def test_what_is_not_utf_8_is_unfit_and_not_shown(message: bytes, place: int) -> None:
    with pytest.raises(UnfitMessage) as caught:
        Text().decode(message)
    assert str(caught.value) == f"the message is not text as it should be: byte {place} is not UTF-8"
    assert caught.value.code == "invalid"


@pytest.mark.parametrize(
    ("value", "problem"), [(b"ab", "it is bytes and not str"), ("a\ud800", "character 1 is half a surrogate pair")]
)
def test_what_text_cannot_carry(value: Any, problem: str) -> None:
    with pytest.raises(UnfitValue) as caught:
        Text().encode(value)
    assert str(caught.value) == f"payload 'text' cannot carry this value: {problem}"


def test_names() -> None:
    assert (str(Bytes()), repr(Text())) == ("bytes", "<payload text>")
    assert (Bytes().typed, Text().typed) == (False, False)
    assert isinstance(Bytes().for_type(int), Bytes)


REJECTIONS = [
    (MessageRejected("invalid", "byte 3 is not UTF-8"), "error invalid: byte 3 is not UTF-8"),
    (MessageRejected("busy"), "error busy:"),
    (MessageRejected("", ""), "error :"),
    (MessageRejected("two words", "a\r\nb\nc\u2028d\te"), "error two words: a b c d e"),
    (MessageRejected("x", "\x1b[2J \0 \ud800"), "error x: ?[2J ? ?"),
    (MessageRejected("x", "grüße"), "error x: grüße"),
    (
        MessageRejected("c" * 1000, "d" * 2_000_000),
        f"error {'c' * MOST_CODE_CHARACTERS}: {'d' * MOST_DETAIL_CHARACTERS}",
    ),
]


@pytest.mark.parametrize(("rejected", "line"), REJECTIONS)
@pytest.mark.parametrize("payload", [Bytes(), Text()])
def test_a_rejection_is_one_short_line(payload: Payload, rejected: MessageRejected, line: str) -> None:
    assert payload.rejection(rejected) == line.encode()
    assert payload.is_rejection(payload.rejection(rejected))
    assert not payload.is_rejection(b"errors happen")


def test_what_is_told_is_text_whatever_a_handler_said() -> None:
    code: Any = 404
    detail: Any = ValueError("no such thing")
    assert told(MessageRejected(code, detail)) == ("404", "no such thing")

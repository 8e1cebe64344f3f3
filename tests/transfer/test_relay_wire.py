"""What is said to a relay and what it answers, byte by byte."""

from __future__ import annotations

import pytest

from landline.transfer.relay_wire import (
    HEAD_BYTES,
    HELLO_BYTES,
    WORDS,
    Answer,
    Code,
    Hello,
    Verb,
    decode_answer,
    decode_hello,
    encode_answer,
    encode_hello,
    refusal,
    sentence_bytes,
)

KEY = bytes(range(16))


@pytest.mark.parametrize(
    ("hello", "data"),
    [
        (Hello(Verb.HOST, 0, key=KEY), b"LLR?\x01\x01" + bytes(8) + KEY),
        (Hello(Verb.HOST, 4821, key=KEY), b"LLR?\x01\x01\x00\x00\x12\xd5" + bytes(4) + KEY),
        (Hello(Verb.JOIN, 99_999), b"LLR?\x01\x02\x00\x01\x86\x9f" + bytes(20)),
        (Hello(Verb.ACCEPT, 1, 7, KEY), b"LLR?\x01\x03\x00\x00\x00\x01\x00\x00\x00\x07" + KEY),
    ],
)
def test_hellos(hello: Hello, data: bytes) -> None:
    assert encode_hello(hello) == data
    assert len(data) == HELLO_BYTES == 30
    assert decode_hello(data) == hello


@pytest.mark.parametrize(
    "data",
    [
        b"LLR!\x01\x01" + bytes(24),
        b"LLR?\x02\x01" + bytes(24),
        b"LLR?\x01\x00" + bytes(24),
        b"LLR?\x01\x04" + bytes(24),
        b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n"[:30],
        encode_hello(Hello(Verb.HOST, 100_000)),
        encode_hello(Hello(Verb.JOIN, 0)),
        encode_hello(Hello(Verb.ACCEPT, 0, 1)),
    ],
)
def test_what_is_no_hello(data: bytes) -> None:
    assert decode_hello(data) is None


def test_answers() -> None:
    data = encode_answer(Answer(Code.CALL, 4821, 7))
    assert data == b"LLR!\x01\x02\x00\x00\x12\xd5\x00\x00\x00\x07\x00"
    assert len(data) == HEAD_BYTES == 15
    assert sentence_bytes(data) == 0
    assert decode_answer(data) == Answer(Code.CALL, 4821, 7)
    assert not decode_answer(data).refuses


def test_a_refusal_says_why() -> None:
    data = refusal(Code.NOBODY, 4821)
    size = sentence_bytes(data[:HEAD_BYTES])
    assert size == len(data) - HEAD_BYTES
    answer = decode_answer(data)
    assert (answer.code, answer.number, answer.sentence, answer.refuses) == (17, 4821, WORDS[Code.NOBODY], True)


def test_every_refusal_has_words_that_fit() -> None:
    assert set(WORDS) == {code for code in Code if code >= 16}
    assert all(decode_answer(refusal(code)).sentence == words for code, words in WORDS.items())


def test_a_long_sentence_is_cut_and_a_broken_one_shown() -> None:
    data = encode_answer(Answer(99, sentence="ä" * 150))
    assert len(data) == HEAD_BYTES + 200
    assert decode_answer(data).sentence == "ä" * 100
    assert decode_answer(data[:14] + b"\x02\xffx").sentence == "\\xffx"


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK", b"LLR?\x01" + bytes(10), b"LLR!\x02" + bytes(10), b"LLR!\x01" + bytes(9) + b"\xc9"]
)
def test_what_begins_no_answer(head: bytes) -> None:
    assert sentence_bytes(head) is None

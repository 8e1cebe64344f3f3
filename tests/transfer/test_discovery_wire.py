"""The datagrams of the search, byte by byte."""

from __future__ import annotations

import pytest

from landline.transfer.discovery_wire import MOST_DATAGRAM, Answer, Query, decode, encode

QUERY_ID = bytes.fromhex("9a1c5e7703b240f8")
QUERY = bytes.fromhex("4c4c463f 01 000012d5 9a1c5e7703b240f8")
ANSWER = bytes.fromhex("4c4c4621 01 000012d5 9a1c5e7703b240f8 a001")


def test_the_bytes_of_the_page() -> None:
    assert encode(Query(4821, QUERY_ID)) == QUERY
    assert encode(Answer(4821, QUERY_ID, 40961)) == ANSWER
    assert len(ANSWER) == MOST_DATAGRAM
    assert decode(QUERY) == Query(4821, QUERY_ID)
    assert decode(ANSWER) == Answer(4821, QUERY_ID, 40961)


@pytest.mark.parametrize("number", [1, 99_999])
def test_numbers_at_the_bounds(number: int) -> None:
    assert decode(encode(Query(number, QUERY_ID))) == Query(number, QUERY_ID)
    assert decode(encode(Answer(number, QUERY_ID, 1))) == Answer(number, QUERY_ID, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"LLF?",
        QUERY[:-1],
        QUERY + b"x",
        QUERY[:4] + b"\x02" + QUERY[5:],
        b"LLF!" + QUERY[4:],
        b"LLF?" + ANSWER[4:],
        b"GET / HTTP/1.1\r\n\r",
        ANSWER[:-1],
        ANSWER + b"x",
        ANSWER[:4] + b"\x00" + ANSWER[5:],
        ANSWER[:-2] + b"\0\0",
        encode(Query(0, QUERY_ID)),
        encode(Query(100_000, QUERY_ID)),
        encode(Answer(0, QUERY_ID, 1)),
        encode(Answer(2**32 - 1, QUERY_ID, 1)),
    ],
)
def test_what_is_neither_is_dropped(data: bytes) -> None:
    assert decode(data) is None

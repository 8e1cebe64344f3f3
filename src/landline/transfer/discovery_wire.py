"""The two datagrams by which a sender is found on a local network; `docs/wire/discovery.md` draws them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

GROUP = "239.255.81.20"
"""Of the block for one site (RFC 2365, 6.1), where nobody assigns groups."""
PORT = 8120
VERSION = 1
ID_BYTES = 8
LEAST_NUMBER, MOST_NUMBER = 1, 99_999

_QUERY = Struct(f"!4sBI{ID_BYTES}s")
_ANSWER = Struct(f"!4sBI{ID_BYTES}sH")
_ASKS, _ANSWERS = b"LLF?", b"LLF!"
MOST_DATAGRAM = _ANSWER.size
"""Bytes of the longer of the two; what is longer is neither."""


@dataclass(frozen=True, slots=True)
class Query:
    """Somebody looks for the sender with this number. `query_id` are 8 bytes that the answer repeats."""

    number: int
    query_id: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The sender with this number listens on this TCP port of the machine that the answer comes from."""

    number: int
    query_id: bytes
    port: int


def encode(message: Query | Answer) -> bytes:
    """The datagram of a query or an answer."""
    if isinstance(message, Query):
        return _QUERY.pack(_ASKS, VERSION, message.number, message.query_id)
    return _ANSWER.pack(_ANSWERS, VERSION, message.number, message.query_id, message.port)


def decode(data: bytes) -> Query | Answer | None:
    """Read a datagram. Returns None for what is neither: on a group, anybody may say anything."""
    if data[4:5] != bytes([VERSION]):
        return None
    if len(data) == _QUERY.size and data.startswith(_ASKS):
        _, _, number, query_id = _QUERY.unpack(data)
        return Query(number, query_id) if LEAST_NUMBER <= number <= MOST_NUMBER else None
    if len(data) == _ANSWER.size and data.startswith(_ANSWERS):
        _, _, number, query_id, port = _ANSWER.unpack(data)
        return Answer(number, query_id, port) if port and LEAST_NUMBER <= number <= MOST_NUMBER else None
    return None

"""What is said to a relay and what it answers; `docs/wire/relay.md` draws it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

ASKS, ANSWERS = b"LLR?", b"LLR!"
"""How the two begin. They differ, so that a service which says everything back is not taken for a relay."""
VERSION = 1
PORT = 8121
KEY_BYTES = 16
NO_KEY = bytes(KEY_BYTES)
ANY_NUMBER = 0
LEAST_NUMBER, MOST_NUMBER = 1, 99_999
MOST_SENTENCE_BYTES = 200

_HELLO = Struct(f"!4sBBII{KEY_BYTES}s")
_ANSWER = Struct("!4sBBIIB")
HELLO_BYTES = _HELLO.size
HEAD_BYTES = _ANSWER.size


class Verb(IntEnum):
    """What a caller wants of the relay."""

    HOST = 1
    JOIN = 2
    ACCEPT = 3


class Code(IntEnum):
    """What the relay answers. From 16 on it is a refusal, after which the relay hangs up."""

    HOSTING = 1
    CALL = 2
    JOINED = 3
    TAKEN = 16
    NOBODY = 17
    TOO_OFTEN = 18
    FULL = 19
    WRONG_KEY = 20
    GONE = 21
    MALFORMED = 22
    NO_ANSWER = 23
    REPLACED = 24


WORDS = {
    Code.TAKEN: "somebody else has this number; choose another, or let the relay choose",
    Code.NOBODY: "nobody waits at this number; check it, or ask the other side to start again",
    Code.TOO_OFTEN: "this number was called, or numbers were tried, too often; wait a minute",
    Code.FULL: "it has no room left; try again later, or use another relay",
    Code.WRONG_KEY: "the key is not the one by which this number was taken",
    Code.GONE: "the call is over: who called has left, or waited too long",
    Code.MALFORMED: "this is no hello of version 1; check that both sides speak the same version",
    Code.NO_ANSWER: "who waits at this number did not take the call in time",
    Code.REPLACED: "the same host has called again and took the number over",
}
"""What each refusal means: sent with it for a person who reads the wire, and the same in our errors."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first word of a caller. `number` 0 asks for any; `call` and `key` are 0 where the verb needs none."""

    verb: Verb
    number: int
    call: int = 0
    key: bytes = NO_KEY


@dataclass(frozen=True, slots=True)
class Answer:
    """A word of the relay. `sentence` is for people and may be empty; `code` may be one that is not known here."""

    code: int
    number: int = 0
    call: int = 0
    sentence: str = ""

    @property
    def refuses(self) -> bool:
        """Whether it says no."""
        return self.code >= Code.TAKEN


def encode_hello(hello: Hello) -> bytes:
    """The 30 bytes of a hello."""
    return _HELLO.pack(ASKS, VERSION, hello.verb, hello.number, hello.call, hello.key)


def decode_hello(data: bytes) -> Hello | None:
    """Read the 30 bytes of a hello. Returns None if they are none."""
    magic, version, verb, number, call, key = _HELLO.unpack(data)
    if (magic, version) != (ASKS, VERSION) or verb not in Verb.__members__.values() or number > MOST_NUMBER:
        return None
    if number == ANY_NUMBER and verb != Verb.HOST:
        return None
    return Hello(Verb(verb), number, call, key)


def encode_answer(answer: Answer) -> bytes:
    """The bytes of an answer: 15, and at most 200 of its sentence."""
    sentence = answer.sentence.encode()[:MOST_SENTENCE_BYTES]
    return _ANSWER.pack(ANSWERS, VERSION, answer.code, answer.number, answer.call, len(sentence)) + sentence


def refusal(code: Code, number: int = 0) -> bytes:
    """The bytes of an answer that says no, and why."""
    return encode_answer(Answer(code, number, 0, WORDS[code]))


def sentence_bytes(head: bytes) -> int | None:
    """How many bytes of sentence follow the first 15 bytes of an answer. Returns None if they begin none."""
    size = head[-1]
    return size if head.startswith(ANSWERS + bytes([VERSION])) and size <= MOST_SENTENCE_BYTES else None


def decode_answer(data: bytes) -> Answer:
    """Read a whole answer, whose head `sentence_bytes` has looked at."""
    _, _, code, number, call, size = _ANSWER.unpack_from(data)
    return Answer(code, number, call, data[HEAD_BYTES : HEAD_BYTES + size].decode("utf-8", "backslashreplace"))

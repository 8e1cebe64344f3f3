"""Lines of JSON: requests are heard, everything else is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from landline.chat import wire
from landline.chat.bounds import MOST_REQUEST_BYTES
from landline.chat.fronts import Begin, Caller, Family, Finish, Front, Heard
from landline.chat.jsonfront import JsonFront, show_json
from landline.chat.notices import Message, Pong, Refused, decode_notice
from tests.chat.cutting import heard

CALLER = Caller(address="192.0.2.7", is_local=False, is_secure=True)


def front() -> JsonFront:
    return JsonFront(CALLER)


def refused(problem: str, ref: wire.Ref = None) -> Refused:
    return Refused(code="bad_request", text=problem, ref=ref)


def test_a_front_of_programs() -> None:
    made: Front = front()
    assert (made.family, made.is_person, made.begin(), made.goodbye("quit")) == (Family.JSON, False, [Begin()], b"")
    made.told(Pong())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n \r\n\t\n", []),
        (b'{"op":"ping"}\n', [wire.Ping()]),
        (b'\xef\xbb\xbf{"op":"ping"}\r\n', [wire.Ping()]),
        (b'{"op":"ping","ref":1}\n\n {"op":"who"} ', [wire.Ping(ref=1), wire.Who()]),
        (b'{"op":"say","room":"a","body":"h\xc3\xa9"}\n', [wire.Say(room="a", body="h\xe9")]),
        (b'{"op":"ping","future":true}\n', [wire.Ping()]),
        (b"hello\n", [refused("this is no request: JSON is malformed: invalid character (byte 0)")]),
        (b'{"op":"fly","ref":"r"}\n', [refused("this is no request: Invalid value 'fly' - at `$.op`", "r")]),
        (b'{"op":"join","ref":7}', [refused("this is no request: Object missing required field `room`", 7)]),
        (b'{"op":"ping","ref":9007199254740993}', [refused("ref is beyond 9007199254740992")]),
        (b'{"op":"who","ref":"\\u009b"}', [refused("ref must be at most 64 printable characters of ASCII")]),
        (
            b'{"op":"say","room":"a","body":"x","cid":"\\n","ref":3}',
            [refused("cid must be at most 64 printable characters of ASCII", 3)],
        ),
        (
            b'{"op":"history","room":"a","before":99999999999999999999,"ref":3}',
            [refused("before is beyond 9007199254740992", 3)],
        ),
        (
            b'[1]\n{"op":"ping"}\n',
            [refused("this is no request: Expected `object`, got `array`"), wire.Ping()],
        ),
    ],
    ids=range(15),
)
def test_what_is_heard(data: bytes, expected: list[Heard]) -> None:
    assert heard(front, data) == expected


def test_bytes_that_are_no_utf_8_are_refused_and_the_session_goes_on() -> None:
    first, second = heard(front, b'{"op":"say","room":"a","body":"\xff"}\n{"op":"ping"}\n')
    assert isinstance(first, Refused)
    assert "can't decode byte 0xff" in first.text
    assert second == wire.Ping()


@pytest.mark.parametrize("end", [b"", b"\n", b'\n{"op":"ping"}\n'])
def test_a_line_that_is_too_long_ends_the_session(end: bytes) -> None:
    made = front()
    found = made.received(b'{"op":"ping"}\n' + b" " * (MOST_REQUEST_BYTES + 1) + end)
    problem = "this line is longer than 65536 bytes; a body has at most 4096"
    assert found == [wire.Ping(), Refused(code="too_long", text=problem), Finish("too_long")]
    assert made.received(b'{"op":"ping"}\n') == made.ended() == []


def test_the_longest_line_is_heard() -> None:
    line = b'{"op":"ping"}'.ljust(MOST_REQUEST_BYTES)
    assert front().received(line + b"\r\n") == [wire.Ping()]


def test_what_is_told_is_one_line() -> None:
    message = Message(
        room="lobby", seq=1, epoch="e", id="i", time=0.0, sender="anna", nick="anna", body="a\nb\x1b", cid=None
    )
    line = show_json(message)
    assert line.count(b"\n") == 1 and line.endswith(b"}\n") and b"\x1b" not in line
    assert decode_notice(line) == message
    assert show_json(Pong()) == b'{"type":"pong"}\n'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["say", "lobby", "\x9b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["op", "room", "ref"]), inner),
    max_leaves=6,
)
NAMES = ["op", "ref", "room", "body", "cid", "seq", "epoch", "nick", "limit", "before", "seconds", "text"]
OPERATIONS = ["hello", "say", "join", "resume", "history", "slow", "who", "topic", "ban"]


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.sampled_from(OPERATIONS))
@example({"op": "\ud7fc"}, "hello")
def test_no_document_is_heard_as_anything_else(document: dict[str, Any], operation: str) -> None:
    line = json.dumps({"op": operation, **document}, ensure_ascii=len(operation) % 2 == 0).encode("utf-8", "replace")
    for one in heard(front, line):
        assert isinstance(one, wire.Request | Refused)
        if isinstance(one, Refused):
            # A letter that Unicode does not have yet may come back; what a terminal obeys may not.
            assert [char for char in one.text if category(char) in ("Cc", "Cs", "Zl", "Zp")] == []
            directions = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
            assert not set(one.text) & set(directions)
            assert show_json(one).count(b"\n") == 1
        assert wire.decode_request(wire.encode_request(one)) == one if isinstance(one, wire.Request) else True

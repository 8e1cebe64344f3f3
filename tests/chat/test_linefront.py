"""Plain text: lines of people are requests for the room they are in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.chat import wire
from landline.chat.bounds import MOST_LINE_BYTES, MOST_REQUEST_BYTES
from landline.chat.fronts import Begin, Caller, Family, Finish, Front, Heard, Switch
from landline.chat.linefront import LineFront
from landline.chat.lines import help_text
from landline.chat.notices import Bye, Joined, Left, Pong, Refused
from tests.chat.cutting import heard

CALLER = Caller(address="unix", is_local=True, is_secure=True)


def joined(room: str) -> Joined:
    return Joined(room=room, epoch="e", seq=1)


def front() -> LineFront:
    made = LineFront(CALLER)
    made.told(joined("lobby"))
    return made


def say(body: str) -> wire.Say:
    return wire.Say(room="lobby", body=body)


def test_a_front_of_people() -> None:
    made: Front = LineFront(CALLER)
    assert (made.family, made.is_person, made.begin(), made.goodbye("quit")) == (Family.TEXT, True, [Begin()], b"")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\r\n \t \n\x1b\n", []),
        (b"hello\n", [say("hello")]),
        (b"  code\r\n", [say("  code")]),
        (b"last words", [say("last words")]),
        (b"caf\xc3\xa9 caf\xe9\n", [say("caf\xe9 caf\ufffd")]),
        (b"a\x1b[31mb\x9bc\xc2\x9bd\xe2\x80\xae\n", [say("a[31mb\ufffdcd")]),
        (b"\xff\xfb\x1fhi\r\0\xff\xf4you\r\n", [say("hi"), say("you")]),
        (b"a\0b\rc\n", [say("ab c")]),
        (b"/join #dev\n/nick anna\n", [wire.Join(room="dev", tail=10, ref="line 1"), wire.Nick(nick="anna")]),
        (
            b"/join Dev\nhello\n/resume #ops 0123456789abcdef 7\nhello",
            [
                wire.Join(room="Dev", tail=10, ref="line 1"),
                wire.Say(room="dev", body="hello"),
                wire.Resume(room="ops", epoch="0123456789abcdef", seq=7, ref="line 2"),
                wire.Say(room="ops", body="hello"),
            ],
        ),
        (b"/join a..b\xe2\x80\xae!\nhello\n", [wire.Join(room="a..b!", tail=10), say("hello")]),
        (b"//join\n", [say("/join")]),
        (b"/help\n", [help_text().encode()]),
        (b'{"op":"ping"}\n', [Switch(Family.JSON), wire.Ping()]),
        (b'\n \r\n\xef\xbb\xbf { "op":"ping"}\n{"op":"who"}', [Switch(Family.JSON), wire.Ping(), wire.Who()]),
        (b'\xff\xf1{"op":"ping"}\n', [say('{"op":"ping"}')]),
        (b"{\n", [say("{")]),
        (b'{\n"op":1}\n', [say("{"), say('"op":1}')]),
        (b"{ smile }\n", [say("{ smile }")]),
        (b'hi\n{"op":"ping"}\n', [say("hi"), say('{"op":"ping"}')]),
        (b'{\n{"op":"ping"}\n', [say("{"), say('{"op":"ping"}')]),
    ],
    ids=range(22),
)
def test_what_is_heard(data: bytes, expected: list[Heard]) -> None:
    assert heard(front, data) == expected


def test_bytes_of_telnet_in_a_document_are_part_of_it() -> None:
    switch, refused = heard(front, b'{"\xff"p')
    assert switch == Switch(Family.JSON)
    assert isinstance(refused, Refused) and "expected ':' (byte 4)" in refused.text


def test_a_program_that_was_slow_is_heard_with_the_bounds_of_programs() -> None:
    long = b'{"op":"say","room":"lobby","body":"' + b"x" * (2 * MOST_LINE_BYTES) + b'"}\n'
    made = front()
    assert made.received(long) == [Switch(Family.JSON), say("x" * (2 * MOST_LINE_BYTES))]
    assert made.family is Family.JSON
    found = made.received(b" " * (MOST_REQUEST_BYTES + 1))
    assert isinstance(found[0], Refused) and found[1] == Finish("too_long")
    assert made.received(b"{}\n") == made.ended() == []


@pytest.mark.parametrize("end", [b"", b"\n", b"\nhello\n"])
def test_a_line_that_is_too_long_ends_the_conversation(end: bytes) -> None:
    made = front()
    found = made.received(b"hello\n" + b"x" * (MOST_LINE_BYTES + 1) + end)
    assert found == [say("hello"), Bye(code="too_long", text="a line has at most 16384 bytes"), Finish("too_long")]
    assert made.received(b"hello\n") == made.ended() == []
    assert front().received(b"x" * MOST_LINE_BYTES + b"\r\n") == [say("x" * MOST_LINE_BYTES)]


def test_the_current_room_is_the_one_that_was_entered_last() -> None:
    made = LineFront(CALLER)
    rooms = []
    for notice in (
        Pong(), joined("lobby"), joined("dev"), joined("@anna,bob"), joined("ops"), Left(room="dev"), Left(room="ops"),
        Left(room="nowhere"), joined("ops"), joined("lobby"), Left(room="lobby"), Left(room="ops"),
    ):  # fmt: skip
        made.told(notice)
        rooms.append(made.room)
    assert rooms == [
        None, "lobby", "dev", "dev", "ops", "ops", "lobby", "lobby", "ops", "lobby", "ops", None,
    ]  # fmt: skip


def test_a_room_counts_from_when_it_is_asked_for_until_it_is_refused() -> None:
    made = LineFront(CALLER)
    made.begin()
    assert made.room == "lobby"
    made.received(b"/join dev\n/join ops\n")
    rooms = [made.room]
    for notice in (
        joined("lobby"), Refused(code="banned", text="no", ref="line 2"), joined("elsewhere"),
        Joined(room="dev", epoch="e", seq=1, ref="line 1"), Refused(code="too_fast", text="wait"),
    ):  # fmt: skip
        made.told(notice)
        rooms.append(made.room)
    assert rooms == ["ops", "ops", "dev", "dev", "dev", "dev"]


def test_in_no_room_nobody_would_read_it() -> None:
    (found,) = LineFront(CALLER).received(b"hello\n")
    assert isinstance(found, Refused)
    assert found.code == "no_room"


@given(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_whatever_comes_is_heard_the_same_however_it_is_cut(data: bytes) -> None:
    for one in heard(front, data + b"\n"):
        assert isinstance(one, wire.Request | Refused | bytes | Switch)
        if isinstance(one, wire.Say):
            assert one.body.replace("\t", " ").strip()
            assert not any(character < " " for character in one.body if character != "\t")


def test_a_request_of_a_browser_that_comes_too_late_is_nothing_that_somebody_says() -> None:
    made = front()
    bye, finish = made.received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert isinstance(bye, Bye) and "browser" in bye.text
    assert isinstance(finish, Finish)
    assert made.received(b"more\n") == made.ended() == []
    later = front()
    assert later.received(b"hi\nGET / HTTP/1.1\n") == [say("hi"), say("GET / HTTP/1.1")]

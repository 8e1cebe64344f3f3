"""What people type: commands, messages, and sentences for what is neither."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.chat import wire
from landline.chat.lines import COMMANDS, help_text, parse_line, read_duration
from landline.chat.notices import Refused
from landline.chat.wire import Request

EPOCH = "0123456789abcdef"


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("hello", wire.Say(room="lobby", body="hello")),
        (" /join x", wire.Say(room="lobby", body=" /join x")),
        ("//join x", wire.Say(room="lobby", body="/join x")),
        ("//", wire.Say(room="lobby", body="/")),
        ("/join dev", wire.Join(room="dev", tail=10)),
        ("/JOIN  #dev ", wire.Join(room="dev", tail=10)),
        ("/join a b", wire.Join(room="a b", tail=10)),
        ("/join\t#dev", wire.Join(room="dev", tail=10)),
        ("/mute\tbob\t1d\ttoo\tloud", wire.Mute(room="lobby", nick="bob", seconds=86400, reason="too\tloud")),
        ("/leave", wire.Leave(room="lobby")),
        ("/leave dev", wire.Leave(room="dev")),
        ("/leave #dev", wire.Leave(room="dev")),
        ("/msg bob  hi there", wire.Msg(to="bob", body="hi there")),
        ("/nick anna", wire.Nick(nick="anna")),
        ("/who", wire.Who(room="lobby")),
        ("/who *", wire.Who()),
        ("/who dev", wire.Who(room="dev")),
        ("/who #dev", wire.Who(room="dev")),
        ("/rooms", wire.Rooms()),
        ("/history", wire.History(room="lobby")),
        ("/history 7", wire.History(room="lobby", before=7)),
        ("/history dev", wire.History(room="dev")),
        ("/history dev 7", wire.History(room="dev", before=7)),
        ("/history 2026 7", wire.History(room="2026", before=7)),
        ("/history #dev", wire.History(room="dev")),
        ("/history #2026", wire.History(room="2026")),
        ("/history #dev 7", wire.History(room="dev", before=7)),
        ("/history @anna,bob 7", wire.History(room="@anna,bob", before=7)),
        ("/since 7", wire.History(room="lobby", after=7)),
        ("/since dev 7", wire.History(room="dev", after=7)),
        ("/since #dev 7", wire.History(room="dev", after=7)),
        (f"/since {EPOCH} 7", wire.Resume(room="lobby", epoch=EPOCH, seq=7)),
        (f"/since dev {EPOCH} 7", wire.Resume(room="dev", epoch=EPOCH, seq=7)),
        (f"/since #dev {EPOCH} 7", wire.Resume(room="dev", epoch=EPOCH, seq=7)),
        ("/since dev other 7", wire.Resume(room="dev", epoch="other", seq=7)),
        (f"/resume dev {EPOCH} 7", wire.Resume(room="dev", epoch=EPOCH, seq=7)),
        (f"/resume #dev {EPOCH} 7", wire.Resume(room="dev", epoch=EPOCH, seq=7)),
        ("/search red fox", wire.Search(query="red fox")),
        ("/search #dev red fox", wire.Search(query="red fox", room="dev")),
        ("/search before:9 red fox", wire.Search(query="red fox", before=9)),
        ("/search #dev before:9 red", wire.Search(query="red", room="dev", before=9)),
        ("/search before:9", wire.Search(query="before:9")),
        ("/quit", wire.Quit()),
        ("/quit so long", wire.Quit(reason="so long")),
        ("/register a b c", wire.Register(password="a b c")),
        ("/register #a b", wire.Register(password="#a b")),
        ("/register #a", wire.Register(password="#a")),
        ("/login anna a b", wire.Login(nick="anna", password="a b")),
        ("/logout", wire.Logout()),
        ("/password old new", wire.Password(old="old", new="new")),
        ("/password #old new", wire.Password(old="#old", new="new")),
        ("/bot weather", wire.Bot(name="weather")),
        ("/unbot weather", wire.Unbot(name="weather")),
        ("/kick bob", wire.Kick(room="lobby", nick="bob")),
        ("/kick #dev bob too loud", wire.Kick(room="dev", nick="bob", reason="too loud")),
        ("/ban bob", wire.Ban(room="lobby", nick="bob")),
        ("/ban bob 1d", wire.Ban(room="lobby", nick="bob", seconds=86400)),
        ("/ban bob 1d  too loud", wire.Ban(room="lobby", nick="bob", seconds=86400, reason="too loud")),
        ("/ban #dev bob too loud", wire.Ban(room="dev", nick="bob", reason="too loud")),
        ("/unban address:192.0.2.7", wire.Unban(room="lobby", nick="address:192.0.2.7")),
        ("/mute bob 90", wire.Mute(room="lobby", nick="bob", seconds=90)),
        ("/unmute bob", wire.Unmute(room="lobby", nick="bob")),
        ("/slow 30s", wire.Slow(room="lobby", seconds=30)),
        ("/slow off", wire.Slow(room="lobby", seconds=0)),
        ("/op bob", wire.Op(room="lobby", nick="bob")),
        ("/deop #dev bob", wire.Deop(room="dev", nick="bob")),
        ("/topic all about x", wire.Topic(room="lobby", text="all about x")),
        ("/topic #dev x", wire.Topic(room="dev", text="x")),
        ("/topic -", wire.Topic(room="lobby", text="")),
        ("/motd #1 rule: be kind", wire.Motd(text="#1 rule: be kind")),
        ("/motd -", wire.Motd(text="")),
        ("/sanctions", wire.Sanctions(room="lobby")),
        ("/sanctions dev", wire.Sanctions(room="dev")),
        ("/audit", wire.Audit(room="lobby")),
        ("/audit *", wire.Audit()),
        ("/audit #dev", wire.Audit(room="dev")),
    ],
)
def test_a_line_is_a_request(line: str, request_: Request) -> None:
    assert parse_line(line, "lobby") == request_


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("/jion x", "unknown_command", "there is no command /jion; did you mean /join? /help lists the commands"),
        ("/usr/bin", "unknown_command", "there is no command /usr/bin; //usr/bin says it as a message; /help"),
        ("/", "unknown_command", "there is no command /; "),
        ("/ hello", "unknown_command", "there is no command /; "),
        ("/" + "x" * 99, "unknown_command", f"there is no command /{'x' * 32}; "),
        ("/help jion", "unknown_command", "there is no command /jion; did you mean /join?"),
        ("/join", "usage", "write /join ROOM; /help join says what it does"),
        ("/join #a b", "usage", "write /join ROOM"),
        ("/msg bob", "usage", "write /msg NICK TEXT"),
        ("/nick", "usage", "write /nick NAME"),
        ("/history dev x", "usage", "'x' is no number of a message; it stands behind the room: [lobby 1043]"),
        ("/history a 1 2", "usage", "'1 2' is no number of a message"),
        ("/since x", "usage", "'x' is no number of a message"),
        ("/since \u0661", "usage", "'\u0661' is no number of a message"),
        ("/since", "usage", "write /since [ROOM] [EPOCH] SEQ"),
        ("/since 9999999999999999", "usage", "'9999999999999999' is no number of a message"),
        ("/resume dev 7", "usage", "write /resume ROOM EPOCH SEQ"),
        ("/search", "usage", "write /search [#ROOM] WORDS"),
        ("/register", "usage", "write /register PASSWORD"),
        ("/password a b c", "usage", "write /password OLD NEW; passwords with spaces are changed in another client"),
        ("/who #dev x", "usage", "write /who [ROOM]"),
        ("/slow fast", "usage", "'fast' is no duration; write 30s, 2m, plain seconds, or off"),
        ("/ban bob 3x", "usage", "'3x' is no duration; write 30s, 10m, 2h, 1d or plain seconds, then the reason"),
        ("/mute bob 10min loud", "usage", "'10min' is no duration"),
        ("/kick", "usage", "write /kick NICK [REASON]; /help kick says what it does"),
    ],
)
def test_what_is_no_request_says_what_to_write(line: str, code: str, text: str) -> None:
    found = parse_line(line, "lobby")
    assert isinstance(found, Refused)
    assert found.code == code
    assert found.text.startswith(text)


@pytest.mark.parametrize("line", ["/login anna", "/regsiter s3cret", "/password s3cret", "/lgoin anna s3cret"])
def test_a_refusal_does_not_repeat_a_password(line: str) -> None:
    found = parse_line(line, "lobby")
    assert isinstance(found, Refused)
    assert "s3cret" not in found.text


@pytest.mark.parametrize(
    "line",
    ["/leave", "/history", "/since 7", "/kick bob", "/ban bob", "/slow 3", "/op bob", "/topic x", "/sanctions"],
)
def test_outside_of_a_room_the_room_is_missing(line: str) -> None:
    found = parse_line(line, None)
    text = "you are in no room: enter one with /join ROOM, or name it with a # as the first word"
    assert found == Refused(code="usage", text=text)


def test_outside_of_a_room_nobody_would_read_a_message() -> None:
    text = "you are in no room, so nobody would read this: /join ROOM enters one, /rooms lists them"
    assert parse_line("hello", None) == Refused(code="no_room", text=text)
    assert parse_line("/who", None) == wire.Who()
    assert parse_line("/kick #dev bob", None) == wire.Kick(room="dev", nick="bob")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1w", 604800), ("45", 45), ("0", 0),
        ("", None), ("s", None), ("-1", None), ("1.5h", None), ("1y", None), ("1234567890", None), ("\u0661", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert read_duration(text) == seconds


def test_help_names_every_command_in_80_columns() -> None:
    whole = parse_line("/help", None)
    assert isinstance(whole, bytes)
    lines = whole.decode().splitlines()
    assert all(line.startswith("* ") and len(line) <= 80 for line in lines)
    for name in COMMANDS:
        assert sum(line.startswith((f"* /{name} ", f"* /{name}\n")) for line in lines) == 1
    assert parse_line("/help help", "lobby") == whole
    assert parse_line("/help /Kick", "lobby") == b"* /kick NICK [REASON]\n*   put somebody out of the room\n"
    assert help_text("rooms") == "* /rooms\n*   which rooms there are\n"


def test_every_request_a_person_can_need_has_a_command() -> None:
    operations = {kind.__struct_config__.tag for kind in get_args(wire.AnyRequest)}
    assert operations - set(COMMANDS) == {"hello", "say", "typing", "ping"}
    assert set(COMMANDS) - operations == {"since"}


@given(
    st.sampled_from([*COMMANDS, "help", "", "hepl"]),
    st.lists(st.sampled_from(["#a", "a", "7", EPOCH, "*", "-", "before:7", "off", "1d", "@a,b", "#", "x y"])),
    st.sampled_from(["lobby", None]),
)
def test_whatever_is_typed_has_an_answer(name: str, words: list[str], room: str | None) -> None:
    found = parse_line(" ".join([f"/{name}", *words]), room)
    assert isinstance(found, wire.Request | Refused | bytes)
    if isinstance(found, wire.Request):
        assert wire.decode_request(wire.encode_request(found)) == found

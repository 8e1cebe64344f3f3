"""What happens, in lines of plain words."""

from __future__ import annotations

import pytest

from landline.chat.changes import (
    CaughtUp,
    Change,
    Connected,
    Connecting,
    Gone,
    Lost,
    MeChanged,
    MembersChanged,
    MessageAdded,
    Missed,
    NickChanged,
    RoomChanged,
    RoomJoined,
    RoomLeft,
    Skipped,
    Told,
)
from landline.chat.notices import Changed, Joined, Members, Message, Notice, Person
from landline.chat.plainwords import duration, words_of, words_of_notice
from landline.chat.view import View
from tests.chat.said import ANNA, BOB, EPOCH, ME, TALK, come_in, joined, message

BOT = Person("dice", "dice", is_bot=True)
MYSELF = Person(ME, "me")


@pytest.fixture
def view() -> View:
    view = View(("lobby",))
    come_in(view, 12)
    view.handle(message(1, room=TALK, to=ME))
    return view


def added(one: Message, is_new: bool = True) -> MessageAdded:
    return MessageAdded(one.room, one, is_new)


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (added(message(13, "hello")), ["lobby anna: hello"]),
        (added(message(13, "hello"), is_new=False), []),
        (added(message(2, "psst", room=TALK)), ["@anna anna: psst"]),
        (added(message(2, "yes", room=TALK, sender=MYSELF)), ["@anna me: yes"]),
        (Told("one\n\ntwo"), ["* one", "* two"]),
        (Told("no", True), ["! no"]),
        (RoomJoined("lobby"), ["* you are in lobby, 0 here, 12 messages so far"]),
        (RoomJoined("lobby", True), []),
        (RoomJoined("nowhere"), []),
        (RoomJoined(TALK), []),
        (RoomLeft("lobby"), ["* you have left lobby"]),
        (RoomLeft("lobby", "bob", "spam"), ["* bob has put you out of lobby: spam"]),
        (RoomChanged("lobby"), []),
        (
            RoomChanged("lobby", Changed(what="topic", by="bob", room="lobby", value="tea")),
            ["* bob has changed the topic of lobby: tea"],
        ),
        (
            MembersChanged("lobby", 3, (ANNA, BOT, MYSELF), (BOB,)),
            ["* anna, dice (bot) came to lobby", "* bob left lobby"],
        ),
        (MembersChanged("lobby", 900), []),
        (MembersChanged("lobby", 1, (MYSELF,)), []),
        (NickChanged("~anna", "ann", "~anna", "anna"), ["* anna is ann now"]),
        (NickChanged("anna", "anna", "~anna", "anna"), []),
        (NickChanged(ME, "moi", ME, "me"), []),
        (Missed("lobby", 3, 5), ["! lobby: messages 3 to 5 could not be had"]),
        (Skipped(7), ["! 7 events came faster than they could be shown, and were left out"]),
        (Connecting(2), []),
        (MeChanged(), []),
        (Gone("restart", "soon"), []),
        (Connected(False), ["* connected to Landline; you are me"]),
        (Connected(True), []),
        (Lost(0.25, "it broke."), ["! not connected: it broke; next try in 0.2 s"]),
        (CaughtUp(0.0, 0, {}), []),
        (CaughtUp(12.2, 0, {}), ["* back after 12 s: nothing was said meanwhile"]),
        (CaughtUp(2.0, 1, {}), ["* back after 2.0 s: 1 message came meanwhile, and is here"]),
        (CaughtUp(200.0, 8, {}), ["* back after 3 min: 8 messages came meanwhile, all are here"]),
        (
            CaughtUp(5.0, 8, {"lobby": "epoch", TALK: "it cannot be read"}),
            [
                "! back after 5.0 s, and not everything is here",
                "! not recovered: lobby: the server has other messages than those we know",
                "! not recovered: @anna: it cannot be read",
            ],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_change_in_words(view: View, change: Change, lines: list[str]) -> None:
    assert words_of(change, view) == lines


def test_the_topic_is_told_with_the_room(view: View) -> None:
    view.handle(joined(1, "den", topic="tea", count=1))
    assert words_of(RoomJoined("den"), view) == ["* you are in den, 1 here, 1 message so far; topic: tea"]


def test_times_are_told_where_asked_for(view: View) -> None:
    assert words_of(added(message(13, "hello")), view, times=True) == ["2023-11-14 22:13 lobby anna: hello"]


def test_what_was_typed_here_is_not_shown_again(view: View) -> None:
    view.say("lobby", "mine", "c1")
    assert words_of(added(message(13, "mine", sender=MYSELF, cid="c1")), view) == []
    assert words_of(added(message(14, "mine", sender=MYSELF, cid="c2")), view) == ["lobby me: mine"]


@pytest.mark.parametrize("code", [*range(9), *range(10, 32), *range(127, 160), 0x202E, 0x2066, 0x2028, 0xD800])
def test_no_control_character_comes_out(view: View, code: int) -> None:
    (line,) = words_of(added(message(13, f"a{chr(code)}b")), view)
    (told,) = words_of(Told(f"a{chr(code)}b"), view)[:1] or ["a"]
    assert chr(code) not in line + told and line.startswith("lobby anna: a")


@pytest.mark.parametrize(
    ("notice", "lines"),
    [
        (Joined(room="lobby", epoch=EPOCH, seq=1), []),
        (Members(room="lobby", members=[ANNA], count=1), ["* 1 in lobby: anna"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_in_words(notice: Notice, lines: list[str]) -> None:
    assert words_of_notice(notice) == lines


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.4, "9.4 s"), (9.6, "10 s"), (89, "89 s"), (90, "2 min"), (600, "10 min")]
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    assert duration(seconds) == words

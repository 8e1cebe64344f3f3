"""Saying something in rooms and conversations, and who hears it."""

from __future__ import annotations

import re

import pytest

from landline.chat.bounds import Bounds
from landline.chat.entries import MotdSet
from landline.chat.notices import Ack, Joined, Message, Notice, Page, Refused, RoomList, Types, Welcome
from landline.chat.saying import message_id, tell_typing
from landline.chat.wire import (
    History,
    Join,
    Leave,
    Msg,
    Mute,
    Register,
    Request,
    Resume,
    Rooms,
    Say,
    Search,
    Slow,
    Typing,
)
from tests.chat.corerig import EASY, GENESIS, Rig


def bounds(**other: float) -> Bounds:
    return Bounds(**({name: getattr(EASY, name) for name in EASY.__slots__} | other))


def code(notices: list[Notice]) -> str:
    """The code of the one refusal among these."""
    (refused,) = [notice for notice in notices if isinstance(notice, Refused)]
    return refused.code


def in_tea(rig: Rig, nick: str, **how: str) -> int:
    session = rig.connect(nick, **how)  # type: ignore[arg-type]
    rig.ask(session, Join(room="tea"))
    return session


def test_members_hear_a_message_once_and_who_said_it_hears_where_it_stands() -> None:
    rig = Rig()
    ann, bob, out = in_tea(rig, "ann"), in_tea(rig, "bob"), rig.connect("cleo")
    rig.ask(ann, Say(room="tea", body="hello\x1b[31m", cid="c", ref=4))
    ack, message = rig.last(ann, Ack), rig.last(bob, Message)
    assert (ack.ref, ack.seq, ack.cid, ack.cut, ack.duplicate) == (4, 1, "c", False, False)
    assert (message.seq, message.id, message.body, message.nick) == (1, ack.id, "hello[31m", "ann")
    assert not rig.heard(out, Message)


@pytest.mark.parametrize(
    ("request_", "why"),
    [(Say(room="elsewhere", body="x"), "not_in_room"), (Say(room="tea", body=" \x1b "), "empty"),
     (Say(room="tea", body="x", cid=""), "bad_cid"), (Say(room="tea", body="x", cid="é"), "bad_cid"),
     (Say(room="tea", body="x", cid="c" * 65), "bad_cid"), (Msg(to="nobody", body="x"), "no_such_person"),
     (Msg(to="ann", body="x"), "yourself"), (Say(room="@~a,~b", body="x"), "not_in_room")],
    ids=range(8),
)  # fmt: skip
def test_what_cannot_be_said(request_: Request, why: str) -> None:
    rig = Rig()
    assert code(rig.ask(in_tea(rig, "ann"), request_)) == why
    assert not rig.store.messages


def test_a_body_that_is_too_long_is_cut_and_that_is_told() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    rig.ask(ann, Say(room="tea", body="é" * 3000))
    assert rig.last(ann, Ack).cut
    assert len(rig.store.messages[0].entry.body.encode()) == 4096


@pytest.mark.parametrize("which", ["session", "account", "address"])
def test_who_says_too_much_has_to_wait(which: str) -> None:
    rig = Rig(bounds=bounds(**{f"{which}_burst": 3, f"{which}_rate": 0.5}))
    one, two = rig.owner("ann"), rig.owner("ann", address="192.0.2.8")
    other = rig.connect("bob", address="192.0.2.8")
    for session in (one, two, other):
        rig.ask(session, Join(room="tea"))
    for _ in range(3):
        rig.ask(one if which == "session" else two, Say(room="tea", body="x"))
    last = {"session": one, "account": one, "address": other}[which]
    refused = rig.ask(last, Say(room="tea", body="x", cid="c"))[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.wait, refused.cid) == ("too_fast", 2.0, "c")
    rig.steady += 2
    rig.ask(last, Say(room="tea", body="x", cid="c"))
    assert rig.last(last, Ack).cid == "c"


def test_a_conversation_is_read_by_the_two_and_nobody_else() -> None:
    rig = Rig(operators=("olga",))
    ann, bob, eve, olga = rig.owner("ann"), rig.owner("bob"), rig.owner("eve"), rig.owner("olga", local=True)
    rig.ask(ann, Msg(to="Bob", body="secret word"))
    assert rig.last(bob, Message).room == "@ann,bob"
    rig.ask(bob, Say(room="@ann,bob", body="secret answer"))
    assert rig.last(ann, Message).body == "secret answer"
    for other in (eve, olga):
        assert not rig.heard(other, Message)
        assert code(rig.ask(other, History(room="@ann,bob"))) == "no_such_room"
        assert code(rig.ask(other, Search(query="secret", room="@ann,bob"))) == "no_such_room"
        assert code(rig.ask(other, Resume(room="@ann,bob", epoch=GENESIS.epoch, seq=0))) == "no_such_room"
        assert code(rig.ask(other, Join(room="@ann,bob"))) == "bad_name"
        assert code(rig.ask(other, Say(room="@ann,bob", body="x"))) == "not_in_room"
        rig.ask(other, Search(query="secret"))
        assert rig.last(other, Page).messages == []
        rig.ask(other, Rooms())
        assert rig.last(other, RoomList).direct == []
        rig.forget()
        rig.ask(other, Typing(room="@ann,bob"))
        assert not any(rig.told.values())
    rig.ask(ann, Search(query="secret"))
    assert len(rig.last(ann, Page).messages) == 2
    rig.ask(bob, Typing(room="@ann,bob"))
    assert rig.heard(ann, Types)
    assert not rig.heard(bob, Types)


def test_a_conversation_goes_on_behind_what_one_knows() -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.owner("bob")
    rig.leave(bob)
    for body in "123":
        rig.ask(ann, Msg(to="bob", body=body))
    bob = rig.owner("bob")
    assert [place.seq for place in rig.last(bob, Welcome).direct] == []
    rig.ask(bob, Resume(room="@ann,bob", epoch=GENESIS.epoch, seq=1))
    assert (rig.last(bob, Joined).recovered, rig.last(bob, Joined).seq) == (True, 3)
    assert [one.body for one in rig.last(bob, Page).messages] == ["2", "3"]


def test_a_guest_of_the_same_nick_does_not_inherit_conversations() -> None:
    rig = Rig()
    ann, first = rig.owner("ann"), rig.connect("bob")
    rig.ask(ann, Msg(to="bob", body="for the first"))
    room = rig.last(ann, Ack).room
    rig.leave(first)
    assert code(rig.ask(ann, Say(room=room, body="more"))) == "no_such_person"
    second = rig.connect("bob")
    assert rig.last(second, Welcome).direct == []
    assert code(rig.ask(second, History(room=room))) == "no_such_room"
    rig.ask(second, Register(password="long enough"))
    assert code(rig.ask(second, History(room=room))) == "no_such_room"


@pytest.mark.parametrize("who_says", ["owner", "guest"])
def test_a_guest_who_is_away_is_listed_by_the_nick_that_was_told(who_says: str) -> None:
    rig = Rig()
    ann, guest = rig.owner("ann"), rig.connect("bob")
    if who_says == "owner":
        rig.ask(ann, Msg(to="bob", body="hello"))
    else:
        rig.ask(guest, Msg(to="ann", body="hello"))
    rig.leave(guest)
    rig.ask(ann, Rooms())
    (talk,) = rig.last(ann, RoomList).direct
    assert talk.peer is not None and (talk.peer.id[0], talk.peer.nick) == ("~", "bob")
    rig.chat.world.rooms[talk.room].tail.clear()
    rig.ask(ann, Rooms())
    (talk,) = rig.last(ann, RoomList).direct
    assert talk.peer is not None and talk.peer.nick == talk.peer.id


def test_conversations_are_begun_slowly_and_gone_on_with_freely() -> None:
    rig = Rig(bounds=bounds(approach_burst=2, approach_rate=0.1))
    bob = rig.connect("bob")
    for nick in ("ann", "cleo", "dora"):
        rig.connect(nick)
    rig.ask(bob, Msg(to="ann", body="x"))
    rig.ask(bob, Msg(to="cleo", body="x"))
    assert code(rig.ask(bob, Msg(to="dora", body="x"))) == "too_fast"
    rig.ask(bob, Msg(to="ann", body="x"))
    assert len(rig.store.messages) == 3


def test_typing_is_told_to_the_others_and_not_too_often() -> None:
    rig = Rig()
    ann, bob = in_tea(rig, "ann"), in_tea(rig, "bob")
    for _ in range(5):
        rig.ask(ann, Typing(room="tea"))
    assert len(rig.heard(bob, Types)) == 1
    assert not rig.heard(ann, Types)
    rig.steady += 2
    rig.ask(ann, Typing(room="tea"))
    assert len(rig.heard(bob, Types)) == 2
    rig.ask(ann, Leave(room="tea"))
    rig.steady += 2
    rig.ask(ann, Typing(room="tea"))
    rig.ask(ann, Typing(room="nowhere"))
    assert len(rig.heard(bob, Types)) == 2


def test_ids_sort_by_time_and_are_of_version_seven() -> None:
    ids = [message_id(wall, bytes([255 - number] * 16)) for number, wall in enumerate((1.0, 1.5, 5.0, 1e9))]
    assert ids == sorted(ids)
    assert all(re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", id) for id in ids)


def test_a_message_whose_id_another_entry_has_is_refused() -> None:
    rig = Rig(is_prompt=False)
    ann = in_tea(rig, "ann")
    rig.settle()
    rig.ask(ann, Say(room="tea", body="x"))
    rig.store.apply([(0, MotdSet(id=rig.proposed[0].id, time=0.0, text="x"))], lambda outcomes: None)
    rig.settle()
    assert rig.last(ann, Refused).code == "storage"


def test_who_is_gone_before_its_message_is_refused_is_told_nothing() -> None:
    rig = Rig(is_prompt=False)
    ann = in_tea(rig, "ann")
    rig.settle()
    rig.ask(ann, Say(room="tea", body="x"))
    rig.store.apply([(0, MotdSet(id=rig.proposed[0].id, time=0.0, text="x"))], lambda outcomes: None)
    rig.leave(ann)
    rig.forget()
    rig.settle()
    assert not rig.told
    assert not rig.chat.world.pending


def test_a_message_of_somebody_who_is_gone_is_heard_all_the_same() -> None:
    rig = Rig(is_prompt=False)
    ann, bob = in_tea(rig, "ann"), in_tea(rig, "bob")
    rig.settle()
    rig.ask(ann, Say(room="tea", body="last words"))
    rig.leave(ann)
    rig.settle()
    assert rig.last(bob, Message).body == "last words"


def test_what_was_said_before_counts_as_said_once() -> None:
    rig = Rig()
    ann, bob = in_tea(rig, "ann"), in_tea(rig, "bob")
    for _ in range(2):
        rig.ask(ann, Say(room="tea", body="x", cid="c"))
    assert [one.duplicate for one in rig.heard(ann, Ack)] == [False, True]
    assert len(rig.heard(bob, Message)) == 1
    assert (rig.chat.world.counts["messages"], rig.chat.world.counts["duplicates"]) == (1, 1)


@pytest.mark.parametrize(
    ("seconds", "reason", "text", "wait"),
    [
        (None, "", "you may not speak in tea", None),
        (60, "", "you may not speak in tea", 50.0),
        (60, "loud", "you may not speak in tea: loud", 50.0),
    ],
)
def test_the_muted_are_told_for_how_long_and_why(
    seconds: float | None, reason: str, text: str, wait: float | None
) -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    bob = in_tea(rig, "bob")
    rig.ask(ann, Mute(room="tea", nick="bob", seconds=seconds, reason=reason))
    rig.wall += 10
    refused = rig.ask(bob, Say(room="tea", body="x", cid="c"))[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.text, refused.wait, refused.cid) == ("muted", text, wait, "c")
    rig.steady += 10
    rig.forget()
    rig.ask(bob, Typing(room="tea"))
    assert not rig.told[ann], "neither is it told that one types"


def test_in_a_slow_room_everybody_speaks_once_in_a_while_but_its_moderators() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    rig.ask(ann, Slow(room="tea", seconds=10))
    bob = in_tea(rig, "bob")
    for session in (ann, ann, bob):
        rig.ask(session, Say(room="tea", body="x"))
    rig.steady += 4
    refused = rig.ask(bob, Say(room="tea", body="y"))[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.wait) == ("slow", 6.0)
    assert code(rig.ask(bob, Say(room="tea", body=" "))) == "slow"
    rig.steady += 6
    assert code(rig.ask(bob, Say(room="tea", body=" "))) == "empty"
    rig.ask(bob, Say(room="tea", body="y"))
    assert len(rig.heard(bob, Ack)) == 2, "what was refused did not count as said"


def test_typing_in_a_room_that_there_is_not_is_told_to_nobody() -> None:
    rig = Rig()
    in_tea(rig, "ann")
    rig.chat.world.out.clear()
    tell_typing(rig.chat.world, Types(room="nowhere", id="~b", nick="bob"))
    assert not rig.chat.world.out

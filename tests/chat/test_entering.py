"""Rooms: how one comes in, goes out, comes back, and how the others hear of it."""

from __future__ import annotations

import pytest

from landline.chat.bounds import MOST_PAGE, Bounds
from landline.chat.effects import Came, Present, Tick, Went
from landline.chat.notices import Joined, Left, Notice, Page, Person, Presence, Refused, Renamed, Welcome
from landline.chat.wire import Ban, Join, Leave, Msg, Mute, Nick, Op, Register, Resume, Say, Slow, Topic
from tests.chat.corerig import EASY, GENESIS, Rig

EPOCH = GENESIS.epoch


def bounds(**other: float) -> Bounds:
    return Bounds(**({name: getattr(EASY, name) for name in EASY.__slots__} | other))


def refused(notices: list[Notice]) -> Refused:
    """The one refusal among these."""
    (found,) = [notice for notice in notices if isinstance(notice, Refused)]
    return found


def in_room(rig: Rig, nick: str, room: str = "tea", tail: int = 0) -> int:
    session = rig.connect(nick)
    rig.ask(session, Join(room=room, tail=tail))
    return session


def told(rig: Rig, session: int) -> tuple[list[str], list[str], int]:
    """Who has come and gone, by the next tick, and how many are there."""
    rig.forget()
    rig.feed(Tick())
    notices = rig.heard(session, Presence)
    came = [one.nick for notice in notices for one in notice.came]
    return came, [one.nick for notice in notices for one in notice.went], notices[-1].count if notices else 0


def test_who_opens_a_room_moderates_it_if_it_has_an_account() -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.connect("bob")
    for session, room in ((ann, "tea"), (bob, "den"), (ann, "lobby")):
        rig.ask(session, Join(room=room))
    assert [one.role for one in rig.heard(ann, Joined)] == ["op", ""], "the lobby belongs to nobody"
    assert rig.last(bob, Joined).role == ""


def test_who_comes_in_is_told_what_there_is() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    for request in (Join(room="tea"), Topic(room="tea", text="leaves"), Slow(room="tea", seconds=5)):
        rig.ask(ann, request)
    bob = rig.connect("bob")
    rig.ask(ann, Mute(room="tea", nick="bob"))
    rig.ask(bob, Join(room="TEA", ref=4))
    joined = rig.last(bob, Joined)
    assert (joined.ref, joined.room, joined.topic, joined.slow, joined.count) == (4, "tea", "leaves", 5, 2)
    assert (joined.muted_until, joined.recovered, joined.role, joined.epoch) == (0.0, None, "", EPOCH)
    assert [(one.nick, one.role) for one in joined.members] == [("ann", "op"), ("bob", "")]


@pytest.mark.parametrize(
    ("said", "tail", "seqs"),
    [(0, 5, None), (3, 0, None), (3, -1, None), (3, 2, [2, 3]), (3, 9, [1, 2, 3]), (3, 10**9, [1, 2, 3])],
)
def test_who_comes_in_gets_the_newest_messages_if_it_wants_some(said: int, tail: int, seqs: list[int] | None) -> None:
    rig = Rig()
    ann = in_room(rig, "ann")
    for number in range(said):
        rig.ask(ann, Say(room="tea", body=str(number)))
    pages = rig.heard(in_room(rig, "bob", tail=tail), Page)
    assert [[one.seq for one in page.messages] for page in pages] == ([] if seqs is None else [seqs])
    assert tail <= MOST_PAGE or seqs


def test_coming_in_twice_is_coming_in_once() -> None:
    rig = Rig()
    ann, bob = in_room(rig, "ann"), in_room(rig, "bob")
    rig.feed(Tick())
    rig.effects.clear()
    rig.ask(bob, Join(room="tea"))
    assert len(rig.heard(bob, Joined)) == 2
    assert not [effect for effect in rig.effects if isinstance(effect, Came)]
    assert told(rig, ann) == ([], [], 0)


@pytest.mark.parametrize(
    ("room", "code"), [("", "bad_name"), ("a b", "bad_name"), ("x" * 99, "bad_name"), ("@ann,bob", "bad_name")]
)
def test_a_room_that_cannot_be(room: str, code: str) -> None:
    rig = Rig()
    assert refused(rig.ask(rig.connect("bob"), Join(room=room))).code == code
    assert rig.chat.world.rooms == {}


def test_one_is_in_so_many_rooms_and_there_are_so_many() -> None:
    rig = Rig(bounds=bounds(rooms=2, rooms_per_session=1))
    ann, bob = in_room(rig, "ann"), in_room(rig, "bob", "den")
    assert "you are in 1 rooms" in refused(rig.ask(ann, Join(room="den"))).text
    assert "there are 2 rooms" in refused(rig.ask(ann, Join(room="new"))).text
    rig.ask(ann, Join(room="tea"))
    assert len(rig.heard(ann, Joined)) == 2, "where one is already, one may come in again"
    rig.ask(bob, Leave(room="den"))
    rig.ask(bob, Join(room="lobby"))
    assert rig.last(bob, Joined).room == "lobby", "the lobby has a place whatever there is"


def test_rooms_are_opened_slowly_from_one_address() -> None:
    rig = Rig(bounds=bounds(opening_burst=1, opening_rate=0.1))
    ann = in_room(rig, "ann")
    slow = refused(rig.ask(ann, Join(room="den")))
    assert (slow.code, slow.wait) == ("too_fast", 10.0)
    rig.ask(ann, Join(room="lobby"))
    assert rig.last(ann, Joined).room == "lobby"


@pytest.mark.parametrize(
    ("seconds", "reason", "text", "wait"),
    [
        (None, "", "you are banned from tea", None),
        (None, "spam", "you are banned from tea: spam", None),
        (60, "spam", "you are banned from tea for now: spam", 50.0),
    ],
)
def test_who_is_banned_stays_outside(seconds: float | None, reason: str, text: str, wait: float | None) -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.connect("bob")
    rig.ask(ann, Join(room="tea"))
    rig.ask(ann, Ban(room="tea", nick="bob", seconds=seconds, reason=reason))
    rig.wall += 10
    for request in (Join(room="tea"), Resume(room="tea", epoch=EPOCH, seq=0)):
        no = refused(rig.ask(bob, request))
        assert (no.code, no.text, no.wait, no.room) == ("banned", text, wait, "tea")
    rig.wall += 50
    assert bool(rig.heard(bob, Joined)) is False
    rig.ask(bob, Join(room="tea"))
    assert bool(rig.heard(bob, Joined)) is (seconds is not None)


def test_who_wants_in_while_a_room_is_opened_waits_with_the_first() -> None:
    rig = Rig(is_prompt=False)
    ann, bob, gone = rig.connect("ann"), rig.connect("bob"), rig.connect("cleo")
    for session in (ann, bob, gone):
        rig.ask(session, Join(room="tea"))
    rig.leave(gone)
    assert len(rig.proposed) == 1
    rig.settle()
    assert [rig.last(session, Joined).count for session in (ann, bob)] == [1, 2]


@pytest.mark.parametrize("request_", [Join(room="tea", ref=1), Resume(room="tea", epoch=EPOCH, seq=0, ref=1)])
def test_a_room_that_cannot_be_stored_is_not_opened(request_: Join | Resume) -> None:
    rig = Rig(is_prompt=False)
    rig.store.failing = "the disk is full"
    ann = rig.connect("ann")
    rig.ask(ann, request_)
    rig.settle()
    no = rig.last(ann, Refused)
    assert (no.ref, no.code, no.text) == (1, "storage", "the room cannot be opened: the disk is full")
    assert rig.chat.world.rooms == {}


@pytest.mark.parametrize(
    ("epoch", "seq", "why"),
    [(EPOCH, 3, ""), (EPOCH, 1, "too_many"), ("other", 3, "epoch"), (EPOCH, 5, "ahead"), (EPOCH, -1, "ahead")],
)
def test_who_comes_back_is_told_whether_nothing_is_missing(epoch: str, seq: int, why: str) -> None:
    rig = Rig(bounds=bounds(resume_messages=2))
    ann = in_room(rig, "ann")
    for number in range(4):
        rig.ask(ann, Say(room="tea", body=str(number)))
    bob = rig.connect("bob")
    rig.ask(bob, Resume(room="tea", epoch=epoch, seq=seq))
    joined = rig.last(bob, Joined)
    assert (joined.recovered, joined.why, joined.seq, joined.count) == (not why, why, 4, 2)
    assert [one.seq for page in rig.heard(bob, Page) for one in page.messages] == ([] if why else [4])
    assert rig.chat.world.counts["not_recovered" if why else "recovered"] == 1


def test_a_conversation_is_gone_on_with_by_its_two_only() -> None:
    rig = Rig()
    ann, bob, eve = rig.owner("ann"), rig.owner("bob"), rig.owner("eve")
    rig.ask(ann, Msg(to="bob", body="x"))
    rig.ask(bob, Resume(room="@ann,bob", epoch=EPOCH, seq=0))
    joined = rig.last(bob, Joined)
    assert (joined.recovered, joined.members, joined.count) == (True, [], 0)
    for session, room in ((eve, "@ann,bob"), (ann, "@ann,eve"), (ann, "@")):
        assert refused(rig.ask(session, Resume(room=room, epoch=EPOCH, seq=0))).code == "no_such_room"


def test_who_goes_is_told_so_and_hears_no_more() -> None:
    rig = Rig()
    ann, bob = in_room(rig, "ann"), in_room(rig, "bob")
    rig.feed(Tick())
    rig.ask(bob, Leave(room="TEA", ref=2))
    assert (rig.last(bob, Left).ref, rig.last(bob, Left).room) == (2, "tea")
    assert told(rig, ann) == ([], ["bob"], 1)
    assert refused(rig.ask(bob, Leave(room="tea"))).code == "not_in_room"


def test_one_person_with_two_sessions_comes_and_goes_once() -> None:
    rig = Rig()
    cleo = in_room(rig, "cleo")
    rig.feed(Tick())
    one, two = rig.owner("ann"), rig.owner("ann")
    rig.effects.clear()
    for session in (one, two):
        rig.ask(session, Join(room="tea"))
    assert [effect.room for effect in rig.effects if isinstance(effect, Came)] == ["tea"]
    assert told(rig, cleo) == (["ann"], [], 2)
    rig.ask(one, Leave(room="tea"))
    assert told(rig, cleo) == ([], [], 0)
    rig.ask(two, Leave(room="tea"))
    assert [effect.room for effect in rig.effects if isinstance(effect, Went)] == ["tea"]
    assert told(rig, cleo) == ([], ["ann"], 1)


def test_who_is_in_the_room_on_another_node_neither_comes_nor_goes() -> None:
    rig = Rig()
    cleo, ann = in_room(rig, "cleo"), rig.owner("ann")
    rig.feed(Present("two", [("", Person("ann", "ann")), ("tea", Person("ann", "ann"))]))
    assert told(rig, cleo) == (["cleo", "ann"], [], 2)
    rig.effects.clear()
    rig.ask(ann, Join(room="tea"))
    rig.ask(ann, Leave(room="tea"))
    assert [type(effect) for effect in rig.effects if isinstance(effect, Came | Went)] == [Came, Went], "for the others"
    assert told(rig, cleo) == ([], [], 0)


def test_coming_and_going_within_a_tick_is_not_told() -> None:
    rig = Rig()
    ann = in_room(rig, "ann")
    rig.feed(Tick())
    bob = rig.connect("bob")
    for request in (Join(room="tea"), Leave(room="tea")):
        rig.ask(bob, request)
    assert told(rig, ann) == ([], [], 0)
    rig.ask(bob, Join(room="tea"))
    rig.feed(Tick())
    for request in (Leave(room="tea"), Join(room="tea")):
        rig.ask(bob, request)
    assert told(rig, ann) == ([], [], 0)


def test_who_comes_back_under_another_nick_is_told() -> None:
    rig = Rig()
    ann, bob = in_room(rig, "ann"), in_room(rig, "bob")
    rig.feed(Tick())
    for request in (Leave(room="tea"), Nick(nick="rob"), Join(room="tea")):
        rig.ask(bob, request)
    assert told(rig, ann) == (["rob"], [], 2)


def test_what_somebody_has_seen_in_a_list_is_told_even_if_it_is_over() -> None:
    rig = Rig()
    bob, ann = in_room(rig, "bob"), in_room(rig, "ann")
    rig.ask(bob, Leave(room="tea"))
    assert told(rig, ann) == (["ann"], ["bob"], 1), "ann has seen bob in the room"
    rig.ask(bob, Join(room="tea"))
    rig.feed(Tick())
    rig.ask(bob, Leave(room="tea"))
    cleo = in_room(rig, "cleo")
    rig.ask(bob, Join(room="tea"))
    assert told(rig, cleo) == (["cleo", "bob"], [], 3), "cleo has seen the room without bob"


def test_who_is_made_a_moderator_and_comes_is_shown_as_one() -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.owner("bob")
    rig.ask(ann, Join(room="tea"))
    rig.feed(Tick())
    rig.ask(bob, Join(room="tea"))
    rig.ask(ann, Op(room="tea", nick="bob"))
    rig.forget()
    rig.feed(Tick())
    assert [(one.nick, one.role) for one in rig.last(ann, Presence).came] == [("bob", "op")]


def test_a_large_room_is_told_how_many_there_are_and_no_names() -> None:
    rig = Rig(bounds=bounds(members_told=2))
    ann = in_room(rig, "ann")
    in_room(rig, "bob")
    cleo = in_room(rig, "cleo")
    assert (len(rig.last(cleo, Joined).members), rig.last(cleo, Joined).count) == (2, 3)
    assert told(rig, ann) == ([], [], 3)


def test_a_room_with_nobody_in_it_is_told_nothing() -> None:
    rig = Rig()
    bob = in_room(rig, "bob")
    rig.feed(Tick())
    rig.ask(bob, Leave(room="tea"))
    rig.forget()
    rig.feed(Tick())
    assert not rig.told


def test_who_has_left_a_room_is_told_as_gone_before_it_has_another_name() -> None:
    """It was told under the old name behind the new one, and those in the room saw the new one there for ever."""
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.connect("bob")
    second = rig.connect(token=rig.last(bob, Welcome).token)
    for session, room in ((ann, "tea"), (ann, "den"), (bob, "tea"), (second, "den")):
        rig.ask(session, Join(room=room))
    rig.feed(Tick())
    rig.leave(bob)
    rig.forget()
    rig.ask(second, Register(password="password of bob"))
    told = [notice for notice in rig.told[ann] if isinstance(notice, Presence | Renamed)]
    assert [type(notice) for notice in told] == [Presence, Renamed]
    assert isinstance(told[0], Presence) and [one.nick for one in told[0].went] == ["bob"]

"""What one person knows: what the server says goes in, what has changed comes out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from landline.chat.changes import (
    CaughtUp,
    Change,
    MeChanged,
    MessageAdded,
    Missed,
    NotRecovered,
    PageLoaded,
    PendingChanged,
    RoomAdded,
    RoomChanged,
    RoomJoined,
    Told,
    Trimmed,
)
from landline.chat.notices import (
    Ack,
    Left,
    Page,
    Person,
    Refused,
)
from landline.chat.timeline import MOST_KEPT
from landline.chat.view import MOST_CIDS, MOST_FAILED, View
from landline.chat.wire import History, Join, Msg, Say
from tests.chat.said import ANNA, EPOCH, ME, TALK, back, entered, joined, kinds, message, new, page, welcome

OTHER = "f" * 16


# Coming in.


def test_the_first_time_rooms_are_joined_with_their_newest_messages() -> None:
    view = View(("lobby", "den"), tail=20)
    assert view.resume_requests() == [
        Join(room="lobby", tail=20, ref="view-1"), Join(room="den", tail=20, ref="view-2"),
    ]  # fmt: skip
    assert kinds(view.handle(joined(7, ref="view-1", topic="all", count=3, members=[ANNA]))) == ["RoomJoined"]
    assert view.handle(joined(0, "den", ref="view-2")) == [RoomJoined("den"), CaughtUp(0.0, 0, {})]
    room = view.rooms["lobby"]
    assert (room.is_member, room.topic, room.count, room.members, room.position) == (True, "all", 3, {"~anna": ANNA}, 7)
    assert view.handle(page("tail", 3, 7)) == [PageLoaded("lobby", "tail", 3, 7, False)]
    assert len(room.messages) == 5 and room.unread == 0 and view.take_requests() == []


def test_who_we_are_comes_with_the_welcome() -> None:
    view = View()
    changes = view.handle(welcome(motd="be kind", rooms=["lobby"], is_operator=True, account="me", passwords=False))
    assert changes == [MeChanged(), Told("message of the day: be kind", code="motd")]
    me = view.me
    assert (me.id, me.nick, me.token, me.account) == (ME, "me", "token", "me")
    assert (me.is_operator, me.passwords) == (True, False)
    assert (view.server, view.epoch, view.motd, view.suggested) == ("Landline", EPOCH, "be kind", ["lobby"])
    assert view.settled() == []


def test_without_rooms_we_are_there_at_once() -> None:
    view = View(())
    view.handle(welcome())
    assert (view.resume_requests(), view.settled(), view.settled()) == ([], [CaughtUp(0.0, 0, {})], [])


def test_a_room_is_known_by_the_name_that_the_server_has_for_it() -> None:
    view = View(("LOBBY",))
    (request,) = view.resume_requests()
    assert view.handle(joined(2, ref=request.ref))[-1] == CaughtUp(0.0, 0, {})
    assert list(view.wished) == ["lobby"] and list(view.rooms) == ["lobby"]


def test_a_room_that_is_refused_is_told_and_does_not_hold_up_the_others() -> None:
    view = View(("lobby", "den"))
    first, second = view.resume_requests()
    refused = Refused(ref=first.ref, code="banned", text="you are banned", room="lobby", wait=9e9)
    assert view.handle(refused) == [Told("you are banned", True, "lobby", "banned")]
    assert view.handle(joined(0, "den", ref=second.ref))[-1] == CaughtUp(0.0, 0, {"lobby": "you are banned"})


def test_what_comes_too_fast_is_put_off() -> None:
    view = View(("lobby",))
    (request,) = view.resume_requests()
    assert view.handle(Refused(ref=request.ref, code="too_fast", text="wait", wait=0.4)) == []
    assert (view.take_later(), view.take_later()) == ([(0.4, request)], [])
    assert kinds(view.handle(joined(0, ref=request.ref))) == ["RoomJoined", "CaughtUp"]


def test_entering_once_more_changes_no_place() -> None:
    view = entered(4)
    view.handle(joined(9))
    assert view.rooms["lobby"].position == 4
    view.handle(Left(room="lobby", ref=1))
    view.handle(joined(9))
    assert view.rooms["lobby"].position == 9


# Messages.


def test_messages_are_new_once_and_counted() -> None:
    view = entered(4)
    hello = message(5, "hello ME!")
    assert view.handle(hello) == [MessageAdded("lobby", hello, True, True)]
    assert view.handle(hello) == []
    room = view.rooms["lobby"]
    assert (room.unread, room.mentions) == (1, 1)
    assert view.watch("lobby") == [RoomChanged("lobby")] and (room.unread, room.read_seq) == (0, 5)
    view.handle(message(6))
    assert (room.unread, room.read_seq) == (0, 6)
    assert view.watch(None) == [] and view.watch("nowhere") == [] and view.mark_read("lobby") == []


def test_a_hole_is_asked_for_and_filled_in_order() -> None:
    view = entered(4)
    assert view.handle(message(7)) == [] and view.handle(message(8)) == []
    (request,) = view.take_requests()
    assert request == History(room="lobby", after=4, limit=200, ref=request.ref)
    assert new(view.handle(page("history", 5, 6, ref=request.ref))) == [5, 6, 7, 8]
    assert view.take_requests() == []


def test_a_hole_over_several_pages() -> None:
    view = entered(4)
    view.handle(message(9))
    (request,) = view.take_requests()
    assert new(view.handle(page("history", 5, 6, ref=request.ref, more=True))) == [5, 6]
    (request,) = view.take_requests()
    assert isinstance(request, History) and request.after == 6
    assert new(view.handle(page("history", 7, 9, ref=request.ref))) == [7, 8, 9]


@pytest.mark.parametrize(
    "answer", [Page(kind="history", messages=[], room="lobby"), Refused(code="storage", text="disk full")], ids=str
)
def test_a_hole_that_cannot_be_filled_is_told(answer: Any) -> None:
    view = entered(4)
    view.handle(message(7))
    (request,) = view.take_requests()
    changes = view.handle(msgspec.structs.replace(answer, ref=request.ref))
    assert Missed("lobby", 5, 6) in changes and new(changes) == [7] and view.take_requests() == []


def test_what_is_said_while_a_page_is_read_is_new() -> None:
    view = entered(4)
    changes = view.handle(page("tail", 3, 6))
    assert changes[0] == PageLoaded("lobby", "tail", 3, 6, False) and new(changes) == [5, 6]
    assert new(view.handle(message(6))) == []


def test_pages_of_history_are_put_in_and_asked_for_once() -> None:
    view = entered(40)
    request = view.older_request("lobby")
    assert request == History(room="lobby", before=41, limit=50, ref=request.ref if request else None)
    assert request is not None and view.older_request("lobby") is None and view.page_request("lobby", 9) is None
    assert view.handle(page("history", 30, 40, ref=request.ref, more=True)) == [
        PageLoaded("lobby", "history", 30, 40, True)
    ]
    request = view.older_request("lobby", 5)
    assert request is not None and (request.before, request.limit) == (30, 5)
    assert view.handle(Refused(ref=request.ref, code="storage", text="no")) == [Told("no", True, None, "storage")]
    assert view.older_request("nowhere") is None
    view.handle(page("history", 1, 29))
    assert view.older_request("lobby") is None
    empty = view.handle(Page(kind="history", messages=[], room="lobby"))
    assert empty == [PageLoaded("lobby", "history", 0, 0, False)]


def test_searches_and_pages_of_unknown_rooms_change_nothing() -> None:
    view = entered(4)
    assert view.handle(page("search", 1, 2)) == [] and view.handle(page("history", 1, 2, room="den")) == []
    assert len(view.rooms["lobby"].messages) == 0


def test_memory_is_bounded_and_it_is_told_what_went() -> None:
    view = entered(0)
    changes: list[Change] = []
    for seq in range(1, MOST_KEPT + 3):
        changes = view.handle(message(seq))
    assert changes[-1] == Trimmed("lobby", 2, 2) and len(view.rooms["lobby"].messages) == MOST_KEPT


def test_another_epoch_without_a_new_connection() -> None:
    view = entered(4)
    view.handle(message(5))
    changes = view.handle(message(2, epoch=OTHER))
    assert changes[0] == NotRecovered("lobby", "epoch") and new(changes) == [2]
    assert [one.seq for one in view.rooms["lobby"].messages] == [2]


def test_a_message_of_a_room_that_we_did_not_know_we_are_in() -> None:
    view = entered(4)
    assert kinds(view.handle(message(9, room="den"))) == ["RoomAdded", "MessageAdded"]
    assert (view.rooms["den"].peer, view.rooms["den"].position) == (None, 9)


# Own messages.


def test_an_own_message_is_pending_until_it_is_in_its_place() -> None:
    view = entered(4)
    pending = view.say("lobby", "hi", "c1")
    assert pending.request() == Say(room="lobby", body="hi", cid="c1", ref="c1")
    assert view.pending_in("lobby") == [pending] == view.unsaid()
    ack = Ack(room="lobby", seq=5, epoch=EPOCH, id="5", time=1.0, cid="c1")
    assert view.handle(ack) == [PendingChanged("lobby", "c1")]
    assert (pending.state, pending.seq, view.unsaid()) == ("stored", 5, [])
    mine = message(5, "hi", sender=Person(ME, "me"), cid="c1")
    assert view.handle(mine) == [MessageAdded("lobby", mine, True, False), PendingChanged("lobby", "c1")]
    assert view.pending == {} and view.rooms["lobby"].unread == 0
    assert view.said_here(mine) and not view.said_here(message(5, cid="c1"))
    view.say("lobby", "hi", "c1")
    assert view.handle(ack) == [PendingChanged("lobby", "c1")] and view.pending == {}
    assert view.handle(ack) == []


def test_an_own_message_behind_a_hole_is_stored_and_not_shown_yet() -> None:
    view = entered(4)
    pending = view.say("lobby", "hi", "c1")
    assert view.handle(message(6, sender=Person(ME, "me"), cid="c1")) == [PendingChanged("lobby", "c1")]
    assert (pending.state, pending.seq) == ("stored", 6)
    (request,) = view.take_requests()
    changes = view.handle(page("history", 5, 5, ref=request.ref))
    assert new(changes) == [5, 6] and changes[-1] == PendingChanged("lobby", "c1") and view.pending == {}


def test_an_own_message_that_is_stored_among_too_many_others_is_not_pending_for_ever() -> None:
    view = entered(4)
    view.say("lobby", "hi", "c1")
    view.say("lobby", "there", "c2")
    view.handle(Ack(room="lobby", seq=5, epoch=EPOCH, id="5", time=1.0, cid="c1"))
    (request,) = back(view)
    changes = view.handle(joined(9000, ref=request.ref, recovered=False, why="too_many"), 5.0)
    assert changes[-2:] == [CaughtUp(4.0, 0, {"lobby": "too_many"}), PendingChanged("lobby", "c1")]
    assert list(view.pending) == ["c2"]


def test_a_refused_message_has_failed_unless_that_is_unsure() -> None:
    view = entered(4)
    pending = view.say("lobby", "hi", "c1")
    assert view.handle(Refused(code="unsure", text="perhaps", cid="c1")) == [] and pending.state == "waiting"
    assert view.handle(Refused(code="muted", text="silence", ref="c1")) == [PendingChanged("lobby", "c1")]
    assert (pending.state, pending.code, pending.why) == ("failed", "muted", "silence")
    view.forget("c1")
    assert view.pending == {} and view.fail("c1", "", "") == []
    assert view.handle(Refused(code="muted", text="silence", cid="c1")) == [Told("silence", True, None, "muted")]


def test_failed_messages_and_known_cids_are_bounded() -> None:
    view = entered(0)
    first = message(1, sender=Person(ME, "me"), cid="0")
    for number in range(MOST_CIDS + 1):
        view.say("lobby", "hi", str(number))
        view.fail(str(number), "muted", "silence")
    assert len(view.pending) == MOST_FAILED and not view.said_here(first)


def test_direct_messages_make_a_conversation() -> None:
    view = entered(0)
    first = message(3, room=TALK, to=ME, to_nick="me")
    assert view.handle(first) == [RoomAdded(TALK), MessageAdded(TALK, first, True, False)]
    room = view.rooms[TALK]
    assert (room.title, room.position, room.unread) == ("anna", 3, 1)
    assert view.room_with("ANNA") is room and view.room_with("bob") is None and view.other_in(TALK) == "~anna"
    assert view.other_in("@~me,~me") == "~me" and view.is_mine(TALK) and not view.is_mine("@a,b")
    pending = view.msg("anna", "hi", "c1")
    assert pending.request() == Msg(to="anna", body="hi", cid="c1", ref="c1") and view.pending_in(TALK) == [pending]
    assert view.say(TALK, "hi", "c2").request() == Msg(to="~anna", body="hi", cid="c2", ref="c2")
    assert view.msg("zoe", "hi", "c3").room == ""


def test_a_conversation_that_we_begin() -> None:
    view = entered(0)
    view.msg("bob", "hi", "c1")
    name = "@bob,~me"
    view.handle(message(1, room=name, sender=Person(ME, "me"), to="bob", to_nick="Bob", cid="c1"))
    assert view.rooms[name].peer == Person("bob", "Bob") and view.pending == {}
    assert view.handle(joined(1, name))[:1] == [RoomJoined(name)]

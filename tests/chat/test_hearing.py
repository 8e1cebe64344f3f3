"""What each notice changes: being away and coming back, others, and words."""

from __future__ import annotations

import pytest

from landline.chat.changes import (
    CaughtUp,
    Change,
    DirectoryChanged,
    Gone,
    MeChanged,
    MembersChanged,
    NickChanged,
    NotRecovered,
    PageLoaded,
    PendingChanged,
    Recovered,
    RoomAdded,
    RoomChanged,
    RoomJoined,
    RoomLeft,
    Told,
    TypingChanged,
)
from landline.chat.hearing import AGAIN_SECONDS
from landline.chat.notices import (
    Account,
    Announcement,
    Bye,
    Changed,
    Done,
    Lagged,
    Left,
    Members,
    Notice,
    Page,
    Person,
    Place,
    Pong,
    Presence,
    Refused,
    Renamed,
    RoomList,
    Types,
)
from landline.chat.view import View
from landline.chat.wire import History, Resume
from tests.chat.said import (
    ANNA,
    BOB,
    EPOCH,
    ME,
    TALK,
    back,
    come_in,
    entered,
    joined,
    message,
    new,
    page,
    welcome,
)

OTHER = "f" * 16


# Away and back.


def test_back_with_all_that_came_meanwhile() -> None:
    view = entered(4)
    view.handle(message(5))
    assert back(view) == [Resume(room="lobby", epoch=EPOCH, seq=5, ref="view-2")]
    assert view.handle(joined(8, ref="view-2", recovered=True), 6.0) == [RoomJoined("lobby", True)]
    assert new(view.handle(page("resume", 6, 7, more=True), 6.0)) == [6, 7]
    changes = view.handle(page("resume", 8, 8), 6.5)
    assert new(changes) == [8]
    assert changes[-2:] == [Recovered("lobby", 3), CaughtUp(5.5, 3, {})]
    assert new(view.handle(page("resume", 8, 9), 7.0)) == [9]


def test_back_with_nothing_missed() -> None:
    view = entered(4)
    (request,) = back(view)
    assert view.handle(joined(4, ref=request.ref, recovered=True), 3.0)[1:] == [
        Recovered("lobby", 0), CaughtUp(2.0, 0, {}),
    ]  # fmt: skip


def test_the_time_away_runs_from_the_first_loss() -> None:
    view = View(("lobby",))
    view.lost(0.5)
    come_in(view, 4)
    back(view)
    view.lost(4.0)
    (request,) = back(view, 9.0)
    assert view.handle(joined(4, ref=request.ref, recovered=True), 9.0)[-1] == CaughtUp(8.0, 0, {})


@pytest.mark.parametrize(
    ("why", "epoch", "seq", "kept"),
    [("too_many", EPOCH, 9000, [5]), ("ahead", EPOCH, 2, []), ("epoch", OTHER, 3, []), ("epoch", OTHER, 0, [])],
)
def test_back_and_not_recovered(why: str, epoch: str, seq: int, kept: list[int]) -> None:
    view = entered(4)
    view.handle(message(5))
    (request,) = back(view)
    changes = view.handle(joined(seq, ref=request.ref, recovered=False, why=why, epoch=epoch), 5.0)
    assert changes[1:] == [NotRecovered("lobby", why), CaughtUp(4.0, 0, {"lobby": why})]
    room = view.rooms["lobby"]
    assert [one.seq for one in room.messages] == kept and (room.position, room.epoch) == (seq, epoch)
    requests = view.take_requests()
    assert [type(one) for one in requests] == [History] * bool(seq)
    if requests:
        tail = Page(kind="history", room="lobby", messages=[message(seq, epoch=epoch)], ref=requests[0].ref)
        assert view.handle(tail) == [PageLoaded("lobby", "tail", seq, seq, False)]


def test_what_was_on_its_way_is_forgotten_with_the_connection() -> None:
    view = entered(4)
    view.handle(Types(room="lobby", id="~anna", nick="anna"))
    view.handle(message(9))
    view.lost(1.0)
    assert view.take_requests() == [] and view.rooms["lobby"].held == {} and view.rooms["lobby"].typing == {}
    view.handle(welcome())
    assert [getattr(one, "seq", None) for one in view.resume_requests()] == [4]


def test_a_room_that_cannot_be_read_is_tried_again_later() -> None:
    view = entered(4)
    (request,) = back(view)
    view.handle(joined(8, ref=request.ref, recovered=True), 5.0)
    changes = view.handle(Left(room="lobby", reason="it cannot be read"), 5.0)
    assert changes == [
        RoomLeft("lobby", "", "it cannot be read"),
        NotRecovered("lobby", "it cannot be read"),
        CaughtUp(4.0, 0, {"lobby": "it cannot be read"}),
    ]
    ((seconds, again),) = view.take_later()
    assert (seconds, again) == (AGAIN_SECONDS, Resume(room="lobby", epoch=EPOCH, seq=4, ref=again.ref))
    view.handle(joined(8, ref=again.ref, recovered=True), 9.0)
    assert view.handle(page("resume", 5, 8), 9.0)[-1] == Recovered("lobby", 4)


def test_a_room_that_refuses_us_when_we_come_back() -> None:
    view = entered(4)
    (request,) = back(view)
    assert view.handle(Refused(ref=request.ref, code="banned", text="out"), 2.0) == [
        Told("out", True, None, "banned"), NotRecovered("lobby", "out"), CaughtUp(1.0, 0, {"lobby": "out"}),
    ]  # fmt: skip
    assert not view.rooms["lobby"].is_member


def test_conversations_are_resumed_where_something_is_new() -> None:
    other, third = "@bob,~me", "@zoe,~me"
    view = View(())
    view.handle(welcome([Place(TALK, 6, peer=ANNA), Place(other, 2, peer=BOB)]))
    assert view.resume_requests() == [] and view.rooms[TALK].position == 6
    requests = back(view, direct=[Place(TALK, 9, peer=ANNA), Place(other, 2, peer=BOB), Place(third, 3)])
    assert [(getattr(one, "room", ""), getattr(one, "seq", -1)) for one in requests] == [(TALK, 6), (third, 0)]
    for request, seq in zip(requests, (9, 3), strict=True):
        view.handle(joined(seq, getattr(request, "room", ""), ref=request.ref, recovered=True))
    assert new(view.handle(page("resume", 7, 9, room=TALK))) == [7, 8, 9]
    assert new(view.handle(page("resume", 1, 3, room=third))) == [1, 2, 3]
    assert back(view, id="~else", direct=[]) == []


# Others, and words.


def test_who_comes_and_goes_and_types() -> None:
    view = entered(0)
    view.handle(Types(room="lobby", id="~anna", nick="anna"), 3.0)
    room = view.rooms["lobby"]
    assert room.typing_now(4.0) == ["anna"]
    assert view.handle(Presence(room="lobby", count=2, came=[BOB], went=[ANNA])) == [
        MembersChanged("lobby", 2, (BOB,), (ANNA,))
    ]
    assert (room.members, room.count, room.typing) == ({"bob": BOB}, 2, {})
    assert view.handle(Types(room="lobby", id=ME, nick="me")) == [] == view.handle(Types(room="x", id="a", nick="a"))
    assert view.handle(Types(room="lobby", id="bob", nick="bob")) == [TypingChanged("lobby")]
    assert view.handle(Presence(room="den", count=1)) == []


def test_lists_of_people_and_rooms() -> None:
    view = entered(0)
    assert view.handle(Members(room=None, members=[ANNA], count=1)) == [] and view.here == {"~anna": ANNA}
    assert view.handle(Members(room="lobby", members=[BOB], count=9)) == [MembersChanged("lobby", 9)]
    assert view.rooms["lobby"].members == {"bob": BOB}
    assert view.handle(Members(room="den", members=[], count=0)) == []
    listed = RoomList(rooms=[Place("den", 3)], direct=[Place(TALK, 2, peer=ANNA)])
    assert view.handle(listed) == [DirectoryChanged(), RoomAdded(TALK)] and view.directory == [Place("den", 3)]


def test_names_change() -> None:
    view = entered(0)
    view.handle(Members(room=None, members=[ANNA], count=1))
    assert view.handle(Renamed(id="ann", nick="Ann", old_id="~anna", old_nick="anna")) == [
        NickChanged("ann", "Ann", "~anna", "anna")
    ]
    assert view.here == {"ann": Person("ann", "Ann")}
    view.handle(Renamed(id="mine", nick="mine", old_id=ME, old_nick="me"))
    assert (view.me.id, view.me.nick) == ("mine", "mine")
    account = Account(id="mine", nick="mine", token="t2", account="mine", direct=[Place("@bob,mine", 2, peer=BOB)])
    assert view.handle(account) == [MeChanged(), RoomAdded("@bob,mine")]
    assert (view.me.account, view.me.token) == ("mine", "t2")


def test_being_put_out() -> None:
    view = entered(4)
    assert view.handle(Left(room="lobby", by="bob", reason="spam", banned_until=0.0)) == [
        RoomLeft("lobby", "bob", "spam", 0.0)
    ]
    assert back(view) == [] and not view.rooms["lobby"].is_member
    assert view.handle(Left(room="den", ref=1))[0] == RoomLeft("den")


def test_own_messages_in_older_pages_are_in_their_place() -> None:
    view = entered(4)
    view.say("lobby", "hi", "c1")
    mine = message(3, sender=Person(ME, "me"), cid="c1")
    assert view.handle(Page(kind="history", room="lobby", messages=[mine]))[1:] == [PendingChanged("lobby", "c1")]
    view.say("lobby", "hi", "c1")
    assert view.handle(mine) == [PendingChanged("lobby", "c1")]


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        (Changed(what="topic", by="bob", room="lobby", value="tea"), "topic", "tea"),
        (Changed(what="slow", by="bob", room="lobby", value=5), "slow", 5.0),
        (Changed(what="slow", by="bob", room="lobby"), "slow", 0.0),
        (Changed(what="mute", by="bob", room="lobby", id=ME, until=9.0), "muted_until", 9.0),
        (Changed(what="mute", by="bob", room="lobby", id=ME), "muted_until", 0.0),
        (Changed(what="unmute", by="bob", room="lobby", id=ME), "muted_until", None),
        (Changed(what="mute", by="bob", room="lobby", id="~anna", until=9.0), "muted_until", None),
        (Changed(what="op", by="bob", room="lobby", id=ME), "role", "op"),
        (Changed(what="op", by="bob", room="lobby", id="~anna"), "members", {"~anna": Person("~anna", "anna", "op")}),
        (Changed(what="deop", by="bob", room="lobby", id="~zoe"), "members", {"~anna": ANNA}),
        (Changed(what="kick", by="bob", room="lobby", id="~zoe"), "count", 0),
    ],
    ids=lambda value: value.what if isinstance(value, Changed) else None,
)
def test_what_moderators_change(changed: Changed, field: str, value: object) -> None:
    view = entered(0)
    view.handle(Presence(room="lobby", count=0, came=[ANNA]))
    assert view.handle(changed) == [RoomChanged("lobby", changed)]
    assert getattr(view.rooms["lobby"], field) == value


def test_what_concerns_all_rooms_or_unknown_ones() -> None:
    view = entered(0)
    motd = Changed(what="motd", by="bob", value="new")
    assert view.handle(motd) == [RoomChanged("", motd)] and view.motd == "new"
    elsewhere = Changed(what="topic", by="bob", room="den", value="x")
    assert view.handle(elsewhere) == [RoomChanged("den", elsewhere)]


@pytest.mark.parametrize(
    ("notice", "changes"),
    [
        (Announcement(text="disk full", code="storage"), [Told("disk full", code="storage")]),
        (Done(text="done"), [Told("done")]),
        (Done(), []),
        (Bye(code="restart", text="soon", retry_seconds=2), [Gone("restart", "soon", 2)]),
        (Pong(), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_words_of_the_server(notice: Notice, changes: list[Change]) -> None:
    assert entered(0).handle(notice) == changes


def test_a_lagging_client_is_told() -> None:
    (told,) = entered(0).handle(Lagged(epoch=EPOCH, rooms={"lobby": 5}))
    assert isinstance(told, Told) and told.is_error and told.code == "lagged"

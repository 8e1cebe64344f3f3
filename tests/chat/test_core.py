"""The core as a whole: what lasts over a restart, what waits for what, and how sessions end."""

from __future__ import annotations

import pytest

from landline.chat.bounds import Bounds
from landline.chat.core import MOST_HELD, MOST_QUERIES
from landline.chat.effects import (
    Asked,
    Checked,
    HashPassword,
    Linked,
    NotTaken,
    Now,
    Overflowed,
    Passed,
    Stopping,
    Storage,
    Tick,
)
from landline.chat.entries import Genesis, Post
from landline.chat.notices import (
    Account,
    Ack,
    Announcement,
    Bye,
    Joined,
    Lagged,
    Message,
    Page,
    Pong,
    Refused,
    Types,
    Welcome,
    encode_notice,
)
from landline.chat.wire import (
    Ban,
    Hello,
    History,
    Join,
    Login,
    Msg,
    Mute,
    Nick,
    Ping,
    Quit,
    Register,
    Request,
    Resume,
    Rooms,
    Say,
    Slow,
    Topic,
    Typing,
)
from tests.chat.corerig import EASY, Rig


def bounds(**other: float) -> Bounds:
    return Bounds(**({name: getattr(EASY, name) for name in EASY.__slots__} | other))


def code(notices: list) -> str:  # type: ignore[type-arg]
    """The code of the one refusal among these."""
    (refused,) = [notice for notice in notices if isinstance(notice, Refused)]
    assert refused.text
    return str(refused.code)


def in_room(rig: Rig, nick: str, room: str = "tea") -> int:
    session = rig.connect(nick)
    rig.ask(session, Join(room=room))
    return session


def test_a_message_counts_once_also_after_a_restart() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    rig.ask(ann, Say(room="tea", body="hello", cid="c1"))
    first = rig.last(ann, Ack)
    again = Rig(store=rig.store, first_draw=1000)
    ann = again.owner("ann")
    again.ask(ann, Join(room="tea"))
    again.ask(ann, Say(room="tea", body="hello", cid="c1"))
    second = again.last(ann, Ack)
    assert (second.seq, second.id, second.duplicate) == (first.seq, first.id, True)
    assert not again.heard(ann, Message)
    assert len(rig.store.messages) == 1


def test_what_moderators_did_lasts_over_a_restart() -> None:
    rig = Rig()
    ann, bob, cleo = rig.owner("ann"), rig.owner("bob"), rig.owner("cleo")
    for session in (ann, bob, cleo):
        rig.ask(session, Join(room="tea"))
    rig.ask(ann, Ban(room="tea", nick="bob"))
    rig.ask(ann, Mute(room="tea", nick="cleo", seconds=60))
    rig.ask(ann, Slow(room="tea", seconds=9))
    rig.ask(ann, Topic(room="tea", text="leaves"))
    again = Rig(store=rig.store, first_draw=1000)
    bob, cleo, ann = again.owner("bob"), again.owner("cleo"), again.owner("ann")
    assert code(again.ask(bob, Join(room="tea"))) == "banned"
    again.ask(cleo, Join(room="tea"))
    joined = again.last(cleo, Joined)
    assert (joined.slow, joined.topic, joined.muted_until) == (9, "leaves", again.wall + 60)
    assert code(again.ask(cleo, Say(room="tea", body="x"))) == "muted"
    again.ask(ann, Join(room="tea"))
    assert again.last(ann, Joined).role == "op"


def test_a_guest_comes_back_as_the_same_one_after_a_restart() -> None:
    rig = Rig()
    bob = rig.connect("bob")
    welcome = rig.last(bob, Welcome)
    again = Rig(store=rig.store, first_draw=1000)
    back = again.connect("bob", token=welcome.token)
    assert (again.last(back, Welcome).id, again.last(back, Welcome).nick) == (welcome.id, "bob")


def test_nothing_is_acknowledged_that_the_bus_has_not_taken() -> None:
    rig = Rig(is_prompt=False)
    ann = in_room(rig, "ann")
    rig.settle()
    rig.ask(ann, Say(room="tea", body="a", cid="1"))
    rig.ask(ann, Say(room="tea", body="b", cid="2"))
    rig.feed(NotTaken(rig.proposed.popleft(), "the disk is full"))
    unsure = rig.proposed.popleft()
    rig.feed(NotTaken(unsure, "no answer", unsure=True))
    assert [(one.code, one.cid, one.room) for one in rig.heard(ann, Refused)] == [
        ("storage", "1", "tea"), ("unsure", "2", "tea"),
    ]  # fmt: skip
    rig.proposed.append(unsure)
    rig.commit()
    assert not rig.heard(ann, Ack)
    assert rig.last(ann, Message).cid == "2", "it came all the same, and everybody has it"


def test_an_entry_that_nobody_waits_for_may_fail() -> None:
    rig = Rig()
    assert rig.feed(NotTaken(Post(id="p", time=0.0, room="tea", body="x"), "no")) == []


def test_whoever_has_said_nothing_is_sent_away_in_time() -> None:
    rig = Rig(bounds=bounds(hello_seconds=5))
    silent = rig.call()
    rig.steady = 2
    later = rig.call()
    assert code(rig.ask(later, Join(room="tea"))) == "hello_first"
    rig.ask(later, Ping())
    rig.last(later, Pong)
    rig.steady = 5
    rig.feed(Tick())
    assert rig.ended == {silent: "idle"}
    assert rig.last(silent, Bye).code == "idle"
    rig.ask(later, Hello())
    rig.steady = 50
    rig.feed(Tick())
    assert rig.ended == {silent: "idle"}


def test_who_says_good_bye_gets_all_answers_first() -> None:
    rig = Rig(is_prompt=False)
    ann = in_room(rig, "ann")
    rig.settle()
    rig.ask(ann, Say(room="tea", body="last words", cid="1"))
    rig.ask(ann, History(room="tea"))
    rig.ask(ann, Quit(ref=9))
    assert rig.ask(ann, Ping()) == [], "nothing is heard behind it"
    rig.answer()
    assert ann not in rig.ended
    rig.commit()
    assert [type(notice) for notice in rig.told[ann][-3:]] == [Ack, Message, Bye]
    assert (rig.last(ann, Bye).ref, rig.ended[ann]) == (9, "quit")


def test_what_is_said_in_a_room_waits_until_the_room_is_there() -> None:
    rig = Rig(is_prompt=False)
    bob = rig.connect("bob")
    rig.ask(bob, Join(room="tea"))
    rig.ask(bob, Say(room="tea", body="early", cid="1"))
    assert not rig.heard(bob, Refused), "it waits until the room is there"
    rig.settle()
    assert rig.last(bob, Ack).cid == "1"


def test_only_so_many_requests_wait_for_the_one_before() -> None:
    rig = Rig(is_prompt=False)
    bob = rig.connect("bob")
    rig.ask(bob, Join(room="tea"))
    for _ in range(MOST_HELD):
        rig.ask(bob, Ping())
    assert code(rig.ask(bob, Ping())) == "too_fast"
    rig.settle()
    assert len(rig.heard(bob, Pong)) == MOST_HELD


def test_a_message_that_is_not_taken_does_not_let_past_what_waits_for_something_else() -> None:
    rig = Rig(is_prompt=False)
    bob = in_room(rig, "bob", "lobby")
    rig.settle()
    rig.ask(bob, Say(room="lobby", body="x"))
    rig.ask(bob, Join(room="tea"))
    rig.ask(bob, Say(room="tea", body="y", cid="1"))
    rig.feed(NotTaken(rig.proposed.popleft(), "no"))
    assert [one.code for one in rig.heard(bob, Refused)] == ["storage"]
    rig.settle()
    assert rig.last(bob, Ack).cid == "1"


def test_what_is_asked_of_a_store_that_does_not_answer_is_bounded() -> None:
    rig = Rig(is_prompt=False)
    bob = in_room(rig, "bob")
    rig.settle()
    for _ in range(MOST_QUERIES):
        rig.ask(bob, History(room="tea"))
    assert code(rig.ask(bob, History(room="tea"))) == "too_fast"
    rig.answer()
    rig.ask(bob, History(room="tea"))
    rig.answer()
    assert len(rig.heard(bob, Page)) == MOST_QUERIES + 1


def test_requests_have_a_rate_of_their_own() -> None:
    rig = Rig(bounds=bounds(request_burst=3, request_rate=1))
    bob = rig.connect("bob")
    rig.ask(bob, Rooms())
    rig.ask(bob, Rooms())
    refused = rig.ask(bob, Rooms())[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.wait) == ("too_fast", 1.0)
    rig.steady += 1
    assert rig.ask(bob, Rooms(ref=1))[0] != refused
    rig.ask(bob, Ping())
    rig.last(bob, Pong)


def test_who_lags_is_told_from_where_in_each_room_and_ended() -> None:
    rig = Rig(bounds=bounds(tail_messages=1))
    ann = in_room(rig, "ann")
    slow = in_room(rig, "bob")
    for number in range(5):
        rig.ask(ann, Say(room="tea", body=str(number)))
    rig.feed(Overflowed(slow, {"tea": 3, "@a,b": 1}))
    assert rig.last(slow, Lagged).rooms == {"tea": 2, "@a,b": 0}, "behind these one resumes"
    assert rig.ended == {slow: "slow"}
    rig.is_prompt = False
    catching = rig.connect("cleo")
    rig.ask(catching, Resume(room="tea", epoch="e" * 16, seq=2))
    rig.feed(Overflowed(catching, {}))
    assert rig.last(catching, Lagged).rooms == {"tea": 2}, "the page it waits for never came"
    rig.leave(slow)
    assert rig.feed(Overflowed(slow, {})) == []


def test_a_restart_is_told_to_all() -> None:
    rig = Rig()
    ann, silent = rig.connect("ann"), rig.call()
    rig.feed(Stopping(1.5))
    assert rig.ended == {ann: "restart", silent: "restart"}
    assert rig.last(silent, Bye).retry_seconds == 1.5


def test_members_are_told_once_that_nothing_can_be_stored_and_once_that_it_can_again() -> None:
    rig = Rig()
    ann = rig.connect("ann")
    for works in (True, False, False, True, True):
        rig.feed(Storage(works, "" if works else "the disk is full"))
    assert [one.code for one in rig.heard(ann, Announcement)] == ["storage", "storage_works"]
    assert "the disk is full" in rig.heard(ann, Announcement)[0].text


def test_members_are_told_whether_the_other_nodes_can_be_reached() -> None:
    rig = Rig()
    ann = rig.connect("ann")
    rig.feed(Linked(False, "the cluster is away"))
    rig.feed(Linked(True, "the cluster is back"))
    assert [(one.code, one.text) for one in rig.heard(ann, Announcement)] == [
        ("unlinked", "the cluster is away"), ("linked", "the cluster is back"),
    ]  # fmt: skip


def test_what_other_nodes_pass_on_is_read_with_care() -> None:
    rig = Rig()
    ann = in_room(rig, "ann")
    rig.forget()
    rig.feed(Passed(b"{broken"))
    rig.feed(Passed(encode_notice(Announcement(text="you are mine"))))
    rig.feed(Passed(encode_notice(Types(room="nowhere", id="~b", nick="bob"))))
    rig.feed(Passed(encode_notice(Types(room="tea", id="~b", nick="bob"))))
    assert rig.told[ann] == [Types(room="tea", id="~b", nick="bob")]


def test_a_session_that_is_gone_is_not_answered() -> None:
    rig = Rig(is_prompt=False)
    ann = in_room(rig, "ann")
    rig.settle()
    rig.ask(ann, Say(room="tea", body="x"))
    rig.ask(ann, History(room="tea"))
    rig.ask(ann, Quit())
    rig.leave(ann)
    rig.forget()
    rig.settle()
    rig.leave(ann)
    rig.feed(Asked(ann, Ping(), b""))
    assert not rig.told
    world = rig.chat.world
    assert not (world.pending or world.tickets or world.leaving or world.sessions)


def test_a_password_that_was_hashed_too_late_changes_nothing() -> None:
    rig = Rig()
    bob = rig.connect("bob")
    asked = Asked(bob, Register(password="long enough"), rig.draw())
    (effect,) = rig.chat.handle(asked, Now(rig.wall, rig.steady))
    assert isinstance(effect, HashPassword)
    rig.leave(bob)
    assert rig.feed(Checked(effect.ticket, secret="s")) == []
    assert not rig.chat.world.directory.accounts


def test_a_node_takes_the_epoch_of_the_log_it_joins() -> None:
    rig = Rig()
    rig.chat.world.begin(Genesis(id="g", time=0.0, epoch="f" * 16, key="cd" * 32))
    ann = rig.connect("ann")
    assert rig.last(ann, Welcome).epoch == "f" * 16


def test_people_on_plain_text_are_in_the_lobby_at_once() -> None:
    rig = Rig()
    first = rig.call(person=True)
    rig.ask(first, Say(room="lobby", body="hello"))
    second = rig.call(person=True)
    assert [type(notice) for notice in rig.told[second][:3]] == [Welcome, Joined, Page]
    assert rig.last(second, Page).messages[0].body == "hello"
    assert rig.last(first, Welcome).nick != rig.last(second, Welcome).nick


@pytest.mark.parametrize("nick", ["Ilya", "ILYA", "ilya"])
def test_a_nick_in_other_letters_is_the_same_nick(nick: str) -> None:
    rig = Rig()
    rig.owner("ilya")
    other = rig.connect(nick)
    assert rig.last(other, Welcome).nick.startswith("guest-")
    assert rig.last(other, Announcement).code == "nick"
    assert code(rig.ask(other, Nick(nick=nick))) == "nick_taken"
    rig.ask(other, Msg(to=nick, body="hello"))
    assert rig.store.messages[-1].entry.to == "ilya"


def test_no_two_guests_are_given_one_nick() -> None:
    rig = Rig()
    nicks = {rig.last(rig.connect(), Welcome).nick for _ in range(1500)}
    assert len(nicks) == 1500, "of 614 656 nicks, two of 1500 are the same more often than not"


def test_a_guest_that_comes_back_keeps_the_nick_it_was_given() -> None:
    rig = Rig()
    first = rig.connect()
    welcome = rig.last(first, Welcome)
    rig.leave(first)
    for nick in (None, welcome.nick):
        back = rig.connect(nick, token=welcome.token)
        assert rig.last(back, Welcome).nick == welcome.nick
        assert not rig.heard(back, Announcement)
        rig.leave(back)


def test_typing_of_the_muted_is_not_told() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    bob = in_room(rig, "bob")
    rig.ask(bob, Typing(room="tea"))
    assert rig.heard(ann, Types)
    rig.ask(ann, Mute(room="tea", nick="bob"))
    rig.forget()
    rig.steady += 10
    rig.ask(bob, Typing(room="tea"))
    assert not rig.told[ann]


def test_a_login_answers_before_what_was_asked_behind_it() -> None:
    rig = Rig()
    rig.leave(rig.owner("ann"))
    bob = rig.connect("bob")
    rig.ask(bob, Login(nick="ann", password="password of ann"))
    assert rig.last(bob, Account).account == "ann"


@pytest.mark.parametrize(
    "request_", [Join(room="den"), Register(password="long enough"), Topic(room="tea", text="x")],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_whatever_the_bus_has_not_taken_is_told_and_holds_nobody_up(request_: Request) -> None:
    rig = Rig()
    ann = rig.connect("ann") if isinstance(request_, Register) else rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    rig.is_prompt = False
    rig.ask(ann, request_)
    rig.feed(NotTaken(rig.proposed.popleft(), "the cluster is away"))
    refused = rig.last(ann, Refused)
    assert refused.code == "storage" and "the cluster is away" in refused.text
    assert rig.ask(ann, Ping()), "what comes behind is heard"


def test_a_page_that_is_missing_comes_behind_what_one_has() -> None:
    rig = Rig(bounds=bounds(tail_messages=1))
    ann = in_room(rig, "ann")
    for number in range(4):
        rig.ask(ann, Say(room="tea", body=str(number)))
    bob = rig.connect("bob")
    rig.ask(bob, Resume(room="tea", epoch="e" * 16, seq=1))
    assert [one.seq for page in rig.heard(bob, Page) for one in page.messages] == [2, 3, 4]


def test_what_the_store_reads_for_a_session_that_is_gone_is_told_to_nobody() -> None:
    rig = Rig(is_prompt=False)
    ann = in_room(rig, "ann")
    rig.settle()
    rig.ask(ann, History(room="tea"))
    rig.leave(ann)
    rig.forget()
    rig.answer()
    assert not rig.told

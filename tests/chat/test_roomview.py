"""One room: what is new, what is missing, what is unread."""

from __future__ import annotations

import pytest

from landline.chat.notices import Person
from landline.chat.roomview import MOST_HELD, TYPING_SECONDS, RoomView
from tests.chat.said import ANNA, BOB, EPOCH, message


def at(position: int, room: str = "lobby") -> RoomView:
    view = RoomView(room)
    view.begin(EPOCH, position)
    return view


def heard(view: RoomView, *seqs: int) -> list[int]:
    return [one.seq for seq in seqs for one in view.hear(message(seq))]


def test_messages_in_order_are_new_at_once_and_only_once() -> None:
    view = at(3)
    assert heard(view, 4, 5, 5, 4, 6) == [4, 5, 6]
    assert (view.position, view.seq, view.wants()) == (6, 6, None)


def test_an_old_message_is_put_in_its_place_and_is_not_new() -> None:
    view = at(3)
    assert heard(view, 2) == []
    assert 2 in view.messages and view.position == 3


def test_a_message_behind_a_hole_waits_until_it_is_filled() -> None:
    view = at(3)
    assert heard(view, 6, 7) == [] and view.wants() == 3
    view.is_asking = True
    assert view.wants() is None
    assert [one.seq for one in view.learn([message(4), message(5)], more=False)] == [4, 5, 6, 7]
    assert (view.position, view.held, view.is_asking) == (7, {}, False)


def test_a_hole_may_be_filled_by_what_comes_late() -> None:
    view = at(3)
    assert heard(view, 5, 4) == [4, 5]


def test_a_page_that_overlaps_brings_nothing_twice() -> None:
    view = at(3)
    assert heard(view, 4) == [4]
    assert [one.seq for one in view.learn([message(seq) for seq in (3, 4, 5)], more=False)] == [5]
    assert heard(view, 5) == []


def test_while_pages_come_what_is_said_waits() -> None:
    view = at(3)
    view.resume(6)
    assert view.is_catching_up and heard(view, 7) == [] and view.wants() is None
    assert [one.seq for one in view.learn([message(4), message(5)], more=True)] == [4, 5]
    assert [one.seq for one in view.learn([message(6)], more=False)] == [6, 7]
    assert (view.caught, view.is_catching_up) == (3, False)
    view.resume(7)
    assert not view.is_catching_up


def test_what_is_held_already_known_is_dropped() -> None:
    view = at(0)
    heard(view, 2, 3)
    assert [one.seq for one in view.learn([message(1), message(2)], more=False)] == [1, 2, 3]
    view.held[2] = message(2)
    assert view.learn([], more=False) == [] and view.held == {}


def test_no_more_is_held_than_the_bound_and_the_rest_is_asked_for() -> None:
    view = at(0)
    heard(view, *range(2, MOST_HELD + 4))
    assert len(view.held) == MOST_HELD
    view.learn([message(1)], more=False)
    assert view.wants() == MOST_HELD + 1 and view.seq == MOST_HELD + 3


def test_what_cannot_be_had_is_told_as_a_hole() -> None:
    view = at(3)
    heard(view, 6, 7)
    first, last, new = view.give_up()
    assert (first, last, [one.seq for one in new], view.wants()) == (4, 5, [6, 7], None)
    view.seq = 9
    assert view.give_up() == (8, 9, [])


def test_another_epoch_lets_everything_go() -> None:
    view = at(3)
    heard(view, 4)
    view.reading = 4
    view.begin("f" * 16, 90)
    assert (len(view.messages), view.position, view.seq, view.epoch) == (0, 90, 90, "f" * 16)
    assert view.reading is None


def test_the_same_epoch_keeps_the_messages() -> None:
    view = at(3)
    heard(view, 4)
    view.begin(EPOCH, 90)
    assert len(view.messages) == 1 and view.position == 90


def test_unread_messages_are_counted_until_they_are_read() -> None:
    view = at(0)
    view.typing["~anna"] = "anna", 0.0
    for seq, is_mention in ((1, False), (2, True)):
        heard(view, seq)
        view.count_new(message(seq), is_own=False, is_mention=is_mention, is_watched=False)
    heard(view, 3)
    view.count_new(message(3), is_own=True, is_mention=False, is_watched=False)
    assert (view.unread, view.mentions, view.read_seq, view.typing) == (2, 1, 0, {})
    assert view.mark_read() and (view.unread, view.mentions, view.read_seq) == (0, 0, 3)
    assert not view.mark_read()


@pytest.mark.parametrize(("is_own", "is_watched"), [(True, False), (False, True)])
def test_what_one_says_or_sees_is_read(is_own: bool, is_watched: bool) -> None:
    view = at(0)
    heard(view, 1)
    view.count_new(message(1), is_own=is_own, is_mention=False, is_watched=is_watched)
    assert (view.unread, view.read_seq) == (0, 1)


def test_titles_and_who_types() -> None:
    view = at(0)
    assert (view.title, view.is_direct, view.has_older) == ("lobby", False, False)
    view.seq = 4
    assert view.has_older
    view.messages.add(message(2))
    assert view.has_older
    view.messages.add(message(1))
    assert not view.has_older
    talk = RoomView("@~anna,~me", ANNA)
    assert (talk.title, talk.is_direct) == ("anna", True)
    view.typing = {"~anna": ("anna", 10.0), "bob": ("bob", 10.0 + TYPING_SECONDS)}
    assert view.typing_now(10.0 + TYPING_SECONDS) == ["bob"]


def test_a_new_name_is_known_everywhere() -> None:
    view = RoomView("@bob,~me", BOB, members={"bob": BOB})
    view.typing["bob"] = "bob", 0.0
    view.rename("bob", "robert", "robert")
    assert view.members == {"robert": Person("robert", "robert", "op")}
    assert view.peer == Person("bob", "robert", "op") and view.typing == {}
    view.rename("nobody", "x", "x")
    assert list(view.members) == ["robert"]


def test_the_nick_of_a_guest_nobody_can_name_is_learnt_and_kept() -> None:
    unnamed, named = Person("~anna", "~anna"), Person("~anna", "anna")
    talk = at(0, "@~anna,~me")
    talk.hear(message(1, room=talk.room))
    assert talk.peer is None
    talk.name_peer(unnamed)
    assert talk.title == "~anna"
    talk.hear(message(2, room=talk.room, sender=BOB))
    assert talk.title == "~anna"
    talk.learn([message(3, room=talk.room)], more=False)
    assert talk.peer == named
    talk.name_peer(unnamed)
    talk.name_peer(None)
    assert talk.peer == named
    talk.peer = unnamed
    talk.hear(message(4, room=talk.room, sender=BOB, to="~anna", to_nick="anna"))
    assert talk.peer == named

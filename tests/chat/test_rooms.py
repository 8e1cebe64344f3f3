"""Rooms and conversations by themselves."""

from __future__ import annotations

import pytest

from landline.chat.buckets import Bucket
from landline.chat.entries import Head, Post, SanctionRecord, Stored
from landline.chat.notices import Person
from landline.chat.people import Identity, Session
from landline.chat.rooms import MOST_SAID, MOST_SANCTIONS, Catching, Room, as_message, conversation_name, parties_of


@pytest.mark.parametrize(
    ("name", "parties"),
    [("@ann,~b", ("ann", "~b")), ("lobby", None), ("@", None), ("@a", None), ("@,a", None), ("@a,", None), ("", None)],
)
def test_a_conversation_is_named_by_its_two(name: str, parties: tuple[str, str] | None) -> None:
    assert parties_of(name) == parties
    assert parties is None or conversation_name(*parties) == conversation_name(*reversed(parties)) == name


def test_who_spoke_is_remembered_as_long_as_it_matters() -> None:
    room = Room("tea", slow=10)
    for second in range(30):
        room.note_said(f"~{second}", float(second))
    assert list(room.said) == [f"~{second}" for second in range(20, 30)]
    room.note_said("~20", 29.5)
    assert list(room.said)[-1] == "~20"


def test_no_more_than_so_many_are_remembered() -> None:
    room = Room("tea", slow=1000)
    for number in range(MOST_SAID + 3):
        room.note_said(f"~{number}", 1.0)
    assert len(room.said) == MOST_SAID
    assert "~2" not in room.said


def test_a_sanction_is_over_at_its_time_and_one_for_good_never() -> None:
    room = Room("tea")
    for target, until in (("a", 10.0), ("b", None)):
        room.sanctions["ban", target] = SanctionRecord("ban", "tea", target, target, "x", until)
    assert room.sanction("ban", ["a"], 9.9) is not None
    assert room.sanction("mute", ["a"], 9.9) is None
    assert room.sanction("ban", ["z", "a"], 10.0) is None
    assert room.sanction("ban", ["a", "b"], 1e12) is not None
    assert room.sanction("ban", ["a"], 0.0) is None, "what was over once stays so, also if the clock goes back"


def test_memory_covers_what_has_no_hole() -> None:
    room = Room("tea", head=Head(5, 1.0))
    assert (room.covers(4), room.covers(5), room.covers(6)) == (False, True, True)


def test_what_is_in_memory_is_read_from_there() -> None:
    room = Room("tea", head=Head(5, 1.0))
    for seq in (3, 4, 5):
        entry = Post(id=f"m{seq}", time=1.0, by="~a", by_nick="a", room="tea", body=str(seq), cid=f"c{seq}")
        room.tail.append(as_message(Stored(entry, seq, float(seq)), "e"))
    assert [room.covers(after) for after in (1, 2, 3)] == [False, True, True]
    assert [(one.seq, one.body, one.cid, one.time, one.epoch) for one in room.since(4)] == [(5, "5", "c5", 5.0, "e")]
    assert [one.seq for one in room.since(2)] == [3, 4, 5]


def test_live_are_those_who_are_not_behind() -> None:
    room = Room("tea")
    assert not room.live
    for number in (1, 2, 3):
        room.sessions[number] = Session(number, "unix", True, True, False, Bucket(1, 1), Bucket(1, 1))
    room.catching[2] = Catching(7, "resume")
    assert not list(room.live), "nobody has stirred"
    room.stirred()
    assert room.live == (1, 3)
    assert room.live is room.live


def test_only_so_many_sanctions_hold_and_those_that_are_over_make_place() -> None:
    room = Room("tea")
    assert not room.is_full_of_sanctions(0.0)
    for number in range(MOST_SANCTIONS):
        until = 10.0 if number == 7 else None
        room.sanctions["ban", str(number)] = SanctionRecord("ban", "tea", str(number), "n", "x", until)
    assert room.is_full_of_sanctions(9.9)
    assert not room.is_full_of_sanctions(10.0)
    assert ("ban", "7") not in room.sanctions and len(room.sanctions) == MOST_SANCTIONS - 1


def test_members_are_shown_with_what_they_are_in_this_room() -> None:
    eve, boss = Person("eve", "eve"), Person("boss", "boss", "operator")
    room = Room("tea", moderators={"ann", "eve", "boss"}, people={"ann": 1, "~b": 2})
    room.elsewhere = {"two": {"eve": eve, "boss": boss, "ann": Person("ann", "ann")}}
    here = {"ann": Identity("ann", "ann"), "~b": Identity("~b", "b")}
    shown = [(one.id, one.role) for one in room.members(here)]
    assert shown == [("ann", "op"), ("~b", ""), ("eve", "op"), ("boss", "operator")]
    assert (room.count, room.has("~b"), room.has("eve"), room.has("~c")) == (4, True, True, False)
    room.elsewhere.clear()
    assert room.count == 2


def test_who_is_on_two_nodes_counts_once() -> None:
    room = Room("tea", elsewhere={"two": {"a": Person("a", "a")}, "three": {"a": Person("a", "a")}})
    assert (room.count, room.has("a"), room.has("b"), len(list(room.members({})))) == (1, True, False, 1)

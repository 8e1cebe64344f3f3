"""Rooms and conversations by themselves."""

from __future__ import annotations

import pytest

from landline.chat.entries import Head, SanctionRecord
from landline.chat.notices import Person
from landline.chat.rooms import MOST_SAID, Room, conversation_name, parties_of


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


def test_who_is_on_two_nodes_counts_once() -> None:
    room = Room("tea", elsewhere={"two": {"a": Person("a", "a")}, "three": {"a": Person("a", "a")}})
    assert (room.count, room.has("a"), room.has("b"), len(list(room.members({})))) == (1, True, False, 1)

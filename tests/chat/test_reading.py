"""Looking things up."""

from __future__ import annotations

import pytest

from landline.chat.effects import Present
from landline.chat.notices import Members, Page, Person, Refused, RoomList
from landline.chat.wire import BadRequest, Join, Msg, Rooms, Say, Search, Who, decode_request
from landline.chat.world import MOST_CONVERSATIONS
from tests.chat.corerig import Rig


def test_who_is_in_a_conversation() -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.owner("bob")
    rig.ask(ann, Msg(to="bob", body="x"))
    rig.ask(ann, Who(room="@ann,bob"))
    assert rig.last(ann, Members).count == 2
    rig.leave(bob)
    rig.ask(ann, Who(room="@ann,bob"))
    assert [one.id for one in rig.last(ann, Members).members] == ["ann"]


def test_a_search_in_a_room_finds_what_is_said_there_in_pages() -> None:
    rig = Rig()
    ann = rig.connect("ann")
    for room in ("tea", "den"):
        rig.ask(ann, Join(room=room))
        for number in range(3):
            rig.ask(ann, Say(room=room, body=f"word {number}"))
    rig.ask(ann, Search(query="word", room="tea", limit=2))
    first = rig.last(ann, Page)
    assert ([one.body for one in first.messages], first.more) == (["word 2", "word 1"], True)
    rig.ask(ann, Search(query="word", room="tea", limit=2, before=first.cursor))
    assert [one.body for one in rig.last(ann, Page).messages] == ["word 0"]
    rig.ask(ann, Search(query="..."))
    assert rig.last(ann, Refused).code == "bad_query"


def test_conversations_are_listed_newest_first_and_not_without_end() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    for number in range(MOST_CONVERSATIONS + 2):
        other = rig.connect(f"user{number}")
        rig.wall += 1
        rig.ask(other, Msg(to="ann", body="x"))
        rig.leave(other)
    rig.ask(ann, Rooms())
    direct = rig.last(ann, RoomList).direct
    assert len(direct) == MOST_CONVERSATIONS
    newest = rig.store.messages[-1].entry
    assert (direct[0].room, direct[0].seq) == (newest.room, 1)
    assert direct[0].peer == Person(newest.by, newest.by), "who is not here any more has an id alone"


def test_who_is_on_several_nodes_is_listed_once() -> None:
    rig = Rig()
    ann = rig.connect("ann")
    for node in ("two", "three"):
        rig.feed(Present(node, [("", Person("~eve", "eve"))]))
    rig.ask(ann, Who())
    assert rig.last(ann, Members).count == 2


def test_what_the_core_asks_for_itself_is_no_request_of_a_client() -> None:
    with pytest.raises(BadRequest, match="next page"):
        decode_request(b'{"op":"next page","room":"@ann,bob","after":0}')

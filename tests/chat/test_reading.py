"""Looking things up."""

from __future__ import annotations

import pytest

from landline.chat.bounds import MOST_QUERY_CHARACTERS
from landline.chat.effects import Present
from landline.chat.notices import AuditPage, Members, Notice, Page, Person, Refused, RoomList, SanctionList
from landline.chat.reading import MOST_SEARCHES
from landline.chat.wire import (
    Audit,
    BadRequest,
    Ban,
    History,
    Join,
    Msg,
    Mute,
    Request,
    Rooms,
    Sanctions,
    Say,
    Search,
    Who,
    decode_request,
)
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
    assert direct[0].peer == Person(newest.by, newest.by_nick), "who is not here any more keeps the nick of then"


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


def in_tea(rig: Rig, nick: str, said: int = 0) -> int:
    """Somebody in a room who has said so much there."""
    session = rig.connect(nick)
    rig.ask(session, Join(room="tea"))
    for number in range(said):
        rig.ask(session, Say(room="tea", body=f"word {number + 1}"))
    return session


def code(notices: list[Notice]) -> str:
    """The code of the one refusal among these."""
    (refused,) = [notice for notice in notices if isinstance(notice, Refused)]
    return refused.code


@pytest.mark.parametrize(
    ("request_", "seqs", "more"),
    [
        (History(room="tea"), [1, 2, 3, 4, 5], False),
        (History(room="TEA", limit=2), [4, 5], True),
        (History(room="tea", before=4, limit=2), [2, 3], True),
        (History(room="tea", after=1, limit=2), [2, 3], True),
        (History(room="tea", after=1, before=4), [2, 3], False),
        (History(room="tea", after=-7, limit=0), [1], True),
        (History(room="tea", after=5), [], False),
        (History(room="tea", limit=10**9), [1, 2, 3, 4, 5], False),
    ],
    ids=range(8),
)
def test_history_comes_in_pages(request_: History, seqs: list[int], more: bool) -> None:
    rig = Rig()
    page = rig.ask(in_tea(rig, "ann", said=5), request_)[0]
    assert isinstance(page, Page)
    assert ([one.seq for one in page.messages], page.more, page.kind, page.room) == (seqs, more, "history", "tea")


@pytest.mark.parametrize(
    "request_",
    [History(room="tea"), Search(query="word", room="tea"), Who(room="tea"), Sanctions(room="tea")],
    ids=lambda one: type(one).__name__,
)
def test_who_is_banned_cannot_read_and_nobody_reads_what_is_not_there(request_: Request) -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.connect("bob")
    assert code(rig.ask(bob, request_)) == "no_such_room"
    rig.ask(ann, Join(room="tea"))
    rig.ask(ann, Ban(room="tea", nick="bob"))
    assert code(rig.ask(bob, request_)) == "banned"


@pytest.mark.parametrize("query", ["", "  ", "x" * (MOST_QUERY_CHARACTERS + 1)], ids=["empty", "blank", "long"])
def test_a_search_has_words_and_not_too_many(query: str) -> None:
    rig = Rig()
    assert code(rig.ask(rig.connect("ann"), Search(query=query))) == "bad_query"


def test_a_search_everywhere_leaves_out_where_one_is_banned() -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.connect("bob")
    for room in ("tea", "den"):
        rig.ask(ann, Join(room=room))
        rig.ask(ann, Say(room=room, body="word"))
    rig.ask(ann, Msg(to="bob", body="word"))
    rig.ask(bob, Search(query="word"))
    assert len(rig.last(bob, Page).messages) == 3
    rig.ask(ann, Ban(room="den", nick="bob"))
    rig.ask(bob, Search(query="word"))
    page = rig.last(bob, Page)
    assert (page.kind, page.room) == ("search", None)
    assert [one.room for one in page.messages] == [rig.store.messages[-1].entry.room, "tea"], "and what was said to one"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [(History(room="tea"), "storage"), (Audit(room="tea"), "storage"), (Search(query="word"), "bad_query")],
    ids=["history", "audit", "search"],
)
def test_what_the_store_cannot_find_is_told(request_: Request, expected: str) -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    rig.store.failing = "the disk is gone"
    refused = rig.ask(ann, request_)[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.text) == (expected, "the disk is gone")


def test_rooms_are_listed_by_how_many_are_in_them_and_then_by_name() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann", said=2)
    for nick, room in (("bob", "tea"), ("cleo", "den"), ("dora", "abc")):
        rig.ask(rig.connect(nick), Join(room=room))
    rig.ask(ann, Rooms())
    listed = [(one.room, one.members, one.seq) for one in rig.last(ann, RoomList).rooms]
    assert listed == [("tea", 2, 2), ("abc", 1, 0), ("den", 1, 0)]


def test_who_is_in_a_room_is_told_to_everybody_who_may_read_it() -> None:
    rig = Rig()
    in_tea(rig, "ann")
    out = rig.connect("bob")
    rig.ask(out, Who(room="Tea"))
    assert [one.nick for one in rig.last(out, Members).members] == ["ann"]
    assert (rig.last(out, Members).room, rig.last(out, Members).count) == ("tea", 1)


def test_sanctions_that_hold_are_listed_to_moderators() -> None:
    rig = Rig()
    ann, bob, cleo = rig.owner("ann"), rig.owner("bob", local=True), rig.owner("cleo", local=True)
    for session in (ann, bob, cleo):
        rig.ask(session, Join(room="tea"))
    rig.ask(ann, Mute(room="tea", nick="bob", seconds=10, reason="loud"))
    rig.ask(ann, Ban(room="tea", nick="cleo"))
    rig.ask(ann, Sanctions(room="tea"))
    listed = [one for one in rig.last(ann, SanctionList).sanctions if not one.target.startswith("address:")]
    assert [(one.kind, one.nick, one.by, one.until, one.reason) for one in listed] == [
        ("mute", "bob", "ann", rig.wall + 10, "loud"), ("ban", "cleo", "ann", None, ""),
    ]  # fmt: skip
    rig.wall += 10
    rig.ask(ann, Sanctions(room="tea"))
    assert {one.kind for one in rig.last(ann, SanctionList).sanctions} == {"ban"}
    assert code(rig.ask(bob, Sanctions(room="tea"))) == "not_allowed"


def test_what_was_done_is_read_by_moderators_in_their_room_and_by_operators_everywhere() -> None:
    rig = Rig(operators=("olga",))
    ann, bob, olga = rig.owner("ann"), rig.owner("bob"), rig.owner("olga", local=True)
    rig.ask(ann, Join(room="tea"))
    rig.ask(ann, Audit(room="tea"))
    assert [row.what for row in rig.last(ann, AuditPage).rows] == ["open"]
    for session, request in ((bob, Audit(room="tea")), (ann, Audit()), (bob, Audit())):
        assert code(rig.ask(session, request)) == "not_allowed"
    assert code(rig.ask(ann, Audit(room="nowhere"))) == "no_such_room"
    rig.ask(olga, Audit(limit=2))
    page = rig.last(olga, AuditPage)
    assert (page.room, len(page.rows)) == (None, 2)
    rig.ask(olga, Audit(room="tea"))
    assert rig.last(olga, AuditPage).room == "tea"


def test_only_so_many_searches_of_one_wait_to_be_answered() -> None:
    rig = Rig(is_prompt=False)
    ann, bob = rig.connect("ann"), rig.connect("bob")
    for _ in range(MOST_SEARCHES):
        assert not rig.ask(ann, Search(query="word"))
    assert code(rig.ask(ann, Search(query="word"))) == "too_fast"
    assert not rig.ask(bob, Search(query="word")), "others search all the same"
    rig.answer()
    assert not rig.ask(ann, Search(query="word"))

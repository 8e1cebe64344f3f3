"""Coming back: all that was missed comes first, in order, or one is told why not."""

from __future__ import annotations

import pytest

from landline.chat.bounds import Bounds
from landline.chat.notices import Joined, Left, Message, Page, Refused
from landline.chat.rooms import Room
from landline.chat.wire import History, Join, Leave, Logout, Msg, Resume, Say
from landline.chat.world import World
from tests.chat.corerig import EASY, GENESIS, Rig

EPOCH = GENESIS.epoch
SMALL = Bounds(
    **({name: getattr(EASY, name) for name in EASY.__slots__} | {"tail_messages": 3, "resume_messages": 500})
)


def talk(rig: Rig, count: int) -> int:
    """A room with so many messages, and who has said them."""
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    rig.settle()
    for number in range(count):
        rig.ask(ann, Say(room="tea", body=str(number + 1)))
    rig.settle()
    return ann


def seqs(rig: Rig, session: int) -> list[int]:
    """All messages that a session was given, by page or live."""
    found: list[int] = []
    for notice in rig.told[session]:
        if isinstance(notice, Page):
            found += [message.seq for message in notice.messages]
        elif isinstance(notice, Message):
            found.append(notice.seq)
    return found


@pytest.mark.parametrize(
    ("epoch", "seq", "why"),
    [(EPOCH, 0, ""), (EPOCH, 5, ""), ("other", 3, "epoch"), (EPOCH, 6, "ahead"), (EPOCH, -1, "ahead")],
)
def test_a_resume_is_answered_with_yes_or_with_the_reason(epoch: str, seq: int, why: str) -> None:
    rig = Rig()
    talk(rig, 5)
    bob = rig.connect("bob")
    rig.ask(bob, Resume(room="tea", epoch=epoch, seq=seq))
    joined = rig.last(bob, Joined)
    assert (joined.recovered, joined.why, joined.seq) == (not why, why, 5)
    assert seqs(rig, bob) == ([] if why else list(range(seq + 1, 6)))


def test_a_gap_that_is_too_long_is_not_filled() -> None:
    rig = Rig(bounds=SMALL)
    talk(rig, 501)
    bob = rig.connect("bob")
    rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=0))
    assert rig.last(bob, Joined).why == "too_many"
    rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=1))
    assert rig.last(bob, Joined).recovered
    assert seqs(rig, bob) == list(range(2, 502))
    assert [page.more for page in rig.heard(bob, Page)] == [True, True, False]


def test_nothing_overtakes_and_nothing_is_missing_however_late_the_store_answers() -> None:
    rig = Rig(bounds=SMALL)
    ann = talk(rig, 20)
    rig.is_prompt = False
    bob = rig.connect("bob")
    rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=4))
    for _ in range(5):
        rig.ask(ann, Say(room="tea", body="live"))
        rig.commit()
    assert seqs(rig, bob) == []
    rig.settle()
    rig.ask(ann, Say(room="tea", body="live"))
    rig.settle()
    assert seqs(rig, bob) == list(range(5, 27))


def test_who_cannot_be_given_what_was_missed_leaves_rather_than_to_have_a_hole() -> None:
    rig = Rig(bounds=SMALL)
    ann = talk(rig, 20)
    bob = rig.connect("bob")
    rig.store.failing = "the disk is broken"
    rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=4))
    assert "the disk is broken" in rig.last(bob, Left).reason
    rig.store.failing = ""
    rig.ask(ann, Say(room="tea", body="live"))
    assert seqs(rig, bob) == []
    del rig.store.messages[6]
    rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=4))
    assert "missing" in rig.last(bob, Left).reason


def test_who_leaves_meanwhile_is_given_nothing() -> None:
    rig = Rig(bounds=SMALL)
    talk(rig, 20)
    rig.is_prompt = False
    bob = rig.connect("bob")
    rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=4))
    rig.ask(bob, Leave(room="tea"))
    rig.settle()
    assert seqs(rig, bob) == []
    for _ in range(2):
        rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=4))
    rig.settle()
    assert seqs(rig, bob) == list(range(5, 21)), "once, although it was asked for twice"


def test_a_conversation_is_caught_up_and_given_up_without_leaving_it() -> None:
    rig = Rig(bounds=SMALL)
    ann, bob = rig.owner("ann"), rig.owner("bob")
    for number in range(9):
        rig.ask(ann, Msg(to="bob", body=str(number)))
    rig.forget()
    rig.store.failing = "broken"
    rig.ask(bob, Resume(room="@ann,bob", epoch=EPOCH, seq=1))
    assert rig.last(bob, Left).room == "@ann,bob"
    rig.store.failing = ""
    rig.ask(ann, Msg(to="bob", body="live"))
    assert seqs(rig, bob) == [10]


def test_pages_of_a_conversation_do_not_come_to_whom_one_is_after_a_logout() -> None:
    rig = Rig(bounds=SMALL)
    ann, bob = rig.owner("ann"), rig.owner("bob")
    for number in range(9):
        rig.ask(ann, Msg(to="bob", body=str(number)))
    rig.forget()
    rig.is_prompt = False
    rig.ask(bob, Resume(room="@ann,bob", epoch=EPOCH, seq=1))
    rig.ask(bob, Logout())
    rig.settle()
    assert seqs(rig, bob) == []
    assert not rig.chat.world.rooms["@ann,bob"].catching


@pytest.mark.parametrize(
    ("tail", "expected"), [(0, []), (2, [19, 20]), (5, [16, 17, 18, 19, 20]), (500, [*range(1, 21)])]
)
def test_the_end_of_what_was_said_comes_along(tail: int, expected: list[int]) -> None:
    rig = Rig(bounds=SMALL)
    talk(rig, 20)
    bob = rig.connect("bob")
    rig.ask(bob, Join(room="tea", tail=tail))
    assert seqs(rig, bob) == expected
    assert {page.kind for page in rig.heard(bob, Page)} <= {"tail"}


@pytest.mark.parametrize(
    ("request_", "expected", "more"),
    [(History(room="tea", limit=3), [18, 19, 20], True), (History(room="#Tea", limit=3), [], None),
     (History(room="TEA", before=3, limit=5), [1, 2], False), (History(room="tea", after=5, limit=2), [6, 7], True),
     (History(room="tea", after=-5, before=3, limit=-2), [1], True), (History(room="none"), [], None)],
    ids=range(6),
)  # fmt: skip
def test_history_comes_in_pages(request_: History, expected: list[int], more: bool | None) -> None:
    rig = Rig(bounds=SMALL)
    talk(rig, 20)
    bob = rig.connect("bob")
    rig.ask(bob, request_)
    assert seqs(rig, bob) == expected
    assert (rig.last(bob, Page).more if more is not None else rig.last(bob, Refused).code) == (
        more if more is not None else "no_such_room"
    )


def test_history_that_cannot_be_read_is_told() -> None:
    rig = Rig()
    ann = talk(rig, 1)
    rig.store.failing = "broken"
    rig.ask(ann, History(room="tea"))
    assert (rig.last(ann, Refused).code, rig.last(ann, Refused).text) == ("storage", "broken")


def test_memory_has_so_many_messages_of_all_rooms_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.chat.world.MOST_TAILS", 5)
    rig = Rig()
    ann = talk(rig, 4)
    rig.ask(ann, Join(room="den"))
    for _ in range(4):
        rig.ask(ann, Say(room="den", body="x"))
    world: World = rig.chat.world
    rooms: list[Room] = [world.rooms["tea"], world.rooms["den"]]
    assert [[message.seq for message in room.tail] for room in rooms] == [[4], [1, 2, 3, 4]]
    bob = rig.connect("bob")
    rig.ask(bob, Resume(room="tea", epoch=EPOCH, seq=1))
    assert seqs(rig, bob) == [2, 3, 4]

"""The queue of a client that is away: bounded, in order, and nothing leaves unseen."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.connection.outbox import Outbox, WhenFull
from landline.errors import QueueFull


@dataclass(eq=False)
class Item:
    """A message of a size, with a name to tell it by."""

    name: str
    size_bytes: int = 1

    def __repr__(self) -> str:
        return self.name


A, B, C, D, BIG, HUGE = Item("A"), Item("B"), Item("C"), Item("D"), Item("BIG", 9), Item("HUGE", 11)


@pytest.mark.parametrize(
    ("when_full", "put", "kept", "gone"),
    [
        ("drop_oldest", [A, B, C, D], [B, C, D], [A]),
        ("drop_newest", [A, B, C, D], [A, B, C], [D]),
        ("drop_oldest", [A, B, BIG], [B, BIG], [A]),
        ("drop_newest", [A, B, BIG, C], [A, B, C], [BIG]),
        ("drop_oldest", [A, HUGE, B], [A, B], [HUGE]),
        ("drop_newest", [HUGE, A], [A], [HUGE]),
    ],
)
def test_what_goes_when_there_is_no_room(
    when_full: WhenFull, put: list[Item], kept: list[Item], gone: list[Item]
) -> None:
    one_by_one: Outbox[Item] = Outbox("tcp://x", 3, 10, when_full)
    at_once: Outbox[Item] = Outbox("tcp://x", 3, 10, when_full)
    assert [lost for item in put for lost in one_by_one.put([item])] == gone == at_once.put(put)
    assert at_once.held_bytes == sum(item.size_bytes for item in kept)
    assert one_by_one.take(100) == kept == at_once.take(100)
    assert (at_once.held_bytes, len(at_once)) == (0, 0)


@pytest.mark.parametrize("when_full", ["fail", "wait"])
def test_where_nothing_may_go_all_or_none_are_taken(when_full: WhenFull) -> None:
    outbox: Outbox[Item] = Outbox("tcp://x", 3, 10, when_full)
    assert outbox.put([A, B]) == []
    assert (outbox.fits([C]), outbox.fits([C, D]), outbox.fits([BIG])) == (True, False, False)
    with pytest.raises(QueueFull) as caught:
        outbox.put([C, D])
    assert str(caught.value) == (
        "the queue for tcp://x is full (2 messages, 2 bytes); "
        "raise max_queued_messages or max_queued_bytes, or choose another when_full"
    )
    assert outbox.take(100) == [A, B]


def test_taking_stops_at_the_size_but_gives_one_at_least() -> None:
    outbox: Outbox[Item] = Outbox("tcp://x", 9, 100, "fail")
    outbox.put([A, B, BIG, C])
    assert [outbox.take(2), outbox.take(2), outbox.take(2), outbox.take(2)] == [[A, B], [BIG], [C], []]


def test_what_is_put_back_comes_first_whatever_the_bounds() -> None:
    outbox: Outbox[Item] = Outbox("tcp://x", 2, 100, "fail")
    outbox.put([C, D])
    outbox.put_back([A, B])
    assert (len(outbox), outbox.held_bytes) == (4, 4)
    outbox.remove(C)
    outbox.remove(C)
    assert outbox.take(100) == [A, B, D]


@given(
    st.lists(st.integers(0, 12)), st.integers(1, 5), st.integers(1, 20), st.sampled_from(["drop_oldest", "drop_newest"])
)
def test_the_bounds_hold_and_every_item_is_kept_or_given_back(
    sizes: list[int], max_messages: int, max_bytes: int, when_full: WhenFull
) -> None:
    outbox: Outbox[Item] = Outbox("tcp://x", max_messages, max_bytes, when_full)
    items = [Item(str(number), size) for number, size in enumerate(sizes)]
    gone = []
    for item in items:
        gone += outbox.put([item])
        assert len(outbox) <= max_messages and outbox.held_bytes <= max_bytes
    kept = outbox.take(1000)
    assert sorted(map(id, gone + kept)) == sorted(map(id, items))
    assert kept == [item for item in items if item in kept]

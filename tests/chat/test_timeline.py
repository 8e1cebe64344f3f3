"""Messages by seq: each once, in order, with known holes, and not too many."""

from __future__ import annotations

import random

import pytest

from landline.chat.timeline import MOST_KEPT, MOST_WHILE_READING, NEAR, Timeline
from tests.chat.said import message


def of(*seqs: int) -> Timeline:
    timeline = Timeline()
    for seq in seqs:
        timeline.add(message(seq))
    return timeline


def seqs(timeline: Timeline) -> list[int]:
    return [one.seq for one in timeline]


def test_nothing_is_there_at_first() -> None:
    timeline = Timeline()
    assert (len(timeline), timeline.first, timeline.last, timeline.gaps(), timeline.newest(3)) == (0, 0, 0, [], [])
    assert 1 not in timeline and timeline.get(1) is None and timeline.trim(None) is None


def test_whatever_the_order_each_is_there_once_and_in_order() -> None:
    chance = random.Random(3)
    given = [chance.randint(1, 60) for _ in range(200)]
    timeline = Timeline()
    assert [timeline.add(message(seq)) for seq in given] == [seq not in given[:at] for at, seq in enumerate(given)]
    assert seqs(timeline) == sorted(set(given))


def test_looking_up_and_holes() -> None:
    timeline = of(2, 3, 7, 8, 12)
    assert (timeline.first, timeline.last, timeline[0].seq, timeline[-1].seq) == (2, 12, 2, 12)
    assert timeline.gaps() == [(4, 6), (9, 11)]
    assert 7 in timeline and 9 not in timeline and 13 not in timeline
    assert (found := timeline.get(8)) is not None and found.seq == 8
    assert [one.seq for one in timeline.between(3, 8)] == [3, 7, 8]
    assert [one.seq for one in timeline.newest(2)] == [12, 8]
    assert [timeline.index(seq) for seq in (1, 7, 9, 99)] == [0, 2, 4, 5]
    timeline.clear()
    assert seqs(timeline) == []


@pytest.mark.parametrize(
    ("count", "reading", "gone", "left"),
    [
        (MOST_KEPT, None, None, MOST_KEPT),
        (MOST_KEPT + 3, None, (1, 3), MOST_KEPT),
        (MOST_WHILE_READING, 50, None, MOST_WHILE_READING),
        (MOST_WHILE_READING + 1, 50, (50 + NEAR, MOST_WHILE_READING + 1 - NEAR), 2 * NEAR + 49),
        (MOST_WHILE_READING + 1, 3000, (1, 2999 - NEAR), MOST_WHILE_READING + 1 - (2999 - NEAR)),
    ],
)
def test_the_oldest_go_or_those_far_from_what_is_read(
    count: int, reading: int | None, gone: tuple[int, int] | None, left: int
) -> None:
    timeline = of(*range(1, count + 1))
    assert timeline.trim(reading) == gone
    assert len(timeline) == left and timeline.last == count

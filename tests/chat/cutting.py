"""Streams in pieces, for whatever hears bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

from landline.chat.fronts import Front, Heard

Make = Callable[[], Front]


def pieces(data: bytes) -> Iterator[list[bytes]]:
    """The stream whole, byte by byte, with an empty piece here and there, and at places that are always the same."""
    yield [data]
    yield [data[place : place + 1] for place in range(len(data))]
    random = Random(len(data))
    for number in (1, 3, 9):
        cuts = sorted(random.choices(range(len(data) + 1), k=number))
        yield [data[start:stop] for start, stop in pairwise([0, *cuts, len(data)])]


def heard(make: Make, data: bytes) -> list[Heard]:
    """What a new front hears of a stream and its end; the same however it is cut."""
    outcomes = [_heard(make(), cut) for cut in pieces(data)]
    for outcome in outcomes[1:]:
        assert outcome == outcomes[0]
    return outcomes[0]


def _heard(front: Front, cut: list[bytes]) -> list[Heard]:
    found = [one for piece in cut for one in front.received(piece)]
    return found + front.ended()

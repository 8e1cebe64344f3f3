"""Cutting a stream into pieces in every way that matters: TCP may deliver it in any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from random import Random

from landline.framing import Framing
from landline.framing import parse as parse_framing

MOST_RANDOM_PIECE_BYTES = 16

Cuts = tuple[str, list[int]]
"""A way of cutting in words, and the positions at which it cuts, ascending."""


def ways_to_cut(data: bytes, seed: int = 0, random_ways: int = 3) -> Iterator[tuple[str, list[bytes]]]:
    """Cut a stream in every way that matters: whole, byte by byte, in halves, and at random places.

    `seed` chooses the random places and `random_ways` how many such ways there are. Gives pairs of a name for the way
    and the pieces; no piece is empty, and together they are `data`.
    """
    for way, cuts in [*fixed_cuts(len(data)), *random_cuts(len(data), seed, random_ways)]:
        pieces = (data[start:stop] for start, stop in pairwise([0, *cuts, len(data)]))
        yield way, [piece for piece in pieces if piece]


def glued(messages: Iterable[bytes], framing: str | Framing = "raw") -> bytes:
    """The bytes of several messages behind each other, as they arrive when the network makes one read of them.

    `framing` encodes them (a Framing or its spec); with raw they are encoded already. Raises UnframableMessage, or
    FramingSpecError.
    """
    how = parse_framing(framing)
    return how.encode_all(messages)


def fixed_cuts(size: int) -> list[Cuts]:
    """Where to cut a stream of `size` bytes in the ways that need no chance."""
    return [("whole", []), ("byte by byte", list(range(1, size))), ("in halves", [size // 2])]


def random_cuts(size: int, seed: int, ways: int) -> Iterator[Cuts]:
    """Where to cut a stream of `size` bytes at random: each way has its own density, from a few cuts to nearly all.

    A position that stands twice, or at an end, gives an empty piece. The same seed gives the same cuts.
    """
    random = Random(seed)
    for number in range(1, ways + 1):
        cuts = sorted(random.choices(range(size + 1), k=1 + size * number // ways))
        yield f"cut at random (seed {seed}, number {number})", cuts


def random_sizes(seed: int, most_bytes: int = MOST_RANDOM_PIECE_BYTES) -> Callable[[], int]:
    """A function that says how long the next piece is, from 1 to `most_bytes`, for a stream whose end is not known."""
    random = Random(seed)
    return lambda: random.randint(1, most_bytes)

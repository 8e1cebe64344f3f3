"""Every way of cutting gives the same bytes, in other pieces, and the same again for the same seed."""

from __future__ import annotations

import pytest

from landline.errors import UnframableMessage
from landline.testing import glued, ways_to_cut
from landline.testing.chopper import random_sizes


@pytest.mark.parametrize("data", [b"", b"x", b"two", b"a longer stream of bytes" * 4])
def test_no_byte_is_lost_and_no_piece_is_empty(data: bytes) -> None:
    for way, pieces in ways_to_cut(data):
        assert b"".join(pieces) == data, way
        assert all(pieces), way


def test_the_ways() -> None:
    ways = dict(ways_to_cut(b"abcde", seed=4, random_ways=2))
    assert list(ways) == [
        "whole",
        "byte by byte",
        "in halves",
        "cut at random (seed 4, number 1)",
        "cut at random (seed 4, number 2)",
    ]
    assert ways["whole"] == [b"abcde"]
    assert ways["byte by byte"] == [b"a", b"b", b"c", b"d", b"e"]
    assert ways["in halves"] == [b"ab", b"cde"]
    assert len(dict(ways_to_cut(b"abcde", random_ways=0))) == 3


def test_random_cuts_come_from_the_seed() -> None:
    data = bytes(range(100))
    assert list(ways_to_cut(data, seed=1)) == list(ways_to_cut(data, seed=1))
    assert list(ways_to_cut(data, seed=1))[3:] != list(ways_to_cut(data, seed=2))[3:]


def test_glued_messages() -> None:
    assert glued([b"one", b"two"], "lines") == b"one\ntwo\n"
    assert glued([b"one\n", b"two\n"]) == b"one\ntwo\n"
    assert glued([]) == b""
    with pytest.raises(UnframableMessage):
        glued([b"a\nb"], "lines")


def test_random_sizes() -> None:
    one, again = random_sizes(3), random_sizes(3)
    sizes = [one() for _ in range(200)]
    assert sizes == [again() for _ in range(200)]
    assert set(sizes) == set(range(1, 17))

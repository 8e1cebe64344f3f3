"""Rows are a dict of bytes, with less around them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from landline.transfer.rows import PAGE, Rows

NUMBERS = st.sampled_from([0, 1, PAGE - 1, PAGE, 2**40])


def rows_of(**pieces: bytes) -> Rows:
    rows = Rows()
    for name, piece in pieces.items():
        rows.put(int(name[1:]), piece)
    return rows


@given(st.lists(st.tuples(NUMBERS, st.none() | st.binary(max_size=4))))
def test_they_hold_what_a_dict_would(steps: list[tuple[int, bytes | None]]) -> None:
    rows, expected = Rows(), dict[int, bytes]()
    for number, piece in steps:
        if piece is None:
            rows.discard(number)
            expected.pop(number, None)
        else:
            rows.put(number, piece)
            expected[number] = piece
    assert list(rows) == sorted(expected.items())
    assert len(rows) == len(expected)
    for number in (0, 1, 2, PAGE - 1, PAGE, 2**40):
        assert rows.get(number) == expected.get(number)
        assert (number in rows) is (number in expected)


def test_they_are_equal_by_what_is_in_them() -> None:
    rows = rows_of(n1=b"old", n5=b"gone")
    rows.put(1, b"new")
    rows.discard(5)
    assert rows == rows_of(n1=b"new")
    assert rows != rows_of(n1=b"old")
    assert rows != {1: b"new"}


def test_a_copy_stays_as_it_was() -> None:
    rows = rows_of(n1=b"one")
    copy = rows.copy()
    rows.put(1, b"other")
    rows.put(2, b"two")
    assert copy == rows_of(n1=b"one")
    assert len(copy) == 1

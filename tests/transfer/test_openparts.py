"""Open parts: few at a time, and none closed while somebody uses it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from landline.transfer.openparts import MOST_OPEN_PARTS, MOST_SMALL_FILES, OpenParts, small_files


def is_open(descriptor: int) -> bool:
    """Whether a descriptor is open."""
    return os.path.exists(f"/proc/self/fd/{descriptor}")


def test_the_one_used_longest_ago_is_closed_and_opened_again(tmp_path: Path) -> None:
    reopened: list[int] = []

    def reopen(index: int) -> int:
        reopened.append(index)
        return os.open(tmp_path / str(index), os.O_RDWR)

    parts = OpenParts(reopen)
    for index in range(MOST_OPEN_PARTS + 1):
        parts.add(index, os.open(tmp_path / str(index), os.O_RDWR | os.O_CREAT))
    assert 0 not in parts
    with parts.use(0) as first, parts.use(1):
        assert is_open(first)
    assert reopened == [0, 1]
    parts.close()
    assert not is_open(first)
    assert 0 not in parts


def test_a_part_is_closed_when_its_last_user_is_done(tmp_path: Path) -> None:
    parts = OpenParts(lambda index: os.open(tmp_path / str(index), os.O_RDWR))
    parts.add(0, os.open(tmp_path / "0", os.O_RDWR | os.O_CREAT))
    with parts.use(0) as outer:
        with parts.use(0) as inner:
            assert inner == outer
            parts.forget(0)
            parts.forget(0)
        assert is_open(outer)
    assert not is_open(outer)


@pytest.mark.parametrize(("soft", "most"), [(-1, MOST_SMALL_FILES), (1024, 512), (10, 32), (10**6, MOST_SMALL_FILES)])
def test_how_many_small_files_may_be_open(soft: int, most: int) -> None:
    assert small_files(soft) == most

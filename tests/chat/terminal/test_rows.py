"""Rows of lists."""

from __future__ import annotations

import dataclasses

import pytest

from landline.chat.terminal.rows import Row


def test_a_row_is_plain_unless_it_says_otherwise() -> None:
    row = Row("", "Rooms")
    assert (row.value, row.text, row.note, row.person, row.is_current) == ("", "Rooms", "", "", False)
    assert (row.role, row.note_role) == ("text", "quiet")


def test_rows_are_the_same_if_they_show_the_same() -> None:
    assert Row("tea", "tea", "3") == Row("tea", "tea", "3") != Row("tea", "tea", "4")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Row("tea", "tea").text = "den"  # type: ignore[misc]

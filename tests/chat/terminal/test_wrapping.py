"""Lines of a width, in cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from landline.chat.terminal.wrapping import fitted, fitted_right, wrapped


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("", 5, [""]),
        ("short", 5, ["short"]),
        ("two words", 5, ["two", "words"]),
        ("a   wide gap", 4, ["a", "wide", "gap"]),
        ("unbreakable", 4, ["unbr", "eaka", "ble"]),
        ("so unbreakable", 6, ["so", "unbrea", "kable"]),
        ("日本語です", 4, ["日本", "語で", "す"]),
        ("a日本語", 4, ["a日", "本語"]),
        ("one\ntwo", 9, ["one", "two"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
        ("👍👍👍", 5, ["👍👍", "👍"]),
        ("trailing blanks    ", 8, ["trailing", "blanks"]),
        ("    far", 3, ["far"]),
    ],
)
def test_text_is_wrapped(text: str, width: int, wanted: list[str]) -> None:
    assert wrapped(text, width) == wanted


@given(st.text(st.sampled_from("ab 日👍\u0301-"), max_size=80), st.integers(2, 12))
def test_no_line_is_too_wide_and_nothing_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "width", "left", "right"),
    [
        ("anna", 6, "anna  ", "  anna"),
        ("anna", 4, "anna", "anna"),
        ("annabell", 5, "anna…", "anna…"),
        ("日本語", 4, "日… ", "日… "),
        ("日本語", 5, "日本…", "日本…"),
        ("x", 0, "", ""),
    ],
)
def test_a_text_fits(text: str, width: int, left: str, right: str) -> None:
    assert (fitted(text, width), fitted_right(text, width)) == (left, right)

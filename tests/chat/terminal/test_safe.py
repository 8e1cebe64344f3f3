"""Texts of others for a screen: nothing a terminal obeys comes through."""

import unicodedata

import pytest

from landline.chat.terminal.safe import shown, shown_lines, typed

CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
OTHERS = [0x2028, 0x2029, 0xFEFF, 0xFFF9, 0xE0001, 0xE0041, 0xD800, 0xE000, 0x10FFFF]


@pytest.mark.parametrize("number", CONTROLS + BIDI + OTHERS, ids=hex)
def test_nothing_that_a_terminal_obeys_comes_through(number: int) -> None:
    text = shown(f"a{chr(number)}b")
    assert text.startswith("a") and text.endswith("b")
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in text), text


@pytest.mark.parametrize("number", CONTROLS + BIDI + OTHERS, ids=hex)
def test_nothing_of_it_is_typed_by_pasting(number: int) -> None:
    assert typed(f"a{chr(number)}b") in ("ab", "a b", "a    b")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J", "\\x9b2J"),
        ("a\tb", "a    b"),
        ("a\nb", "a\\nb"),
        ("Grüße 日本", "Grüße 日本"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("❤\ufe0f", "❤"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u200dx", "x"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 4),
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
    ],
)
def test_a_line_is_shown(text: str, wanted: str) -> None:
    assert shown(text) == wanted


@pytest.mark.parametrize(("text", "wanted"), [("a\r\nb\nc", "a\nb\nc"), ("a\rb", "a\\rb"), ("plain", "plain")])
def test_lines_keep_their_ends(text: str, wanted: str) -> None:
    assert shown_lines(text) == wanted


def test_what_is_pasted_is_one_line() -> None:
    assert typed("one\r\ntwo\n\tthree \u202e👍") == "one two     three 👍"

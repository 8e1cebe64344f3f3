"""What a peer sent, as text that a terminal cannot obey."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.cli.render import JOINER, for_pipe, for_terminal, visible


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        # Plain text stays as it is.
        (b"", ""),
        (b"Hello, Ada!", "Hello, Ada!"),
        (b"a\tb", "a\tb"),
        ("Grüße, 世界".encode(), "Grüße, 世界"),
        ("e\u0301".encode(), "e\u0301"),
        ("\u05e9\u05dc\u05d5\u05dd".encode(), "\u05e9\u05dc\u05d5\u05dd"),
        # Emoji, also those of several characters.
        ("👍".encode(), "👍"),
        ("👩\u200d🚀 ❤\ufe0f".encode(), "👩\u200d🚀 ❤\ufe0f"),
        # Controls: the escape, the bell, carriage return and backspace overwrite, CSI and OSC as single characters.
        (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        (b"root\rnobody", "root\\rnobody"),
        (b"a\x08b\x00c\x7f", "a\\x08b\\x00c\\x7f"),
        (b"two\nlines", "two\\nlines"),
        (b"\x0b\x0c\x0e", "\\x0b\\x0c\\x0e"),
        ("\x9b2J\x9d".encode(), "\\x9b2J\\x9d"),
        # Text that runs backwards or hides, and separators of lines.
        ("user\u202etxt.exe".encode(), "user\\u202etxt.exe"),
        ("\u2066a\u2069 \u200e\u200f".encode(), "\\u2066a\\u2069 \\u200e\\u200f"),
        ("zero\u200bwidth \ufeff\u00ad".encode(), "zero\\u200bwidth \\ufeff\\xad"),
        ("\u2028\u2029".encode(), "\\u2028\\u2029"),
        ("\U000e0041".encode(), "\\U000e0041"),
        # What no font shows: private use and unassigned.
        ("\ue000 \u0378 \U0010ffff".encode(), "\\ue000 \\u0378 \\U0010ffff"),
        # Bytes that are not UTF-8: alone, cut off, overlong, a surrogate.
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"caf\xe9", "caf\\xe9"),
        (b"\xe2\x98", "\\xe2\\x98"),
        (b"\xc0\xaf", "\\xc0\\xaf"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"\x9b2J", "\\x9b2J"),
    ],
)
def test_visible(message: bytes, shown: str) -> None:
    assert visible(message) == shown


def test_characters_to_keep() -> None:
    assert visible(b"a\tb\nc", keep="") == "a\\tb\\nc"
    assert visible(b"a\tb\nc\r", keep="\t\n") == "a\tb\nc\\r"


@pytest.mark.parametrize(
    ("message", "raw", "shown"),
    [
        (b"", False, "\n"),
        (b"one line", False, "one line\n"),
        (b"with its end\n", False, "with its end\\n\n"),
        (b"\x1b[2J", False, "\\x1b[2J\n"),
        # A piece of a stream has line ends of its own, of either kind, and gets one where it has none.
        (b"", True, "\n"),
        (b"a piece", True, "a piece\n"),
        (b"a line\n", True, "a line\n"),
        (b"two\r\nlines\r\n", True, "two\nlines\n"),
        (b"two\nlines", True, "two\nlines\n"),
        (b"over\rwritten", True, "over\\rwritten\n"),
        (b"\x1b[2J\n", True, "\\x1b[2J\n"),
    ],
)
def test_for_terminal(message: bytes, raw: bool, shown: str) -> None:
    assert for_terminal(message, raw) == shown


@pytest.mark.parametrize(
    ("message", "raw", "written"),
    [
        (b"", False, b"\n"),
        (b"\x00\xff\x1b[2J", False, b"\x00\xff\x1b[2J\n"),
        (b"line\n", False, b"line\n\n"),
        (b"", True, b""),
        (b"piece", True, b"piece"),
        (b"\x00\xff\r\n", True, b"\x00\xff\r\n"),
    ],
)
def test_for_pipe(message: bytes, raw: bool, written: bytes) -> None:
    assert for_pipe(message, raw) == written


@given(st.binary() | st.text().map(str.encode), st.booleans())
def test_whatever_is_sent_a_terminal_is_told_nothing(message: bytes, raw: bool) -> None:
    shown = for_terminal(message, raw)
    assert shown.endswith("\n")
    allowed = {"\t", "\n", JOINER}
    assert [
        char for char in shown if unicodedata.category(char)[0] in "CZ" and not (char.isspace() or char in allowed)
    ] == []
    assert not set(shown) & {"\r", "\x0b", "\x0c", "\x1b", "\x85", "\u2028", "\u2029", "\x1c", "\x1d", "\x1e", "\x1f"}
    assert raw or shown.count("\n") == 1
    shown.encode()

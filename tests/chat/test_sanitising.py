"""What people write is made harmless, and stays as it is when it is made harmless again."""

from __future__ import annotations

from typing import Literal
from unicodedata import category, is_normalized, normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from landline.chat import sanitising
from landline.chat.bounds import MOST_BODY_BYTES
from landline.chat.sanitising import MOST_MARKS, clean_body, clean_line, clean_text, escaped

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HARMFUL = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *map(ord, DIRECTIONS)) if chr(code) != "\t"]
LINE_ENDS = set("\n\v\f\r\x1c\x1d\x1e\x85")

NEAR_THE_RULES = st.text(
    st.one_of(
        st.sampled_from("ab \t\n\r\u0301\u0323\u0327\u200b\u200c\u200d\ufe0f\u0345\u1161\u11a8\u0f71\u0f72\u3000\x1b"),
        st.sampled_from(["\U0001f468", "\U0001f1e9", "\U0001f3fd", "\U000e0061", "\U000e0101", "\ud800", "\udfff"]),
        st.characters(),
    ),
    max_size=60,
)


def is_harmless(text: str) -> bool:
    return not any(
        category(character) == "Cs"
        or (category(character) == "Cc" and character != "\t")
        or character in DIRECTIONS + "\u2028\u2029\ufeff\u200b\u2060"
        or ord(character) & 0xFFFE == 0xFFFE
        or 0xE0000 <= ord(character) < 0xE0080
        for character in text
    )


@pytest.mark.parametrize("character", HARMFUL, ids=lambda character: f"{ord(character):04x}")
def test_no_control_and_no_direction_is_left(character: str) -> None:
    expected = "a b" if character in LINE_ENDS else "ab"
    assert clean_body(f"a{character}b") == (expected, False)
    assert clean_line(f"a{character}b", 9) == expected
    shown = escaped(f"a{character}b")
    assert shown == f"a{character.encode('unicode_escape').decode()}b"
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("hello", "hello"),
        ("hello \n", "hello"),
        ("a\tb", "a\tb"),
        ("  code", "  code"),
        ("one\r\ntwo\rthree\u2028four", "one two three four"),
        ("\x1b]0;title\x07\x1b[31mred", "]0;title[31mred"),
        ("e\u0301", "\xe9"),
        ("caf\xe9 \u03bb \u042f \u6f22", "caf\xe9 \u03bb \u042f \u6f22"),
        (FAMILY, FAMILY),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u200da \u200db\u200d \u200cc\u200d", "a b c"),
        ("a\u200d\u200d\u200cb", "a\u200db"),
        ("a\u200bb\ufeffc\u2060d\xade\u180ef", "abcdef"),
        ("\ud83d and \udc00", "\ufffd and \ufffd"),
        ("a\ufffeb\uffffc\ufdd0d\U0010ffffe", "abcde"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4"),
        ("\u845b\U000e0100", "\u845b\U000e0100"),
        ("a" + "\u0301" * 50, "\xe1" + "\u0301" * MOST_MARKS),
        ("b" + "\u0301\u200d" * 50 + "c", "b" + "\u0301\u200d" * MOST_MARKS + "c"),
        ("", ""),
        (" \u200d ", ""),
    ],
)
def test_what_becomes_of_a_text(given: str, expected: str) -> None:
    assert clean_text(given) == expected
    assert clean_body(given) == (expected, False)


@given(NEAR_THE_RULES)
@example("\u0301\u0323 a\u200d\u0323\u0301\u200d")
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert is_harmless(once)
    assert is_normalized("NFC", once)
    assert escaped(once) == once
    line = clean_line(text, 10)
    assert clean_line(line, 10) == line
    assert len(line) <= 10
    assert "\t" not in line


@given(NEAR_THE_RULES.filter(bool), st.integers(0, 8))
def test_what_was_cut_stays_as_it_is(text: str, spare: int) -> None:
    whole = ("x" * spare + text) * (1 + 5000 // len(text.encode("utf-8", "replace")))
    body, cut = clean_body(whole)
    assert clean_body(body) == (body, False)
    assert len(body.encode()) <= MOST_BODY_BYTES
    assert clean_text(whole).startswith(body)
    assert cut == (body != clean_text(whole))


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        ("\u20ac", ""),
        ("\u20ac" * 2, ""),
        (FAMILY, ""),
        ("\U0001f44d\U0001f3fd", ""),
        ("b\u0323\u0307", ""),
        ("\u1112\u1161\u11ab" + "\u0301" * 3, ""),
        ("\U0001f1e9\U0001f1ea" * 2, ""),
    ],
    ids=["euro", "two", "family", "thumb", "marks", "hangul", "flags"],
)
def test_a_cut_splits_nothing_that_is_seen_as_one(tail: str, kept: str) -> None:
    tail = clean_text(tail)
    for room in range(1, len(tail.encode())):
        body, cut = clean_body("x" * (MOST_BODY_BYTES - room) + tail)
        assert cut
        left = body.lstrip("x")
        assert left in {"", tail[: len(tail) // 2]}
        if left:
            assert len(set(tail)) < len(tail), "only what stands there twice is kept by half"


def test_a_body_of_the_greatest_length_is_not_cut() -> None:
    assert clean_body("x" * MOST_BODY_BYTES) == ("x" * MOST_BODY_BYTES, False)
    assert clean_body("x" * (MOST_BODY_BYTES + 1)) == ("x" * MOST_BODY_BYTES, True)
    assert clean_body("x" * MOST_BODY_BYTES + "  \n") == ("x" * MOST_BODY_BYTES, False)
    assert clean_body("x" * (MOST_BODY_BYTES - 1) + " y") == ("x" * (MOST_BODY_BYTES - 1), True)


def test_no_more_is_looked_at_than_could_be_kept() -> None:
    assert clean_body("\x1b" * (2 * MOST_BODY_BYTES) + "x") == ("", True)
    assert clean_body("\x1b" * (2 * MOST_BODY_BYTES - 1) + "x") == ("x", False)
    syllables = "\u1112\u1161\u11ab" * (MOST_BODY_BYTES // 3)
    assert clean_body(syllables) == ("\ud55c" * (MOST_BODY_BYTES // 3), False)


def test_what_never_ends_is_cut_all_the_same() -> None:
    endless = "\u200d".join("\U0001f468" * 2000)
    body, cut = clean_body(endless)
    assert cut
    assert MOST_BODY_BYTES - 8 < len(body.encode()) <= MOST_BODY_BYTES
    assert clean_line("\u0301" * 100, 1) == "\u0301"


def test_long_runs_of_marks_are_never_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalising sorts the marks of a run, in time that grows with the square of their number."""
    seen: list[str] = []

    def watched(form: Literal["NFC"], text: str) -> str:
        seen.append(text)
        return normalize(form, text)

    monkeypatch.setattr(sanitising, "normalize", watched)
    assert clean_body("a" + "\u0301\u0323" * 16_000)[0].startswith("\u1ea1\u0323")
    assert [len(text) for text in seen] == [31]


def test_a_line_has_no_spaces_around_it() -> None:
    assert clean_line(" \t a\tb \u200d", 100) == "a b"
    assert clean_line("hello there", 6) == "hello"


def test_what_is_escaped_can_be_shown() -> None:
    assert escaped("plain \xe9 \u6f22") == "plain \xe9 \u6f22"
    assert escaped("\ud800\u200b\U000e0041") == "\\ud800\\u200b\\U000e0041"
    assert escaped(FAMILY) == FAMILY

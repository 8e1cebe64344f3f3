"""The tables of characters that look alike, and of scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from landline.chat import lookalikes
from landline.chat.lookalikes import prepare, prototypes, script_of, table_of
from landline.errors import ChatError


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs.utils", None)
    prototypes.cache_clear()
    lookalikes._scripts.cache_clear()
    yield
    prototypes.cache_clear()
    lookalikes._scripts.cache_clear()


def test_one_of_a_group_stands_for_all() -> None:
    pairs = {
        "O": [{"c": "0"}, {"c": "\u200e\u07c0\u200e"}],
        "0": [{"c": "O"}],
        "\u200e\u07c0\u200e": [{"c": "O"}],
        "m": [{"c": "rn"}],
        "rn": [{"c": "m"}],
        "\u0430": [{"c": "a"}],
    }
    assert table_of(pairs) == {"0": "O", "\u07c0": "O", "m": "rn", "\u0430": "a"}


def test_letters_of_ascii_stand_for_the_others() -> None:
    table = prototypes()
    assert [table[character] for character in "01|Im"] == ["O", "l", "l", "l", "rn"]
    assert (table["\u0430"], table["\u0421"], table["\u03bf"]) == ("a", "C", "o")
    assert not set("abcdefghijklnopqrstuvwxyzABCDEFGHJKLMNOPQRSTUVWXYZ23456789-_.") & set(table)


@pytest.mark.parametrize(
    ("character", "script"),
    [
        ("a", "LATIN"), ("\u0430", "CYRILLIC"), ("1", "COMMON"), ("\u0301", "INHERITED"), ("\u6f22", "HAN"),
        ("\x00", "COMMON"), ("\u0378", "UNKNOWN"), ("\U0010ffff", "UNKNOWN"),
    ],
)  # fmt: skip
def test_scripts(character: str, script: str) -> None:
    assert script_of(character) == script


def test_the_tables_are_read_once_and_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs.utils", None)
    assert script_of("a") == "LATIN"
    assert prototypes()["0"] == "O"


@pytest.mark.usefixtures("without_library")
def test_without_the_library_the_extra_is_named() -> None:
    for call in (prepare, prototypes, lambda: script_of("a")):
        with pytest.raises(ChatError, match=r"confusable-homoglyphs.*pip install 'landline\[chat\]'"):
            call()

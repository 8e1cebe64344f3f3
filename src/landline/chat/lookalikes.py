"""Which characters look alike, and to which script each belongs: the tables of the Unicode consortium.

They come with a library, are read when the first name is checked, and kept in the form that is needed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from landline.errors import ChatError

MORE_ALIKE = (("vv", "w"),)
"""What looks alike in most letters of a screen and is not in the table."""


def prepare() -> None:
    """Read the tables now, which takes a tenth of a second: else the first name to be checked waits for them.

    Raises ChatError without the library.
    """
    prototypes()
    _scripts()


@lru_cache(maxsize=1)
def prototypes() -> Mapping[str, str]:
    """What stands for each character in a skeleton; most stand for themselves and are left out.

    Raises ChatError without the library.
    """
    return table_of(_load("confusables.json"))


def script_of(character: str) -> str:
    """The script of a character in capitals, as in Unicode's Scripts.txt: LATIN, COMMON, INHERITED and so on.

    Raises ChatError without the library.
    """
    starts, ends, names = _scripts()
    place = bisect_right(starts, ord(character)) - 1
    return names[place] if place >= 0 and ord(character) <= ends[place] else "UNKNOWN"


def table_of(pairs: Mapping[str, Iterable[Mapping[str, str]]]) -> dict[str, str]:
    """A table of prototypes from pairs that look alike, listed both ways: one member stands for each group."""
    table: dict[str, str] = {}
    seen: set[str] = set()
    for start in pairs:
        if start in seen:
            continue
        group, waiting = {start}, [start]
        while waiting:
            fresh = {other["c"] for other in pairs.get(waiting.pop(), ())} - group
            group |= fresh
            waiting += fresh
        seen |= group
        # The library wraps what is written from right to left into marks of direction.
        texts = {text.strip("\u200e") for text in group}
        chosen = min(texts, key=_rank)
        table.update({text: chosen for text in texts if len(text) == 1 and text != chosen})
    return table


def _rank(text: str) -> tuple[bool, bool, bool, str]:
    """Several letters stand for the one that looks like them (`rn` for `m`); then a Latin letter, before a digit."""
    return len(text) == 1, not text.isascii(), not text.isalpha(), text.swapcase()


@lru_cache(maxsize=1)
def _scripts() -> tuple[list[int], list[int], list[str]]:
    data = _load("categories.json")
    ranges = data["code_points_ranges"]
    names = data["iso_15924_aliases"]
    return [one[0] for one in ranges], [one[1] for one in ranges], [names[one[2]] for one in ranges]


def _load(name: str) -> Any:
    """One of the tables of the library. Raises ChatError without it."""
    try:
        from confusable_homoglyphs.utils import load  # type: ignore[import-untyped]
    except ImportError:
        raise ChatError(
            "a chat needs the library confusable-homoglyphs, to tell names that look alike: "
            "pip install 'landline[chat]'"
        ) from None
    return load(name)

"""Code phrases: a number to be found by and three words to be known by, such as 4821-ocean-maple-brick. Pure."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from landline.errors import CodeError

HIGHEST_NUMBER = 99_999
"""The number is read aloud and typed, so it stays short; it finds the other side and keeps no secret."""
WORD_COUNT = 3
"""Three words of 2048 are 33 bits, and there is one guess: one in 8.6 thousand million."""

_LONGEST_TEXT = 200
_LONGEST_SHOWN = 12
_LISTED_WORDS = 3
# Chat programs and word processors make other dashes and spaces of those that were typed.
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015\u2212]+")


@dataclass(frozen=True, slots=True, repr=False)
class Code:
    """A code phrase: `number` (1 to 99999) finds the other side, the three `words` are the secret."""

    number: int
    words: tuple[str, str, str]

    def __str__(self) -> str:
        return "-".join([str(self.number), *self.words])

    def __repr__(self) -> str:
        # What stands in a traceback or a log is not for everybody to use.
        return f"<Code {self.number}>"

    @property
    def secret(self) -> bytes:
        """The words as the password of a key exchange. The number is no part of it: others see it."""
        return "-".join(self.words).encode("ascii")


def new_code(number: int, choose: Callable[[int], int], words: Sequence[str]) -> Code:
    """Make a code. `number` is from 1 to 99999, `choose(n)` gives an even chance to each of 0 to n-1 and must be fit
    for secrets (`secrets.randbelow`), `words` is the list to choose from. Returns the code. Raises CodeError.
    """
    if not 1 <= number <= HIGHEST_NUMBER:
        raise CodeError(f"is not a number from 1 to {HIGHEST_NUMBER}", str(number))
    first, second, third = (words[choose(len(words))] for _ in range(WORD_COUNT))
    return Code(number, (first, second, third))


def parse_code(text: str, words: Sequence[str]) -> Code:
    """Read a code as people type it: in any case, with dashes or spaces between its parts, and each word as short as
    only one of `words` begins so. Returns the code. Raises CodeError, which never shows all of `text`.
    """
    if len(text) > _LONGEST_TEXT:
        raise CodeError(f"has {len(text)} characters, and a code has fewer than {_LONGEST_TEXT}")
    plain = unicodedata.normalize("NFKC", text).casefold()
    parts = [part for part in _BETWEEN.split(plain) if part]
    if len(parts) != 1 + WORD_COUNT:
        counted = f"{len(parts)} part{'' if len(parts) == 1 else 's'}"
        raise CodeError(f"has {counted}, and a code has a number and {WORD_COUNT} words")
    number, (first, second, third) = _number(parts[0]), [_word(part, words) for part in parts[1:]]
    return Code(number, (first, second, third))


def _number(part: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,4}", part):
        raise _wrong(part, "number", f"is not a number from 1 to {HIGHEST_NUMBER}")
    return int(part)


def _word(part: str, words: Sequence[str]) -> str:
    """The word that is written so or, alone of all, begins so."""
    if part in words:
        return part
    found = [word for word in words if word.startswith(part)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(found[:_LISTED_WORDS]) + (", ..." if len(found) > _LISTED_WORDS else "")
        raise _wrong(part, "word", f"begins {len(found)} words ({listed}), so it takes more of its letters")
    # A long part is not compared: that would cost its length for each word.
    near = difflib.get_close_matches(part, words, 1) if len(part) <= _LONGEST_SHOWN else []
    raise _wrong(part, "word", "is not a word of a code", near[0] if near else None)


def _wrong(part: str, kind: str, problem: str, nearest: str | None = None) -> CodeError:
    if len(part) <= _LONGEST_SHOWN:
        return CodeError(problem, part, nearest)
    # So long a part may be the rest of the code without its dashes.
    return CodeError(f"has a {kind} of {len(part)} characters, which {problem}")

"""Texts of others for a screen. Pure: whatever comes from the wire passes through here before it is shown.

Textual and Rich hand escapes through to the terminal, so nothing that a terminal obeys may reach them.
"""

from __future__ import annotations

import unicodedata

_OBEYED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, format characters, unassigned, private, surrogates, line and paragraph separators."""
_UNSEEN = frozenset("\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff\ufe0e\ufe0f")
"""Shown, they say nothing; terminals disagree about the width of what they stand in."""
_JOINERS = "\u200c\u200d"
_MOST_MARKS = 4
"""Marks on one character: more of them paint over the lines above and below."""
_TAB = "    "


def shown(text: str) -> str:
    """A text of somebody else on one line: what a terminal would obey stands as an escape such as \\x1b."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_safe_characters(text, lines=False))


def shown_lines(text: str) -> str:
    """The same for a text of several lines: `\\n` is the only control character that stays."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_safe_characters(text.replace("\r\n", "\n"), lines=True))


def typed(text: str) -> str:
    """What somebody pastes, as one line without anything that does not show: the chat would take that out anyway."""
    spaced = " ".join(text.split("\n")) if "\n" in text else text
    spaced = spaced.replace("\r", "").replace("\t", _TAB)
    return "".join(char for char in spaced if unicodedata.category(char) not in _OBEYED or char in _JOINERS)


def _safe_characters(text: str, lines: bool) -> list[str]:
    safe: list[str] = []
    marks = 0
    for index, char in enumerate(text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if char in _JOINERS:
            if _joins_letters(text, index):
                safe.append(char)
        elif char == "\t":
            safe.append(_TAB)
        elif category not in _OBEYED:
            if marks <= _MOST_MARKS and char not in _UNSEEN:
                safe.append(char)
        elif char == "\n" and lines:
            safe.append(char)
        elif char not in _UNSEEN and not _is_tag(char):
            safe.append(char.encode("unicode_escape").decode("ascii"))
    return safe


def _joins_letters(text: str, index: int) -> bool:
    """Scripts such as Persian and Hindi are written with joiners. Between emoji they make one picture, of whose width
    every terminal thinks differently: there the pictures stand side by side."""
    return 0 < index < len(text) - 1 and all(
        unicodedata.category(text[place])[0] in "LM" for place in (index - 1, index + 1)
    )


def _is_tag(char: str) -> bool:
    """Tags spell the flags of regions, behind a black flag; alone they show nothing."""
    return "\U000e0020" <= char <= "\U000e007f"

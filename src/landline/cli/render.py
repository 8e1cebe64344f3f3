"""Text for a terminal. Pure, and the only place that prints what others sent.

A terminal obeys what it is sent: a peer could move the cursor, set the title, or write a line backwards. So everything
that is not plain text is shown as an escape.
"""

from __future__ import annotations

import unicodedata

JOINER = "\u200d"
"""Joins emoji into one; it moves nothing."""
_OBEYED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, format characters, unassigned, private, surrogates, line and paragraph separators."""


def visible(data: bytes, keep: str = "\t") -> str:
    """Bytes of a peer as text that is safe to print; characters in `keep` stay as they are.

    Bytes that are not UTF-8 and characters that a terminal would obey become escapes such as \\x1b and \\u202e.
    """
    text = data.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep else _shown(char) for char in text)


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _OBEYED or char == JOINER:
        return char
    return char.encode("unicode_escape").decode("ascii")


def for_terminal(message: bytes, raw: bool) -> str:
    """A message as one line for a terminal; with `raw`, a piece of a stream, whose own line ends stay."""
    if not raw:
        return visible(message) + "\n"
    text = visible(message.replace(b"\r\n", b"\n"), keep="\t\n")
    return text if text.endswith("\n") else text + "\n"


def for_pipe(message: bytes, raw: bool) -> bytes:
    """A message for a pipe or file: exact, and on a line of its own unless it is a piece of a raw stream."""
    return message if raw else message + b"\n"

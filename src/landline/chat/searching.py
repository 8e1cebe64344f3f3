"""Searching: what of a message goes into the index, and what a person's words ask of it.

The index is a table of SQLite's FTS5 with two columns: `place` says where a message stands, `body` what it says. Where
to look is a question for the index, too: a word that everybody says, asked for in a quiet room, is found at once.
"""

from __future__ import annotations

import re

EVERY_ROOM = "rooms"
"""The word of all rooms that are no conversation. No room's own word is like it: those have no `o`."""
LEAST_BEGINNING = 3
"""Characters of a word that may be the beginning of others: with fewer it takes long, and says little."""
_NO_SPACES = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Scripts that write words without a space between them: each character is a word of the index."""


def indexed_place(room: str) -> str:
    """What the index knows a message's room by."""
    return _word_of(room) if room.startswith("@") else f"{EVERY_ROOM} {_word_of(room)}"


def indexed_body(body: str) -> str:
    """A body as it goes into the index."""
    return body if body.isascii() else _NO_SPACES.sub(r" \g<0> ", body)


def match_expression(query: str, rooms: tuple[str, ...] | None, also: tuple[str, ...] = ()) -> str | None:
    """What to ask FTS5 for: messages with all words of `query`, the last of which may be the beginning of one, if it
    is of three characters at least.

    Every word is quoted, so that nothing a person writes is an operator. `rooms` and `also` are those of SearchFor.
    Returns None if there is no word to look for, or no room to look in.
    """
    words = [word for word in query.replace("\0", " ").split() if any(map(str.isalnum, word))]
    places = [EVERY_ROOM, *map(_word_of, also)] if rooms is None else list(map(_word_of, rooms))
    if not words or not places:
        return None
    body = " AND ".join(_quoted(indexed_body(word).strip()) for word in words)
    beginning = "*" if len(words[-1]) >= LEAST_BEGINNING else ""
    return f"place : ({' OR '.join(map(_quoted, places))}) AND body : ({body}{beginning})"


def _word_of(room: str) -> str:
    """A room as one word: what it is called may be any characters, of which the index would make several."""
    return f"x{room.encode('utf-8', 'surrogatepass').hex()}"


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'

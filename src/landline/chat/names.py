"""Names of people and rooms: which there can be, which are the same, and which look the same.

The rules follow RFC 8265 (one canonical form for each name) and Unicode Technical Standard 39 (one script for each
name; what looks the same has the same skeleton). docs/decisions/0011-names.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from unicodedata import category, normalize

from landline.chat.bounds import MOST_NAME_CHARACTERS
from landline.chat.lookalikes import MORE_ALIKE, prototypes, script_of
from landline.errors import NameRefused

GUEST = "guest-"
"""What the nick of a guest begins with who has not chosen one; nobody can choose one that begins so."""
LOBBY = "lobby"
"""The room that people on plain text are in at first. It belongs to nobody."""
RESERVED = (
    "server", "system", "landline", "admin", "administrator", "root", "operator", "moderator", "everyone", "here",
)  # fmt: skip
"""Names that seem to speak for the chat, or to mean all who are in it."""

MOST_MARKS = 4
"""Combining marks on one character of a name (UTS 39, section 5.4)."""
_DRAWN = "abcdefghjknpqrstuxyz23456789"
"""Nothing that looks like something else: no i, l, o, 0 or 1, neither m (rn) nor w (vv), and no v."""
_TOGETHER = (
    frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"HAN", "HANGUL"}),
    frozenset({"HAN", "BOPOMOFO"}),
)
"""Scripts that one language writes together."""


def clean_nick(text: str) -> str:
    """Check a nick that somebody has chosen. Returns it in NFC. Raises NameRefused.

    The nick of a guest who has not chosen one (`guest-` and so on) is refused, too: it is given, never chosen.
    """
    nick = _checked(text, normalize("NFC", _bounded(text)))
    plain = normalize("NFKC", nick)
    if plain != nick:
        raise NameRefused(text, "some of its letters are of another form (wide, joined, mathematical); use plain ones")
    if not any(category(character)[0] == "L" for character in nick):
        raise NameRefused(text, "a nick has at least one letter")
    looks = skeleton(nick)
    if looks in _reserved():
        raise NameRefused(text, "it is reserved, as it seems to speak for the chat; take another")
    if looks.startswith(GUEST):
        raise NameRefused(text, f"names that begin with {GUEST} are given to guests; take another")
    as_written = _settled(normalize("NFD", nick), _look)
    if as_written.isascii() and as_written != looks:
        raise NameRefused(text, f"it looks like {as_written!r}, which is another name; write it in small letters")
    return nick


def clean_room(text: str) -> str:
    """Check the name of a room; a `#` before it is left out. Returns it in NFKC and lower case. Raises NameRefused."""
    return _checked(text, account_of(_bounded(text.removeprefix("#"))))


def account_of(nick: str) -> str:
    """The canonical form of a nick: whatever is the same name has the same (NFKC_Casefold of the Unicode standard)."""
    folded = normalize("NFKC", normalize("NFD", nick).casefold())
    return normalize("NFKC", folded.casefold())


def skeleton(nick: str) -> str:
    """What looks the same has the same skeleton, and so has what is the same name: one key for both.

    This is UTS 39, section 4, with its table, made of the canonical form. There a capital letter and its small one are
    one, so an i looks like an l, because an I does; and a small letter of another script that looks like nothing looks
    like what its capital looks like. Raises ChatError without the library that has the table.
    """
    return _settled(normalize("NFD", account_of(nick)), _folded_look)


def _settled(shape: str, look: Callable[[str], str]) -> str:
    """The shape with every character as it looks, until nothing changes."""
    while True:
        looks = "".join(map(look, shape))
        for seen, as_this in MORE_ALIKE:
            looks = looks.replace(seen, as_this)
        looks = normalize("NFD", account_of(looks))
        if looks == shape:
            return looks
        shape = looks


def _look(character: str) -> str:
    return "l" if character == "i" else prototypes().get(character, character)


@lru_cache(maxsize=4096)
def _folded_look(character: str) -> str:
    """What a character in its canonical form looks like: small, or else, if that is nothing of ASCII, as a capital."""
    small = _look(character).casefold()
    if small.isascii():
        return small
    capital = "".join(map(_look, character.upper())).casefold()
    return capital if capital.isascii() else small


def guest_nick(draw: bytes) -> str:
    """A nick for a guest: `guest-` and 4 letters or digits, from at least 4 random bytes."""
    number = int.from_bytes(draw[:8])
    letters = []
    for _ in range(4):
        number, place = divmod(number, len(_DRAWN))
        letters.append(_DRAWN[place])
    return GUEST + "".join(letters)


def _bounded(text: str) -> str:
    """The text, if it is no longer than a name can be before it is normalised. Raises NameRefused."""
    if len(text) > 4 * MOST_NAME_CHARACTERS:
        raise NameRefused(text[:MOST_NAME_CHARACTERS], f"it has {len(text)} characters; {_MOST}")
    return text


_MOST = f"the most are {MOST_NAME_CHARACTERS}"


def _checked(given: str, name: str) -> str:
    """A normalised name, if it can be one. Raises NameRefused."""
    if not name:
        raise NameRefused(given, "a name has at least one character")
    if len(name) > MOST_NAME_CHARACTERS:
        raise NameRefused(given, f"it has {len(name)} characters; {_MOST}")
    for character in name:
        _check_character(given, character)
    if not (category(name[0])[0] in "LN" or name[0] == "_"):
        raise NameRefused(given, "a name begins with a letter, a digit or _")
    if name[-1] == ".":
        raise NameRefused(given, "a name does not end with a dot")
    _check_marks(given, name)
    _check_scripts(given, name)
    return name


def _check_character(given: str, character: str) -> None:
    kind = category(character)
    # Letters that show nothing (fillers, a mark that joins) are letters to Unicode, and nothing to the eye.
    if character in "-_." or (kind[0] in "LM" or kind == "Nd") and kind != "Me" and character not in _UNSEEN:
        return
    shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
    raise NameRefused(given, f"{shown} cannot stand in a name; it is made of letters, digits and - _ .")


_SELECTORS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for one in _SELECTORS for code in one}


def _check_marks(given: str, name: str) -> None:
    marks = 0
    for character in name:
        marks = marks + 1 if category(character)[0] == "M" else 0
        if marks > MOST_MARKS:
            raise NameRefused(given, f"it has more than {MOST_MARKS} marks on one letter")


def _check_scripts(given: str, name: str) -> None:
    """One script for a name; digits and marks that belong to all scripts are everybody's."""
    scripts = {script_of(character) for character in name} - {"COMMON", "INHERITED"}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        names = " and ".join(sorted(script.capitalize() for script in scripts))
        raise NameRefused(given, f"it mixes letters of {names}; use those of one script")
    if len({ord(character) - int(character) for character in name if category(character) == "Nd"}) > 1:
        raise NameRefused(given, "it mixes digits of several scripts; use those of one")


@lru_cache(maxsize=1)
def _reserved() -> frozenset[str]:
    return frozenset(map(skeleton, RESERVED))

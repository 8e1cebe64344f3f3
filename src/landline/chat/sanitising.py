"""What people write, made harmless for every screen: once, at the door.

No control character but the tab is left, nothing that turns the direction of writing, nothing invisible but the joiners
that scripts and emoji need. What is clean stays as it is: cleaning twice is cleaning once.
"""

from __future__ import annotations

import re
from unicodedata import category, normalize

from landline.chat.bounds import MOST_BODY_BYTES

MOST_MARKS = 8
"""Combining marks on one character. No language needs more; hundreds of them paint over the lines above and below."""
_MOST_RAW_MARKS = 30
"""Before NFC, which sorts the marks of a run: the bound of the Stream-Safe Text Format (Unicode Annex 15)."""
_MOST_READ = 2 * MOST_BODY_BYTES
"""Characters of a body that are looked at: none that fits is longer before NFC, and looking costs time."""
_MOST_BACK = 64
"""How far a cut may go back, in characters, to find the end of what is seen as one."""

_LINE_ENDS = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ZERO_WIDTH = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}-{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
_HARMFUL = "\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029" + _ZERO_WIDTH + _NONCHARACTERS
_DROPPED = re.compile(f"[{_HARMFUL}]")
_ESCAPED = re.compile(f"[{_HARMFUL}\ud800-\udfff]")

JOINERS = "\u200c\u200d"
"""They make emoji of several, and shape words in Persian and in the scripts of India."""
_IDLE_JOINERS = re.compile(f"(?:^|(?<=\\s))[{JOINERS}]+|(?<=[{JOINERS}])[{JOINERS}]+|[{JOINERS}]+(?=\\s|$)")

_REGIONAL = re.compile("[\U0001f1e6-\U0001f1ff]")
_MODIFIERS = re.compile("[\U0001f3fb-\U0001f3ff\u1160-\u11ff]")


def clean_text(text: str) -> str:
    """Make a text of any length harmless: one line in NFC. Returns it without spaces at its end."""
    if text.isascii() and text.isprintable():
        return text.rstrip()
    text = _SURROGATES.sub("\ufffd", _LINE_ENDS.sub(" ", text))
    text = _DROPPED.sub("", text)
    if not text.isascii():
        text = _fewer_marks(text, _MOST_RAW_MARKS)
        text = _fewer_marks(normalize("NFC", text), MOST_MARKS)
        # The end of a text is an end for joiners, too; once these are gone, there may be spaces at it.
        text = _IDLE_JOINERS.sub("", text)
    return text.rstrip()


def clean_body(text: str) -> tuple[str, bool]:
    """Make the body of a message harmless, and at most 4096 bytes long in UTF-8.

    Returns the body, and whether it was cut. A cut falls between two characters as people see them.
    """
    body = clean_text(text[:_MOST_READ])
    encoded = body.encode()
    if len(encoded) <= MOST_BODY_BYTES:
        return body, len(text) > _MOST_READ
    return _cut(body, len(encoded[:MOST_BODY_BYTES].decode("utf-8", "ignore"))), True


def clean_line(text: str, most_characters: int) -> str:
    """Make a topic, a reason or a line of the message of the day harmless: at most so many characters, no tabs.

    Returns it without spaces at its start and its end.
    """
    line = clean_text(text.replace("\t", " ")).lstrip()
    return line if len(line) <= most_characters else _cut(line, most_characters)


def escaped(text: str) -> str:
    """Write a text so that no terminal obeys it, whatever it is: what is harmful stands there as an escape.

    The last line of defence. What has been cleaned comes back as it is.
    """
    if text.isprintable():
        return text
    return _ESCAPED.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()


def _fewer_marks(text: str, most: int) -> str:
    """Leave out what is beyond `most` marks on one character. A joiner between marks does not make a new character."""
    kept: list[str] = []
    marks = 0
    for character in text:
        if character < "\u0300":
            marks = 0
        elif category(character)[0] == "M":
            marks += 1
            if marks > most:
                continue
        elif character not in JOINERS:
            marks = 0
        kept.append(character)
    return "".join(kept)


def _cut(text: str, length: int) -> str:
    """The start of a clean text, at most `length` characters, that does not end within what people see as one."""
    for end in range(length, max(length - _MOST_BACK, 0), -1):
        if not _joins(text, end):
            break
    else:
        end = length
    return text[:end].rstrip(JOINERS + " \t").rstrip()


def _joins(text: str, place: int) -> bool:
    """Whether the characters before and behind `place` belong together."""
    before, behind = text[place - 1], text[place]
    if behind in JOINERS or before == "\u200d" or category(behind)[0] == "M" or _MODIFIERS.match(behind):
        return True
    if _REGIONAL.match(before) and _REGIONAL.match(behind):
        # Flags are pairs of letters: a cut is right behind an even number of them.
        run = place - len(text[:place].rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
        return run % 2 == 1
    return False

"""Completion of names, rooms and commands, and who is meant in a message. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from landline.chat.lines import COMMANDS

if TYPE_CHECKING:
    from landline.chat.view import View

_ROOM_FIRST = frozenset({"join", "leave", "history", "since", "resume", "sanctions", "audit", "who"})
_NAME_FIRST = frozenset({"msg", "kick", "ban", "unban", "mute", "unmute", "op", "deop", "login"})


def mentions(body: str, nick: str) -> bool:
    """Whether a nick stands in a body, as a whole word, in whatever case. "" is mentioned nowhere."""
    name = _folded(nick)
    if not name or name not in (text := _folded(body)):
        return False
    return re.search(rf"(?<![\w.\-]){re.escape(name)}(?![\w\-]|\.\w)", text) is not None


def complete(text: str, cursor: int, view: View) -> list[str]:
    """What the word before the cursor may become: commands behind a `/` at the start, rooms, and names.

    `text` is the line that is typed, `cursor` where in it (0 to its length), `view` what we know. Returns whole words
    in place of that one, with what follows them (`: ` behind a name at the start of a line, else a space); those who
    have spoken last come first.
    """
    before = text[: max(0, cursor)]
    word = re.split(r"\s", before)[-1]
    start = before[: len(before) - len(word)].strip()
    if not start and word.startswith("/"):
        names = () if word.startswith("//") else (*COMMANDS, "help")
        return [f"/{name} " for name in names if name.startswith(word[1:].casefold())]
    if word.startswith("#"):
        return [f"#{room} " for room in _rooms(view, word[1:])]
    command, place = _command_of(start)
    if command == "help":
        return [f"{name} " for name in COMMANDS if name.startswith(word.lstrip("/").casefold())]
    if command in _ROOM_FIRST and place == 0:
        return [f"{room} " for room in _rooms(view, word)]
    if command and command != "msg" and (command not in _NAME_FIRST or place):
        return []
    sign = "@" if word.startswith("@") else ""
    end = " " if sign or start else ": "
    return [f"{sign}{name}{end}" for name in _names(view, word.removeprefix("@"))]


def _command_of(start: str) -> tuple[str, int]:
    """The command that a line begins with, and how many words stand behind it; "" and 0 if it is none.

    A first word that names the room, `#room`, does not count.
    """
    words = start.split()
    if not words or not words[0].startswith("/") or words[0].startswith("//"):
        return "", 0
    return words[0][1:].casefold(), sum(not word.startswith("#") for word in words[1:])


def _rooms(view: View, prefix: str) -> list[str]:
    known = [room.room for room in view.rooms.values() if not room.is_direct]
    known += [place.room for place in view.directory] + view.suggested
    return [room for room in dict.fromkeys(known) if _folded(room).startswith(_folded(prefix))]


def _names(view: View, prefix: str) -> list[str]:
    """Those in the watched room, who spoke last first; then all others of whom we know."""
    room = view.rooms.get(view.watched or "")
    names: list[str] = []
    if room is not None:
        names += [message.nick for message in room.messages.newest(200)]
        names += sorted(person.nick for person in room.members.values())
        names += [room.peer.nick] if room.peer is not None else []
    others = [person.nick for one in view.rooms.values() for person in one.members.values()]
    others += [one.peer.nick for one in view.rooms.values() if one.peer is not None]
    names += sorted(others + [person.nick for person in view.here.values()])
    folded = _folded(prefix)
    return [name for name in dict.fromkeys(names) if _folded(name).startswith(folded) and name != view.me.nick]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()

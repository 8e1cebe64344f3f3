"""What people type on plain text: a line is a command that begins with a slash, or a message for the current room."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from landline.chat import wire
from landline.chat.bounds import DEFAULT_PAGE
from landline.chat.notices import Refused
from landline.chat.showing import show
from landline.chat.wire import Request

__all__ = ["COMMANDS", "Command", "help_text", "parse_line", "read_duration", "show"]

JOIN_TAIL = 10
"""Messages of before that a person sees who enters a room."""
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw]?)", re.ASCII)
_LIKE_DURATION = re.compile(r"[0-9]+[^\W\d]*")
_WORD = re.compile(r"\S*")
_SEQ = re.compile(r"[0-9]{1,15}", re.ASCII)
_EPOCH = re.compile(r"[0-9a-f]{16}", re.ASCII)


class Told(NamedTuple):
    """What stands behind a command: the room it is about, and the rest of the line.

    The room is the current one, unless the first word names another: `#room`.
    """

    room: str | None
    text: str
    is_named: bool

    def in_room(self) -> str:
        """The room. Raises _Wrong if there is none."""
        if self.room is None:
            raise _Wrong("you are in no room: enter one with /join ROOM, or name it with a # as the first word")
        return self.room

    def words(self, least: int, most: int) -> list[str]:
        """The words, if there are so many; the last one is all the rest of the line. Raises _Usage."""
        words = self.text.split(None, most - 1) if most else self.text.split()
        if not least <= len(words) <= most:
            raise _Usage
        return words


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what stands behind its name, what it does in a sentence, and how it is read."""

    arguments: str
    purpose: str
    read: Callable[[Told], Request]


class _Wrong(Exception):
    """The line cannot be meant so; the message is a sentence about it."""


class _Usage(Exception):
    """There are too few words, or too many."""


def parse_line(text: str, current_room: str | None) -> Request | Refused | bytes:
    """Read one line that has been cleaned and is not empty.

    `current_room` is where a message goes. Returns a request, a refusal that says what to write instead, or, for
    `/help`, the bytes to show.
    """
    if not text.startswith("/") or text.startswith("//"):
        if current_room is None:
            problem = "you are in no room, so nobody would read this: /join ROOM enters one, /rooms lists them"
            return Refused(code="no_room", text=problem)
        return wire.Say(room=current_room, body=text.removeprefix("/") if text.startswith("//") else text)
    word, rest = _first(text[1:])
    name = word.lower()
    if name == "help":
        return _help(rest.removeprefix("/").lower())
    if name not in COMMANDS:
        return _unknown(name)
    try:
        return COMMANDS[name].read(_told(rest, current_room))
    except _Wrong as error:
        return Refused(code="usage", text=str(error))
    except _Usage:
        return Refused(code="usage", text=f"write {_usage(name)}; /help {name} says what it does")


def read_duration(text: str) -> float | None:
    """Read a duration such as `30s`, `10m`, `2h`, `1d`, `1w` or plain seconds. Returns seconds, or None for no such."""
    found = _DURATION.fullmatch(text)
    return float(int(found[1]) * _UNITS[found[2]]) if found else None


def help_text(name: str = "") -> str:
    """The list of all commands, or what one of them does; in lines of at most 80 columns."""
    if name:
        return f"* {_usage(name)}\n*   {COMMANDS[name].purpose}\n"
    lines = [f"* {_usage(name):36} {command.purpose}" for name, command in COMMANDS.items()]
    return "\n".join([*_BEFORE_HELP, *lines, *_BEHIND_HELP, ""])


_BEFORE_HELP = ["* A line goes to the room you are in; one that begins with / is a command:"]
_BEHIND_HELP = [
    "* //TEXT says a text that begins with a slash. Commands about a room mean the",
    "* one you are in, unless their first word is another: /kick #ROOM NICK.",
    "* A duration is 30s, 10m, 2h, 1d or plain seconds.",
]


def _help(name: str) -> bytes | Refused:
    if name and name not in (*COMMANDS, "help"):
        return _unknown(name)
    return help_text("" if name == "help" else name).encode()


def _usage(name: str) -> str:
    return f"/{name} {COMMANDS[name].arguments}".rstrip()


def _unknown(name: str) -> Refused:
    name = name[:32]
    near = get_close_matches(name, [*COMMANDS, "help"], 1)
    hint = f"did you mean /{near[0]}?" if near else f"//{name} says it as a message;"
    return Refused(code="unknown_command", text=f"there is no command /{name}; {hint} /help lists the commands")


def _first(text: str) -> tuple[str, str]:
    """What stands before the first space, and what behind it."""
    word = _WORD.match(text)[0]  # type: ignore[index]  # it matches nothing, too
    return word, text[len(word) :].strip()


def _told(rest: str, current_room: str | None) -> Told:
    first, behind = _first(rest)
    if len(first) > 1 and first.startswith("#"):
        return Told(first[1:], behind, True)
    return Told(current_room, rest, False)


def _room_or_all(told: Told) -> str | None:
    """The room of `/who`, `/who ROOM` or `/who #ROOM`; None for `*`, or where there is no current one."""
    words = told.words(0, 0 if told.is_named else 1)
    return None if words == ["*"] else words[0] if words else told.room


def _one_room(told: Told) -> str:
    """The room of `/leave`, `/leave ROOM` or `/leave #ROOM`."""
    words = told.words(0, 0 if told.is_named else 1)
    return words[0] if words else told.in_room()


def _seq(word: str) -> int:
    if not _SEQ.fullmatch(word):
        raise _Wrong(f"{word[:32]!r} is no number of a message; it stands behind the room: [lobby 1043]")
    return int(word)


def _join(told: Told) -> Request:
    room = told.in_room() if told.is_named else told.words(1, 1)[0]
    if told.is_named and told.text:
        raise _Usage
    return wire.Join(room=room, tail=JOIN_TAIL)


def _history(told: Told) -> Request:
    words = told.words(0, 1 if told.is_named else 2)
    before = _seq(words.pop()) if words and (len(words) == 2 or told.is_named or _SEQ.fullmatch(words[0])) else None
    return wire.History(room=words[0] if words else told.in_room(), before=before)


def _since(told: Told) -> Request:
    *words, last = told.words(1, 2 if told.is_named else 3)
    seq = _seq(last)
    epoch = words.pop() if words and (len(words) == 2 or told.is_named or _EPOCH.fullmatch(words[-1])) else None
    room = words[0] if words else told.in_room()
    if epoch is None:
        return wire.History(room=room, after=seq, limit=DEFAULT_PAGE)
    return wire.Resume(room=room, epoch=epoch, seq=seq)


def _resume(told: Told) -> Request:
    words = [told.in_room(), *told.words(2, 2)] if told.is_named else told.words(3, 3)
    return wire.Resume(room=words[0], epoch=words[1], seq=_seq(words[2]))


def _search(told: Told) -> Request:
    (query,) = told.words(1, 1)
    first, rest = _first(query)
    before = None
    if first.startswith("before:") and rest:
        before, query = _seq(first.removeprefix("before:")), rest
    return wire.Search(query=query, room=told.room if told.is_named else None, before=before)


def _msg(told: Told) -> Request:
    to, body = told.words(2, 2)
    return wire.Msg(to=to, body=body)


def _nick(told: Told) -> Request:
    return wire.Nick(nick=told.words(1, 1)[0])


def _register(told: Told) -> Request:
    return wire.Register(password=_all(told))


def _login(told: Told) -> Request:
    nick, password = told.words(2, 2)
    return wire.Login(nick=nick, password=password)


def _password(told: Told) -> Request:
    words = _all(told).split()
    if len(words) != 2:
        raise _Wrong("write /password OLD NEW; passwords with spaces are changed in another client")
    return wire.Password(old=words[0], new=words[1])


def _all(told: Told) -> str:
    """The whole rest of the line, a # at its start included: a password may begin so."""
    text = f"#{told.room} {told.text}".rstrip() if told.is_named else told.text
    if not text:
        raise _Usage
    return text


def _kick(told: Told) -> Request:
    nick, reason = (*told.words(1, 2), "")[:2]
    return wire.Kick(room=told.in_room(), nick=nick, reason=reason)


def _for_a_while(kind: type[wire.Ban] | type[wire.Mute]) -> Callable[[Told], Request]:
    """Ban or mute: NICK, then a duration if there is one, then a reason."""

    def read(told: Told) -> Request:
        nick, rest = (*told.words(1, 2), "")[:2]
        first, reason = _first(rest)
        seconds = read_duration(first)
        if seconds is None and _LIKE_DURATION.fullmatch(first):
            # Taken for a reason, a slip of a finger would keep somebody out for good.
            raise _Wrong(f"{first[:32]!r} is no duration; write 30s, 10m, 2h, 1d or plain seconds, then the reason")
        return kind(room=told.in_room(), nick=nick, seconds=seconds, reason=rest if seconds is None else reason.strip())

    return read


def _nick_in_room(
    kind: type[wire.Unban] | type[wire.Unmute] | type[wire.Op] | type[wire.Deop],
) -> Callable[[Told], Request]:
    return lambda told: kind(nick=told.words(1, 1)[0], room=told.in_room())


def _slow(told: Told) -> Request:
    (word,) = told.words(1, 1)
    seconds = 0.0 if word == "off" else read_duration(word)
    if seconds is None:
        raise _Wrong(f"{word[:32]!r} is no duration; write 30s, 2m, plain seconds, or off")
    return wire.Slow(room=told.in_room(), seconds=seconds)


def _topic(told: Told) -> Request:
    (text,) = told.words(1, 1)
    return wire.Topic(room=told.in_room(), text="" if text == "-" else text)


def _motd(told: Told) -> Request:
    text = _all(told)
    return wire.Motd(text="" if text == "-" else text)


COMMANDS = {
    "join": Command("ROOM", "enter a room", _join),
    "leave": Command("[ROOM]", "leave a room", lambda told: wire.Leave(room=_one_room(told))),
    "msg": Command("NICK TEXT", "say something to one person", _msg),
    "nick": Command("NAME", "take another name", _nick),
    "who": Command("[ROOM]", "who is in a room; /who * for all", lambda told: wire.Who(room=_room_or_all(told))),
    "rooms": Command("", "which rooms there are", lambda told: wire.Rooms()),
    "history": Command("[ROOM] [SEQ]", "messages before a number", _history),
    "since": Command("[ROOM] [EPOCH] SEQ", "messages behind a number", _since),
    "resume": Command("ROOM EPOCH SEQ", "go on where you left off", _resume),
    "search": Command("[#ROOM] WORDS", "messages with all these words", _search),
    "quit": Command("[REASON]", "leave the chat", lambda told: wire.Quit(reason=told.text)),
    "register": Command("PASSWORD", "make your name your own", _register),
    "login": Command("NICK PASSWORD", "be the owner of a name", _login),
    "logout": Command("", "be a guest again", lambda told: wire.Logout()),
    "password": Command("OLD NEW", "change your password", _password),
    "bot": Command("NAME", "make a bot, or a new token for it", lambda told: wire.Bot(name=told.words(1, 1)[0])),
    "unbot": Command("NAME", "take the token of a bot away", lambda told: wire.Unbot(name=told.words(1, 1)[0])),
    "kick": Command("NICK [REASON]", "put somebody out of the room", _kick),
    "ban": Command("NICK [DURATION] [REASON]", "keep somebody out of the room", _for_a_while(wire.Ban)),
    "unban": Command("NICK", "let somebody in again", _nick_in_room(wire.Unban)),
    "mute": Command("NICK [DURATION] [REASON]", "let somebody only read", _for_a_while(wire.Mute)),
    "unmute": Command("NICK", "let somebody speak again", _nick_in_room(wire.Unmute)),
    "slow": Command("DURATION", "how seldom each may speak; or off", _slow),
    "op": Command("NICK", "make somebody a moderator", _nick_in_room(wire.Op)),
    "deop": Command("NICK", "make a moderator a member", _nick_in_room(wire.Deop)),
    "topic": Command("TEXT", "what the room is about; - for none", _topic),
    "motd": Command("TEXT", "the message of the day; - for none", _motd),
    "sanctions": Command("[ROOM]", "who is banned or muted", lambda told: wire.Sanctions(room=_one_room(told))),
    "audit": Command("[ROOM]", "who did what; /audit * for all", lambda told: wire.Audit(room=_room_or_all(told))),
}
"""All commands but `/help`, in the order of the list."""

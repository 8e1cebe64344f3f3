"""Notices as people on plain text see them: whole lines, in words, without colours.

What somebody says begins with `[`, what the server says with `* `, what it refuses with `! `. Whoever types nothing but
names and texts cannot make a line of another kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from unicodedata import east_asian_width

from landline.chat import notices
from landline.chat.notices import Message, Notice, Person, Place
from landline.chat.sanitising import escaped

COLUMNS = 78
MOST_LISTED = 100
"""Names in one list; programs and the page get more."""


def show(notice: Notice) -> bytes:
    """Write a notice as lines of text in UTF-8, each with its end; nothing for what a person need not know.

    No control character comes out but tabs and the ends of lines, whatever stands in the notice.
    """
    lines = _SHOWN.get(type(notice), _nothing)(notice)
    return "".join([f"{escaped(line)}\n" for line in lines]).encode()


def clock(time: float) -> str:
    """A time as `2026-11-21 18:04`, in UTC. `time` is in seconds since 1970; one beyond all calendars is a `?`."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "?"


def until(time: float | None) -> str:
    """Until when something holds: 0 and None stand for good."""
    return f"until {clock(time)} UTC" if time else "for good"


def span(seconds: float) -> str:
    """How long something takes, in the unit that fits: `0.5 s`, `12 s`, `3 min`, `5 h`, `2 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{max(seconds, 0.1):.1f} s"


def count(number: int, what: str) -> str:
    """How many there are of something, with an s for more than one."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def said(message: Message, when: str = "") -> str:
    """A message as a line: `[lobby 1043] anna: hello` or `[anna -> bob 12] hello`; `when` stands behind the number."""
    if message.to is not None:
        return f"[{message.nick} -> {message.to_nick or message.to} {message.seq}{when}] {message.body}"
    return f"[{message.room} {message.seq}{when}] {message.nick}: {message.body}"


def wrapped(start: str, words: Iterable[str]) -> list[str]:
    """Words with commas between them, behind `start`, in lines of the server of at most 78 columns."""
    lines = [f"* {start}".rstrip()]
    ends = ""
    for word in words:
        if _width(lines[-1]) + _width(word) + 2 > COLUMNS and ends:
            lines[-1] += ","
            lines.append(f"*   {word}")
        else:
            lines[-1] += f"{ends} {word}"
        ends = ","
    return lines


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _capped(names: list[str], total: int) -> list[str]:
    beyond = max(total, len(names)) - min(len(names), MOST_LISTED)
    return names[:MOST_LISTED] + ([f"and {beyond} more"] if beyond else [])


def _person(person: Person) -> str:
    marks = [mark for mark in (person.role, "bot" if person.is_bot else "") if mark]
    return f"{person.nick} ({', '.join(marks)})" if marks else person.nick


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _nothing(_: Notice) -> list[str]:
    return []


def _message(notice: Message) -> list[str]:
    return [said(notice)]


def _welcome(notice: notices.Welcome) -> list[str]:
    lines = [f"* welcome to {notice.server}; you are {notice.nick}"]
    lines += [f"* message of the day: {notice.motd}"] if notice.motd else []
    if notice.account is None:
        lines.append("* /nick NAME gives you another name")
    if not notice.passwords:
        lines.append("* this way is not safe for passwords: /register and /login need TLS")
    lines += wrapped("rooms:", _capped(notice.rooms, 0)) if notice.rooms else []
    lines += _conversations(notice.direct)
    return [*lines, "* what you write goes to the room you are in; /join ROOM enters one, /help says more"]


def _account(notice: notices.Account) -> list[str]:
    mine = ", and the name is yours" if notice.account else ", a guest"
    return [f"* you are {notice.nick} now{mine}", *_conversations(notice.direct)]


_NOT_RECOVERED = {
    "epoch": "the messages here are not those you knew (the epoch is another)",
    "ahead": "no message here has a number as high as yours",
    "too_many": "too many messages have come since",
}


def _joined(notice: notices.Joined) -> list[str]:
    room = notice.room
    if room.startswith("@"):
        lines = [f"* {room}: message {notice.seq} is the newest, epoch {notice.epoch}"]
    else:
        lines = [f"* you are in {room}: message {notice.seq} is the newest, epoch {notice.epoch}"]
        lines += [f"* topic: {notice.topic}"] if notice.topic else []
        lines += wrapped(f"{notice.count} here:", _capped(list(map(_person, notice.members)), notice.count))
    if notice.slow:
        lines.append(f"* slow mode: everybody speaks once in {notice.slow:g} s")
    if notice.muted_until is not None:
        lines.append(f"* you may read and not speak here, {until(notice.muted_until)}")
    if notice.recovered:
        lines.append(f"* recovered: nothing of {room} is missing up to {notice.seq}")
    elif notice.recovered is not None:
        why = _NOT_RECOVERED.get(notice.why, notice.why or "the server does not say why")
        lines.append(f"! not recovered: {why}; /history {room} shows what there is")
    return lines


def _left(notice: notices.Left) -> list[str]:
    if not notice.by:
        return [f"* you have left {notice.room}{_because(notice.reason)}"]
    if notice.banned_until is not None:
        return [f"* {notice.by} keeps you out of {notice.room} {until(notice.banned_until)}{_because(notice.reason)}"]
    return [f"* {notice.by} has put you out of {notice.room}{_because(notice.reason)}"]


def _ack(notice: notices.Ack) -> list[str]:
    lines = []
    if notice.cut:
        lines.append(f"* your message {notice.seq} in {notice.room} was cut: the most are 4096 bytes")
    if notice.duplicate:
        lines.append(f"* your message {notice.seq} in {notice.room} was there already, and counts once")
    return lines


def _page(notice: notices.Page) -> list[str]:
    messages = notice.messages
    lines = [said(message, f" {clock(message.time)}") for message in messages]
    if notice.kind == "search":
        lines.insert(
            0, f"* {count(len(messages), 'message')} found, the newest first" if messages else "* nothing found"
        )
        lines += [f"* there is more: /search before:{notice.cursor} WORDS"] if notice.more else []
    elif messages and notice.kind == "resume":
        where = f"{messages[0].seq} to {messages[-1].seq}" if len(messages) > 1 else f"{messages[0].seq}"
        lines.insert(0, f"* recovered: {count(len(messages), 'message')} in {notice.room}, {where}")
    elif messages and notice.kind == "history" and notice.more:
        earlier, later = (f"{notice.room} {messages[place].seq}" for place in (0, -1))
        lines.append(f"* there is more: /history {earlier} shows what was before, /since {later} what came after")
    elif not messages and notice.kind == "history":
        lines.append(f"* no messages there in {notice.room}")
    return lines


def _presence(notice: notices.Presence) -> list[str]:
    lines = []
    if notice.came:
        lines += _moved(notice.came, f"came to {notice.room}")
    if notice.went:
        lines += _moved(notice.went, f"left {notice.room}")
    return lines


def _moved(people: list[Person], what: str) -> list[str]:
    lines = wrapped("", _capped([_person(one) for one in people], 0))
    return [*lines[:-1], f"{lines[-1]} {what}"]


def _renamed(notice: notices.Renamed) -> list[str]:
    if notice.old_nick == notice.nick:
        # Somebody has made its nick its own, which others need not know.
        return []
    return [f"* {notice.old_nick} is {notice.nick} now"]


def _members(notice: notices.Members) -> list[str]:
    where = f"in {notice.room}" if notice.room is not None else "here"
    return wrapped(f"{notice.count} {where}:", _capped(list(map(_person, notice.members)), notice.count))


def _rooms(notice: notices.RoomList) -> list[str]:
    rooms = [f"{place.room} ({place.members} there)" for place in notice.rooms]
    return [*wrapped(f"{count(len(rooms), 'room')}:", _capped(rooms, 0)), *_conversations(notice.direct)]


def _conversations(places: list[Place]) -> list[str]:
    """The conversations one has had; their names are for /history, /since and /resume."""
    if not places:
        return []
    talks = [f"{place.peer.nick if place.peer else '?'} ({place.room} {place.seq})" for place in places]
    return wrapped("conversations:", _capped(talks, 0))


def _kept(notice: notices.Changed, what: str) -> str:
    return f"{what} {until(notice.until)}{_because(notice.reason)}"


_CHANGES: dict[str, Callable[[notices.Changed], str]] = {
    "kick": lambda one: f"{one.by} has put {one.nick} out of {one.room}{_because(one.reason)}",
    "ban": lambda one: _kept(one, f"{one.by} keeps {one.nick} out of {one.room}"),
    "unban": lambda one: f"{one.by} lets {one.nick} into {one.room} again",
    "mute": lambda one: _kept(one, f"{one.by} has muted {one.nick} in {one.room}"),
    "unmute": lambda one: f"{one.by} lets {one.nick} speak in {one.room} again",
    "slow": lambda one: (
        f"{one.by}: everybody speaks once in {_number(one.value)} s in {one.room}"
        if one.value
        else f"{one.by} has ended slow mode in {one.room}"
    ),
    "op": lambda one: f"{one.by} has made {one.nick} a moderator of {one.room}",
    "deop": lambda one: f"{one.by} has made {one.nick} an ordinary member of {one.room}",
    "topic": lambda one: (
        f"{one.by} has changed the topic of {one.room}: {one.value}"
        if one.value
        else f"{one.by} has removed the topic of {one.room}"
    ),
    "motd": lambda one: f"message of the day, from {one.by}: {one.value}",
}


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _changed(notice: notices.Changed) -> list[str]:
    known = _CHANGES.get(notice.what)
    if known is not None:
        return [f"* {known(notice)}"]
    words = (notice.by, notice.what, notice.nick, notice.room or "", _number(notice.value or ""))
    return [f"* {' '.join(filter(None, words))}"]


def _done(notice: notices.Done) -> list[str]:
    return [f"* {notice.text}"] if notice.text else []


def _bot(notice: notices.BotToken) -> list[str]:
    return [f"* {notice.name} has the token {notice.token}", "* it is not shown again: keep it where the bot finds it"]


def _sanctions(notice: notices.SanctionList) -> list[str]:
    if not notice.sanctions:
        return [f"* nobody is banned or muted in {notice.room}"]
    return [
        f"* {one.kind} of {one.nick} ({one.target}) by {one.by} {until(one.until)}{_because(one.reason)}"
        for one in notice.sanctions
    ]


def _audit(notice: notices.AuditPage) -> list[str]:
    if not notice.rows:
        return ["* nothing was done there"]
    return [
        f"* {clock(row.time)} {row.by}: {row.what}{f' {row.nick}' if row.nick else ''}"
        f"{f' in {row.room}' if row.room else ''}"
        f"{_because(row.detail)}"
        for row in notice.rows
    ]


def _refused(notice: notices.Refused) -> list[str]:
    # Some sentences say it themselves.
    again = f" (again in {span(notice.wait)})" if notice.wait is not None and "wait" not in notice.text else ""
    return [f"! {notice.text}{again}"]


def _announcement(notice: notices.Announcement) -> list[str]:
    return [f"* {notice.text}"]


def _lagged(notice: notices.Lagged) -> list[str]:
    resume = [f"! /resume {room} {notice.epoch} {seq}" for room, seq in notice.rooms.items()]
    return ["! you have read too slowly, so this ends; nothing is lost: come back, and go on with", *resume]


def _bye(notice: notices.Bye) -> list[str]:
    return [f"* {notice.text}"]


_SHOWN: dict[type[Notice], Callable[[Any], list[str]]] = {
    notices.Message: _message,
    notices.Welcome: _welcome,
    notices.Account: _account,
    notices.Joined: _joined,
    notices.Left: _left,
    notices.Ack: _ack,
    notices.Page: _page,
    notices.Presence: _presence,
    notices.Renamed: _renamed,
    notices.Members: _members,
    notices.RoomList: _rooms,
    notices.Changed: _changed,
    notices.Done: _done,
    notices.BotToken: _bot,
    notices.SanctionList: _sanctions,
    notices.AuditPage: _audit,
    notices.Refused: _refused,
    notices.Announcement: _announcement,
    notices.Lagged: _lagged,
    notices.Bye: _bye,
}

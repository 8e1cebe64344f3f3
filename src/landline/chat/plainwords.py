"""What happens in a chat as lines of plain words, for pipes and for people who have the screen read to them. Pure.

Every line stands for itself. What others have said begins with the name of the room, or with `@` and the nick of the
other one of a conversation; all else begins with `* `, or with `! ` if something went wrong.
"""

from __future__ import annotations

from landline.chat.changes import (
    CaughtUp,
    Change,
    Connected,
    Lost,
    MembersChanged,
    MessageAdded,
    Missed,
    NickChanged,
    RoomChanged,
    RoomJoined,
    RoomLeft,
    Skipped,
    Told,
)
from landline.chat.notices import Changed, Joined, Left, Message, Notice, Person
from landline.chat.sanitising import escaped
from landline.chat.showing import clock, count, show
from landline.chat.view import View

NOT_RECOVERED = {
    "epoch": "the server has other messages than those we know",
    "ahead": "the server does not know the last messages that we have",
    "too_many": "too much was said meanwhile; /history shows it in pages",
}
"""Why messages may be missing, in words."""


def words_of(change: Change, view: View, *, times: bool = False) -> list[str]:
    """The lines that tell of a change; none for what nobody needs to hear. With `times`, messages say when (UTC).

    No control character stands in them but tabs, whatever the change holds. Returns the lines without their ends.
    """
    return [escaped(line) for line in _words(change, view, times)]


def words_of_notice(notice: Notice) -> list[str]:
    """The lines that tell of the answer to a command; none where a change tells the same. Without their ends."""
    if isinstance(notice, Joined | Left):
        return []
    return show(notice).decode().splitlines()


def why_not(why: str) -> str:
    """Why messages may be missing, in words; `why` is that of NotRecovered, which may be a sentence already."""
    return NOT_RECOVERED.get(why, why)


def duration(seconds: float) -> str:
    """A length of time for people: `0.4 s`, `12 s`, `3 min`."""
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s"


def _words(change: Change, view: View, times: bool) -> list[str]:
    match change:
        case MessageAdded(message=message, is_new=True) if not view.said_here(message):
            return [_said(message, view, times)]
        case Told(text, is_error):
            return [f"{'!' if is_error else '*'} {line}" for line in text.splitlines() if line]
        case RoomChanged(_, Changed() as changed):
            return words_of_notice(changed)
        case RoomLeft(room, by, reason, until):
            return show(Left(room=room, by=by, reason=reason, banned_until=until)).decode().splitlines()
        case Missed(room, first, last):
            return [f"! {_place(room, view)}: messages {first} to {last} could not be had"]
        case Skipped(skipped):
            return [f"! {count(skipped, 'event')} came faster than they could be shown, and were left out"]
        case RoomJoined() | MembersChanged() | NickChanged():
            return _of_people(change, view)
    return _of_connection(change, view)


def _said(message: Message, view: View, times: bool) -> str:
    when = f"{clock(message.time)} " if times else ""
    # A line end in a body would make a line that nobody has said; a chat takes none, and this does not rely on it.
    return f"{when}{_place(message.room, view)} {message.nick}: {message.body}"


def _of_people(change: Change, view: View) -> list[str]:
    match change:
        case RoomJoined(name, is_again=False) if (room := view.rooms.get(name)) is not None and not room.is_direct:
            topic = f"; topic: {room.topic}" if room.topic else ""
            return [f"* you are in {name}, {room.count} here, {count(room.seq, 'message')} so far{topic}"]
        case MembersChanged(room, _, came, went):
            others = [person for person in came if person.id != view.me.id]
            lines = [f"* {_names(others)} came to {room}"] if others else []
            return lines + ([f"* {_names(went)} left {room}"] if went else [])
        case NickChanged(id, nick, _, old_nick) if nick != old_nick and id != view.me.id:
            return [f"* {old_nick} is {nick} now"]
    return []


def _of_connection(change: Change, view: View) -> list[str]:
    match change:
        case Connected(is_again=False):
            return [f"* connected to {view.server}; you are {view.me.nick}"]
        case Lost(seconds, text):
            return [f"! not connected: {text.rstrip('.')}; next try in {duration(seconds)}"]
        case CaughtUp(seconds, came, missed) if seconds:
            lines = [f"* back after {duration(seconds)}: {_came(came)}"]
            if missed:
                lines = [f"! back after {duration(seconds)}, and not everything is here"]
            return lines + [f"! not recovered: {_place(room, view)}: {why_not(why)}" for room, why in missed.items()]
    return []


def _came(messages: int) -> str:
    if not messages:
        return "nothing was said meanwhile"
    return f"{count(messages, 'message')} came meanwhile, {'all are' if messages > 1 else 'and is'} here"


def _place(room: str, view: View) -> str:
    known = view.rooms.get(room)
    return f"@{known.title}" if known is not None and known.peer is not None else room


def _names(people: list[Person] | tuple[Person, ...]) -> str:
    return ", ".join(f"{person.nick} (bot)" if person.is_bot else person.nick for person in people)

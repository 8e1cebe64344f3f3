"""What happens in a chat as lines of plain words, for pipes and for people who listen to them. Pure.

Texts of others stand in them as they came: whoever prints the lines makes them harmless.
"""

from __future__ import annotations

from datetime import UTC, datetime

from landline.chat.changes import (
    CaughtUp,
    Change,
    Connected,
    Ended,
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
from landline.chat.notices import (
    Account,
    Answer,
    AuditPage,
    BotToken,
    Changed,
    Done,
    Members,
    Message,
    Page,
    Person,
    Place,
    RoomList,
    Sanction,
    SanctionList,
)
from landline.chat.view import View

NOT_RECOVERED = {
    "epoch": "the server has begun anew, and has other messages than those we know",
    "ahead": "the server does not know the last messages that we have",
    "too_many": "too much was said meanwhile; /history shows it in pages",
}
"""Why messages may be missing, in words."""


def words_of(change: Change, view: View, *, times: bool = False) -> list[str]:
    """The lines that tell of a change; none for what nobody needs to hear. With `times`, messages say when (UTC)."""
    match change:
        case MessageAdded(message=message, is_new=True) if not view.said_here(message):
            return [message_line(message, view, times=times)]
        case Told(text, is_error, _, code) if not (is_error and code == "quiet"):
            return [_sentence(line, is_error=is_error) for line in text.splitlines() if line]
        case RoomJoined() | RoomLeft() | RoomChanged() | MembersChanged() | NickChanged():
            return _of_room(change, view)
        case Missed(room, first, last):
            return [f"! {_place(room, view)}: messages {first} to {last} could not be had"]
        case Skipped(count):
            return [f"! {count} events came faster than they could be shown, and were left out"]
    return _of_connection(change, view)


def _of_connection(change: Change, view: View) -> list[str]:
    match change:
        case Connected(is_again=False):
            return [f"* connected to {view.server}; you are {view.me.nick}"]
        case Lost(seconds, text):
            return [f"! not connected: {text.rstrip('.')}; trying again in {_seconds(seconds)}"]
        case CaughtUp(seconds, count, missed) if seconds or missed:
            return _back(seconds, count, missed, view)
        case Ended(error) if error is not None:
            return [f"! the conversation is over: {error}"]
    return []


def _back(seconds: float, count: int, missed: dict[str, str], view: View) -> list[str]:
    came = {0: "nothing was said meanwhile", 1: "1 message came meanwhile and is here"}
    what = came.get(count, f"{count} messages came meanwhile, all are here")
    if not missed:
        return [f"* back after {_seconds(seconds)}: {what}"]
    lines = [f"! back after {_seconds(seconds)}: not everything is here"] if seconds else []
    return lines + [f"! not recovered: {_place(room, view)}: {why_not(why)}" for room, why in missed.items()]


def why_not(why: str) -> str:
    """Why messages may be missing, in words; `why` is that of Joined, or a sentence already."""
    return NOT_RECOVERED.get(why, why)


def _of_room(change: Change, view: View) -> list[str]:
    match change:
        case RoomJoined(name, is_again=False) if (room := view.rooms.get(name)) is not None and not room.is_direct:
            topic = f"; topic: {room.topic}" if room.topic else ""
            return [f"* in {name}: {_count(room.count, 'person', 'people')} here{topic}"]
        case RoomLeft(room, by, reason):
            who = f"{by} has put you out of {room}" if by else f"you have left {room}"
            return [f"{'!' if by or reason else '*'} {who}{f': {reason}' if reason else ''}"]
        case RoomChanged(_, Changed() as changed):
            return [f"* {what_changed(changed)}"]
        case MembersChanged(room, _, came, went):
            others = [person for person in came if person.id != view.me.id]
            lines = [f"* {_names(others)} came to {room}"] if others else []
            return lines + ([f"* {_names(went)} left {room}"] if went else [])
        case NickChanged(id, nick, _, old_nick) if nick != old_nick:
            return [f"* you are {nick} now"] if id == view.me.id else [f"* {old_nick} is {nick} now"]
    return []


def message_line(message: Message, view: View, *, times: bool = False) -> str:
    """A message: the room or `@` and the other one of a conversation, who has said it, and what."""
    when = f"{_time(message.time)} " if times else ""
    return f"{when}{_place(message.room, view)} {message.nick}: {message.body}"


def what_changed(changed: Changed) -> str:
    """What a moderator has done, in words."""
    room = f" in {changed.room}" if changed.room else ""
    reason = f": {changed.reason}" if changed.reason else ""
    until = f" until {_time(changed.until)}" if changed.until else ""
    match changed.what:
        case "kick":
            return f"{changed.by} has put {changed.nick} out of {changed.room}{reason}"
        case "ban":
            return f"{changed.by} has banned {changed.nick} from {changed.room}{until}{reason}"
        case "unban":
            return f"{changed.by} has let {changed.nick} into {changed.room} again"
        case "mute":
            return f"{changed.by} has muted {changed.nick}{room}{until}{reason}"
        case "unmute":
            return f"{changed.by} lets {changed.nick} speak again{room}"
        case "slow" if changed.value:
            return f"{changed.by}: everybody speaks once in {_seconds(float(changed.value))}{room} from now on"
        case "slow":
            return f"{changed.by}: everybody speaks as often as they like{room} again"
        case "op":
            return f"{changed.by} has made {changed.nick} a moderator of {changed.room}"
        case "deop":
            return f"{changed.by}: {changed.nick} is no moderator of {changed.room} any more"
        case "topic":
            return f"{changed.by}: the topic of {changed.room} is now: {changed.value or 'nothing'}"
    return f"{changed.by}: {changed.what}{room} {changed.nick}{changed.value}".rstrip()


def words_of_answer(answer: Answer, view: View) -> list[str]:
    """The lines that tell of the answer to a command."""
    match answer:
        case Page(kind, messages) if messages:
            ordered = messages[::-1] if kind == "search" else messages
            more = ["* there is more before that"] if answer.more and kind == "search" else []
            return more + [_stored_line(message, view) for message in ordered]
        case Page(kind):
            return ["* nothing was found" if kind == "search" else "* there is nothing there"]
        case Members(room, members, count):
            where = f"in {_place(room, view)}" if room else "here"
            more = f" and {count - len(members)} more" if count > len(members) else ""
            return [f"* {where}: {_names(members)}{more}"]
        case RoomList(rooms, direct):
            return [_room_line(place) for place in rooms] + [_direct_line(place) for place in direct]
        case SanctionList(room, sanctions):
            return [_sanction_line(one) for one in sanctions] or [f"* nobody is banned or muted in {room}"]
        case AuditPage(_, rows):
            lines = [f"* {_time(row.time)} {row.by}: {row.what} {row.room or ''} {row.nick} {row.detail}" for row in rows]
            return [" ".join(line.split()) for line in lines] or ["* nothing was done"]
        case BotToken(name, token):
            return [f"* the token of {name}, shown this once: {token}"]
        case Account(nick, account):
            return [f"* you are {answer.nick}{', logged in' if answer.account else ', a guest'}"]
        case Done(text=text) if text:
            return [f"* {text}"]
    return []


def _stored_line(message: Message, view: View) -> str:
    return f"{message.seq} {message_line(message, view, times=True)}"


def _room_line(place: Place) -> str:
    topic = f"; topic: {place.topic}" if place.topic else ""
    return f"* {place.room}: {_count(place.members, 'person', 'people')}, {_count(place.seq, 'message')}{topic}"


def _direct_line(place: Place) -> str:
    peer = place.peer.nick if place.peer is not None else place.room
    return f"* with {peer}: {_count(place.seq, 'message')}"


def _sanction_line(one: Sanction) -> str:
    until = f"until {_time(one.until)}" if one.until else "for good"
    return f"* {one.kind}: {one.nick} ({one.target}) {until}, by {one.by}{f': {one.reason}' if one.reason else ''}"


def _sentence(text: str, *, is_error: bool) -> str:
    return f"{'!' if is_error else '*'} {text}"


def _place(room: str, view: View) -> str:
    known = view.rooms.get(room)
    return f"@{known.title}" if known is not None and known.peer is not None else room


def _names(people: list[Person] | tuple[Person, ...]) -> str:
    return ", ".join(f"{person.nick}{' (bot)' if person.is_bot else ''}" for person in people) or "nobody"


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"


def _time(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S")

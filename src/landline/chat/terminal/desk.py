"""What the screen shows, of what one knows. Pure: changes come in, rows and parts of lines come out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from landline.chat.changes import (
    CaughtUp,
    Change,
    Connected,
    Connecting,
    Gone,
    Lost,
    MembersChanged,
    MessageAdded,
    Missed,
    NickChanged,
    NotRecovered,
    Recovered,
    RoomChanged,
    RoomJoined,
    RoomLeft,
    Told,
    Trimmed,
)
from landline.chat.notices import Person
from landline.chat.roomview import RoomView
from landline.chat.terminal import wording
from landline.chat.terminal.items import Item, Kind
from landline.chat.terminal.rows import Part, Row
from landline.chat.terminal.safe import shown
from landline.chat.terminal.sheet import Sheet
from landline.chat.terminal.transcript import Transcript
from landline.chat.view import View

NOWHERE = "*"
"""In place of a room, before one is in any: what the server and the program say stands there."""
_ROLES = {"op": "op", "operator": "operator"}


class Desk:
    """Which room is in front, and what there is to show of it.

    `current` is that room, `link` a sentence while there is no connection ("" while there is one), `asked` what was
    asked for already of what is wanted.
    """

    def __init__(self, view: View, zone: tzinfo | None = None) -> None:
        self.view = view
        self.zone = zone
        self.current = NOWHERE
        self.link = "Calling …"
        self.transcripts: dict[str, Transcript] = {}
        self.sheets: dict[str, Sheet] = {}
        self._nowhere = RoomView(NOWHERE)
        self._waits = False
        self.asked: set[tuple[str, int]] = set()

    # Where one is.

    @property
    def room(self) -> RoomView:
        """The room in front."""
        return self.view.rooms.get(self.current, self._nowhere)

    @property
    def transcript(self) -> Transcript:
        """What its scroll-back is made of."""
        return self.transcript_of(self.current)

    @property
    def sheet(self) -> Sheet:
        """Where in its scroll-back one is."""
        return self.sheets.setdefault(self.current, Sheet())

    @property
    def title(self) -> str:
        """How the room in front is called."""
        return "chat" if self.current == NOWHERE else shown(self.room.title)

    def transcript_of(self, room: str) -> Transcript:
        """What the scroll-back of a room is made of."""
        return self.transcripts.setdefault(room, Transcript(self.zone))

    def open(self, room: str) -> None:
        """Put a room in front."""
        self.current = room

    def others(self) -> list[str]:
        """All rooms and conversations in the order of the list."""
        rooms = [one.room for one in self.view.rooms.values() if not one.is_direct]
        return rooms + [one.room for one in self.view.rooms.values() if one.is_direct]

    def step(self, by: int) -> str:
        """The room so many places further in the list."""
        rooms = self.others() or [NOWHERE]
        place = rooms.index(self.current) if self.current in rooms else -1
        return rooms[(place + by) % len(rooms)]

    def next_unread(self) -> str:
        """The next room in which something is new: first where one was mentioned, or written to."""
        rooms = self.others()
        here = rooms.index(self.current) if self.current in rooms else -1
        around = [self.view.rooms[room] for room in rooms[here + 1 :] + rooms[: here + 1]]
        urgent = [one.room for one in around if one.mentions or (one.is_direct and one.unread)]
        return next(iter(urgent + [one.room for one in around if one.unread]), self.current)

    # What happens.

    def hear(self, change: Change) -> None:
        """Something has changed."""
        match change:
            case MessageAdded():
                self._said(change)
            case Trimmed():
                self.asked = {one for one in self.asked if one[0] != change.room}
            case RoomJoined() if self.current == NOWHERE:
                self.open(change.room)
            case RoomLeft():
                self.tell(wording.left_words(change, self.clock(change.banned_until)), room=change.room)
            case MembersChanged(came=came, went=went) if came or went:
                self._came_and_went(change.room, came, went)
            case NickChanged():
                self._renamed(change)
            case RoomChanged(changed=done) if done is not None:
                words = wording.changed_words(done, self.view.me.id, self.clock(done.until))
                self.tell(words, room=change.room or None)
            case Told():
                self.tell(change.text, room=change.room, kind=_kind(change.is_error))
            case _:
                self._hear_link(change)

    def _hear_link(self, change: Change) -> None:
        match change:
            case Recovered(count=count) if count and change.room != self.current:
                self.tell(f"The connection was away: {wording.came_words(count)}.", room=change.room, kind=Kind.GOOD)
            case NotRecovered():
                self.tell(
                    f"Not recovered: {wording.WHY_NOT.get(change.why, change.why)}", room=change.room, kind=Kind.ERROR
                )
            case Missed():
                self.tell(
                    f"messages {change.first} to {change.last} could not be had", room=change.room, kind=Kind.ERROR
                )
            case CaughtUp():
                self._caught_up(change)
            case Gone():
                self.tell(wording.gone_words(change), kind=_kind(change.retry is None))
            case Connecting():
                self.link = self.link or "Calling …"
            case Connected():
                self.link = ""
                self.asked.clear()
            case Lost():
                self.link = wording.lost_words(change.seconds, shown(change.text), len(self.view.unsaid()))
                self._waits = True

    def tell(self, text: str, *, room: str | None = None, kind: Kind = Kind.WORD, group: str = "") -> None:
        """Say something in a room (None: in the one in front)."""
        place = room if room in self.view.rooms and room is not None else self.current
        self.transcript_of(place).tell(self.view.rooms.get(place), text, kind, group)

    def read(self) -> None:
        """One is at the end of the room in front, or is not: what comes there counts as read, or as new."""
        is_there = self.sheet.is_following and self.current in self.view.rooms
        self.view.watch(self.current if is_there else None)
        if is_there:
            self.transcript.is_behind = False
        if self.current in self.view.rooms:
            at = None if self.sheet.is_following else self.sheet.at(0)
            self.room.reading = None if at is None else max(at[0].key[0], 1)

    def wanted(self) -> tuple[str, int] | None:
        """What one is about to come to and is not loaded: the room, and before which message."""
        room, sheet = self.room, self.sheet
        if self.link or room is self._nowhere:
            return None
        holes = [item.key[0] for item in sheet.visible() if item.kind == Kind.GAP]
        if holes:
            before = holes[-1]
        elif sheet.top < 2 * sheet.height and room.has_older:
            before = room.messages.first or room.seq + 1
        else:
            return None
        # A server that has nothing there would be asked again and again.
        return None if (room.room, before) in self.asked else (room.room, before)

    def clock(self, until: float | None) -> str:
        """The time of the end of something."""
        if not until:
            return ""
        try:
            return f"{datetime.fromtimestamp(until, self.zone):%Y-%m-%d %H:%M}"
        except (OverflowError, ValueError, OSError):
            return "a day that there is not"

    def _came_and_went(self, room: str, came: Sequence[Person], went: Sequence[Person]) -> None:
        lists = ([one.nick for one in people if one.id != self.view.me.id] for people in (came, went))
        if words := wording.presence_words(*lists):
            self.tell(words, room=room, group="presence")

    def _said(self, change: MessageAdded) -> None:
        room = self.view.rooms[change.room]
        transcript = self.transcript_of(change.room)
        if room.unread and not transcript.is_behind:
            transcript.marker = room.read_seq
            transcript.is_behind = True

    def _renamed(self, change: NickChanged) -> None:
        is_me = change.id == self.view.me.id
        words = f"you are {change.nick} now" if is_me else f"{change.old_nick} is {change.nick} now"
        for room in self.view.rooms.values():
            if change.id in room.members or (is_me and room.room == self.current):
                self.tell(words, room=room.room)

    def _caught_up(self, change: CaughtUp) -> None:
        if change.seconds or self._waits:
            self.tell(
                wording.back_words(change.seconds, change.count, change.missed),
                kind=Kind.ERROR if change.missed else Kind.GOOD,
            )
        self._waits = False

    # What is shown.

    def items(self) -> Sequence[Item]:
        """What stands in the scroll-back."""
        return self.transcript.items(self.room, self.view.me, self.view.pending_in(self.current))

    def room_rows(self) -> list[Row]:
        """The list of rooms and conversations."""
        rooms = [one for one in self.view.rooms.values() if not one.is_direct]
        direct = [one for one in self.view.rooms.values() if one.is_direct]
        rows = [Row("", "Rooms"), *(self._room_row(one) for one in rooms)]
        return rows + ([Row("", ""), Row("", "Direct"), *(self._room_row(one) for one in direct)] if direct else [])

    def _room_row(self, room: RoomView) -> Row:
        is_urgent = bool(room.mentions or (room.is_direct and room.unread))
        is_quiet = not room.is_member and not room.is_direct
        return Row(
            room.room,
            shown(room.title),
            f"@{room.unread}" if room.mentions else str(room.unread or ""),
            role="bold text" if room.unread or room.room == self.current else "quiet" if is_quiet else "text",
            note_role="bold mention" if is_urgent else "accent",
            is_current=room.room == self.current,
        )

    def member_rows(self) -> list[Row]:
        """The list of those who are in the room in front."""
        room = self.room
        if room.peer is not None:
            return [Row("", "With"), _member_row(room.peer)]
        people = sorted(room.members.values(), key=lambda one: (not one.role, one.nick.casefold()))
        rows = [Row("", f"{room.count} here"), *(_member_row(person) for person in people)]
        more = room.count - len(people)
        return [*rows, Row("", f"and {more} more")] if people and more > 0 else rows

    def top(self, *, rooms_are_shown: bool) -> tuple[list[Part], list[Part]]:
        """The uppermost line."""
        room = self.room
        about = shown(room.topic)
        left: list[Part] = [(f" {self.title}", "bold accent"), (f"  {about}" if about else "", "quiet")]
        right: list[Part] = []
        if not rooms_are_shown:
            right += self._elsewhere()
        right.append((f"{shown(self.view.me.nick)} ", "text"))
        right.append(("○ away ", "bad") if self.link else ("● ", "good"))
        return left, right

    def _elsewhere(self) -> list[Part]:
        parts: list[Part] = []
        for room in self.view.rooms.values():
            if room.unread and room.room != self.current:
                is_urgent = bool(room.mentions or room.is_direct)
                parts.append((f"{shown(room.title)} {room.unread}  ", "bold mention" if is_urgent else "accent"))
        return parts if len(parts) <= 2 else [(f"new in {len(parts)} rooms  ", parts[0][1])]

    def status(self, now: float) -> tuple[list[Part], list[Part]]:
        """The line below the scroll-back: what matters most, and who types."""
        return self._most_important(), [(f"{wording.typing_words(self._typing(now))} ", "quiet")]

    def _typing(self, now: float) -> list[str]:
        return [shown(nick) for nick in self.room.typing_now(now)]

    def _most_important(self) -> list[Part]:
        below = self.sheet.new_below
        if self.link:
            return [(f" {self.link}", "bold bad")]
        if below:
            return [(f" ↓ {below} new below", "bold mention"), ("  End goes there", "quiet")]
        if not self.sheet.is_following:
            return [(" reading earlier messages", "quiet"), ("  End goes to the newest", "quiet")]
        if (until := self.room.muted_until) is not None:
            return [(f" You may not speak here{wording.until_words(until, self.clock(until))}", "bad")]
        if self.room.slow:
            return [(f" Slow mode: one message in {self.room.slow:g} s", "quiet")]
        return []


def _kind(is_error: bool) -> Kind:
    return Kind.ERROR if is_error else Kind.WORD


def _member_row(person: Person) -> Row:
    note = _ROLES.get(person.role, "") or ("bot" if person.is_bot else "")
    return Row(person.id, shown(person.nick), note, person=person.id)

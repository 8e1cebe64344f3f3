"""What one person knows of a chat: rooms, messages, members, own messages on their way. Pure.

`handle` takes what the server says and gives what has changed; requests that follow from it (a hole is to be filled)
are in `take_requests`. So a client is this and a connection, and somebody who shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from landline.chat.changes import Change, PendingChanged, RoomChanged, Told
from landline.chat.hearing import hear
from landline.chat.journey import Journey
from landline.chat.notices import Message, Notice, Person, Place
from landline.chat.roomview import RoomView
from landline.chat.wire import History, Join, Msg, Request, Resume, Say

FIRST_PAGE = 50
"""Recent messages that come along when a room is entered for the first time."""
MOST_CIDS = 1000
MOST_FAILED = 100
"""Own messages that have failed and are kept for people to look at."""


@dataclass(slots=True)
class Me:
    """Who we are. `token` brings the same identity back; `passwords`: they may be sent over this connection."""

    id: str = ""
    nick: str = ""
    account: str | None = None
    is_operator: bool = False
    token: str = ""
    passwords: bool = False


@dataclass(slots=True)
class Pending:
    """A message of ours that is not in its place yet.

    `room` is where it will be ("" for a direct message whose conversation is not known yet), `to` whom it goes to
    directly. `state` is `waiting`, `stored` (at `seq`) or `failed`, with `why`, a sentence, and `code`.
    """

    cid: str
    body: str
    room: str = ""
    to: str | None = None
    state: str = "waiting"
    seq: int = 0
    why: str = ""
    code: str = ""
    said_as: str = ""
    """The id under which it was given to the server, once it was."""

    def request(self) -> Request:
        """The request that says it. The same `cid` is taken once, however often it is said."""
        if self.to is not None:
            return Msg(to=self.to, body=self.body, cid=self.cid, ref=self.cid)
        return Say(room=self.room, body=self.body, cid=self.cid, ref=self.cid)


class View:
    """What one person knows. `rooms` are those to be in from the start, `tail` how many recent messages of a room are
    fetched when it is entered for the first time (0 to 200).

    `me` is who we are, `rooms` what we know of each room and conversation by its name, `directory` the rooms there are
    as far as we have asked, `here` who is here at all as far as we have asked, `pending` our messages on their way by
    their cid, `watched` the room that somebody looks at the end of: what comes there is read.
    """

    def __init__(self, rooms: Sequence[str] = (), tail: int = FIRST_PAGE) -> None:
        self.me = Me()
        self.server = ""
        self.epoch = ""
        self.motd = ""
        self.suggested: list[str] = []
        self.rooms: dict[str, RoomView] = {}
        self.directory: list[Place] = []
        self.here: dict[str, Person] = {}
        self.pending: dict[str, Pending] = {}
        self.watched: str | None = None
        self.tail = tail
        self.wished = dict.fromkeys(rooms)
        """The rooms to be in, again after the connection was lost, in this order."""
        self.quiet: set[str] = set()
        """Conversations of which the welcome said that nothing is new."""
        self.journey = Journey()
        self._cids: dict[str, None] = {}

    # What the server says.

    def handle(self, notice: Notice, now: float = 0.0, *, is_answer: bool = False) -> list[Change]:
        """Take a notice, at the time `now` (seconds of any clock that only goes on).

        With `is_answer` it answers a request whose asker gets it as well: words for people are left to that one.
        Returns what has changed.
        """
        self.journey.now = now
        changes = hear(self, notice)
        if is_answer:
            changes = [change for change in changes if not isinstance(change, Told)]
        return changes + self.settled()

    def take_requests(self) -> list[Request]:
        """What is to be sent now, because of what was handled. Returns it once."""
        return self.journey.take()

    def take_later(self) -> list[tuple[float, Request]]:
        """What is to be sent after so many seconds, unless the connection is lost before. Returns it once."""
        later, self.journey.later = self.journey.later, []
        return later

    def lost(self, now: float = 0.0) -> None:
        """The connection is gone, at the time `now`: what was on its way will not come."""
        self.journey.lose(now, had_connection=bool(self.me.id))
        for room in self.rooms.values():
            room.let_wait()

    def resume_requests(self) -> list[Request]:
        """What to ask for on a new connection, behind the welcome, to be in all rooms again with nothing missed.

        Returns the requests; there may be none. CaughtUp comes when all of them are answered: with `handle`, or with
        `settled`, which is to be called next.
        """
        self.journey.begin()
        talks = [
            name for name, room in self.rooms.items()
            if room.is_direct and name not in self.wished and name not in self.quiet and self.is_mine(name)
        ]  # fmt: skip
        return [self._entering(name) for name in (*self.wished, *talks)]

    def settled(self) -> list[Change]:
        """CaughtUp, once, if all rooms are reached. Returns what has changed."""
        changes = self.journey.settled()
        if changes:
            # What a page that was too long for us would have confirmed.
            for cid, pending in list(self.pending.items()):
                room = self.rooms.get(pending.room)
                if pending.state == "stored" and room is not None and room.position >= pending.seq:
                    changes.append(PendingChanged(pending.room, cid))
                    del self.pending[cid]
        return changes

    def _entering(self, name: str) -> Request:
        room = self.rooms.get(name)
        request: Request
        if room is not None and room.epoch:
            request = Resume(room=name, epoch=room.epoch, seq=room.position, ref=self.journey.ref())
        else:
            request = Join(room=name, tail=self.tail, ref=self.journey.ref())
        self.journey.note("enter", request)
        self.journey.returning(name)
        return request

    # What people do.

    def say(self, room: str, body: str, cid: str) -> Pending:
        """Note a message, `body`, that is to be said in a `room` or conversation as `cid`. Returns it."""
        pending = Pending(cid, body, room=room)
        if room.startswith("@"):
            pending.to = self.other_in(room)
        self._note(pending)
        return pending

    def msg(self, to: str, body: str, cid: str) -> Pending:
        """Note a direct message, `body`, `to` a nick or id, that is to be said as `cid`. Returns it."""
        room = self.room_with(to)
        pending = Pending(cid, body, room="" if room is None else room.room, to=to)
        self._note(pending)
        return pending

    def said_here(self, message: Message) -> bool:
        """Whether a message was said by this client, of the last thousand or so: whoever typed it has seen it."""
        return message.cid is not None and message.cid in self._cids and message.sender == self.me.id

    def _note(self, pending: Pending) -> None:
        self.pending[pending.cid] = pending
        self._cids[pending.cid] = None
        if len(self._cids) > MOST_CIDS:
            del self._cids[next(iter(self._cids))]

    def pending_in(self, room: str) -> list[Pending]:
        """Our messages of a room that are not in their place yet. Returns them in the order they were said."""
        return [pending for pending in self.pending.values() if pending.room == room]

    def unsaid(self) -> list[Pending]:
        """Our messages that are not stored, as far as we know. Returns them in the order they were said."""
        return [pending for pending in self.pending.values() if pending.state == "waiting"]

    def forget(self, cid: str) -> None:
        """Let go of an own message that has failed, or that nobody waits for."""
        self.pending.pop(cid, None)

    def fail(self, cid: str, code: str, why: str) -> list[Change]:
        """The own message `cid` will not be said again: `code` and `why`, a sentence. Returns what has changed."""
        if (pending := self.pending.get(cid)) is None:
            return []
        pending.state, pending.code, pending.why = "failed", code, why
        failed = [one.cid for one in self.pending.values() if one.state == "failed"]
        for old in failed[:-MOST_FAILED]:
            del self.pending[old]
        return [PendingChanged(pending.room, cid)]

    def watch(self, room: str | None) -> list[Change]:
        """Somebody looks at the end of this room now (None: of no room). Returns what has changed."""
        self.watched = room
        return self.mark_read(room) if room in self.rooms and room is not None else []

    def mark_read(self, room: str) -> list[Change]:
        """All of a room was read. Returns what has changed."""
        return [RoomChanged(room)] if self.rooms[room].mark_read() else []

    def older_request(self, room: str, limit: int = 50) -> History | None:
        """What asks for the `limit` messages before the oldest one of a room that is here.

        Returns the request to post, or None if there are none, or they are on their way.
        """
        view = self.rooms.get(room)
        if view is None or not view.has_older:
            return None
        return self.page_request(room, view.messages.first or view.seq + 1, limit)

    def page_request(self, room: str, before: int, limit: int = 50) -> History | None:
        """What asks for the `limit` messages of a room before message `before`: above a hole, say, or round a find.

        Returns the request to post, or None if another one for the room is on its way.
        """
        if self.journey.is_asked("page", room):
            return None
        request = History(room=room, before=before, limit=limit, ref=self.journey.ref())
        self.journey.note("page", request)
        return request

    def is_mine(self, room: str) -> bool:
        """Whether a conversation is one of ours: guests who become somebody else leave theirs behind."""
        return self.me.id in room[1:].split(",")

    def other_in(self, room: str) -> str:
        """The id of the other one in a conversation; our own in one with ourselves."""
        ids = room[1:].split(",")
        return next((one for one in ids if one != self.me.id), ids[0])

    def room_with(self, nick: str) -> RoomView | None:
        """The conversation with a nick or id, if there is one. Returns what we know of it."""
        folded = nick.casefold()
        for room in self.rooms.values():
            if room.peer is not None and folded in (room.peer.nick.casefold(), room.peer.id.casefold()):
                return room
        return None

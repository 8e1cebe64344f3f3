"""Rooms and conversations: who is in them, what was said last, and who may do what."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from landline.chat.entries import Head, SanctionRecord, Stored
from landline.chat.notices import Message, Person
from landline.chat.people import Identity, Session

MOST_SAID = 10_000
"""Persons of one slow room of whom it is known when they spoke; beyond, the one who spoke longest ago is let off."""
MOST_SANCTIONS = 2_000
"""Bans and mutes of one room: whoever opens a room may set them."""


@dataclass(slots=True)
class Catching:
    """A session is behind: it gets pages up to the newest message before it gets what comes live.

    `after` is the last message it has; `kind` that of the pages; `asked` whether the store reads for it.
    """

    after: int
    kind: str


@dataclass(slots=True, eq=False)
class Room:
    """A room, or the conversation of two (`parties`)."""

    name: str
    head: Head = Head(0, 0.0)
    topic: str = ""
    slow: float = 0.0
    parties: tuple[str, str] | None = None
    tail: deque[Message] = field(default_factory=deque)
    """The newest messages without a hole; the last one is the head."""
    sessions: dict[int, Session] = field(default_factory=dict)
    """Who is in it, those that catch up as well."""
    catching: dict[int, Catching] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    """Persons of this node and with how many sessions they are in it."""
    elsewhere: dict[str, dict[str, Person]] = field(default_factory=dict)
    """By node: persons of other nodes who are in it."""
    moderators: set[str] = field(default_factory=set)
    sanctions: dict[tuple[str, str], SanctionRecord] = field(default_factory=dict)
    said: dict[str, float] = field(default_factory=dict)
    """When somebody last spoke in it, by the steady clock; only while it is slow."""
    came: dict[str, Person] = field(default_factory=dict)
    went: dict[str, Person] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    """Who came or went and was not told of, but somebody has seen the list of members since."""
    _live: tuple[int, ...] | None = None

    @property
    def live(self) -> tuple[int, ...]:
        """The sessions that get messages as they come; the same tuple until somebody comes or goes."""
        if self._live is None:
            self._live = tuple(number for number in self.sessions if number not in self.catching)
        return self._live

    def stirred(self) -> None:
        """Somebody has come, gone, or caught up."""
        self._live = None

    def role(self, id: str) -> str:
        """`op` for a moderator of this room."""
        return "op" if id in self.moderators else ""

    def shown(self, person: Person) -> Person:
        """Somebody as a member of this room."""
        if person.role == "operator":
            return person
        return Person(person.id, person.nick, self.role(person.id), person.is_bot)

    def members(self, here: dict[str, Identity]) -> Iterator[Person]:
        """Everybody who is in it, once."""
        for id in self.people:
            yield here[id].person(self.role(id))
        seen = set(self.people)
        for people in self.elsewhere.values():
            yield from (self.shown(person) for id, person in people.items() if id not in seen)
            seen |= people.keys()

    @property
    def count(self) -> int:
        """How many persons are in it."""
        if not self.elsewhere:
            return len(self.people)
        return len(set(self.people).union(*self.elsewhere.values()))

    def has(self, id: str) -> bool:
        """Whether somebody is in it, here or on another node."""
        return id in self.people or any(id in people for people in self.elsewhere.values())

    def is_full_of_sanctions(self, wall: float) -> bool:
        """Whether no other sanction has a place. Those that are over are forgotten first."""
        if len(self.sanctions) >= MOST_SANCTIONS:
            over = [key for key, record in self.sanctions.items() if record.until is not None and record.until <= wall]
            for key in over:
                del self.sanctions[key]
        return len(self.sanctions) >= MOST_SANCTIONS

    def sanction(self, what: str, targets: list[str], wall: float) -> SanctionRecord | None:
        """The ban or mute that holds for one of these targets at this time, if there is one."""
        for target in targets:
            record = self.sanctions.get((what, target))
            if record is not None:
                if record.until is None or record.until > wall:
                    return record
                del self.sanctions[what, target]
        return None

    def note_said(self, id: str, steady: float) -> None:
        """Somebody has spoken in it. What no longer matters is forgotten: guests are new ones each time."""
        self.said.pop(id, None)
        self.said[id] = steady
        # They stand in the order in which they spoke.
        while len(self.said) > MOST_SAID or next(iter(self.said.values())) + self.slow <= steady:
            self.said.pop(next(iter(self.said)))

    def covers(self, after: int) -> bool:
        """Whether all messages behind `after` are in memory."""
        return after >= self.head.seq or (bool(self.tail) and self.tail[0].seq <= after + 1)

    def since(self, after: int) -> list[Message]:
        """The messages behind `after`, if it `covers` them."""
        return [message for message in self.tail if message.seq > after]


def as_message(stored: Stored, epoch: str) -> Message:
    """A message as it is told."""
    entry = stored.entry
    return Message(
        room=entry.room,
        seq=stored.seq,
        epoch=epoch,
        id=entry.id,
        time=stored.time,
        sender=entry.by,
        nick=entry.by_nick,
        body=entry.body,
        cid=entry.cid,
        is_bot=entry.is_bot,
        to=entry.to,
        to_nick=entry.to_nick,
    )


def conversation_name(one: str, other: str) -> str:
    """What the conversation of two ids is called."""
    return "@" + ",".join(sorted((one, other)))


def parties_of(name: str) -> tuple[str, str] | None:
    """The two ids of a conversation, None for what is no conversation."""
    if not name.startswith("@"):
        return None
    one, comma, other = name[1:].partition(",")
    return (one, other) if comma and one and other else None

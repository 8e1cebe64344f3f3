"""What one person knows of one room or conversation, and how what was missed is caught up. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from landline.chat.notices import Message, Person
from landline.chat.timeline import Timeline

TYPING_SECONDS = 6.0
"""How long somebody counts as typing after the last sign of it."""
MOST_HELD = 2000
"""Messages that may wait behind a hole; those beyond are fetched once the hole is filled."""


@dataclass(slots=True)
class RoomView:
    """One room or conversation.

    `peer` is the other one of a conversation. `seq` is that of the newest message there is, as far as we know;
    `position` is up to which all that came since we know the room is here. `messages` may have holes above that, which
    `messages.gaps()` tells. `reading` is set by whoever shows the room: the seq of the message at the top of what
    somebody reads, None for one who is at the end; messages round it are not let go.
    """

    room: str
    peer: Person | None = None
    epoch: str = ""
    seq: int = 0
    position: int = 0
    messages: Timeline = field(default_factory=Timeline)
    reading: int | None = None
    is_member: bool = False
    members: dict[str, Person] = field(default_factory=dict)
    """Those we know of, by their id; in a large room these are not all."""
    count: int = 0
    topic: str = ""
    slow: float = 0.0
    muted_until: float | None = None
    role: str = ""
    unread: int = 0
    mentions: int = 0
    read_seq: int = 0
    """The newest message that was read: a line for what is new belongs below it."""
    typing: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Who types: the nick, and when we heard of it, by id."""
    is_catching_up: bool = False
    """Pages of a resume are on their way; `caught` messages of them are here."""
    caught: int = 0
    is_asking: bool = False
    """A page for a hole is on its way."""
    held: dict[int, Message] = field(default_factory=dict)
    """Messages that came behind a hole, until it is filled."""

    @property
    def is_direct(self) -> bool:
        """Whether it is a conversation with one person."""
        return self.room.startswith("@")

    @property
    def title(self) -> str:
        """How the room is called for people: its name, or the nick of the other one."""
        return self.peer.nick if self.peer is not None else self.room

    @property
    def has_older(self) -> bool:
        """Whether there are messages before the oldest one that is here."""
        return self.messages.first > 1 or (not self.messages and self.seq > 0)

    def name_peer(self, peer: Person | None) -> None:
        """Take what a list says of the other one. A server that has not met a guest since its start knows no nick."""
        if peer is not None and (self.peer is None or peer.nick != peer.id):
            self.peer = peer

    def typing_now(self, now: float) -> list[str]:
        """The nicks of those who type at the time `now`."""
        return [nick for nick, since in self.typing.values() if now - since < TYPING_SECONDS]

    def begin(self, epoch: str, seq: int) -> None:
        """Begin anew at message `seq` of `epoch`: what is older is not missed. Messages of another epoch go."""
        if epoch != self.epoch:
            self.messages.clear()
            self.reading = None
        self.epoch = epoch
        self.seq = self.position = self.read_seq = seq
        self.let_wait()

    def resume(self, seq: int) -> None:
        """All up to `seq` follows in pages."""
        self.seq = seq
        self.caught = 0
        self.is_catching_up = seq > self.position

    def let_wait(self) -> None:
        """The connection is gone: what was on its way is not any more. What is held comes again with a resume."""
        self.is_catching_up = self.is_asking = False
        self.held.clear()
        self.typing.clear()

    def hear(self, message: Message) -> list[Message]:
        """A message was said. Returns those that are new now, in order: none while there is a hole before it."""
        self.seq = max(self.seq, message.seq)
        self._meet(message)
        if message.seq <= self.position:
            self.messages.add(message)
            return []
        if message.seq == self.position + 1 and not self.is_catching_up:
            return [self._take(message), *self._release()]
        if len(self.held) < MOST_HELD:
            self.held[message.seq] = message
        return []

    def learn(self, page: Iterable[Message], more: bool) -> list[Message]:
        """A page of what was missed. Returns the messages that are new now, in order."""
        new = []
        for message in page:
            self.seq = max(self.seq, message.seq)
            self._meet(message)
            # A page has no hole, and begins where we were, or before that.
            if message.seq == self.position + 1:
                new.append(self._take(message))
            else:
                self.messages.add(message)
        self.is_asking = False
        self.caught += len(new)
        self.is_catching_up = self.is_catching_up and more
        return new + self._release()

    def wants(self) -> int | None:
        """Behind which seq a page is missing and should be asked for now, if any."""
        if self.position >= self.seq or self.is_catching_up or self.is_asking:
            return None
        return self.position

    def give_up(self) -> tuple[int, int, list[Message]]:
        """What is missing cannot be had. Returns the first and last seq of the hole, and what is new behind it."""
        behind = min(self.held, default=self.seq + 1)
        first, self.position = self.position + 1, behind - 1
        self.is_asking = self.is_catching_up = False
        return first, behind - 1, self._release()

    def count_new(self, message: Message, *, is_own: bool, is_mention: bool, is_watched: bool) -> None:
        """Count a new message as read or unread."""
        self.typing.pop(message.sender, None)
        if is_watched or (is_own and not self.unread):
            self.read_seq = message.seq
        elif not is_own:
            self.unread += 1
            self.mentions += is_mention

    def rename(self, old_id: str, new_id: str, nick: str) -> None:
        """Somebody is called differently now, and may have another id."""
        if (person := self.members.pop(old_id, None)) is not None:
            self.members[new_id] = Person(new_id, nick, person.role, person.is_bot)
        if self.peer is not None and self.peer.id == old_id:
            self.peer = Person(self.peer.id, nick, self.peer.role, self.peer.is_bot)
        self.typing.pop(old_id, None)

    def mark_read(self) -> bool:
        """Nothing is unread any more. Returns whether anything was."""
        had = bool(self.unread or self.read_seq != self.position)
        self.unread = self.mentions = 0
        self.read_seq = self.position
        return had

    def _meet(self, message: Message) -> None:
        """Learn from a message how the other one of a conversation is called, if nobody could say."""
        peer = self.peer
        if peer is None or peer.nick != peer.id:
            return
        if message.sender == peer.id:
            self.peer = Person(peer.id, message.nick, is_bot=message.is_bot)
        elif message.to == peer.id and message.to_nick:
            self.peer = Person(peer.id, message.to_nick)

    def _take(self, message: Message) -> Message:
        self.position = message.seq
        self.messages.add(message)
        return message

    def _release(self) -> list[Message]:
        """What was held and has its turn now."""
        if self.is_catching_up:
            return []
        new = []
        while (message := self.held.pop(self.position + 1, None)) is not None:
            new.append(self._take(message))
        for seq in [seq for seq in self.held if seq <= self.position]:
            del self.held[seq]
        return new

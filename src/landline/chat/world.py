"""All that a chat knows while it runs, and the few things every part of the core does with it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from landline.chat.bounds import MOST_NAME_CHARACTERS, Bounds
from landline.chat.buckets import Buckets, wait_for_all
from landline.chat.effects import Ask, Asked, Effect, Now, Propose, Tell
from landline.chat.entries import AnyEntry, Genesis, SanctionRecord, Snapshot
from landline.chat.names import account_of
from landline.chat.notices import Answer, Changed, Message, Notice, Person, Place, Refused
from landline.chat.people import Directory, Identity, Session
from landline.chat.ports import Query
from landline.chat.rooms import Room, parties_of
from landline.chat.wire import Quit, Request

MOST_CONVERSATIONS = 200
"""Conversations of somebody that are listed, and searched when no room is named."""
MOST_TAILS = 100_000
"""Messages of all rooms together that are kept in memory, of about half a KiB each."""
MOST_TAIL_BYTES = 64 * 1024 * 1024
"""The same, by the memory that their bodies take: one of 4096 bytes may take 16 KiB."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody waits for the outcome of what was asked. `cut`: its body was cut. `draw` as in Asked. `nick` is how one
    was called then, where it matters."""

    session: int
    request: Request
    draw: bytes
    cut: bool = False
    nick: str = ""


class World:
    """The state of a chat. `out` gathers the effects of the command that is being handled."""

    def __init__(self, snapshot: Snapshot, bounds: Bounds, operators: Iterable[str], server: str) -> None:
        self.bounds = bounds
        self.server = server
        self.epoch = snapshot.epoch
        self.key = bytes.fromhex(snapshot.key)
        self.motd = snapshot.motd
        self.operators = frozenset(operators)
        self.now = Now(0.0, 0.0)
        self.out: list[Effect] = []
        self.sessions: dict[int, Session] = {}
        self.unknown: dict[int, float] = {}
        """Sessions that have not said hello, and until when they must have."""
        self.directory = Directory(snapshot.accounts)
        self.rooms: dict[str, Room] = {}
        self.direct: dict[str, dict[str, Room]] = {}
        """By id: the conversations somebody has had, by name."""
        self.pending: dict[str, Pending] = {}
        """By the id of an entry that was proposed."""
        self.tickets: dict[int, Pending] = {}
        """By the number of what the store, or the one who checks passwords, was asked."""
        self.stirred: dict[str, Room] = {}
        """Rooms with people who came or went and were not told of."""
        self.opening: dict[str, list[Pending]] = {}
        """By room: who wants to enter it as soon as it is there."""
        self.held: dict[int, list[Asked]] = {}
        """By session: what waits behind a request that takes its time."""
        self.released: deque[list[Asked]] = deque()
        self.leaving: dict[int, Quit] = {}
        """Sessions that go as soon as all they have asked for is answered."""
        self.accounts_rate = Buckets(bounds.account_burst, bounds.account_rate)
        self.addresses_rate = Buckets(bounds.address_burst, bounds.address_rate)
        self.guesses = Buckets(bounds.guess_burst, bounds.guess_rate)
        self.openings = Buckets(bounds.opening_burst, bounds.opening_rate)
        self.approaches = Buckets(bounds.approach_burst, bounds.approach_rate)
        self.counts: Counter[str] = Counter()
        self.storage_fails = False
        self._ticket = 0
        self._tails: deque[tuple[Room, int]] = deque()
        self._tail_bytes = 0
        for record in snapshot.rooms:
            self.rooms[record.room] = Room(record.room, topic=record.topic, slow=record.slow)
        for name, head in snapshot.heads.items():
            self.room_or_conversation(name).head = head
        for name, account in snapshot.roles:
            self.room_or_conversation(name).moderators.add(account)
        for sanction in snapshot.sanctions:
            self.room_or_conversation(sanction.room).sanctions[sanction.what, sanction.target] = sanction

    def begin(self, genesis: Genesis) -> None:
        """The log has begun elsewhere: its epoch and its key are those of this node too."""
        self.epoch = genesis.epoch
        self.key = bytes.fromhex(genesis.key)

    # Saying.

    def tell(self, session: Session, notice: Notice) -> None:
        """Tell one session something."""
        self.out.append(Tell((session.number,), notice))

    def tell_all(
        self, sessions: Collection[int], notice: Notice, *, ephemeral: bool = False, origin: int | None = None
    ) -> None:
        """Tell many sessions the same."""
        if sessions:
            self.out.append(Tell(sessions, notice, ephemeral, origin))

    def refuse(
        self,
        session: Session,
        request: Request,
        code: str,
        text: str,
        wait: float | None = None,
        room: str | None = None,
    ) -> None:
        """Say no to a request."""
        self.counts[f"refused_{code}"] += 1
        cid = getattr(request, "cid", None)
        self.tell(session, Refused(ref=request.ref, code=code, text=text, wait=wait, room=room, cid=cid))

    def answer(self, session: Session, request: Request, make: type[Answer], /, **fields: Any) -> None:
        """Answer a request with a notice of this kind."""
        self.tell(session, make(ref=request.ref, **fields))

    # Asking the shell.

    def propose(self, entry: AnyEntry, pending: Pending | None = None) -> None:
        """Give an entry to the bus; `pending` is who waits for its outcome."""
        if pending is not None:
            self.pending[entry.id] = pending
        self.out.append(Propose(entry))

    def ask(self, query: Query, pending: Pending) -> None:
        """Ask the store something for somebody."""
        self.out.append(Ask(self.ticket(pending), query))

    def ticket(self, pending: Pending) -> int:
        """A number by which an answer finds who waits for it."""
        self._ticket += 1
        self.tickets[self._ticket] = pending
        self.sessions[pending.session].queries += 1
        return self._ticket

    def settled(self, entry: str) -> tuple[Session | None, Pending | None]:
        """Who waits for an entry that has come to its end, by its id: the session, if it is still there, and what it
        asked."""
        pending = self.pending.pop(entry, None)
        return (None, None) if pending is None else (self.sessions.get(pending.session), pending)

    def answered(self, ticket: int) -> tuple[Session | None, Pending]:
        """Who waits for an answer that has come: the session, if it is still somebody's, and what it asked."""
        pending = self.tickets.pop(ticket)
        session = self.sessions.get(pending.session)
        if session is not None:
            session.queries -= 1
        return (None if session is None or session.identity is None else session), pending

    def hold(self, number: int) -> None:
        """What a session asks next depends on what it is told first: it waits."""
        self.held.setdefault(number, [])

    def release(self, number: int) -> None:
        """What waited for a session has come: what it asked meanwhile is heard now."""
        held = self.held.pop(number, None)
        if held:
            self.released.append(held)

    def wait_to_speak(self, session: Session, *, is_approach: bool) -> float:
        """Take what it costs to say something, or to begin a conversation (`is_approach`). Returns the seconds to wait;
        0.0 if it was taken."""
        steady, identity = self.now.steady, session.identity
        buckets = [session.messages, self.addresses_rate.of(session.address, steady)]
        if is_approach:
            buckets.append(self.approaches.of(session.address, steady))
        if identity is not None and identity.account is not None:
            buckets.append(self.accounts_rate.of(identity.id, steady))
        return wait_for_all(buckets, steady)

    # Looking up.

    def room_or_conversation(self, name: str) -> Room:
        """A room or a conversation by name; it is made if it is not known yet."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(name, parties=parties_of(name))
            for id in room.parties or ():
                self.direct.setdefault(id, {})[name] = room
        return room

    def conversations(self, identity: Identity) -> list[Place]:
        """The newest conversations of somebody, those with the newest messages first."""
        rooms = self.newest_conversations(identity.id)
        return [Place(room.name, room.head.seq, peer=self.peer(room, identity.id)) for room in rooms]

    def newest_conversations(self, id: str) -> list[Room]:
        """The conversations with the newest messages, as many as stand in one list: anybody can begin one with one."""
        return nlargest(MOST_CONVERSATIONS, self.direct.get(id, {}).values(), key=lambda room: room.head.time)

    def peer(self, room: Room, id: str) -> Person:
        """The other one of a conversation, as far as one can tell."""
        assert room.parties is not None
        other = room.parties[room.parties[0] == id]
        person = self.directory.person(other)
        if person is not None:
            return person
        account = self.directory.accounts.get(other)
        if account is not None:
            return Person(other, account.nick, "", bool(account.bot_of))
        # A guest who is away has the nick that stands in what was said, as long as that is known.
        if not room.tail:
            return Person(other, other)
        last = room.tail[-1]
        return Person(other, (last.nick if last.sender == other else last.to_nick) or other)

    def sessions_of(self, ids: Iterable[str]) -> list[Session]:
        """The sessions of this node that belong to these persons."""
        found = (self.directory.here.get(id) for id in dict.fromkeys(ids))
        return [session for identity in found if identity is not None for session in identity.sessions.values()]

    def everybody(self) -> tuple[int, ...]:
        """All sessions that have said hello."""
        return tuple(number for number, session in self.sessions.items() if session.identity is not None)

    def nick_of(self, id: str) -> str:
        """How somebody who is here is called."""
        person = self.directory.person(id)
        return id if person is None else person.nick

    def targets(self, session: Session) -> list[str]:
        """What a ban or mute on this session may be on: its id, and for a guest its address."""
        identity = session.identity
        assert identity is not None
        return [identity.id] if identity.account else [identity.id, f"address:{session.address}"]

    def ban_on(self, session: Session, room: Room) -> SanctionRecord | None:
        """The ban that keeps a session out of a room, if there is one. Operators go where they like."""
        return self._sanction_on("ban", session, room)

    def mute_on(self, session: Session, room: Room) -> SanctionRecord | None:
        """The mute that holds for a session in a room, if there is one. Operators always speak."""
        return self._sanction_on("mute", session, room)

    def _sanction_on(self, what: str, session: Session, room: Room) -> SanctionRecord | None:
        identity = session.identity
        assert identity is not None
        # A moderator is not exempt: only an operator can have put a sanction on one.
        return None if identity.is_operator else room.sanction(what, self.targets(session), self.now.wall)

    def may_moderate(self, session: Session, room: Room) -> bool:
        """Whether a session may put others out of a room."""
        identity = session.identity
        assert identity is not None
        return identity.is_operator or (identity.account is not None and identity.account.account in room.moderators)

    def find_person(self, text: str) -> Person | None:
        """Somebody by nick or id: who is here, on another node, or has an account."""
        name = text.removeprefix("@")
        if len(name) > 4 * MOST_NAME_CHARACTERS:
            # What cannot be a name is not worth the work of looking for it.
            return None
        person = self.directory.person(name)
        if person is not None:
            return person
        form = account_of(name)
        for person in map(self.directory.person, self.directory.users(name)):
            if person is not None and account_of(person.nick) == form:
                return person
        account = self.directory.accounts.get(form)
        if account is None:
            return None
        return Person(account.account, account.nick, "", account.bot_of is not None)

    # Remembering.

    def remember(self, room: Room, message: Message) -> None:
        """Keep a new message in memory, and let go of older ones."""
        room.tail.append(message)
        self._tails.append((room, message.seq))
        self._tail_bytes += message.body.__sizeof__()
        if len(room.tail) > self.bounds.tail_messages:
            self._forget_oldest(room)
        while len(self._tails) > MOST_TAILS or self._tail_bytes > MOST_TAIL_BYTES:
            oldest, seq = self._tails.popleft()
            if oldest.tail and oldest.tail[0].seq == seq:
                self._forget_oldest(oldest)

    def _forget_oldest(self, room: Room) -> None:
        self._tail_bytes -= room.tail.popleft().body.__sizeof__()

    def tell_change(self, room: Room, change: Changed) -> None:
        """Tell a room what a moderator has changed."""
        self.tell_all(tuple(room.sessions), change)

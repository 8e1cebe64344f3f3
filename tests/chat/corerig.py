"""A core with a store beside it and clients who look closely: whatever they are told must go on where it left off."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TypeVar

from landline.chat.bounds import Bounds
from landline.chat.core import Chat
from landline.chat.effects import (
    Applied,
    Ask,
    Asked,
    Checked,
    CheckPassword,
    Command,
    Connected,
    Disconnected,
    Effect,
    End,
    HashPassword,
    NotTaken,
    Now,
    Propose,
    Read,
    Tell,
)
from landline.chat.entries import AnyEntry, Genesis, Outcome
from landline.chat.notices import Notice
from landline.chat.ports import Found
from landline.chat.wire import Hello, Login, Register, Request
from tests.chat.memorystore import MemoryStore

GENESIS = Genesis(id="genesis", time=0.0, epoch="e" * 16, key="ab" * 32)
EASY = Bounds(
    session_burst=1e6, session_rate=1e6, account_burst=1e6, account_rate=1e6, address_burst=1e6, address_rate=1e6,
    request_burst=1e6, request_rate=1e6, guess_burst=1e6, guess_rate=1e6, opening_burst=1e6, opening_rate=1e6,
    approach_burst=1e6, approach_rate=1e6,
)  # fmt: skip
"""Nothing comes too fast."""
Kind = TypeVar("Kind", bound=Notice)
KindOfEffect = TypeVar("KindOfEffect", bound=Effect)


class Rig:
    """A core and what its shell would do. With `is_prompt` the store answers at once; else `commit` and `answer` do."""

    def __init__(
        self,
        *,
        bounds: Bounds = EASY,
        operators: tuple[str, ...] = (),
        is_prompt: bool = True,
        store: MemoryStore | None = None,
        first_draw: int = 0,
    ) -> None:
        self.store = store or MemoryStore(GENESIS)
        self.chat = Chat(self.store.load(), bounds, operators)
        self.is_prompt = is_prompt
        self.wall = 1_000_000.0
        self.steady = 0.0
        self.told: dict[int, list[Notice]] = defaultdict(list)
        self.effects: list[Effect] = []
        self.ended: dict[int, str] = {}
        self.proposed: deque[AnyEntry] = deque()
        self.asked: deque[Ask] = deque()
        self._sessions = 0
        self._draws = first_draw
        self._commands: deque[Command] = deque()
        self._is_busy = False
        self.watch: Callable[[int, Notice], None] = lambda session, notice: None

    def draw(self, size: int = 16) -> bytes:
        """Bytes that never come twice."""
        self._draws += 1
        return (hashlib.sha256(str(self._draws).encode()).digest() * 2)[:size]

    def feed(self, command: Command) -> list[Effect]:
        """Give the core a command. Returns what it wants done; most of it is done already."""
        before = len(self.effects)
        self._commands.append(command)
        if not self._is_busy:
            self._is_busy = True
            while self._commands:
                for effect in self.chat.handle(self._commands.popleft(), Now(self.wall, self.steady)):
                    self._carry_out(effect)
            self._is_busy = False
        return self.effects[before:]

    def _carry_out(self, effect: Effect) -> None:
        self.effects.append(effect)
        match effect:
            case Tell():
                for session in effect.sessions:
                    self.told[session].append(effect.notice)
                    self.watch(session, effect.notice)
            case Propose():
                self.proposed.append(effect.entry)
                if self.is_prompt:
                    self.commit()
            case Ask():
                self.asked.append(effect)
                if self.is_prompt:
                    self.answer()
            case End():
                self.ended[effect.session] = effect.code
            case HashPassword():
                self._commands.append(Checked(effect.ticket, secret=f"secret of {effect.password}"))
            case CheckPassword():
                right = effect.secret == f"secret of {effect.password}"
                self._commands.append(Checked(effect.ticket, is_right=right))

    def commit(self, count: int | None = None) -> None:
        """Let the store take so many of the entries that wait (None: all)."""
        count = len(self.proposed) if count is None else min(count, len(self.proposed))
        if count:
            entries = [self.proposed.popleft() for _ in range(count)]
            self.store.apply([(0, entry) for entry in entries], lambda outcomes: self._stored(outcomes))

    def _stored(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.why == "failed":
                self.feed(NotTaken(outcome.entry, outcome.detail))
        self.feed(Applied([outcome for outcome in outcomes if outcome.why != "failed"]))

    def answer(self, count: int | None = None) -> None:
        """Let the store answer so many of the queries that wait (None: all)."""
        for _ in range(len(self.asked) if count is None else min(count, len(self.asked))):
            ask = self.asked.popleft()
            self.store.read(ask.query, lambda found, ticket=ask.ticket: self._read(ticket, found))  # type: ignore[misc]

    def _read(self, ticket: int, found: Found) -> None:
        self.feed(Read(ticket, found))

    def settle(self) -> None:
        """Let the store do all that waits, also what comes of it."""
        while self.proposed or self.asked:
            self.commit()
            self.answer()

    # People.

    def connect(
        self, nick: str | None = None, *, address: str = "192.0.2.1", local: bool = False, secure: bool = True,
        person: bool = False, token: str | None = None,
    ) -> int:  # fmt: skip
        """A session that has said hello; a `person` is on plain text and need not."""
        session = self.call(address=address, local=local, secure=secure, person=person)
        if not person:
            self.ask(session, Hello(nick=nick, token=token))
        return session

    def call(
        self, *, address: str = "192.0.2.1", local: bool = False, secure: bool = True, person: bool = False
    ) -> int:
        """A session that has said nothing."""
        self._sessions += 1
        self.feed(Connected(self._sessions, address, local, secure, person, self.draw(32)))
        return self._sessions

    def leave(self, session: int) -> None:
        """The connection of a session is gone."""
        self.feed(Disconnected(session))

    def ask(self, session: int, request: Request) -> list[Notice]:
        """Ask for something. Returns what the session was told meanwhile."""
        before = len(self.told[session])
        self.feed(Asked(session, request, self.draw()))
        return self.told[session][before:]

    def owner(self, nick: str, **how: object) -> int:
        """A session of somebody who owns this nick, made if need be. The password is `password of NICK`."""
        session = self.connect(nick, **how)  # type: ignore[arg-type]
        password = f"password of {nick}"
        known = any(account.nick == nick for account in self.chat.world.directory.accounts.values())
        self.ask(session, Login(nick=nick, password=password) if known else Register(password=password))
        self.settle()
        return session

    # Looking.

    def heard(self, session: int, kind: type[Kind]) -> list[Kind]:
        """All notices of a kind that a session was told."""
        return [notice for notice in self.told[session] if isinstance(notice, kind)]

    def last(self, session: int, kind: type[Kind]) -> Kind:
        """The last notice of a kind that a session was told."""
        return self.heard(session, kind)[-1]

    def forget(self) -> None:
        """Begin anew to note what was told."""
        self.told.clear()
        self.effects.clear()

"""The shell of a chat: it owns the core, the store, the bus and all sessions, and carries out what the core decides."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from landline.chat.beginning import new_genesis
from landline.chat.bounds import Bounds
from landline.chat.core import Chat
from landline.chat.effects import (
    Absent,
    Applied,
    Ask,
    Asked,
    Came,
    Checked,
    CheckPassword,
    Command,
    Connected,
    Disconnected,
    Effect,
    End,
    HashPassword,
    Linked,
    NotTaken,
    Now,
    Overflowed,
    Passed,
    PassOn,
    Present,
    Propose,
    Read,
    Stopping,
    Storage,
    Tell,
    Tick,
    Went,
)
from landline.chat.entries import AnyEntry, Genesis, Outcome, Snapshot
from landline.chat.fronts import Family
from landline.chat.history import History
from landline.chat.jsonfront import show_json
from landline.chat.line import Line
from landline.chat.lines import show as show_text
from landline.chat.notices import Message, Notice, Page, Person
from landline.chat.outbox import Packet
from landline.chat.passwords import Passwords
from landline.chat.ports import Bus, Found
from landline.chat.webfront import show_web
from landline.chat.website import Site
from landline.chat.wire import Quit, Request
from landline.errors import Reason

log = logging.getLogger("landline.chat")

HOLD_SECONDS = 0.005
"""How long what is to be said may wait for what is being stored, to leave together with it."""
TICK_SECONDS = 0.25
MOST_BROWSING = 1000
"""Addresses from which pages were asked for last, that are remembered."""
DRAIN_SECONDS = 3.0
"""How long a stop waits for what was said to be stored."""
RETRY_SECONDS = 1.0
"""When clients are told to come back after a restart; each adds some of its own."""

TEXT = Family.TEXT.value
SHOW: dict[str, Callable[[Notice], bytes]] = {
    TEXT: show_text,
    Family.JSON.value: show_json,
    Family.WEB.value: show_web,
}
REASONS = {"slow": Reason.SLOW_READER, "refused": Reason.REFUSED, "restart": Reason.DRAINING}


class Hub:
    """One node of a chat. `folder` is where its history is; it implements ports.Node for its bus."""

    def __init__(self, folder: Path, bus: Bus, bounds: Bounds, operators: Sequence[str], name: str) -> None:
        self.bounds = bounds
        self.counts: Counter[str] = Counter()
        self.site = Site({})
        self._folder = folder
        self._bus = bus
        self._operators = operators
        self._name = name
        self._chat: Chat
        self._store: History
        self._passwords: Passwords
        self._loop: asyncio.AbstractEventLoop
        self._lines: dict[int, Line] = {}
        self._sessions = 0
        self._commands: deque[Command] = deque()
        self._is_handling = False
        self._ready: list[Line] = []
        self._unstored = 0
        self._held: asyncio.TimerHandle | None = None
        self._browsing: dict[str, float] = {}
        self._ticker: asyncio.TimerHandle | None = None
        self._draining: asyncio.Task[None] | None = None

    # Beginning and ending.

    async def start(self, *, is_cluster: bool = False, is_restored: bool = False) -> None:
        """Open the history, join the bus. Raises ChatError if either cannot be."""
        self._loop = asyncio.get_running_loop()
        # How the log of a cluster began is for its bus to say.
        fresh = None if is_cluster else new_genesis()
        opening = partial(History.open, self._folder, fresh, is_restored=is_restored)
        self._store = await self._loop.run_in_executor(None, opening)
        try:
            self._passwords = Passwords()
            snapshot = await self._loop.run_in_executor(None, self._store.load)
            await self._join(snapshot)
        except BaseException:
            await self._loop.run_in_executor(None, self._close)
            raise
        self._ticker = self._loop.call_later(TICK_SECONDS, self._tick)
        log.debug("chat: epoch %s, %d rooms and conversations", snapshot.epoch, len(snapshot.heads))

    async def _join(self, snapshot: Snapshot) -> None:
        own = None
        if snapshot.epoch:
            own = Genesis(id="genesis", time=0.0, epoch=snapshot.epoch, key=snapshot.key)
        else:
            # Until the bus has told how its log began nobody is here, so nothing is signed with this.
            snapshot = msgspec.structs.replace(snapshot, epoch="0" * 16, key="0" * 64)
        self._chat = Chat(snapshot, self.bounds, self._operators, self._name)
        genesis = await self._bus.start(self, snapshot.position, own)
        if genesis is not None:
            self._chat.world.begin(genesis)
        try:
            await self._bus.caught_up()
        except BaseException:
            await self._bus.stop()
            raise

    def _close(self) -> None:
        self._store.close()
        self._passwords.close()

    async def stop(self) -> None:
        """End when the last session is over."""
        if self._ticker is not None:
            self._ticker.cancel()
        if self._draining is not None:
            await asyncio.wait([self._draining])
        await self._bus.stop()
        await self._loop.run_in_executor(None, self._close)

    def drain(self) -> None:
        """The server stops: let what was said be stored, then tell everybody and end."""
        if self._draining is None:
            self._draining = self._loop.create_task(self._drain())

    async def _drain(self) -> None:
        deadline = self._loop.time() + DRAIN_SECONDS
        while self._chat.world.pending and self._loop.time() < deadline:
            await asyncio.sleep(0.005)
        self.feed(Stopping(RETRY_SECONDS))

    # What sessions call.

    def began(self, line: Line) -> None:
        """A connection is a session of the chat now."""
        self._sessions += 1
        line.number = self._sessions
        self._lines[line.number] = line
        caller = line.caller
        is_person = line.family == TEXT
        draw = secrets.token_bytes(32)
        self.feed(Connected(line.number, caller.address, caller.is_local, caller.is_secure, is_person, draw))

    def asked(self, line: Line, request: Request) -> None:
        """A session asks for something."""
        if line.number:
            self.feed(Asked(line.number, request, secrets.token_bytes(16)))

    def show(self, line: Line, notice: Notice) -> None:
        """Show a notice to one session."""
        data = SHOW[line.family](notice)
        if data:
            line.put(Packet(data))

    def ended(self, line: Line) -> None:
        """The peer of a session sends no more: it ends when what it has asked for is answered."""
        self.asked(line, Quit())

    def closed(self, line: Line, reason: str) -> None:
        """The connection of a session is gone."""
        self.gone(line, reason)

    def gone(self, line: Line, reason: str) -> None:
        """A session is over."""
        if line.number and self._lines.pop(line.number, None) is not None:
            self.feed(Disconnected(line.number, reason))
            for effect in line.questions:
                self._found(effect.ticket, Found(error="who asked is gone"))

    def ready(self, line: Line) -> None:
        """Something waits for a session that reads: write it at the end of this turn of the loop."""
        if not self._ready:
            self._flush_soon()
        self._ready.append(line)

    def overflowed(self, line: Line) -> None:
        """Too much waits for a session."""
        held = line.outbox.held_bytes
        unsent = line.outbox.clear()
        self.counts["lagged"] += 1
        who = self._chat.world.sessions.get(line.number)
        nick = "?" if who is None or who.identity is None else who.identity.nick
        log.warning(
            "chat: %s from %s reads too slowly: %d bytes waited, more than the %d of outbox_bytes; it may resume at %s",
            nick, line.caller.address, held, self.bounds.outbox_bytes, unsent,
        )  # fmt: skip
        self.feed(Overflowed(line.number, unsent))

    def _flush_soon(self) -> None:
        """Write at the end of this turn of the loop; or, if more is being stored, when that can be told too.

        To store takes a fraction of the time that writing to a large room takes. Without this, what was stored next
        waited for one round of writing, and was told with another (measured: half as late again).
        """
        if self._unstored:
            self._held = self._loop.call_later(HOLD_SECONDS, self._flush)
        else:
            self._loop.call_soon(self._flush)

    def _stored(self, count: int) -> None:
        """So many entries have been stored, or will not be."""
        self._unstored = max(0, self._unstored - count)
        if not self._unstored and self._held is not None:
            self._held.cancel()
            self._held = None
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._held = None
        ready, self._ready = self._ready, []
        for line in ready:
            line.flush()

    # What the bus calls.

    async def deliver(self, entries: Sequence[tuple[int, AnyEntry]]) -> bool:
        """Store entries in their order, and act on them. Returns whether all of them are stored."""
        future: asyncio.Future[list[Outcome]] = self._loop.create_future()
        self._store.apply(entries, lambda outcomes: self._later(_settle, future, outcomes))
        outcomes = await future
        failed = next((outcome for outcome in outcomes if outcome.why == "failed"), None)
        if failed is not None:
            if not self._chat.world.storage_fails:
                # Once: what is refused until there is room again stands in the counts.
                log.error("chat: messages cannot be stored in %s: %s", self._folder, failed.detail)
            self.feed(Storage(False, failed.detail))
            self.feed(Applied([outcome for outcome in outcomes if outcome.why != "failed"]))
            return False
        if self._chat.world.storage_fails:
            log.info("chat: messages are stored again")
            self.feed(Storage(True))
        self.feed(Applied(outcomes))
        self._stored(len(outcomes))
        return True

    def failed(self, entry: AnyEntry, why: str, *, unsure: bool) -> None:
        """A proposed entry was not taken."""
        self.feed(NotTaken(entry, why, unsure))
        self._stored(1)

    def present(self, node: str, people: Sequence[tuple[str, Person]], *, whole: bool) -> None:
        """People are on another node."""
        self.feed(Present(node, list(people), whole))

    def absent(self, node: str, people: Sequence[tuple[str, Person]] | None) -> None:
        """People of another node are gone."""
        self.feed(Absent(node, None if people is None else list(people)))

    def passing(self, document: bytes) -> None:
        """Something ephemeral from another node."""
        self.feed(Passed(document))

    def linked(self, up: bool, detail: str) -> None:
        """The other nodes can be reached again, or not."""
        (log.info if up else log.warning)("chat: %s", detail)
        self.feed(Linked(up, detail))

    # Carrying out.

    def feed(self, command: Command) -> None:
        """Give the core a command, and carry out what it decides. What comes of that meanwhile waits its turn."""
        self._commands.append(command)
        if self._is_handling:
            return
        self._is_handling = True
        try:
            while self._commands:
                self._handle(self._commands.popleft())
        finally:
            self._is_handling = False

    def _handle(self, command: Command) -> None:
        try:
            effects = self._chat.handle(command, Now(time.time(), self._loop.time()))
        except Exception:
            log.exception("chat: a fault in handling %s", type(command).__name__)
            self.counts["faults"] += 1
            if isinstance(command, Asked) and (line := self._lines.get(command.session)) is not None:
                line.end("fault", Reason.HANDLER_ERROR)
            return
        for effect in effects:
            CARRY_OUT[type(effect)](self, effect)

    def tell(self, effect: Tell) -> None:
        """Give a notice to sessions; it is encoded once for all of a family.

        The loop is what a delivery costs: nothing is in it that can stand outside.
        """
        notice, origin, find, ready = effect.notice, effect.origin, self._lines.get, self._ready
        packets: dict[str, Packet | None] = {}
        if len(effect.sessions) == 1:
            self._tell_front(effect)
        if not ready:
            self._flush_soon()
        for number in effect.sessions:
            line = find(number)
            if line is None:
                continue
            family = line.family
            if family in packets:
                packet = packets[family]
            else:
                packet = packets[family] = _packet(family, effect)
            if packet is None or (number == origin and family == TEXT):
                continue
            if line.is_free:
                line.is_free = False
                line.first = packet
                ready.append(line)
            else:
                line.put(packet)
        if isinstance(notice, Message):
            self.counts["deliveries"] += len(effect.sessions)

    def _tell_front(self, effect: Tell) -> None:
        line = self._lines.get(next(iter(effect.sessions)))
        if line is not None and line.front is not None:
            line.front.told(effect.notice)

    def ask(self, effect: Ask) -> None:
        """Ask the store; for a session that has not taken what it was told before, when it has.

        A long gap is filled page by page, and a slow reader must not be drowned in what it has asked for.
        """
        pending = self._chat.world.tickets.get(effect.ticket)
        line = None if pending is None else self._lines.get(pending.session)
        if line is not None and not line.is_free:
            line.questions.append(effect)
        else:
            self.read(effect)

    def read(self, effect: Ask) -> None:
        """Ask the store at once."""
        ticket = effect.ticket
        self._store.read(effect.query, lambda found: self._later(self._found, ticket, found))

    def _found(self, ticket: int, found: Found) -> None:
        self.feed(Read(ticket, found))

    def hash_password(self, effect: HashPassword) -> None:
        """Make a secret of a password."""
        ticket = effect.ticket
        self._passwords.hash(effect.password, lambda secret: self._later(self.feed, Checked(ticket, secret=secret)))

    def check_password(self, effect: CheckPassword) -> None:
        """Check a password."""
        ticket = effect.ticket
        self._passwords.check(
            effect.password, effect.secret, lambda right: self._later(self.feed, Checked(ticket, is_right=right))
        )

    def end(self, effect: End) -> None:
        """End a session behind what it was told."""
        line = self._lines.get(effect.session)
        if line is not None:
            line.end(effect.code, REASONS.get(effect.code))

    def propose(self, effect: Propose) -> None:
        """Give an entry to the bus."""
        self._unstored += 1
        self._bus.propose(effect.entry)

    def came(self, effect: Came) -> None:
        """Tell the other nodes."""
        self._bus.came(effect.room, effect.person)

    def went(self, effect: Went) -> None:
        """Tell the other nodes."""
        self._bus.went(effect.room, effect.person)

    def pass_on(self, effect: PassOn) -> None:
        """Pass something on to the other nodes."""
        self._bus.pass_on(effect.document)

    def _later(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Call something in the event loop, from another thread."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            # The loop is closed: nobody waits for this any more.
            log.debug("chat: too late for %s", call)

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(TICK_SECONDS, self._tick)
        self.feed(Tick())
        now = self._loop.time()
        for line in list(self._lines.values()):
            if line.family == Family.WEB.value:
                line.tick(now)

    # Who browses.

    def browses(self, address: str) -> None:
        """From this address a page is asked for now."""
        self._browsing.pop(address, None)
        self._browsing[address] = self._loop.time()
        if len(self._browsing) > MOST_BROWSING:
            del self._browsing[next(iter(self._browsing))]

    def is_browsing(self, address: str, seconds: float) -> bool:
        """Whether a page was asked for from this address within the last `seconds`."""
        return self._loop.time() - self._browsing.get(address, float("-inf")) < seconds

    # Looking at it.

    @property
    def chat(self) -> Chat:
        """The core."""
        return self._chat

    @property
    def store(self) -> History:
        """The history."""
        return self._store

    @property
    def lines(self) -> dict[int, Line]:
        """The sessions, by number."""
        return self._lines


def _settle(future: asyncio.Future[list[Outcome]], outcomes: list[Outcome]) -> None:
    if not future.done():
        future.set_result(outcomes)


def _packet(family: str, effect: Tell) -> Packet | None:
    notice = effect.notice
    data = SHOW[family](notice)
    if not data:
        return None
    if isinstance(notice, Message):
        return Packet(data, effect.is_ephemeral, notice.room, notice.seq)
    if isinstance(notice, Page) and notice.kind in ("resume", "tail") and notice.messages:
        # Who reads too slowly to get it has to come back for it, too.
        return Packet(data, effect.is_ephemeral, notice.room, notice.messages[0].seq)
    return Packet(data, effect.is_ephemeral)


CARRY_OUT: dict[type[Effect], Callable[[Hub, Any], None]] = {
    Tell: Hub.tell,
    Propose: Hub.propose,
    Ask: Hub.ask,
    HashPassword: Hub.hash_password,
    CheckPassword: Hub.check_password,
    End: Hub.end,
    Came: Hub.came,
    Went: Hub.went,
    PassOn: Hub.pass_on,
}

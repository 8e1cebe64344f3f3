"""The bus of one process: it has no wire. Several nodes of one process may share a log, as those of a cluster do."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence

from landline.chat.beginning import new_genesis
from landline.chat.entries import AnyEntry, Genesis
from landline.chat.notices import Person
from landline.chat.ports import Node
from landline.errors import ChatError

MOST_WAITING = 16_384
"""Proposed entries that may wait for one node's store; more are not taken."""
BATCH_ENTRIES = 256
"""What a store is given at once: the most that one commit takes."""
RETRY_SECONDS = 0.25
"""How soon a node that shares its log is given again what it could not store."""
STOP_SECONDS = 5.0
"""How long the end waits for what was proposed."""
FULL = f"{MOST_WAITING} messages wait to be stored; try again a little later"
NOT_STORED = "it could not be stored; nothing of it was kept; try again later"

Placed = tuple[int, AnyEntry]
"""An entry with its position in the log."""
Seat = tuple[str, Person]
"""A room ("" for being here at all) and a person."""


class LocalLog:
    """A log that several nodes of one process share. It keeps every entry in memory: for tests and trials."""

    def __init__(self) -> None:
        self.entries: list[AnyEntry] = []
        self.members: dict[str, LocalBus] = {}
        self._known: set[str] = set()

    def append(self, entry: AnyEntry) -> None:
        """Give an entry its place, unless it has one already, and hand it to every node."""
        if entry.id in self._known:
            return
        self._known.add(entry.id)
        self.entries.append(entry)
        for member in self.members.values():
            member.offer((len(self.entries), entry))

    def others(self, than: LocalBus) -> list[LocalBus]:
        """The other nodes that are there."""
        return [member for member in self.members.values() if member is not than]


class LocalBus:
    """The order of entries of one process. Without a `log` to share, entries have no positions and nothing is kept;
    one that cannot be stored is then not taken, as there is nobody else who has it."""

    def __init__(self, log: LocalLog | None = None) -> None:
        self.name = secrets.token_hex(8)
        self._log = log
        self._node: Node | None = None
        self._waiting: deque[Placed] = deque()
        self._seats: dict[tuple[str, str], Person] = {}
        self._more = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self, node: Node, position: int, genesis: Genesis | None) -> Genesis | None:
        """Begin, behind `position` of the log; see ports.Bus. Raises ChatError if the log is of another chat."""
        found = new_genesis() if genesis is None else None
        if self._log is not None:
            found = self._agree(self._log, position, genesis)
            self._waiting.extend(enumerate(self._log.entries[position:], position + 1))
            self._log.members[self.name] = self
        self._node = node
        self._pump = asyncio.get_running_loop().create_task(self._deliver(node))
        self._meet()
        return found

    async def caught_up(self) -> None:
        """Wait until what was in the log has been delivered."""
        known = set(map(id, self._waiting))
        while known & set(map(id, self._waiting)):
            await asyncio.sleep(0)

    def propose(self, entry: AnyEntry) -> None:
        """Give an entry its place in the log; it comes back with `deliver`."""
        if self._stopping or len(self._waiting) >= MOST_WAITING:
            self._fail([entry], "this node is stopping" if self._stopping else FULL)
        elif self._log is None:
            self.offer((0, entry))
        else:
            self._log.append(entry)

    def offer(self, placed: Placed) -> None:
        """Take an entry that has its place, to give it to the node."""
        self._waiting.append(placed)
        self._more.set()

    def came(self, room: str, person: Person) -> None:
        """Tell the others that somebody has come to a room."""
        self._seats[room, person.id] = person
        self._tell(lambda node: node.present(self.name, [(room, person)], whole=False))

    def went(self, room: str, person: Person) -> None:
        """Tell the others that somebody has gone from a room."""
        if self._seats.pop((room, person.id), None) is not None:
            self._tell(lambda node: node.absent(self.name, [(room, person)]))

    def pass_on(self, document: bytes) -> None:
        """Pass something ephemeral to the other nodes."""
        self._tell(lambda node: node.passing(document))

    async def stop(self) -> None:
        """Deliver what was proposed (at most 5 s), tell the others, and end."""
        if self._stopping:
            return
        self._stopping = True
        self._more.set()
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=STOP_SECONDS)
        await self.abort()

    async def abort(self) -> None:
        """End at once, as if the process had been killed: the others only see that this node is gone."""
        self._stopping = True
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})
        if self._log is not None and self._log.members.pop(self.name, None) is not None:
            self._tell(lambda node: node.absent(self.name, None))

    def _agree(self, log: LocalLog, position: int, genesis: Genesis | None) -> Genesis | None:
        """Whether the store and a log belong together. Returns the genesis that the store must take over, if any."""
        if not log.entries:
            if genesis is not None:
                raise ChatError("the log is empty, but this store has a chat in it: start with a new --data")
            log.append(new_genesis())
        first = log.entries[0]
        assert isinstance(first, Genesis)
        if genesis is not None and genesis.epoch != first.epoch:
            raise ChatError(f"the store belongs to the chat {genesis.epoch}, and the log to {first.epoch}")
        if position > len(log.entries):
            raise ChatError(f"the log ends at entry {len(log.entries)}, and this node has applied {position}")
        return first if genesis is None else None

    def _meet(self) -> None:
        """Tell this node who is on the others."""
        for other in self._log.others(self) if self._log is not None else ():
            if self._node is not None:
                self._node.present(other.name, other._all_seats(), whole=True)

    def _all_seats(self) -> list[Seat]:
        return [(room, person) for (room, _), person in self._seats.items()]

    def _tell(self, say: Callable[[Node], None]) -> None:
        """Say something to all other nodes, in order, when this call is over."""
        for other in self._log.others(self) if self._log is not None else ():
            if other._node is not None:
                asyncio.get_running_loop().call_soon(say, other._node)

    async def _deliver(self, node: Node) -> None:
        """Give the node what waits, until it is told to stop and nothing waits any more."""
        while self._waiting or not self._stopping:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
                continue
            batch = [self._waiting[at] for at in range(min(len(self._waiting), BATCH_ENTRIES))]
            stored = await node.deliver(batch)
            if not stored and self._log is not None:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for _ in batch:
                self._waiting.popleft()
            if not stored:
                self._fail([entry for _, entry in batch], NOT_STORED)

    def _fail(self, entries: Sequence[AnyEntry], why: str) -> None:
        """Tell the node that entries were not taken, when the present call is over."""
        for entry in entries:
            asyncio.get_running_loop().call_soon(self._report, entry, why)

    def _report(self, entry: AnyEntry, why: str) -> None:
        if self._node is not None:
            self._node.failed(entry, why, unsure=False)

"""The bus of several nodes: a stream of NATS JetStream is the log, and each node has a lease.

`NatsBus` keeps one link with the cluster. When it is lost everything on it is over; another is made at once, and
reading goes on behind what was read. What the node has proposed is published again under its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Coroutine
from typing import Any

import msgspec

from landline.chat.cluster import Cluster, parse_cluster
from landline.chat.entries import AnyEntry, Genesis
from landline.chat.natslink import UNAVAILABLE, Link, LinkLost, NoAnswer, Refused, end_tasks
from landline.chat.natspresence import NatsPresence, open_leases
from landline.chat.natsstream import (
    EPOCH,
    ID,
    Hole,
    Names,
    Pull,
    Received,
    agree,
    check_reach,
    head_of,
    message_at,
    open_stream,
)
from landline.chat.notices import Person
from landline.chat.ports import Node
from landline.chat.proposals import Proposals
from landline.errors import ChatError

BATCH_ENTRIES = 256
"""What a store is given at once: the most that one commit takes."""
MOST_READ = 1024
"""Entries that may wait for the store, before the log is read on."""
FIRST_RETRY_SECONDS = 0.1
MOST_RETRY_SECONDS = 0.5
"""How soon a lost link, or a store that could not store, is tried again."""
STOP_SECONDS = 3.0
CATCH_UP_SECONDS = 60.0
CATCH_UP_PAUSE_SECONDS = 0.02
SWEEP_SECONDS = 0.5

# Members read these, so they say nothing of machines; the log has the reason.
UP = "the other nodes of this chat can be reached again"
DOWN = "the other nodes of this chat cannot be reached for now; what you say waits for them, up to 30 s"
STUCK = "this node can no longer follow the chat; whoever runs it finds the reason in its log"
NOT_ACKNOWLEDGED = "the other nodes of this chat could not be reached in time"

_log = logging.getLogger("landline.chat")


class Stuck(Exception):
    """The log cannot be followed: a sentence says why and what to do."""


class LogReader:
    """Reads the log behind `position` and gives it to a node, each entry once and in order."""

    def __init__(self, names: Names, own: str, position: int, epoch: str) -> None:
        self._names = names
        self._own = own
        self._epoch = epoch
        self.position = position
        """How far was read."""
        self.last_id = ""
        """The id of the entry there, if it was read in this run."""
        self._waiting: deque[tuple[int, AnyEntry]] = deque()
        self._more = asyncio.Event()
        self._less = asyncio.Event()
        self._hole_seen = 0

    def has_delivered(self, position: int) -> bool:
        """Whether the node has everything up to there."""
        return self.position >= position and not self._waiting

    async def read(self, link: Link) -> None:
        """Read on, until the link is lost. Raises Stuck, and what Link raises."""
        while True:
            pull = Pull(link, self._names.stream, f"{self._own}-{secrets.token_hex(4)}")
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self.position + 1}
            try:
                await pull.run(start, self._take)
            except (Hole, NoAnswer) as error:
                _log.info("the log is read anew behind %d: %s", self.position, error)
            except Refused as refused:
                if refused.code != UNAVAILABLE:
                    raise
            await asyncio.sleep(FIRST_RETRY_SECONDS)

    async def deliver(self, node: Node) -> None:
        """Give the node what was read; what it could not store, again."""
        pause = FIRST_RETRY_SECONDS
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            batch = [self._waiting[at] for at in range(min(len(self._waiting), BATCH_ENTRIES))]
            if not await node.deliver(batch):
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_RETRY_SECONDS)
                continue
            pause = FIRST_RETRY_SECONDS
            for _ in batch:
                self._waiting.popleft()
            self._less.set()

    async def _take(self, batch: list[Received]) -> None:
        for one in batch:
            self._take_one(one)
        while len(self._waiting) >= MOST_READ:
            self._less.clear()
            await self._less.wait()

    def _take_one(self, one: Received) -> None:
        if one.position <= self.position:
            return
        if one.position > self.position + 1:
            self._look_at_hole(one.position)
        if one.headers.get(EPOCH) != self._epoch:
            _log.warning("entry %d of the log was not written by this chat; it is left out", one.position)
        else:
            self._keep(one)
        self.position = one.position
        self.last_id = one.headers.get(ID, "")

    def _keep(self, one: Received) -> None:
        try:
            entry = one.entry()
        except msgspec.DecodeError as error:
            raise Stuck(
                f"entry {one.position} of the log cannot be read by this version ({error}): "
                "run the same version of landline on all nodes"
            ) from None
        self._waiting.append((one.position, entry))
        self._more.set()

    def _look_at_hole(self, position: int) -> None:
        """Entries are missing in front of this one: read again, and if they are still missing, they were removed."""
        if self._hole_seen != position:
            self._hole_seen = position
            raise Hole(f"entry {position} came behind {self.position}")
        _log.error("entries %d to %d were removed from the log", self.position + 1, position - 1)


class NatsBus:
    """A bus on NATS; see ports.Bus. `address` as in `nats://host:4222/NAME`. Raises AddressError."""

    def __init__(self, address: str | Cluster) -> None:
        self.cluster = parse_cluster(address) if isinstance(address, str) else address
        self.name = secrets.token_hex(8)
        self._names = Names(self.cluster.name)
        self._presence = NatsPresence(self._names, self.name)
        self._proposals = Proposals(self._names, self._failed)
        self._reader: LogReader | None = None
        self._node: Node | None = None
        self._link: Link | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_up = True
        self._stopping = False
        self._goal = 0
        self.trouble = ""
        """Why the log cannot be followed now, for whoever runs the node; "" if it can."""

    async def start(self, node: Node, position: int, genesis: Genesis | None) -> Genesis | None:
        """Connect, agree on the beginning, and follow the log behind `position`.

        Takes at most some seconds. Raises ChatError if there is no server, if it cannot be used, or if log and store
        do not belong together.
        """
        link = await self._dial()
        try:
            log = await link.unless_lost(self._open(link, position, genesis))
        except LinkLost as lost:
            await link.close()
            raise ChatError(f"{self.cluster} was lost while the chat began: {lost}") from None
        except BaseException:
            await link.close()
            raise
        self._node = node
        self._reader = LogReader(self._names, self.name, position, log.epoch)
        self._proposals.epoch = log.epoch
        self._presence.begin(node)
        self._link = link
        for work in (self._keep_linked(link), self._reader.deliver(node), self._sweep()):
            task = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(_report)
            self._tasks.append(task)
        return log if genesis is None else None

    async def caught_up(self) -> None:
        """Wait until what was in the log when it was opened has been delivered; a minute at most."""
        assert self._reader is not None
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while not self._reader.has_delivered(self._goal):
                    await asyncio.sleep(CATCH_UP_PAUSE_SECONDS)
        except TimeoutError:
            _log.warning("the log is read up to %d of %d only; the rest follows", self._reader.position, self._goal)

    def propose(self, entry: AnyEntry) -> None:
        """Give an entry its place in the log, within 30 s; if the cluster is away, as soon as it is back."""
        if self._stopping:
            self._failed(entry, "this node is stopping", False)
        else:
            self._proposals.add(entry, asyncio.get_running_loop().time())

    def came(self, room: str, person: Person) -> None:
        """Tell the others that somebody has come to a room."""
        self._presence.came(room, person)

    def went(self, room: str, person: Person) -> None:
        """Tell the others that somebody has gone from a room."""
        self._presence.went(room, person)

    def pass_on(self, document: bytes) -> None:
        """Pass something ephemeral to the other nodes."""
        self._presence.pass_on(document)

    async def stop(self) -> None:
        """Publish what was proposed (at most 3 s), give up the lease, and end."""
        if self._stopping:
            return
        self._stopping = True
        await self._proposals.drained(STOP_SECONDS if self._is_up else 0.0)
        link = self._link
        if link is not None and not link.lost.is_set():
            with contextlib.suppress(LinkLost, NoAnswer, Refused):
                await self._presence.leave(link)
        await self._end()
        if link is not None:
            await link.close()

    async def abort(self) -> None:
        """End at once, as if the process had been killed."""
        self._stopping = True
        if self._link is not None:
            self._link.abort()
        await self._end()
        if self._link is not None:
            await self._link.close()

    async def _end(self) -> None:
        await end_tasks(self._tasks)
        await self._proposals.unlink()

    async def _dial(self) -> Link:
        link = Link()
        await link.dial(self.cluster, f"landline chat {self.name}")
        return link

    async def _open(self, link: Link, position: int, genesis: Genesis | None) -> Genesis:
        """Find or make what a chat needs on the servers. Raises ChatError."""
        try:
            await open_leases(link, self._names, self.cluster.replicas)
            head = await open_stream(link, self.cluster)
            self._goal = head.last
            return await agree(link, self._names, head, position, genesis)
        except Refused as refused:
            if refused.code == UNAVAILABLE and not refused.number:
                raise ChatError(
                    f"{self.cluster} has no JetStream, or it is not ready: start nats-server with -js"
                ) from None
            raise ChatError(f"{self.cluster} refuses what a chat needs: {refused}") from None
        except NoAnswer as error:
            raise ChatError(f"{self.cluster} was lost while the chat began: {error}") from None

    async def _keep_linked(self, link: Link) -> None:
        """Work on the link, and on another when it is lost; until the log cannot be followed any more."""
        try:
            while True:
                await self._work(link)
                await self._unlink()
                await asyncio.sleep(FIRST_RETRY_SECONDS)
                link = self._link = await self._link_again()
        except Stuck as stuck:
            await self._unlink()
            self._tell_link(False, str(stuck), STUCK)

    async def _unlink(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        await self._proposals.unlink()

    async def _link_again(self) -> Link:
        """Make another link. If that takes more than one try, the node is told."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                return await self._relink()
            except ChatError as error:
                why = str(error)
            except (LinkLost, NoAnswer, Refused) as error:
                why = f"{self.cluster} is not ready: {error}"
            self._tell_link(False, why, DOWN)
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_RETRY_SECONDS)

    async def _relink(self) -> Link:
        """Connect and see that the log is the same. Raises ChatError, and what Link raises."""
        assert self._reader is not None
        link = await self._dial()
        try:
            await link.unless_lost(self._check(link, self._reader))
        except BaseException:
            await link.close()
            raise
        return link

    async def _check(self, link: Link, reader: LogReader) -> None:
        """The log must hold what was read of it, at the same place."""
        check_reach(self._names, await head_of(link, self._names), reader.position)
        await open_leases(link, self._names, self.cluster.replicas)
        if not reader.last_id:
            return
        found = await message_at(link, self._names, reader.position)
        if found is not None and found[0].get(ID) != reader.last_id:
            raise ChatError(
                f"entry {reader.position} of the log {self._names.stream} is another than it was: "
                "the servers have lost what they had; stop this node and start it with a new --data"
            )

    async def _work(self, link: Link) -> None:
        """Do everything on a link until it is lost. Raises Stuck."""
        assert self._reader is not None
        try:
            await link.unless_lost(self._live(link, self._reader))
        except (LinkLost, NoAnswer, Refused) as error:
            _log.info("the link with %s is given up: %s", self.cluster, error)

    async def _live(self, link: Link, reader: LogReader) -> None:
        await self._presence.join(link)
        self._proposals.link(link)
        self._tell_link(True, "", UP)
        await _until_one_ends(
            reader.read(link),
            self._presence.watch(link),
            self._presence.renew(link),
            self._presence.tell(link),
            self._presence.look(link),
        )

    async def _sweep(self) -> None:
        """Give up proposals whose time is over."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._proposals.expire(asyncio.get_running_loop().time(), NOT_ACKNOWLEDGED)

    def _tell_link(self, up: bool, trouble: str, told: str) -> None:
        if trouble and trouble != self.trouble:
            _log.warning("%s", trouble)
        self.trouble = trouble
        if self._node is not None and up != self._is_up:
            self._is_up = up
            self._node.linked(up, told)

    def _failed(self, entry: AnyEntry, why: str, unsure: bool) -> None:
        """Tell the node when the present call is over, which may be its own."""
        if self._node is not None:
            node = self._node
            asyncio.get_running_loop().call_soon(lambda: node.failed(entry, why, unsure=unsure))


def _report(task: asyncio.Task[None]) -> None:
    """None of these tasks ends by itself; if one does, somebody must know."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("the bus has failed", exc_info=error)


async def _until_one_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Run all of these until one ends, then end the others. Raises what that one has raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(tasks)
    for task in done:
        task.result()

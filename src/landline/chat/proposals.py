"""What a node wants to have in the log: published with its id until it is acknowledged, each room in order.

That no acknowledgement came does not mean that the entry is not in the log, so it is published again under the same id,
which the log takes once. One entry of a room is on its way at a time; rooms do not wait for each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from landline.chat.entries import AnyEntry, encode_entry
from landline.chat.natslink import Link, LinkLost, NoAnswer, Refused, end_tasks
from landline.chat.natsstream import EPOCH, ID, Names, is_passing

PROPOSAL_SECONDS = 30.0
"""How long a proposal is tried. The log knows ids for ten minutes."""
RETRY_SECONDS = 0.1
MOST_PROPOSALS = 8192
REFUSED = "the other nodes of this chat do not take it; whoever runs this node finds the reason in its log"
FULL = f"{MOST_PROPOSALS} messages wait for the other nodes; try again a little later"

_log = logging.getLogger("landline.chat")

Failed = Callable[[AnyEntry, str, bool], None]
"""Gets an entry that was not taken, why, and whether it may come all the same."""


class Proposal:
    """An entry on its way. `was_sent`: it may be in the log."""

    __slots__ = ("document", "entry", "expires_at", "is_over", "was_sent")

    def __init__(self, entry: AnyEntry, expires_at: float) -> None:
        self.entry = entry
        self.document = encode_entry(entry)
        self.expires_at = expires_at
        self.was_sent = False
        self.is_over = False


class Proposals:
    """All that waits. With a link it is published; without, it waits for one, until its time is over."""

    def __init__(self, names: Names, failed: Failed) -> None:
        self.epoch = ""
        self._names = names
        self._failed = failed
        self._lanes: dict[str, deque[Proposal]] = {}
        self._count = 0
        self._link: Link | None = None
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, entry: AnyEntry, now: float) -> None:
        """Propose an entry. `now` is the clock of the event loop."""
        if self._count >= MOST_PROPOSALS:
            self._failed(entry, FULL, False)
            return
        lane = getattr(entry, "room", "") or type(entry).__struct_config__.tag
        self._lanes.setdefault(str(lane), deque()).append(Proposal(entry, now + PROPOSAL_SECONDS))
        self._count += 1
        self._idle.clear()
        self._work(str(lane))

    def link(self, link: Link) -> None:
        """Publish on this link from now on, first what was on its way on another."""
        self._link = link
        for lane in self._lanes:
            self._work(lane)

    async def unlink(self) -> None:
        """The link is lost."""
        self._link = None
        await end_tasks(self._workers.values())
        self._workers.clear()

    def expire(self, now: float, why: str) -> None:
        """Give up what has waited too long."""
        for lane in list(self._lanes.values()):
            for one in lane:
                if one.expires_at > now:
                    break
                self._over(one, why, one.was_sent)
        if self._link is None:
            for name in list(self._lanes):
                self._trim(name)

    async def drained(self, seconds: float) -> None:
        """Wait until nothing waits, at most so long; then give up the rest."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            pass
        self.expire(float("inf"), "this node stops")

    def _work(self, lane: str) -> None:
        if self._link is not None and lane not in self._workers:
            self._workers[lane] = asyncio.get_running_loop().create_task(self._work_off(self._link, lane))

    async def _work_off(self, link: Link, name: str) -> None:
        """Publish what a room has, one after the other, until nothing is left or the link is lost."""
        try:
            while (lane := self._trim(name)) is not None:
                if not await self._publish(link, self._names.subject(name), lane[0]):
                    await asyncio.sleep(RETRY_SECONDS)
        except LinkLost:
            pass
        finally:
            if self._workers.get(name) is asyncio.current_task():
                del self._workers[name]

    async def _publish(self, link: Link, subject: str, one: Proposal) -> bool:
        """Publish once. Returns False if it must be tried again. Raises LinkLost."""
        headers = {ID: one.entry.id, EPOCH: self.epoch, "Nats-Expected-Stream": self._names.stream}
        was_sent, one.was_sent = one.was_sent, True
        try:
            await link.ask(subject, one.document, headers)
        except NoAnswer:
            return False
        except Refused as refused:
            one.was_sent = was_sent
            if is_passing(refused):
                return False
            _log.warning("the cluster has not taken an entry: %s", refused)
            self._over(one, REFUSED, False)
        one.is_over = True
        return True

    def _trim(self, name: str) -> deque[Proposal] | None:
        """Drop what is over from the front of a lane; None if nothing is left."""
        lane = self._lanes.get(name)
        while lane and lane[0].is_over:
            lane.popleft()
            self._count -= 1
        if lane:
            return lane
        self._lanes.pop(name, None)
        if not self._lanes:
            self._idle.set()
        return None

    def _over(self, one: Proposal, why: str, unsure: bool) -> None:
        if not one.is_over:
            one.is_over = True
            self._failed(one.entry, why, unsure)

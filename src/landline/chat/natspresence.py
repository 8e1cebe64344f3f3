"""Leases and reports of who is where, on NATS: the bucket of leases, and subjects of which nothing is kept."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from landline.chat.effects import Absent, Present
from landline.chat.natslink import LEAST_VERSION, Link, LinkLost, NoAnswer, Refused, version_of
from landline.chat.natsstream import NAME_IN_USE, SECOND, Hole, Names, Pull, Received, is_passing
from landline.chat.neighbours import LEASE_SECONDS, Neighbours, Roster, decode_report
from landline.chat.notices import Person
from landline.chat.ports import Node
from landline.errors import ChatError

if TYPE_CHECKING:
    from nats.aio.msg import Msg

RENEW_SECONDS = 1.0
MARKER_SECONDS = 10
"""How long the server remembers that a lease has run out: long enough for whoever reads."""
GATHER_SECONDS = 0.02
"""Who comes and goes within this time is told at once."""
REBUILD_SECONDS = 0.25
LOOK_SECONDS = 0.25
MOST_PASSING = 1000
MOST_PASSING_BYTES = 64 * 1024
WHO, ASK, PASS = "who", "ask", "pass"


async def open_leases(link: Link, names: Names, replicas: int) -> None:
    """Find the bucket of leases, or make it. Raises ChatError, and what Link.ask raises."""
    if version_of(link) < LEAST_VERSION:
        version = ".".join(map(str, version_of(link)))
        raise ChatError(f"the server of NATS is version {version}, which does not tell when a lease ends: take 2.11")
    config = {
        "name": names.leases,
        "subjects": [names.lease(">")],
        "max_msgs_per_subject": 1,
        "max_age": int(LEASE_SECONDS) * SECOND,
        "duplicate_window": int(LEASE_SECONDS) * SECOND,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": MARKER_SECONDS * SECOND,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "discard": "new",
        # A lease is worth nothing after a restart of the server.
        "storage": "memory",
        "num_replicas": replicas,
        "retention": "limits",
    }
    try:
        await link.manage(f"STREAM.CREATE.{names.leases}", config)
    except Refused as refused:
        if refused.number != NAME_IN_USE:
            raise


class NatsPresence:
    """Who is on this node, told to the others, and who is on the others, told to the node."""

    def __init__(self, names: Names, own: str) -> None:
        self._names = names
        self._own = own
        self._roster = Roster()
        self._neighbours = Neighbours()
        self._news = asyncio.Event()
        self._passing: deque[bytes] = deque(maxlen=MOST_PASSING)
        self._node: Node | None = None

    def begin(self, node: Node) -> None:
        """Tell this node about the others from now on."""
        self._node = node

    def came(self, room: str, person: Person) -> None:
        """Somebody of this node has come to a room."""
        self._roster.came(room, person)
        self._news.set()

    def went(self, room: str, person: Person) -> None:
        """Somebody of this node has gone from a room."""
        self._roster.went(room, person)
        self._news.set()

    def pass_on(self, document: bytes) -> None:
        """Something ephemeral for the others; too large or too much of it is lost."""
        if len(document) <= MOST_PASSING_BYTES:
            self._passing.append(document)
            self._news.set()

    async def join(self, link: Link) -> None:
        """Take a lease, listen, and tell everybody. Raises what Link raises."""
        self._neighbours.linked(_now())
        self._passing.clear()
        await link.subscribe(f"{self._names.now}.*.*", self._heard)
        await self._renew_once(link)
        self._roster.asked()
        self._news.set()
        await self._ask(link, "")

    async def leave(self, link: Link) -> None:
        """Give the lease up, so that the others need not wait until it has run out."""
        await link.send(self._names.lease(self._own), b"", headers={"KV-Operation": "DEL"})
        await link.flush()

    async def renew(self, link: Link) -> None:
        """Keep the lease. It also shows whether the link is alive; if it is not, it is given up."""
        last = _now()
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._renew_once(link)
                last = _now()
            except (NoAnswer, Refused) as error:
                if isinstance(error, NoAnswer) or not is_passing(error) or _now() > last + LEASE_SECONDS:
                    link.lose(f"the lease of this node cannot be renewed: {error}")
                    raise LinkLost(link.why) from None

    async def tell(self, link: Link) -> None:
        """Tell the others what there is to tell, as it comes."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._passing:
                await link.send(self._subject(PASS), self._passing.popleft())
            if self._roster.has_news:
                await asyncio.sleep(GATHER_SECONDS)
                for document in self._roster.reports():
                    await link.send(self._subject(WHO), document)

    async def watch(self, link: Link) -> None:
        """Follow the leases of all nodes."""
        start = {"deliver_policy": "last_per_subject", "filter_subject": self._names.lease(">")}
        while True:
            pull = Pull(link, self._names.leases, f"{self._own}-{secrets.token_hex(4)}")
            with contextlib.suppress(Hole, NoAnswer, Refused):
                await pull.run(start, self._leases)
            await asyncio.sleep(REBUILD_SECONDS)

    async def look(self, link: Link) -> None:
        """See who has not shown up, and ask whom we do not know."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            gone, unknown = self._neighbours.due(_now())
            self._say(gone)
            for node in unknown:
                await self._ask(link, node)

    async def _leases(self, batch: list[Received]) -> None:
        prefix = len(self._names.lease(""))
        for one in batch:
            node = one.subject[prefix:]
            if node == self._own:
                continue
            if one.headers.get("KV-Operation") == "DEL":
                self._say(self._neighbours.released(node))
            elif "Nats-Marker-Reason" in one.headers:
                self._say(self._neighbours.expired(node, _now()))
            else:
                self._neighbours.leased(node, int(one.body) if one.body.isdigit() else 0, _now())

    async def _heard(self, message: Msg) -> None:
        kind, node = message.subject.rsplit(".", 2)[1:]
        if node == self._own or self._node is None:
            return
        if kind == PASS:
            self._node.passing(message.data)
        elif kind == ASK and message.data.decode("ascii", "replace") in ("", self._own):
            self._roster.asked()
            self._news.set()
        elif kind == WHO:
            with contextlib.suppress(msgspec.DecodeError):
                self._say(self._neighbours.heard(node, decode_report(message.data), _now()))

    async def _ask(self, link: Link, node: str) -> None:
        """Ask a node for all its people, or ("") every node."""
        await link.send(self._subject(ASK), node.encode())

    async def _renew_once(self, link: Link) -> None:
        await link.ask(self._names.lease(self._own), str(self._roster.number).encode())

    def _say(self, effects: Sequence[Present | Absent]) -> None:
        for effect in effects if self._node is not None else ():
            assert self._node is not None
            if isinstance(effect, Present):
                self._node.present(effect.node, effect.people, whole=effect.whole)
            else:
                self._node.absent(effect.node, effect.people)

    def _subject(self, kind: str) -> str:
        return f"{self._names.now}.{kind}.{self._own}"


def _now() -> float:
    return asyncio.get_running_loop().time()

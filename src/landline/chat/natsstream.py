"""The log as a stream of JetStream: how it is made, how its beginning is agreed on, and reading it without a hole."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from landline.chat.beginning import new_genesis
from landline.chat.cluster import Cluster
from landline.chat.entries import AnyEntry, Genesis, decode_entry, encode_entry
from landline.chat.natslink import UNAVAILABLE, Link, NoAnswer, Refused
from landline.errors import ChatError

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

SECOND = 1_000_000_000
"""JetStream counts nanoseconds."""
DUPLICATE_SECONDS = 600
"""How long the stream knows the ids of entries: far longer than a proposal is repeated."""
PULL_MESSAGES = 256
"""Messages asked for at once; twice as many may wait here."""
PULL_SECONDS = 10
HEARTBEAT_SECONDS = 1
SILENCE_SECONDS = 3.0
"""A consumer that has not even sent a heartbeat for so long is gone."""
IDLE_SECONDS = 10
"""A consumer that nobody asks is removed by the server after so long: nothing is left of a node that was killed."""
EPOCH = "Chat-Epoch"
ID = "Nats-Msg-Id"
NO_STREAM, NO_MESSAGE, NAME_IN_USE, WRONG_LAST = 10059, 10037, 10058, 10071
"""Numbers of JetStream's errors."""
_PLAIN = re.compile(r"[a-z0-9_-]{1,64}")


class Names(NamedTuple):
    """What a chat is called on NATS."""

    name: str

    @property
    def stream(self) -> str:
        """The stream that is the log."""
        return f"CHAT_{self.name}"

    @property
    def leases(self) -> str:
        """The bucket of leases, as a stream."""
        return f"KV_CHAT_{self.name}_NODES"

    @property
    def log(self) -> str:
        """What the subjects of all entries begin with."""
        return f"chat.{self.name}.log"

    @property
    def now(self) -> str:
        """What the subjects of what is not kept begin with."""
        return f"chat.{self.name}.now"

    def subject(self, lane: str) -> str:
        """The subject of a room, or of a kind of entries."""
        return f"{self.log}.{lane if _PLAIN.fullmatch(lane) else 'x' + lane.encode().hex()}"

    def lease(self, node: str) -> str:
        """The subject of a node's lease."""
        return f"$KV.CHAT_{self.name}_NODES.{node}"


class Head(NamedTuple):
    """What a stream holds."""

    first: int
    last: int


async def open_stream(link: Link, cluster: Cluster) -> Head:
    """Find the stream, or make it. Raises ChatError, and what Link.ask raises."""
    names = Names(cluster.name)
    try:
        return await head_of(link, names)
    except Refused as refused:
        if refused.number != NO_STREAM:
            raise
    config = {
        "name": names.stream,
        "description": "The log of a chat; every node has a copy. It must not be purged.",
        "subjects": [f"{names.log}.>"],
        "retention": "limits",
        "storage": "file",
        "num_replicas": cluster.replicas,
        "duplicate_window": DUPLICATE_SECONDS * SECOND,
        "allow_direct": True,
        "deny_delete": True,
        "max_age": 0,
    }
    with contextlib.suppress(Refused):  # Another node was quicker; if it was something else, the next line tells.
        await link.manage(f"STREAM.CREATE.{names.stream}", config)
    return await head_of(link, names)


async def head_of(link: Link, names: Names) -> Head:
    """What the stream holds. Raises ChatError if it is not one of ours, and what Link.ask raises."""
    info = await link.manage(f"STREAM.INFO.{names.stream}")
    subjects = info["config"].get("subjects", [])
    if subjects != [f"{names.log}.>"]:
        raise ChatError(f"the stream {names.stream} keeps {', '.join(subjects)}, so it is not of a chat: name another")
    return Head(info["state"]["first_seq"], info["state"]["last_seq"])


async def agree(link: Link, names: Names, head: Head, position: int, genesis: Genesis | None) -> Genesis:
    """Find the beginning of the log, or make it. Returns it. Raises ChatError if the store does not belong to it."""
    if head.last == 0:
        if genesis is not None:
            raise ChatError(
                f"the log {names.stream} is empty, but this store has a chat in it: "
                "start the cluster with a new --data, or give the address of the log that the store belongs to"
            )
        await _begin(link, names)
        head = await head_of(link, names)
    epoch = await epoch_at(link, names, head.first)
    if genesis is not None and genesis.epoch != epoch:
        raise ChatError(
            f"the store belongs to the chat {genesis.epoch}, and {names.stream} is the log of {epoch}: "
            "give another --data, or another name at the end of the address of the cluster"
        )
    check_reach(names, head, position)
    if genesis is not None:
        return genesis
    message = await message_at(link, names, 1)
    entry = decode_entry(message[1]) if message is not None else None
    if not isinstance(entry, Genesis):
        raise ChatError(f"the first entry of {names.stream} is not the beginning of a chat: name another stream")
    return entry


async def _begin(link: Link, names: Names) -> None:
    """Write the beginning, unless another node was quicker."""
    genesis = new_genesis()
    headers = {ID: genesis.id, EPOCH: genesis.epoch, "Nats-Expected-Last-Sequence": "0"}
    try:
        await link.ask(names.subject("genesis"), encode_entry(genesis), headers)
    except Refused as refused:
        if refused.number != WRONG_LAST:
            raise


def check_reach(names: Names, head: Head, position: int) -> None:
    """Raise ChatError if what is behind `position` is not in the stream any more, or `position` itself never was."""
    if head.first > position + 1:
        raise ChatError(
            f"the log {names.stream} does not reach back to entry {position + 1}, it begins at {head.first}: "
            "copy the data folder of another node, while that one is stopped"
        )
    if head.last < position:
        raise ChatError(
            f"the log {names.stream} ends at entry {head.last}, and this node has applied {position}: "
            "the servers have lost what they had; they must have it back before this node goes on"
        )


async def epoch_at(link: Link, names: Names, position: int) -> str:
    """The epoch that an entry was written for."""
    message = await message_at(link, names, position)
    return message[0].get(EPOCH, "") if message is not None else ""


async def message_at(link: Link, names: Names, position: int) -> tuple[dict[str, str], bytes] | None:
    """Headers and body of a message of the stream; None if there is none."""
    try:
        answer = await link.manage(f"STREAM.MSG.GET.{names.stream}", {"seq": position})
    except Refused as refused:
        if refused.number == NO_MESSAGE:
            return None
        raise
    message = answer["message"]
    lines = base64.b64decode(message.get("hdrs", "")).decode("utf-8", "replace").split("\r\n")[1:]
    headers = {key: value.strip() for key, mark, value in (line.partition(":") for line in lines) if mark}
    return headers, base64.b64decode(message.get("data", ""))


class Received(NamedTuple):
    """A message of a stream."""

    position: int
    number: int
    """How many the consumer had given with this one."""
    subject: str
    headers: dict[str, str]
    body: bytes

    def entry(self) -> AnyEntry:
        """What it says. Raises msgspec.DecodeError."""
        return decode_entry(self.body)


def received(message: Msg) -> Received | None:
    """Read where a message stands from where its acknowledgement would go; None if it is of no stream.

    `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`, with domain and account in
    front of the stream since version 2 of it.
    """
    tokens = message.reply.split(".")
    if tokens[:2] != ["$JS", "ACK"] or len(tokens) < 9:
        return None
    at = 5 if len(tokens) == 9 else 7
    return Received(int(tokens[at]), int(tokens[at + 1]), message.subject, message.headers or {}, message.data)


class Hole(Exception):
    """Something is missing between what was received and what came next."""


class Pull:
    """A consumer of one stream, which is asked for a bounded number of messages at a time."""

    def __init__(self, link: Link, stream: str, name: str) -> None:
        self._link = link
        self._stream = stream
        self._name = name
        self._inbox = link.client.new_inbox()
        self._waiting: deque[Received] = deque()
        self._wake = asyncio.Event()
        self._request = 0
        self._to_come = 0
        self._number = 0
        self._heard_at = 0.0
        self._broken = ""

    async def run(self, start: dict[str, Any], take: Callable[[list[Received]], Awaitable[None]]) -> None:
        """Create the consumer (`start`: from where) and give what it has, as it comes; until it is gone.

        Returns when the consumer must be made anew. Raises Hole if the consumer's count has one, and what Link raises.
        """
        config = {
            "name": self._name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": IDLE_SECONDS * SECOND,
            "mem_storage": True,
            "num_replicas": 1,
            **start,
        }
        subscription = await self._link.subscribe(f"{self._inbox}.*", self._arrived)
        try:
            where = f"CONSUMER.CREATE.{self._stream}.{self._name}"
            await self._link.manage(where, {"stream_name": self._stream, "config": config, "action": "create"})
            self._heard()
            while not self._broken:
                await self._pull_if_wanted()
                await self._wait()
                if batch := self._batch():
                    await take(batch)
        finally:
            await self._remove(subscription)

    async def _pull_if_wanted(self) -> None:
        if self._to_come > 0 or len(self._waiting) >= PULL_MESSAGES:
            return
        self._request += 1
        self._to_come = PULL_MESSAGES
        wanted = {
            "batch": PULL_MESSAGES,
            "expires": PULL_SECONDS * SECOND,
            "idle_heartbeat": HEARTBEAT_SECONDS * SECOND,
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._link.send(subject, msgspec.json.encode(wanted), reply=f"{self._inbox}.{self._request}")
        self._heard()

    async def _wait(self) -> None:
        while not self._waiting and not self._broken and self._to_come > 0:
            self._wake.clear()
            left = self._heard_at + SILENCE_SECONDS - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(left, 0)):
                    await self._wake.wait()
            except TimeoutError:
                if asyncio.get_running_loop().time() >= self._heard_at + SILENCE_SECONDS:
                    self._broken = "it is silent"

    def _batch(self) -> list[Received]:
        batch: list[Received] = []
        while self._waiting and len(batch) < PULL_MESSAGES:
            one = self._waiting.popleft()
            if one.number != self._number + 1:
                raise Hole(f"the consumer gave {one.number} behind {self._number}")
            self._number = one.number
            batch.append(one)
        return batch

    async def _arrived(self, message: Msg) -> None:
        self._heard()
        one = received(message)
        if one is not None:
            self._to_come -= 1
            self._waiting.append(one)
        else:
            self._told(message)
        self._wake.set()

    def _told(self, message: Msg) -> None:
        """What the server says of a request of ours: 100 is a heartbeat, 408 and 404 its end in peace."""
        headers = message.headers or {}
        status = headers.get("Status", "")
        if message.subject != f"{self._inbox}.{self._request}" or status == "100":
            return
        if status in ("404", "408"):
            self._to_come = 0
        else:
            self._broken = headers.get("Description", "") or f"status {status}"

    def _heard(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()

    async def _remove(self, subscription: Subscription) -> None:
        """Remove the consumer without waiting for the answer; if nobody hears it, it goes by itself."""
        with contextlib.suppress(Exception):
            await subscription.unsubscribe()
            await self._link.send(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}", b"")


def is_passing(error: Exception) -> bool:
    """Whether an error may be gone when one tries again."""
    return isinstance(error, NoAnswer) or (isinstance(error, Refused) and error.code in (UNAVAILABLE, 500))

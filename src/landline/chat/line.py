"""One connection of a chat: its front, what waits for it, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from landline.address import TcpAddress
from landline.chat.effects import Ask
from landline.chat.fronts import Begin, Caller, Finish, Front, Heard, Switch
from landline.chat.jsonfront import JsonFront
from landline.chat.linefront import LineFront
from landline.chat.moderating import address_group
from landline.chat.notices import Notice
from landline.chat.outbox import Outbox, Packet
from landline.chat.sniffing import REFUSALS, Protocol, sniff
from landline.chat.webfront import WebFront
from landline.chat.wire import Request
from landline.errors import Reason
from landline.server.session import Session, SessionConnection

if TYPE_CHECKING:
    from landline.chat.hub import Hub

SILENT_SECONDS = 0.2
"""Who says nothing for so long is a person on nc, who waits for a greeting."""
STILL_SILENT_SECONDS = 0.01
"""The same where it was waited for a TLS handshake before, and none came."""
BROWSING_SECONDS = 600.0
"""So long after a page was asked for, a silent caller from the same address may be a browser: they connect before they
know what to ask for, and what is then greeted as a person takes the greeting for an answer."""
SHORT_GREETING = b"hi!\n"
"""What such a caller hears at first. Browsers pass over up to four bytes before an answer (measured with Chromium)."""
UNDECIDED_SECONDS = 2.0
"""How long such a caller, or one that has begun like HTTP, is waited for before it is taken for a person."""
HEAD_SECONDS = 15.0
"""A connection of the web must have become a WebSocket, or be over, by then."""
MOST_WRITTEN_BYTES = 64 * 1024
"""What is handed to the transport at once."""
LOOPBACK = ("127.", "::1", "::ffff:127.")


TURN_BYTES = 1024
"""What is heard of one caller before others have their turn: some dozen requests, about a millisecond of work."""


class Line(Session):
    """A session as the server calls it. `number` is that of the chat's session; 0 until it is one."""

    turn_bytes = TURN_BYTES

    __slots__ = (
        "_connection",
        "_head",
        "_hub",
        "_is_stuck",
        "_timer",
        "caller",
        "family",
        "first",
        "front",
        "is_ending",
        "is_free",
        "number",
        "outbox",
        "questions",
    )

    def __init__(self, hub: Hub, connection: SessionConnection, *, was_silent: bool = False) -> None:
        self._hub = hub
        self._connection = connection
        self._head = b""
        self._is_stuck = False
        self.is_ending = False
        self.is_free = True
        self.first: Packet | None = None
        self.family = ""
        self.number = 0
        self.outbox = Outbox()
        self.questions: list[Ask] = []
        """What is read for it when it has taken what waits."""
        self.front: Front | None = None
        self.caller = caller_of(connection)
        loop = asyncio.get_running_loop()
        seconds = STILL_SILENT_SECONDS if was_silent else SILENT_SECONDS
        self._timer: asyncio.TimerHandle | None = loop.call_later(seconds, self._is_silent)

    def __repr__(self) -> str:
        return f"<Line {self.number} with {self._connection.peer}>"

    # What the server calls.

    def received(self, message: bytes) -> None:
        """Bytes have arrived."""
        if self.is_ending:
            return
        if self.front is None:
            self._head += message
            protocol = sniff(self._head)
            if protocol is None:
                return
            message, self._head = self._head, b""
            self._begin(protocol)
        if self.front is not None:
            self._hear(self.front.received(message))

    def ended(self) -> bool:
        """The peer sends no more. What it has asked for is still answered."""
        if self.front is None:
            self._begin(Protocol.TEXT)
        if self.front is not None and not self.is_ending:
            head, self._head = self._head, b""
            self._hear(self.front.received(head) if head else [])
            self._hear(self.front.ended())
        if self.number and not self.is_ending:
            self._hub.ended(self)
            return True
        self.flush()
        return False

    def writable(self) -> None:
        """There is room again."""
        self._is_stuck = False
        self._hub.ready(self)

    def drain(self) -> bool:
        """The server stops."""
        if not self.number:
            return False
        self._hub.drain()
        return True

    def closed(self, reason: Reason) -> None:
        """The connection is gone."""
        self.is_ending = True
        self.is_free = False
        self._stop_timer()
        self._hub.closed(self, reason.value)

    # What the hub calls.

    def put(self, packet: Packet) -> None:
        """Say what is in a packet at the end of this turn of the loop, with all else that is said in it."""
        if self.is_free:
            self.is_free = False
            self.first = packet
            self._hub.ready(self)
        elif not self.is_ending:
            self._wait(packet)

    def _wait(self, packet: Packet) -> None:
        """Let a packet wait behind others, or leave it out."""
        bounds = self._hub.bounds
        if not self.outbox.put(packet, bounds.ephemeral_bytes):
            self._hub.counts["left_out"] += 1
        elif self._is_stuck and self.outbox.held_bytes > bounds.outbox_bytes:
            self._hub.overflowed(self)

    def flush(self) -> None:
        """Write what waits, as far as the transport takes it."""
        if self.is_ending:
            return
        first, self.first = self.first, None
        if first is not None:
            data = first.data if not self.outbox.held_bytes else first.data + self.outbox.take(MOST_WRITTEN_BYTES)
            if not self._connection.write(data):
                self._is_stuck = True
                return
        while self.outbox.held_bytes:
            if not self._connection.write(self.outbox.take(MOST_WRITTEN_BYTES)):
                self._is_stuck = True
                return
        self.is_free = True
        while self.questions and self.is_free:
            self._hub.read(self.questions.pop(0))

    def write_now(self, data: bytes) -> None:
        """Write bytes that nobody shares, behind what waits."""
        self.put(Packet(data))

    def end(self, code: str, reason: Reason | None) -> None:
        """Say the last words and close, when what was said has been delivered."""
        if self.is_ending:
            return
        self.is_ending = True
        self.is_free = False
        self._stop_timer()
        first, self.first = self.first, None
        rest = (b"" if first is None else first.data) + self.outbox.take(1 << 62)
        goodbye = b"" if self.front is None else self.front.goodbye(code)
        self._connection.write(rest + goodbye)
        self._connection.end(reason)

    # Listening.

    def _is_silent(self) -> None:
        is_browser = not self._head and self._hub.is_browsing(self.caller.address, BROWSING_SECONDS)
        if is_browser:
            self._connection.write(SHORT_GREETING)
        if is_browser or self._head:
            self._timer = asyncio.get_running_loop().call_later(UNDECIDED_SECONDS, self._is_person)
        else:
            self._is_person()

    def _is_person(self) -> None:
        self._timer = None
        if self.front is None:
            head, self._head = self._head, b""
            self._begin(Protocol.TEXT)
            if head and self.front is not None:
                self._hear(self.front.received(head))

    def _begin(self, protocol: Protocol) -> None:
        self._stop_timer()
        match protocol:
            case Protocol.JSON:
                self.front = JsonFront(self.caller)
            case Protocol.HTTP:
                self.front = WebFront(self.caller, self._hub.site)
                self._hub.browses(self.caller.address)
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(HEAD_SECONDS, self._is_late)
            case Protocol.TEXT:
                self.front = LineFront(self.caller)
            case _:
                self._connection.write(REFUSALS[protocol])
                self.end("refused", Reason.REFUSED)
                return
        self.family = self.front.family.value
        self._hub.counts[f"connections_{protocol.value}"] += 1
        self._hear(self.front.begin())

    def _is_late(self) -> None:
        self._timer = None
        if not self.number:
            self.end("idle", None)

    def _hear(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            if self.is_ending:
                return
            match one:
                case Request():
                    if self.outbox.held_bytes > self._hub.bounds.outbox_bytes and not self._makes_room():
                        return
                    self._hub.asked(self, one)
                case bytes():
                    self.write_now(one)
                case Notice():
                    self._hub.show(self, one)
                case Begin():
                    self._stop_timer()
                    self._hub.began(self)
                case Finish():
                    self.end(one.reason, None)
                case Switch():
                    # A program that was slow to say that it is one: the guest it was taken for goes.
                    self.family = one.family.value
                    self._hub.gone(self, "it speaks JSON")
                    self._hub.began(self)

    def _makes_room(self) -> bool:
        """Whether more may be asked for: who does not read the answers to what was asked before ends here."""
        self.flush()
        if self.outbox.held_bytes > self._hub.bounds.outbox_bytes:
            self._hub.overflowed(self)
        return not self.is_ending

    def tick(self, now: float) -> None:
        """Let a WebSocket ask whether somebody is there."""
        if isinstance(self.front, WebFront):
            self._hear(self.front.tick(now))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def caller_of(connection: SessionConnection) -> Caller:
    """Who is at the other end of a connection."""
    peer = connection.peer
    host = peer.host if isinstance(peer, TcpAddress) else "unix"
    is_local = host == "unix" or host.startswith(LOOPBACK)
    return Caller(address_group(host) if host != "unix" else host, is_local, is_local or connection.tls is not None)

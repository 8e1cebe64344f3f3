"""A client of a chat: it comes back by itself, fills what it missed, and says each message once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Self

import msgspec

from landline.address import Address, UdpAddress
from landline.address import parse as parse_address
from landline.chat.changequeue import ChangeQueue
from landline.chat.changes import (
    CaughtUp,
    Change,
    Connected,
    Connecting,
    Ended,
    Gone,
    Lost,
    MessageAdded,
    PendingChanged,
    Skipped,
)
from landline.chat.notices import UNSURE, Account, Ack, Answer, Bye, Message, Notice, Refused, Welcome, decode_notice
from landline.chat.view import Pending, View
from landline.chat.wire import Hello, Login, Ping, Quit, Request, encode_request
from landline.connection.backoff import Backoff
from landline.connection.client import connect
from landline.connection.course import Course
from landline.connection.events import Waiting
from landline.connection.reconnect_policy import Reconnect, check_reconnect
from landline.connection.stream import StreamConnection
from landline.errors import ChatError, ConnectionClosed, QueueFull, Reason, RequestRefused, UsageError, WaitTimeout
from landline.limits import MIB, Limits
from landline.transport.tls import ClientTls

log = logging.getLogger("landline.chat")

ASK_SECONDS = 30.0
"""How long an answer is waited for where nothing else is said."""
GREET_SECONDS = 10.0
"""From the connection to the welcome."""
SILENT_SECONDS = 45.0
"""After so much silence the server is asked whether it is there: routers forget a silent connection after a minute."""
PING_SECONDS = 15.0
"""How long the answer to that may take."""
UNSURE_SECONDS = 1.0
"""When a message is said again that may be stored or not."""
GOODBYE_SECONDS = 2.0
MOST_UNSAID = 1000
"""Own messages that may wait to be stored."""
LIMITS = Limits(max_message_bytes=4 * MIB)
"""A page of 200 messages of 4096 bytes, with room for quotes."""
FINAL = frozenset({"quit", "refused", "replaced", "kicked_out"})
"""Codes of Bye after which a client does not come back."""
COMES_BACK = Reconnect(Backoff(), first_must_connect=True)
"""The default: an address where nobody answers is a mistake at first, and passes later."""
STAYS_AWAY = Reconnect(Backoff(max_attempts=1), first_must_connect=True)


class ChatClient:
    """One person or bot in a chat, over connections that come and go.

    `address` is where the chat is; `nick` how one wants to be called (None: a guest by any name); `token` brings an
    identity back, or is that of a bot; `password` logs in as the owner of `nick`. `tls` is as for `landline.connect`.
    `rooms` are entered, and entered again after each loss. `on_token(token)` is told the token to keep, whenever it
    changes. `reconnect` says when it comes back (None: never). `view` is all that it knows.

    `async with` waits until the rooms are entered. Iterating gives each Change, those of the connection too, until the
    client is closed; where it ends for good by itself, the last one is Ended, with the error. One task iterates, be it
    here or with `messages`.
    """

    def __init__(
        self,
        address: str | Address,
        *,
        nick: str | None = None,
        token: str | None = None,
        password: str | None = None,
        tls: ClientTls | None = None,
        rooms: Sequence[str] = ("lobby",),
        on_token: Callable[[str], object] | None = None,
        reconnect: Reconnect | None = COMES_BACK,
    ) -> None:
        self.address = parse_address(address)
        if isinstance(self.address, UdpAddress):
            raise UsageError(f"{self.address} cannot be a chat: it takes a stream, so tcp://, tls:// or unix://")
        if reconnect is not None:
            check_reconnect(reconnect)
        self.view = View(rooms)
        self.error: Exception | None = None
        """Why it is over; None while it is not, or if it was closed."""
        self._nick = nick
        self._token = token
        self._password = password
        self._tls = tls
        self._on_token = on_token
        self._policy = reconnect or STAYS_AWAY
        self._changes = ChangeQueue()
        self._keeper: asyncio.Task[None] | None = None
        self._outgoing: asyncio.Queue[Request] | None = None
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._said: dict[str, asyncio.Future[Ack]] = {}
        self._refs = 0
        self._ready = False
        self._was_connected = False
        self._closing = False
        self._over = False
        self._waiters: set[asyncio.Future[None]] = set()
        self._bye: Bye | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    # Coming and going.

    def start(self) -> None:
        """Begin to connect, without waiting. `async with` does it too. Starting twice does no harm."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def ready(self) -> None:
        """Wait until the rooms are entered, for the first time or again. Raises what ended the client."""
        while not self._ready:
            self._check_going_on()
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.ready()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye and end. What was said and is not stored yet fails with ConnectionClosed. Twice does no harm."""
        if self._closing or self._keeper is None:
            self._finish(None)
            return
        self._closing = True
        if self._outgoing is not None:
            with contextlib.suppress(ConnectionClosed, WaitTimeout, RequestRefused):
                await self.ask(Quit(), GOODBYE_SECONDS)
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        self._finish(None)

    # Asking and saying.

    async def ask(self, request: Request, timeout_seconds: float | None = ASK_SECONDS) -> Answer:
        """Make a request and wait for its answer, at most `timeout_seconds` (None: as long as it takes).

        Returns the answer: what comes back to each request stands in docs/wire/chat.md. The view has taken it in.
        Raises RequestRefused, WaitTimeout, or ConnectionClosed if there is no connection, or it breaks.
        """
        self._check_going_on()
        if self._outgoing is None:
            raise ConnectionClosed(str(self.address), Reason.RESET, "there is no connection now; it is tried again")
        self._refs += 1
        ref = f"ask-{self._refs}"
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[ref] = answer
        self._outgoing.put_nowait(msgspec.structs.replace(request, ref=ref))
        try:
            async with asyncio.timeout(timeout_seconds) as limit:
                result = await answer
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise WaitTimeout(f"waiting for an answer from {self.address}", timeout_seconds or 0.0) from error
        finally:
            self._asked.pop(ref, None)
        if isinstance(result, Refused):
            raise RequestRefused(result.code, result.text, result.wait)
        return result

    async def say(self, room: str, body: str) -> Ack:
        """Say something in a room one is in, or in a conversation. Waits until it is stored, over losses as well.

        Returns the Ack, with its place. Raises RequestRefused if the chat refuses it, QueueFull if 1000 messages wait
        already, or what ended the client. It is stored once, however often the connection breaks; if this is cancelled
        or the client closed before the answer, it may be stored or not.
        """
        self._check_going_on()
        return await self._say(self.view.say(room, body, self._new_cid()))

    async def msg(self, nick: str, body: str) -> Ack:
        """Say something to one person, by `nick` or id. As `say`. Returns the Ack. Raises what `say` raises."""
        self._check_going_on()
        return await self._say(self.view.msg(nick, body, self._new_cid()))

    def post(self, request: Request) -> bool:
        """Make a request without waiting for an answer. Returns False if there is no connection: then it is dropped."""
        if self._outgoing is None:
            return False
        self._outgoing.put_nowait(request)
        return True

    # Hearing.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        change = await self._changes.take()
        if change is None:
            raise StopAsyncIteration
        return change

    async def messages(self) -> AsyncIterator[Message]:
        """What others say, each message once and in the order of its room, until the client is closed.

        Raises what ended the client. What was said before it came is not among them; see `ask` with History.
        """
        async for change in self:
            if isinstance(change, MessageAdded) and change.is_new and change.message.sender != self.view.me.id:
                yield change.message
            elif isinstance(change, Skipped):
                log.warning("%s: %d changes were not taken in time, and dropped", self.address, change.count)
            elif isinstance(change, Ended) and change.error is not None:
                raise change.error

"""A connection that comes back: the shell that waits. What it decides is in course, outbox, requests and backoff."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, NoReturn

from landline.address import Address
from landline.connection.course import Course, Phase, reason_of
from landline.connection.event_log import EventLog, EventReader, announce
from landline.connection.events import Dropped, Event, GaveUp, Waiting
from landline.connection.inbox import Inbox
from landline.connection.outbox import Outbox
from landline.connection.reconnect_policy import Reconnect
from landline.connection.requests import LARGEST_KEY
from landline.connection.statistics import Statistics
from landline.connection.stream import REQUEST_SECONDS, StreamConnection
from landline.connection.wording import Wording
from landline.errors import ConnectionClosed, Reason, UsageError, WaitTimeout
from landline.limits import Limits

__all__ = ["Reconnect", "ReconnectingConnection", "connect_reconnecting"]

FLUSH_BYTES = 64 * 1024
"""What goes out of the queue in one write."""


Opener = Callable[[], Awaitable[StreamConnection]]


class Outgoing:
    """A message on its way out; `reply` is where its answer goes, if it is a request."""

    __slots__ = ("key", "message", "reply", "size_bytes")

    def __init__(self, message: Any, size_bytes: int, reply: asyncio.Future[Any] | None = None) -> None:
        self.message = message
        self.size_bytes = size_bytes
        self.reply = reply
        self.key = 0


class ReconnectingConnection:
    """A conversation that outlives its connections: the names of StreamConnection, and `request` and `events`.

    `peer` is the address it calls, `local` our end of the last connection (None before the first), `reason` why it is
    over (None while it is not). A message that was handed to a connection which then broke may have arrived or not:
    only an answer tells. Iterating gives messages from all connections until the client is closed.
    """

    def __init__(
        self,
        open_once: Opener,
        address: Address,
        policy: Reconnect,
        wording: Wording,
        limits: Limits,
        seconds: float,
    ) -> None:
        self.peer = address
        self.local: Address | None = None
        self.reason: Reason | None = None
        self.state: Any = None
        self._open_once = open_once
        self._policy = policy
        self._wording = wording
        self._limits = limits
        self._seconds = seconds
        self._draw = policy.draw or random.random
        self._loop = asyncio.get_running_loop()
        self._course = Course(policy.backoff, policy.first_must_connect)
        self._outbox: Outbox[Outgoing] = Outbox(
            str(address), policy.max_queued_messages, policy.max_queued_bytes, policy.when_full
        )
        self._events = EventLog()
        self._inbox = Inbox()
        self._requests = wording.requests()
        self._asked: dict[int, Outgoing] = {}
        self._connection: StreamConnection | None = None
        self._direct: StreamConnection | None = None
        self._goodbye = ConnectionClosed(str(address), Reason.FINISHED)
        self._end: Exception | None = None
        self._receiver: asyncio.Future[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._past = Statistics(0, 0, 0, 0, None)
        self._dropped = 0
        self._keeper = self._loop.create_task(self._keep())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {self.peer}, {self._wording.framing}, {self._course.phase.value}>"

    # What people call.

    async def send(self, message: Any) -> None:
        """Send one message, or queue it while there is no connection.

        Waits while the peer reads too slowly, and for room in the queue where `when_full` says so. What broke with its
        connection after this is neither sent again nor reported: use `request` for what must arrive.
        Raises UnframableMessage, QueueFull, or what ended the client.
        """
        await self.send_all((message,))

    async def send_all(self, messages: Iterable[Any]) -> None:
        """Send several messages in their order, like `send`."""
        await self._submit([self._outgoing(message) for message in messages])

    async def request(self, message: Any, timeout_seconds: float | None = REQUEST_SECONDS) -> Any:
        """Send a message and wait for its reply, at most `timeout_seconds` (None: as long as it takes).

        If the connection breaks in between, `waiting` of Reconnect says whether the request fails or is sent again.
        Returns the reply. Raises WaitTimeout, ConnectionClosed, QueueFull if the queue dropped it, UnframableMessage,
        or what ended the client. A service that speaks unasked needs somebody who receives, or its replies stop too.
        """
        item = self._outgoing(message, self._loop.create_future())
        assert item.reply is not None
        try:
            async with asyncio.timeout(timeout_seconds) as limit:
                await self._submit([item])
                reply = await item.reply
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise WaitTimeout(f"waiting for a reply from {self.peer}", timeout_seconds or 0.0) from error
        finally:
            self._forget(item)
        return self._wording.decode(reply)

    async def receive(self, timeout_seconds: float | None = None) -> Any:
        """Wait for one message that answers no request, at most `timeout_seconds` (None: as long as it takes).

        Waits on while the connection is away. Returns the message. Raises WaitTimeout, or what ended the client.
        Cancelling or timing out loses nothing.
        """
        if self._inbox.left_in_turn <= 0:
            await self._inbox.let_others()
        try:
            async with asyncio.timeout(timeout_seconds) as limit:
                while not self._inbox:
                    await self._message_there()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise WaitTimeout(f"waiting for a message from {self.peer}", timeout_seconds or 0.0) from error
        message = self._inbox.take()
        self._wake()
        return self._wording.decode(message)

    def __aiter__(self) -> ReconnectingConnection:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except ConnectionClosed as closed:
            if closed is self._goodbye:
                raise StopAsyncIteration from None
            raise

    def events(self) -> EventReader:
        """What happens to this client, to be iterated with `async for`: the last 100 events, then each that follows."""
        return EventReader(self._events)

    async def close(self) -> None:
        """Close gracefully: what waits is still sent if there is a connection, the rest is counted as dropped.

        Requests without an answer fail. Bounded by slow_reader_seconds and linger_seconds. Closing twice does no harm.
        """
        try:
            connection = self._connection
            if self._end is None and connection is not None and self._course.phase is Phase.UP:
                self._finish(self._goodbye)
                while self._outbox and not connection.ending:
                    await self._change()
                await connection.close()
        finally:
            self.abort(Reason.FINISHED)
            if asyncio.current_task() is not self._keeper:
                await asyncio.wait([self._keeper])

    def abort(self, reason: Reason = Reason.ABORTED) -> None:
        """Close at once; what was not delivered yet is lost, and what waits is counted as dropped."""
        self._finish(self._goodbye if reason is Reason.FINISHED else ConnectionClosed(str(self.peer), reason))
        if self._connection is not None:
            self._connection.abort(reason)
        self._keeper.cancel()

    async def __aenter__(self) -> ReconnectingConnection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def statistics(self) -> Statistics:
        """Counts over all connections so far, and the reason of the end."""
        here = Statistics(0, 0, 0, 0, self.reason, self._dropped, self._requests.late_replies)
        if self._connection is not None:
            here = here.plus(self._connection.statistics())
        return here.plus(self._past)

    # Coming and going.

    async def first_attempt(self) -> None:
        """Wait for the outcome of the first attempt. Raises what ended the client with it."""
        while self._end is None and self._course.phase in (Phase.IDLE, Phase.CONNECTING):
            await self._change()
        if self._course.phase is Phase.OVER and self._end is not None:
            raise self._end

    async def _keep(self) -> None:
        try:
            while self._end is None:
                self._tell(self._course.begin())
                error = await self._live_once()
                if self._end is None:
                    await self._go_on(self._course.fail(error, self._loop.time(), self._draw()))
        finally:
            self._finish(ConnectionClosed(str(self.peer), Reason.ABORTED))
            self._course.end()
            self._fail_asked(self._end)
            self._drop(self._outbox.take(self._outbox.held_bytes))
            self._events.close()
            self._wake()

    async def _go_on(self, events: list[Event]) -> None:
        self._tell(events)
        outcome = events[-1]
        if isinstance(outcome, Waiting):
            await asyncio.sleep(outcome.seconds)
        elif isinstance(outcome, GaveUp):
            self._finish(outcome.error)

    async def _live_once(self) -> Exception:
        """Connect, log in, and talk until the connection is over. Returns what ended it."""
        try:
            connection = await self._open_once()
        except Exception as error:
            return error
        self._connection, self.local = connection, connection.local
        self._requests = self._wording.requests()
        try:
            await self._greet(connection)
            self._take_over(connection)
            self._tell(self._course.succeed(connection.peer, self._loop.time()))
            await self._talk(connection)
        except Exception as error:
            return error
        finally:
            connection.abort()
            self._past = replace(self.statistics(), messages_dropped=0)
            self._requests = self._wording.requests()
            self._connection = None
            await connection.close()

    async def _greet(self, connection: StreamConnection) -> None:
        if self._policy.on_connect is None:
            return
        try:
            async with asyncio.timeout(self._seconds) as limit:
                greeting = self._policy.on_connect(connection)
                if not inspect.isawaitable(greeting):
                    raise UsageError(f"on_connect cannot be {self._policy.on_connect!r}; it must be an async def")
                await greeting
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise WaitTimeout(f"on_connect with {self.peer}", self._seconds) from error

    def _take_over(self, connection: StreamConnection) -> None:
        """From here on, replies find their requests here: those outlive the connection."""
        requests, early = connection.give_over()
        if requests is None:
            passed = connection.statistics()
            requests = self._wording.requests()
            requests.tell(passed.messages_sent - passed.messages_received)
        self._requests = requests
        if early:
            self._inbox.put(early)

    async def _talk(self, connection: StreamConnection) -> NoReturn:
        """Send what waited, and hand on what comes, until the connection is over. Raises what ended it."""
        flushing = self._loop.create_task(self._flush(connection))
        ended: Exception = ConnectionClosed(str(self.peer), Reason.PEER_CLOSED)
        try:
            async for message in connection:
                await self._hand_on(connection, message)
            ended = ConnectionClosed(str(self.peer), connection.reason or Reason.PEER_CLOSED)
        except Exception as error:
            ended = error
        finally:
            self._direct = None
            connection.abort(reason_of(ended))
            flushing.cancel()
            await asyncio.wait([flushing])
            self._unanswered(ended)
        raise ended

    def _unanswered(self, ended: Exception) -> None:
        """The connection is over: what was asked is asked again, or fails."""
        items = [item for item in self._asked.values() if item.reply is not None and not item.reply.done()]
        self._asked.clear()
        if self._policy.waiting == "resend" and self._end is None:
            self._outbox.put_back(items)
            return
        for item in items:
            _fail(item, ConnectionClosed(str(self.peer), reason_of(ended), "the request has no answer"))

    def _finish(self, error: Exception) -> None:
        """The client is over: every call gets `error`, now and from now on."""
        if self._end is not None:
            return
        self._end = error
        self.reason = reason_of(error)
        self._fail_asked(error)
        self._wake()

    def _fail_asked(self, error: Exception | None) -> None:
        for item in self._asked.values():
            _fail(item, error or self._goodbye)
        self._asked.clear()

    # Messages that go.

    def _outgoing(self, message: Any, reply: asyncio.Future[Any] | None = None) -> Outgoing:
        # Encoded once to know the size, and so that a message that cannot be sent is the error of its own call.
        encoded = self._wording.encode(message)
        frame = self._wording.framing.encode(self._requests.wrap(LARGEST_KEY, encoded))
        return Outgoing(encoded, len(frame), reply)

    async def _submit(self, items: list[Outgoing]) -> None:
        waits = self._policy.when_full == "wait"
        while items:
            self._check_open()
            batch = items[:1] if waits else items
            if self._direct is not None:
                if await self._hand_over(self._direct, items):
                    return
            elif waits and not self._outbox.fits(batch):
                await self._change()
            else:
                self._drop(self._outbox.put(batch))
                items = items[len(batch) :]

    async def _hand_over(self, connection: StreamConnection, items: list[Outgoing]) -> bool:
        """Give messages to a connection. Returns whether it took them; if not, they were not sent."""
        before = connection.statistics().messages_sent
        try:
            # Nothing waits between the keys and the write: the order of asking is the order of sending.
            await connection.send_all([self._wrapped(item) for item in items])
        except ConnectionClosed:
            if connection.statistics().messages_sent > before:
                return True
            # It broke, and nobody who reads may have noticed yet.
            connection.abort(Reason.RESET)
            self._direct = None
            for item in items:
                self._asked.pop(item.key, None)
            self._wake()
            return False
        return True

    def _wrapped(self, item: Outgoing) -> Any:
        if item.reply is None:
            self._requests.tell()
            return self._requests.wrap(None, item.message)
        item.key = self._requests.ask()
        self._asked[item.key] = item
        return self._requests.wrap(item.key, item.message)

    async def _flush(self, connection: StreamConnection) -> None:
        """Send what waited while we were away; behind it, messages go directly."""
        while self._outbox:
            items = self._outbox.take(FLUSH_BYTES)
            if not await self._hand_over(connection, items):
                self._outbox.put_back(items)
                return
            self._wake()
        self._direct = connection
        self._wake()

    def _forget(self, item: Outgoing) -> None:
        """The asker of a request waits no longer."""
        self._outbox.remove(item)
        if self._asked.get(item.key) is item:
            del self._asked[item.key]
            self._requests.give_up(item.key)
        if item.reply is not None and item.reply.done() and not item.reply.cancelled():
            item.reply.exception()  # or asyncio complains that nobody looked

    def _drop(self, items: list[Outgoing]) -> None:
        if not items:
            return
        self._dropped += len(items)
        for item in items:
            _fail(item, self._end or self._outbox.full())
        self._tell([Dropped(len(items), self._dropped)])

    # Messages that come.

    async def _hand_on(self, connection: StreamConnection, message: Any) -> None:
        key, message = self._requests.match(message)
        if key is not None:
            item = self._asked.pop(key, None)
            if item is not None and item.reply is not None and not item.reply.done():
                item.reply.set_result(message)
            return
        self._inbox.put([message])
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)
        while self._inbox.held_bytes > self._limits.receive_buffer_bytes and not connection.ending:
            await self._change()

    async def _message_there(self) -> None:
        self._check_open()
        if self._receiver is not None:
            raise RuntimeError("two tasks receive from one connection; let one of them hand messages on")
        self._receiver = self._loop.create_future()
        try:
            await self._receiver
        finally:
            self._receiver = None

    # Telling and waiting.

    def _check_open(self) -> None:
        if self._end is not None:
            raise self._end.with_traceback(None)

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self._events.put(event)
            announce(self.peer, event, self._policy.on_event)
        self._wake()

    async def _change(self) -> None:
        """Wait until anything has changed that somebody may wait for."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        if self._end is not None and self._receiver is not None:
            waiters.append(self._receiver)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _fail(item: Outgoing, error: Exception) -> None:
    if item.reply is not None and not item.reply.done():
        item.reply.set_exception(error)


async def connect_reconnecting(
    open_once: Opener, address: Address, policy: Reconnect, wording: Wording, limits: Limits, timeout_seconds: float
) -> ReconnectingConnection:
    """Start a client that comes back, and wait for the outcome of its first attempt.

    `open_once` opens a connection with `address`; `timeout_seconds` bounds `on_connect`. Returns the client, which may
    still be on its way. Raises a final error of the first attempt, or any with `first_must_connect`.
    """
    client = ReconnectingConnection(open_once, address, policy, wording, limits, timeout_seconds)
    try:
        await client.first_attempt()
    except BaseException:
        await client.close()
        raise
    return client

"""A connection that comes back, for code that blocks: the names and errors of ReconnectingConnection, for one thread.

No thread works in the background: coming back happens inside `receive`, `request` and `flush`, within their time-out,
and `send` makes an attempt when one is due.
"""

from __future__ import annotations

import contextlib
import inspect
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from landline.address import Address
from landline.connection.blocking import BlockingConnection, Deadline
from landline.connection.course import Course, Phase, reason_of
from landline.connection.event_log import KEPT_EVENTS, announce
from landline.connection.events import Dropped, Event, GaveUp, Waiting
from landline.connection.outbox import Outbox
from landline.connection.reconnect_policy import Reconnect
from landline.connection.statistics import Statistics
from landline.connection.wording import Wording
from landline.errors import ConnectionClosed, FramingError, IdentityRefused, Reason, UsageError, WaitTimeout
from landline.transport.blockingdial import CONNECT_SECONDS

FLUSH_BYTES = 64 * 1024
"""What goes out of the queue in one write."""
DYING_SECONDS = 1.0
"""How long the last words of a broken connection are read; they are there or never come."""
BREAKS = (ConnectionClosed, FramingError, IdentityRefused)
"""What ends a connection. IdentityRefused too: in TLS 1.3 a service refuses our certificate when all seems to stand."""

Opener = Callable[[float], BlockingConnection]


class Outgoing:
    """A message that waits to be sent."""

    __slots__ = ("message", "size_bytes")

    def __init__(self, message: Any, size_bytes: int) -> None:
        self.message = message
        self.size_bytes = size_bytes


class BlockingReconnectingConnection:
    """A conversation that outlives its connections, for one thread.

    `peer` is the address it calls, `local` our end of the last connection (None before the first), `reason` why it is
    over (None while it is not), `timeout_seconds` how long each call may wait where the call does not say. A message
    that was handed to a connection which then broke may have arrived or not: only an answer tells.
    """

    def __init__(
        self, open_once: Opener, address: Address, policy: Reconnect, wording: Wording, timeout_seconds: float
    ) -> None:
        if inspect.iscoroutinefunction(policy.on_connect):
            raise UsageError(f"on_connect cannot be {policy.on_connect!r}; for a blocking client it must be a def")
        self.peer = address
        self.local: Address | None = None
        self.reason: Reason | None = None
        self.timeout_seconds = timeout_seconds
        self._open_once = open_once
        self._policy = policy
        self._wording = wording
        self._draw = policy.draw or random.random
        self._course = Course(policy.backoff, policy.first_must_connect)
        self._outbox: Outbox[Outgoing] = Outbox(
            str(address), policy.max_queued_messages, policy.max_queued_bytes, policy.when_full
        )
        self._wrap = wording.requests().wrap
        self._inbox: deque[Any] = deque()
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._connection: BlockingConnection | None = None
        self._due = 0.0
        self._goodbye = ConnectionClosed(str(address), Reason.FINISHED)
        self._end: Exception | None = None
        self._past = Statistics(0, 0, 0, 0, None)
        self._dropped = 0
        self._attempt(timeout_seconds)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {self.peer}, {self._wording.framing}, {self._course.phase.value}>"

    # What people call.

    def send(self, message: Any, timeout_seconds: float | None = None) -> None:
        """Send one message, or queue it while there is no connection; the next call sends it.

        Waits only while the peer reads too slowly, and for room in the queue where `when_full` says so. Raises
        UnframableMessage, QueueFull if it found no room, WaitTimeout, or what ended the client. After WaitTimeout the
        rest of the message is kept, and the next call goes on from there.
        """
        self.send_all((message,), timeout_seconds)

    def send_all(self, messages: Iterable[Any], timeout_seconds: float | None = None) -> None:
        """Send several messages in their order, like `send`."""
        items = [Outgoing(message, self._size(message)) for message in messages]
        deadline = self._deadline(f"sending to {self.peer}", timeout_seconds)
        self._check_open()
        try:
            ready = self._ready(deadline) and self._flush_once(deadline)
        except WaitTimeout:
            self._drop(self._outbox.put(items))
            raise
        if not ready and self._policy.when_full == "wait" and not self._outbox.fits(items):
            self._wait_for_room(deadline)
            ready = True
        if ready:
            # They go at once, whatever their size: nothing waits before them.
            self._outbox.put_back(items)
            self._flush_once(deadline)
        else:
            self._drop(self._outbox.put(items))

    def flush(self, timeout_seconds: float | None = None) -> None:
        """Send all that waits, coming back if need be. Raises WaitTimeout, or what ended the client."""
        self._reach(self._deadline(f"sending to {self.peer}", timeout_seconds))

    def request(self, message: Any, timeout_seconds: float | None = None) -> Any:
        """Send a message and wait for its reply, coming back if need be.

        If the connection breaks in between, `waiting` of Reconnect says whether the request fails or is sent again.
        Returns the reply. Raises WaitTimeout, ConnectionClosed, UnframableMessage, or what ended the client.
        """
        deadline = self._deadline(f"waiting for a reply from {self.peer}", timeout_seconds)
        self._size(message)
        while True:
            connection = self._reach(deadline)
            try:
                return connection.request(message, deadline.left())
            except WaitTimeout:
                raise deadline.error() from None
            except BREAKS as error:
                self._lost(error)
                if self._policy.waiting == "fail":
                    raise ConnectionClosed(str(self.peer), reason_of(error), "the request has no answer") from error

    def receive(self, timeout_seconds: float | None = None) -> Any:
        """Wait for one message that answers no request, coming back if need be.

        Returns it. Raises WaitTimeout, or what ended the client. A time-out loses nothing.
        """
        deadline = self._deadline(f"waiting for a message from {self.peer}", timeout_seconds)
        while not self._inbox:
            connection = self._reach(deadline)
            try:
                return connection.receive(deadline.left())
            except WaitTimeout:
                raise deadline.error() from None
            except BREAKS as error:
                self._lost(error)
        return self._inbox.popleft()

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield self.receive()
            except ConnectionClosed as closed:
                if closed is self._goodbye:
                    return
                raise

    def events(self) -> Iterator[Event]:
        """What has happened since this was last asked: the last 100 events at most."""
        while self._events:
            yield self._events.popleft()

    def close(self) -> None:
        """Close the connection; what still waits is counted as dropped. Closing twice does no harm."""
        if self._end is None:
            self._finish(self._goodbye)
        if self._connection is not None:
            self._connection.close()
            self._forget_connection()

    def __enter__(self) -> BlockingReconnectingConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def statistics(self) -> Statistics:
        """Counts over all connections so far, and the reason of the end."""
        here = Statistics(0, 0, 0, 0, self.reason, self._dropped)
        if self._connection is not None:
            here = here.plus(self._connection.statistics())
        return here.plus(self._past)

    # Coming and going.

    def _reach(self, deadline: Deadline) -> BlockingConnection:
        """The connection, with everything sent that waited. Raises WaitTimeout, or what ended the client."""
        while True:
            self._check_open()
            if not self._ready(deadline):
                self._sleep(deadline)
            elif self._flush_once(deadline) and self._connection is not None:
                return self._connection

    def _ready(self, deadline: Deadline) -> bool:
        """Whether there is a connection, after an attempt if one is due."""
        if self._connection is not None and self._connection.hung_up:
            self._lost(ConnectionClosed(str(self.peer), self._connection.reason or Reason.PEER_CLOSED))
        if self._connection is None and time.monotonic() >= self._due:
            self._attempt(deadline.left())
        return self._connection is not None

    def _sleep(self, deadline: Deadline) -> None:
        """Wait until the next attempt is due. Raises WaitTimeout if that is too late."""
        left = deadline.left()
        time.sleep(min(left, max(0.0, self._due - time.monotonic())))

    def _attempt(self, seconds: float) -> None:
        self._tell(self._course.begin())
        connection = None
        try:
            connection = self._open_once(min(seconds, CONNECT_SECONDS))
            if self._policy.on_connect is not None:
                self._policy.on_connect(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, Exception):
                self._failed(error)
                return
            # Ctrl-C: whoever catches it may call again.
            with contextlib.suppress(ConnectionClosed):
                self._failed(ConnectionClosed(str(self.peer), Reason.ABORTED, "interrupted"))
            raise
        connection.timeout_seconds = self.timeout_seconds
        self._connection, self.local = connection, connection.local
        self._tell(self._course.succeed(connection.peer, time.monotonic()))

    def _lost(self, error: Exception) -> None:
        """The connection broke. Raises what ends the client, if that is final."""
        connection = self._connection
        assert connection is not None
        dying = Deadline("its last words", DYING_SECONDS)
        try:
            while True:
                self._inbox.append(connection.receive(dying.left()))
        except (ConnectionClosed, FramingError, WaitTimeout):
            pass
        except IdentityRefused as refused:
            # The word behind the reset: why the service hung up.
            error = refused
        connection.close()
        self._forget_connection()
        self._failed(error)

    def _forget_connection(self) -> None:
        self._past = replace(self.statistics(), messages_dropped=0)
        self._connection = None

    def _failed(self, error: Exception) -> None:
        events = self._course.fail(error, time.monotonic(), self._draw())
        self._tell(events)
        outcome = events[-1]
        if isinstance(outcome, Waiting):
            self._due = time.monotonic() + outcome.seconds
        elif isinstance(outcome, GaveUp):
            self._finish(error)
            raise error

    def _finish(self, error: Exception) -> None:
        self._end = error
        self.reason = reason_of(error)
        if self._course.phase is not Phase.OVER:
            self._course.end()
        self._drop(self._outbox.take(self._outbox.held_bytes))

    # Messages that go.

    def _flush_once(self, deadline: Deadline) -> bool:
        """Send all that waits on the connection there is. Returns whether it stood that."""
        connection = self._connection
        assert connection is not None
        items: list[Outgoing] = []
        sent_bytes = connection.statistics().bytes_sent
        try:
            connection.flush(deadline.left())
            while self._outbox:
                left = deadline.left()
                sent_bytes = connection.statistics().bytes_sent
                items = self._outbox.take(FLUSH_BYTES)
                connection.send_all([item.message for item in items], left)
        except (ConnectionClosed, IdentityRefused) as error:
            self._outbox.put_back(unsent(items, connection.statistics().bytes_sent - sent_bytes))
            self._lost(error)
            return False
        return True

    def _wait_for_room(self, deadline: Deadline) -> None:
        try:
            self._reach(deadline)
        except WaitTimeout as error:
            raise self._outbox.full() from error

    def _size(self, message: Any) -> int:
        # Encoded once to know the size, and so that a message that cannot be sent is the error of its own call.
        return len(self._wording.framing.encode(self._wrap(None, self._wording.encode(message))))

    def _drop(self, items: list[Outgoing]) -> None:
        if items:
            self._dropped += len(items)
            self._tell([Dropped(len(items), self._dropped)])

    # Telling.

    def _deadline(self, what: str, timeout_seconds: float | None) -> Deadline:
        return Deadline(what, self.timeout_seconds if timeout_seconds is None else timeout_seconds)

    def _check_open(self) -> None:
        if self._end is not None:
            raise self._end.with_traceback(None)

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self._events.append(event)
            announce(self.peer, event, self._policy.on_event)


def unsent(items: list[Outgoing], sent_bytes: int) -> list[Outgoing]:
    """Those of `items` that were not sent whole, when `sent_bytes` of them were: the peer cannot have got them."""
    for position, item in enumerate(items):
        sent_bytes -= item.size_bytes
        if sent_bytes < 0:
            return items[position:]
    return []

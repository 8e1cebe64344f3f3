"""The deadlines of connections on an event loop: one timer for each kind, however many connections there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol

from landline.connection.deadlines import DeadlineQueue, Key
from landline.errors import Reason
from landline.limits import Limits


class Timer(Generic[Key]):
    """A DeadlineQueue that calls `on_expired(key)` when a deadline has come."""

    __slots__ = ("_handle", "_loop", "_on_expired", "_queue")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, on_expired: Callable[[Key], None]) -> None:
        self._loop = loop
        self._queue: DeadlineQueue[Key] = DeadlineQueue(seconds)
        self._on_expired = on_expired
        self._handle: asyncio.TimerHandle | None = None

    def start(self, key: Key) -> None:
        """Let `key` wait from now on; if it waits already, it starts anew."""
        self._queue.start(key, self._loop.time())
        if self._handle is None:
            self._arm()

    def stop(self, key: Key) -> None:
        """Let `key` wait no longer.

        The timer stays armed and finds out when it fires, which costs less than arming it anew each time.
        """
        self._queue.stop(key)

    def close(self) -> None:
        """Stop the timer for good."""
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self) -> None:
        due = self._queue.next_due()
        self._handle = None if due is None else self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        for key in self._queue.take_expired(self._loop.time()):
            self._on_expired(key)
        self._arm()


class Watched(Protocol):
    """What deadlines end: a connection."""

    def end(self, reason: Reason | None = None) -> None:
        """Close gracefully."""

    def abort(self, reason: Reason = Reason.ABORTED) -> None:
        """Close at once."""


class Watch:
    """The deadlines that all connections of one service share."""

    __slots__ = ("lingering", "partial", "slow_reader")

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self.partial: Timer[Watched] = Timer(loop, limits.message_seconds, _message_overdue)
        self.slow_reader: Timer[Watched] = Timer(loop, limits.slow_reader_seconds, _reads_too_slowly)
        self.lingering: Timer[Watched] = Timer(loop, limits.linger_seconds, _lingered_enough)

    def forget(self, connection: Watched) -> None:
        """Stop all deadlines of a connection that is gone."""
        self.partial.stop(connection)
        self.slow_reader.stop(connection)
        self.lingering.stop(connection)

    def close(self) -> None:
        """Stop all timers."""
        for timer in (self.partial, self.slow_reader, self.lingering):
            timer.close()


def _message_overdue(connection: Watched) -> None:
    connection.end(Reason.MESSAGE_DEADLINE)


def _reads_too_slowly(connection: Watched) -> None:
    connection.abort(Reason.SLOW_READER)


def _lingered_enough(connection: Watched) -> None:
    connection.abort()

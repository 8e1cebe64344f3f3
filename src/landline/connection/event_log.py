"""The last events of a client, for as many readers as like to follow."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from landline.address import Address
from landline.connection.events import Event

log = logging.getLogger("landline.client")

KEPT_EVENTS = 100
"""What a reader that lags finds: a client that comes back every 30 s fills it in half an hour."""


def announce(peer: Address, event: Event, on_event: Callable[[Event], object] | None) -> None:
    """Log an event of the client of `peer`, and give it to `on_event`, whose errors are logged and go no further."""
    log.info("%s: %s", peer, event)
    if on_event is not None:
        try:
            on_event(event)
        except Exception:
            log.exception("on_event failed with %r", event)


class EventLog:
    """Keeps the last events; each reader has its own place in them, and one that lags misses the oldest."""

    def __init__(self) -> None:
        self.closed = False
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._news: asyncio.Future[None] | None = None

    def put(self, event: Event) -> None:
        """Tell all readers."""
        self._events.append(event)
        self._count += 1
        self._wake()

    def close(self) -> None:
        """Say that no event follows."""
        self.closed = True
        self._wake()

    def behind(self, seen: int) -> list[Event]:
        """The kept events behind the first `seen`."""
        return list(self._events)[max(0, seen - (self._count - len(self._events))) :]

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count

    async def more(self) -> None:
        """Wait until something is new."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        # Shielded: there is one future for all readers, and one of them may be cancelled.
        await asyncio.shield(self._news)

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set_result(None)
            self._news = None


class EventReader:
    """One reader: iterating gives the events that are kept, then each that happens, until the client is over."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._seen = 0
        self._ready: deque[Event] = deque()

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            self._ready += self._events.behind(self._seen)
            self._seen = self._events.count
            if not self._ready:
                if self._events.closed:
                    raise StopAsyncIteration
                await self._events.more()
        return self._ready.popleft()

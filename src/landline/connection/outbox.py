"""Messages that wait for a connection: bounded, and nothing leaves without being told of. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, Literal, Protocol, TypeVar

from landline.errors import QueueFull

WhenFull = Literal["wait", "drop_oldest", "drop_newest", "fail"]


class Sized(Protocol):
    """What can wait: it knows how many bytes it takes, and is itself and no other."""

    size_bytes: int

    def __hash__(self) -> int: ...


Item = TypeVar("Item", bound=Sized)


class Outbox(Generic[Item]):
    """At most `max_messages` of at most `max_bytes` together, oldest first, for `peer`; `when_full` says who goes."""

    def __init__(self, peer: str, max_messages: int, max_bytes: int, when_full: WhenFull) -> None:
        self.held_bytes = 0
        self._peer = peer
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._items: OrderedDict[Item, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def fits(self, items: Sequence[Item]) -> bool:
        """Whether there is room for all of these."""
        size = self.held_bytes + sum(item.size_bytes for item in items)
        return len(self._items) + len(items) <= self._max_messages and size <= self._max_bytes

    def put(self, items: Sequence[Item]) -> list[Item]:
        """Add items behind the others. Returns those that had to go, which may be among the new ones.

        Raises QueueFull, and adds none, if not all have room and nothing may be dropped.
        """
        if not self.fits(items) and self._when_full in ("fail", "wait"):
            raise self.full()
        return [gone for item in items for gone in self._put_one(item)]

    def full(self) -> QueueFull:
        """The error for one that found no room."""
        return QueueFull(self._peer, len(self._items), self.held_bytes)

    def put_back(self, items: Sequence[Item]) -> None:
        """Set items before all others, whatever the bounds: they were accepted once."""
        for item in reversed(items):
            self._add(item)
            self._items.move_to_end(item, last=False)

    def take(self, max_bytes: int) -> list[Item]:
        """Remove and return the oldest items, one at least if there is any, of at most `max_bytes` together."""
        taken: list[Item] = []
        left = max_bytes
        while self._items:
            item = next(iter(self._items))
            left -= item.size_bytes
            if taken and left < 0:
                break
            self.remove(item)
            taken.append(item)
        return taken

    def remove(self, item: Item) -> None:
        """Take one item out; one that is not there is left alone."""
        if item in self._items:
            del self._items[item]
            self.held_bytes -= item.size_bytes

    def _put_one(self, item: Item) -> Iterable[Item]:
        gone: list[Item] = []
        if self._when_full == "drop_oldest" and item.size_bytes <= self._max_bytes:
            while self._items and not self.fits([item]):
                gone += self.take(0)
        if not self.fits([item]):
            return [*gone, item]
        self._add(item)
        return gone

    def _add(self, item: Item) -> None:
        self._items[item] = None
        self.held_bytes += item.size_bytes

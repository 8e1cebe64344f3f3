"""Deadlines of one kind: all equally long, so that the order in which they start is the order in which they end.

Pure: the clock is passed in. Starting, stopping and finding the next one cost the same however many there are.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")


class DeadlineQueue(Generic[Key]):
    """Keys that wait, each until `seconds` after it was started."""

    __slots__ = ("_due", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._due: dict[Key, float] = {}

    def start(self, key: Key, now: float) -> None:
        """Let `key` wait from `now` on; if it waits already, it starts anew."""
        self._due.pop(key, None)
        self._due[key] = now + self.seconds

    def stop(self, key: Key) -> None:
        """Let `key` wait no longer; one that does not wait is left alone."""
        self._due.pop(key, None)

    def next_due(self) -> float | None:
        """When the first deadline ends, or None if nothing waits."""
        return next(iter(self._due.values()), None)

    def take_expired(self, now: float) -> list[Key]:
        """Remove and return all whose deadline has come, the oldest first."""
        expired: list[Key] = []
        for key, due in self._due.items():
            if due > now:
                break
            expired.append(key)
        for key in expired:
            del self._due[key]
        return expired

"""Which address of a name to try, and when (RFC 8305, "Happy Eyeballs Version 2"). Pure: the clock is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

STAGGER_SECONDS = 0.25
"""Section 5: "a recommended value for a default delay is 250 milliseconds"."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address a name resolved to: its family (an AF_ number) and the sockaddr for `connect`."""

    family: int
    sockaddr: Any


def interleaved(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Order candidates so that families alternate, the resolver's first family first (RFC 8305, section 4)."""
    queues: dict[int, deque[Candidate]] = {}
    for candidate in candidates:
        queues.setdefault(candidate.family, deque()).append(candidate)
    ordered: list[Candidate] = []
    while any(queues.values()):
        ordered += [queue.popleft() for queue in queues.values() if queue]
    return ordered


class Race:
    """Attempts to connect, each started a stagger after the one before, or at once when that one failed."""

    def __init__(self, candidates: Sequence[Candidate], stagger_seconds: float = STAGGER_SECONDS) -> None:
        self._waiting = deque(candidates)
        self._stagger = stagger_seconds
        self._next_start: float | None = None

    def due(self, now: float) -> Candidate | None:
        """The candidate to start at `now`, or None if it is not time or none is left."""
        if not self._waiting or (self._next_start is not None and now < self._next_start):
            return None
        self._next_start = now + self._stagger
        return self._waiting.popleft()

    def failed(self) -> None:
        """An attempt failed: the next one need not wait."""
        self._next_start = None

    def next_start(self) -> float | None:
        """When `due` will next have something, or None if no candidate is left."""
        return self._next_start if self._waiting else None

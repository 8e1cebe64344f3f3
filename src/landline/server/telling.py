"""Events that may come in floods: each is counted, and told at most once in a while. Pure."""

from __future__ import annotations

TELL_SECONDS = 1.0


class Teller:
    """Counts events of one kind and says when to log them, so that whoever causes them cannot fill a disk."""

    __slots__ = ("_seconds", "_silent_until", "_untold")

    def __init__(self, seconds: float = TELL_SECONDS) -> None:
        self._seconds = seconds
        self._silent_until = float("-inf")
        self._untold = 0

    def due(self, now: float) -> int:
        """Count one event at `now`. Returns how many there were since the last telling, or 0: stay silent."""
        self._untold += 1
        if now < self._silent_until:
            return 0
        untold, self._untold = self._untold, 0
        self._silent_until = now + self._seconds
        return untold

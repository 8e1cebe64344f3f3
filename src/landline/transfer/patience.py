"""How long a receiver goes on trying after its connection broke."""

from __future__ import annotations

import time
from collections.abc import Callable

from landline.transfer.retrying import FIRST_SECONDS, MOST_SECONDS


class Patience:
    """`seconds` without getting on are enough. The waits grow from 0.5 s to 15 s; `clock` gives seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since = clock()
        self._delay = FIRST_SECONDS

    def next_delay(self, advanced: bool) -> float | None:
        """How long to wait before the next try; None: it was enough. `advanced`: the last try has brought something."""
        now = self._clock()
        if advanced:
            self._since, self._delay = now, FIRST_SECONDS
        left = self._since + self._seconds - now
        delay, self._delay = self._delay, min(MOST_SECONDS, self._delay * 2)
        return None if left <= 0 else min(delay, left)

"""How often something may happen, for each of many callers. Pure: the clock is passed in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Rates:
    """Lets each key happen `most` times at once and `most` times in `seconds` on end (a token bucket for each).

    A key that was quiet for `seconds` is forgotten, so what is held is bounded by what came in that time.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self.seconds = seconds
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def allow(self, key: Hashable, now: float) -> bool:
        """Ask whether `key` may happen at `now` (seconds of a clock that never goes back). Returns the answer."""
        self._forget(now)
        left, before = self._left.get(key, (float(self.most), now))
        left = min(float(self.most), left + (now - before) * self.most / self.seconds)
        allowed = left >= 1.0
        self._left[key] = (left - 1.0 if allowed else left, now)
        self._left.move_to_end(key)
        return allowed

    def _forget(self, now: float) -> None:
        # The order is that of the last use: the first that is still young ends the search.
        while self._left:
            key, (_, before) = next(iter(self._left.items()))
            if now - before < self.seconds:
                return
            del self._left[key]

"""How long to wait before the next attempt to connect. Pure: the randomness is passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from landline.errors import LimitError

LONGEST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow from attempt to attempt, each shortened by chance so that many clients do not come at once.

    `first_seconds` (0.001 to 86400) is the wait after the first attempt, `factor` (1 to 100) how much longer each next
    one is, `most_seconds` (from first_seconds to 86400) the longest. `jitter` (0 to 1) is the part of a wait that is
    left to chance. `max_attempts` (from 1; None: no end) is how many attempts in a row may fail; a connection that
    stood for `steady_seconds` (0 to 86400) begins a new row. Raises LimitError for a value out of its range.
    """

    # 0.2 s: a restarted service is often back by then. 30 s: who watches the restart of a service is not kept waiting.
    # Half of a wait is left to chance: "equal jitter", which never waits for nearly nothing (M. Brooker, AWS, 2015).
    first_seconds: float = 0.2
    factor: float = 2.0
    most_seconds: float = 30.0
    jitter: float = 0.5
    max_attempts: int | None = None
    steady_seconds: float = 10.0

    def __post_init__(self) -> None:
        _check("first_seconds", self.first_seconds, 0.001, LONGEST_SECONDS)
        _check("factor", self.factor, 1, 100)
        _check("most_seconds", self.most_seconds, self.first_seconds, LONGEST_SECONDS)
        _check("jitter", self.jitter, 0, 1)
        _check("steady_seconds", self.steady_seconds, 0, LONGEST_SECONDS)
        attempts = self.max_attempts
        if attempts is not None and (not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1):
            raise LimitError("max_attempts", attempts, "a whole number from 1, or None for no end")

    def delay(self, attempt: int, draw: float) -> float:
        """The wait behind attempt number `attempt` (from 1), in seconds; `draw` is a random number from 0 to below 1.

        Returns a number above (1 - jitter) times the full wait, and at most the full wait.
        """
        # In logarithms: factor ** attempt is over the range of a float after some hundred attempts.
        growth = (attempt - 1) * math.log(self.factor)
        full = self.most_seconds
        if growth < math.log(self.most_seconds / self.first_seconds):
            full = self.first_seconds * self.factor ** (attempt - 1)
        return min(full, self.most_seconds) * (1.0 - self.jitter * draw)

    def exhausted(self, attempts: int) -> bool:
        """Whether `attempts` that failed in a row are all there are."""
        return self.max_attempts is not None and attempts >= self.max_attempts

    def steady(self, stood_seconds: float) -> bool:
        """Whether a connection that stood for `stood_seconds` begins a new row of attempts."""
        return stood_seconds >= self.steady_seconds


def _check(name: str, value: object, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise LimitError(name, value, f"a number from {least:g} to {most:g}")

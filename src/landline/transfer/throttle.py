"""How long to wait before more bytes may go: a token bucket. Pure: the clock is passed in."""

from __future__ import annotations

BURST_SECONDS = 0.25
"""What was not used may be made up for at most so long: longer, and a limit would be none for those who look at it."""
LEAST_BLOCK, MOST_BLOCK = 16 * 1024, 1024 * 1024


class TokenBucket:
    """Lets `rate` bytes a second pass, and at most `burst` at once after a rest (None: what `rate` gives in 0.25 s).

    Several connections share one; whoever has it asks under a lock of theirs. Bytes may be asked for beyond the burst:
    then they go at once and the next ones wait the longer, so that no block is too large for a slow rate.
    """

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self.rate = rate
        self.burst = rate * BURST_SECONDS if burst is None else burst
        self._free_at: float | None = None

    def delay(self, now: float, size: int) -> float:
        """Take `size` bytes. Returns the seconds to wait, from `now` (of a monotonic clock), until then."""
        earliest = now - self.burst / self.rate
        start = earliest if self._free_at is None else max(self._free_at, earliest)
        self._free_at = start + size / self.rate
        return max(0.0, start - now)

    @property
    def block_bytes(self) -> int:
        """How many bytes to ask for at a time: what takes about an eighth of a second, from 16 KiB to 1 MiB."""
        return int(min(MOST_BLOCK, max(LEAST_BLOCK, self.rate / 8)))

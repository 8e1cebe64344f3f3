"""Token buckets: so much at once, then so much a second."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """One bucket: `burst` tokens at most, `rate` of them come back a second. It begins full."""

    burst: float
    rate: float
    tokens: float = field(init=False)
    filled: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def wait(self, now: float) -> float:
        """Seconds until there is a token at `now`; 0.0 if there is one."""
        if now > self.filled:
            self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate)
            self.filled = now
        # Time is a float: what is a billionth short of a token is one.
        return 0.0 if self.tokens >= 1 - 1e-9 else (1 - self.tokens) / self.rate

    def take(self) -> None:
        """Take a token that is there."""
        self.tokens = max(0.0, self.tokens - 1)

    def is_full(self, now: float) -> bool:
        """Whether it has forgotten all that was taken."""
        self.wait(now)
        return self.tokens >= self.burst


def wait_for_all(buckets: list[Bucket], now: float) -> float:
    """Take one token of each bucket, or of none. Returns the seconds until it can be done; 0.0 if it was."""
    longest = max(bucket.wait(now) for bucket in buckets)
    if longest <= 0:
        for bucket in buckets:
            bucket.take()
    return longest


class Buckets:
    """Buckets by name, made when they are needed and forgotten when they are full again."""

    def __init__(self, burst: float, rate: float, most: int = 10_000) -> None:
        self._burst = burst
        self._rate = rate
        self._most = most
        self._buckets: dict[str, Bucket] = {}

    def of(self, name: str, now: float) -> Bucket:
        """The bucket of this name at `now`."""
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._forget(now)
            bucket = self._buckets[name] = Bucket(self._burst, self._rate)
            bucket.filled = now
        return bucket

    def _forget(self, now: float) -> None:
        # A bucket begins full, so the fuller half gains least; and half at once, as looking at all of them for each new
        # one would take long.
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_full(now)}
        if len(self._buckets) > self._most // 2:
            emptier = sorted(self._buckets.items(), key=lambda named: named[1].tokens)
            self._buckets = dict(emptier[: self._most // 2])

"""How fast a transfer is, how long it will take, and what holds it up: from counters and times handed in. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import msgspec

from landline.transfer.events import Began, Ended, Event, Moved, Observer, Phase

WINDOW_SECONDS = 10.0
"""What a rate is taken over. Checkpoints come every two seconds, so a shorter window would jump between 0 and twice."""
LEAST_SECONDS = 0.5
"""Before so much time has passed nobody can tell a rate."""
LEAST_SHARE = 0.05

SENDER = ("read", "hash", "send")
"""Seconds of the sender's threads: reading files, hashing, in calls that send (with TLS, enciphering too)."""
RECEIVER = ("waited", "hashed", "wrote", "synced")
"""Seconds of the receiver's threads: waiting for bytes (with TLS, deciphering too), hashing, writing, syncing."""
WINDOW_FULL = NEAR_LIMIT = 0.8


class Meter:
    """The rate over a sliding window, and what follows from it. `size` is what is to be moved, None if not known.

    Times are in seconds of any clock that does not go back.
    """

    def __init__(self, size: int | None = None, window_seconds: float = WINDOW_SECONDS) -> None:
        self.size = size
        self._window = window_seconds
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> None:
        """Take how many bytes are done by now. Fewer than before (a connection began anew) starts afresh."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, done))
        # The first one inside the window has a neighbour before it: the rate spans the whole window.
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Bytes a second; 0 as long as nobody can tell."""
        if not self._seen:
            return 0.0
        (first, before), (last, done) = self._seen[0], self._seen[-1]
        return (done - before) / (last - first) if last - first >= LEAST_SECONDS else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """Seconds to the end at this rate; None where nobody knows."""
        if self.size is None or not self._seen or self.rate <= 0:
            return None
        return max(0, self.size - self._seen[-1][1]) / self.rate


class Metered:
    """Passes events on to `observer`, and puts rate, time left and bottleneck into every Moved that has none.

    The seconds of an Ended become those since data could flow. `clock` gives seconds. Several transfers may be told of
    by turns. `limit` (bytes a second, None: none) is what a transfer was told not to exceed: one that comes near it is
    held up by `limit`.
    """

    def __init__(self, observer: Observer, clock: Callable[[], float], limit: int | None = None) -> None:
        self._observer = observer
        self._clock = clock
        self._limit = limit
        self._meters: dict[str, Meter] = {}
        self._moving: dict[str, Meter] = {}
        self._begun: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Take an event and pass it on."""
        if isinstance(event, Began):
            self._begun.setdefault(event.transfer, self._clock())
            self._meters[event.transfer] = meter = Meter(event.size)
            meter.add(self._clock(), event.resumed)
            self._moving.pop(event.transfer, None)
        elif isinstance(event, Ended):
            self._meters.pop(event.transfer, None)
            self._moving.pop(event.transfer, None)
            # While a person was waited for, nothing was slow.
            if (begun := self._begun.pop(event.transfer, None)) is not None:
                event = msgspec.structs.replace(event, seconds=self._clock() - begun)
        elif isinstance(event, Moved):
            event = self._filled(event)
        self._observer(event)

    def _filled(self, event: Moved) -> Moved:
        meter = self._meters.setdefault(event.transfer, Meter(event.size))
        meter.size = event.size
        now = self._clock()
        meter.add(now, event.durable)
        # A limit holds for what moves. What is durable grows in steps, with a checkpoint every two seconds.
        moving = self._moving.setdefault(event.transfer, Meter())
        moving.add(now, max(event.sent, event.received))
        return msgspec.structs.replace(
            event,
            rate=event.rate or meter.rate,
            eta_seconds=meter.eta_seconds if event.eta_seconds is None else event.eta_seconds,
            bottleneck=event.bottleneck or self._bottleneck(event, max(meter.rate, moving.rate)),
        )

    def _bottleneck(self, event: Moved, rate: float) -> str:
        if self._limit is not None and rate >= NEAR_LIMIT * self._limit:
            return "limit"
        return bottleneck(event.shares)


def phase_of(sent: int, verified: int, durable: int, size: int | None) -> Phase:
    """What goes on, by how many bytes were sent, found right and put on disk, of `size` (None: not known)."""
    if size is None or sent < size:
        return "sending"
    return "verifying" if verified < size else "committing" if durable < size else "done"


def shares_of(seconds: Mapping[str, float], elapsed: float, threads: int = 1) -> dict[str, float]:
    """Seconds that threads spent with something, as shares from 0 to 1 of the time they had: `elapsed` seconds each."""
    whole = elapsed * max(1, threads)
    return {name: min(1.0, value / whole) for name, value in seconds.items()} if whole > 0 else {}


def bottleneck(shares: Mapping[str, float]) -> str:
    """What holds a transfer up: disk read, hash, cipher, link, window or disk write; empty if nobody can tell.

    `shares` are those of `SENDER` and `RECEIVER`, each from 0 to 1 of the time. There may be `cipher`, the share that
    the sender's thread computed while it sent, and `window`, how much of the congestion window was full.
    """
    if not any(shares.get(name, 0.0) >= LEAST_SHARE for name in (*SENDER, *RECEIVER)):
        return ""
    sending = shares.get("send", 0.0)
    here = {"disk read": shares.get("read", 0.0), "hash": shares.get("hash", 0.0)}
    there = {
        "disk write": shares.get("wrote", 0.0) + shares.get("synced", 0.0),
        "hash": shares.get("hashed", 0.0),
    }
    if max(here.values()) >= max(LEAST_SHARE, sending, *there.values()):
        return _largest(here)
    # Who sends is held up, so the way or the other side is. It is the way if the other side waits as well.
    if max(there.values()) > shares.get("waited", 0.0):
        return _largest(there)
    if shares.get("cipher", 0.0) > sending / 2:
        return "cipher"
    return "window" if shares.get("window", 0.0) >= WINDOW_FULL else "link"


def _largest(shares: Mapping[str, float]) -> str:
    return max(shares, key=lambda name: shares[name])

"""What a bad network does to a stream, decided without one: bytes and the time in, what happens when out. Pure.

The model is Toxiproxy's: latency with jitter, bandwidth, slicer, slow_close (an end is as late as the bytes before it),
timeout (`stall_after_bytes=0`), reset_peer and limit_data; the half-open connection is added to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import ClassVar

from landline.errors import LimitError


@dataclass(frozen=True, slots=True)
class Faults:
    """What happens to one direction of a stream; what is None does not happen. Raises LimitError for a negative number.

    `delay_seconds` is how late everything is, and `jitter_seconds` how much earlier or later than that; the order is
    kept. `bandwidth_bytes_per_second` is what the line carries. `slice_bytes` is the mean size of the pieces that
    everything is cut into, a millisecond apart.

    After so many bytes of the stream, wherever in a message that is: `stall_after_bytes` lets nothing more through and
    takes nothing more, so that the sender waits; `half_open_after_bytes` takes everything and loses it, and no end
    arrives, as when a machine lost its power; `reset_after_bytes` resets the connection; `limit_bytes` ends the stream
    as if the sender had. The one that comes first counts.

    `seed` chooses jitter and sizes: the same seed makes the same faults. Faults.PROFILES has the named ones.
    """

    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bandwidth_bytes_per_second: float | None = None
    slice_bytes: int | None = None
    stall_after_bytes: int | None = None
    half_open_after_bytes: int | None = None
    reset_after_bytes: int | None = None
    limit_bytes: int | None = None
    seed: int = 0

    NONE: ClassVar[Faults]
    SLOW: ClassVar[Faults]
    NARROW: ClassVar[Faults]
    SLICED: ClassVar[Faults]
    STALLED: ClassVar[Faults]
    HALF_OPEN: ClassVar[Faults]
    RESET: ClassVar[Faults]
    LIMITED: ClassVar[Faults]
    PROFILES: ClassVar[dict[str, Faults]]

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            positive = one.name in ("bandwidth_bytes_per_second", "slice_bytes")
            if one.name != "seed" and value is not None and (value < 0 or (positive and not value)):
                raise LimitError(one.name, value, "more than 0" if positive else "0 or more")


Faults.NONE = Faults()
Faults.SLOW = Faults(delay_seconds=0.1, jitter_seconds=0.05)
Faults.NARROW = Faults(bandwidth_bytes_per_second=4096)
Faults.SLICED = Faults(delay_seconds=0.005, jitter_seconds=0.005, slice_bytes=3)
Faults.STALLED = Faults(stall_after_bytes=10)
Faults.HALF_OPEN = Faults(half_open_after_bytes=10)
Faults.RESET = Faults(reset_after_bytes=10)
Faults.LIMITED = Faults(limit_bytes=10)
Faults.PROFILES = {
    "slow": Faults.SLOW,
    "narrow": Faults.NARROW,
    "sliced": Faults.SLICED,
    "stalled": Faults.STALLED,
    "half-open": Faults.HALF_OPEN,
    "reset": Faults.RESET,
    "limited": Faults.LIMITED,
}


TRICKLE_SECONDS = 0.1
"""A narrow line delivers what it carried in this time, so that bytes trickle in and are not saved up."""


SLICE_GAP_SECONDS = 0.001
"""Slices arrive at least so far apart: what arrives at the same moment is glued together again."""


class Ending(StrEnum):
    """How a direction ends: in good order, or by a reset of the whole connection."""

    END = "end"
    RESET = "reset"


class Stop(StrEnum):
    """What happens to a direction when it has carried as many bytes as it may."""

    STALL = "stall"
    HALF_OPEN = "half_open"
    RESET = "reset"
    LIMIT = "limit"


Action = bytes | Ending
Timed = tuple[float, Action]


class FaultPlan:
    """One direction of one connection: decides what of it arrives, and when.

    `faults` are what may happen; `roll` gives random numbers from 0 up to 1. All times are those of the clock the
    caller uses, in seconds; they never go back.
    """

    def __init__(self, faults: Faults, roll: Callable[[], float]) -> None:
        self._faults = faults
        self._roll = roll
        self._carried = 0
        self._line_free_at = float("-inf")
        self._last_due = float("-inf")
        self._stop, self._stop_bytes = _first_stop(faults)
        self._stopped: Stop | None = None

    @property
    def wants_more(self) -> bool:
        """Whether bytes are taken at all: behind a stall they are not, so that the sender has to wait."""
        return self._stopped is not Stop.STALL

    @property
    def silent(self) -> bool:
        """Whether nothing arrives any more, not even an end or a reset."""
        return self._stopped in (Stop.STALL, Stop.HALF_OPEN)

    def start(self, now: float) -> list[Timed]:
        """What happens at once, before any byte: a stop after 0 bytes."""
        return self._stop_if_due(now)

    def take(self, data: bytes, now: float) -> list[Timed]:
        """Take `data` that was sent at `now`. Returns what of it arrives and when, in order: bytes, or an Ending."""
        if self._stopped is not None:
            return []
        if self._stop is not None:
            data = data[: self._stop_bytes - self._carried]
        self._carried += len(data)
        arriving: list[Timed] = [(self._due(piece, now), piece) for piece in self._slices(data)]
        return arriving + self._stop_if_due(now)

    def end(self, now: float) -> list[Timed]:
        """Take the end of the stream at `now`. Returns when it arrives, if it does."""
        return [] if self._stopped is not None else [(self._due(b"", now), Ending.END)]

    def _stop_if_due(self, now: float) -> list[Timed]:
        if self._stop is None or self._stopped is not None or self._carried < self._stop_bytes:
            return []
        self._stopped = self._stop
        if self._stop is Stop.RESET:
            return [(self._due(b"", now), Ending.RESET)]
        return [(self._due(b"", now), Ending.END)] if self._stop is Stop.LIMIT else []

    def _slices(self, data: bytes) -> Iterator[bytes]:
        start = 0
        while start < len(data):
            size = self._next_size(len(data))
            yield data[start : start + size]
            start += size

    def _next_size(self, most: int) -> int:
        faults = self._faults
        if faults.slice_bytes is not None:
            # From 1 to twice the mean less 1, all equally likely.
            return 1 + int(self._roll() * (2 * faults.slice_bytes - 1))
        if faults.bandwidth_bytes_per_second is not None:
            return max(1, int(faults.bandwidth_bytes_per_second * TRICKLE_SECONDS))
        return most

    def _due(self, piece: bytes, now: float) -> float:
        faults = self._faults
        sent = max(now, self._line_free_at)
        if faults.bandwidth_bytes_per_second is not None:
            sent += len(piece) / faults.bandwidth_bytes_per_second
        self._line_free_at = sent
        late = faults.delay_seconds + (faults.jitter_seconds * (2 * self._roll() - 1) if faults.jitter_seconds else 0.0)
        gap = SLICE_GAP_SECONDS if faults.slice_bytes is not None and piece else 0.0
        self._last_due = max(self._last_due + gap, sent + max(0.0, late))
        return self._last_due


def _first_stop(faults: Faults) -> tuple[Stop | None, int]:
    stops = {
        Stop.STALL: faults.stall_after_bytes,
        Stop.HALF_OPEN: faults.half_open_after_bytes,
        Stop.RESET: faults.reset_after_bytes,
        Stop.LIMIT: faults.limit_bytes,
    }
    asked = {stop: size for stop, size in stops.items() if size is not None}
    first = min(asked, key=asked.__getitem__, default=None)
    return first, 0 if first is None else asked[first]

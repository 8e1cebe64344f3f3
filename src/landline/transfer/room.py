"""A full disk: files wait for room, as long as that is allowed, and go on; the others are not held up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from landline.transfer.ledger import File
from landline.transfer.wire import Space

LOOK_SECONDS = 0.5
TELL_SECONDS = 1.0
MOST_WISHED_SECONDS = 3600.0
"""A sender may ask us to wait, but not to keep its transfer open for ever."""


@dataclass(eq=False)
class Starving:
    """A file without room: since when, how many bytes it needs, and which chunks were thrown away for it."""

    file: File
    generation: int
    needed: int
    deadline: float
    chunks: set[int] = field(default_factory=set)


class Room:
    """Who waits for room. `free` gives the free bytes, `post` tells the sender, `tell` us (needed, free, seconds).

    `wait_seconds` is how long a file may wait; 0: not at all.
    """

    def __init__(
        self,
        free: Callable[[], int],
        wait_seconds: float,
        post: Callable[[Space], None],
        tell: Callable[[int, int, float], None],
        stopping: threading.Event,
    ) -> None:
        self.wait_seconds = wait_seconds
        self._free = free
        self._post = post
        self._tell = tell
        self._stopping = stopping
        self._lock = threading.Lock()
        self._starving: dict[int, Starving] = {}
        self._looked = self._told = 0.0

    def starve(self, file: File, generation: int, chunk: int, needed: int) -> bool:
        """A chunk found no room for `needed` bytes and was thrown away. Returns whether its file may wait."""
        with self._lock:
            known = self._starving.get(file.index)
            if known is None or known.generation != generation:
                deadline = time.monotonic() + self.wait_seconds
                known = Starving(file, generation, needed, deadline)
            if self.wait_seconds <= 0 or time.monotonic() > known.deadline:
                self._starving.pop(file.index, None)
                return False
            self._starving[file.index] = known
            before = known.needed if known.chunks else 0
            known.chunks.add(chunk)
            # For all that was thrown away: with room for less, it would come only to be thrown away again.
            pieces = len(known.chunks) * min(needed, file.chunk_bytes)
            known.needed = max(before, needed, min(pieces, pieces if file.entry.size is None else file.entry.size))
        return True

    def is_starving(self, file: File) -> bool:
        """Whether a file waits for room: then more of it need not be tried."""
        known = self._starving.get(file.index)
        return known is not None and bool(known.chunks)

    @property
    def is_anybody_starving(self) -> bool:
        """Whether some file waits for room."""
        return bool(self._starving)

    def fed(self, file: File) -> None:
        """Something of a file has found room."""
        if file.index in self._starving:
            with self._lock:
                known = self._starving.get(file.index)
                if known is not None and not known.chunks:
                    del self._starving[file.index]

    def look(self, now: float) -> tuple[list[Starving], list[Starving]]:
        """Look whether there is room now. Returns copies of those that may go on, and of those whose time is over."""
        if not self._starving or now - self._looked < LOOK_SECONDS:
            return [], []
        self._looked = now
        free = self._free()
        fed, given_up = [], []
        with self._lock:
            for known in list(self._starving.values()):
                if now > known.deadline:
                    given_up.append(self._starving.pop(known.file.index))
                elif known.chunks and known.needed <= free:
                    free -= known.needed
                    fed.append(Starving(known.file, known.generation, known.needed, known.deadline, set(known.chunks)))
                    # It keeps its deadline: if there is no room after all, it has not won time.
                    known.chunks.clear()
        self._say(now, bool(fed))
        return fed, given_up

    def _say(self, now: float, fed: bool) -> None:
        """Tell both sides about the one that needs most, or that there is room again."""
        waiting = [known for known in self._starving.values() if known.chunks]
        if not waiting:
            # Where the last one was given up, its failure is told instead.
            if self._told and fed:
                self._both(0, 0.0)
            self._told = 0.0
        elif now - self._told >= TELL_SECONDS:
            self._told = now
            worst = max(waiting, key=lambda known: known.needed)
            self._both(worst.needed, max(0.1, worst.deadline - now))

    def _both(self, needed: int, seconds: float) -> None:
        free = self._free()
        self._post(Space(needed, free, seconds))
        self._tell(needed, free, seconds)

    def wait(self, needed: int) -> bool:
        """Wait in this thread for `needed` bytes, where nothing can be thrown away. Returns whether they are there."""
        deadline = time.monotonic() + self.wait_seconds
        told = 0.0
        while self._free() < needed:
            now = time.monotonic()
            if now >= deadline or self._stopping.is_set():
                return False
            if now - told >= TELL_SECONDS:
                told = now
                self._both(needed, deadline - now)
            self._stopping.wait(LOOK_SECONDS)
        if told:
            self._both(0, 0.0)
        return True

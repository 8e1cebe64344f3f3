"""The parts of large files that are written to, held open: not too many, and none closed while a thread uses it."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections.abc import Callable, Iterator

MOST_OPEN_PARTS = 64
"""A sender works on few large files at a time; one that begins thousands must not cost as many descriptors."""
MOST_SMALL_FILES = 2048


class _Held:
    """A descriptor, and how many threads use it. `doomed` says that it is closed when the last one is done."""

    def __init__(self, part_fd: int) -> None:
        self.part_fd = part_fd
        self.users = 0
        self.doomed = False


class OpenParts:
    """Descriptors of parts by the index of their file. `reopen` opens one that was closed meanwhile."""

    def __init__(self, reopen: Callable[[int], int]) -> None:
        self._reopen = reopen
        self._held: dict[int, _Held] = {}
        self._lock = threading.Lock()

    def __contains__(self, index: int) -> bool:
        return index in self._held

    def add(self, index: int, part_fd: int) -> None:
        """Keep the descriptor of a part that was just made; it is ours now."""
        self.forget(index)
        with self._lock:
            self._held[index] = _Held(part_fd)
            self._evict()

    @contextlib.contextmanager
    def use(self, index: int) -> Iterator[int]:
        """The descriptor of a part, which stays open meanwhile. Raises LandingError if it cannot be opened again."""
        with self._lock:
            held = self._held.pop(index, None) or _Held(self._reopen(index))
            self._held[index] = held
            held.users += 1
            self._evict()
        try:
            yield held.part_fd
        finally:
            with self._lock:
                held.users -= 1
                self._close_unused(held)

    def forget(self, index: int) -> None:
        """Close the descriptor of a part, as soon as nobody uses it."""
        with self._lock:
            held = self._held.pop(index, None)
            if held is not None:
                held.doomed = True
                self._close_unused(held)

    def close(self) -> None:
        """Close all of them."""
        for index in list(self._held):
            self.forget(index)

    def _evict(self) -> None:
        """Close the one that was used longest ago, if there are too many; it is opened again where that is needed."""
        if len(self._held) <= MOST_OPEN_PARTS:
            return
        for index, held in self._held.items():
            if not held.users:
                del self._held[index]
                os.close(held.part_fd)
                return

    def _close_unused(self, held: _Held) -> None:
        if held.doomed and not held.users:
            os.close(held.part_fd)


def small_files(soft_limit: int) -> int:
    """How many small files may be open, of the descriptors that the process may have."""
    return MOST_SMALL_FILES if soft_limit < 0 else max(32, min(MOST_SMALL_FILES, soft_limit // 2))


SMALL_LIMIT = small_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
SMALL_FILES = threading.BoundedSemaphore(SMALL_LIMIT)
"""Small files are open from their writing to their landing; so many of them may be, in the whole process."""

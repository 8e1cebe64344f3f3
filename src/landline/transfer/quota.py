"""How much may be in a folder: what is there, and what is on its way, of all transfers together."""

from __future__ import annotations

import contextlib
import os
import threading


class Quota:
    """At most `limit` bytes (None: no limit), of which `used` are used already. Threads may share it."""

    def __init__(self, limit: int | None, used: int = 0) -> None:
        self.limit = limit
        self._used = used
        self._lock = threading.Lock()

    @property
    def free(self) -> int | None:
        """Bytes that may still come, None without a limit."""
        with self._lock:
            return None if self.limit is None else max(0, self.limit - self._used)

    def take(self, size: int) -> bool:
        """Take `size` bytes, if there are so many. Returns whether there are."""
        with self._lock:
            if self.limit is not None and self._used + size > self.limit:
                return False
            self._used += size
            return True

    def exchange(self, held: int, size: int) -> bool:
        """Take `size` bytes in the place of `held`, which were counted before; or nothing, if there are not so many.

        Returns whether there are.
        """
        with self._lock:
            if self.limit is not None and self._used - held + size > self.limit:
                return False
            self._used += size - held
            return True

    def give_back(self, size: int) -> None:
        """Give back what was taken for a file that did not come about."""
        with self._lock:
            self._used -= size


def used_bytes(dir_fd: int) -> int:
    """The bytes of all files below a folder, without following links. What cannot be looked at counts nothing."""
    total = 0
    for _, _, names, inner_fd in os.fwalk(b".", dir_fd=dir_fd, follow_symlinks=False):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(name, dir_fd=inner_fd, follow_symlinks=False).st_size
    return total

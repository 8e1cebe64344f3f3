"""Descriptors: how many this process may have, and one held back for the day there are none left."""

from __future__ import annotations

import contextlib
import os
import resource
import socket

MOST_MARGIN = 64
"""Descriptors left for log files, name look-ups and libraries."""


def default_max_connections(soft_limit: int, open_now: int) -> int:
    """How many connections fit below `soft_limit` when `open_now` descriptors are open and a margin stays free."""
    free = max(soft_limit - open_now, 1)
    return max(free - min(MOST_MARGIN, free // 4), 1)


def soft_limit() -> int:
    """How many descriptors this process may have open (getrlimit(2), RLIMIT_NOFILE)."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def open_descriptors() -> int:
    """How many descriptors this process has open now."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(folder)) - 1
    return 0


class Reserve:
    """One descriptor that is given up for a moment so that a connection can be accepted and told to go.

    Without it a process that has none left cannot even close the calls that wait, and is woken for them again and
    again (libev's documentation describes the remedy under "The special problem of accept()ing when you can't").
    """

    def __init__(self) -> None:
        self._number = -1
        self.take()

    def take(self) -> bool:
        """Take the reserve again. Returns whether it is held now."""
        if self._number < 0:
            with contextlib.suppress(OSError):
                self._number = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return self._number >= 0

    def accept(self, listener: socket.socket) -> socket.socket | None:
        """Accept one connection on the reserve. Returns None if none waits or there is no descriptor even so.

        The caller closes the connection and calls `take`.
        """
        self.close()
        with contextlib.suppress(OSError):
            return listener.accept()[0]
        self.take()
        return None

    def close(self) -> None:
        """Give the reserve up."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

"""Standard input as something to send: read once, in chunks, of which the latest are kept."""

from __future__ import annotations

import os
import select
from collections import OrderedDict

from landline.transfer.manifest import LEAST_CHUNK


class StreamSource:
    """Reads `descriptor` in chunks of 4 MiB, and keeps the `keep` latest: the receiver may ask for them again.

    One thread reads at a time, over however many connections.
    """

    def __init__(self, descriptor: int, keep: int = 4) -> None:
        self.recent: OrderedDict[int, bytes] = OrderedDict()
        self._descriptor = descriptor
        self._keep = keep
        self._buffer: memoryview | None = None
        self._taken = 0
        self._is_over = False
        self.waiting = 0
        """Bytes that were read and not taken yet."""

    def fill(self, seconds: float) -> bool:
        """Read on for as long as something comes within `seconds`.

        Returns whether a chunk is whole or the end has come. Raises OSError.
        """
        if self._buffer is None:
            self._buffer = memoryview(bytearray(LEAST_CHUNK))
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        while self.waiting < LEAST_CHUNK and not self._is_over:
            if not poller.poll(seconds * 1000):
                return False
            count = os.readv(self._descriptor, [self._buffer[self.waiting :]])
            self._is_over = not count
            self.waiting += count
        return True

    def take(self) -> bytes:
        """The chunk that was filled."""
        assert self._buffer is not None
        data = bytes(self._buffer[: self.waiting])
        self.waiting = 0
        self.recent[self._taken] = data
        self._taken += 1
        if len(self.recent) > self._keep:
            self.recent.popitem(last=False)
        return data

    def close(self) -> None:
        """Forget what was read."""
        self.recent.clear()
        self._buffer = None

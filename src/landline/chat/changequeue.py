"""Changes that wait for whoever shows them: bounded, and what is dropped is told of."""

from __future__ import annotations

import asyncio
from collections import deque

from landline.chat.changes import Change, Skipped

MOST_WAITING = 20_000
"""Changes that may wait: a resume of four full rooms. Who takes none at all holds no more than this."""


class ChangeQueue:
    """One reader takes, oldest first, what was put; behind `close` there is an end."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()
        self._closed = False
        self._reader: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._changes)

    def put(self, change: Change) -> None:
        """Add a change. If there are too many, the oldest half is dropped, and a Skipped stands in its place."""
        if len(self._changes) >= MOST_WAITING:
            dropped = 0
            for _ in range(MOST_WAITING // 2):
                first = self._changes.popleft()
                dropped += first.count if isinstance(first, Skipped) else 1
            self._changes.appendleft(Skipped(dropped))
        self._changes.append(change)
        self._wake()

    def close(self) -> None:
        """Nothing more is put."""
        self._closed = True
        self._wake()

    async def take(self) -> Change | None:
        """The oldest change, as soon as there is one; None at the end. Cancelled, it takes none.

        Raises RuntimeError if somebody else waits already.
        """
        while not self._changes:
            if self._closed:
                return None
            if self._reader is not None:
                raise RuntimeError("two tasks take the changes of one chat client; let one of them hand them on")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._changes.popleft()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

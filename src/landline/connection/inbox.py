"""Messages that have arrived and wait to be received."""

from __future__ import annotations

import asyncio
from collections import deque

MESSAGE_OVERHEAD_BYTES = 48
"""What CPython adds to each message in an inbox: the header of a bytes object and a pointer to it."""
MOST_TAKEN_A_TURN = 64
"""Messages taken on end before other connections get their turn; with each there is a handler's work."""


class Inbox(deque[bytes]):
    """The messages of one connection, oldest first; `held_bytes` is what they take of receive_buffer_bytes.

    When `left_in_turn` is 0, so many were taken on end that it is the turn of others.
    """

    __slots__ = ("held_bytes", "left_in_turn")

    def __init__(self) -> None:
        super().__init__()
        self.held_bytes = 0
        self.left_in_turn = MOST_TAKEN_A_TURN

    def put(self, messages: list[bytes]) -> None:
        """Add messages behind the others."""
        self.extend(messages)
        self.held_bytes += sum(map(len, messages)) + MESSAGE_OVERHEAD_BYTES * len(messages)

    def take(self) -> bytes:
        """Remove and return the oldest message. Raises IndexError if there is none."""
        message = self.popleft()
        self.held_bytes -= len(message) + MESSAGE_OVERHEAD_BYTES
        self.left_in_turn -= 1
        return message

    async def let_others(self) -> None:
        """Give others their turn: a handler that always finds a message and room to send never waits by itself."""
        self.left_in_turn = MOST_TAKEN_A_TURN
        await asyncio.sleep(0)

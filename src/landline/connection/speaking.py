"""How messages leave a connection: framed, counted, and gathered where many belong together."""

from __future__ import annotations

import asyncio

from landline.connection.inbox import Inbox
from landline.connection.secured import Secured
from landline.framing import Framing
from landline.limits import Limits

MOST_BYTES_GATHERED = 16 * 1024
"""What is said before more of the messages that wait are taken leaves in one write, which costs as much as many."""


class Speaking(Secured):
    """The part of a connection that writes to its transport."""

    __slots__ = (
        "_bytes_sent", "_ending", "_framing", "_gathered", "_gathered_bytes", "_gone", "_inbox", "_limits", "_loop",
        "_messages_sent", "_transport",
    )  # fmt: skip

    _bytes_sent: int
    _ending: bool
    _framing: Framing
    _gathered: list[bytes] | None
    _gathered_bytes: int
    _gone: bool
    _inbox: Inbox
    _limits: Limits
    _loop: asyncio.AbstractEventLoop
    _messages_sent: int

    def _write(self, messages: list[bytes]) -> None:
        if self._ending or not messages:
            return
        count, framing = len(messages), self._framing
        self._write_frames(framing.encode(messages[0]) if count == 1 else framing.encode_all(messages), count)

    def _write_frames(self, frames: bytes, count: int) -> None:
        self._messages_sent += count
        self._bytes_sent += len(frames)
        if self._inbox or self._gathered is not None:
            self._gather(frames)
        else:
            self._transport.write(frames)

    def _gather(self, frames: bytes) -> None:
        """Send behind what was gathered, or together with what the next of the waiting messages brings.

        At the latest in the next turn of the loop: a handler may wait for something else before it takes that message.
        """
        if self._gathered is None:
            self._gathered = []
            self._loop.call_soon(self._flush)
        self._gathered.append(frames)
        self._gathered_bytes = held = self._gathered_bytes + len(frames)
        if not self._inbox or held >= MOST_BYTES_GATHERED or held >= self._limits.send_buffer_bytes:
            self._flush()

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, None
        self._gathered_bytes = 0
        if gathered and not self._gone:
            self._transport.write(b"".join(gathered))

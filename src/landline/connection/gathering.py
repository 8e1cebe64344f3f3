"""How what a connection says leaves: at once, or gathered where more of it is about to follow."""

from __future__ import annotations

import asyncio
from typing import Any

from landline.connection.inbox import Inbox
from landline.connection.secured import Secured
from landline.limits import Limits

MOST_BYTES_GATHERED = 16 * 1024
"""What is said while more messages wait to be taken leaves in one write of about so much: each is a system call."""


class Gathering(Secured):
    """The sending half of a connection. While messages wait to be taken, what is sent is gathered."""

    __slots__ = ("_bytes_sent", "_gathered", "_gathered_bytes", "_messages_sent")

    _gone: bool
    _inbox: Inbox
    _limits: Limits
    _loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._gathered: list[bytes] | None = None
        self._gathered_bytes = self._messages_sent = self._bytes_sent = 0

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


class Behind:
    """A context within which the end of a connection waits. A class: a generator costs as much as the rest of it."""

    __slots__ = ("_flow",)

    def __init__(self, flow: Any) -> None:
        self._flow = flow

    def __enter__(self) -> None:
        self._flow._answering = True

    def __exit__(self, *_: object) -> None:
        self._flow._answering = False
        self._flow._do_what_was_wanted()

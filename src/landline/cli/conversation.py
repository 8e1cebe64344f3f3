"""Both sides of a conversation at once: what comes is shown while what is to be said is read."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from landline.cli.render import for_pipe, for_terminal
from landline.connection.client import Connection
from landline.connection.stream import CLEAN_ENDS
from landline.errors import ConnectionClosed, WaitTimeout


class Screen:
    """Where messages go: escaped to a terminal, exact to a pipe."""

    def __init__(self, raw: bool) -> None:
        self._raw = raw
        self._terminal = sys.stdout.isatty()
        self.first: bytes | None = None
        self.shown = 0

    def show(self, message: bytes) -> None:
        """Show one message at once."""
        self.first = message if self.shown == 0 else self.first
        self.shown += 1
        if self._terminal:
            sys.stdout.write(for_terminal(message, self._raw))
            sys.stdout.flush()
        else:
            sys.stdout.buffer.write(for_pipe(message, self._raw))
            sys.stdout.buffer.flush()


async def show_all(
    connection: Connection, screen: Screen, said_all: asyncio.Event, timeout_seconds: float | None
) -> bool:
    """Show messages until the peer closes, or until all is said and nothing came for `timeout_seconds` (None: ever).

    Returns whether the peer closed. Raises ConnectionClosed if the connection broke, or a FramingError.
    """
    while True:
        try:
            screen.show(await connection.receive(timeout_seconds))
        except WaitTimeout:
            if said_all.is_set():
                return False
        except ConnectionClosed as closed:
            if closed.reason in CLEAN_ENDS:
                return True
            raise


async def say_all(connection: Connection, messages: AsyncIterator[bytes], said_all: asyncio.Event) -> bool:
    """Send messages, then half-close. Returns whether all could be sent."""
    try:
        async for message in messages:
            await connection.send(message)
        connection.end_sending()
    except ConnectionClosed:
        return False
    finally:
        said_all.set()
    return True


async def converse(
    connection: Connection, messages: AsyncIterator[bytes], screen: Screen, timeout_seconds: float | None
) -> tuple[bool, bool]:
    """Say and show at the same time until the conversation is over.

    Returns whether the peer closed and whether all was said. Raises what the connection raises.
    """
    said_all = asyncio.Event()
    saying = asyncio.create_task(say_all(connection, messages, said_all))
    showing = asyncio.create_task(show_all(connection, screen, said_all, timeout_seconds))
    try:
        await asyncio.wait((saying, showing), return_when=asyncio.FIRST_COMPLETED)
        if saying.done():
            said = saying.result()
            return await showing, said
        return showing.result(), False
    finally:
        for task in (saying, showing):
            task.cancel()
        await asyncio.gather(saying, showing, return_exceptions=True)


async def given(messages: list[bytes]) -> AsyncIterator[bytes]:
    """Messages that are there from the start."""
    for message in messages:
        yield message

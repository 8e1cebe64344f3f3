"""Both sides of a conversation at once: what comes is shown while what is to be said is read."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from landline.address import Address, UdpAddress
from landline.cli.render import for_pipe, for_terminal
from landline.connection.client import Connection
from landline.connection.datagram import check_datagram
from landline.errors import ConnectionClosed, WaitTimeout
from landline.framing import Framing
from landline.server.running import BUSY


class Screen:
    """Where messages go: escaped to a terminal, exact to a pipe."""

    def __init__(self, raw: bool) -> None:
        self._raw = raw
        self._terminal = sys.stdout.isatty()
        self._shown = 0
        self._first: bytes | None = None
        if self._terminal and isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that is not set to UTF-8 gets an escape for what it cannot show.
            sys.stdout.reconfigure(errors="backslashreplace")

    def show(self, message: bytes) -> None:
        """Show one message at once."""
        self._first = message if self._shown == 0 else self._first
        self._shown += 1
        if self._terminal:
            sys.stdout.write(for_terminal(message, self._raw))
            sys.stdout.flush()
        else:
            sys.stdout.buffer.write(for_pipe(message, self._raw))
            sys.stdout.buffer.flush()

    @property
    def busy_only(self) -> bool:
        """Whether all that came is the word of a service that has no place."""
        return self._shown == 1 and self._first == BUSY


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation ended.

    `closed` is how the connection ended (None: it stands, but nothing came any more), `all_said` whether everything
    could be sent, `refused` whether the peer had no place for us.
    """

    closed: ConnectionClosed | None
    all_said: bool
    refused: bool

    @property
    def lost(self) -> bool:
        """Whether the connection broke, or was closed for a reason that is an error."""
        return self.closed is not None and not self.closed.reason.clean


async def converse(
    connection: Connection, messages: AsyncIterator[bytes], screen: Screen, timeout_seconds: float | None
) -> Outcome:
    """Say and show at the same time until the peer closes or, when all is said, nothing came for `timeout_seconds`.

    None waits as long as it takes. Raises what the connection raises, except for its end.
    """
    said_busy = asyncio.Event()
    saying = asyncio.create_task(_say_all(connection, messages, said_busy))
    showing = asyncio.create_task(_show_all(connection, screen, None))
    try:
        await asyncio.wait((saying, showing), return_when=asyncio.FIRST_COMPLETED)
        all_said = saying.done() and saying.result()
        if saying.done() and not showing.done():
            # Only now does the time run. Cancelling `receive` loses nothing.
            await _cancelled(showing)
            showing = asyncio.create_task(_show_all(connection, screen, timeout_seconds))
        closed = await showing
        return Outcome(closed, all_said, screen.busy_only and closed is not None and not said_busy.is_set())
    finally:
        await _cancelled(saying, showing)


async def _show_all(connection: Connection, screen: Screen, timeout_seconds: float | None) -> ConnectionClosed | None:
    """Show messages until the connection is over (returns how) or nothing came for `timeout_seconds` (None)."""
    while True:
        try:
            screen.show(await connection.receive(timeout_seconds))
        except WaitTimeout:
            return None
        except ConnectionClosed as closed:
            return closed


async def _say_all(connection: Connection, messages: AsyncIterator[bytes], said_busy: asyncio.Event) -> bool:
    """Send messages, then half-close. Returns whether all could be sent; sets `said_busy` if BUSY is among them."""
    try:
        async for message in messages:
            if message == BUSY:
                said_busy.set()
            await connection.send(message)
        connection.end_sending()
    except ConnectionClosed:
        return False
    return True


async def _cancelled(*tasks: asyncio.Task[bool] | asyncio.Task[ConnectionClosed | None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def given(messages: list[bytes]) -> AsyncIterator[bytes]:
    """Messages that are there from the start."""
    for message in messages:
        yield message


def check_for(where: Address, framing: Framing) -> Callable[[bytes], object]:
    """What raises UnframableMessage for a message that cannot be sent to `where`."""
    return check_datagram if isinstance(where, UdpAddress) else framing.encode

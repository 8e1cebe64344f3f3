"""`landline call`: send messages, print what comes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import click

from landline.address import Address, UdpAddress
from landline.address import parse as parse_address
from landline.cli.commands import DATAGRAM_SECONDS, STREAM_SECONDS
from landline.cli.conversation import Screen, converse, given
from landline.cli.exits import CommandError, Exit
from landline.cli.typing_in import piped_lines, piped_pieces, typed_lines
from landline.connection.client import Connection, connect
from landline.connection.datagram import check_datagram
from landline.errors import ConnectionClosed, WaitTimeout
from landline.framing import Framing, Raw
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.server.run import new_event_loop

BUSY = b"busy"
GOODBYE_SECONDS = 2.0
"""How long answers are still awaited after a person has ended the conversation."""


def call_command(address: str, messages: tuple[str, ...], framing: str, timeout_seconds: float | None) -> Exit:
    """Call a service; see `landline call --help`. Returns the exit code; raises LandlineError for all but 0."""
    where, how = parse_address(address), parse_framing(framing)
    said = [message.encode("utf-8", "surrogateescape") for message in messages]
    for message in said:
        check_datagram(message) if isinstance(where, UdpAddress) else how.encode(message)
    default = DATAGRAM_SECONDS if isinstance(where, UdpAddress) else STREAM_SECONDS
    seconds = default if timeout_seconds is None else timeout_seconds
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_call(where, how, said, seconds))
    return Exit.DONE


async def _call(where: Address, how: Framing, said: list[bytes], seconds: float) -> None:
    connection = await connect(where, framing=how, timeout_seconds=seconds)
    screen = Screen(raw=how == Raw())
    try:
        if isinstance(where, UdpAddress):
            await _ask_each(connection, _datagrams(said), screen, seconds)
        elif not said and sys.stdin.isatty():
            await on_terminal(connection, screen, str(where), lost_if_peer_closes=True)
        else:
            await _say_and_show(connection, said, screen, how, seconds)
    finally:
        await _part(connection)


async def _say_and_show(
    connection: Connection, said: list[bytes], screen: Screen, how: Framing, seconds: float
) -> None:
    piped = piped_pieces() if how == Raw() else piped_lines(Limits())
    messages = given(said) if said else piped
    peer_closed, all_said = await converse(connection, messages, screen, seconds)
    if screen.shown == 1 and screen.first == BUSY and peer_closed and BUSY not in said:
        raise CommandError(Exit.REFUSED, f"{connection.peer} refused the call: it is busy; try again later")
    if peer_closed and not all_said and said:
        raise CommandError(Exit.LOST, f"{connection.peer} closed before everything was sent")
    if not peer_closed:
        click.echo(f"landline: {connection.peer} sent nothing for {seconds:g} s and has not closed", err=True)


def _datagrams(said: list[bytes]) -> AsyncIterator[bytes]:
    if said:
        return given(said)
    return typed_lines() if sys.stdin.isatty() else piped_lines(Limits())


async def _ask_each(connection: Connection, messages: AsyncIterator[bytes], screen: Screen, seconds: float) -> None:
    """Over UDP: one message, one answer. What is lost is counted and told."""
    asked = lost = 0
    async for message in messages:
        asked += 1
        await connection.send(message)
        try:
            screen.show(await connection.receive(seconds))
        except WaitTimeout:
            lost += 1
            if sys.stdin.isatty():
                click.echo(f"no answer in {seconds:g} s", err=True)
    if lost:
        raise CommandError(Exit.LOST, f"no answer in {seconds:g} s, {lost} of {asked} lost")


async def on_terminal(connection: Connection, screen: Screen, peer: str, lost_if_peer_closes: bool) -> None:
    """Let a person type while messages appear above the prompt."""
    from prompt_toolkit.patch_stdout import patch_stdout

    click.echo(f"connected to {peer}; `exit` or Ctrl-D ends", err=True)
    with patch_stdout():
        peer_closed, all_said = await converse(connection, typed_lines(), screen, GOODBYE_SECONDS)
    if peer_closed and not all_said and lost_if_peer_closes:
        raise CommandError(Exit.LOST, f"{peer} closed the connection")
    if peer_closed and not all_said:
        click.echo(f"{peer} hung up", err=True)


async def _part(connection: Connection) -> None:
    """Close; a peer that does not end its side is not waited for."""
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await connection.close()
    except (TimeoutError, ConnectionClosed):
        pass

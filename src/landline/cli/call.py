"""`landline call`: send messages, print what comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import click

from landline.address import Address, UdpAddress
from landline.address import parse as parse_address
from landline.cli.commands import DATAGRAM_SECONDS, STREAM_SECONDS
from landline.cli.conversation import Outcome, Screen, check_for, converse, given
from landline.cli.exits import CommandError, Exit
from landline.cli.tls_options import CallerOptions
from landline.cli.typing_in import (
    above_the_prompt,
    loop_for_input,
    piped_lines,
    piped_pieces,
    read_ahead,
    somebody_types,
    typed_lines,
)
from landline.connection.client import Connection, connect
from landline.connection.datagram import check_datagram
from landline.connection.statistics import Statistics
from landline.connection.stream import StreamConnection
from landline.errors import WaitTimeout
from landline.framing import Framing, Raw
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.transport.tls import ClientTls

log = logging.getLogger("landline.cli")

GOODBYE_SECONDS = 2.0
"""How long answers are still awaited after a person has ended the conversation."""


def call_command(
    address: str,
    messages: tuple[str, ...],
    framing: str,
    timeout_seconds: float | None,
    options: CallerOptions | None = None,
) -> Exit:
    """Call a service; see `landline call --help`. Returns the exit code; raises LandlineError for all but 0."""
    where, how = parse_address(address), parse_framing(framing)
    tls = (options or CallerOptions()).for_call(where)
    said = [message.encode("utf-8", "surrogateescape") for message in messages]
    for message in said:
        check_for(where, how)(message)
    default = DATAGRAM_SECONDS if isinstance(where, UdpAddress) else STREAM_SECONDS
    seconds = default if timeout_seconds is None else timeout_seconds
    with asyncio.Runner(loop_factory=loop_for_input()) as runner:
        runner.run(_call(where, how, said, seconds, tls))
    return Exit.DONE


async def _call(where: Address, how: Framing, said: list[bytes], seconds: float, tls: ClientTls | None) -> None:
    connection = await connect(where, framing=how, timeout_seconds=seconds, tls=tls)
    screen = Screen(raw=how == Raw())
    async with parting(connection):
        if isinstance(where, UdpAddress):
            await _ask(connection, said, screen, seconds)
        elif not said and somebody_types():
            outcome = await on_terminal(connection, screen, str(where), how)
            _check(outcome, connection)
            if not outcome.all_said:
                raise CommandError(Exit.LOST, f"{where} closed the connection")
        else:
            await _say_and_show(connection, said, screen, how, seconds)


async def _say_and_show(
    connection: Connection, said: list[bytes], screen: Screen, how: Framing, seconds: float
) -> None:
    piped = piped_pieces() if how == Raw() else piped_lines(Limits())
    outcome = await converse(connection, given(said) if said else piped, screen, seconds)
    _check(outcome, connection)
    if outcome.closed is None:
        click.echo(f"landline: {connection.peer} sent nothing for {seconds:g} s and has not closed", err=True)
    elif said and not outcome.all_said:
        raise CommandError(Exit.LOST, f"{connection.peer} closed before everything was sent")


def _check(outcome: Outcome, connection: Connection) -> None:
    """Raise what the end of a conversation calls for, if anything."""
    if outcome.refused:
        raise CommandError(Exit.REFUSED, f"{connection.peer} refused the call: it is busy; try again later")
    if outcome.closed is not None and outcome.lost:
        raise outcome.closed


async def _ask(connection: Connection, said: list[bytes], screen: Screen, seconds: float) -> None:
    """Over UDP: one message, one answer. What is lost is counted and told."""
    if said or not somebody_types():
        asked, lost = await _ask_each(connection, given(said) if said else piped_lines(Limits()), screen, seconds)
    else:
        click.echo(f"each line goes to {connection.peer} as one datagram; `exit` or Ctrl-D ends", err=True)
        with above_the_prompt():
            async with aclosing(read_ahead(typed_lines(check_datagram))) as lines:
                asked, lost = await _ask_each(connection, lines, screen, seconds, tell_at_once=True)
    if lost:
        raise CommandError(Exit.LOST, f"no answer in {seconds:g} s, {lost} of {asked} lost")


async def _ask_each(
    connection: Connection, messages: AsyncIterator[bytes], screen: Screen, seconds: float, tell_at_once: bool = False
) -> tuple[int, int]:
    """Send each message and wait for its answer. Returns how many were asked and how many got none."""
    asked = lost = 0
    async for message in messages:
        asked += 1
        await connection.send(message)
        try:
            screen.show(await connection.receive(seconds))
        except WaitTimeout:
            lost += 1
            if tell_at_once:
                click.echo(f"no answer in {seconds:g} s", err=True)
    return asked, lost


async def on_terminal(connection: Connection, screen: Screen, peer: str, how: Framing) -> Outcome:
    """Let a person type while messages appear above the prompt."""
    click.echo(f"connected to {peer}; `exit` or Ctrl-D ends", err=True)
    with above_the_prompt():
        return await converse(connection, typed_lines(check_for(connection.peer, how)), screen, GOODBYE_SECONDS)


@asynccontextmanager
async def parting(connection: Connection) -> AsyncIterator[None]:
    """Close at the end; a peer that takes no more or does not end its side is not waited for."""
    stream = connection if isinstance(connection, StreamConnection) else None
    log.debug("connected with %s, from %s", connection.peer, connection.local)
    try:
        yield
    except asyncio.CancelledError:
        # Ctrl-C: no goodbye.
        if stream is not None:
            stream.abort()
        raise
    finally:
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await connection.close()
        except TimeoutError:
            if stream is not None:
                stream.abort()
            await connection.close()
        log.debug("over: %s", _in_words(connection.statistics()))


def _in_words(statistics: Statistics) -> str:
    return (
        f"{statistics.messages_sent} messages ({statistics.bytes_sent} bytes) sent, "
        f"{statistics.messages_received} ({statistics.bytes_received} bytes) received, {statistics.reason}"
    )

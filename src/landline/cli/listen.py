"""`landline listen`: wait for one call, then talk."""

from __future__ import annotations

import asyncio

import click

from landline.address import UdpAddress
from landline.address import parse as parse_address
from landline.cli.call import on_terminal, parting
from landline.cli.conversation import Screen, converse
from landline.cli.exits import Exit
from landline.cli.tls_options import CallerOptions
from landline.cli.typing_in import loop_for_input, piped_lines, piped_pieces, somebody_types
from landline.connection.client import accept_one
from landline.errors import UsageError
from landline.framing import Framing, Raw
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.transport.listen import Listener, open_listeners
from landline.transport.tls import ServerTls


def listen_command(address: str, framing: str, options: CallerOptions | None = None) -> Exit:
    """Wait for one call; see `landline listen --help`. Returns the exit code; raises LandlineError for all but 0."""
    where, how = parse_address(address), parse_framing(framing)
    how.decoder(Limits())
    tls = (options or CallerOptions()).for_listening(where)
    if tls is not None and isinstance(where, UdpAddress):
        raise UsageError(f"TLS needs a stream, and {where} takes datagrams; listen on a tls:// address")
    listeners = open_listeners(where)
    for listener in listeners:
        note = f" ({listener.note})" if listener.note else ""
        click.echo(f"waiting for a call at {listener.address}{note}", err=True)
    with asyncio.Runner(loop_factory=loop_for_input()) as runner:
        runner.run(_talk(listeners, how, tls))
    return Exit.DONE


async def _talk(listeners: list[Listener], how: Framing, tls: ServerTls | None) -> None:
    connection = await accept_one(listeners, how, Limits(), tls)
    screen = Screen(raw=how == Raw())
    async with parting(connection):
        if somebody_types():
            outcome = await on_terminal(connection, screen, str(connection.peer), how)
        else:
            messages = piped_pieces() if how == Raw() else piped_lines(Limits())
            # A program may stay silent as long as it likes; only the end of either side ends the conversation.
            outcome = await converse(connection, messages, screen, None)
    if outcome.closed is not None and outcome.lost:
        raise outcome.closed
    if not outcome.all_said and somebody_types():
        click.echo(f"{connection.peer} hung up", err=True)

"""`landline relay`: pass the bytes of two sides that cannot reach each other."""

from __future__ import annotations

import sys

import click

from landline.address import FdAddress, TcpAddress, UnixAddress
from landline.address import parse as parse_address
from landline.cli.exits import Exit
from landline.server.engine import Listening
from landline.server.run import run
from landline.transfer.relay import Relay
from landline.transfer.relaying import relay_address


def relay_command(address: str, max_pairs: int) -> Exit:
    """Relay until a signal; see `landline relay --help`. Returns the exit code."""
    where = relay_listens(address)
    relay = Relay(max_pairs)
    counts = run([(relay.service, where)], tell_person if sys.stdout.isatty() else print_line)
    click.echo(f"stopped: {relay}; {counts}", err=True)
    return Exit.LOST if counts.cut_off else Exit.DONE


def relay_listens(address: str) -> TcpAddress | UnixAddress | FdAddress:
    """Where a relay listens: as it is called, or on an inherited socket. Raises UsageError or AddressError."""
    if address.startswith("fd:"):
        where = parse_address(address)
        assert isinstance(where, FdAddress)
        return where
    return relay_address(address)


def print_line(listening: list[Listening]) -> None:
    """One line `relay ADDRESS` for each listener, for a program that waits for it."""
    for one in listening:
        print("relay", one.address)
    sys.stdout.flush()


def tell_person(listening: list[Listening]) -> None:
    """The same for a person."""
    for one in listening:
        click.echo(f"relay on {one.address}")
    click.echo("Both sides call it with this address. Ctrl-C stops; a second Ctrl-C stops at once.")

"""`landline chat serve`: a chat on one port, for nc, browsers, the terminal client and programs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landline.address import Address, FdAddress, TcpAddress, TlsAddress, UdpAddress, host_port
from landline.address import parse as parse_address
from landline.chat.bounds import PORT, Bounds, parse_bound
from landline.cli.exits import Exit
from landline.cli.serve import this_command
from landline.errors import NameRefused, UsageError
from landline.server.engine import Listening
from landline.server.run import run
from landline.server.service import Service

if TYPE_CHECKING:
    from landline.transport.tls import ServerTls


DEFAULT_ADDRESS = f"127.0.0.1:{PORT}"


@dataclass(frozen=True, slots=True)
class ChatServing:
    """What `landline chat serve` was told."""

    addresses: tuple[str, ...] = ()
    data: str | None = None
    name: str = "Landline"
    operators: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    cluster: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    metrics_token_file: str | None = None
    only_tls: bool = False
    restored: bool = False


def chat_serve_command(told: ChatServing, tls: ServerTls | None) -> Exit:
    """Serve a chat until a signal; see `landline chat serve --help`. Returns the exit code."""
    where = [listens(address) for address in told.addresses or (DEFAULT_ADDRESS,)]
    try:
        service = service_for(told, tls)
    except NameRefused as refused:
        raise UsageError(f"--operator: {refused}") from None
    counts = run([(service, address) for address in where], tell_person if sys.stdout.isatty() else print_lines)
    click.echo(f"stopped: {counts}", err=True)
    return Exit.LOST if counts.cut_off else Exit.DONE


def service_for(told: ChatServing, tls: ServerTls | None) -> Service:
    """The chat that was asked for. Raises UsageError, LimitError, NameRefused or ChatError."""
    from landline.chat.server import chat_service

    if tls is not None and tls.asks_callers and not told.only_tls:
        raise UsageError("--client-ca keeps nobody out while callers may come in the clear; add --tls")

    return chat_service(
        told.data,
        tls=tls,
        tls_required=told.only_tls,
        bounds=Bounds(**dict(map(parse_bound, told.limits))),
        operators=told.operators,
        server_name=told.name,
        cluster=told.cluster,
        is_restored=told.restored,
        hosts=told.hosts,
        origins=told.origins,
        metrics_token=None if told.metrics_token_file is None else read_token(told.metrics_token_file),
    )


def listens(text: str) -> Address:
    """Where a chat listens. Raises AddressError, or UsageError for an address without a stream."""
    address = parse_address(text)
    if isinstance(address, UdpAddress):
        raise UsageError(f"a chat listens on TCP or a Unix socket, and not on {address}")
    if isinstance(address, TlsAddress):
        raise UsageError(
            f"{address}: a chat speaks TLS and clear text on one port; write {host_port(address.host, address.port)}, "
            "with --certificate and --key"
        )
    return address


def read_token(path: str) -> str:
    """The token in a file. Raises UsageError if it cannot be read or has none."""
    try:
        token = Path(path).read_text().strip()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"the token cannot be read from {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(token) < 16:
        raise UsageError(f"the token in {path} has {len(token)} characters; give it 16 or more")
    return token


def print_lines(listening: list[Listening]) -> None:
    """One line `chat ADDRESS` for each listener, for a program that waits for it."""
    for one in listening:
        print("chat", one.address)
    sys.stdout.flush()


def tell_person(listening: list[Listening]) -> None:
    """The same for a person: how one comes in."""
    for one in listening:
        click.echo(f"chat on {one.address}")
        for way, how in ways_in(one):
            click.echo(f"  {way:<18} {how}")
    click.echo("Ctrl-C stops; everybody is told, and comes back when it runs again. What happens is told below.")


def ways_in(one: Listening) -> list[tuple[str, str]]:
    """How people come into a chat that listens there, from this machine."""
    address, tls = one.address, one.service.tls
    if not isinstance(address, TcpAddress):
        return [] if isinstance(address, FdAddress) else [("terminal", f"{this_command()} chat {address} --as NAME")]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    where = host_port(host, address.port)
    ways = []
    if tls is None or not one.service.tls_required:
        ways += [("browser", f"http://{where}/"), ("terminal", f"{this_command()} chat {where} --as NAME")]
        ways += [("anything", f"nc {host} {address.port}")]
    if tls is not None:
        ways += [("browser, TLS", f"https://{where}/")]
        ways += [("terminal, TLS", f"{this_command()} chat tls://{where} --pin {tls.pin} --as NAME")]
        ways += [("anything, TLS", f"ncat --ssl {host} {address.port}")]
    return ways

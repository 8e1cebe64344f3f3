"""`landline serve`: which services on which addresses, and how that is announced."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from socketserver import BaseRequestHandler, DatagramRequestHandler
from typing import Any, TypeVar

import click

from landline.address import Address, FdAddress, TcpAddress, UdpAddress, UnixAddress, host_port
from landline.address import parse as parse_address
from landline.cli.exits import Exit
from landline.errors import AddressError, ChatError, LandlineError, ServiceError, UsageError
from landline.exchange import EXCHANGE
from landline.limits import parse_limit
from landline.server.engine import Listening, Server
from landline.server.run import run
from landline.server.service import Service
from landline.transport.activation import passed_descriptors
from landline.transport.tls import ServerTls

log = logging.getLogger("landline.cli")

HOST = "127.0.0.1"
CHAT = "chat"
"""The built-in service that has options and a command of its own: `landline chat serve`."""
Where = TypeVar("Where")
Bindings = list[tuple[Service, str | Address]]


def serve_command(
    what: str | None,
    addresses: tuple[str, ...],
    framing: str | None,
    limits: tuple[str, ...],
    tls: ServerTls | None = None,
    only_tls: bool = False,
) -> Exit:
    """Serve until a signal; see `landline serve --help`. Returns the exit code."""
    bindings = bindings_for(what, addresses, framing, dict(map(parse_limit, limits)))
    if what in (None, CHAT):
        bindings += chat_bindings(addresses if what == CHAT else (), tls, is_asked_for=what == CHAT)
    bindings = with_tls(bindings, tls)
    if tls is not None:
        bindings = in_the_clear(bindings, only_tls, chosen=bool(addresses))
    counts = run(bindings, announce)
    click.echo(f"stopped: {counts}", err=True)
    return Exit.LOST if counts.cut_off else Exit.DONE


def announce(listening: list[Listening]) -> None:
    """Say what listens, to a person or to a program; and where a browser finds the chat."""
    (show_table if sys.stdout.isatty() else print_lines)(listening)
    for page in filter(None, map(page_of, listening)):
        log.info("the page of the chat is at %s", page)


def page_of(one: Listening) -> str | None:
    """Where a browser finds what listens there, if it is a chat."""
    if one.service.name != CHAT or not isinstance(one.address, TcpAddress):
        return None
    host = {"0.0.0.0": HOST, "::": "::1"}.get(one.address.host, one.address.host)
    return f"{'http' if one.service.tls is None else 'https'}://{host_port(host, one.address.port)}/"


def chat_bindings(addresses: tuple[str, ...], tls: ServerTls | None, *, is_asked_for: bool) -> Bindings:
    """The chat, and where. Without the libraries it needs it is left out, unless somebody has asked for it by name."""
    from landline.cli.chat_serve import DEFAULT_ADDRESS, ChatServing, listens, service_for

    try:
        service = service_for(ChatServing(), tls)
    except ChatError as error:
        if is_asked_for:
            raise
        log.warning("the chat is left out: %s", error)
        return []
    return [(service, listens(address)) for address in addresses or (DEFAULT_ADDRESS,)]


def bindings_for(what: str | None, addresses: tuple[str, ...], framing: str | None, limits: dict[str, Any]) -> Bindings:
    """The services to run and where. Raises ServiceError, AddressError, FramingSpecError or LimitError."""
    where = [parse_address(address) for address in addresses]
    if what == CHAT:
        return []
    built_in = {one.service.name: one for one in EXCHANGE}
    if what is None or what in built_in:
        chosen = EXCHANGE if what is None else (built_in[what],)
        return [
            (service, address)
            for one in chosen
            for service in (configured(one.service, framing, limits),)
            for address in where or (TcpAddress(HOST, one.port), UdpAddress(HOST, one.port))
        ]
    if ":" not in what:
        raise ServiceError(
            f"there is no built-in service {what!r}; there are {', '.join(built_in)}, {CHAT}, and MODULE:ATTRIBUTE"
        )
    found = find(what)
    if isinstance(found, Server | list | tuple):
        return own_bindings(what, found, addresses, framing, limits)
    service = configured(as_service(what, found), framing, limits)
    inherited = [FdAddress(number) for number in passed_descriptors(os.environ, os.getpid())]
    anywhere = UdpAddress(HOST, 0) if only_datagrams(service) else TcpAddress(HOST, 0)
    return [(service, address) for address in where or inherited or (anywhere,)]


def own_bindings(
    what: str, found: Server | Iterable[Any], addresses: tuple[str, ...], framing: str | None, limits: dict[str, Any]
) -> Bindings:
    """What a Server or a list of a module runs, and where. Raises ServiceError, also for `addresses` beside it."""
    if addresses:
        raise ServiceError(f"{what!r} brings its own addresses; leave {' '.join(addresses)} out")
    own: Bindings = [*found.bindings] if isinstance(found, Server) else own_pairs(what, found)
    variants = {id(service): configured(service, framing, limits) for service, _ in own}
    return [(variants[id(service)], address) for service, address in own]


def own_pairs(what: str, found: Iterable[Any]) -> Bindings:
    """The pairs in a list of a module. Raises ServiceError if they are something else."""
    pairs: Bindings = []
    for number, pair in enumerate(found, 1):
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise ServiceError(f"item {number} of {what!r} is a {type(pair).__name__} and not (Service, address)")
        service, address = pair
        pairs.append((as_service(f"{what}, item {number}", service), readable(address)))
    if not pairs:
        raise ServiceError(f"{what!r} is empty: put pairs (Service, address) into it")
    return pairs


def readable(address: Address | str) -> Address | str:
    """The address that a text names, or the text where it names none."""
    try:
        return parse_address(address)
    except AddressError:
        return address


def with_tls(bindings: list[tuple[Service, Where]], tls: ServerTls | None) -> list[tuple[Service, Where]]:
    """The same with TLS on every stream address; datagrams have none."""
    if tls is None:
        return bindings
    secured: dict[Service, Service] = {}
    for service, _ in bindings:
        if service not in secured:
            secured[service] = service if service.tls is not None else service.with_options(tls=tls)
    return [
        (service if isinstance(address, UdpAddress) else secured[service], address) for service, address in bindings
    ]


def in_the_clear(bindings: Bindings, only_tls: bool, *, chosen: bool) -> Bindings:
    """What is served beside TLS: datagrams too, which is told; under `only_tls` none.

    Raises UsageError under `only_tls` for an address that somebody has `chosen`.
    """
    plain = [str(address) for service, address in bindings if service.tls is None]
    if only_tls and chosen and plain:
        raise UsageError(f"datagrams have no TLS, and --tls asks for it everywhere; leave out {plain[0]}, or --tls")
    if only_tls:
        return [(service, address) for service, address in bindings if service.tls is not None]
    if plain:
        log.warning("datagrams have no TLS: what goes to %s is in the clear; --tls leaves it out", ", ".join(plain))
    return bindings


def configured(service: Service, framing: str | None, limits: dict[str, Any]) -> Service:
    """The service with options of the command line, if there are any."""
    if framing is None and not limits:
        return service
    return service.with_options(framing, replace(service.limits, **limits))


def only_datagrams(service: Service) -> bool:
    """Whether the service cannot be called on a stream address."""
    return service.handler_class is not None and issubclass(service.handler_class, DatagramRequestHandler)


def load(what: str) -> Service:
    """The Service that `module:attribute` names, or one made of the socketserver handler class that it names.

    It is looked for in the working folder too. Raises ServiceError.
    """
    return as_service(what, find(what))


def find(what: str) -> Any:
    """What `module:attribute` names, looked for in the working folder too. Raises ServiceError."""
    module_name, _, attribute = what.partition(":")
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except LandlineError as error:
        raise ServiceError(f"cannot load {what!r}: {error}") from error
    except (ImportError, AttributeError, ValueError) as error:
        raise ServiceError(
            f"cannot load {what!r}: {error}; write MODULE:ATTRIBUTE, for example my_service:service"
        ) from error
    except (Exception, SystemExit) as error:
        raise ServiceError(
            f"cannot load {what!r}: it raises {type(error).__name__}: {error}; -v shows where"
        ) from error
    return found


def as_service(what: str, found: object) -> Service:
    """What `what` names as a Service, made of a socketserver handler class if it is one. Raises ServiceError."""
    if isinstance(found, type) and issubclass(found, BaseRequestHandler):
        return Service.from_handler(found)
    if not isinstance(found, Service):
        kind = type(found).__name__
        raise ServiceError(
            f"{what!r} is a {kind}; it must be a landline Service, a Server, or a socketserver handler class"
        )
    return found


def print_lines(listening: list[Listening]) -> None:
    """One line `NAME ADDRESS` for each listener, for a program that waits for it."""
    for one in listening:
        print(one.service.name, one.address)
    sys.stdout.flush()


def show_table(listening: list[Listening]) -> None:
    """A table for a person: what listens where, and how to call it."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in ("service", "listens on", "call it from another terminal"):
        table.add_column(column, overflow="fold")
    for one in listening:
        note = f"\n({one.note})" if one.note else ""
        table.add_row(one.service.name, f"{one.address}{note}", how_to_call(one))
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print("\nCtrl-C stops; a second Ctrl-C stops at once. What happens is told below.")


def how_to_call(one: Listening) -> str:
    """A command that reaches the listener from this machine."""
    address = one.address
    if page := page_of(one):
        return f"{this_command()} chat {host_port(address.host, address.port)} --as NAME, or {page}"  # type: ignore[union-attr]
    tls = one.service.tls
    security = "" if tls is None else f" --tls --pin {tls.pin}"
    if isinstance(address, (TcpAddress, UdpAddress)):
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
        where = f"{'udp://' if isinstance(address, UdpAddress) else ''}{host_port(host, address.port)}"
    else:
        where = f"'{replace(address, mode=None)}'" if isinstance(address, UnixAddress) else str(address)
    framing = "" if str(one.service.framing) == "lines" else f" --framing {one.service.framing}"
    return f"{this_command()} call {where}{security}{framing}"


def this_command() -> str:
    """This command as the person typed it."""
    typed = sys.argv[0]
    if os.path.basename(typed) != "landline":
        return "landline"
    on_path = os.path.dirname(os.path.abspath(typed)) in os.environ.get("PATH", "").split(os.pathsep)
    return "landline" if on_path else os.path.relpath(typed)

"""`landline check`: what a service is bound by, what it is made of, and what is wrong with it. Nothing is opened."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from landline.address import Address
from landline.cli.exits import Exit
from landline.cli.serve import as_service, bindings_for, configured, find, own_bindings, readable, with_tls
from landline.limits import parse_limit
from landline.server.description import HandlerRow, LimitRow, handler_rows, limit_rows
from landline.server.engine import Server
from landline.server.findings import MOST_KERNEL_BUFFER_BYTES, Finding, Machine, clashes, findings, in_order
from landline.server.service import Service
from landline.transport.certificates import Certificate
from landline.transport.descriptors import open_descriptors, soft_limit
from landline.transport.tls import ServerTls

UDP_BUFFER_FILE = Path("/proc/sys/net/core/rmem_max")


@dataclass(frozen=True, slots=True)
class Checked:
    """A service, its addresses as they were written, and all there is to say of it."""

    service: Service
    addresses: list[str]
    limits: list[LimitRow]
    handlers: list[HandlerRow]
    found: list[Finding]


def check_command(
    what: str,
    addresses: tuple[str, ...],
    framing: str | None,
    limits: tuple[str, ...],
    tls: ServerTls | None = None,
) -> Exit:
    """Check what `landline serve` would run; see `landline check --help`. Returns the exit code."""
    given = dict(map(parse_limit, limits))
    machine = this_machine()
    pairs = with_tls(pairs_of(what, addresses, framing, given), tls)
    checked = [check_service(service, where, machine, given) for service, where in by_service(pairs)]
    twice = clashes(address for _, address in pairs if not isinstance(address, (str, type(None))))
    if sys.stdout.isatty():
        from landline.cli.check_table import show_tables

        show_tables(checked, twice)
    else:
        for line in lines_of(checked, twice):
            click.echo(line)
    wrong = any(one.severity == "error" for one in [*twice, *(found for one in checked for found in one.found)])
    return Exit.USAGE if wrong else Exit.DONE


def this_machine() -> Machine:
    """What this process may have."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        udp_buffer_bytes = int(UDP_BUFFER_FILE.read_text())
    except OSError:  # not Linux
        udp_buffer_bytes = MOST_KERNEL_BUFFER_BYTES
    return Machine(soft_limit(), open_descriptors(), memory_bytes, udp_buffer_bytes, time.time())


Pairs = list[tuple[Service, Address | str | None]]
"""Services and where they are to run: a text where the address cannot be read, None where none is chosen."""


def pairs_of(what: str, addresses: tuple[str, ...], framing: str | None, limits: dict[str, Any]) -> Pairs:
    """What `landline serve` would run, and where. Raises ServiceError, FramingSpecError or LimitError."""
    where = [readable(address) for address in addresses]
    if ":" not in what:
        built_in = bindings_for(what, (), framing, limits)
        return [(service, address) for service, _ in built_in[:1] for address in where] or [*built_in]
    found = find(what)
    if isinstance(found, Server | list | tuple):
        return [*own_bindings(what, found, addresses, framing, limits)]
    service = configured(as_service(what, found), framing, limits)
    return [(service, address) for address in where or (None,)]


def by_service(pairs: Pairs) -> Iterator[tuple[Service, list[Address | str | None]]]:
    """Each service once, with all its addresses."""
    services = {id(service): service for service, _ in pairs}
    for service in services.values():
        yield service, [address for other, address in pairs if other is service]


def check_service(
    service: Service, where: list[Address | str | None], machine: Machine, given: dict[str, Any]
) -> Checked:
    """All there is to say of a service on its addresses."""
    return Checked(
        service,
        [str(address) for address in where if address is not None],
        limit_rows(service, machine, given),
        handler_rows(service),
        in_order(one for address in where for one in findings(service, address, machine)),
    )


def lines_of(checked: list[Checked], twice: list[Finding]) -> Iterator[str]:
    """The report for a program: each line begins with what it is; columns are two spaces apart."""
    for one in checked:
        yield from (f"{name:<9} {value}" for name, value in facts_of(one))
        for handler in one.handlers:
            columns = f"{handler.kind:<13}  {handler.name}  {place(handler)}  {handler.note}"
            yield f"{'handler':<9} {columns}".rstrip()
        for row in one.limits:
            columns = f"{row.name:<26}  {row.value:<10}  {row.unit:<11}  {row.source:<7}  {row.reason}"
            yield f"{'limit':<9} {columns}"
        yield from (f"{found.severity:<9} {found.sentence}" for found in one.found)
    yield from (f"{found.severity:<9} {found.sentence}" for found in twice)


def facts_of(checked: Checked) -> list[tuple[str, str]]:
    """What there is to say of a service in a word each."""
    service = checked.service
    addresses = [("address", address) for address in checked.addresses] or [("address", "none given")]
    return [
        ("service", service.name),
        *addresses,
        ("framing", str(service.framing)),
        ("payload", str(service.payload)),
        ("replies", service.replies),
        *(("tls", told_of(one)) for one in (service.tls.certificates if service.tls is not None else ())),
        *([("callers", "TLS or clear on the same port")] if service.tls and not service.tls_required else []),
        *([("switches", "its framing in mid-conversation")] if service.switchable else []),
    ]


def told_of(certificate: Certificate) -> str:
    """File, rest of its life, and pin of a certificate."""
    days = (certificate.not_after - time.time()) / 86_400
    return f"{certificate.path}, expires in {days:.0f} days, {certificate.pin}"


def place(row: HandlerRow) -> str:
    """File and line, as seen from the working folder if the file is in there; `built-in` for what is written in C."""
    if not row.file:
        return "built-in"
    inside = os.path.relpath(row.file)
    return f"{row.file if inside.startswith('..') else inside}:{row.line}"

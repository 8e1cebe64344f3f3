"""What is wrong with a service, found before it runs. Pure: what the machine has is passed in."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from landline.address import Address, TcpAddress, UdpAddress
from landline.address import parse as parse_address
from landline.errors import AddressError, LandlineError, ServiceError
from landline.framing import Framing, Length
from landline.server.answering import annotation_of, payload_of
from landline.server.renewal import WARN_DAYS, check_datagram_tls, check_tls
from landline.server.service import Service, takes_connection
from landline.transport.descriptors import default_max_connections

Severity = Literal["error", "warning", "note"]

MOST_DRAIN_SECONDS = 90.0
"""What systemd waits by default before it kills (DefaultTimeoutStopSec=, systemd-system.conf(5))."""
MOST_BITS_A_SECOND = 1e9
MOST_DATAGRAM_BYTES = 65507
"""65535 less 8 bytes of UDP header and 20 of IPv4 header (RFC 768, RFC 791)."""
MOST_KERNEL_BUFFER_BYTES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Machine:
    """What this process may have: descriptors in all and open now, bytes of memory, bytes of a UDP receive buffer.

    `now` is its clock in seconds since the epoch; without it no certificate is looked at.
    """

    descriptor_limit: int
    open_descriptors: int
    memory_bytes: int
    udp_buffer_bytes: int = MOST_KERNEL_BUFFER_BYTES
    now: float | None = None

    @property
    def places(self) -> int:
        """How many connections the descriptors leave room for."""
        return default_max_connections(self.descriptor_limit, self.open_descriptors)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know: an `error` keeps the service from working, a `warning` may hurt, a `note` explains."""

    severity: Severity
    sentence: str


def findings(service: Service, address: Address | str | None, machine: Machine) -> list[Finding]:
    """What is wrong with a service on an address.

    `address` is None where none is chosen yet, and may be a text that cannot be read; `machine` is what the process
    may have. Returns the findings, errors first; each says what to do.
    """
    try:
        where = None if address is None else parse_address(address)
    except AddressError as error:
        return [Finding("error", str(error)), *findings(service, None, machine)]
    found = [
        *_misfits(service, where),
        *_annotations(service),
        *_certificates(service, machine),
        *_limits(service, where, machine),
        *_framing(service, where),
    ]
    if isinstance(where, UdpAddress):
        found += _datagrams(service, machine)
    else:
        found += _memory(service, machine)
    return in_order(found)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Findings without repetition: errors, then warnings, then notes."""
    ranks = ("error", "warning", "note")
    return sorted(dict.fromkeys(found), key=lambda finding: ranks.index(finding.severity))


def clashes(addresses: Iterable[Address]) -> list[Finding]:
    """An error for each address that stands twice among those of one server; with port 0 each gets its own port."""
    fixed = [one for one in addresses if not (isinstance(one, TcpAddress | UdpAddress) and one.port == 0)]
    return [
        Finding("error", f"{address} stands there {times} times, and can be listened on once: choose another")
        for address, times in Counter(fixed).items()
        if times > 1
    ]


def _misfits(service: Service, address: Address | None) -> Iterator[Finding]:
    """What Landline itself would refuse at the start, and what cannot have been meant."""
    datagram = isinstance(address, UdpAddress)
    checks: list[Callable[[], object]] = [
        lambda: _check_handlers(service, address),
        lambda: service.answers and payload_of(service),
    ]
    if address is not None:
        checks += [partial(check_tls, service, address), partial(check_datagram_tls, service, address, datagram)]
    for check in checks:
        try:
            check()
        except LandlineError as error:
            yield Finding("error", str(error))
    if service.switchable and not _may_switch(service):
        yield Finding(
            "warning",
            f"{service.name} is switchable, and no handler takes the connection that it would switch: "
            "let one take (message, connection), or leave switchable=True out",
        )
    if service.switchable and datagram:
        yield Finding(
            "warning", f"{service.name} is switchable, and datagrams have nothing to switch: use a stream address"
        )


def _check_handlers(service: Service, address: Address | None) -> None:
    """Raise ServiceError if the handlers do not fit the address, or where none is chosen, no address at all."""
    try:
        service.check(isinstance(address, UdpAddress))
    except ServiceError as error:
        if address is not None:
            raise
        with contextlib.suppress(ServiceError):
            service.check(datagram=True)
            return
        raise error


def _may_switch(service: Service) -> bool:
    handlers = [route.handler for route in service.routes.by_type.values()]
    handlers += [service.message_handler] if service.message_handler is not None else []
    held = (service.connection_handler or service.session_factory) is not None or bool(service.middlewares)
    return held or any(map(takes_connection, handlers))


def _annotations(service: Service) -> Iterator[Finding]:
    """A handler that says it takes something else than the payload gives; documents are made to fit instead."""
    given = {"bytes": bytes, "text": str}.get(str(service.payload))
    handler = service.message_handler
    if given is None or handler is None or service.middlewares:
        return
    with contextlib.suppress(ServiceError):
        taken = annotation_of(handler)
        if isinstance(taken, type) and taken is not Any and not issubclass(given, taken):
            yield Finding(
                "warning",
                f"the message handler of {service.name} takes {taken.__name__}, and payload {service.payload} gives "
                f"{given.__name__}: choose another payload, or mend the annotation",
            )


def _certificates(service: Service, machine: Machine) -> Iterator[Finding]:
    if service.tls is None or machine.now is None:
        return
    for one in service.tls.certificates:
        days = (one.not_after - machine.now) / 86_400
        if days <= 0:
            yield Finding("error", f"the certificate {one.path} has expired {-days:.0f} days ago: renew it")
        elif days < WARN_DAYS:
            yield Finding("warning", f"the certificate {one.path} expires in {days:.1f} days: renew it")


def _limits(service: Service, address: Address | None, machine: Machine) -> Iterator[Finding]:
    limits = service.limits
    most = limits.max_connections
    if most is not None and most > machine.places:
        yield Finding(
            "error",
            f"max_connections is {most}, and the descriptor limit {machine.descriptor_limit} of this process leaves "
            f"{machine.places}: raise it (`ulimit -n`, LimitNOFILE= of systemd), or lower max_connections",
        )
    if most is not None and service.threaded and limits.max_threads < most:
        yield Finding(
            "warning",
            f"max_connections is {most}, and handlers that block have a thread each, at most max_threads "
            f"({limits.max_threads}): raise max_threads, or lower max_connections",
        )
    if most is not None and limits.max_connections_per_peer > most:
        yield Finding(
            "warning",
            f"max_connections_per_peer is {limits.max_connections_per_peer} and max_connections {most}, so that one "
            "peer can take every place: set it to a part of them",
        )
    if limits.drain_seconds > MOST_DRAIN_SECONDS:
        yield Finding(
            "warning",
            f"drain_seconds is {limits.drain_seconds:g}, and service managers kill {MOST_DRAIN_SECONDS:g} s after they "
            f"said stop: lower it, or have systemd wait with TimeoutStopSec={limits.drain_seconds + 10:g}",
        )
    bits = 8 * limits.max_message_bytes / limits.message_seconds
    if bits > MOST_BITS_A_SECOND and not isinstance(address, UdpAddress):
        yield Finding(
            "warning",
            f"a message of max_message_bytes ({limits.max_message_bytes}) needs {bits / 1e9:.3g} Gbit/s to arrive in "
            f"message_seconds ({limits.message_seconds:g}): raise message_seconds, or lower max_message_bytes",
        )


def _memory(service: Service, machine: Machine) -> Iterator[Finding]:
    limits = service.limits
    if service.handler_class is not None:
        return  # What such a handler holds is its own affair.
    places = limits.max_connections or machine.places
    places = min(places, limits.max_threads) if service.threaded else places
    each = limits.max_message_bytes + limits.send_buffer_bytes + limits.receive_buffer_bytes
    if places * each > machine.memory_bytes:
        yield Finding(
            "warning",
            f"{places} connections that each hold a message of max_message_bytes and full buffers take "
            f"{gib(places * each)}, and this machine has {gib(machine.memory_bytes)}: "
            "lower max_connections, max_message_bytes, send_buffer_bytes or receive_buffer_bytes",
        )


def gib(count: int) -> str:
    """A number of bytes for a person to read, in GiB."""
    return f"{count / 2**30:,.3g} GiB" if count < 1000 * 2**30 else f"{count / 2**30:,.0f} GiB"


def _framing(service: Service, address: Address | None) -> Iterator[Finding]:
    if isinstance(address, UdpAddress):
        return
    framing, most = service.framing, most_message_bytes(service.framing)
    if most is not None and most < service.limits.max_message_bytes:
        yield Finding(
            "warning",
            f"framing {framing} carries at most {most} bytes, and max_message_bytes is "
            f"{service.limits.max_message_bytes}: set it to {most}, or choose a wider length field",
        )
    if framing.line_based and str(service.payload) == "text":
        yield Finding(
            "note",
            "a text that holds a line feed cannot be sent over framing lines, and ends the conversation: "
            "where texts may hold one, use payload json or framing length:u32be",
        )


def most_message_bytes(framing: Framing) -> int | None:
    """How many bytes the longest message of a framing has, where a length field of its own says so; else None."""
    if not isinstance(framing, Length):
        return None
    body = framing.most_body_bytes
    return body + framing.header_bytes if framing.header_included else body


def _datagrams(service: Service, machine: Machine) -> Iterator[Finding]:
    limits = service.limits
    if limits.max_message_bytes > MOST_DATAGRAM_BYTES:
        yield Finding(
            "note",
            f"a datagram holds at most {MOST_DATAGRAM_BYTES} bytes, so max_message_bytes ({limits.max_message_bytes}) "
            "changes nothing there; replies over it cannot be sent",
        )
    if str(service.framing) != "lines" and service.handler_class is None:
        yield Finding("note", f"each datagram is one message, so framing {service.framing} is not used for it")
    if limits.udp_receive_buffer_bytes > machine.udp_buffer_bytes:
        yield Finding(
            "warning",
            f"udp_receive_buffer_bytes is {limits.udp_receive_buffer_bytes}, and the kernel grants at most "
            f"{machine.udp_buffer_bytes}: raise it with `sysctl net.core.rmem_max={limits.udp_receive_buffer_bytes}`, "
            "or lower udp_receive_buffer_bytes",
        )

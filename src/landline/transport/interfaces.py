"""The addresses of this machine, interface by interface, as Linux knows them (netdevice(7))."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
from dataclasses import dataclass

SIOCGIFADDR = 0x8915
SIOCGIFFLAGS = 0x8913
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
RTF_UP = 0x1
ROUTES = "/proc/net/route"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that is up, and its first IPv4 address."""

    name: str
    address: str
    loopback: bool


def ipv4_addresses() -> list[str]:
    """The IPv4 addresses of this machine, one for each interface that is up.

    The one of the default route is first, loopback last: the first is what somebody else on the network would call.
    """
    return [one.address for one in ipv4_interfaces()]


def ipv4_interfaces() -> list[Interface]:
    """The interfaces behind `ipv4_addresses`, in the same order."""
    first = default_route(_read(ROUTES))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        found = [one for _, name in socket.if_nameindex() if (one := _interface(sock, name)) is not None]
    return sorted(found, key=lambda one: (one.loopback, one.name != first))


def default_route(table: str) -> str | None:
    """The interface of the cheapest default route in a table such as /proc/net/route, or None."""
    routes = [line.split() for line in table.splitlines()[1:]]
    # Columns: interface, destination, gateway, flags, references, use, metric, mask.
    default = [
        (int(one[6]), one[0])
        for one in routes
        if len(one) >= 8 and one[1] == one[7] == "00000000" and int(one[3], 16) & RTF_UP
    ]
    return min(default)[1] if default else None


def _interface(sock: socket.socket, name: str) -> Interface | None:
    request = struct.pack("16s16x", name.encode()[:15])
    # One that has no IPv4 address answers EADDRNOTAVAIL; one that has just gone ENODEV.
    with contextlib.suppress(OSError):
        (flags,) = struct.unpack_from("=H", fcntl.ioctl(sock, SIOCGIFFLAGS, request + bytes(8)), 16)
        answer = fcntl.ioctl(sock, SIOCGIFADDR, request + bytes(8))
        if flags & IFF_UP:
            return Interface(name, socket.inet_ntoa(answer[20:24]), bool(flags & IFF_LOOPBACK))
    return None


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path) as file:
        return file.read()
    return ""

"""Real sockets for tests: listeners in all states, and the descriptors a process has open."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from landline.address import Address, TcpAddress, UdpAddress
from landline.testing.leaks import open_sockets


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine does not speak IPv6")


def port_of(address: Address) -> int:
    """The port of an internet address."""
    assert isinstance(address, (TcpAddress, UdpAddress))
    return address.port


def sockets_open() -> set[str]:
    """The sockets this process has open now, each by the name that Linux gives it."""
    return set(open_sockets())


@contextmanager
def plain_listener(host: str = "127.0.0.1", backlog: int = 16) -> Iterator[socket.socket]:
    """A TCP listener on a free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        sock.listen(backlog)
        yield sock


@contextmanager
def free_port(kind: int = socket.SOCK_STREAM) -> Iterator[int]:
    """A port of 127.0.0.1 on which nobody listens while the block lasts: it is bound and does not listen."""
    if kind == socket.SOCK_STREAM:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            yield sock.getsockname()[1]
        return
    with socket.socket(type=kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    yield port


@contextmanager
def silent_listener() -> Iterator[int]:
    """A port of 127.0.0.1 whose queue is full, so that Linux leaves further calls without any answer."""
    with plain_listener(backlog=0) as listener, ExitStack() as callers:
        while True:
            caller = callers.enter_context(socket.socket())
            caller.settimeout(0.2)
            try:
                caller.connect(listener.getsockname())
            except TimeoutError:
                break
        yield listener.getsockname()[1]

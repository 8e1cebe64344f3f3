"""Plain sockets that call servers, the log of the server, and a service to try."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest

from landline.address import Address, TcpAddress, UdpAddress, UnixAddress
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service

MOST_SECONDS = 20.0
ANY_PORT = "tcp://127.0.0.1:0"
BRIEF = Limits(linger_seconds=0.05)
"""A stop does not wait long for callers that stay on the line."""


class Journal(logging.Handler):
    """What the server logs; a test can wait for a line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self._news: asyncio.Event | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record and wake whoever waits."""
        self.records.append(record)
        if self._news is not None:
            self._news.set()

    def lines(self, least: int = logging.INFO) -> list[str]:
        """The messages of at least this level."""
        return [record.getMessage() for record in self.records if record.levelno >= least]

    async def holds(self, text: str, times: int = 1) -> None:
        """Wait until `text` stands in so many lines, of any level."""
        self._news = asyncio.Event()
        while sum(text in line for line in self.lines(logging.DEBUG)) < times:
            await self._news.wait()
            self._news.clear()


@pytest.fixture
def journal() -> Iterator[Journal]:
    """The log of the server, from DEBUG on."""
    kept = Journal()
    log = logging.getLogger("landline.server")
    before = log.level
    log.addHandler(kept)
    log.setLevel(logging.DEBUG)
    yield kept
    log.setLevel(before)
    log.removeHandler(kept)


class Caller:
    """A plain socket that calls an address. A context manager that closes it."""

    def __init__(self, address: Address) -> None:
        family, sockaddr = _family_and_sockaddr(address)
        kind = socket.SOCK_DGRAM if isinstance(address, UdpAddress) else socket.SOCK_STREAM
        self.sock = socket.socket(family, kind)
        self.sock.settimeout(MOST_SECONDS)
        try:
            self.sock.connect(sockaddr)
        except OSError:
            self.sock.close()
            raise
        self.sock.setblocking(False)
        self.heard = b""
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self._loop.sock_sendall(self.sock, data)

    async def read(self, size: int) -> bytes:
        """Read exactly `size` bytes, or fewer if the server ends."""
        found = b""
        while len(found) < size and (more := await self._loop.sock_recv(self.sock, size - len(found))):
            found += more
        return found

    async def rest(self) -> bytes:
        """Read until the server ends."""
        found = b""
        while more := await self._loop.sock_recv(self.sock, 65536):
            found += more
        return found

    async def datagram(self) -> bytes:
        """Read one datagram."""
        return await self._loop.sock_recv(self.sock, 65536)

    async def ask(self, line: bytes) -> bytes:
        """Send a line and read an answer that is as long."""
        await self.send(line + b"\n")
        return (await self.read(len(line) + 1))[:-1]

    def end_sending(self) -> None:
        """Half-close."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a reset (SO_LINGER 0)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Close."""
        self.sock.close()

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.sock.close()


def _family_and_sockaddr(address: Address) -> tuple[int, Any]:
    if isinstance(address, UnixAddress):
        return socket.AF_UNIX, address.sockaddr
    assert isinstance(address, (TcpAddress, UdpAddress))
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    return socket.AF_INET6 if ":" in host else socket.AF_INET, (host, address.port)


def serving(service: Service, *addresses: str) -> Server:
    """A server of one service, on any port if no address is given. To be entered."""
    return Server([(service, address) for address in addresses or (ANY_PORT,)])


def call(server: Server, which: int = 0) -> Caller:
    """Call one of the addresses on which a server listens."""
    return Caller(server.listening[which].address)


def upper_service(framing: str = "lines", limits: Limits = BRIEF) -> Service:
    """A service that answers in upper case; its handler fails on `fail` and answers nothing to `silence`."""
    service = Service("upper", framing=framing, limits=limits)

    @service.message
    def in_upper_case(message: bytes) -> bytes | None:
        if message == b"fail":
            raise ArithmeticError("a secret of the handler")
        return None if message == b"silence" else message.upper()

    return service

"""A plain socket that calls with TLS on it, and what the tests of services in threads serve."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from landline.address import Address
from landline.connection.tlssession import TlsSession
from landline.server.engine import Server
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files
from tests.server.conftest import Caller

TLS = "tls://127.0.0.1:0"


def server_tls(folder: Path, **options: Any) -> ServerTls:
    """A certificate for 127.0.0.1."""
    return ServerTls(*Files(folder).server(), **options)


class SecureCaller(Caller):
    """A caller that trusts the CA of the tests. Enter it with `async with`: then the handshake is done."""

    def __init__(self, address: Address, folder: Path, **options: Any) -> None:
        super().__init__(address)
        tls = ClientTls(ca=Files(folder).ca(), **options)
        self.session = TlsSession(tls.context, False, options.get("server_name", "127.0.0.1"))
        self.came = b""

    async def __aenter__(self) -> SecureCaller:
        self.session.start()
        while self.session.shaking and self.session.error is None:
            await self.flush()
            if not await self.more():
                break
        await self.flush()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sock.close()

    async def flush(self) -> None:
        """Send what TLS has to say."""
        await self._loop.sock_sendall(self.sock, self.session.take())

    async def more(self) -> bool:
        """Take what comes. Returns False at the end of the stream."""
        data = await self._loop.sock_recv(self.sock, 65536)
        self.came += b"".join(self.session.feed(data))
        return bool(data)

    async def send(self, data: bytes) -> None:
        """Send bytes, encrypted."""
        await super().send(self.session.encrypt(data))

    async def sock_send(self, data: bytes) -> None:
        """Send bytes as they are, below TLS."""
        await super().send(data)

    async def pour(self, first: bytes, line: bytes, times: int | None = None) -> None:
        """Send `first` as it is, then `line` so often, or for ever."""
        await self.sock_send(first)
        while times is None or times > 0:
            await self.send(line)
            times = None if times is None else times - 1

    async def read(self, size: int) -> bytes:
        """Read so many bytes, or fewer if the server ends or TLS breaks."""
        while len(self.came) < size and not self.session.ended and self.session.error is None and await self.more():
            pass
        found, self.came = self.came[:size], self.came[size:]
        return found

    async def rest(self) -> bytes:
        """Read until the server ends, behind its goodbye."""
        while await self.more():
            pass
        assert self.session.ended, f"no close_notify ({self.session.error})"
        found, self.came = self.came, b""
        return found

    def end_sending(self) -> None:
        """Half-close: close_notify, and the end below it."""
        self.sock.send(self.session.end())
        self.sock.shutdown(socket.SHUT_WR)


def secure_call(server: Server, folder: Path, which: int = 0, **options: Any) -> SecureCaller:
    """Call one of the addresses on which a server listens."""
    return SecureCaller(server.listening[which].address, folder, **options)


async def counted(server: Server, connections: int) -> None:
    """Wait until so many connections, or failed handshakes, are over."""
    while server.counts().reasons.total() < connections:
        await asyncio.sleep(0)

"""Two TlsTransports on top of each other's transport, and recording protocols above them."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from landline.connection.tls import TlsTransport
from landline.testing import connect_in_memory
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files


class Recorder(asyncio.Protocol):
    """Notes every call of a transport in order."""

    def __init__(self, keep_open: bool = True) -> None:
        self.calls: list[str] = []
        self.pieces: list[bytes] = []
        self.lost: list[Exception | None] = []
        self.transport: Any = None
        self.pause_on_data = False
        self._keep_open = keep_open
        self._news = asyncio.Event()

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self._news.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)
        if self.pause_on_data:
            self.transport.pause_reading()
        self._note("data")

    def eof_received(self) -> bool:
        self._note("eof")
        return self._keep_open

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)
        self._note("lost")

    @property
    def received(self) -> bytes:
        return b"".join(self.pieces)

    async def until(self, call: str, times: int = 1) -> None:
        """Wait for a call."""
        while self.calls.count(call) < times:
            self._news.clear()
            await self._news.wait()

    async def heard(self, size: int) -> bytes:
        """Wait for so many bytes in all."""
        while len(self.received) < size:
            self._news.clear()
            await self._news.wait()
        return self.received


class Side:
    """One side: the protocol, the transport, and what failed."""

    def __init__(self, context: Any, server_side: bool, seconds: float = 10.0, **options: Any) -> None:
        self.protocol = Recorder()
        self.failures: list[str] = []
        self.failed = asyncio.Event()
        self.tls = TlsTransport(
            self.protocol, context, server_side=server_side, handshake_seconds=seconds, on_failure=self._fail, **options
        )

    def _fail(self, sentence: str) -> None:
        self.failures.append(sentence)
        self.failed.set()


def server_side(folder: Path, seconds: float = 10.0, **options: Any) -> Side:
    """A server with a certificate that the test CA signed."""
    return Side(ServerTls(*Files(folder).server(), **options).context, True, seconds)


def client_side(folder: Path, **options: Any) -> Side:
    """A client that trusts the test CA."""
    return Side(ClientTls(ca=Files(folder).ca(), **options).context, False, server_name="localhost")


def in_memory(client: asyncio.Protocol, server: asyncio.Protocol, **options: int) -> Any:
    """Join two sides in memory."""
    return connect_in_memory(client, server, **options)


async def over_sockets(client: Side, server: Side) -> None:
    """Join two sides over a pair of sockets of the system."""
    one, other = socket.socketpair()
    loop = asyncio.get_running_loop()
    await loop.connect_accepted_socket(lambda: server.tls, other)
    await loop.create_connection(lambda: client.tls, sock=one)
    await client.protocol.until("made")
    await server.protocol.until("made")


async def gone(*sides: Side) -> None:
    """Close the sides and wait until they are gone."""
    for side in sides:
        side.tls.abort()
    for side in sides:
        if "made" in side.protocol.calls:
            await side.protocol.until("lost")

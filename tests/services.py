"""Services for the tests of those that call them, served from the test's own loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from landline.address import Address
from landline.connection.stream import StreamConnection
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service


def upper(framing: str = "lines", limits: Limits | None = None) -> Service:
    """Answers each message in capitals."""
    service = Service("upper", framing=framing, limits=limits)

    @service.message
    def answer(message: bytes) -> bytes:
        return message.upper()

    return service


def script(*pieces: bytes) -> Service:
    """Sends the bytes of the first piece, those of the next whenever something comes, and closes after the last."""
    service = Service("script", framing="raw")

    @service.connection
    async def play(connection: StreamConnection) -> None:
        for number, piece in enumerate(pieces):
            if number:
                await connection.receive()
            await connection.send(piece)

    return service


@asynccontextmanager
async def serving(service: Service, address: str = "tcp://127.0.0.1:0") -> AsyncIterator[Address]:
    """Serve on one address, which is given with its real port."""
    server = Server([(service, address)])
    await server.start()
    try:
        yield server.listening[0].address
    finally:
        await server.stop(0.0)

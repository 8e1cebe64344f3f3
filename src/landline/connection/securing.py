"""TLS for a connection that a coroutine makes, or takes, and waits for."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from landline.address import Address
from landline.connection.tls import TlsTransport
from landline.connection.tlssession import TlsSession
from landline.connection.trusting import host_of, no_tls, too_late
from landline.errors import UsageError
from landline.transport.tls import ClientTls, ServerTls


async def secure(
    protocol: asyncio.Protocol, sock: socket.socket, tls: ClientTls, address: Address, seconds: float
) -> None:
    """Put `protocol` on a connected socket, with TLS between; returns when the handshake is done.

    It may take `seconds`. Raises IdentityRefused, ConnectError, WaitTimeout or UsageError; then the socket is closed.
    """
    try:
        name = tls.name_for(host_of(address))
    except UsageError:
        sock.close()
        raise
    tls.warn(address)
    options = {"context": tls.context, "server_side": False, "server_name": name, "verify": objection_by(tls)}
    await _shake(protocol, sock, address, max(seconds, 0.0), options)


async def secure_accepted(
    protocol: asyncio.Protocol, sock: socket.socket, tls: ServerTls, peer: Address, seconds: float
) -> None:
    """The same for an accepted socket, as the side that shows its certificate."""
    await _shake(protocol, sock, peer, seconds, {"context": tls.context, "server_side": True})


def objection_by(tls: ClientTls) -> Any:
    """What looks at a session whose handshake is done, and says what is wrong with the peer's pin."""

    def look(session: TlsSession) -> str | None:
        return tls.objection(session.peer_certificate())

    return look


async def _shake(
    protocol: asyncio.Protocol, sock: socket.socket, address: Address, seconds: float, options: dict[str, Any]
) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(_: str = "") -> None:
        if not done.done():
            done.set_result(None)

    transport = TlsTransport(protocol, handshake_seconds=seconds, on_failure=settle, on_ready=settle, **options)
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_accepted_socket(lambda: transport, sock)
        await done
    except BaseException:
        transport.abort()
        raise
    if transport.overdue:
        raise too_late(address, seconds)
    if transport.failure is not None:
        raise no_tls(address, transport.failure, transport.failure_error, transport.objected)

"""TLS from the middle of a conversation on (STARTTLS)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from landline.address import Address
from landline.connection.securing import objection_by
from landline.connection.tls import TlsTransport
from landline.connection.trusting import host_of, no_tls, too_late
from landline.errors import ConnectionClosed, Reason
from landline.transport.tls import ClientTls, ServerTls


class Upgrading(asyncio.Protocol):
    """Stands in for a connection during the handshake, as that has been made already."""

    def __init__(self, connection: asyncio.Protocol, made: Callable[[asyncio.Transport], None]) -> None:
        self._connection = connection
        self._made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done: whatever came behind it, in the same read too, goes to the connection."""
        assert isinstance(transport, TlsTransport)
        transport.set_protocol(self._connection)
        self._made(transport)


async def upgrade(
    connection: asyncio.Protocol,
    lower: Any,
    tls: ClientTls | ServerTls,
    peer: Address,
    *,
    arrived: bytes,
    seconds: float,
    made: Callable[[asyncio.Transport], None],
) -> None:
    """Put TLS between a transport and its protocol; `arrived` is what was read of the peer's handshake already.

    `made` gets the new transport. Raises IdentityRefused, ConnectError or WaitTimeout as a client, ConnectionClosed as
    a service, when none comes about in `seconds`; then the transport is closed.
    """
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(_: str = "") -> None:
        if not done.done():
            done.set_result(None)

    transport = TlsTransport(
        Upgrading(connection, made), handshake_seconds=seconds, on_failure=settle, on_ready=settle, **_side(tls, peer)
    )
    lower.set_protocol(transport)
    transport.connection_made(lower)
    if arrived:
        transport.data_received(arrived)
    lower.resume_reading()
    try:
        await done
    except BaseException:
        transport.abort()
        raise
    if transport.failure is None:
        return
    if isinstance(tls, ServerTls):
        raise ConnectionClosed(str(peer), Reason.HANDSHAKE, transport.failure)
    if transport.overdue:
        raise too_late(peer, seconds)
    raise no_tls(peer, transport.failure, transport.failure_error, transport.objected)


def _side(tls: ClientTls | ServerTls, peer: Address) -> dict[str, Any]:
    if isinstance(tls, ServerTls):
        return {"context": tls.context, "server_side": True}
    tls.warn(peer)
    return {
        "context": tls.context,
        "server_side": False,
        "server_name": tls.name_for(host_of(peer)),
        "verify": objection_by(tls),
    }

"""TLS for a connection that a coroutine makes, or takes, and waits for."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from landline.address import Address, TcpAddress, TlsAddress, UdpAddress
from landline.connection.tls import TlsTransport
from landline.connection.tlssession import TlsSession
from landline.errors import ConnectError, IdentityRefused, UsageError, WaitTimeout
from landline.transport.oserrors import connect_error
from landline.transport.tls import ClientTls, ServerTls
from landline.transport.tlserrors import identity_problem, is_about_protocol


def trust_for(address: Address, tls: ClientTls | None) -> ClientTls | None:
    """The settings for a call to `address`: those given, else those its tls:// asks for, else None for no TLS.

    Raises UsageError where TLS cannot be, or where two pins contradict each other.
    """
    if not isinstance(tls, ClientTls | None):
        raise UsageError(f"tls cannot be {tls!r}; it must be a ClientTls, for example ClientTls(ca='ca.pem')")
    if tls is not None and isinstance(address, UdpAddress):
        raise UsageError(f"TLS needs a stream, and {address} takes datagrams; call a tls:// or tcp:// address")
    if not isinstance(address, TlsAddress):
        return tls
    if tls is None:
        return ClientTls(pin=address.pin)
    if address.pin not in (None, tls.pin):
        other = f"say {tls.pin}" if tls.pin else "have none"
        raise UsageError(
            f"the address asks for the pin {address.pin}, and the TLS settings {other}; "
            "give both the same, or leave it out of the address"
        )
    return tls


def host_of(address: Address) -> str | None:
    """The host whose name a certificate must have, or None."""
    return address.host if isinstance(address, TcpAddress) else None


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


def too_late(address: Address, seconds: float) -> WaitTimeout:
    """The error for a handshake that took longer than `seconds`."""
    # It got what TCP had left of the time to connect: 9.9987 s were 10 s to whoever gave them.
    return WaitTimeout(f"connecting to {address} (its TLS handshake)", float(f"{seconds:.2g}"))


def no_tls(address: Address, problem: str, error: Exception | None, objected: bool = False) -> ConnectError:
    """The error for a handshake that failed for `problem`, because of `error` or because we objected to the peer."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return connect_error(address, error)
    refused = objected or identity_problem(error) is not None
    if refused:
        return IdentityRefused(str(address), problem)
    return ConnectError(str(address), problem, passing=error is None or not is_about_protocol(error))

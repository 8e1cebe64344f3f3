"""Whom a call trusts, and what to raise when the handshake with it fails; for coroutines and for threads."""

from __future__ import annotations

import ssl

from landline.address import Address, TcpAddress, TlsAddress, UdpAddress
from landline.errors import ConnectError, IdentityRefused, UsageError, WaitTimeout
from landline.transport.oserrors import connect_error
from landline.transport.tls import ClientTls
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

"""What a connection knows of the TLS below it."""

from __future__ import annotations

import asyncio
from typing import Any

from landline.address import Address
from landline.connection.tlssession import TlsInfo
from landline.errors import IdentityRefused
from landline.transport.tlserrors import identity_problem


class Secured(asyncio.Protocol):
    """A protocol that may have TLS below it."""

    __slots__ = ()

    _transport: Any
    peer: Address

    @property
    def tls(self) -> TlsInfo | None:
        """What TLS agreed on and who the peer is, or None for a connection without TLS."""
        found: TlsInfo | None = None if self._transport is None else self._transport.get_extra_info("tls")
        return found


def refusal_in(error: Exception | None, connection: Secured) -> IdentityRefused | None:
    """The refusal of our certificate that ended a connection, or None if something else did.

    In TLS 1.3 a client is done with the handshake before the server has looked at its certificate (RFC 8446, 4.4.4),
    so a refusal comes when the connection seems to stand.
    """
    problem = identity_problem(error)
    return None if problem is None else IdentityRefused(str(connection.peer), problem)

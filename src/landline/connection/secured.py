"""What a connection knows of the TLS below it."""

from __future__ import annotations

import asyncio
from typing import Any

from landline.address import Address
from landline.connection.tlssession import TlsInfo
from landline.errors import FramingError, IdentityRefused, Reason
from landline.transport.tlserrors import identity_problem


class Secured(asyncio.Protocol):
    """A protocol that may have TLS below it."""

    __slots__ = ("_fault", "reason")

    _fault: FramingError | IdentityRefused | None
    _transport: Any
    peer: Address
    reason: Reason | None

    @property
    def tls(self) -> TlsInfo | None:
        """What TLS agreed on and who the peer is, or None for a connection without TLS."""
        found: TlsInfo | None = None if self._transport is None else self._transport.get_extra_info("tls")
        return found

    def _arrived(self, data: bytes) -> int:
        """How many bytes came over the socket for `data` to come out: with TLS they are more."""
        arrived: int = self._transport.get_extra_info("read_bytes", len(data))
        return arrived

    def _note_loss(self, error: Exception | None) -> None:
        """Keep why the connection is gone, if that is not known yet.

        In TLS 1.3 a client is done with the handshake before the server has looked at its certificate (RFC 8446,
        4.4.4), so a refusal comes when the connection seems to stand.
        """
        self.reason = self.reason or (Reason.PEER_CLOSED if error is None else Reason.RESET)
        problem = identity_problem(error)
        if problem is not None and self._fault is None:
            self._fault = IdentityRefused(str(self.peer), problem)

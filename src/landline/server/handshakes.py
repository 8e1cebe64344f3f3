"""Callers in the middle of a TLS handshake: each has a place already, and is nobody yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from landline.address import Address
from landline.connection.stream import StreamConnection
from landline.connection.tls import TlsTransport
from landline.server.telling import Teller
from landline.transport.tls import ServerTls

log = logging.getLogger("landline.server")


class FailedHandshakes:
    """Tells of them in the log of a service, and not oftener than anybody wants to read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = Teller()

    def tell(self, peer: Address, sentence: str, now: float) -> None:
        """A handshake with `peer` has failed at `now`, for a reason that is a sentence about it."""
        if times := self._failures.due(now):
            log.warning("%s: no TLS with %s: %s (%d since last told)", self._name, peer, sentence, times)


class Handshakes:
    """The handshakes of one service. `on_failed` gets the group of a caller with whom none came about."""

    def __init__(self, name: str, tls: ServerTls, seconds: float, on_failed: Callable[[str | None], None]) -> None:
        self._tls = tls
        self._seconds = seconds
        self._on_failed = on_failed
        self._under_way: dict[StreamConnection, tuple[TlsTransport, str | None]] = {}
        self._failures = FailedHandshakes(name)

    def protocol_for(self, connection: StreamConnection, group: str | None) -> TlsTransport:
        """The protocol to put on the accepted socket of a caller of `group`, who has a place already.

        `connection` hears of it when the handshake is done.
        """
        transport = TlsTransport(
            connection,
            self._tls.context,
            server_side=True,
            handshake_seconds=self._seconds,
            on_failure=lambda sentence: self._failed(connection, sentence),
        )
        self._under_way[connection] = transport, group
        return transport

    def done(self, connection: StreamConnection) -> str | None:
        """The handshake of `connection` is done, or its socket was gone before it began. Returns its group."""
        return self._under_way.pop(connection)[1]

    def cut(self) -> None:
        """End all handshakes: nobody in one has said anything that could be lost."""
        for transport, _ in list(self._under_way.values()):
            transport.abort()

    def _failed(self, connection: StreamConnection, sentence: str) -> None:
        group = self.done(connection)
        self._failures.tell(connection.peer, sentence, asyncio.get_running_loop().time())
        self._on_failed(group)
